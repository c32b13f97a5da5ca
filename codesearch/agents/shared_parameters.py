"""What several tools of an agent take together, as records; `flat` shows their fields among a tool's own."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import field, fields, is_dataclass
from functools import partial, wraps
from inspect import Parameter
from typing import Annotated, Any, Literal, get_type_hints

from anyio import to_thread
from mcp.server.mcpserver import Context
from pydantic import Field

from codesearch.request import Filtering
from indexer.light_dataclasses import dataclass

Mode = Annotated[Literal["hybrid", "single", "colbert", "lexical"], Field(description="Ranking.")]
Languages = Annotated[list[str], Field(description="Only these languages.")]
Paths = Annotated[list[str], Field(description="Only these .gitignore-style globs; ! excludes.")]
Regex = Annotated[str, Field(description="Only places that match.")]
Kinds = Annotated[list[str], Field(description="Only function, method, class, ..., code or docs.")]
Threshold = Annotated[float, Field(description="Only passages of at least this confidence, 0 to 1.")]
Budget = Annotated[int, Field(description="At most this many tokens of text; 0: no limit.", ge=0)]
Form = Annotated[
    Literal["compact", "text", "markdown", "xml", "json"], Field(description="Form of the answer.")
]
Offset = Annotated[int, Field(description="Passages to pass over, for the next page.", ge=0, le=1000)]
Repo = Annotated[str, Field(description="Repository; the first by default.")]
Repositories = Annotated[list[str], Field(description="Answer from these as one; * for all.")]
Revision = Annotated[str, Field(description="An indexed branch, tag or commit of it.", max_length=200)]


@dataclass(frozen=True, slots=True)
class Filters:
    """How a question is ranked, and what may answer it."""

    mode: Mode = "hybrid"
    languages: Languages = field(default_factory=list)
    paths: Paths = field(default_factory=list)
    regex: Regex = ""
    kinds: Kinds = field(default_factory=list)
    threshold: Threshold = 0.0

    def filtering(self) -> Filtering:
        """As the keywords of `CodeIndex.search`."""
        return {
            "mode": self.mode,
            "languages": self.languages,
            "paths": self.paths,
            "regex": self.regex or None,
            "kinds": self.kinds,
            "threshold": self.threshold,
        }


@dataclass(frozen=True, slots=True)
class Page:
    """How much of an answer is wanted, and in which form."""

    budget_tokens: Budget = 0
    format: Form = "compact"
    offset: Offset = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """Who answers: a repository, several as one, or a revision."""

    repo: Repo = ""
    repositories: Repositories = field(default_factory=list)
    revision: Revision = ""


Waiting = Callable[["Scope", Context[Any, Any]], Awaitable[None]]
"""Until those that are asked can be."""


def flat(tool: Callable[..., str], wait: Waiting) -> Callable[..., Awaitable[str]]:
    """The tool as its clients see it, run in a thread once `wait` is over.

    A record's fields are parameters in the place of the record, and each has a default. The SDK makes the
    schema from the signature, gives all by name, and its context where the annotations have one.
    """
    signature = inspect.signature(tool, eval_str=True)
    records: dict[str, type] = {}
    parameters: list[Parameter] = []
    for name, parameter in signature.parameters.items():
        record = parameter.annotation
        if is_dataclass(record) and isinstance(record, type):
            records[name] = record
            parameters += _parameters(record)
        else:
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))

    @wraps(tool)
    async def flattened(context: Context[Any, Any], **given: Any) -> str:
        asked = {each.name: given[each.name] for each in fields(Scope) if each.name in given}
        await wait(Scope(**asked), context)
        made = {
            name: record(**{each.name: given.pop(each.name) for each in fields(record) if each.name in given})
            for name, record in records.items()
        }
        return await to_thread.run_sync(partial(tool, **given, **made))

    flattened.__annotations__ = {**flattened.__annotations__, "context": Context[Any, Any]}
    context = Parameter("context", Parameter.KEYWORD_ONLY, annotation=Context[Any, Any])
    flattened.__signature__ = signature.replace(parameters=[*parameters, context])  # type: ignore[attr-defined]
    return flattened


def _parameters(record: type) -> list[Parameter]:
    annotations = get_type_hints(record, include_extras=True)
    blank = record()
    return [
        Parameter(name, Parameter.KEYWORD_ONLY, default=getattr(blank, name), annotation=annotation)
        for name, annotation in annotations.items()
    ]
