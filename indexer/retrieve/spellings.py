"""A word of a query in its other spelling: British where it is American, American where it is British.

A closed table of words that code and its comments use. Full text knows words to the letter, and whoever asks
for the colour of a line does not know how its author wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache

from indexer.retrieve.query_shape import QueryShape, stem

_OUR = "armour behaviour colour endeavour favour flavour harbour honour humour labour neighbour rumour vapour"
_RE = "centre fibre litre metre calibre theatre"
_ISE = """
    alphabet anonym author canonical capital categor central character critic crystall custom denormal
    deserial digit econom emphas equal factor final formal general global harmon individual initial
    internal international item legal linear local material maxim memo minim mobil modern modular
    monopol neutral normal optim organ parallel parameter personal popular priorit privat random
    rational real recogn regular reinitial reorgan sanit serial social special stabil standard steril
    styl summar symbol synchron synthes token util vector virtual visual
    """
_PAIRS = {
    "acknowledgement": "acknowledgment", "ageing": "aging", "analogue": "analog", "artefact": "artifact",
    "catalogue": "catalog", "defence": "defense", "dialogue": "dialog", "fulfil": "fulfill", "grey": "gray",
    "judgement": "judgment", "licence": "license", "offence": "offense", "programme": "program",
}  # fmt: skip
_OUR_ENDINGS = ("", "s", "ed", "ing", "al", "ful", "able", "ite", "ites", "er", "ers", "hood", "less")
_VERB_ENDINGS = ("e", "es", "ed", "ing", "er", "ers", "able", "ation", "ations")

Counts = Callable[[Iterable[str]], Mapping[str, int]]


def other_spelling(word: str) -> str | None:
    """The other spelling of a lower-case word; None for one that has none."""
    return _table().get(word)


def with_other_spellings(shape: QueryShape, counts: Counts) -> QueryShape:
    """What a query asks for, with words in their other spelling too where that is what most regions have.

    `counts` tells how many regions hold each stemmed word; it is asked about such words alone. The rarer
    spelling stays beside the common one, which weighs less, unless no region has it.
    """
    others = {word: other for word in shape.words if (other := other_spelling(word)) is not None}
    if not others:
        return shape
    n_with = counts({stem(word) for pair in others.items() for word in pair})
    gains = {word: other for word, other in others.items() if n_with[stem(other)] > n_with[stem(word)]}
    words: dict[str, None] = {}
    for word in shape.words:
        if word not in gains or n_with[stem(word)]:
            words[word] = None
        if word in gains:
            words[gains[word]] = None
    of_stem = {stem(word): stem(other) for word, other in gains.items()}
    return replace(
        shape, words=tuple(words), stems=frozenset(of_stem.get(each, each) for each in shape.stems)
    )


@cache
def _table() -> dict[str, str]:
    pairs = dict(_PAIRS) | {f"{word}s": f"{other}s" for word, other in _PAIRS.items()}
    for word in _OUR.split():
        pairs |= {word + ending: f"{word[:-3]}or{ending}" for ending in _OUR_ENDINGS}
    for word in _RE.split():
        american = f"{word[:-2]}er"
        pairs |= {word: american, f"{word}s": f"{american}s", f"{word}d": f"{american}ed"}
        pairs[f"{word[:-1]}ing"] = f"{american}ing"
    verbs = {f"{root}is": f"{root}iz" for root in _ISE.split()}
    for british, american in (
        verbs | {"analys": "analyz", "catalys": "catalyz", "paralys": "paralyz"}
    ).items():
        pairs |= {british + ending: american + ending for ending in _VERB_ENDINGS}
    return pairs | {other: word for word, other in pairs.items()}
