"""Lines of .gitignore's syntax: what each speaks of, and which of several wins. Reads no file.

Asked of one file or folder at a time, as git does: a pattern speaks of what it names, not of what lies
below (a library that lets `!/build` speak for `build/build` sees other files than git). Every pattern
matches in linear time, so that no planted file can hold up a walk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from indexer.light_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One line of an ignore file."""

    regex: str
    """Of the name alone, or of the path below the ignore file's folder, as a whole."""
    is_of_name: bool
    is_negated: bool
    is_folders_only: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """Lines as rules: their patterns from the last to the first, and all of them as one to ask first."""

    patterns: tuple[tuple[_Pattern, re.Pattern[str]], ...]
    any_name: re.Pattern[str] | None
    any_path: re.Pattern[str] | None

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """True: excluded. False: a `!` line includes it. None: no line speaks of it.

        `path` is as seen from the folder of the lines.
        """
        path = _bytewise(path)
        name = path.rpartition("/")[2]
        of_name = self.any_name is not None and self.any_name.fullmatch(name)
        of_path = self.any_path is not None and self.any_path.fullmatch(path)
        if not of_name and not of_path:
            return None
        for pattern, regex in self.patterns:
            if (is_folder or not pattern.is_folders_only) and regex.fullmatch(
                name if pattern.is_of_name else path
            ):
                return not pattern.is_negated
        return None


def compile_lines(lines: Sequence[str]) -> Rules | None:
    """The rules of lines, of which the later wins; None where they say nothing."""
    parsed = [pattern for line in lines if (pattern := _parse(_bytewise(line))) is not None]
    if not parsed:
        return None
    compiled = tuple((pattern, _regex(pattern.regex)) for pattern in reversed(parsed))
    names = "|".join(pattern.regex for pattern in parsed if pattern.is_of_name)
    paths = "|".join(pattern.regex for pattern in parsed if not pattern.is_of_name)
    return Rules(compiled, _regex(names) if names else None, _regex(paths) if paths else None)


def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


def _bytewise(text: str) -> str:
    """Give every byte a character of its own: to git, `?` is one byte of a name."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def names(line: str, path: str) -> bool:
    """Tell whether a line of .gitignore's syntax speaks of a file, `path` as seen from the line's folder.

    .gitattributes and .editorconfig name files in the same way.
    """
    pattern = _parse(_bytewise(line))
    if pattern is None or pattern.is_folders_only:
        return False
    asked = _bytewise(path.rpartition("/")[2] if pattern.is_of_name else path)
    return _regex(pattern.regex).fullmatch(asked) is not None


# --- one line --------------------------------------------------------------------------------

_TRAILING_SPACE = re.compile(r"(?<!\\)((?:\\\\)*)[ ]+$")


def _parse(line: str) -> _Pattern | None:
    line = line.removesuffix("\r")
    if line.startswith("#"):
        return None
    line = _TRAILING_SPACE.sub(r"\1", line)
    is_negated = line.startswith("!")
    line = line.removeprefix("!")
    is_folders_only = line.endswith("/")
    line = line[:-1] if is_folders_only else line
    is_of_name = "/" not in line
    line = line.removeprefix("/")
    if not line:
        return None
    regex = _part_regex(line) if is_of_name else _path_regex(line)
    return None if regex is None else _Pattern(f"(?:{regex})", is_of_name, is_negated, is_folders_only)


def _path_regex(pattern: str) -> str | None:
    """Translate a pattern with slashes; `**` between them is any number of folders.

    Between two `**` the first place that fits is as good as any later one, so that all but the last
    stretch are atomic groups: nothing is tried twice.
    """
    stretches: list[list[str]] = [[]]
    for part in pattern.split("/"):
        if part == "**":
            stretches.append([])
            continue
        regex = _part_regex(part) if part else None
        if regex is None:
            return None
        stretches[-1].append(regex)
    first, last = "/".join(stretches[0]), "/".join(stretches[-1])
    if len(stretches) == 1:
        return first
    middle = ["/".join(stretch) for stretch in stretches[1:-1] if stretch]
    # Behind a closing `**` comes at least one name.
    return (
        (f"{first}/" if first else "")
        + "".join(f"(?>(?:[^/]+/)*?{stretch}/)" for stretch in middle)
        + (f"(?:[^/]+/)*{last}" if last else ".+")
    )


_TOKEN = re.compile(r"(?P<stars>\*+)|(?P<any>\?)|(?P<set>\[)|\\(?P<escaped>.)|(?P<plain>[^\\])", re.DOTALL)


def _part_regex(part: str) -> str | None:
    """Translate what is between two slashes; None where the pattern can match nothing."""
    pieces = [""]
    """What stands between stars."""
    position = 0
    while position < len(part):
        token = _TOKEN.match(part, position)
        if token is None:
            return None  # a lone backslash at the end
        position = token.end()
        if token["stars"]:
            pieces.append("")
        elif token["any"]:
            pieces[-1] += "[^/]"
        elif token["set"]:
            end = _set_end(part, position)
            if end < 0:
                return None
            pieces[-1] += _set_regex(part[position:end])
            position = end + 1
        else:
            pieces[-1] += re.escape(token["escaped"] or token["plain"])
    if len(pieces) == 1:
        return pieces[0]
    # As between two `**`: the first place that fits a piece will do, but for the last.
    middle = "".join(f"(?>[^/]*?{piece})" for piece in pieces[1:-1] if piece)
    return f"{pieces[0]}{middle}[^/]*{pieces[-1]}"


def _set_end(part: str, start: int) -> int:
    """Find the bracket that closes the set opened before `start`; -1 if none does."""
    position = start + 1 if part[start : start + 1] in ("!", "^") else start
    is_first = True
    while position < len(part):
        if part[position] == "]" and not is_first:
            return position
        if part.startswith("[:", position):
            closing = part.find(":]", position + 2)
            position = closing + 1 if closing >= 0 else position
        elif part[position] == "\\":
            position += 1
        is_first = False
        position += 1
    return -1


_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "space": r"\s",
    "blank": r" \t", "xdigit": "0-9a-fA-F", "cntrl": r"\x00-\x1f\x7f", "print": r"\x20-\x7e",
    "graph": r"\x21-\x7e", "punct": r"!-/:-@\[-`{-~",
}  # fmt: skip


def _set_regex(content: str) -> str:
    """Translate the inside of `[...]`; a set that holds nothing matches nothing."""
    is_negated = content[0] in "!^"
    content = content[1:] if is_negated else content
    members: list[str] = []
    position = 0
    while position < len(content):
        named = re.compile(r"\[:(\w*):\]").match(content, position)
        if named:
            members.append(_CLASSES.get(named[1], ""))
            position = named.end()
            continue
        low, position = _set_char(content, position)
        if content[position : position + 1] == "-" and position + 1 < len(content):
            high, position = _set_char(content, position + 1)
            if low <= high:
                members.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            members.append(re.escape(low))
    inside = "".join(members)
    if not inside:
        return "[^/]" if is_negated else "(?!)"
    return f"(?!/)[^{inside}]" if is_negated else f"(?!/)[{inside}]"


def _set_char(content: str, position: int) -> tuple[str, int]:
    """Return the character at `position`, escaped or not, and where the next one is."""
    if content[position] == "\\" and position + 1 < len(content):
        position += 1
    return content[position], position + 1
