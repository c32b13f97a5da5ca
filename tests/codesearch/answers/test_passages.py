from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codesearch.answers.drafts import above_all, ranges_of
from codesearch.answers.lines import numbered_lines, split_lines
from codesearch.answers.passage_limits import CONTEXT_LIMITS, PassageLimits, search_limits
from codesearch.answers.passages import draft_passages
from indexer.records import Chunk, ComponentScores, Hit, OutlineEntry, Span, WordMatch


class Lines:
    count = staticmethod(lambda text: text.count("\n"))


def passages(searcher, hits, k=10, limits=None):
    drafts = draft_passages(hits, searcher, k=k, limits=limits or CONTEXT_LIMITS)
    return [draft.passage(Lines()) for draft in drafts.kept]


def test_a_hit_shows_the_whole_method_that_holds_it(shapes, make_hit):
    (passage,) = passages(shapes, [make_hit(shapes, "shapes.py", "must be positive")])
    assert (passage.symbol, passage.kind) == ("Circle.scale", "method")
    assert (passage.start_line, passage.end_line) == (16, 20)
    assert passage.text.startswith("    def scale(self, factor):\n")
    assert passage.text.endswith("return Circle(self.radius * factor)\n")
    assert passage.evidence.symbols == ("Circle", "Circle.scale")
    assert passage.start_char == shapes.files["shapes.py"].index("    def scale")


def test_a_tiny_method_goes_on_to_the_end_of_its_small_class(shapes, make_hit):
    hit = make_hit(shapes, "shapes.py", "self.radius = radius")
    (alone,) = passages(shapes, [hit], limits=search_limits(5))
    (in_context,) = passages(shapes, [hit])
    assert (alone.symbol, alone.start_line, alone.end_line) == ("Circle.__init__", 9, 20)
    assert (in_context.symbol, in_context.start_line, in_context.end_line) == ("Circle.__init__", 6, 20)


def test_comments_directly_above_a_symbol_belong_to_it(shapes, make_hit):
    (passage,) = passages(shapes, [make_hit(shapes, "shapes.py", "return side * side")])
    assert passage.text.splitlines() == [
        "# The measure of everything",
        "# that has four equal sides.",
        "def square_area(side):",
        "    return side * side",
    ]


def test_a_long_body_is_cut_around_the_match_and_keeps_its_signature(shapes, make_hit):
    (passage,) = passages(shapes, [make_hit(shapes, "long.py", "step_100 =")])
    lines = passage.text.splitlines()
    assert lines[:3] == ["def steps(", "    start,", "):"]
    assert lines[3].startswith("… ")
    assert "    step_100 = start + 100" in lines
    assert (passage.start_line, passage.end_line) == (1, 204)
    assert len(passage.omitted_lines) == 2
    (first, last), (after, end) = passage.omitted_lines
    assert (first, end) == (4, 204)
    assert lines[3] == f"… {last - 3} lines omitted (4-{last}) …"
    assert sum(number is not None for number, _ in numbered_lines(passage)) == 60
    assert last < 104 < after


def test_a_file_without_symbols_gives_a_window(fake, make_hit):
    searcher = fake({"log.txt": "".join(f"line {n}\n" for n in range(1, 501))})
    (passage,) = passages(searcher, [make_hit(searcher, "log.txt", "line 250\n")])
    assert passage.symbol == ""
    assert passage.omitted_lines == ()
    assert passage.start_line <= 250 <= passage.end_line
    assert passage.end_line - passage.start_line + 1 == 30


def test_a_short_file_without_symbols_is_shown_whole(shapes, make_hit):
    (passage,) = passages(shapes, [make_hit(shapes, "notes.txt", "gamma")])
    assert passage.text == shapes.files["notes.txt"]


def test_module_level_code_stops_at_the_next_symbol(shapes, make_hit):
    (passage,) = passages(shapes, [make_hit(shapes, "shapes.py", "import math")])
    assert (passage.start_line, passage.end_line, passage.symbol) == (1, 3, "")


def test_overlapping_hits_become_one_passage_with_both_matches(shapes, make_hit):
    a = make_hit(shapes, "long.py", "step_60 =", 2.0)
    b = make_hit(shapes, "long.py", "step_150 =", 1.0)
    (passage,) = passages(shapes, [a, b])
    assert passage.score == 2.0
    assert "step_60 " in passage.text
    assert "step_150 " in passage.text
    assert len(passage.omitted_lines) == 3


