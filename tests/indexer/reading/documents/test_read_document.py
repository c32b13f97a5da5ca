import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.document_formats import DOCUMENT_SUFFIXES, PROSE_SUFFIXES
from indexer.reading.documents import DocumentError, format_read, read_document
from indexer.settings import DocumentLimits

FIXTURES = Path(__file__).parent / "fixtures"
NOTEBOOK = (
    b'{"nbformat": 4, "cells": [{"cell_type": "markdown", "source": ["# A\\n", "b"]},'
    b' {"cell_type": "code", "source": "c"}]}'
)
PAGE = (
    b"<html><title>T</title><h1>A</h1><table><tr><th>a<th>b<tr><td>c<td>d</table><ul><li>"
    + b"text " * 30
    + b"<pre>x</pre>"
)
ASCIIDOC = b"= A\n\n== B\n\n----\ncode\n----\n\n|===\n|a\n|===\n"


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("docs/Guide.PDF", "pdf"),
        ("a/b.docx", "docx"),
        ("a.epub", "epub"),
        ("a.html", "html"),
        ("a.ipynb", "notebook"),
        ("a.adoc", "asciidoc"),
        ("a.txt", "text"),
        ("LICENSE", "text"),
        ("CMakeLists.txt", None),
        ("README.md", None),
        ("a.py", None),
        ("pdf", None),
    ],
)
def test_the_name_chooses_the_reader(path, language):
    form = format_read(path)
    assert (form and form.language) == language


@pytest.mark.parametrize("suffix", sorted(DOCUMENT_SUFFIXES - PROSE_SUFFIXES))
def test_every_format_refuses_nothing_and_too_much(suffix):
    with pytest.raises(DocumentError) as error:
        read_document(b" \n", f"a{suffix}")
    assert error.value.reason == "empty"
    with pytest.raises(DocumentError) as error:
        read_document(b"word " * 10, f"a{suffix}", replace(DocumentLimits(), max_bytes=49))
    assert error.value.reason == "too-large"


@pytest.mark.parametrize("name", ["a.docx", "a.html"])
def test_without_the_extra_the_reason_says_how_to_get_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "lxml.etree", None)
    data = PAGE if name == "a.html" else (FIXTURES / "handbook.docx").read_bytes()
    with pytest.raises(DocumentError, match="pip install") as error:
        read_document(data, name)
    assert error.value.reason == "missing-extra"


def test_text_beyond_the_limit_is_left_out_and_said():
    limits = replace(DocumentLimits(), max_text_chars=40)
    document = read_document((FIXTURES / "handbook.docx").read_bytes(), "a.docx", limits)
    assert len(document.text) <= 41
    assert document.problem == "only its first 40 characters are indexed"
    assert all(span.end_char <= len(document.text) for span in document.spans)


def test_what_progress_raises_comes_out():
    def cancel(done, total):
        raise KeyError("stop")

    with pytest.raises(KeyError):
        read_document(PAGE, "a.html", progress=cancel)


def test_importing_the_readers_imports_no_library():
    code = (
        "import sys, indexer.reading.documents; sys.exit('lxml' in sys.modules or 'pypdfium2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def check_document(document):
    """What holds of any document, however damaged its file was."""
    document.text.encode("utf-8")
    assert document.text.strip()
    lines = document.text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    order = [(span.start_char, -span.end_char) for span in document.spans]
    assert order == sorted(order)
    for span in document.spans:
        assert 0 <= span.start_char < span.end_char <= len(document.text)
        assert starts[span.start_line - 1] <= span.start_char < starts[span.start_line]
        assert starts[span.end_line - 1] < span.end_char <= starts[span.end_line]


SEEDS = {
    "a.ipynb": NOTEBOOK,
    "a.html": PAGE,
    "a.adoc": ASCIIDOC,
    "a.txt": b"1. A\n\n" + b"text " * 40 + b"\n\n2. B\n\n" + b"text " * 40,
    "a.docx": (FIXTURES / "handbook.docx").read_bytes(),
}


@st.composite
def damaged(draw, names):
    """A small document cut short, with some of its bytes turned into others."""
    name = draw(st.sampled_from(names))
    data = bytearray(SEEDS[name])
    del data[draw(st.integers(len(data) // 2, len(data))) :]
    for _ in range(draw(st.integers(0, 8))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return name, bytes(data)


def reason_or_checked(data, name):
    """Why a file is not read; empty where it is, and its document checked."""
    try:
        document = read_document(data, name)
    except DocumentError as error:
        return error.reason if error.detail else "no detail"
    check_document(document)
    return ""


@given(damaged(sorted(SEEDS)))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_bytes_give_a_document_or_the_typed_reason(case):
    name, data = case
    assert reason_or_checked(data, name) in (
        "",
        "broken",
        "empty",
        "binary",
        "encoding",
        "unsafe",
        "encrypted",
    )


def test_damaged_pdfs_give_a_document_or_the_typed_reason():
    manual = (FIXTURES / "manual.pdf").read_bytes()
    for step in range(6):
        data = bytearray(manual)
        for at in range(step * 37 + 60, len(data), 211 + step):
            data[at] ^= 1 << (step % 8)
        assert reason_or_checked(bytes(data), "a.pdf") in ("", "broken", "empty", "encrypted")
