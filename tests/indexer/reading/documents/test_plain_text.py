import pytest

from indexer.reading.documents import DocumentError, read_document

MANUAL = """\
OPERATING NOTES
===============

These notes are for the night shift. They say what to do when the alarm rings and nobody who knows
the machine is in the house. Read all of them once before the first night.

1. Before the shift

Walk around the machine once and look for puddles. Write what you see into the book, with the hour,
even when it is nothing. The morning shift reads it first of all.

1.1 The book

It hangs by the door. Use the pencil; ink runs when it gets wet, and it will get wet. Do not tear
pages out of it, not even empty ones.

1.2 The key

The key to the valve house hangs in the office, behind the calendar. Put it back when you have used it:
without it the morning shift cannot start.

2. When the alarm rings

1. one thing
2. another thing

Press the green button, wait for ten seconds, and press it again. If the light stays on, call the
number that is painted on the lid.
"""

ASCIIDOC = """\
= Ferry timetable
Harbour office <office@example.org>

Two boats go every day.

== Summer

[source,bash]
----
= not a heading
timetable --season summer
----

.Departures
|===
|Boat |Hour

|Gull |08:15
|===

Winter
------

No boat goes in a storm.

=== Storms

====
Call the office.

....
horn: two long
....
====
"""


def names(document, kind="section"):
    return [span.name for span in document.spans if span.kind == kind]


def test_plain_text_sections_are_underlined_and_numbered_headings():
    document = read_document(MANUAL.encode(), "notes/night.txt")
    assert document.text == MANUAL
    assert document.language == "text"
    assert names(document) == [
        "OPERATING NOTES",
        "OPERATING NOTES > 1. Before the shift",
        "OPERATING NOTES > 1. Before the shift > 1.1 The book",
        "OPERATING NOTES > 1. Before the shift > 1.2 The key",
        "OPERATING NOTES > 2. When the alarm rings",
    ]
    book = next(span for span in document.spans if span.name.endswith("1.1 The book"))
    shown = document.text[book.start_char : book.end_char]
    assert shown.startswith("1.1 The book\n")
    assert shown.endswith("not even empty ones.")
    assert "\n".join(MANUAL.split("\n")[book.start_line - 1 : book.end_line]) == shown


def test_a_table_of_contents_and_a_list_are_no_headings():
    text = "1. Apples\n\n2. Pears\n\n3. Plums\n\nThat is all.\n"
    assert read_document(text.encode(), "shopping.txt").spans == ()


def test_latin1_text_is_read_and_binary_refused():
    assert "Schloß" in read_document("Das Schloß am See, sagte er.".encode("latin-1"), "a.txt").text
    with pytest.raises(DocumentError) as error:
        read_document(b"\0\x01\x02" * 50, "a.txt")
    assert error.value.reason == "binary"


def test_asciidoc_sections_tables_and_code():
    document = read_document(ASCIIDOC.encode(), "docs/ferry.adoc")
    assert document.text == ASCIIDOC
    assert names(document) == [
        "Ferry timetable",
        "Ferry timetable > Summer",
        "Ferry timetable > Winter",
        "Ferry timetable > Winter > Storms",
    ]
    (table,) = [span for span in document.spans if span.kind == "table"]
    assert document.text[table.start_char : table.end_char].startswith("|===\n|Boat")
    assert table.name == "Ferry timetable > Summer"
    code = [document.text[span.start_char : span.end_char] for span in document.spans if span.kind == "code"]
    assert [block.split("\n")[1] for block in code] == ["= not a heading", "horn: two long"]


def test_an_asciidoc_block_that_never_ends_reaches_the_end():
    document = read_document(b"= A\n\n----\ncode\n\n== not B\n", "a.adoc")
    assert names(document) == ["A"]
    assert names(document, "code") == ["A"]
    assert document.spans[-1].end_line == 6


def test_asciidoc_with_windows_line_ends_keeps_them():
    text = ASCIIDOC.replace("\n", "\r\n")
    document = read_document(text.encode(), "ferry.adoc")
    assert document.text == text
    assert names(document) == names(read_document(ASCIIDOC.encode(), "ferry.adoc"))
