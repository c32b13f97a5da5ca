"""Set and remove one member of an object in JSON text; every other byte stays as it is."""

from __future__ import annotations

import json
import re
from typing import Any

from indexer.light_dataclasses import dataclass

_SPACE = re.compile(r"[ \t\r\n]*")
_INDENT = re.compile(r"\n([ \t]+)")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class _Member:
    """One member of an object, and where it stands in the text."""

    key: str
    key_start: int
    value_start: int
    value_end: int


@dataclass(frozen=True, slots=True)
class _Object:
    """Where an object stands: its opening brace, its members, its closing brace."""

    start: int
    members: tuple[_Member, ...]
    end: int

    def find(self, key: str) -> _Member | None:
        """The member of a key; of several the last, as JSON is read."""
        return next((member for member in reversed(self.members) if member.key == key), None)


def with_member(text: str, path: tuple[str, ...], value: dict[str, Any]) -> str:
    """The text of an object with `value` at a path of keys, in the style of what stands around it.

    `text` is valid JSON, and an object as far as the path exists in it.
    """
    found = _object(text, _skip(text, 0))
    for depth, key in enumerate(path):
        member = found.find(key)
        if member is None:
            for inner in reversed(path[depth + 1 :]):
                value = {inner: value}
            return _inserted(text, found, key, value, blank=" " if depth else "")
        if depth == len(path) - 1:
            lead = _lead(text, found)
            return text[: member.value_start] + _dumped(value, lead, text) + text[member.value_end :]
        found = _object(text, member.value_start)
    return text


def without_member(text: str, path: tuple[str, ...]) -> str:
    """The text of an object without the member at a path of keys, if it has it."""
    found = _object(text, _skip(text, 0))
    for key in path[:-1]:
        member = found.find(key)
        if member is None or text[member.value_start] != "{":
            return text
        found = _object(text, member.value_start)
    member = found.find(path[-1])
    if member is None:
        return text
    at = found.members.index(member)
    if at > 0:
        return text[: found.members[at - 1].value_end] + text[member.value_end :]
    if len(found.members) > 1:
        return text[: member.key_start] + text[found.members[1].key_start :]
    return text[: found.start + 1] + text[member.value_end :]


def without_entry(text: str, key: str, entry: str) -> str:
    """The text of an object without `entry` of the object at `key`; that goes too, if it came with the entry.

    Undoes `with_member`, which sets a blank before what it puts into an object that was empty.
    """
    member = _object(text, _skip(text, 0)).find(key)
    if member is None or text[member.value_start] != "{":
        return text
    inner = _object(text, member.value_start)
    first = inner.members[0] if len(inner.members) == 1 else None
    if first is None or first.key != entry:
        return without_member(text, (key, entry))
    if text[inner.start + 1 : first.key_start] == " ":
        return text[: inner.start + 1] + text[first.value_end :]
    return without_member(text, (key,))


def _inserted(text: str, found: _Object, key: str, value: dict[str, Any], *, blank: str) -> str:
    lead = _lead(text, found)
    member = f"{json.dumps(key)}: {_dumped(value, lead, text)}"
    if not found.members:
        return text[: found.start + 1] + blank + member + text[found.start + 1 :]
    end = found.members[-1].value_end
    return text[:end] + "," + lead + member + text[end:]


def _lead(text: str, found: _Object) -> str:
    """The white space before a new member: that of the last one; none in an empty object."""
    if not found.members:
        return ""
    key_start = found.members[-1].key_start
    space = len(text[:key_start]) - len(text[:key_start].rstrip(" \t\r\n"))
    return text[key_start - space : key_start] or " "


def _dumped(value: dict[str, Any], lead: str, text: str) -> str:
    line_end = "\r\n" if "\r\n" in lead else "\n"
    if "\n" not in lead:
        return json.dumps(value, ensure_ascii=False)
    indent = lead.rsplit("\n", 1)[1]
    unit = (
        "\t" if "\t" in indent else "    " if len(indent) % 4 == 0 and indent and len(indent) != 8 else "  "
    )
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", line_end + indent)


def _object(text: str, start: int) -> _Object:
    members = []
    at = _skip(text, start + 1)
    while text[at] != "}":
        key, end = _DECODER.raw_decode(text, at)
        value_start = _skip(text, _skip(text, end) + 1)
        _, value_end = _DECODER.raw_decode(text, value_start)
        members.append(_Member(key, at, value_start, value_end))
        at = _skip(text, value_end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return _Object(start, tuple(members), at)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
