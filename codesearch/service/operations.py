"""What can be asked over HTTP: parameters as pydantic models, answers as what `--format json` prints.

Types are checked here, everything else by `codesearch.request`. Paths are looked up in the index, never on
the disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Literal

from codesearch.answers.counting import Tokenizer
from codesearch.render.lists import files_json, outline_json
from codesearch.render.passages import render
from codesearch.render.sanitize import json_text
from codesearch.render.status import status_json
from codesearch.request import Filtering
from codesearch.revision_index import asked as put
from codesearch.service.client import typed
from codesearch.service.dataclass_json import to_plain
from codesearch.workspace import Workspace
from indexer.errors import IndexMissingError, MissingExtraError
from indexer.light_dataclasses import dataclass
from indexer.search_defaults import DEFAULT_BUDGET_TOKENS, DEFAULT_ENCODE_SECONDS, DEFAULT_K

try:
    from pydantic import BaseModel, ConfigDict, Field
except ImportError as error:
    raise MissingExtraError("The server needs a package: pip install 'codesearch-local[serve]'.") from error

MAX_READ_LINES = 20_000
"""Lines of a file in one answer."""
_MOST_ENCODE_SECONDS = 10.0

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of a response."""

    text: str
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class Asked(BaseModel):
    """Parameters of a request; an unknown one is refused."""

    model_config = ConfigDict(extra="forbid")


class OfRepository(Asked):
    """Parameters that every question to one index has."""

    repo: str = Field("", description="Repository name; the first by default.", max_length=300)


class _Filtered(OfRepository):
    repositories: list[str] = Field(
        [], description="Answer from these as one, in one ranking; * for all.", max_length=100
    )
    revision: str = Field(
        "", description="An indexed branch, tag or commit of the one repository asked.", max_length=200
    )
    query: str = Field(description="A question, an identifier or an error message.")
    mode: Literal["hybrid", "single", "colbert", "lexical"] = Field("hybrid", description="Ranking.")
    languages: list[str] = Field([], description="Only these languages.")
    paths: list[str] = Field([], description="Only these .gitignore-style globs; ! excludes.")
    regex: str = Field("", description="Only places that match.")
    kinds: list[str] = Field([], description="Only function, method, class, ..., code or docs.")
    encode_seconds: float = Field(
        DEFAULT_ENCODE_SECONDS,
        description="Time for the vectors of candidates that have none yet.",
        le=_MOST_ENCODE_SECONDS,
    )
    threshold: float = Field(0.0, description="Only passages of at least this confidence, 0 to 1.")

    def filtering(self) -> Filtering:
        """The filters, as `codesearch.request` takes them."""
        return {
            "mode": self.mode,
            "languages": self.languages,
            "paths": self.paths,
            "regex": self.regex or None,
            "kinds": self.kinds,
            "encode_seconds": self.encode_seconds,
            "threshold": self.threshold,
        }


class Paged(Asked):
    """Parameters of answers that are passages."""

    k: int = Field(DEFAULT_K, description="Passages wanted.")
    offset: int = Field(0, description="Passages to pass over, for the next page.")
    budget_tokens: int = Field(0, description="At most this many tokens of text; 0: no limit.", ge=0)
    session: str = Field("", description="Leave out what this session was shown.", max_length=200)


class Search(Paged, _Filtered):
    """Passages that answer a question."""


class Files(_Filtered):
    """Files that answer a question, each once."""

    k: int = Field(DEFAULT_K, description="Files wanted.")


class Context(_Filtered):
    """One block of cited passages that fits a token budget."""

    budget_tokens: int = Field(DEFAULT_BUDGET_TOKENS, description="Tokens of the whole block.", le=200_000)
    format: Literal["text", "markdown", "xml", "json", "messages"] = Field("json", description="Its form.")
    session: str = Field("", description="Leave out what this session was shown.", max_length=200)


class Similar(Paged, OfRepository):
    """Passages like a file, or like the symbol at one of its lines."""

    path: str = Field(description="Path of an indexed file.")
    line: int = Field(0, description="A line of the symbol; 0: the whole file.", ge=0)


class Outline(OfRepository):
    """Symbols of a file or folder."""

    path: str = Field("", description="File or folder; empty for everything.")


class Read(OfRepository):
    """Lines of an indexed file, as indexed."""

    path: str = Field(description="Path of an indexed file.")
    start_line: int = Field(1, ge=1)
    end_line: int = Field(0, description="0: to the end.", ge=0)


class Status(OfRepository):
    """What an index holds, what it skipped and what changed since."""

    look_seconds: float = Field(
        5.0, description="Time for looking at the disk for what changed; 0 for not at all.", ge=0, le=30
    )


class AllRepositories(Asked):
    """The repositories that this server answers from."""


