"""The one place that refuses: what a person asked, checked, as a `SearchRequest` that the engine serves.

The command line, the API, the MCP server and the terminal application refuse the same things with the same
sentence; the engine trusts what was checked here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypedDict, Unpack

from codesearch.choices import KINDS
from indexer.errors import InputError
from indexer.light_dataclasses import dataclass
from indexer.records import Mode, SearchRequest
from indexer.search_defaults import DEFAULT_ENCODE_SECONDS, MAX_ENCODE_SECONDS

MAX_QUERY_WORDS = 4000
MAX_QUERY_CHARS = 100_000
MAX_K = 1000
_SHOWN_REGEX_CHARS = 200
"""A longer expression is not repeated in a message."""


class Filtering(TypedDict, total=False):
    """What may be asked beside a query and a number of passages; each is a field of `SearchRequest`."""

    mode: str | Mode
    languages: Iterable[str]
    paths: Iterable[str]
    regex: str | None
    kinds: Iterable[str]
    encode_seconds: float
    threshold: float


def make_request(
    query: str | SearchRequest, k: int | None = None, **filtering: Unpack[Filtering]
) -> SearchRequest:
    """A request that the engine can serve, from a query, or from a request that is not checked yet.

    `k` and `filtering` replace what a request brings. Raises InputError with one sentence for what cannot
    be served, and TypeError for a keyword that `Filtering` has not.
    """
    for name in filtering.keys() - Filtering.__annotations__.keys():
        names = ", ".join(Filtering.__annotations__)
        raise TypeError(f"There is no filter {name!r}; there are {names}.")
    asked = query
    if not isinstance(asked, SearchRequest):
        asked = SearchRequest(asked, encode_seconds=DEFAULT_ENCODE_SECONDS)
    languages = _strings(filtering.get("languages", asked.languages), "languages")
    paths = _strings(filtering.get("paths", asked.paths), "paths")
    kinds = _strings(filtering.get("kinds", asked.kinds), "kinds")
    return SearchRequest(
        query=check_query(asked.query),
        k=check_k(asked.k if k is None else k),
        mode=check_mode(filtering.get("mode", asked.mode)),
        languages=tuple(check_language(name) for name in languages),
        paths=tuple(check_glob(glob) for glob in paths),
        regex=check_regex(filtering.get("regex", asked.regex)),
        kinds=tuple(check_kind(kind) for kind in kinds),
        encode_seconds=check_encode_seconds(filtering.get("encode_seconds", asked.encode_seconds)),
        files=asked.files,
        threshold=check_threshold(filtering.get("threshold", asked.threshold)),
    )


def check_query(query: str) -> str:
    """The query, its outer white space removed."""
    stripped = query.strip()
    if not stripped:
        raise InputError("The query is empty; ask for something in words, an identifier or an error message.")
    n_words = len(stripped.split())
    if n_words > MAX_QUERY_WORDS:
        raise InputError(f"The query has {n_words:,} words and may have {MAX_QUERY_WORDS:,}; shorten it.")
    if len(stripped) > MAX_QUERY_CHARS:
        raise InputError(
            f"The query has {len(stripped):,} characters and may have {MAX_QUERY_CHARS:,}; shorten it."
        )
    # Command-line arguments that are not UTF-8 arrive as lone surrogates, which no tokenizer takes.
    return stripped.encode("utf-8", "replace").decode("utf-8")


def check_k(k: int) -> int:
    """The number of passages wanted."""
    if not 1 <= k <= MAX_K:
        raise InputError(f"The number of passages (k) must be from 1 to {MAX_K:,}, not {k}.")
    return k


def check_encode_seconds(seconds: float) -> float:
    """How long a search may encode candidates."""
    if not 0 <= seconds <= MAX_ENCODE_SECONDS:
        raise InputError(
            f"The time for encoding must be from 0 to {MAX_ENCODE_SECONDS:,} seconds, not {seconds:g}."
        )
    return seconds


def check_threshold(threshold: float) -> float:
    """The least confidence of a passage."""
    if not 0 <= threshold <= 1:
        raise InputError(f"The threshold is a confidence from 0 to 1, not {threshold:g}.")
    return threshold


def check_offset(offset: int) -> int:
    """How many passages an answer passes over."""
    if not 0 <= offset <= MAX_K:
        raise InputError(f"The offset must be from 0 to {MAX_K:,}, not {offset}.")
    return offset


def check_mode(mode: str | Mode) -> Mode:
    """The mode by name."""
    try:
        return Mode(mode)
    except ValueError:
        raise InputError(f"Unknown mode {mode!r}; use one of {', '.join(Mode)}.") from None


def check_language(name: str) -> str:
    """The language's name in the table, aliases resolved."""
    from indexer.languages import LANGUAGES, canonical, knows

    if not knows(name):
        from difflib import get_close_matches

        near = get_close_matches(name.lower(), LANGUAGES, 1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise InputError(
            f"Unknown language {name!r}{hint} `codesearch status` lists the languages of the index."
        )
    return canonical(name)


def check_kind(kind: str) -> str:
    """A kind of span."""
    if kind not in KINDS:
        raise InputError(f"Unknown kind {kind!r}; use one of {', '.join(KINDS)}.")
    return kind


def check_glob(glob: str) -> str:
    """A path pattern in .gitignore syntax."""
    from indexer.retrieve.globs import compile_glob

    body = glob.removeprefix("!")
    try:
        is_broken = not body.strip() or "\0" in body or "\n" in body or not compile_glob(body)
    except ValueError:
        is_broken = True
    if is_broken:
        raise InputError(f"The path pattern {glob!r} is empty or broken; give one like 'src/**/*.py'.")
    if ".." in body.split("/"):
        raise InputError(f"The path pattern {glob!r} leaves the indexed folder; patterns are relative to it.")
    return glob


def check_regex(regex: str | None) -> str | None:
    """A pattern that can be served; see `indexer.retrieve.expressions`."""
    problem = "" if regex is None else regex_problem(regex)
    if problem:
        shown = repr(regex) if len(regex or "") <= _SHOWN_REGEX_CHARS else "given"
        raise InputError(f"The regular expression {shown} is broken: {problem}.")
    return regex


def regex_problem(regex: str) -> str:
    """Why a pattern cannot be served, without a full stop; empty where it can."""
    from indexer.retrieve.expressions import compile_expression

    try:
        compile_expression(regex)
    except ValueError as error:
        return str(error)
    return ""


def check_budget(budget_tokens: int | None) -> int | None:
    """A token budget, or None for none."""
    if budget_tokens is not None and budget_tokens < 1:
        raise InputError(f"A token budget must be at least 1, not {budget_tokens}.")
    return budget_tokens


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder of the index, and lines of it where they were named."""

    path: str
    """Repo-relative POSIX; empty for the root."""
    start_line: int | None = None
    end_line: int | None = None


_PLACE = re.compile(
    r"(?P<path>.+?)(?:#L(?P<first>\d{1,9})(?:-L?(?P<last>\d{1,9}))?"
    r"|:(?P<start>\d{1,9})(?:-(?P<end>\d{1,9})|:\d{1,9})?):?",
    re.DOTALL,
)
_CITATION = re.compile(r"\s*\[\d{1,4}\]\s+")
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_MAX_ALTERNATIVES = 256


def place_of(text: str, root: Path, is_known: Callable[[str], bool]) -> Place:
    """The place that a person, an agent, a compiler or codesearch itself wrote.

    `a.py`, `./a.py`, `/indexed/folder/a.py`, `a.py:12`, `a.py:12:5`, `a.py:12-20`, `a.py#L12-L20`,
    `[3] a.py:12-20`. `is_known` says whether a repo-relative path is a file of the index: such a path is
    taken as it is. Nothing is resolved: a path that leaves the folder stays one that no index has.
    """
    path = _inside(text, root)
    if is_known(path):
        return Place(path)
    bare = _CITATION.sub("", text, count=1)
    match = _PLACE.fullmatch(bare)
    if match is None:
        path = _inside(bare, root)
        return Place(path if is_known(path) else _other_spelling(path, is_known))
    start = match["first"] or match["start"]
    end = match["last"] or match["end"]
    path = _inside(match["path"], root)
    path = path if is_known(path) else _other_spelling(path, is_known)
    return Place(path, int(start), int(end) if end else None)


def _inside(path: str, root: Path) -> str:
    """A path without what names the indexed folder: `./`, or the folder's own absolute path."""
    own = root.as_posix().rstrip("/") + "/"
    if (path + "/").startswith(own):
        path = path[len(own) :]
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    path = path.rstrip("/") if path.strip("/") else path
    return "" if path == "." else path


def _other_spelling(path: str, is_known: Callable[[str], bool]) -> str:
    """The path with its accented letters, or its separators, as the index has them."""
    spellings = [unicodedata.normalize(form, path) for form in ("NFC", "NFD")] + [path.replace("\\", "/")]
    return next((spelling for spelling in spellings if is_known(spelling)), path)


def own_globs(globs: Iterable[str], folder: Path) -> tuple[str, ...]:
    """Path patterns as people and agents write them, in .gitignore syntax relative to a folder.

    `./src/**` begins at the folder, as does its absolute path; `*.{ts,tsx}` is two patterns; of
    `a.py:12-20` the file counts. Raises InputError for too many alternatives.
    """
    own = folder.as_posix().rstrip("/") + "/"
    found: list[str] = []
    for glob in globs:
        sign = "!" if glob.startswith("!") else ""
        body = glob[len(sign) :]
        match = _PLACE.fullmatch(body)
        body = match["path"] if match is not None else body
        if (body + "/").startswith(own):
            body = "/" + body[len(own) :]
        elif body.startswith("./"):
            body = "/" + body[2:].lstrip("/")
        if body in ("/", "."):
            body = "**"
        found += [sign + each for each in _alternatives(body, glob)]
    return tuple(found)


def _alternatives(glob: str, whole: str) -> list[str]:
    """A pattern with braces, as patterns without."""
    pending: list[str] = [glob]
    found: list[str] = []
    while pending:
        if len(pending) + len(found) > _MAX_ALTERNATIVES:
            raise InputError(f"The path pattern {whole[:100]!r} has too many alternatives; give fewer.")
        each = pending.pop()
        match = _BRACES.search(each)
        if match is None:
            found.append(each)
        else:
            head, tail = each[: match.start()], each[match.end() :]
            pending += [head + part + tail for part in reversed(match[1].split(","))]
    return found


def within_folder(folder: str, globs: Iterable[str]) -> tuple[str, ...]:
    """Patterns that are relative to a folder of the index, as patterns relative to the index.

    `folder` is repo-relative POSIX; empty means the root. Without patterns the result is all of the folder.
    """
    globs = tuple(globs)
    if not folder:
        return globs
    prefix = "/" + _literal(folder).strip("/") + "/"
    included = [prefix + _anywhere(glob) for glob in globs if not glob.startswith("!")] or [f"{prefix}**"]
    excluded = [glob[1:] for glob in globs if glob.startswith("!")]
    return (
        *included,
        *("!" + prefix + _anywhere(glob) for glob in excluded),
    )


def within_places(
    root: Path,
    places: Iterable[str],
    globs: Iterable[str],
    is_file: Callable[[str], bool] | None = None,
) -> tuple[str, ...]:
    """Patterns that pass what lies in any of several files and folders of an index.

    `places` are repo-relative POSIX, an empty one being all; `globs` are relative to each of them, or to the
    folder of a file, which is narrowed no further: of it only what excludes counts. `is_file` tells files
    where the index is of another tree than the one below `root`.
    """
    places, globs = tuple(dict.fromkeys(places)), tuple(globs)
    is_file = is_file or (lambda place: (root / place).is_file())
    found: list[str] = []
    for place in [""] if "" in places else places:
        if place and is_file(place):
            folder, _, name = place.rpartition("/")
            own = own_globs((glob for glob in globs if glob.startswith("!")), root / folder)
            found += within_folder(folder, (f"/{_literal(name)}", *own))
        else:
            found += within_folder(place, own_globs(globs, root / place))
    return tuple(found)


def _literal(path: str) -> str:
    return re.sub(r"([\\*?\[\]!# ])", r"\\\1", path)


def _anywhere(glob: str) -> str:
    """A pattern without an inner slash matches at any depth; others start at the folder."""
    return glob.lstrip("/") if "/" in glob.rstrip("/") else f"**/{glob}"


def _strings(values: Iterable[str], name: str) -> tuple[str, ...]:
    if isinstance(values, str):
        raise InputError(f"`{name}` is a list of strings, not one string: write [{values!r}].")
    return tuple(values)
