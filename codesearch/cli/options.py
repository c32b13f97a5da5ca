"""Options that several commands share, and how they become a request. Values only, no engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from codesearch.choices import KINDS, MODES
from codesearch.cli.completion import complete_kind, complete_language
from codesearch.cli.console import name_state, say
from codesearch.cli.questions import QuestionCommand
from codesearch.config import Config, load_config
from indexer.disk.user_folders import expand_user
from indexer.light_dataclasses import dataclass
from indexer.search_defaults import DEFAULT_ENCODE_SECONDS, DEFAULT_MODE

if TYPE_CHECKING:
    from codesearch.answers.seen import Seen
    from codesearch.api import CodeIndex
    from indexer.records import BuildReport, SearchRequest

_REVISION = "codesearch.revision"
"""The same, of --rev."""
_STATE = "codesearch.state"
"""Of click's notes on one call: what --state names."""
_IGNORES_CASE = "codesearch.ignores_case"
Command = TypeVar("Command", bound=Callable[..., Any])


def _note_case(context: click.Context, _: click.Parameter, ignores: bool) -> None:
    context.meta[_IGNORES_CASE] = ignores


def _expression(context: click.Context, _: click.Parameter, regex: str | None) -> str | None:
    return f"(?i){regex}" if regex is not None and context.meta.get(_IGNORES_CASE) else regex


def filter_options(command: Command) -> Command:
    """--mode, --lang, --path, --regex, -i, --kind, --threshold."""
    for option in (
        click.option("--threshold", type=float, default=0.0, metavar="X",
                     help="Only passages of at least this confidence, from 0 to 1."),
        click.option("--kind", "kinds", multiple=True, metavar="KIND", shell_complete=complete_kind,
                     help=f"Only this kind: {', '.join(KINDS)}; repeatable."),
        click.option("--regex", metavar="RE", callback=_expression,
                     help="Only places that match this regular expression."),
        click.option("-i", "--ignore-case", is_flag=True, is_eager=True, expose_value=False,
                     callback=_note_case, help="Ignore case in --regex; words are found in any case."),
        click.option("-g", "--path", "paths", multiple=True, metavar="GLOB",
                     help="Only these files, in .gitignore syntax; a leading ! excludes; repeatable."),
        click.option("--lang", "languages", multiple=True, metavar="LANG", shell_complete=complete_language,
                     help="Only this language, as python or markdown; repeatable."),
        click.option("--mode", type=click.Choice(MODES), help=f"How to rank; {DEFAULT_MODE} by default."),
    ):  # fmt: skip
        command = option(command)
    return command


def budget_options(command: Command) -> Command:
    """--budget and --tokenizer."""
    command = tokenizer_option(command)
    return click.option("--budget", type=int, metavar="TOKENS", help="At most this many tokens.")(command)


def tokenizer_option(command: Command) -> Command:
    """--tokenizer."""
    return click.option(
        "--tokenizer",
        metavar="NAME",
        help="What tokens are counted with: auto, codesearch-edge, cl100k_base, o200k_base, or the path of a"
        " tokenizer.json.",
    )(command)


def offset_option(command: Command) -> Command:
    """--offset."""
    return click.option(
        "--offset", type=int, default=0, metavar="N", help="Passages to pass over, for the next page."
    )(command)


def refresh_option(command: Command) -> Command:
    """--refresh/--no-refresh."""
    return click.option(
        "--refresh/--no-refresh",
        default=None,
        help="Bring the index up to date first; by default only where few files changed.",
    )(command)


def server_option(command: Command) -> Command:
    """--no-server; `open_index` asks the context of the command."""

    def note(context: click.Context, _: click.Parameter, no_server: bool) -> None:
        context.meta[_MAY_ASK_SERVER] = not no_server

    return click.option(
        "--no-server",
        is_flag=True,
        expose_value=False,
        callback=note,
        help="Open the index here, also where `codesearch serve` holds it open.",
    )(command)


def build_option(command: Command) -> Command:
    """--build/--no-build."""
    return click.option(
        "--build/--no-build",
        default=None,
        help="Make an index of words first where there is none; by default yes.",
    )(command)


def state_option(command: Command) -> Command:
    """--state, which `state_in_force` reads."""

    def keep(context: click.Context, _: click.Parameter, value: str | None) -> None:
        if value:
            context.meta[_STATE] = expand_user(value).absolute()
            name_state(value)

    return click.option(
        "--state",
        type=click.Path(),
        metavar="DIR",
        callback=keep,
        expose_value=False,
        help="Keep the index in DIR, outside the indexed folder.",
    )(command)


def state_in_force() -> Path | None:
    """The folder that keeps indexes outside their trees, by flag or setting; None where none is named."""
    context = click.get_current_context(silent=True)
    given = context.meta.get(_STATE) if context else None
    state: Path | None = load_config(None, {"state": given and str(given)})["state"]
    return state


