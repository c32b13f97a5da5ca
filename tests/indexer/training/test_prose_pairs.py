"""What a document is asked by: its headings, its questions, its own sentences."""

from __future__ import annotations

from indexer.reading.parse import parse
from indexer.records import SourceFile
from indexer.training.pair import PairKind
from indexer.training.prose_pairs import prose_pairs

SENTENCES = (
    "The cache holds the last two hundred answers of the server in memory. "
    "An answer that is older than a day is fetched again when somebody asks for it. "
    "Nothing is written to disk unless the option keep is set for the whole service. "
    "It is emptied when the process ends."
)
BODY = "Every request passes through the pool first, which waits for a free connection. " * 3
MARKDOWN = f"""# The manual of the service

## Sizing the connection pool

{BODY}

## How do I rotate the logs?

{BODY}

## Cache

{SENTENCES}
"""

ASKED = {"Sizing the connection pool", "How do I rotate the logs?"}


def test_headings_questions_and_sentences() -> None:
    source = SourceFile("manual.md", MARKDOWN, "markdown", "", 0)
    pairs = list(prose_pairs(source, parse(source, 5.0).spans, seed=0))
    by_kind = {pair.kind: pair for pair in pairs if pair.query in ASKED}
    heading, question = by_kind[PairKind.HEADING], by_kind[PairKind.QUESTION]
    assert {heading.query, question.query} == ASKED
    assert MARKDOWN[heading.start_char : heading.end_char].strip() == BODY.strip()
    assert heading.removed is not None
    assert MARKDOWN[slice(*heading.removed)] == "## Sizing the connection pool\n"
    (sentence,) = [pair for pair in pairs if pair.kind is PairKind.SENTENCE and pair.query in SENTENCES]
    assert sentence.removed is not None
    assert MARKDOWN[slice(*sentence.removed)].strip() == sentence.query
    assert MARKDOWN[sentence.start_char : sentence.end_char].strip() == SENTENCES
    assert list(prose_pairs(source, parse(source, 5.0).spans, seed=0)) == pairs


def test_a_heading_with_lines_above_and_below_is_removed_whole() -> None:
    title = "=====================\nSizing the pool first\n=====================\n"
    source = SourceFile("a.rst", f"{title}\n{BODY}\n", "rst", "", 0)
    (pair,) = [p for p in prose_pairs(source, parse(source, 5.0).spans, 0) if p.kind is PairKind.HEADING]
    assert pair.removed is not None
    assert source.text[slice(*pair.removed)] == title


def test_a_transcript_in_one_line_is_read_in_no_time() -> None:
    talk = "so we went on and on " * 50_000  # for minutes, where each place of it is tried as a beginning
    assert not list(prose_pairs(SourceFile("a.md", talk, "markdown", "", 0), (), 0))
    said = SENTENCES.replace("\n", " ")
    (pair,) = prose_pairs(SourceFile("a.md", talk + ". " + said, "markdown", "", 0), (), 0)
    assert pair.kind is PairKind.SENTENCE
    assert pair.query in said
