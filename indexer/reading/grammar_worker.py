"""Reads source texts from standard input and answers with the symbols that tree-sitter finds in them.

A program of its own, started and kept warm by `grammar_process.py`: grammars are native code, and a text
made to crash one or to use up memory must not take an index build along. It runs under limits on memory
and processor time, may not write files, imports nothing of this project, and ends with its parent.

A request is a line `{"seconds", "texts": [[grammar, memory_bytes, n_bytes], ...]}` and the texts in UTF-8.
The answer is a line: for each a `{"symbols": [[kind, name, start, end], ...]}`, in bytes of the text and
sorted by position, or `{"stopped": "time" | "memory" | what the parser said}`. It ends with the first text
for which memory was not enough. What a language calls a symbol is written in its query file
(`grammars/README.md`), nowhere here.
"""

from __future__ import annotations

import json
import math
import os
import re
import select
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Query

_IDLE_SECONDS = 60.0
"""Without a request for so long, the program ends; the next request starts another."""
_STRETCH_BYTES = 1 << 18
"""What is read and queried between two looks at the clock."""
_MAX_NAME_CHARS = 200
_LINE_BYTES = 200
"""A comment that starts further into its line than this does not count as standing on its own line."""
_CLAUSE = ".clause"
_NAMES = frozenset({"name", "title", "scope"})
"""Captures that name a symbol; `title` is kept as written, the others are put with dots."""


class Symbol:
    """A definition as the query found it, in bytes."""

    __slots__ = ("end", "is_clause", "kind", "name", "name_start", "pattern", "start")

    def __init__(self, kind: str, name: str, start: int, end: int, name_start: int, pattern: int) -> None:
        self.kind = kind.removesuffix(_CLAUSE)
        self.is_clause = kind.endswith(_CLAUSE)
        self.name = name
        self.start = start
        self.end = end
        self.name_start = name_start
        self.pattern = pattern


class _Found:
    """What a grammar's query captured in one file."""

    __slots__ = ("docs", "replaced", "symbols")

    def __init__(self) -> None:
        self.symbols: list[Symbol] = []
        self.docs: list[tuple[int, int]] = []
        """(start, end) of what belongs to a symbol that follows directly: comments, decorators."""
        self.replaced: dict[tuple[int, int], int] = {}
        """(start, end) of a node → the pattern that speaks for it; other patterns' symbols of it are
        dropped."""


class TimeUpError(Exception):
    """The time for a text is over."""


_stretch = bytearray()
"""What the parser is handed. The binding never lets go of what a callback has returned: a slice of its own
would keep each file's text for good, the same object every time costs nothing."""


def main() -> None:
    """Run with the folders that the tree-sitter packages lie in as arguments."""
    sys.path += sys.argv[1:]
    parent, requests = os.getppid(), sys.stdin.buffer
    while (
        os.name == "nt" or select.select([requests], [], [], _IDLE_SECONDS)[0]
    ):  # pipes cannot be asked there
        line = requests.readline()
        if not line:
            return
        request = json.loads(line)
        seconds, texts = request["seconds"], request["texts"]
        contents = [requests.read(n_bytes) for _, _, n_bytes in texts]
        answers = []
        for (grammar, memory_bytes, _), content in zip(texts, contents, strict=True):
            _limit(memory_bytes, seconds)
            answers.append(_answer(content, grammar, seconds, parent))
            if answers[-1].get("stopped") == "memory":
                break
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()
        if answers[-1].get("stopped") == "memory":
            return  # what is left is in pieces


def _answer(content: bytes, grammar: str, seconds: float, parent: int) -> dict[str, Any]:
    try:
        found = find_symbols(content, grammar, seconds, parent)
    except TimeUpError:
        return {"stopped": "time"}
    except MemoryError:
        return {"stopped": "memory"}
    except (ValueError, RuntimeError, ImportError, OSError) as error:
        return {"stopped": str(error) or type(error).__name__}
    return {"symbols": [(symbol.kind, symbol.name, symbol.start, symbol.end) for symbol in found]}


_limits: dict[int, int] = {}
"""What was asked of the system last."""


