"""What sentences advise, for an agent that has the tools and no command line.

Of sentences alone: what is indexed is never rewritten.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codesearch.render.sanitize import label
from indexer.light_dataclasses import dataclass

_INDEX = re.compile(r"`codesearch index(?: (?P<folder>(?!-)[^`]+))?`")
"""With an option it does what no tool does."""
_READING = re.compile(r"`codesearch (outline|search|status)(?: --skipped)?`")
_SEEN = "leave --seen out"


@dataclass(frozen=True, slots=True)
class ToolAdvice:
    """The tools of a server in place of commands; a command that no tool stands for stays, for a person."""

    roots: Mapping[str, Path]
    """Of the repositories by name, the first being the default."""
    can_refresh: bool

    def told(self, sentence: str, asked: Mapping[str, Any]) -> str:
        """A sentence of an answer, or of a refusal, to a call with these arguments."""
        if self.can_refresh and not asked.get("revision"):
            sentence = _INDEX.sub(lambda match: self._refresh(match["folder"], asked), sentence)
        return _READING.sub(r"`\1`", sentence).replace(_SEEN, "leave `session` out")

    def _refresh(self, folder: str | None, asked: Mapping[str, Any]) -> str:
        """The call of `refresh` that brings up to date what was asked, or the index of a folder."""
        names = list(self.roots)
        of_folder = [name for name, root in self.roots.items() if folder == str(root)]
        wanted = of_folder or asked.get("repositories") or [asked.get("repo") or names[0]]
        wanted = names if "*" in wanted else wanted
        if wanted == names[:1]:
            return "`refresh`"
        return f"`refresh repo={label(wanted[0])}`" if len(wanted) == 1 else "`refresh` of each repository"
