"""What leaves the TUI: the editor's command line, the clipboard, context blocks, exported files.

Values and small functions; suspending the terminal and telling the person are the app's.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codesearch.answers.counting import counter_for
from codesearch.render.passages import place
from codesearch.render.sanitize import fence_for, label, visible
from indexer.disk.programs import find_program
from indexer.errors import InputError, StorageError
from tui.session import Result


@dataclass(frozen=True, slots=True)
class ContextBlock:
    """Passages as one text for a language model, and what did not fit."""

    text: str
    n_passages: int
    n_tokens: int
    n_omitted: int


def editor_command(environment: Mapping[str, str], path: Path, line: int) -> list[str]:
    """The command that opens the file at the line, by `$VISUAL`, `$EDITOR` or what is installed.

    Raises:
        InputError: no editor is set or the one that is set does not exist.
    """
    named = environment.get("VISUAL") or environment.get("EDITOR") or ""
    if not named:
        found = next((name for name in ("nano", "vim", "vi") if find_program(name, environment)), "")
        if not found:
            raise InputError("No editor: set $EDITOR, for example EDITOR=vim.")
        named = found
    try:
        command = shlex.split(named)
    except ValueError:
        raise InputError(f"$EDITOR is not a command line: {named}") from None
    program = find_program(command[0], environment) if command else None
    if program is None:
        raise InputError(f"The editor {command[0] if command else named!r} was not found; set $EDITOR.")
    editor = Path(program).name.removesuffix(".exe")
    return [program, *command[1:], *_place_arguments(editor, str(path), line)]


def _place_arguments(editor: str, path: str, line: int) -> list[str]:
    if editor in ("code", "code-insiders", "codium", "cursor", "windsurf"):
        return ["--goto", f"{path}:{line}"]
    if editor in ("subl", "zed", "hx", "helix", "lapce"):
        return [f"{path}:{line}"]
    if editor in ("idea", "pycharm", "goland", "webstorm", "clion", "rubymine", "rustrover", "kate"):
        return ["--line", str(line), path]
    if editor in (
        "vi",
        "vim",
        "nvim",
        "nano",
        "emacs",
        "emacsclient",
        "kak",
        "micro",
        "joe",
        "ne",
        "mg",
        "pico",
    ):
        return [f"+{line}", path]
    return [path]


def copy_with_tool(text: str, environment: Mapping[str, str]) -> bool:
    """Put the text on the clipboard by a program of the desktop; False where there is none.

    The terminal's own way (OSC 52) is not known to all terminals, so the app uses both.
    """
    command: list[str] = []
    if sys.platform == "darwin":
        command = ["pbcopy"]
    elif environment.get("WAYLAND_DISPLAY"):
        command = ["wl-copy"]
    elif environment.get("DISPLAY"):
        command = ["xclip", "-selection", "clipboard"]
    program = find_program(command[0], environment) if command else None
    if program is None:
        return False
    try:
        done = subprocess.run(
            [program, *command[1:]],
            input=text.encode("utf-8"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=2,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def context_block(results: Sequence[Result], budget_tokens: int) -> ContextBlock:
    """The results, best first, as Markdown within a token budget; whole passages only.

    What is counted is the finished text, headings and fences included.

    Raises:
        InputError: not even one passage fits.
    """
    counter = counter_for(None)
    pieces: list[str] = []
    left = budget_tokens
    for result in results:
        piece = markdown_of(result)
        n_tokens = counter.count("\n" + piece)
        if n_tokens <= left:
            left -= n_tokens
            pieces.append(piece)
    # Words may split otherwise where pieces meet: the whole is what counts.
    while (n_tokens := counter.count("\n".join(pieces))) > budget_tokens:
        pieces.pop()
    if not pieces:
        raise InputError(f"No passage fits {budget_tokens:,} tokens; raise the budget with + and copy again.")
    return ContextBlock("\n".join(pieces), len(pieces), n_tokens, len(results) - len(pieces))


def markdown_of(result: Result) -> str:
    """One passage under a heading that says where it is from; control characters are made visible."""
    passage = result.passage
    symbol = f" ({passage.kind} {label(passage.symbol)})" if passage.symbol else ""
    text = visible(passage.text).rstrip()
    fence = fence_for(text)
    return f"### {place(passage)}{symbol}\n\n{fence}{passage.language}\n{text}\n{fence}\n"


def export(path: Path, query: str, results: Sequence[Result]) -> int:
    """Write the results as Markdown; the number of bytes written.

    Raises:
        InputError: the file exists, or its folder does not.
        StorageError: it cannot be written.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it.")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent}.")
    data = (f"# {query}\n\n" + "\n".join(markdown_of(result) for result in results)).encode("utf-8")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except FileExistsError:
        raise InputError(f"{path} exists already; choose another name.") from None
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}.") from None
    return len(data)