def test_neighbouring_methods_stay_two_answers(shapes, make_hit):
    hits = [make_hit(shapes, "shapes.py", "math.pi"), make_hit(shapes, "shapes.py", "must be")]
    limits = PassageLimits(tiny_lines=1, reach_lines=0)
    found = passages(shapes, hits, limits=limits)
    assert [p.symbol for p in found] == ["Circle.area", "Circle.scale"]


def test_short_answers_of_one_file_are_joined_where_they_are_near(fake, make_hit):
    functions = "".join(f"def f{n}():\n    return {n}\n\n\n" for n in range(30))
    searcher = fake({"f.py": functions, "other.py": "def other():\n    return 1\n"})
    hits = [
        make_hit(searcher, "f.py", "return 2\n", 5.0),
        make_hit(searcher, "other.py", "return 1", 4.0),
        make_hit(searcher, "f.py", "return 6\n", 3.0),
        make_hit(searcher, "f.py", "return 20\n", 2.0),
    ]
    limits = PassageLimits(max_lines=6, reach_lines=20)
    found = passages(searcher, hits, limits=limits)
    assert [(p.symbol, p.start_line, p.end_line) for p in found] == [
        ("f2", 9, 26), ("other", 1, 2), ("f20", 81, 82),
    ]  # fmt: skip
    assert found[0].score == 5.0
    assert found[0].omitted_lines == ((11, 24),)
    assert [p.symbol for p in passages(searcher, hits, limits=replace(limits, max_lines=3))] == [
        "f2", "other", "f6", "f20",
    ]  # fmt: skip


def test_joined_answers_cost_nothing_of_k(fake, make_hit):
    functions = "".join(f"def f{n}():\n    return {n}\n\n\n" for n in range(9))
    searcher = fake({"f.py": functions})
    hits = [make_hit(searcher, "f.py", f"return {n}\n", 9.0 - n) for n in (2, 8, 5)]
    limits = PassageLimits(max_lines=4, tiny_lines=1, reach_lines=16)
    (passage,) = draft_passages(hits, searcher, k=1, limits=limits).kept
    assert passage.shown == ((9, 10), (21, 22))


@pytest.mark.parametrize(
    ("k", "budget_tokens", "want"),
    [(1, None, 60), (3, None, 60), (6, None, 30), (9, None, 20), (10, None, 14), (50, None, 14),
     (10, 500, 14), (10, 4000, 40), (1, 100, 14), (10, 100_000, 60)],
)  # fmt: skip
def test_fewer_results_are_shown_at_more_length(k, budget_tokens, want):
    assert search_limits(k, budget_tokens).max_lines == want


def test_touching_lines_without_a_symbol_are_merged(fake, make_hit):
    searcher = fake({"log.txt": "".join(f"line {n}\n" for n in range(1, 501))})
    hits = [make_hit(searcher, "log.txt", "line 250\n"), make_hit(searcher, "log.txt", "line 275\n")]
    (passage,) = passages(searcher, hits)
    assert passage.end_line - passage.start_line + 1 > 50
    assert passage.omitted_lines == ()


def test_a_much_lower_hit_does_not_widen_a_passage(fake, make_hit):
    searcher = fake({"log.txt": "".join(f"line {n}\n" for n in range(1, 101))})
    limits = PassageLimits(window_lines=4, widening_share=0.8)

    def shown(second, score):
        first, other = ("line 50\n", 10.0), (second, score)
        hits = [make_hit(searcher, "log.txt", *each) for each in (first, other)]
        return [(p.start_line, p.end_line) for p in passages(searcher, hits, limits=limits)]

    assert shown("line 52\n", 8.0) == [(49, 54)]
    assert shown("line 52\n", 7.9) == [(49, 52)]
    assert shown("line 54\n", 8.0) == [(49, 56)]
    assert shown("line 54\n", 7.9) == [(49, 52), (53, 56)]


