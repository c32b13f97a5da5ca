"""A deterministic engine in place of the library, and the application on it: no model, no index, no clock."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from textual import _wait, screen
from textual.css.stylesheet import Stylesheet
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget
from textual.worker import WorkerCancelled

import tui.app
from codesearch.answers.findings import Found, RepositoryStatus
from indexer.errors import IndexMissingError, InputError
from indexer.records import (
    BuildProgress,
    BuildReport,
    ComponentScores,
    Evidence,
    Mode,
    Passage,
    SearchRequest,
    SkippedFile,
    WordMatch,
)
from tui.app import CodesearchApp
from tui.messages import BuildAdvanced
from tui.session import Result
from tui.widgets.passage_view import PassageView
from tui.widgets.query_bar import QueryBar
from tui.widgets.result_list import ResultList
from tui.widgets.title_line import TitleLine

pytest.register_assert_rewrite("tests.tui.key_checks")

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session", autouse=True)
def _screens_draw_and_are_waited_for_at_twice_the_speed() -> Iterator[None]:
    """Steps of 10 ms instead of 20, of screens that draw 120 times a second instead of 60."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((_wait, "SLEEP_GRANULARITY"), (_wait, "SLEEP_IDLE"), (screen, "UPDATE_PERIOD")):
            patch.setattr(module, name, getattr(module, name) / 2)
        yield


@pytest.fixture(scope="session", autouse=True)
def _style_sheets_are_parsed_once() -> Iterator[None]:
    """Every application of a run has the same: what Textual remembers while one lives is kept for all."""
    parsed: dict[tuple[object, ...], object] = {}
    parse = Stylesheet._parse_rules

    def remembered(sheet: Stylesheet, *arguments: object, **options: object) -> object:
        key = (arguments, *options.items(), *sheet._variables.items())
        if key not in parsed:
            parsed[key] = parse(sheet, *arguments, **options)  # type: ignore[arg-type]
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", remembered)
        yield


def make_passage(
    root: Path,
    path: str,
    lines: tuple[int, int],
    symbol: str,
    kind: str,
    confidence: float,
    words: Sequence[tuple[str, str, float]] = (),
) -> Passage:
    """A passage of a file of the test data; `words` are query word, code word, similarity."""
    text = (root / path).read_text()
    rows = text.splitlines(keepends=True)
    start_char = sum(len(row) for row in rows[: lines[0] - 1])
    shown = "".join(rows[lines[0] - 1 : lines[1]])
    matches = []
    for query_word, code_word, similarity in words:
        at = start_char + shown.index(code_word)
        line = text.count("\n", 0, at) + 1
        matches.append(WordMatch(query_word, code_word, at, at + len(code_word), similarity, line))
    languages = {"py": "python", "go": "go", "md": "markdown"}
    return Passage(
        path=path,
        start_line=lines[0],
        end_line=lines[1],
        text=shown,
        language=languages[path.rsplit(".")[-1]],
        symbol=symbol,
        kind=kind,
        score=confidence * 10,
        confidence=confidence,
        n_tokens=len(shown) // 4,
        evidence=Evidence(ComponentScores(4.2, 0.61, confidence * 10), tuple(matches), ()),
        start_char=start_char,
    )


def lighthouse_passages(root: Path) -> list[Passage]:
    """What the fake index of the lighthouse answers, best first."""
    return [
        make_passage(
            root, "keeper.py", (26, 38), "Keeper.light_with_retries", "method", 0.92,
            [("try", "Try", 0.93), ("again", "again", 0.81), ("lamp", "lamp", 0.77),
             ("fails", "LampError", 0.66), ("limit", "MAX_ATTEMPTS", 0.5), ("when", "attempt", 0.31)],
        ),
        make_passage(root, "docs/failures.md", (1, 3), "When a lamp stays dark", "section", 0.71,
                     [("fails", "refuses", 0.64), ("again", "attempt", 0.58)]),
        make_passage(root, "keeper.py", (40, 42), "Keeper.report_dark", "method", 0.55,
                     [("fails", "dark", 0.47)]),
        make_passage(root, "lamps.py", (4, 5), "LampError", "class", 0.42, [("fails", "LampError", 0.62)]),
        make_passage(root, "beacon.go", (9, 16), "Sweep", "function", 0.2),
    ]  # fmt: skip


