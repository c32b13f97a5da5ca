"""What files of the same project have in common and what tells none of them: licences and imports."""

from __future__ import annotations

import re
from itertools import groupby

_LICENCE = re.compile(
    r"copyright|©|\(c\) \d{4}|licen[cs]e|SPDX-|all rights reserved|permission (?:is hereby granted|to use)"
    r"|redistribut|warrant(?:y|ies)|as[- ]is\b|liab(?:le|ility)|merchantab|endorse or promote",
    re.IGNORECASE,
)
_COMMENT = re.compile(
    r"\s*(?:#(?!include|import|define|if|pragma)|//|/?\*|--|;|%|<!--|-->|\"\"\"|'''|\(\*|dnl\b|REM\b)"
)
_BLANK = re.compile(r"[\s#/*;%<>!()-]*")
_BLOCK = {"/*": "*/", "<!--": "-->", "(*": "*)", '"""': '"""', "'''": "'''"}
_IMPORT = re.compile(
    r"\s*(?:import\s+(?:[\w{*\"'(<.]|type\b)|from\s+[\w.]+\s+import\b|#\s*(?:include|import)\b"
    r"|(?:extern crate|@import)\b|(?:pub\s+)?use\s+[\w\\:]+(?:::|\\)"
    r"|using\s+(?:static\s+|namespace\s+)?[\w.:]+\s*;|package\s+[\w.]+\s*;?\s*$|namespace\s+[\w\\]+;"
    r"|(?:require|require_relative|load)\s+['\"]|(?:require|include)(?:_once)?\b.*['\"].*;"
    r"|(?:const|let|var)\s+.*=\s*require\(|export\s+(?:\*|\{[^}]*\})(?:\s+as\s+\w+)?\s+from\b"
    r"|library\(|-include|\}\s*from\s+['\"])"
)
_MAX_IMPORT_LINES = 200


def without_boilerplate(text: str, *, is_code: bool) -> str:
    """The text without paragraphs of licence in the comments at its head and, of code, without imports.

    The whole text where nothing else is in it.
    """
    lines = text.split("\n")
    n_head = _head(lines)
    kept = [line for paragraph in _paragraphs(lines[:n_head]) for line in paragraph]
    kept += _without_imports(lines[n_head:]) if is_code else lines[n_head:]
    found = "\n".join(kept)
    return found if any(map(str.isalnum, found)) else text


def _head(lines: list[str]) -> int:
    """How many lines at the top are blank or comments."""
    end = ""
    for at, line in enumerate(lines):
        if end:
            end = "" if end in line else end
            continue
        if line.strip() and not _COMMENT.match(line):
            return at
        start = line.strip()
        opener = next((opener for opener in _BLOCK if start.startswith(opener)), None)
        if opener is not None and _BLOCK[opener] not in start[len(opener) :]:
            end = _BLOCK[opener]
    return len(lines)


def _paragraphs(lines: list[str]) -> list[list[str]]:
    """Paragraphs of comments that are no licence's."""
    paragraphs = [list(group) for _, group in groupby(lines, lambda line: bool(_BLANK.fullmatch(line)))]
    return [paragraph for paragraph in paragraphs if not _LICENCE.search("\n".join(paragraph))]


def _without_imports(lines: list[str]) -> list[str]:
    kept = []
    at = 0
    while at < len(lines):
        if not _IMPORT.match(lines[at]):
            kept.append(lines[at])
            at += 1
            continue
        n_open, first = 0, at
        while at < len(lines) and at - first < _MAX_IMPORT_LINES:
            n_open += sum(lines[at].count(mark) for mark in "({") - sum(
                lines[at].count(mark) for mark in ")}"
            )
            at += 1
            if n_open <= 0:
                break
        else:
            kept.extend(lines[first + 1 : at])  # never closed: no import after all
    return kept