def test_the_tail_of_a_long_list_is_brief(fake, make_hit):
    text = {n: "".join(f"line {n} {i}\n" for i in range(40)) for n in range(4)}
    searcher = fake({f"{n}.txt": text[n] for n in text})
    hits = [make_hit(searcher, f"{n}.txt", f"line {n} 20", score=9.0 - n) for n in text]
    limits = PassageLimits(window_lines=16, n_full=2, brief_lines=5)
    shown = [passage.text.count("\n") for passage in passages(searcher, hits, limits=limits)]
    assert shown == [16, 16, 5, 5]


def test_copies_are_dropped_and_named(fake, make_hit):
    text = "def f(a):\n    b = a + 1\n    c = b * 2\n    return c\n"
    searcher = fake({"a.py": text, "vendor/a.py": text.replace("    ", "\t"), "b.py": text.replace("c", "d")})
    hits = [make_hit(searcher, path, "def f") for path in searcher.files]
    drafts = draft_passages(hits, searcher, k=5)
    assert [draft.file.path for draft in drafts.kept] == ["a.py", "b.py"]
    assert [(o.path, o.reason) for o in drafts.dropped] == [("vendor/a.py", "duplicate")]


def test_k_counts_passages_and_not_hits(shapes, make_hit):
    hits = [make_hit(shapes, "long.py", f"step_{n} =") for n in (5, 6, 7)]
    hits.append(make_hit(shapes, "notes.txt", "alpha"))
    hits.append(make_hit(shapes, "shapes.py", "side * side"))
    assert [p.path for p in passages(shapes, hits, k=2)] == ["long.py", "notes.txt"]


def test_crlf_lone_cr_and_a_missing_last_line_end_are_kept(fake, make_hit):
    searcher = fake({"dos.txt": "one\r\ntwo\rstill two\r\nthree"})
    (passage,) = passages(searcher, [make_hit(searcher, "dos.txt", "still")])
    assert passage.text == "one\r\ntwo\rstill two\r\nthree"
    assert (passage.start_line, passage.end_line) == (1, 3)


def test_a_huge_line_is_quoted_in_part(fake, make_hit):
    searcher = fake({"data.txt": "head\n" + "x" * 500_000 + " needle " + "y" * 500_000 + "\ntail\n"})
    hit = make_hit(searcher, "data.txt", "needle")
    (passage,) = passages(searcher, [hit])
    lines = passage.text.splitlines()
    assert lines[0] == "head"
    assert lines[1].startswith("… line 2 has 1,000,009 characters: ")
    assert "needle" in lines[1]
    assert len(lines[1]) < 300
    assert lines[2] == "tail"
    assert passage.omitted_lines == ((2, 2),)


def test_evidence_knows_its_lines_and_only_shown_ones_count(shapes, make_hit):
    text = shapes.files["long.py"]
    shown, hidden = text.index("step_100 ="), text.index("step_190 =")
    matches = tuple(WordMatch("q", text[at : at + 8], at, at + 8, 0.9) for at in (shown, hidden))
    hit = make_hit(shapes, "long.py", "step_100 =", matches=matches)
    (passage,) = passages(shapes, [hit])
    assert [(m.code_word, m.line) for m in passage.evidence.matches] == [("step_100", 104)]


def test_a_match_longer_than_a_passage_is_narrowed_to_its_thickest_part(fake):
    text = "".join(f"line {n}\n" for n in range(1, 1001))
    searcher = fake({"log.txt": text})
    at = text.index("line 700\n")
    hit = Hit(0, 1.0, 0, len(text), ComponentScores(), (WordMatch("q", "line", at, at + 4, 0.9),))
    (passage,) = passages(searcher, [hit])
    assert passage.start_line <= 700 <= passage.end_line
    assert passage.end_line - passage.start_line < 60


def test_an_empty_file_gives_nothing(fake):
    searcher = fake({"empty.txt": ""})
    assert passages(searcher, [Hit(0, 1.0, 0, 0, ComponentScores())]) == []


def test_ranges_fill_small_gaps():
    assert ranges_of([1, 2, 5, 9], max_gap=2) == ((1, 5), (9, 9))
    assert ranges_of([1, 2, 5, 9], max_gap=0) == ((1, 2), (5, 5), (9, 9))


@pytest.mark.parametrize("lines", [[], ["a"], ["a\n"], ["a\n", "\n", "b"], ["a\rb\x0c\n"]])
def test_lines_end_with_lf_alone(lines):
    assert split_lines("".join(lines)) == lines