def _limit(memory_bytes: int, seconds: float) -> None:
    """Let the system end this process where native code looks neither at the clock nor at memory."""
    try:
        import resource
    except ImportError:
        return
    end_seconds = math.ceil(time.process_time() + seconds) + 1
    wanted = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: end_seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in wanted.items():
        if _limits.get(limit) == value:
            continue  # texts of a second's work, and small ones of all sizes, have the same
        _limits[limit] = value
        _, hard = resource.getrlimit(limit)
        try:
            resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
        except (ValueError, OSError):
            # The system has no such limit.
            continue


def find_symbols(content: bytes, grammar: str, seconds: float, parent: int = 0) -> list[Symbol]:
    """Find the symbols of a text in UTF-8, outermost first and by position, within `seconds`.

    These are seconds of processor time, so that a busy machine finds the same. Raises TimeUpError, or
    ValueError, RuntimeError and MemoryError where tree-sitter does. The process ends where `parent`
    is given and has ended.
    """
    found = _run_query(content, grammar, time.thread_time() + seconds, parent)
    symbols = _merge_clauses(_with_docs(_deduplicate(found), found.docs, content), content)
    return sorted(symbols, key=lambda symbol: (symbol.start, -symbol.end, symbol.pattern))


_MACRO = rb"[A-Z][A-Z0-9]*_[A-Z0-9_]*"
"""A name as those of macros are by custom, with an underscore: `DWORD` is a type."""
_MACRO_ARGUMENTS = rb"(?:[ \t]*\((?:[^()\n;{}]|\([^()\n;{}]*\))*\))?"
_MACROS = re.compile(
    # class EXPORT Name {   class EXPORT(x) alignas(8) Name : public Base   struct __attribute__((a)) Name {
    rb"\b(?:class|struct|union|enum)"
    rb"(?P<inside>(?:[ \t\n]+(?:[A-Z][A-Z0-9_]*[A-Z0-9_]|__attribute__|__declspec|alignas)"
    + _MACRO_ARGUMENTS
    + rb")+)"
    rb"(?=[ \t\n]+[A-Za-z_][\w:]*\s*(?:<[^;{}]{0,300}>\s*)?(?:final\s*)?(?::(?!:)|\{))"
    # A line of its own: NAMESPACE_BEGIN   Q_OBJECT   PRIVATE_UNLESS_TESTED:
    rb"|^(?P<line>[ \t]*" + _MACRO + _MACRO_ARGUMENTS + rb"[ \t]*:?)(?=[ \t]*(?://[^\n]*)?\r?$)(?!\s*\{)"
    # Behind a signature: LOCKS_EXCLUDED(mutex)
    rb"|(?<=[)te])(?P<behind>[ \t\n]+" + _MACRO + _MACRO_ARGUMENTS + rb")(?=[ \t\n]*[{;])"
    # Before a declaration: PREFIX_INLINE, PREFIX_API, PREFIX_CONSTEXPR
    rb"|(?P<before>\b[A-Z][A-Z0-9]*_(?:[A-Z0-9_]*_)?(?:ALWAYS_INLINE|FORCE_?INLINE|NO_?INLINE|INLINE|CONSTEXPR\d*"
    rb"|CONSTEVAL|CONSTINIT|EXPORT|EXTERN|API|PUBLIC|PRIVATE|IMPORT|DECL|NODISCARD|NORETURN|MAYBE_UNUSED|UNUSED"
    rb"|DEPRECATED\w*|EXPLICIT|HOT|COLD|CDECL|STDCALL|DLL|DLLEXPORT|VISIBLE|HIDDEN|WEAK|NOEXCEPT|LIFETIME_BOUND)_?)"
    rb"(?=\s+[A-Za-z_~:\[{])",
    re.MULTILINE,
)


def without_macros(content: bytes) -> bytes:
    """C or C++ with blanks for macros that hide a declaration from the grammar, which cannot expand them.

    Byte for byte as long, so that what is found in it stands at the same place in the text.
    """

    def blank(found: re.Match[bytes]) -> bytes:
        kind = found.lastgroup or ""
        start, end = found.start(kind) - found.start(), found.end(kind) - found.start()
        whole = found[0]
        return whole[:start] + _NOT_SPACE.sub(b" ", whole[start:end]) + whole[end:]

    return _MACROS.sub(blank, content)


