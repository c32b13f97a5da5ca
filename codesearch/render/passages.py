"""Findings as text, Markdown, JSON, JSON lines or XML: the output contract, byte for byte.

JSON, schema 1 (`codesearch search --format json`), all keys always present, but for `repository`, which
passages and what was omitted have where several repositories were asked:

    schema          1
    root            null, or of commands the index's folder: their paths are relative to the working directory
    query, mode     as asked
    query_used      null, or what counted of a query too long to count whole: text (what the model read; null
                    for all of it), words [..] (those looked up), n_words and n_tokens of the whole
    filters         languages [..], paths [..], regex or null, kinds [..]
    budget_tokens   a number or null
    tokenizer       name of the counter behind every n_tokens
    n_tokens        of all passages together
    index           commit or null, files, chunks, encoded (chunks with vectors),
                    stale {changed, added, deleted, complete}, skipped
    passages        path, start_line, end_line, best_line, symbol, kind, language, score, n_tokens, stale,
                    text, omitted_lines [[first, last], ..], evidence {scores {lexical, single, colbert},
                    symbols [..], matches [{query_word, code_word, line, similarity, literal}, ..]}
    omitted         path, start_line, end_line, symbol, score, reason (budget, duplicate, seen)
    notes           sentences for a person

`stale` counts files. JSON lines: first an object with `"type": "search"` and everything but `passages`,
then one object with `"type": "passage"` each. XML carries the same facts as attributes. In JSON a passage's
text is exact; elsewhere control characters are made visible, so that no file can act on a terminal, close
a fence or open an element.
"""

from __future__ import annotations

from typing import Any

from codesearch.answers.findings import Findings, Omitted
from codesearch.answers.lines import numbered_lines
from codesearch.choices import SEARCH_FORMATS
from codesearch.render.sanitize import (
    code_span,
    fence_for,
    json_text,
    label,
    visible,
    xml_attribute,
    xml_text,
)
from indexer.errors import InputError
from indexer.records import Passage, QueryUsed

SCHEMA_VERSION = 1


def render(findings: Findings, form: str = "text") -> str:
    """The answer in one of SEARCH_FORMATS, ended by a line feed where it is not empty. Raises InputError."""
    writers = {"text": _text, "json": _json, "jsonl": _jsonl, "markdown": _markdown, "xml": _xml}
    if form not in writers:
        raise InputError(f"Unknown format {form!r}; use one of {', '.join(SEARCH_FORMATS)}.")
    return writers[form](findings)


def findings_dict(findings: Findings) -> dict[str, Any]:
    """The answer as the JSON object of schema 1."""
    index, request = findings.index, findings.request
    return {
        "schema": SCHEMA_VERSION,
        "root": findings.root or None,
        "query": findings.query,
        "query_used": _used_dict(findings.query_used),
        "mode": str(findings.mode),
        "filters": {
            "languages": list(request.languages),
            "paths": list(request.paths),
            "regex": request.regex,
            "kinds": list(request.kinds),
        },
        "budget_tokens": findings.budget_tokens,
        "tokenizer": findings.tokenizer,
        "n_tokens": findings.n_tokens,
        "index": {
            "commit": index.commit,
            "files": index.n_files,
            "chunks": index.n_chunks,
            "encoded": index.n_encoded,
            "stale": {
                "changed": len(index.changed),
                "added": len(index.added),
                "deleted": len(index.deleted),
                "complete": index.complete,
            },
            "skipped": index.n_skipped,
        },
        "passages": [passage_dict(passage) for passage in findings.passages],
        "omitted": [_omitted_dict(omitted) for omitted in findings.omitted],
        "notes": list(findings.notes),
    }


def passage_dict(passage: Passage) -> dict[str, Any]:
    """A passage as a JSON object of schema 1."""
    scores = passage.evidence.scores
    return {
        **repository_key(passage.repository),
        "path": passage.path,
        "start_line": passage.start_line,
        "end_line": passage.end_line,
        "best_line": passage.best_line,
        "symbol": passage.symbol,
        "kind": passage.kind,
        "language": passage.language,
        "score": figure(passage.score),
        "n_tokens": passage.n_tokens,
        "stale": passage.stale,
        "omitted_lines": [list(pair) for pair in passage.omitted_lines],
        "text": passage.text,
        "evidence": {
            "scores": {
                "lexical": figure(scores.lexical),
                "single": figure(scores.single),
                "colbert": figure(scores.colbert),
            },
            "symbols": list(passage.evidence.symbols),
            "matches": [
                {
                    "query_word": match.query_word,
                    "code_word": match.code_word,
                    "line": match.line,
                    "similarity": figure(match.similarity),
                    "literal": match.is_literal,
                }
                for match in passage.evidence.matches
            ],
        },
    }


