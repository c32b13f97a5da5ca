"""What holds for a search where nobody chose: one home of each default, for every front end."""

from __future__ import annotations

DEFAULT_K = 10
"""Passages in an answer."""
DEFAULT_MODE = "hybrid"
"""How answers are ranked; see `indexer.records.Mode`."""
DEFAULT_BUDGET_TOKENS = 4000
"""Tokens of a context block."""
DEFAULT_ENCODE_SECONDS = 1.5
"""What a search may spend on the vectors of candidates that have none yet."""
MAX_ENCODE_SECONDS = 3600
"""The most that it may be told to spend."""