_NOT_SPACE = re.compile(rb"[^\s]")


def _run_query(content: bytes, grammar: str, deadline: float, parent: int) -> _Found:
    from tree_sitter import Parser, QueryCursor

    # Nodes of a text that was handed over by a callback have no text of their own (`Node.text` and
    # the built-in predicates crash), and a query's progress callback crashes too. So names are cut
    # from `content`, conditions are `#set!` lines, and queries run over one stretch after another.
    written = without_macros(content) if grammar in ("c", "cpp") else content

    def read(offset: int, _: object) -> bytearray:
        _stretch[:] = written[offset : offset + _STRETCH_BYTES]
        return _stretch

    def is_over(*_: object) -> bool:
        if parent and os.getppid() != parent:
            os._exit(1)
        return time.thread_time() > deadline

    try:
        tree = Parser(_language(grammar)).parse(read, progress_callback=is_over)
    except ValueError as error:
        if time.thread_time() > deadline:
            raise TimeUpError from error
        raise
    finally:
        _stretch.clear()
    query = _query(grammar)
    cursor = QueryCursor(query.query)
    found = _Found()
    for start in range(0, len(content), _STRETCH_BYTES):
        if time.thread_time() > deadline:
            raise TimeUpError
        cursor.set_byte_range(start, start + _STRETCH_BYTES)
        for pattern, captures in cursor.matches(tree.root_node):
            if not all(
                condition.fullmatch(_text(content, captures[capture][0]))
                for capture, condition in query.conditions[pattern].items()
            ):
                continue
            for capture, nodes in captures.items():
                if capture == "doc":
                    found.docs += [(node.start_byte, node.end_byte) for node in nodes]
                elif capture == "replaces":
                    found.replaced[nodes[0].start_byte, nodes[0].end_byte] = pattern
                elif capture[0] != "_" and capture not in _NAMES:
                    symbol = _symbol(content, grammar, pattern, capture, captures)
                    if symbol.name not in ("", "_"):
                        found.symbols.append(symbol)
    return found


def _symbol(
    content: bytes, grammar: str, pattern: int, capture: str, captures: dict[str, list[Node]]
) -> Symbol:
    node = captures[capture][0]
    if "title" in captures:
        name_node = captures["title"][0]
        name = " ".join(_text(content, name_node).strip("\"'`").split())
    else:
        name_node = captures["name"][0]
        parts = [
            _plain_name(_text(content, part), grammar) for part in (*captures.get("scope", ())[:1], name_node)
        ]
        name = ".".join(part for part in parts if part)
    start, end = node.start_byte, _without_space(content, node)
    return Symbol(capture, name[:_MAX_NAME_CHARS], start, end, name_node.start_byte, pattern)


def _without_space(content: bytes, node: Node) -> int:
    """Return where the node ends; some grammars count the line end, and blank lines, to it."""
    end = node.end_byte
    while end > node.start_byte and content[end - 1] in b" \t\r\n\f":
        end -= 1
    return end


def _text(content: bytes, node: Node) -> str:
    return content[node.start_byte : min(node.end_byte, node.start_byte + 4 * _MAX_NAME_CHARS)].decode(
        "utf-8", "replace"
    )


_SEPARATOR = re.compile(r"\s*(?:::|->|:|\\|@)\s*")
_R_SEPARATOR = re.compile(r"\s*(?:::|->|:|\$|\\|@)\s*")
"""With the `$` that is a letter of names elsewhere."""
_ARGUMENTS = re.compile(r"<[^<>]*>|\[[^\[\]]*\]")


def _plain_name(written: str, grammar: str) -> str:
    """Write a name with dots, without quotes, type arguments and line breaks: `Foo<T>::bar` → `Foo.bar`."""
    name = written.strip("\"'`")
    if name.isidentifier():
        return name
    if (name[:1].isalpha() or name[:1] == "_") and not name.startswith("operator"):
        while (inner := _ARGUMENTS.sub("", name)) != name:
            name = inner
    separator = _R_SEPARATOR if grammar == "r" else _SEPARATOR
    return " ".join(separator.sub(".", name).strip(".").split())