class Tree:
    """One file with arbitrary nested spans, for the property below."""

    def __init__(self, text, spans):
        self.text, self.spans = text, spans

    def chunk(self, chunk_id):
        spans = tuple(self.spans)
        return Chunk(chunk_id, "f", "0", "text", self.text, 0, len(self.text), 1, 1, 1, spans, "f")

    def file_text(self, path):
        return self.text

    def outline(self, path_prefix):
        return [OutlineEntry("f", span) for span in self.spans]


@st.composite
def trees(draw):
    n_lines = draw(st.integers(1, 120))
    bodies = st.sampled_from(["", "    x = 1", "def f(a):", "}", "# note", "y" * 90, "z\r", "\tq"])
    lines = draw(st.lists(bodies, min_size=n_lines, max_size=n_lines))
    text = "\n".join(lines) + draw(st.sampled_from(["", "\n"]))
    if not text:
        text = "x"
    starts = [0]
    for line in split_lines(text):
        starts.append(starts[-1] + len(line))
    total = len(starts) - 1
    spans = []

    def nest(low, high, depth):
        at = low
        while at <= high and depth < 3 and draw(st.booleans()):
            first = draw(st.integers(at, high))
            last = draw(st.integers(first, high))
            kind = draw(st.sampled_from(["function", "class", "section"]))
            spans.append(Span(kind, f"s{len(spans)}", starts[first - 1], starts[last], first, last))
            nest(first, last, depth + 1)
            at = last + 1

    nest(1, total, 0)
    hits = []
    for rank in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        hits.append(Hit(0, 10.0 - rank, start, end, ComponentScores()))
    return Tree(text, spans), hits


SMALL = PassageLimits(max_lines=12, window_lines=6, tiny_lines=3, max_line_chars=80)


@settings(max_examples=150, deadline=None)
@given(trees(), st.sampled_from([0.0, 0.8, 1.0]))
def test_passages_are_the_files_lines_disjoint_and_near_the_match(case, widening_share):
    tree, hits = case
    lines = split_lines(tree.text)
    drafts = draft_passages(hits, tree, k=20, limits=replace(SMALL, widening_share=widening_share))
    taken = set()
    for draft in drafts.kept:
        passage = draft.passage(Lines())
        span_of_lines = set(range(passage.start_line, passage.end_line + 1))
        assert not taken & span_of_lines
        taken |= span_of_lines
        seen = list(numbered_lines(passage))
        for number, line in seen:
            if number is not None:
                assert line == lines[number - 1]
        n_omitted = sum(last - first + 1 for first, last in passage.omitted_lines)
        n_shown = sum(number is not None for number, _ in seen)
        assert n_shown + n_omitted == len(span_of_lines)
    best = drafts.kept[0]
    first_line = best.file.line_of(hits[0].start_char)
    last_line = best.file.line_of(hits[0].end_char - 1)
    shown = {n for a, b in best.shown for n in range(a, b + 1)}
    assert shown & set(range(first_line, last_line + 1))


@settings(max_examples=60, deadline=None)
@given(trees())
def test_the_same_hits_give_the_same_passages(case):
    tree, hits = case

    def once():
        return [d.passage(Lines()) for d in draft_passages(hits, tree, k=5, limits=SMALL).kept]

    assert once() == once()
    assert [replace(p, n_tokens=0) for p in once()] == [replace(p, n_tokens=0) for p in once()]


def test_a_match_in_the_comment_above_a_symbol_is_that_symbol(shapes, make_hit):
    (passage,) = passages(shapes, [make_hit(shapes, "shapes.py", "four equal sides")])
    assert (passage.symbol, passage.start_line, passage.end_line) == ("square_area", 23, 26)


BIG_CLASS = (
    'class Worker:\n    """Runs jobs."""\n\n    def __init__(self, store):\n        self.store = store\n'
    + "".join(f"\n    def method_{n}(self):\n        a = {n}\n        return a\n" for n in range(30))
)


def test_the_head_of_a_long_class_comes_with_its_first_method(fake, make_hit):
    searcher = fake({"worker.py": BIG_CLASS})
    (passage,) = passages(searcher, [make_hit(searcher, "worker.py", "Runs jobs")])
    assert (passage.symbol, passage.start_line, passage.end_line) == ("Worker", 1, 5)


