"""Token counters: what a budget is counted with. No searching and no cutting happens here.

A counter has a name, which every JSON answer states, and `count(text)`. The default is OpenAI's
`cl100k_base` where the package tiktoken is installed *and* its vocabulary already lies in tiktoken's
cache, because nothing here may open a connection; otherwise the bundled model's own tokenizer. That one
does not count white space and splits identifiers, so it gives somewhat smaller figures than the
tokenizers of chat models do; name another one where a budget must be exact for a certain model.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from indexer.errors import InputError, MissingExtraError
from indexer.light_dataclasses import dataclass

BUNDLED = "codesearch-edge"
_BUNDLED_FILE = Path("models") / "codesearch-edge" / "tokenizer.json"

_TIKTOKEN_SHA256 = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
"""Vocabularies that can be named, with the digest that tiktoken itself demands of each file."""
_TIKTOKEN_URL = "https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
"""Never opened: tiktoken's cache names its files by the SHA-1 of this."""


@runtime_checkable
class TokenCounter(Protocol):
    """Anything that can say how many tokens a text is."""

    def count(self, text: str) -> int:
        """Tokens of `text`, no specials added."""
        ...


Tokenizer = str | TokenCounter | Callable[[str], int] | None
"""What a caller may pass: a name, a `tokenizer.json`, a counter, a function, or nothing."""


@dataclass(frozen=True, slots=True)
class NamedCounter:
    """A counter with the name that answers state."""

    name: str
    counts: Callable[[str], int]

    def count(self, text: str) -> int:
        """Tokens of `text`, no specials added."""
        return self.counts(text)


def remembering(counter: NamedCounter) -> NamedCounter:
    """The same counter for the length of one answer, in which the same texts are counted again and again."""
    counts: dict[str, int] = {}

    def count(text: str) -> int:
        if text not in counts:
            counts[text] = counter.count(text)
        return counts[text]

    return NamedCounter(counter.name, count)


def counter_for(tokenizer: Tokenizer = None) -> NamedCounter:
    """The counter that a caller means.

    `tokenizer` is None or `auto` (see the module), a name (`codesearch-edge`, `cl100k_base`,
    `o200k_base`), the path of a Hugging Face `tokenizer.json`, a `TokenCounter`, a function from text to
    a number, or a tokenizer object whose `encode(text)` has a length (tiktoken, tokenizers,
    transformers).

    Raises InputError for an unknown name, MissingExtraError for a vocabulary that is not on this machine.
    """
    if tokenizer is None or tokenizer == "auto":
        return _default_counter()
    if isinstance(tokenizer, str):
        return _named(tokenizer)
    if isinstance(tokenizer, NamedCounter):
        return tokenizer
    if isinstance(tokenizer, TokenCounter):
        return NamedCounter(_name_of(tokenizer), tokenizer.count)
    encode = getattr(tokenizer, "encode", None)
    if encode is not None:
        return NamedCounter(_name_of(tokenizer), lambda text: _length(encode(text)))
    if callable(tokenizer):
        return NamedCounter(_name_of(tokenizer), tokenizer)
    raise InputError(f"A tokenizer is a name, a function or an object with count(text), not {tokenizer!r}.")


@lru_cache(maxsize=1)
def _default_counter() -> NamedCounter:
    has_tiktoken = importlib.util.find_spec("tiktoken") and _tiktoken_file("cl100k_base")
    return _named("cl100k_base" if has_tiktoken else BUNDLED)


@lru_cache(maxsize=8)
def _named(name: str) -> NamedCounter:
    if name == BUNDLED:
        import indexer

        folder = Path(indexer.__file__).parent
        return NamedCounter(BUNDLED, _hugging_face(folder / _BUNDLED_FILE))
    if name in _TIKTOKEN_SHA256:
        return NamedCounter(name, _tiktoken(name))
    if name.endswith(".json"):
        path = Path(name)
        if not path.is_file():
            raise InputError(f"There is no tokenizer file {name}.")
        return NamedCounter(name, _hugging_face(path))
    known = ", ".join(["auto", BUNDLED, *_TIKTOKEN_SHA256])
    raise InputError(f"Unknown tokenizer {name!r}; use one of {known}, or the path of a tokenizer.json.")


def _hugging_face(path: Path) -> Callable[[str], int]:
    from indexer.models.tokens import load_tokenizer, token_counter

    try:
        tokenizer = load_tokenizer(path)
    except Exception as error:  # the package raises bare Exception for a damaged file
        raise InputError(f"{path} cannot be read as a tokenizer.json: {error}.") from error
    return token_counter(tokenizer)


def _tiktoken_file(name: str) -> Path | None:
    """The vocabulary in tiktoken's cache, or None where it is absent or damaged.

    A damaged file counts as absent because tiktoken would delete it and fetch another.
    """
    import hashlib
    import tempfile

    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if folder is None:
        folder = str(Path(tempfile.gettempdir()) / "data-gym-cache")
    if not folder:
        return None
    key = hashlib.sha1(_TIKTOKEN_URL.format(name=name).encode(), usedforsecurity=False).hexdigest()
    path = Path(folder) / key
    if not path.is_file():
        return None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path if digest == _TIKTOKEN_SHA256[name] else None


def _tiktoken(name: str) -> Callable[[str], int]:
    if importlib.util.find_spec("tiktoken") is None:
        raise MissingExtraError(f"The tokenizer {name} needs a package: pip install tiktoken.")
    if _tiktoken_file(name) is None:
        raise MissingExtraError(
            f"The vocabulary of {name} is not in tiktoken's cache and nothing is fetched here; "
            f'run python -c "import tiktoken; tiktoken.get_encoding({name!r})" once with a network.'
        )
    import tiktoken

    encoding = tiktoken.get_encoding(name)
    return lambda text: len(encoding.encode_ordinary(text))


def _length(encoded: Any) -> int:
    ids = getattr(encoded, "ids", encoded)
    return len(ids)


def _name_of(tokenizer: object) -> str:
    name = getattr(tokenizer, "name", None) or getattr(tokenizer, "__name__", None)
    return name if isinstance(name, str) else type(tokenizer).__name__