def revision_option(command: Command) -> Command:
    """--rev, which `open_index` reads."""

    def keep(context: click.Context, _: click.Parameter, value: str | None) -> None:
        context.meta[_REVISION] = value

    return click.option(
        "--rev",
        metavar="REV",
        callback=keep,
        expose_value=False,
        help="Ask a branch, tag or commit that `codesearch index --rev` has indexed.",
    )(command)


def revision_in_force() -> str | None:
    """The revision that is asked; None for the tree."""
    context = click.get_current_context(silent=True)
    return context.meta.get(_REVISION) if context else None


def encode_option(command: Command) -> Command:
    """--encode-seconds."""
    return click.option(
        "--encode-seconds",
        type=float,
        metavar="SECONDS",
        help="Time for the vectors of candidates that have none yet;"
        f" {DEFAULT_ENCODE_SECONDS:g} by default, 0 for none.",
    )(command)


def seen_option(command: Command) -> Command:
    """--seen."""
    return click.option(
        "--seen",
        "seen_file",
        type=click.Path(),
        metavar="FILE",
        help="Leave out what earlier commands with this file showed, and remember this answer.",
    )(command)


_MAY_ASK_SERVER = "codesearch.may_ask_server"
_FEW_FILES = 2
"""For so few a model that computes one batch at a time is loaded, which is ready sooner."""
_held: list[object] = [None]
"""The model that was loaded ahead goes with the process: to let it go before takes 20 ms."""


@contextmanager
def remembering(seen_file: str | None) -> Iterator[Seen | None]:
    """The memory in a file, written back when the answer is made; None without a file."""
    if seen_file is None:
        yield None
        return
    from codesearch.answers.seen import Seen

    path = expand_user(seen_file)
    seen = Seen.load(path)
    yield seen
    seen.save(path)


@dataclass(frozen=True, slots=True)
class Opened:
    """An index, ready to ask, and the settings in force."""

    index: CodeIndex
    config: Config
    places: tuple[str, ...]
    """Repo-relative folders and files that the person named; an empty one is all of it."""

    def within(self, path: str) -> str:
        """A path of a person's, as the index knows it. Raises InputError for one outside."""
        from indexer.errors import InputError

        try:
            relative = expand_user(path).resolve().relative_to(self.index.root).as_posix()
        except ValueError:
            raise InputError(f"{path} is outside the indexed folder {self.index.root}.") from None
        return "" if relative == "." else relative

    def globs(self, typed: Iterable[str] = ()) -> tuple[str, ...]:
        """Patterns that were typed relative to each of `places`, as the index takes them."""
        from codesearch.request import within_places

        is_file = frozenset(self.index.paths()).__contains__ if revision_in_force() is not None else None
        return within_places(self.index.root, self.places, map(from_here, typed), is_file)

    def request(self, typed: SearchRequest) -> SearchRequest:
        """What was typed, with the settings in force."""
        from indexer.records import Mode

        config = self.config
        mode, seconds = Mode(config["mode"]), config["encode_seconds"]
        return replace(typed, k=config["k"], mode=mode, paths=self.globs(typed.paths), encode_seconds=seconds)


def from_here(glob: str) -> str:
    """A pattern that begins with `./` means the folder that the person is in."""
    sign = "!" if glob.startswith("!") else ""
    body = glob[len(sign) :]
    return f"{sign}{Path.cwd().as_posix()}/{body[2:]}" if body.startswith("./") else glob


def open_index(
    path: str | None, flags: dict[str, Any], *, refresh: bool | None = None, build: bool | None = False
) -> Opened:
    """Open the nearest index at or above `path`, and bring it up to date where that is wanted.

    Where there is none, one of words is made first, unless that is not wanted. A path below the index's
    root narrows the answer to that folder or file; no path means all of it.
    """
    from codesearch.locate import find_root, is_too_wide
    from indexer.errors import IndexMissingError

    folder = folder_asked(path or ".")
    flags = {**flags, "refresh": refresh, "build": build}
    state = state_in_force()
    revision = revision_in_force()
    if revision is not None:
        return _open_revision(folder, path, revision, flags)
    built: BuildReport | None = None
    try:
        root = find_root(path or ".", state)
    except IndexMissingError:
        config = load_config(folder, flags)
        if not config["build"] or is_too_wide(folder):
            raise
        built = build_words(folder, config, state)
        root = folder.resolve()
    config = load_config(root, flags)
    for warning in config.warnings:
        say(f"codesearch: {warning}")
    served = _served(root) if refresh is None and state is None else None
    index = served or _opened(root, state)
    if built is not None and served is None:
        index.note_build(built)
    if config["refresh"] and served is None:
        _refresh(index, config, wanted=bool(refresh))
    below = expand_user(path).resolve().relative_to(root).as_posix() if path else ""
    return Opened(index, config, ("" if below == "." else below,))


