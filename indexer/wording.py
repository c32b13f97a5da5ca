"""Figures in sentences."""

from __future__ import annotations


def counted(n: int, noun: str, nouns: str = "") -> str:
    """`1 file`, `2,000 files`; `nouns` where the plural is not the noun with an s."""
    return f"{n:,} {noun if n == 1 else nouns or noun + 's'}"
