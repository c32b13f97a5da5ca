"""Findings as text, Markdown or XML, and the choice among these and JSON (`passages_json.py`).

XML carries the facts of the JSON as attributes. Control characters are made visible, so that no file can
act on a terminal, close a fence or open an element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from codesearch.answers.findings import Findings
from codesearch.answers.lines import numbered_lines
from codesearch.choices import SEARCH_FORMATS
from codesearch.render.passages_json import SCHEMA_VERSION, to_json, to_json_lines
from codesearch.render.sanitize import code_span, fence_for, label, visible, xml_attribute, xml_text
from codesearch.render.vimgrep import vimgrep_text
from indexer.errors import InputError
from indexer.light_dataclasses import dataclass
from indexer.records import Passage


def render(findings: Findings, form: str = "text") -> str:
    """The answer in one of SEARCH_FORMATS, ended by a line feed where it is not empty. Raises InputError."""
    writers: dict[str, Callable[[Findings], str]] = {
        "text": text_of,
        "json": to_json,
        "jsonl": to_json_lines,
        "markdown": _markdown,
        "xml": _xml,
        "vimgrep": vimgrep_text,
    }
    if form not in writers:
        raise InputError(f"Unknown format {form!r}; use one of {', '.join(SEARCH_FORMATS)}.")
    return writers[form](findings)


def place(passage: Passage) -> str:
    """`path:start-end`, on one line."""
    return f"{label(passage.full_path)}:{passage.start_line}-{passage.end_line}"


def document_place(passage: Passage) -> str:
    """`page 12, extracted text`, `#anchor`, as far as it is so: empty for what has lines alone."""
    extracted = "extracted text" if passage.is_extracted else ""
    return ", ".join(part for part in (place_in_document(passage), extracted) if part)


def place_in_document(passage: Passage) -> str:
    """`page 12` or `#anchor`; empty where a document has neither."""
    return f"page {passage.page}" if passage.page else f"#{passage.anchor}" if passage.anchor else ""


def document_attributes(passage: Passage) -> str:
    """The same as XML attributes."""
    values = {
        "page": str(passage.page or ""),
        "anchor": passage.anchor,
        "extracted": "true" if passage.is_extracted else "",
    }
    return "".join(f' {name}="{xml_attribute(value)}"' for name, value in values.items() if value)


def heading(passage: Passage) -> str:
    """Where a passage is, what it shows and how well it fits, on one line."""
    symbol = f"  {label(passage.symbol)}" if passage.symbol else ""
    stale = "  changed since it was indexed" if passage.stale else ""
    document = f", {document_place(passage)}" if document_place(passage) else ""
    return f"{place(passage)}{symbol}  [{passage.language}{document}]  {passage.confidence:.2f}{stale}"


@dataclass(frozen=True, slots=True)
class Gutter:
    """A line of a passage as it is shown."""

    gutter: str
    text: str
    """Without its end, control characters visible."""
    number: int | None
    """None for a mark of lines that are left out."""


def gutter_lines(passage: Passage, around: int | None = None) -> list[Gutter]:
    """Every line of a passage; with `around`, those at most so far from its best line and literal matches.

    Lines that match the question's regular expression or phrase to the letter begin with `>`.
    """
    width = len(str(passage.end_line))
    literal = {match.line for match in passage.evidence.matches if match.is_literal}
    lines = [
        Gutter(
            f"{'>' if number in literal else ' '}{number or '':>{width}}│",
            visible(line.rstrip("\n").removesuffix("\r")),
            number,
        )
        for number, line in numbered_lines(passage)
    ]
    if around is None:
        return lines
    return _near(lines, {passage.best_line or passage.start_line, *literal}, around)


def _near(lines: Sequence[Gutter], wanted: set[int], around: int) -> list[Gutter]:
    """The lines at most `around` from a wanted one, with `…` for each gap."""
    kept: list[Gutter] = []
    for line in lines:
        if line.number is not None and any(abs(line.number - each) <= around for each in wanted):
            kept.append(line)
        elif kept and kept[-1].number is not None:
            kept.append(Gutter(" " * (len(line.gutter) - 1) + "│", "…", None))
    return kept[:-1] if kept and kept[-1].number is None else kept


def text_of(passages: Iterable[Passage], around: int | None = None) -> str:
    """The text format; `around` as of `gutter_lines`."""
    return "\n".join(
        f"{heading(passage)}\n"
        + "".join(f"{line.gutter}{line.text}\n" for line in gutter_lines(passage, around))
        for passage in passages
    )


def _markdown(findings: Findings) -> str:
    blocks = []
    for number, passage in enumerate(findings.passages, 1):
        text = visible(passage.text)
        text += "" if text.endswith("\n") else "\n"
        fence = fence_for(text)
        where = code_span(f"{passage.full_path}:{passage.start_line}-{passage.end_line}")
        symbol = f" {code_span(passage.symbol)}" if passage.symbol else ""
        document = f" ({document_place(passage)})" if document_place(passage) else ""
        stale = " *changed since it was indexed*" if passage.stale else ""
        blocks.append(
            f"### {number}. {where}{document}{symbol}{stale}\n\n{fence}{passage.language}\n{text}{fence}\n",
        )
    return "\n".join(blocks)


def repository_attribute(passage: Passage) -> str:
    """The XML attribute that is there only where several repositories were asked."""
    return f' repository="{xml_attribute(passage.repository)}"' if passage.repository else ""


def _xml(findings: Findings) -> str:
    index = findings.index
    commit = f' commit="{xml_attribute(index.commit)}"' if index.commit else ""
    weak = ' weak="true"' if findings.is_weak else ""
    parts = [
        f'<search schema="{SCHEMA_VERSION}" mode="{findings.mode}"{weak}'
        f' tokenizer="{xml_attribute(findings.tokenizer)}" n_tokens="{findings.n_tokens}">\n',
        f"<query>{xml_text(findings.query)}</query>\n",
        f'<index{commit} files="{index.n_files}" chunks="{index.n_chunks}" encoded="{index.n_encoded}"'
        f' stale="{index.n_stale}" skipped="{index.n_skipped}"/>\n',
    ]
    for passage in findings.passages:
        omitted = ",".join(f"{first}-{last}" for first, last in passage.omitted_lines)
        optional = {"symbol": passage.symbol, "kind": passage.kind, "omitted_lines": omitted}
        more = "".join(f' {name}="{xml_attribute(value)}"' for name, value in optional.items() if value)
        stale = ' stale="true"' if passage.stale else ""
        parts.append(
            f'<passage{repository_attribute(passage)} path="{xml_attribute(passage.path)}"'
            f' start_line="{passage.start_line}" end_line="{passage.end_line}"'
            f' language="{xml_attribute(passage.language)}"{document_attributes(passage)}{more}'
            f' score="{passage.score:.6f}" confidence="{passage.confidence:.4f}"'
            f' n_tokens="{passage.n_tokens}"{stale}>\n'
            f"{xml_text(passage.text)}</passage>\n"
        )
    parts.extend(f"<note>{xml_text(note)}</note>\n" for note in findings.notes)
    return "".join(parts) + "</search>\n"
