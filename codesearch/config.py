"""Settings from four places: defaults < user file < the repository's file < environment < flags.

- The user's file is `config.toml` in the platform's configuration folder for codesearch
  (`~/.config/codesearch/config.toml` on Linux), or the file that CODESEARCH_CONFIG names.
- A repository may bring a `codesearch.toml`. Whoever wrote the repository wrote that file, so only the
  keys marked `in_repository` below count there, numbers are capped, and it is never followed as a link:
  it cannot name a model, a server, a key, a path or a program. Other keys in it are ignored with a warning.
- `CODESEARCH_<KEY>`, as CODESEARCH_MAX_MEMORY=1GB.

Every key is one row of `KEYS`; `Config` holds the outcome and where each value came from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from codesearch.choices import MODES, VECTOR_FAMILIES
from codesearch.tree_files import read_tree_file
from indexer.disk.user_folders import config_folder, expand_user
from indexer.errors import InputError
from indexer.light_dataclasses import dataclass
from indexer.search_defaults import (
    DEFAULT_BUDGET_TOKENS,
    DEFAULT_ENCODE_SECONDS,
    DEFAULT_K,
    DEFAULT_MODE,
    MAX_ENCODE_SECONDS,
)
from indexer.settings import BuildSettings, WalkSettings

REPOSITORY_FILE = "codesearch.toml"
_PREFIX = "CODESEARCH_"
_MAX_FILE_BYTES = 65_536
"""A longer configuration file is not one."""
_SIZE = re.compile(r"(?i)(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?")


def parse_size(value: object) -> int:
    """`2GB`, `500 kB`, `1.5GiB` or a number, in bytes. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        n_bytes = value
    else:
        match = _SIZE.fullmatch(str(value).strip())
        if match is None:
            raise ValueError(f"{value!r} is not a valid size; write one like 2GB or 500kB")
        number, letter, binary = match.groups()
        n_bytes = int(float(number) * (1024 if binary else 1000) ** " kmgt".index(letter.lower() or " "))
    if n_bytes < 1:
        raise ValueError(f"{value!r} must be larger than zero")
    return n_bytes


def _flag(value: object) -> bool:
    word = str(value).strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError(f"{value!r} is neither true nor false")


def _count(value: object) -> int:
    if isinstance(value, bool) or not str(value).strip().isdigit() or int(str(value)) < 1:
        raise ValueError(f"{value!r} must be a positive integer")
    return int(str(value))


def _seconds(value: object) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1.0
    if isinstance(value, bool) or not 0 <= seconds <= MAX_ENCODE_SECONDS:
        raise ValueError(f"{value!r} is not a number of seconds from 0 to {MAX_ENCODE_SECONDS:,}")
    return seconds


def _word(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} must be text")
    return value.strip()


def _folder(value: object) -> Path:
    path = expand_user(_word(value))
    if not path.is_absolute():
        raise ValueError(f"{value!r} must be an absolute path")
    return path


def _encoding(value: object) -> str:
    import codecs

    try:
        return codecs.lookup(_word(value)).name
    except LookupError:
        raise ValueError(
            f"{value!r} is not an encoding that Python knows, such as gb18030, shift_jis or koi8-r"
        ) from None