def _deduplicate(found: _Found) -> list[Symbol]:
    """Of the symbols that one name was captured for, keep the widest, then the earliest pattern's.

    Constants that are declared in one statement are one symbol, by the first name.
    """
    best: dict[int, Symbol] = {}
    for symbol in found.symbols:
        if found.replaced.get((symbol.start, symbol.end), symbol.pattern) == symbol.pattern:
            other = best.setdefault(symbol.name_start, symbol)
            if (symbol.start - symbol.end, symbol.pattern) < (other.start - other.end, other.pattern):
                best[symbol.name_start] = symbol
    first_names: dict[int, int] = {}
    for symbol in best.values():
        if symbol.kind == "constant":
            first_names[symbol.start] = min(
                symbol.name_start, first_names.get(symbol.start, symbol.name_start)
            )
    return [
        symbol
        for symbol in best.values()
        if symbol.kind != "constant" or symbol.name_start == first_names[symbol.start]
    ]


_GAP = re.compile(rb"[ \t\r\f]*(?:\n[ \t\r\f]*)?")


def _with_docs(symbols: list[Symbol], docs: list[tuple[int, int]], content: bytes) -> list[Symbol]:
    """Let comments and decorators directly above a symbol, with no blank line between, begin it."""
    above: dict[int, int] = {}
    """Where what follows a comment starts → where the comment, or the first of its run, starts."""
    for start, end in sorted(docs):
        while end > start and content[end - 1 : end] in (b"\n", b"\r"):
            end -= 1  # some grammars count the line end to the comment
        gap = _GAP.match(content, end)
        following = gap.end() if gap else end
        run_start = above.get(start)
        if run_start is None:
            before = content[max(0, start - _LINE_BYTES) : start].rpartition(b"\n")
            if before[2].strip() or (not before[1] and start > _LINE_BYTES):
                continue  # behind code on the same line: it speaks of that
            run_start = start
        above[following] = run_start
    for symbol in symbols:
        symbol.start = above.get(symbol.start, symbol.start)
    return symbols


def _merge_clauses(symbols: list[Symbol], content: bytes) -> list[Symbol]:
    """Join a function's clauses, written one after the other, into one symbol."""
    merged: list[Symbol] = []
    last: Symbol | None = None
    for symbol in sorted(symbols, key=lambda symbol: (symbol.start, -symbol.end)):
        if (
            last is not None
            and symbol.is_clause
            and (symbol.name, symbol.kind) == (last.name, last.kind)
            and last.end <= symbol.start
            and not content[last.end : symbol.start].strip()
        ):
            last.end = symbol.end
            continue
        merged.append(symbol)
        if last is None or symbol.start >= last.end or not symbol.is_clause:
            last = symbol if symbol.is_clause else None
    return merged


@lru_cache(maxsize=64)
def _language(grammar: str) -> Language:
    from tree_sitter_language_pack import get_language

    return get_language(grammar)  # type: ignore[arg-type]


class _GrammarQuery:
    __slots__ = ("conditions", "query")

    def __init__(self, query: Query, conditions: tuple[dict[str, re.Pattern[str]], ...]) -> None:
        self.query = query
        self.conditions = conditions
        """One a pattern: capture → what its text must match as a whole."""


@lru_cache(maxsize=64)
def _query(grammar: str) -> _GrammarQuery:
    from tree_sitter import Query

    query = Query(_language(grammar), query_text(grammar))
    rules = [query.pattern_settings(i) for i in range(query.pattern_count)]
    compiled = ({capture: re.compile(rule or "", re.DOTALL) for capture, rule in of.items()} for of in rules)
    return _GrammarQuery(query, tuple(compiled))


_INHERITS = re.compile(r"; inherits: (\w+)\n")


def query_text(grammar: str) -> str:
    """Return a grammar's query, that of the grammar which its first line inherits from before it."""
    text = Path(__file__).with_name("grammars").joinpath(f"{grammar}.scm").read_text("utf-8")
    inherited = _INHERITS.match(text)
    return query_text(inherited[1]) + text if inherited else text


if __name__ == "__main__":
    main()