@dataclass
class FakeRepository:
    """One fake index: words of the query choose among a few passages."""

    engine: FakeEngine
    root: Path

    def search(self, request: SearchRequest) -> Found:
        engine = self.engine
        engine.requests.append(request)
        engine.searching.set()
        assert engine.gate.wait(10), "a test left the gate closed"
        if engine.fails_with is not None:
            raise engine.fails_with
        if "nearest" in request.query:
            return Found(lighthouse_passages(self.root)[:2], ("Only the closest matches.",))
        if "nothing" in request.query:
            return Found((), ("Nothing matches; 2 files are hidden by the path filter.",))
        passages = lighthouse_passages(self.root)
        if request.languages:
            passages = [passage for passage in passages if passage.language in request.languages]
        if request.mode is Mode.LEXICAL:
            passages = [replace(p, evidence=Evidence(ComponentScores(3.1), (), ())) for p in passages[:2]]
        return Found((passages * engine.n_copies)[: request.k][:: engine.order])

    def similar(self, passage: Passage, k: int) -> Found:
        others = [p for p in lighthouse_passages(self.root) if p.symbol != passage.symbol]
        return Found([replace(p, evidence=Evidence(ComponentScores(single=0.5), (), ())) for p in others[:2]])

    def definitions(self, word: str, k: int) -> Found:
        return Found([p for p in lighthouse_passages(self.root) if p.symbol.split(".")[-1] == word])

    def status(self, looks_at_disk: bool) -> RepositoryStatus:
        return replace(self.engine.status, stale=self.engine.status.stale if looks_at_disk else ())

    def with_vectors(self, status: RepositoryStatus) -> RepositoryStatus:
        return self.engine.status

    def close(self) -> None:
        self.engine.closed.append(self.root)


STATUS = RepositoryStatus(
    n_files=4,
    n_chunks=4,
    n_tokens=1234,
    commit="0123456789abcdef",
    model="codesearch-edge",
    languages=("python", "go", "markdown"),
    stale=("keeper.py  changed", "tides.py  new"),
    skipped=(
        SkippedFile("logo.png", "binary", "It has zero bytes in its first 8,192."),
        SkippedFile("charts/atlantic.json", "too-large", "It has 4,100,000 bytes; the limit is 1,000,000."),
    ),
)


@dataclass
class FakeEngine:
    """Opens fake indexes; a test closes the gate to look at the screen while something runs."""

    status: RepositoryStatus = STATUS
    indexed: bool = True
    unread: bool = False
    """There is no index until `prepare` has made one."""
    n_copies: int = 1
    """How often each answer is repeated."""
    order: int = 1
    """-1: each answer comes with its last passage first."""
    fails_with: Exception | None = None
    open_fails_with: Exception | None = None
    build_fails_with: Exception | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    searching: threading.Event = field(default_factory=threading.Event)
    build_gate: threading.Event = field(default_factory=threading.Event)
    prepare_gate: threading.Event = field(default_factory=threading.Event)
    preparing: threading.Event = field(default_factory=threading.Event)
    requests: list[SearchRequest] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)
    builds: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()
        self.build_gate.set()
        self.prepare_gate.set()

    def is_to_be_read(self, root: Path) -> bool:
        return self.unread

    def prepare(self, root: Path, progress: Callable[[BuildProgress], None]) -> None:
        progress(BuildProgress("read", 1, 4, 0.1, 0, "keeper.py"))
        self.preparing.set()
        assert self.prepare_gate.wait(10), "a test left the first reading's gate closed"
        self.unread = False

    def open(self, root: Path) -> FakeRepository:
        if self.open_fails_with is not None:
            raise self.open_fails_with
        if not self.indexed or self.unread:
            raise IndexMissingError(f"There is no index in {root}; F9 builds it.")
        return FakeRepository(self, root)

    def open_unindexed(self, root: Path, *, is_being_read: bool) -> FakeRepository:
        if root.name == "empty":
            raise InputError("There is nothing here.")
        return FakeRepository(self, root)

    def search_together(self, repositories, request) -> Found:
        found = [
            replace(passage, repository=name)
            for name, repository in repositories.items()
            for passage in repository.search(request).passages
        ]
        return Found(sorted(found, key=lambda passage: -passage.score)[: request.k])

    def build(self, root: Path, progress: Callable[[BuildProgress], None]) -> BuildReport:
        self.builds.append(root)
        progress(BuildProgress("walk", 0, 0, 0.1))
        progress(BuildProgress("read", 1, 4, 0.4, 0, "keeper.py"))
        progress(BuildProgress("encode", 0, 4, 1.0, 0, "keeper.py"))
        progress(BuildProgress("encode", 0, 4, 1.01, 100, "keeper.py"))
        progress(BuildProgress("encode", 3, 4, 5.0, 15600, "docs/failures.md"))
        assert self.build_gate.wait(10), "a test left the build gate closed"
        progress(BuildProgress("write", 0, 1, 6.0, 20000))
        if self.build_fails_with is not None:
            raise self.build_fails_with
        self.indexed = True
        return BuildReport(4, 4, 11, 20000, 3, 15600, 2, 6.4, 400_000_000)


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    fake = FakeEngine()
    yield fake
    fake.gate.set()
    fake.build_gate.set()
    fake.prepare_gate.set()


