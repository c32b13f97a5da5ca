"""The command `codesearch`: a group of small commands, one error policy, one set of exit codes.

0 found or done, 1 nothing found, 2 an error in one sentence, 130 interrupted. Results go to stdout,
everything else to stderr, and a reader that closes the pipe early is no error. The commands are in the
modules beside this one.
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from codesearch import __version__
from codesearch.cli.console import ReaderGoneError, encode_safely, name_state, put, say
from codesearch.cli.questions import QuestionCommand
from indexer.errors import BuildInterruptedError, CodesearchError

_YOUNG_OBJECTS = 50_000
FAILED = 2
INTERRUPTED = 130

_COMMANDS = {
    "index": "codesearch.cli.indexing:index_command",
    "search": "codesearch.cli.searching:search_command",
    "context": "codesearch.cli.context:context_command",
    "ask": "codesearch.cli.asking:ask_command",
    "files": "codesearch.cli.searching:files_command",
    "similar": "codesearch.cli.searching:similar_command",
    "outline": "codesearch.cli.context:outline_command",
    "changed": "codesearch.cli.revisions:changed_command",
    "forget": "codesearch.cli.revisions:forget_command",
    "status": "codesearch.cli.status:status_command",
    "doctor": "codesearch.cli.doctor:doctor_command",
    "export": "codesearch.cli.travel:export_command",
    "import": "codesearch.cli.travel:import_command",
    "models": "codesearch.cli.models:models_command",
    "adapt": "codesearch.cli.adapting:adapt_command",
    "repos": "codesearch.cli.repositories:repositories_command",
    "remove": "codesearch.cli.repositories:remove_command",
    "config": "codesearch.cli.settings:config_command",
    "completion": "codesearch.cli.completion:completion_command",
    "mcp": "codesearch.cli.mcp:mcp_command",
    "serve": "codesearch.cli.serving:serve_command",
    "watch": "codesearch.cli.serving:watch_command",
    "cluster": "codesearch.cli.cluster:cluster_command",
    "init-agent": "codesearch.cli.agents:init_agent_command",
    "tui": "tui.command:command",
    "list": "codesearch.cli.repositories:repositories_command",
}
"""Each is imported when it is called for: a search waits for no other command's modules."""

_SYNONYMS = {
    **dict.fromkeys(("find", "grep", "query", "q", "s"), "search"),
    **dict.fromkeys(("build", "init", "update", "reindex", "refresh"), "index"),
    **dict.fromkeys(("symbols", "tags"), "outline"),
    **dict.fromkeys(("server", "http", "web", "ui"), "serve"),
    **dict.fromkeys(("verify", "check", "repair"), "doctor"),
    **dict.fromkeys(("train", "finetune", "fine-tune"), "adapt"),
}
"""What other tools call them."""


class Commands(click.Group):
    """A group that turns every outcome into an exit code, for the shell and for tests alike."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted(_COMMANDS.keys() - {"list"})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names. Raises UsageError with the nearest name."""
        if args[0] == "help":
            args = [*args[1:], "--help"]
        name = args[0]
        if name in _COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        if ctx.resilient_parsing:  # a shell completes: a message would stand in the line that is being typed
            return name, click.Command(name, add_help_option=False), args[1:]
        if any(map(str.isspace, name)):
            raise click.UsageError('A question needs a command before it: `codesearch search "…"`', ctx)
        from difflib import get_close_matches

        near = _SYNONYMS.get(name) or next(iter(get_close_matches(name, _COMMANDS, 1)), "")
        raise click.UsageError(
            f"No such command {name!r}." + (f" Did you mean {near!r}?" if near else ""), ctx
        )

    def main(
        self, args: Sequence[str] | None = None, prog_name: str | None = None, *rest: Any, **extra: Any
    ) -> Any:
        """Run a command and exit."""
        encode_safely()
        name_state("")
        extra["standalone_mode"] = False
        try:
            code = super().main(args, prog_name, *rest, **extra)
            _flush()
        except click.UsageError as error:
            code = _usage_error(error)
        except click.ClickException as error:
            say(f"codesearch: {error.format_message()}")
            code = FAILED
        except (KeyboardInterrupt, click.Abort):
            say("codesearch: Interrupted.")
            code = INTERRUPTED
        except BuildInterruptedError as error:
            say(f"codesearch: {error}")
            code = INTERRUPTED
        except CodesearchError as error:
            say(f"codesearch: {error}")
            code = FAILED
        except ReaderGoneError:
            code = _closed_pipe()
        except OSError as error:
            code = _os_error(error)
        except Exception as error:
            if os.environ.get("CODESEARCH_DEBUG"):
                raise
            what = f"{type(error).__name__}: {error}"
            say(f"codesearch: Internal error ({what}); CODESEARCH_DEBUG=1 shows where.")
            code = FAILED
        sys.exit(code if isinstance(code, int) else 0)


