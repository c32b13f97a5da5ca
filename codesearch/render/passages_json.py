"""Findings as JSON, one object or one a line: the output contract, byte for byte.

JSON, schema 1 (`codesearch search --format json`), all keys always present, but for `repository`, which
passages and what was omitted have where several repositories were asked, and `roots`, which commands then
have beside `root`:

    schema          1
    root            null, or of commands the index's folder: their paths are relative to the working directory
    roots           {repository: folder} of commands that asked several
    query, mode     as asked
    weak            true where little of the query is in the index: passages are only the closest
    query_used      null, or what counted of a query too long to count whole: text (what the model read; null
                    for all of it), words [..] (those looked up), n_words and n_tokens of the whole
    filters         languages [..], paths [..], regex or null, kinds [..], threshold
    budget_tokens   a number or null
    tokenizer       name of the counter behind every n_tokens
    n_tokens        of all passages together
    index           commit or null, files, chunks, encoded (chunks with vectors),
                    stale {changed, added, deleted, complete}, skipped
    passages        path, start_line, end_line, best_line, symbol, kind, page (a number or null), anchor (a
                    section's, in a browser, or null), extracted (the lines are of text taken out of the file,
                    as of a PDF), language, score, confidence, n_tokens, stale, text,
                    omitted_lines [[first, last], ..] (all lines where the text is not at hand, which `text`
                    says then), evidence {scores {lexical, single, colbert},
                    symbols [..], matches [{query_word, code_word, line, similarity, literal, telling}, ..]};
                    what is not telling ("the", "self") is hardly more than noise, and drawn nowhere
    omitted         path, start_line, end_line, symbol, score, reason (budget, duplicate, seen)
    notes           sentences for a person

`stale` counts files. JSON lines: first an object with `"type": "search"` and everything but `passages`,
then one object with `"type": "passage"` each. A passage's text is exact here.
"""

from __future__ import annotations

from typing import Any

from codesearch.answers.findings import Findings, Omitted
from codesearch.answers.shown_evidence import telling
from codesearch.render.sanitize import json_text
from indexer.records import Passage, QueryUsed

SCHEMA_VERSION = 1


def findings_dict(findings: Findings) -> dict[str, Any]:
    """The answer as the JSON object of schema 1."""
    index, request = findings.index, findings.request
    return {
        "schema": SCHEMA_VERSION,
        "root": findings.root or None,
        **roots_key(findings.roots),
        "query": findings.query,
        "query_used": _used_dict(findings.query_used),
        "mode": str(findings.mode),
        "weak": findings.is_weak,
        "filters": {
            "languages": list(request.languages),
            "paths": list(request.paths),
            "regex": request.regex,
            "kinds": list(request.kinds),
            "threshold": figure(request.threshold),
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
    shown = set(telling(passage.evidence.matches))
    return {
        **repository_key(passage.repository),
        "path": passage.path,
        "start_line": passage.start_line,
        "end_line": passage.end_line,
        "best_line": passage.best_line,
        "symbol": passage.symbol,
        "kind": passage.kind,
        **document_keys(passage),
        "language": passage.language,
        "score": figure(passage.score),
        "confidence": round(passage.confidence, 4),
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
                    "telling": match in shown,
                }
                for match in passage.evidence.matches
            ],
        },
    }


def roots_key(roots: tuple[tuple[str, str], ...]) -> dict[str, dict[str, str]]:
    """The key that is there only where a command asked several repositories."""
    return {"roots": dict(roots)} if roots else {}


def document_keys(passage: Passage) -> dict[str, Any]:
    """Where a passage of a document stands, in a page or behind a `#`; whether its lines are the file's."""
    return {"page": passage.page or None, "anchor": passage.anchor or None, "extracted": passage.is_extracted}


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


def to_json(findings: Findings) -> str:
    """One indented object."""
    return json_text(findings_dict(findings), indent=2) + "\n"


def to_json_lines(findings: Findings) -> str:
    """An object for the search, then one for each passage."""
    value = findings_dict(findings)
    passages = value.pop("passages")
    lines = [{"type": "search", **value}, *({"type": "passage", **passage} for passage in passages)]
    return "".join(json_text(line) + "\n" for line in lines)