QUERY = "try again when a lamp fails"

MakeApp = Callable[..., CodesearchApp]


@pytest.fixture
def make_app(engine: FakeEngine, lighthouse: Path, tmp_path: Path) -> MakeApp:
    """The application on the fake engine: no pause before a search, no clock, its own state file."""

    class GatedApp(CodesearchApp):
        CSS_PATH = Path(tui.app.__file__).with_name(CodesearchApp.CSS_PATH)

        def on_unmount(self) -> None:
            """Leaving waits for what runs in threads; gates that a test left closed must not hold it up."""
            super().on_unmount()
            engine.gate.set()
            engine.build_gate.set()
            engine.prepare_gate.set()

    def make(roots: Sequence[Path] = (lighthouse,), **settings: object) -> CodesearchApp:
        defaults: dict[str, object] = {
            "engine": engine,
            "state_file": tmp_path / "state" / "tui.json",
            "environment": {"PATH": "/usr/bin:/bin"},
            "clock": lambda: 0.0,
            "pause_seconds": 0.0,
        }
        return GatedApp(roots, **(defaults | settings))  # type: ignore[arg-type]

    return make


@dataclass
class Driver:
    """A running application, its keyboard, and every message that was handled."""

    app: CodesearchApp
    pilot: Pilot[None]
    messages: list[Message]

    async def settle(self) -> None:
        """Until no worker runs and every message is handled."""
        n_quiet = 0
        while n_quiet < 2:  # What a message changed is laid out, or asked for, after it was handled.
            await self.pilot.pause()
            n_quiet += 1
            if any(not worker.is_finished for worker in self.app.workers):
                n_quiet = 0
                with suppress(WorkerCancelled):
                    await self.app.workers.wait_for_complete()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def ask(self, query: str = QUERY, focus: str = "") -> None:
        """Put a query into the bar, wait for the answer, and move the focus."""
        self.query.set_query(query)
        await self.settle()
        if focus:
            self.app.search_screen.query_one(f"#{focus}").focus()
            await self.pilot.pause()

    async def start_build(self) -> None:
        """On the index screen: a build that runs until the engine's gate opens."""
        self.app.workspace.engine.build_gate.clear()
        await self.pilot.press("b")
        while not any(message.progress.n_tokens for message in self.seen(BuildAdvanced)):
            await self.pilot.pause()

    def seen(self, kind: type[Message]) -> list[Message]:
        """The handled messages of this class, each once however many handled it."""
        found = {id(message): message for message in self.messages if type(message) is kind}
        return list(found.values())

    @property
    def focus(self) -> str:
        focused = self.app.focused
        return (focused.id or type(focused).__name__) if isinstance(focused, Widget) else ""

    @property
    def query(self) -> QueryBar:
        return self.app.search_screen.query_one(QueryBar)

    @property
    def results(self) -> ResultList:
        return self.app.search_screen.query_one(ResultList)

    @property
    def passage(self) -> PassageView:
        return self.app.search_screen.query_one(PassageView)

    @property
    def current(self) -> Result:
        current = self.results.current
        assert current is not None
        return current

    @property
    def title(self) -> TitleLine:
        return self.app.search_screen.query_one("#title", TitleLine)

    @property
    def notices(self) -> list[str]:
        return [notification.message for notification in self.app._notifications]

    def text_of(self, widget: Widget) -> str:
        """What a widget draws, without its styles."""
        lines = widget.render_lines(widget.size.region)
        return "\n".join(strip.text.rstrip() for strip in lines)


Drive = Callable[..., "asynccontextmanager[Driver]"]  # type: ignore[type-arg]


@pytest.fixture
def drive(make_app: MakeApp) -> Drive:
    """`async with drive() as driver:` a running application, settled."""

    @asynccontextmanager
    async def start(
        size: tuple[int, int] = (100, 30), settled: bool = True, toasts: bool = False, **settings: object
    ) -> AsyncIterator[Driver]:
        app = make_app(**settings)
        messages: list[Message] = []
        async with app.run_test(size=size, message_hook=messages.append, notifications=toasts) as pilot:
            driver = Driver(app, pilot, messages)
            if settled:
                await driver.settle()
            yield driver

    return start
