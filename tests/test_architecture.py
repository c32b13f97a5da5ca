"""The rules of the layout: sizes, imports, names, versions; a cold start is looked at from outside."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

import codesearch

ROOT = Path(__file__).parents[1]
PACKAGES = ("codesearch", "indexer", "tui")
MAX_LINES = 500

PUBLIC = """
    BuildInterruptedError BuildProgress BuildReport BuildSettings ChatError CheckpointError CodeIndex
    CodesearchError Context Evidence Findings IndexBusyError IndexCorruptError IndexMismatchError
    IndexMissingError IndexState IndexStatus InputError MissingExtraError Mode NothingToIndexError Omitted
    OutlineEntry Passage ProgressCallback RankedFile RankedFiles SearchRequest Seen StorageError Tokenizer
    WalkSettings Workspace __version__
""".split()


def python_files() -> list[Path]:
    folders = [ROOT / name for name in (*PACKAGES, "tests")]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def tracked_files() -> list[Path]:
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name]


# --- files -----------------------------------------------------------------------------------


def test_files_are_short_enough_to_read():
    too_long = {}
    for path in python_files():
        name = path.relative_to(ROOT).as_posix()
        n_lines = path.read_text("utf-8").count("\n")
        if n_lines > MAX_LINES:
            too_long[name] = n_lines
    assert not too_long


def test_tests_are_no_packages_and_names_say_what_is_inside():
    assert not list((ROOT / "tests").rglob("__init__.py"))
    vague = {"utils", "util", "common", "shared", "core", "helpers", "misc"}
    named_badly = [
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.stem in vague or (path.parent == ROOT / package and path.stem in sys.stdlib_module_names)
    ]
    assert not named_badly


def test_tests_mirror_modules():
    """A test file of the engine is named after a module of it, or after what it is about in that module."""
    unknown = []
    for path in (ROOT / "tests" / "indexer").rglob("test_*.py"):
        folder = ROOT / path.parent.relative_to(ROOT / "tests")
        modules = {module.stem for module in folder.glob("*.py")}
        if not any(path.stem.removeprefix("test_").startswith(module) for module in modules):
            unknown.append(path.relative_to(ROOT).as_posix())
    assert not unknown


def test_no_path_of_one_machine_is_in_the_repository():
    private = b"/" + b"work" + b"/"
    found = [
        path.relative_to(ROOT).as_posix()
        for path in tracked_files()
        if path.is_file() and not path.is_symlink() and private in path.read_bytes()
    ]
    assert not found


def test_nothing_that_a_build_leaves_is_in_the_repository():
    left = {".codesearch", "__pycache__", ".venv", "build", "dist"}
    assert not [path for path in tracked_files() if left & set(path.relative_to(ROOT).parts)]


# --- functions -------------------------------------------------------------------------------

MAX_PARAMETERS = 7


def test_functions_take_few_enough_parameters():
    """Lambdas and nested ones too; of commands the signature is the interface, one parameter an option."""
    long_ones = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(parsed(path)):
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                    continue
                marks = getattr(node, "decorator_list", [])
                is_command = any(".command(" in ast.unparse(mark) for mark in marks)
                if n_parameters(node.args) > MAX_PARAMETERS and not is_command:
                    long_ones.add(f"{path.relative_to(ROOT).as_posix()}:{node.lineno}")
    assert not long_ones


def n_parameters(asked: ast.arguments) -> int:
    """All that a caller may give; `*rest` and `**rest` are one each."""
    named = [*asked.posonlyargs, *asked.args, *asked.kwonlyargs, asked.vararg, asked.kwarg]
    return sum(argument is not None and argument.arg not in ("self", "cls") for argument in named)


# --- what people see -------------------------------------------------------------------------


def test_the_public_names_are_these():
    assert sorted(codesearch.__all__) == sorted(PUBLIC)


def test_the_types_are_for_others_to_check_too():
    data = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    for package in PACKAGES:
        assert (ROOT / package / "py.typed").is_file()
        assert "py.typed" in data[package]


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    entries = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert codesearch.__version__ == project["version"] == entries[0]


# --- imports ---------------------------------------------------------------------------------


def test_imports_go_one_way(capsys, monkeypatch):
    from importlinter.cli import lint_imports

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out


COMES_WITH = {
    "aiohttp": "textual-serve",
    "anyio": "mcp",
    "fsspec": "ray",
    "huggingface_hub": "tokenizers",
    "mcp_types": "mcp",
    "pydantic": "mcp",
    "pygments": "rich",
}
"""Packages that are imported and not named in pyproject.toml, for they are part of one that is."""
PACKAGE_OF = {"faiss": "faiss-cpu", "llama_index": "llama-index-core", "Stemmer": "PyStemmer"}


def test_what_is_imported_is_asked_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    named = {re.match(r"[\w-]+", line)[0].lower() for line in wanted}
    assert set(COMES_WITH.values()) <= named
    known = {*PACKAGES, *sys.stdlib_module_names, *COMES_WITH}
    unnamed = {
        (module, path.relative_to(ROOT).as_posix())
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for module in imported_by(path) - known
        if PACKAGE_OF.get(module, module).lower().replace("_", "-") not in named
    }
    assert not unnamed


def imported_by(path: Path) -> set[str]:
    """Top-level names of all that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_dataclasses_are_those_that_are_made_quickly():
    """One of the standard library's takes half a millisecond, and a search loads 140 classes."""
    import_of_it = re.compile(r"^ *from dataclasses import .*\bdataclass\b", re.MULTILINE)
    own = [path for path in python_files() if path.relative_to(ROOT).parts[0] in ("codesearch", "indexer")]
    slow = [path.name for path in own if import_of_it.search(path.read_text("utf-8"))]
    assert slow == ["light_dataclasses.py"], "import dataclass from indexer.light_dataclasses"


