from hypothesis import given
from hypothesis import strategies as st

from indexer.reading.documents.plain_headings import Part, follows, section_parts, to_spans
from indexer.reading.markup_headings import Heading


def test_a_section_ends_at_the_next_heading_of_its_level_or_above():
    headings = [
        Heading(1, "A", 0),
        Heading(2, "B", 10),
        Heading(3, "C", 20),
        Heading(2, "D", 30),
        Heading(1, "E", 40),
    ]
    parts = sorted(section_parts(headings, 50), key=lambda part: part.start_char)
    assert [(part.name, part.start_char, part.end_char) for part in parts] == [
        ("A", 0, 40),
        ("A > B", 10, 30),
        ("A > B > C", 20, 30),
        ("A > D", 30, 40),
        ("E", 40, 50),
    ]


def test_spans_have_no_trailing_blank_space_and_empty_parts_go():
    text = "one\n\ntwo  \n\n"
    spans = to_spans(text, [Part("page", "p", 0, 12), Part("page", "q", 3, 5), Part("code", "", 5, 11)])
    assert [
        (span.name, span.start_char, span.end_char, span.start_line, span.end_line) for span in spans
    ] == [
        ("p", 0, 8, 1, 3),
        ("", 5, 8, 3, 3),
    ]


def test_which_number_may_follow():
    assert follows((1,), (2,))
    assert follows((1,), (1, 1))
    assert follows((1, 2, 3), (2,))
    assert follows((1, 2, 3), (1, 3))
    assert not follows((1,), (3,))
    assert not follows((1,), (2, 1))
    assert not follows((1, 2), (1, 2))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 200)), max_size=12))
def test_sections_nest(pairs):
    parts = section_parts([Heading(level, f"h{at}", at) for level, at in pairs], 200)
    for one in parts:
        for other in parts:
            apart = one.end_char <= other.start_char or other.end_char <= one.start_char
            inside = one.start_char <= other.start_char and other.end_char <= one.end_char
            around = other.start_char <= one.start_char and one.end_char <= other.end_char
            assert apart or inside or around
