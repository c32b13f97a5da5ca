"""Where passages of documents stand: pages, anchors, lines of extracted text."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codesearch.answers.document_places import anchor_of, is_extracted, page_of
from codesearch.answers.fileview import FileView
from codesearch.api import CodeIndex
from indexer.reading.documents import read_document

FIXTURES = Path(__file__).parents[2] / "indexer" / "reading" / "documents" / "fixtures"
PAGE = """<html><head><title>Pump</title></head><body><nav id="menu"><a href="#hose">Hose</a></nav><main>
<h1 id="top">Garden pump</h1><p>A pump for gardens, ponds and cellars, with a hose and four bolts.</p>
<section id="install"><h2>Installing</h2><p>Set it on level ground, two metres from the basin.</p>
<h3><a id="hose"></a>The hose<a class="headerlink" id="other" href="#hose">\u00b6</a></h3>
<p>Use the ribbed hose of 32 millimetres.</p></section>
<h2>Without a name</h2><p>The motor hums when sand blocks it.</p>
<h2 id="bad name&quot;">Odd</h2><p>Check the blue fuse behind the lid.</p></main></body></html>"""


def view(data, path):
    document = read_document(data, path)
    return FileView(path, document.language, document.text, document.spans)


def line_of(file, words):
    return file.line_of(file.text.index(words))


def test_a_line_of_a_pdf_has_a_page():
    file = view((FIXTURES / "manual.pdf").read_bytes(), "manual.pdf")
    assert page_of(file, line_of(file, "Check the fuse first")) == 3
    assert page_of(file, line_of(file, "Use the ribbed hose")) == 2
    assert (is_extracted(file), anchor_of(file, 1)) == (True, "")


def test_a_section_of_a_web_page_has_the_id_that_leads_to_it():
    file = view(PAGE.encode(), "pump.html")
    assert "# Garden pump {#top}\n" in file.text
    wanted = {
        "A pump for gardens": "top",
        "Set it on level": "install",
        "Use the ribbed": "hose",
        "The motor hums": "top",  # of the section around it
        "Check the blue": "top",
    }
    assert {words: anchor_of(file, line_of(file, words)) for words in wanted} == wanted
    assert [span.span.name for span in file.spans][:2] == ["Garden pump", "Garden pump > Installing"]
    assert is_extracted(file)
    assert page_of(file, 1) == 0


@pytest.mark.parametrize(
    ("path", "text"), [("a.md", "# One\n\ntwo\n"), ("a.txt", "one\n"), ("a.html", "{{ x }}\n")]
)
def test_text_of_the_file_itself_is_not_extracted(path, text):
    language = {"md": "markdown", "txt": "text", "html": "html"}[path.split(".")[1]]
    assert not is_extracted(FileView(path, language, text, ()))


def test_answers_from_documents_say_where_they_are(tmp_path, one_encoder):
    shutil.copy(FIXTURES / "manual.pdf", tmp_path / "manual.pdf")
    (tmp_path / "pump.html").write_text(PAGE)
    with CodeIndex.build(tmp_path) as index:
        (best,) = index.search("humming motor impeller blocked by sand", 1, paths=["*.pdf"])
        assert (best.page, best.anchor, best.is_extracted) == (3, "", True)
        (best,) = index.search("ribbed hose of 32 millimetres", 1, paths=["*.html"])
        assert (best.page, best.anchor, best.is_extracted) == (0, "hose", True)
        assert "(#hose, extracted text)" in index.context("ribbed hose", paths=["*.html"]).text
