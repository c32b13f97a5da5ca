"""The sample repositories are what their README says: questions with true answers, and honest traps.

Definitions are found here with tree-sitter alone, and sections with a few lines of their own, so that
a mistake in `indexer.reading.parse` cannot make a wrong answer look right.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tree_sitter import Node
from tree_sitter_language_pack import get_parser

ROOT = Path(__file__).parent.parent / "sample_repos"
TRAPS = ROOT / "traps"
REPOS = (
    "billing", "handbook", "http_router", "key_store", "mailer", "task_queue", "text_adventure", "traps",
)  # fmt: skip
GRAMMARS = {
    ".c": "c", ".cs": "csharp", ".go": "go", ".java": "java", ".js": "javascript", ".lua": "lua",
    ".py": "python", ".rb": "ruby", ".rs": "rust", ".sh": "bash", ".sql": "sql", ".ts": "typescript",
}  # fmt: skip
ENCODINGS = {"utf16_le_orders.sql": "utf-16", "utf16_be_letter.txt": "utf-16", "latin1_tide.c": "latin-1"}
NATURAL = frozenset({"question", "prose", "trap"})
"""Categories of questions that may not name what they look for."""
OTHER = frozenset({"identifier", "message"})

DEFINITIONS = re.compile(
    r"(function|class|constructor|method|record|enum|interface|type_alias|struct|const|trait|type)_"
    r"(definition|declaration|item|spec)|variable_declarator|class|module|method|singleton_method"
    r"|namespace_declaration|create_view"
)
WRAPPERS = frozenset({"decorated_definition", "export_statement", "lexical_declaration", "type_declaration"})
STOP_WORDS = frozenset({
    "a", "an", "and", "are", "at", "be", "but", "by", "do", "for", "from", "has", "how", "in", "is", "it",
    "its", "of", "on", "or", "the", "to", "what", "when",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lines:
    """1-based, both included."""

    start: int
    end: int


def queries() -> list[dict[str, Any]]:
    """The questions, in the order of the file."""
    loaded = json.loads((ROOT / "queries.json").read_text(encoding="utf-8"))
    assert loaded["version"] == 1
    return list(loaded["queries"])


@cache
def text_of(path: Path) -> str:
    """A file as a reader sees it: decoded, without a byte order mark."""
    return path.read_bytes().decode(ENCODINGS.get(path.name, "utf-8")).removeprefix("\ufeff")


@cache
def definitions(path: Path) -> dict[str, list[Lines]]:
    """Dotted names, outermost symbol first, and the lines of their definitions with decorators."""
    if path.suffix in (".md", ".rst"):
        return sections(text_of(path))
    root = get_parser(GRAMMARS[path.suffix]).parse(text_of(path).encode()).root_node
    found: dict[str, list[Lines]] = {}
    todo: list[tuple[Node, str]] = [(root, "")]
    while todo:
        node, owner = todo.pop()
        if node.type == "impl_item":
            owner = name_of(node, "type")
        elif DEFINITIONS.fullmatch(node.type) and (name := name_of(node, "name")):
            receiver = re.search(r"(\w+)\)$", name_of(node, "receiver"))
            owner = ".".join(part for part in (receiver[1] if receiver else owner, name) if part)
            outer = node
            while outer.parent and outer.parent.type in WRAPPERS and outer.parent.named_child_count < 3:
                outer = outer.parent
            lines = Lines(outer.start_point[0] + 1, outer.end_point[0] + 1)
            found.setdefault(owner, []).append(lines)
        todo.extend((child, owner) for child in reversed(node.children))
    return found


def name_of(node: Node, field: str) -> str:
    """Text of a field. C hides a function's name in its declarator, SQL a view's in a reference."""
    child = node.child_by_field_name(field)
    if child is None and field == "name":
        child = node.child_by_field_name("declarator")
        while child is not None and (inner := child.child_by_field_name("declarator")):
            child = inner
        if node.type == "create_view":
            child = next((each for each in node.children if each.type == "object_reference"), None)
    text = child.text.decode() if child is not None and child.text else ""
    return text if field == "receiver" else re.sub(r"<.*", "", text)


def sections(text: str) -> dict[str, list[Lines]]:
    """Headings of Markdown and reStructuredText, joined with ` > `; a section ends before its equal."""
    lines = text.split("\n")
    headings: list[tuple[int, int, str]] = []  # line, level, title
    styles: list[str] = []
    in_fence = False
    for i, line in enumerate(lines):
        in_fence ^= line.startswith("```")
        below = lines[i + 1] if i + 1 < len(lines) else ""
        if (match := re.fullmatch(r"(#+) (.+)", line)) and not in_fence:
            headings.append((i + 1, len(match[1]), match[2]))
        elif line.strip() and re.fullmatch(r"([=-])\1{3,}", below) and not re.match(r"[|=]", line):
            overlined = i > 0 and lines[i - 1] == below
            style = below[0] * (2 if overlined else 1)
            styles += [style] if style not in styles else []
            headings.append((i if overlined else i + 1, styles.index(style), line.strip()))
    found: dict[str, list[Lines]] = {}
    trail: list[tuple[int, str]] = []
    for position, (start, level, title) in enumerate(headings):
        trail = [entry for entry in trail if entry[0] < level] + [(level, title)]
        end = next((line - 1 for line, other, _ in headings[position + 1 :] if other <= level), len(lines))
        while not lines[end - 1].strip() or lines[end - 1].startswith(".. _"):
            end -= 1
        found.setdefault(" > ".join(name for _, name in trail), []).append(Lines(start, end))
    return found


def split_words(text: str) -> list[str]:
    """`BackoffPolicy.pause_after` → backoff, policy, pause, after."""
    spaced = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3 \2\4", text)
    return re.findall(r"[^\W_]+", spaced.lower())


def gives_away(query: str, symbol: str) -> bool:
    """Does the question name what it looks for, in one word, in several, or scattered?"""
    wanted = split_words(re.split(r" > |\.", symbol)[-1])
    telling = [word for word in wanted if word not in STOP_WORDS] or wanted
    asked = split_words(query)
    scattered = all(word in asked for word in telling)
    starts = range(len(asked))
    pieces = {"".join(asked[start : start + n_words]) for start in starts for n_words in range(1, 6)}
    return scattered or "".join(wanted) in pieces


def test_there_are_enough_questions_and_they_are_spread_evenly() -> None:
    categories = Counter(query["category"] for query in queries())
    assert set(categories) == NATURAL | OTHER
    assert sum(categories[category] for category in NATURAL) >= 120
    per_repo = Counter(query["repo"] for query in queries() if query["category"] in NATURAL)
    assert set(per_repo) == set(REPOS)
    assert min(per_repo.values()) >= 10
    assert max(per_repo.values()) <= 25


def test_no_question_is_asked_twice() -> None:
    repeated = [text for text, n in Counter(query["query"].lower() for query in queries()).items() if n > 1]
    assert repeated == []


@pytest.mark.parametrize("query", queries(), ids=lambda query: query["query"][:60])
def test_every_answer_is_where_the_file_says(query: dict[str, Any]) -> None:
    assert list(query) == ["repo", "query", "category", "path", "symbol", "start_line", "end_line"]
    path = ROOT / query["repo"] / query["path"]
    assert path.is_file()
    found = definitions(path)
    assert query["symbol"] in found, f"{query['path']} defines {sorted(found)}"
    assert Lines(query["start_line"], query["end_line"]) in found[query["symbol"]]
    if query["category"] in NATURAL:
        assert not gives_away(query["query"], query["symbol"])
    elif query["category"] == "identifier":
        assert gives_away(query["query"], query["symbol"])


@pytest.mark.parametrize(
    ("query", "symbol", "given_away"),
    [
        ("wait longer after each failure", "BackoffPolicy.pause_after", False),
        ("what is pause after", "BackoffPolicy.pause_after", True),
        ("after which pause", "BackoffPolicy.pause_after", True),
        ("the pauseafter method", "BackoffPolicy.pause_after", True),
        ("serve a folder", "Folder", True),
        ("the server", "Serve", False),
        ("who answers", "On call > If nobody answers", False),
        ("if nobody answers the telephone", "On call > If nobody answers", True),
        ("parse json", "parseJSONBody", False),
        ("body of JSON, how to parse", "parseJSONBody", True),
    ],
)
def test_the_rule_against_giving_the_answer_away(query: str, symbol: str, given_away: bool) -> None:
    assert gives_away(query, symbol) is given_away


def source_files() -> list[Path]:
    return [
        path
        for repo in REPOS
        if repo != "traps"
        for path in sorted((ROOT / repo).rglob("*"))
        if path.suffix in GRAMMARS and ".codesearch" not in path.parts
    ]


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_source_file_parses(path: Path) -> None:
    tree = get_parser(GRAMMARS[path.suffix]).parse(path.read_bytes())
    assert not tree.root_node.has_error
    assert b"\r" not in path.read_bytes()
    assert path.read_bytes().endswith(b"\n")


@pytest.mark.parametrize("repo", [repo for repo in REPOS if repo != "traps"])
def test_every_repository_introduces_itself_and_is_small(repo: str) -> None:
    files = [path for path in (ROOT / repo).rglob("*") if path.is_file() and ".codesearch" not in path.parts]
    assert (ROOT / repo / "README.md").stat().st_size > 1_000
    assert 6 <= len(files) <= 30
    assert max(len(text_of(path).split("\n")) for path in files) <= 300


# --- traps -------------------------------------------------------------------------------------


def trap(name: str) -> bytes:
    return (TRAPS / name).read_bytes()


def test_every_trap_is_explained() -> None:
    explained = (TRAPS / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in TRAPS.iterdir()} - {"README.md", "deep", ".codesearch"}
    assert [name for name in sorted(names) if f"`{name}" not in explained] == []


def test_crlf_on_every_line() -> None:
    content = trap("crlf_settings.py")
    assert content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r") > 30


def test_byte_order_marks() -> None:
    assert trap("bom_thermostat.cs").startswith(b"\xef\xbb\xbfusing")
    assert trap("utf16_le_orders.sql").startswith(b"\xff\xfe-\x00-\x00")
    assert trap("utf16_be_letter.txt").startswith(b"\xfe\xff\x00L\x00i")
    assert "Öztürk" in trap("utf16_be_letter.txt").decode("utf-16")
    assert "Zoë" in trap("utf16_le_orders.sql").decode("utf-16")


def test_latin_1_is_not_utf_8() -> None:
    content = trap("latin1_tide.c")
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")
    assert b"mar\xe9e" in content


def test_the_long_file_is_longer_than_a_model_can_see() -> None:
    from tokenizers import Tokenizer

    model = ROOT.parent / "indexer" / "models" / "codesearch-edge" / "tokenizer.json"
    n_tokens = len(Tokenizer.from_file(str(model)).encode(text_of(TRAPS / "long_mos6502.py")).ids)
    assert 8_192 < n_tokens < 13_000


def test_one_very_long_line() -> None:
    lines = trap("long_line.py").split(b"\n")
    assert sum(len(line) > 80_000 for line in lines) == 1
    assert sorted(map(len, lines))[-2] < 120


def test_minified_without_saying_so() -> None:
    content = trap("minified_sparks.js")
    assert content.count(b"\n") <= 1
    assert len(content) > 2_000


def test_broken_syntax_with_sound_functions_around_it() -> None:
    path = TRAPS / "broken_syntax.py"
    assert get_parser("python").parse(path.read_bytes()).root_node.has_error
    assert {"moon_age", "weekday_name"} <= set(definitions(path))


def test_four_hundred_blocks_inside_each_other() -> None:
    depth = deepest = 0
    for character in text_of(TRAPS / "deep_nesting.js"):
        depth += (character == "{") - (character == "}")
        deepest = max(deepest, depth)
    assert depth == 0
    assert deepest > 400
    assert len(next((TRAPS / "deep").rglob("*.lua")).relative_to(TRAPS).parts) == 28


def test_nothing_and_no_end() -> None:
    assert trap("empty.py") == b""
    assert trap("no_newline_at_end.rb").endswith(b"\nend")


def test_line_breaks_that_are_none() -> None:
    content = trap("line_separators.py")
    for mark in ("\x0c", "\x85", "\u2028", "\u2029", "\x1c"):
        assert mark.encode() in content
    assert len(content.decode().splitlines()) > content.count(b"\n")
    assert definitions(TRAPS / "line_separators.py")["strip_exotic_breaks"][0].start == 10


def test_control_sequences() -> None:
    content = trap("control_sequences.sh")
    assert b"\x1b[2J" in content
    assert b"\x07" in content
    assert re.search(rb"\r(?!\n)", content)
    assert "\u202e" in content.decode()


def test_identifiers_beyond_ascii() -> None:
    assert "Überfahrt.dauer_in_minuten" in definitions(TRAPS / "unicode_identifiers.py")
    assert "👩‍👩‍👧" in text_of(TRAPS / "unicode_identifiers.py")
    assert "func 🎲" in text_of(TRAPS / "emoji_identifiers.swift")
    assert (TRAPS / "größe und maße.lua").is_file()


def test_binary_generated_and_vendored() -> None:
    assert trap("tiny.png").startswith(b"\x89PNG\r\n\x1a\n\x00")
    assert b"DO NOT EDIT" in trap("generated_pb2.py")
    assert (TRAPS / "vendor" / "pad-start" / "index.js").is_file()


def test_links_in_circles_and_out_of_the_tree() -> None:
    links = {path.name: str(path.readlink()) for path in (TRAPS / "links").iterdir() if path.is_symlink()}
    assert links == {
        "copy_of_broken.py": "../broken_syntax.py",
        "first": "second",
        "itself": ".",
        "nowhere": "no-such-file.py",
        "outside": "/etc/hosts",
        "second": "first",
        "up_and_round": "../..",
    }
    assert not (TRAPS / "links" / "up_and_round").resolve().is_relative_to(TRAPS)


@pytest.mark.skipif(not (ROOT.parent / ".git").exists(), reason="not a git checkout")
def test_git_keeps_every_byte() -> None:
    command = ["git", "-C", str(ROOT), "check-attr", "text", "traps/crlf_settings.py", "mailer/README.md"]
    environment = {**os.environ, "LC_ALL": "C"}
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert answer.stdout.count("text: unset") == 2
