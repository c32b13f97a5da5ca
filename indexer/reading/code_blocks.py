"""Code inside other texts: the scripts of Vue, Svelte and Astro components, the code cells of notebooks.

Says where it is and in which language; parsing it is for `parse.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from indexer.languages import canonical, knows
from indexer.light_dataclasses import dataclass
from indexer.records import Span

COMPONENTS = frozenset({"vue", "svelte", "astro"})
"""Languages whose files are markup with scripts in it."""


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A stretch of a text that is code of a language of its own."""

    language: str
    start_char: int
    end_char: int


_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script\s*>", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SCRIPT_LANGUAGE = re.compile(
    r"""\b(?:lang|type)\s*=\s*["']?(?:text/|application/)?([\w-]+)""", re.IGNORECASE
)
_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_SCRIPT_LANGUAGES = {
    "ts": "typescript", "typescript": "typescript", "tsx": "tsx", "js": "javascript",
    "javascript": "javascript", "jsx": "javascript", "module": "javascript",
}  # fmt: skip


def script_blocks(text: str, language: str) -> Iterator[CodeBlock]:
    """The scripts of a component; those of other languages, JSON say, are left out."""
    if language == "astro" and (front := _FRONT_MATTER.match(text)):
        yield CodeBlock("typescript", *front.span(1))
    comments = [comment.span() for comment in _COMMENT.finditer(text)]
    for script in _SCRIPT.finditer(text):
        named = _SCRIPT_LANGUAGE.search(script[1])
        by_default = "typescript" if language == "astro" else "javascript"
        of_script = _SCRIPT_LANGUAGES.get(named[1].lower(), "") if named else by_default
        if of_script and not any(start <= script.start() < end for start, end in comments):
            yield CodeBlock(of_script, *script.span(2))


_FENCE = re.compile(r"(`{3,})([\w+#.-]*)\n")


def cell_blocks(text: str, spans: Sequence[Span]) -> Iterator[CodeBlock]:
    """What stands in the fences of a notebook's code cells; Python where the notebook does not say."""
    for span in spans:
        if span.kind == "cell" and span.name.endswith("(code)"):
            fence = _FENCE.match(text, span.start_char, span.end_char)
            if fence is not None and (not fence[2] or knows(fence[2])):
                language = canonical(fence[2]) if fence[2] else "python"
                yield CodeBlock(language, fence.end(), max(fence.end(), span.end_char - len(fence[1])))


_MAGIC = re.compile(r"^[ \t]*[%!?][^\n]*", re.MULTILINE)
_NOT_LINE_END = re.compile(r"[^\r\n]")


def alone(text: str, blocks: Sequence[CodeBlock], *, is_notebook: bool = False) -> str:
    """The text with a blank for every character outside the blocks, and for a notebook's magic lines."""
    parts, position = [], 0
    for block in blocks:
        parts.append(_NOT_LINE_END.sub(" ", text[position : block.start_char]))
        code = text[block.start_char : block.end_char]
        if is_notebook:
            code = _MAGIC.sub(lambda line: " " * len(line[0]), code)
        parts.append(code)
        position = block.end_char
    return "".join(parts) + _NOT_LINE_END.sub(" ", text[position:])
