"""What a build notes about itself in its generation's database, as strings: written once, read by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from indexer.errors import IndexCorruptError
from indexer.settings import BuildSettings, WalkSettings

WALK_FACTS = tuple(item.name for item in fields(WalkSettings))
TOTALS = ("n_files", "n_chunks", "n_spans", "n_tokens")


def settings_facts(settings: BuildSettings, text_rules: str) -> dict[str, str]:
    """Which files were offered, by which rules their text was read, how vectors are searched."""
    facts = {name: str(getattr(settings.walk, name)) for name in WALK_FACTS}
    walk = settings.walk
    rules = f"{text_rules} generated={walk.include_generated} secrets={walk.include_secrets}"
    return facts | {"text_rules": rules, "vectors": settings.vectors}


def walk_settings(facts: Mapping[str, str]) -> WalkSettings:
    """The settings that the tree was walked with; the default for what was not noted."""
    values: dict[str, int | bool] = {}
    for name in WALK_FACTS:
        text = facts.get(name)
        if text in ("True", "False"):
            values[name] = text == "True"
        elif text is not None and text.isdigit():
            values[name] = int(text)
    return WalkSettings(**values)  # type: ignore[arg-type]


def number(facts: Mapping[str, str], name: str) -> int:
    """A fact that is a number. Raises IndexCorruptError where it is missing or none."""
    try:
        return int(facts[name])
    except (KeyError, ValueError):
        raise IndexCorruptError(
            f"The index database lacks its fact {name}; rebuild the index with `codesearch index --rebuild`."
        ) from None