def test_a_match_over_several_methods_goes_to_the_one_with_the_words(fake):
    searcher = fake({"worker.py": BIG_CLASS})
    start, end = BIG_CLASS.index("a = 3\n"), BIG_CLASS.index("a = 5\n")
    at = BIG_CLASS.index("a = 5\n")
    match = WordMatch("five", "a", at, at + 1, 0.9)
    hit = Hit(0, 1.0, start, end + 5, ComponentScores(), (match,))
    (passage,) = passages(searcher, [hit])
    assert passage.symbol == "Worker.method_5"
    assert passage.text.endswith("a = 5\n        return a\n")


def test_a_passage_begins_in_the_symbol_that_names_it_whatever_is_found_above(fake, make_hit):
    functions = "".join(f"def f{n}():\n    return {n}\n\n\n" for n in range(30))
    searcher = fake({"f.py": functions})
    hits = [make_hit(searcher, "f.py", f"return {n}\n", 9.0 - i) for i, n in enumerate((6, 4, 8))]
    limits = PassageLimits(max_lines=6, reach_lines=20, tiny_lines=1)
    found = passages(searcher, hits, limits=limits)
    assert [(p.symbol, p.start_line, p.best_line, p.end_line) for p in found] == [
        ("f6", 25, 26, 34), ("f4", 17, 18, 18),
    ]  # fmt: skip
    assert found[0].evidence.symbols == ("f6", "f8")


def test_sections_of_a_document_are_read_on_from_above_and_named_for_what_holds_them():
    lines = ["# Guide\n", "\n", *(f"{'## Part' if n % 4 == 0 else 'about'} {n}\n" for n in range(36))]
    text = "".join(lines)
    starts = [len("".join(lines[:n])) for n in range(len(lines) + 1)]
    parts = [(f"Guide > Part {n}", 3 + n, 6 + n) for n in range(0, 36, 4)]
    spans = [
        Span("section", name, starts[first - 1], starts[last], first, last)
        for name, first, last in [("Guide", 1, 38), *parts]
    ]
    hits = [
        Hit(0, score, text.index(words), text.index(words) + len(words), ComponentScores())
        for words, score in (("about 25", 9.0), ("about 17", 8.0))
    ]
    limits = PassageLimits(max_lines=12, reach_lines=20, tiny_lines=1)
    (both,) = passages(Tree(text, spans), hits, limits=limits)
    assert (both.symbol, both.start_line, both.end_line) == ("Guide", 19, 30)
    assert (both.best_line, both.score) == (28, 9.0)
    (alone,) = passages(Tree(text, spans), hits[:1], limits=limits)
    assert (alone.symbol, alone.start_line) == ("Guide > Part 24", 27)


def test_a_window_that_holds_a_better_passage_ends_above_it(fake, make_hit):
    text = "\n".join(
        ["setup = 1", "more = 2", "", "def f():", "    a = 1", "    return a", "", "tail = 3", ""]
    )
    searcher = fake({"f.py": text})
    below = draft_passages([make_hit(searcher, "f.py", "return a", 9.0)], searcher, k=1).kept
    (above,) = draft_passages([make_hit(searcher, "f.py", "setup = 1", 8.0)], searcher, k=1).kept
    around = replace(above, shown=((1, 8),), last=8, focus=(1, 2))
    free = above_all(around, below)
    assert (free.first, free.last, free.shown) == (1, 2, ((1, 2),))
    assert above_all(replace(around, focus=(5,)), below) is None


@settings(max_examples=150, deadline=None)
@given(trees(), st.sampled_from([3, 5, 10]), st.booleans())
def test_passages_begin_at_or_before_their_best_line_in_their_symbol(case, k, is_small):
    tree, hits = case
    limits = replace(SMALL, reach_lines=40) if is_small else search_limits(k)
    drafts = draft_passages(hits, tree, k=k, limits=limits)
    for draft in drafts.kept:
        passage = draft.passage(Lines())
        assert passage.start_line <= passage.best_line <= passage.end_line
        assert draft.shows(passage.best_line)
        if draft.symbol is not None:
            assert draft.symbol.holds(passage.best_line, passage.best_line)
        if (named := draft.named()) is not None:
            assert draft.file.lead(named) <= passage.start_line <= named.last
            assert passage.symbol == named.span.name