def _open_revision(folder: Path, path: str | None, name: str, flags: dict[str, Any]) -> Opened:
    from codesearch.revision_index import RevisionIndex, moved_on

    index = RevisionIndex.open_revision(folder, name, state=state_in_force())
    config = load_config(index.root, flags)
    for warning in config.warnings:
        say(f"codesearch: {warning}")
    if moved_on(index):
        say(f"{index.name} stands for another commit now; `codesearch index --rev {index.name}` indexes it.")
    below = expand_user(path).resolve().relative_to(index.root).as_posix() if path else ""
    return Opened(index, config, ("" if below == "." else below,))


def _served(root: Path) -> CodeIndex | None:
    """The index as a running server answers for it, where the command may ask one and one runs."""
    context = click.get_current_context(silent=True)
    if context is None or not context.meta.get(_MAY_ASK_SERVER):
        return None
    from codesearch.service.client import find_server

    return cast("CodeIndex | None", find_server(root))


def _opened(root: Path, state: Path | None) -> CodeIndex:
    from codesearch.api import CodeIndex

    return CodeIndex.open(root, state=state)


def folder_asked(path: str) -> Path:
    """The folder of a path that is asked about: itself, or the one that holds the file. Raises InputError.

    What a revision holds may be gone: then it is the nearest folder that is there.
    """
    named = expand_user(path)
    try:
        if named.is_file():
            return named.parent
        while revision_in_force() is not None and not named.exists():
            named = named.parent
            path = str(named)
    except (OSError, ValueError):
        pass
    return require_folder(path)


def require_folder(path: str) -> Path:
    """The path, if it is a folder. Raises InputError."""
    from indexer.errors import InputError

    folder = expand_user(path)
    try:
        is_folder, exists = folder.is_dir(), folder.exists()
    except (OSError, ValueError):
        raise InputError(f"{path!r} cannot be a path.") from None
    if not exists:
        context = click.get_current_context(silent=True)
        takes_query = context is not None and isinstance(context.command, QuestionCommand)
        advice = " If it is a word of the query, put the whole query in quotes." if takes_query else ""
        raise InputError(f"There is no such folder: {path}.{advice}")
    if not is_folder:
        raise InputError(f"{path} is a file; give the folder that holds it.")
    return folder


def build_words(folder: Path, config: Config, state: Path | None) -> BuildReport:
    """Make an index of a folder that can be asked by words."""
    from codesearch.cli.progress import ProgressBar
    from codesearch.known_repositories import remember_if_possible
    from codesearch.locate import build_index
    from indexer.wording import counted

    if _encodes(config):
        _load_ahead(config)
    with ProgressBar() as bar:
        report = build_index(
            folder, progress=bar, settings=config.build_settings(), encode=False, state=state
        )
    remember_if_possible(folder.resolve())
    say(
        f"Indexed the words of {counted(report.n_files, 'file')} in {report.elapsed_seconds:.1f} s;"
        " what a search names is encoded as it is asked for."
    )
    return report


def _load_ahead(config: Config) -> None:
    """Begin to load the model, and behind it what counts an answer's tokens."""
    from codesearch.answers.counting import counter_for
    from indexer.errors import InputError, MissingExtraError
    from indexer.open_model import load_model_ahead

    def load_counter(_: object) -> None:
        with suppress(InputError, MissingExtraError):  # the answer says so
            counter_for(config["tokenizer"])

    model = _held[0] = load_model_ahead(config.build_settings())
    model.add_done_callback(load_counter)


def _encodes(config: Config) -> bool:
    """Whether a search gives vectors to what it names and has none."""
    return bool(config["encode_seconds"]) and config["mode"] != "lexical"


def _refresh(index: CodeIndex, config: Config, *, wanted: bool) -> None:
    """Bring a stale index up to date: always where asked for, else only where it is quick and possible."""
    n_stale = index.state().n_stale
    if not n_stale:
        return
    from codesearch.locate import recorded_settings
    from indexer.open_model import load_model_ahead

    try:
        settings = recorded_settings(index.root, state_in_force()) if _encodes(config) else None
        if settings is not None:
            _held[0] = load_model_ahead(settings, is_brief=n_stale <= _FEW_FILES)
        report = index.update() if wanted else index.refresh()
    except Exception as error:  # whatever it is, the index that is there still answers
        if wanted:
            raise
        say(f"The index could not be brought up to date: {error or type(error).__name__}")
        return
    if report is not None:
        say(f"Brought the index up to date in {report.elapsed_seconds:.1f} s.")