def repository_key(repository: str) -> dict[str, str]:
    """The key that is there only where several repositories were asked."""
    return {"repository": repository} if repository else {}


def figure(value: float | None) -> float | None:
    """Six decimals, so that the last bits of a sum do not change the bytes."""
    return None if value is None else round(float(value), 6)


def _omitted_dict(omitted: Omitted) -> dict[str, Any]:
    return {
        **repository_key(omitted.repository),
        "path": omitted.path,
        "start_line": omitted.start_line,
        "end_line": omitted.end_line,
        "symbol": omitted.symbol,
        "score": figure(omitted.score),
        "reason": omitted.reason,
    }


def _used_dict(used: QueryUsed | None) -> dict[str, Any] | None:
    if used is None:
        return None
    return {"text": used.text, "words": list(used.words), "n_words": used.n_words, "n_tokens": used.n_tokens}


def _json(findings: Findings) -> str:
    return json_text(findings_dict(findings), indent=2) + "\n"


def _jsonl(findings: Findings) -> str:
    value = findings_dict(findings)
    passages = value.pop("passages")
    lines = [{"type": "search", **value}, *({"type": "passage", **passage} for passage in passages)]
    return "".join(json_text(line) + "\n" for line in lines)


# --- for people ------------------------------------------------------------------------------


def place(passage: Passage) -> str:
    """`path:start-end`, on one line."""
    return f"{label(passage.full_path)}:{passage.start_line}-{passage.end_line}"


def heading(passage: Passage) -> str:
    """Where a passage is, what it shows and how well it fits, on one line."""
    symbol = f"  {label(passage.symbol)}" if passage.symbol else ""
    stale = "  changed since it was indexed" if passage.stale else ""
    return f"{place(passage)}{symbol}  [{passage.language}]  {passage.score:.3f}{stale}"


def gutter_lines(passage: Passage) -> list[tuple[str, str, int | None]]:
    """(gutter, line without its end, line number or None) of every line; control characters visible.

    Lines that match the question's regular expression or phrase to the letter begin with `>`.
    """
    width = len(str(passage.end_line))
    literal = {match.line for match in passage.evidence.matches if match.is_literal}
    return [
        (
            f"{'>' if number in literal else ' '}{number or '':>{width}}│",
            visible(line.rstrip("\n").removesuffix("\r")),
            number,
        )
        for number, line in numbered_lines(passage)
    ]


def _text(findings: Findings) -> str:
    blocks = [
        heading(passage) + "\n" + "".join(f"{gutter}{text}\n" for gutter, text, _ in gutter_lines(passage))
        for passage in findings.passages
    ]
    return "\n".join(blocks)


def _markdown(findings: Findings) -> str:
    blocks = []
    for number, passage in enumerate(findings.passages, 1):
        text = visible(passage.text)
        text += "" if text.endswith("\n") else "\n"
        fence = fence_for(text)
        where = code_span(f"{passage.full_path}:{passage.start_line}-{passage.end_line}")
        symbol = f" {code_span(passage.symbol)}" if passage.symbol else ""
        stale = " *changed since it was indexed*" if passage.stale else ""
        blocks.append(
            f"### {number}. {where}{symbol}{stale}\n\n{fence}{passage.language}\n{text}{fence}\n",
        )
    return "\n".join(blocks)


def repository_attribute(passage: Passage) -> str:
    """The XML attribute that is there only where several repositories were asked."""
    return f' repository="{xml_attribute(passage.repository)}"' if passage.repository else ""


def _xml(findings: Findings) -> str:
    index = findings.index
    commit = f' commit="{xml_attribute(index.commit)}"' if index.commit else ""
    parts = [
        f'<search schema="{SCHEMA_VERSION}" mode="{findings.mode}"'
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
            f' language="{xml_attribute(passage.language)}"{more}'
            f' score="{passage.score:.6f}" n_tokens="{passage.n_tokens}"{stale}>\n'
            f"{xml_text(passage.text)}</passage>\n"
        )
    parts.extend(f"<note>{xml_text(note)}</note>\n" for note in findings.notes)
    return "".join(parts) + "</search>\n"
