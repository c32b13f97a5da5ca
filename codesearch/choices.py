"""The words that a person may choose among: modes, kinds of symbols, formats. Values only.

Imports nothing, so that `--help` can list them without the engine.
"""

from __future__ import annotations

MODES = ("hybrid", "single", "colbert", "lexical")
"""How answers are ranked; the values of `indexer.records.Mode`."""

KINDS = (
    "code", "docs", "function", "method", "class", "interface", "struct", "trait", "impl", "enum", "module",
    "constant", "type", "macro", "section", "page", "cell", "table",
)  # fmt: skip
"""Span kinds that can be asked for; `code` and `docs` stand for all code and all prose."""

VECTOR_FAMILIES = ("auto", "exact", "faiss", "plaid")
"""Which index holds the vectors; `auto` chooses by their number."""

SEARCH_FORMATS = ("text", "json", "jsonl", "markdown", "xml", "vimgrep")
"""How passages are written."""

CONTEXT_FORMATS = ("text", "markdown", "xml", "json", "messages")
"""How a context block is written."""

AGENT_NAMES = ("claude", "cursor", "vscode", "codex", "gemini")
"""Coding agents that can be told of an index."""