class Operations:
    """The operations over one set of indexes; each takes its model and blocks until it has the answer."""

    def __init__(self, workspace: Workspace, tokenizer: Tokenizer = None) -> None:
        self.workspace = workspace
        self._tokenizer = tokenizer

    def search(self, asked: Search) -> Answer:
        """Find passages by meaning."""
        names = self._names(asked)
        with put(self.workspace, names, asked.revision) as index:
            findings = index.find(
                asked.query,
                asked.k,
                budget_tokens=asked.budget_tokens or None,
                tokenizer=self._tokenizer,
                seen=self.workspace.seen(names, asked.session),
                offset=asked.offset,
                **asked.filtering(),
            )
        return Answer(render(findings, "json"))

    def files(self, asked: Files) -> Answer:
        """Find files by meaning."""
        with put(self.workspace, self._names(asked), asked.revision) as index:
            found = index.files(asked.query, asked.k, **asked.filtering())
        return Answer(files_json(found))

    def similar(self, asked: Similar) -> Answer:
        """Find code that resembles a place."""
        with self.workspace.opened(asked.repo) as index:
            findings = index.similar(
                asked.path,
                asked.line or None,
                asked.k,
                asked.budget_tokens or None,
                tokenizer=self._tokenizer,
                seen=self.workspace.seen([asked.repo], asked.session),
                offset=asked.offset,
            )
        return Answer(render(findings, "json"))

    def context(self, asked: Context) -> Answer:
        """Assemble a block for a prompt; how many tokens it has is in the header `Codesearch-Tokens`."""
        names = self._names(asked)
        with put(self.workspace, names, asked.revision) as index:
            block = index.context(
                asked.query,
                asked.budget_tokens,
                tokenizer=self._tokenizer,
                format=asked.format,
                seen=self.workspace.seen(names, asked.session),
                **asked.filtering(),
            )
        kind = JSON if asked.format in ("json", "messages") else TEXT
        return Answer(block.text, kind, {"Codesearch-Tokens": str(block.n_tokens)})

    def outline(self, asked: Outline) -> Answer:
        """List symbols."""
        with self.workspace.opened(asked.repo) as index:
            return Answer(outline_json(asked.path, index.outline(asked.path)))

    def read(self, asked: Read) -> Answer:
        """Read lines; at most 20,000, and `next_line` says where to go on."""
        last = asked.end_line or None
        with self.workspace.opened(asked.repo) as index:
            place = index.place(asked.path)
            text = index.read(asked.path, asked.start_line, last)
            is_stale = place.path in index.state().changed
        first = asked.start_line if (asked.start_line, last) != (1, None) else place.start_line or 1
        lines = text.splitlines(keepends=True) if len(text) > MAX_READ_LINES else []
        next_line = None
        if len(lines) > MAX_READ_LINES:
            text, next_line = "".join(lines[:MAX_READ_LINES]), first + MAX_READ_LINES
        value = {
            "schema": 1,
            "path": place.path,
            "start_line": first,
            "next_line": next_line,
            "stale": is_stale,
            "text": text,
        }
        return Answer(json_text(value, indent=2) + "\n")

    def status(self, asked: Status) -> Answer:
        """Say how an index stands to its files."""
        with self.workspace.opened(asked.repo) as index:
            return Answer(status_json(index.status(asked.look_seconds)))

    def own(self, root: str, verb: str, asked: Mapping[str, Any]) -> Answer:
        """What `CodeIndex` answers, whole, for the command line of the same user.

        Raises InputError, IndexMissingError where the folder is not served, ValueError for no question.
        """
        name = next((name for name, folder in self.workspace.roots.items() if str(folder) == root), None)
        if name is None:
            raise IndexMissingError(f"{root} is not served.")
        if verb not in ("find", "files", "context", "similar"):
            raise ValueError(verb)
        with self.workspace.opened(name) as index:
            answer = getattr(index, verb)(*typed(verb, asked["arguments"]), **asked["options"])
        return Answer(json.dumps(to_plain(answer)))

    def repositories(self, asked: AllRepositories) -> Answer:
        """Name the repositories."""
        found = [
            {"name": name, "root": str(root), "indexed": self.workspace.is_indexed(name)}
            for name, root in self.workspace.roots.items()
        ]
        return Answer(json_text({"schema": 1, "repositories": found}, indent=2) + "\n")

    def _names(self, asked: _Filtered) -> tuple[str, ...]:
        return self.workspace.chosen(asked.repo, asked.repositories)


@dataclass(frozen=True, slots=True)
class Operation:
    """A path below /v1/."""

    name: str
    model: type[Asked]

    def call(self, operations: Operations) -> Callable[[Any], Answer]:
        """The function that answers it."""
        function: Callable[[Any], Answer] = getattr(operations, self.name)
        return function


OPERATIONS = (
    Operation("search", Search),
    Operation("files", Files),
    Operation("similar", Similar),
    Operation("context", Context),
    Operation("outline", Outline),
    Operation("read", Read),
    Operation("status", Status),
    Operation("repositories", AllRepositories),
)
