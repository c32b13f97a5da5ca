"""Reads the settings file of a weighbridge. Written on Windows, and it shows: every line ends in CR LF."""

from pathlib import Path


class SettingsError(Exception):
    """A line that is neither a section, nor a comment, nor a pair."""


def read_settings(path: Path) -> dict[str, dict[str, str]]:
    """Sections of name = value pairs. Later pairs win over earlier ones."""
    sections: dict[str, dict[str, str]] = {"": {}}
    current = sections[""]
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.split(";", 1)[0].strip()
        if not text:
            continue
        if text.startswith("[") and text.endswith("]"):
            current = sections.setdefault(text[1:-1].strip().lower(), {})
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(f"line {number}: {text!r} is not a pair")
        current[name.strip().lower()] = value.strip()
    return sections


def tare_weight(sections: dict[str, dict[str, str]], plate: str) -> float:
    """What the empty lorry with this number plate weighs, in kilograms."""
    plates = sections.get("lorries", {})
    try:
        return float(plates[plate.lower()])
    except KeyError:
        return float(sections[""].get("default_tare", "0"))
