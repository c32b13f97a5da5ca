"""Ranked files and outlines as text or JSON, for `codesearch files`, `codesearch outline` and the MCP server.

JSON, schema 1: files {schema, root, query, mode, files [{path, score, confidence, language, symbol,
start_line, end_line}], notes}; outline {schema, root, path, symbols [{path, kind, name, start_line,
end_line}]}.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from codesearch.answers.findings import RankedFiles
from codesearch.render.passages_json import figure, repository_key, roots_key
from codesearch.render.sanitize import json_text, label
from codesearch.render.symbol_names import spelled

if TYPE_CHECKING:
    from indexer.records import OutlineEntry, Passage


def files_text(ranked: RankedFiles) -> str:
    """One line a file: path, then the lines and symbol of its best passage."""
    lines = []
    for file in ranked.files:
        symbol = f"  {label(file.best.symbol)}" if file.best.symbol else ""
        lines.append(f"{label(file.best.full_path)}:{file.best.start_line}-{file.best.end_line}{symbol}\n")
    return "".join(lines)


def paths_text(passages: Iterable[Passage], end: str) -> str:
    """Each file's path once and an end; exact where that is a null byte, else made safe to show."""
    paths = dict.fromkeys(passage.full_path for passage in passages)
    return "".join((path if end == "\0" else label(path)) + end for path in paths)


def files_json(ranked: RankedFiles) -> str:
    """The JSON object, ended by a line feed."""
    files = [
        {
            **repository_key(file.best.repository),
            "path": file.path,
            "score": figure(file.score),
            "confidence": round(file.best.confidence, 4),
            "language": file.language,
            "symbol": file.best.symbol,
            "start_line": file.best.start_line,
            "end_line": file.best.end_line,
        }
        for file in ranked.files
    ]
    value: dict[str, Any] = {"schema": 1, "root": ranked.root or None, **roots_key(ranked.roots)}
    value["query"] = ranked.query
    value |= {"mode": str(ranked.mode), "files": files, "notes": list(ranked.notes)}
    return json_text(value, indent=2) + "\n"


def outline_text(entries: Sequence[OutlineEntry]) -> str:
    """Each file's path, then one indented line a symbol: lines, kind, name."""
    lines = []
    path = None
    for entry in entries:
        if entry.path != path:
            path = entry.path
            lines.append(f"{label(path)}\n")
        span = entry.span
        indent = "  " * (1 + span.name.count(" > " if span.kind == "section" else "."))
        name = label(spelled(span.name, entry.language))
        lines.append(f"{indent}{span.start_line}-{span.end_line} {span.kind} {name}\n")
    return "".join(lines)


def outline_json(path: str, entries: Sequence[OutlineEntry], root: str = "") -> str:
    """The JSON object, ended by a line feed; `root` where paths are not relative to it."""
    symbols = [
        {
            "path": entry.path,
            "kind": entry.span.kind,
            "name": entry.span.name,
            "start_line": entry.span.start_line,
            "end_line": entry.span.end_line,
        }
        for entry in entries
    ]
    return json_text({"schema": 1, "root": root or None, "path": path, "symbols": symbols}, indent=2) + "\n"