HEAVY = """
    torch transformers textual pandas sqlite_utils pylate sentence_transformers mcp httpx requests tree_sitter
    tree_sitter_language_pack openai scipy sklearn
""".split()


LATER = """
    numpy.ma pathspec regex tomllib email importlib.metadata asyncio unittest indexer.build indexer.ingest
    indexer.retrieve.boilerplate indexer.vectors.faiss_index indexer.vectors.plaid_index
""".split()
"""What a search of a small index has no use for; each takes milliseconds of its start."""


def loaded_by(code: str, *arguments: str) -> set[str]:
    """The modules that a fresh interpreter has after a piece of code."""
    report = "import json, sys; print('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


COMMANDS = """
import shlex, sys
from codesearch.cli.main import cli
for command in sys.argv[1:]:
    try:
        cli(shlex.split(command), prog_name="codesearch")
    except SystemExit as end:
        assert end.code in (0, None), (command, end.code)
"""


def test_importing_loads_the_standard_library_alone():
    others = {name.partition(".")[0] for name in loaded_by("import codesearch") - loaded_by("pass")}
    assert others - set(sys.stdlib_module_names) == {"codesearch"}


def test_help_loads_no_engine():
    loaded = loaded_by(COMMANDS, "--help", "search --help", "index --help", "--version")
    assert not loaded & {*HEAVY, "numpy", "faiss", "tokenizers"}


def test_a_cold_search_loads_no_model_library(task_queue):
    search = f"search 'wait between attempts' {shlex.quote(str(task_queue))} --mode"
    modes = ("lexical", "single", "colbert", "hybrid")
    loaded = loaded_by(COMMANDS, *(f"{search} {mode}" for mode in modes))
    assert "indexer" in loaded
    assert not sorted(loaded & {*HEAVY, *LATER})


def test_a_search_that_a_server_answers_loads_next_to_nothing():
    code = """
from pathlib import Path
import codesearch.cli.main, codesearch.cli.searching, codesearch.locate, codesearch.request
from codesearch.config import load_config
from codesearch.service.client import find_server
load_config(), find_server(Path("nowhere"))
"""
    others = {
        "numpy",
        "sqlite3",
        "platformdirs",
        "tempfile",
        "shutil",
        "hashlib",
        "http",
        "logging",
        "concurrent",
    }
    loaded = loaded_by(code) - loaded_by("pass")
    assert "codesearch.service.client" in loaded
    assert not sorted(loaded & {*HEAVY, *LATER, *others})
