"""A passage as flat metadata: vector stores and prompts take strings and numbers, neither lists nor null."""

from __future__ import annotations

from codesearch.render.passages_json import passage_dict
from indexer.records import Passage


def flat_metadata(passage: Passage) -> dict[str, str | int | float | bool]:
    """The passage of the JSON schema without its text, each value a scalar; what is null is left out.

    `omitted_lines` is `12-20,31-40`; evidence becomes `lexical`, `single`, `colbert`, `symbols` (joined by
    commas) and `matches` (`query word=code word:line`, joined by commas).
    """
    raw = passage_dict(passage)
    del raw["text"]
    evidence = raw.pop("evidence")
    omitted = ",".join(f"{first}-{last}" for first, last in raw.pop("omitted_lines"))
    matches = ",".join(f"{m['query_word']}={m['code_word']}:{m['line']}" for m in evidence["matches"])
    flat = raw | {"omitted_lines": omitted} | evidence["scores"]
    flat |= {"symbols": ",".join(evidence["symbols"]), "matches": matches}
    return {name: value for name, value in flat.items() if value is not None}