def _one_of(*words: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in words:
            raise ValueError(f"{value!r} is not one of {', '.join(words)}")
        return str(value)

    return parse


@dataclass(frozen=True, slots=True)
class Key:
    """One setting."""

    name: str
    parse: Callable[[object], Any]
    default: Any
    help: str
    in_repository: bool = False
    """Whether a repository's own file may set it."""
    cap: int | None = None
    """The most that a repository's own file may set."""


_BUILD = BuildSettings()

KEYS = (
    Key("model", _word, _BUILD.model, "model that a new index is built with"),
    Key("mode", _one_of(*MODES), DEFAULT_MODE, "how answers are ranked", in_repository=True),
    Key("k", _count, DEFAULT_K, "passages in an answer", in_repository=True, cap=100),
    Key(
        "budget",
        _count,
        DEFAULT_BUDGET_TOKENS,
        "tokens in a context block",
        in_repository=True,
        cap=100_000,
    ),
    Key("tokenizer", _word, "auto", "what budgets are counted with"),
    Key("refresh", _flag, True, "bring a slightly stale index up to date before searching"),
    Key(
        "encode_seconds",
        _seconds,
        DEFAULT_ENCODE_SECONDS,
        "what a search may spend on vectors of candidates that have none yet",
    ),
    Key("build", _flag, True, "make an index of words before searching a folder that has none"),
    Key(
        "max_file_size",
        parse_size,
        _BUILD.walk.max_file_bytes,
        "larger files are skipped",
        in_repository=True,
        cap=10_000_000,
    ),
    Key("include_hidden", _flag, _BUILD.walk.include_hidden, "index files whose name starts with a dot"),
    Key(
        "include_generated",
        _flag,
        _BUILD.walk.include_generated,
        "index minified and generated files",
        in_repository=True,
    ),
    Key(
        "include_vendored",
        _flag,
        _BUILD.walk.include_vendored,
        "index vendored code that git tracks",
        in_repository=True,
    ),
    Key(
        "include_secrets",
        _flag,
        _BUILD.walk.include_secrets,
        "index credentials as they are; else they are redacted",
    ),
    Key(
        "encoding",
        _encoding,
        _BUILD.walk.encoding,
        "encoding of files that are neither UTF-8 nor declared; detected by default",
        in_repository=True,
    ),
    Key("state", _folder, None, "folder that keeps indexes outside their trees"),
    Key(
        "data_file_tokens",
        _count,
        _BUILD.data_file_tokens,
        "tokens of a data file (JSON, CSV, a log) that get vectors; words find the rest",
        in_repository=True,
        cap=1_000_000,
    ),
    Key("max_memory", parse_size, _BUILD.max_memory_bytes, "resident memory of a build"),
    Key("threads", _count, None, "processor threads of a build; all by default"),
    Key("vectors", _one_of(*VECTOR_FAMILIES), _BUILD.vectors, "vector index family"),
    Key(
        "chat_base_url",
        _word,
        None,
        "OpenAI-compatible endpoint for `ask`, such as http://localhost:11434/v1",
    ),
    Key("chat_model", _word, None, "chat model for `ask`"),
    Key("chat_key", _word, None, "key of that endpoint, where it wants one"),
)
_BY_NAME = {key.name: key for key in KEYS}


@dataclass(frozen=True, slots=True)
class Config:
    """The values in force."""

    values: Mapping[str, Any]
    sources: Mapping[str, str]
    """Where each came from: `default`, `flag`, `CODESEARCH_X`, or a file's path."""
    warnings: tuple[str, ...] = ()
    """Sentences for a person."""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def is_set(self, name: str) -> bool:
        """Whether anyone chose the value."""
        return self.sources[name] != "default"

    def build_settings(self, recorded: BuildSettings | None = None) -> BuildSettings:
        """Settings of a build: what an index recorded, under whatever was chosen since."""
        base = recorded or BuildSettings()

        def chosen(name: str, old: Any) -> Any:
            return self[name] if recorded is None or self.is_set(name) else old

        walk = WalkSettings(
            max_file_bytes=chosen("max_file_size", base.walk.max_file_bytes),
            include_hidden=chosen("include_hidden", base.walk.include_hidden),
            include_generated=chosen("include_generated", base.walk.include_generated),
            include_vendored=chosen("include_vendored", base.walk.include_vendored),
            include_secrets=chosen("include_secrets", base.walk.include_secrets),
            encoding=chosen("encoding", base.walk.encoding),
        )
        return replace(
            base,
            model=chosen("model", base.model),
            walk=walk,
            max_memory_bytes=chosen("max_memory", base.max_memory_bytes),
            vectors=chosen("vectors", base.vectors),
            data_file_tokens=chosen("data_file_tokens", base.data_file_tokens),
        )


def load_config(
    root: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Read all four places. A flag that is None was not given.

    `root` is the indexed folder whose `codesearch.toml` counts. Raises InputError for a broken or
    unknown value in the user's file, the environment or a flag; the repository's file only warns.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {key.name: key.default for key in KEYS}
    sources = dict.fromkeys(values, "default")
    warnings: list[str] = []

    def put(name: str, value: Any, source: str) -> None:
        values[name], sources[name] = value, source

    user_file, values_of_user = _user_settings(environment, warnings)
    for name, value in values_of_user.items():
        if name not in _BY_NAME:
            raise InputError(f"{user_file} has the unknown key {name!r}; known are {', '.join(_BY_NAME)}.")
        put(name, _parsed(name, value, str(user_file)), str(user_file))
    if root is not None:
        for name, value in _read_repository_file(root, warnings).items():
            put(name, value, REPOSITORY_FILE)
    for key in KEYS:
        variable = _PREFIX + key.name.upper()
        if environment.get(variable, "") != "":
            put(key.name, _parsed(key.name, environment[variable], variable), variable)
    for name, value in (flags or {}).items():
        if value is not None:
            put(name, _parsed(name, value, "--" + name.replace("_", "-")), "flag")
    return Config(values, sources, tuple(warnings))


def user_config_file(environment: Mapping[str, str] | None = None) -> Path:
    """Where the user's file is looked for. Raises InputError where no home folder is known."""
    environment = os.environ if environment is None else environment
    named = environment.get(_PREFIX + "CONFIG")
    if named:
        return Path(named)
    return config_folder() / "config.toml"


def _parsed(name: str, value: object, source: str) -> Any:
    try:
        return _BY_NAME[name].parse(value)
    except ValueError as error:
        raise InputError(f"{name} from {source}: {error}.") from None


def _user_settings(environment: Mapping[str, str], warnings: list[str]) -> tuple[Path, dict[str, Any]]:
    """The user's file and what it holds; a folder that cannot be looked into is a warning, not an end."""
    is_named = bool(environment.get(_PREFIX + "CONFIG"))
    try:
        path = user_config_file(environment)
    except InputError:  # no home folder: no settings in it
        return Path(), {}
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        if is_named:
            raise InputError(f"CODESEARCH_CONFIG names {path}, which does not exist.") from None
        return path, {}
    except OSError as error:
        if not is_named:
            warnings.append(f"No settings of yours are read: {path} cannot be looked for ({error.strerror}).")
            return path, {}
    return path, _read_user_file(path)


def _read_user_file(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The configuration file {path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The configuration file {path} is not TOML: {error}.") from None


def _read_repository_file(root: Path, warnings: list[str]) -> dict[str, Any]:
    """The harmless settings of a repository's own file; whatever else it holds becomes a warning."""
    text = _repository_text(root, warnings)
    if text is None:
        return {}
    import tomllib

    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        warnings.append(f"The repository's {REPOSITORY_FILE} is ignored: not TOML ({_one_line(error)}).")
        return {}
    accepted: dict[str, Any] = {}
    for name, value in raw.items():
        key = _BY_NAME.get(name)
        if key is None or not key.in_repository:
            why = "unknown" if key is None else "only your own file, environment or flags may set it"
            warnings.append(f"{_one_line(name)!r} in the repository's {REPOSITORY_FILE} is ignored: {why}.")
            continue
        try:
            parsed = key.parse(value)
        except ValueError as error:
            warnings.append(f"{name!r} in the repository's {REPOSITORY_FILE} is ignored: {_one_line(error)}.")
            continue
        if key.cap is not None and parsed > key.cap:
            warnings.append(f"{name!r} in the repository's {REPOSITORY_FILE} is lowered to {key.cap}.")
            parsed = key.cap
        accepted[name] = parsed
    return accepted


def _repository_text(root: Path, warnings: list[str]) -> str | None:
    """The text of the repository's file; a link, device, pipe or large file is ignored with a warning."""
    why = "not a small plain file"
    try:
        data = read_tree_file(root, REPOSITORY_FILE, _MAX_FILE_BYTES)
        if len(data) <= _MAX_FILE_BYTES:
            return data.decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        why = "not UTF-8"
    except InputError:
        pass
    warnings.append(f"The repository's {REPOSITORY_FILE} is ignored: {why}.")
    return None


def _one_line(value: object) -> str:
    """Text from an untrusted file, fit for a message."""
    return "".join(char if char.isprintable() else "?" for char in str(value))[:80]