_SUGGESTIONS = re.compile(r"\.? \(Did you mean one of: (?P<first>'[^']*'), .*\?\)")


_SPELLED_HERE = {"--k": "-k", "--limit": "-k", "--top-k": "-k", "--glob": "-g", "--type": "--lang"}
"""Options of the tools that people come from."""


def _usage_error(error: click.UsageError) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        say(error.format_message())
        return FAILED
    command = error.ctx.command_path if error.ctx else "codesearch"
    message = error.format_message().removesuffix(".")
    message = _SUGGESTIONS.sub(r". Did you mean \g<first>?", message.removesuffix("."))
    if isinstance(error, click.NoSuchOption) and (meant := _SPELLED_HERE.get(error.option_name)):
        message = f"No such option {error.option_name!r}. Did you mean {meant!r}?"
    message += "" if message.endswith("?") else "."
    takes_query = error.ctx is not None and isinstance(error.ctx.command, QuestionCommand)
    given = error.ctx.params if error.ctx else {}
    advice = f"`{command} --help` lists the options"
    if takes_query and message.startswith("Got unexpected extra argument"):
        advice = "Quote queries of several words"
    elif takes_query and isinstance(error, click.NoSuchOption):
        advice = f"Put `--` before a query that begins with a dash; {advice}"
    elif takes_query and isinstance(error, click.MissingParameter) and given.get("regex"):
        advice = "--regex narrows an answer: say in words what you look for, too; grep lists every match"
    say(f"codesearch: {message} {advice}.")
    return FAILED


def _flush() -> None:
    """Write what is left now, while an error still becomes an exit code."""
    try:
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def _closed_pipe() -> int:
    """The reader has what it wanted."""
    _drop_output()
    return 0


def _drop_output() -> None:
    """Keep Python from complaining of what it cannot write when it flushes at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _os_error(error: OSError) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    if error.errno == errno.ENOSPC:
        say("codesearch: The disk is full; free some space and run the same command again.")
    else:
        say(f"codesearch: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}.")
    return FAILED


def _put_manual(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from codesearch.cli.manual import manual

        put(manual(cli, context))
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="codesearch")
@click.option("--man", is_flag=True, is_eager=True, expose_value=False, callback=_put_manual,
              help="Print the manual page: `codesearch --man | man -l -`.")  # fmt: skip
def cli() -> None:
    """Semantic code search on your own machine: ask a folder in words; the first question indexes it."""


def main() -> None:
    """Entry point of the installed command."""
    # To look for garbage with every 700 objects, as Python does, takes 20 ms of a start, which leaves none.
    gc.set_threshold(_YOUNG_OBJECTS)
    try:
        cli(prog_name="codesearch")
    except SystemExit as end:
        _end(end.code if isinstance(end.code, int) else 0)


def _end(code: int) -> None:
    """End the process; what it holds in memory goes back with it, not piece by piece, which takes 50 ms.

    A thread that still loads a model is not waited for. With CODESEARCH_DEBUG as Python ends by itself, which
    profilers need.
    """
    if os.environ.get("CODESEARCH_DEBUG"):
        sys.exit(code)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or there is none
            stream.flush()
    os._exit(code)
