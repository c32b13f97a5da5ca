"""Figures in sentences, and sentences that several places say."""

from __future__ import annotations


def counted(n: int, noun: str, nouns: str = "") -> str:
    """`1 file`, `2,000 files`; `nouns` where the plural is not the noun with an s."""
    return f"{n:,} {noun if n == 1 else nouns or noun + 's'}"


def not_indexed(path: str) -> str:
    """What is said where the index does not have a path that it is asked about."""
    return (
        f"{path} is not in the index; `codesearch outline` lists what is, `codesearch status --skipped` what"
        " was left out."
    )
