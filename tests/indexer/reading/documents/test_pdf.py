import os
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.reading.documents import DocumentError, pdf, read_document
from indexer.reading.documents.pdf import drop_repeated_edges
from indexer.reading.documents.pdf_worker import Glyph, with_lost_spaces
from indexer.settings import DocumentLimits

FIXTURES = Path(__file__).parent / "fixtures"
MANUAL = (FIXTURES / "manual.pdf").read_bytes()


def test_pages_and_bookmarks_are_where_they_are_in_the_file():
    steps = []
    document = read_document(MANUAL, "pump.pdf", progress=lambda done, total: steps.append((done, total)))
    assert document.language == "pdf"
    assert document.problem == ""
    # The running header and the page numbers, which count from 7, are gone.
    assert "owner's manual" not in document.text
    assert "- 7 -" not in document.text
    lines = document.text.split("\n")
    spans = {(span.kind, span.name): span for span in document.spans}
    assert [name for kind, name in spans if kind == "page"] == ["page 1", "page 2", "page 3", "page 4"]
    page = spans["page", "page 3"]
    assert lines[page.start_line - 1 : page.end_line] == [
        "2 When the pump does not start",
        "Check the fuse first: the blue one, behind the lid.",
        "A humming motor means that the impeller is blocked by sand.",
    ]
    assert document.text[page.start_char : page.end_char] == "\n".join(
        lines[page.start_line - 1 : page.end_line]
    )
    installing = spans["section", "1 Installing the pump"]
    hose = spans["section", "1 Installing the pump > 1.1 Connecting the hose"]
    assert (installing.start_line, installing.end_line) == (1, 7)
    assert (hose.start_line, hose.end_line) == (5, 7)
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_words_of_groff_are_neither_glued_nor_torn():
    """It writes the space before another font in a way that PDFium passes over."""
    text = read_document((FIXTURES / "groff.pdf").read_bytes(), "lampcheck.pdf").text
    words = " ".join(text.split())
    for phrase in (
        "harbour version of lampcheck. The lampcheck command",
        "When lampcheck examines a lamp",
        "similar to using grep, but it",
        "given lamp with the list of lamps that the keeper has written",
        "(for example --delete) can give rise",
        "Using -L always follows the lamp itself",
    ):
        assert phrase in words


def test_a_lost_space_goes_to_the_change_of_font_and_others_stay():
    def page(*parts):
        """Text and glyphs of parts of a line, each (text, font, where it begins); half an em a glyph."""
        text, glyphs, right = "", [], 0.0
        for number, (characters, font, x) in enumerate(parts):
            if x > right:
                text += " "
                glyphs.append(Glyph(right, right, 10, 0, 0, True))
            for character in characters:
                text += character
                glyphs.append(Glyph(x, x + 5, 10, number, font, False))
                x += 5
            right = x
        return text, glyphs

    lost = page(("using", 1, 0.0), ("gr", 2, 25.0), ("ep", 2, 38.0), (", but", 1, 48.0))
    assert with_lost_spaces(*lost) == "using grep, but"
    option = page(("the", 1, 0.0), ("-n", 2, 18.0), ("NUM", 3, 28.0), ("is", 1, 46.0))
    assert with_lost_spaces(*option) == "the -nNUM is", "a gap at a change of font is a gap"
    table = page(("one", 1, 0.0), ("two", 2, 15.0), ("three", 2, 90.0))
    assert with_lost_spaces(*table) == "onetwo three", "so wide is no space of a sentence"
    assert with_lost_spaces("usinggr ep", lost[1][:3]) == "usinggr ep"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ((FIXTURES / "locked.pdf").read_bytes(), "encrypted"),
        ((FIXTURES / "scanned.pdf").read_bytes(), "scanned"),
        (MANUAL[:300], "broken"),
        (b"%PDF-1.7\nnot one", "broken"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_locked_scanned_and_broken_files_are_told_apart(data, reason):
    with pytest.raises(DocumentError) as error:
        read_document(data, "pump.pdf")
    assert error.value.reason == reason


def test_without_the_extra_the_reason_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(pdf.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DocumentError, match=r"pip install 'codesearch-local\[docs\]'") as error:
        read_document(MANUAL, "pump.pdf")
    assert error.value.reason == "missing-extra"


def test_the_time_limit_stops_the_other_process():
    limits = replace(DocumentLimits(), seconds=0.0)
    with pytest.raises(DocumentError) as error:
        read_document(MANUAL, "pump.pdf", limits)
    assert error.value.reason == "too-slow"


def test_an_interrupt_of_the_terminal_does_not_reach_the_other_process(monkeypatch):
    sessions = []
    popen = pdf.subprocess.Popen

    def noting(*args, **options):
        process = popen(*args, **options)
        sessions.append(os.getsid(process.pid))
        return process

    monkeypatch.setattr(pdf.subprocess, "Popen", noting)
    read_document(MANUAL, "pump.pdf")
    assert len(sessions) == 1
    assert os.getsid(0) not in sessions


def test_what_progress_raises_comes_out():
    class CancelledError(Exception):
        pass

    def cancel(done, total):
        raise CancelledError

    with pytest.raises(CancelledError):
        read_document(MANUAL, "pump.pdf", progress=cancel)


def test_pages_read_before_a_crash_are_kept(monkeypatch, tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import os, sys\nsys.stdin.buffer.read()\n"
        'print(\'{"n_pages": 3, "title": "", "outline": []}\')\n'
        'print(\'{"page": 0, "text": "The first page says a good deal.", "n_images": 0}\', flush=True)\n'
        "os.abort()\n"
    )
    monkeypatch.setattr(pdf, "_WORKER", worker)
    document = read_document(MANUAL, "pump.pdf")
    assert document.text == "The first page says a good deal.\n"
    assert document.problem.startswith("only pages 1 to 1 of 3: the PDF library gave up on it")


def test_lines_that_repeat_on_the_pages_edges_go_and_others_stay():
    pages = [["Annual report", f"Chapter {n}", "text", f"value {n * n}", f"{n + 12}"] for n in range(6)]
    assert drop_repeated_edges(pages)[2] == "text\nvalue 4"
    # Too few pages to tell.
    assert drop_repeated_edges(pages[:3])[2] == "Annual report\nChapter 2\ntext\nvalue 4\n14"
