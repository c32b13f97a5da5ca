"""The table of documents: text for people, with headings and no symbols. Values only.

Everything that tells documents from code and data takes it from here: the walk, the readers, the table of
languages, filters and ranking. A language that is no code and not here is data: JSON, YAML, CSS.
"""

from __future__ import annotations

import posixpath

from indexer.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DocumentFormat:
    """One row of the table."""

    language: str
    suffixes: tuple[str, ...]
    """Lower case, of files that are documents."""
    other_suffixes: tuple[str, ...] = ()
    """Of the same language, but of files that are none: templates, style sheets."""
    file_names: tuple[str, ...] = ()
    """Whole names, lower case."""
    aliases: tuple[str, ...] = ()
    """What people also call it in `--lang`."""
    headings: str = ""
    """Heading style (`markdown`, `rst`) of what is read as source files are; empty: none."""
    reader: str = ""
    """`module.function` in `reading/documents/` that turns its bytes into text; empty: read as source is."""
    is_binary: bool = False
    """Its bytes are no text."""


DOCUMENT_FORMATS = (
    DocumentFormat("markdown", (".md", ".markdown", ".mdx", ".mkd", ".mdown", ".rmd", ".qmd"),
                   headings="markdown", aliases=("md",)),
    DocumentFormat("rst", (".rst", ".rest"), headings="rst", aliases=("restructuredtext",)),
    DocumentFormat("org", (".org",)),
    DocumentFormat("latex", (".tex",), (".sty", ".cls", ".bib"), aliases=("tex",)),
    DocumentFormat("pdf", (".pdf",), reader="pdf.read_pdf", is_binary=True),
    DocumentFormat("docx", (".docx", ".docm", ".dotx"), aliases=("word",), reader="word.read_word",
                   is_binary=True),
    DocumentFormat("epub", (".epub",), reader="epub.read_epub", is_binary=True),
    DocumentFormat("html", (".html", ".htm", ".xhtml"), (".jinja", ".j2", ".ejs", ".hbs", ".erb"),
                   reader="web_page.read_web_page"),
    DocumentFormat("notebook", (".ipynb",), aliases=("jupyter",), reader="notebook.read_notebook"),
    DocumentFormat("asciidoc", (".adoc", ".asciidoc", ".asc"), reader="plain_text.read_asciidoc"),
    DocumentFormat("text", (".txt", ".text", ".log"),
                   file_names=("readme", "license", "copying", "notice", "authors", "changelog", "todo"),
                   reader="plain_text.read_plain_text"),
)  # fmt: skip

DOCUMENT_LANGUAGES = frozenset(row.language for row in DOCUMENT_FORMATS)
DOCUMENT_SUFFIXES = frozenset(suffix for row in DOCUMENT_FORMATS for suffix in row.suffixes)
EXTRACTED_LANGUAGES = frozenset(
    row.language for row in DOCUMENT_FORMATS if row.reader and not row.reader.startswith("plain_text.")
)
"""Of documents whose text is taken out of the file: its lines are not the file's."""
PROSE_SUFFIXES = frozenset(suffix for row in DOCUMENT_FORMATS if not row.reader for suffix in row.suffixes)
"""Of documents that are read as source files are."""


def is_document_name(name: str) -> bool:
    """Tell whether the suffix is of a document, prose or of a format with a reader of its own."""
    return _suffix(name) in DOCUMENT_SUFFIXES


def is_prose_name(name: str) -> bool:
    """Tell whether the suffix is of a document that is read as source files are."""
    return _suffix(name) in PROSE_SUFFIXES


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()
