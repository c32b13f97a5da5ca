"""`codesearch ask`: an answer in words, from passages, by a chat model of your choice."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from codesearch.choices import MODES
from codesearch.cli.console import put, say
from codesearch.cli.options import (
    revision_in_force,
    revision_option,
    state_in_force,
    state_option,
    tokenizer_option,
)
from codesearch.cli.questions import QuestionCommand
from codesearch.config import Config, load_config
from codesearch.render.sanitize import visible
from indexer.light_dataclasses import dataclass
from indexer.search_defaults import DEFAULT_BUDGET_TOKENS, DEFAULT_MODE

if TYPE_CHECKING:
    from codesearch.agents.ask import Conversation, Turn
    from codesearch.asking import Asking


@click.command(
    "ask", cls=QuestionCommand, short_help="Answer a question with a chat model, citations checked."
)
@click.argument("question", required=False)
@click.argument("paths", nargs=-1, type=click.Path())
@click.option(
    "--base-url", metavar="URL", help="OpenAI-compatible endpoint, such as http://localhost:11434/v1."
)
@click.option("--model", "chat_model", metavar="NAME", help="Chat model at that endpoint.")
@click.option("--key", "chat_key", metavar="KEY", help="Better set as CODESEARCH_CHAT_KEY.")
@click.option(
    "--budget",
    type=int,
    metavar="TOKENS",
    help=f"Tokens of excerpts per question; {DEFAULT_BUDGET_TOKENS:,} by default.",
)
@tokenizer_option
@revision_option
@state_option
@click.option("--mode", type=click.Choice(MODES), help=f"How to rank; {DEFAULT_MODE} by default.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="How long the server may be silent; 60 by default.",
)
@click.option("--chat", is_flag=True, help="Go on with follow-up questions; an empty line ends.")
@click.option("--show-context", is_flag=True, help="Show on stderr what the model is given.")
@click.pass_context
def ask_command(
    context: click.Context,
    /,
    question: str | None,
    paths: tuple[str, ...],
    base_url: str | None,
    chat_model: str | None,
    chat_key: str | None,
    budget: int | None,
    tokenizer: str | None,
    mode: str | None,
    timeout: float | None,
    chat: bool,
    show_context: bool,
) -> None:
    """Answer QUESTION from PATHS (here, by default) and their indexes, with checked citations.

    Nothing leaves this machine unless the endpoint that you name is elsewhere. Without an endpoint the
    excerpts are printed, to be pasted where you like.
    """
    from codesearch.agents.ask import Conversation, chat_settings
    from codesearch.cli.questions import read_query
    from codesearch.request import check_query
    from indexer.errors import InputError
    from indexer.records import Mode

    if question is None and not chat:
        raise InputError('Ask something, as `codesearch ask "how does X work?"`, or add --chat.')
    first = None if question is None else check_query(read_query(question))
    flags = {"chat_base_url": base_url, "chat_model": chat_model, "chat_key": chat_key, "budget": budget,
             "tokenizer": tokenizer, "mode": mode}  # fmt: skip
    config = load_config(None, flags)
    settings = chat_settings(
        config["chat_base_url"], config["chat_model"], config["chat_key"], silence_seconds=timeout
    )
    code = 0
    with _material(paths, flags, config) as material:
        conversation = Conversation(
            material.index,
            settings,
            budget_tokens=config["budget"],
            tokenizer=config["tokenizer"],
            mode=Mode(config["mode"]),
            paths=material.globs,
        )
        asked = first or (_next_question() if chat else "")
        while asked:
            code = _one_turn(
                conversation, asked, has_endpoint=settings is not None, show_context=show_context
            )
            asked = _next_question() if chat else ""
    context.exit(code)


@dataclass(frozen=True, slots=True)
class _Material:
    """What excerpts are taken from."""

    index: Asking
    globs: tuple[str, ...] = ()


@contextmanager
def _material(paths: tuple[str, ...], flags: dict[str, Any], config: Config) -> Iterator[_Material]:
    """The trees that hold the paths, followed as they change; or the revision of one that is asked."""
    from codesearch.cli.targets import indexed_paths, opened_revision
    from codesearch.workspace import Workspace

    if revision_in_force() is not None:
        opened = opened_revision(paths, flags)
        with opened.index as index:
            yield _Material(index, opened.globs())
        return
    state = state_in_force()
    with Workspace(
        indexed_paths(paths or (".",), config, state), build=config["build"], state=state
    ) as workspace:
        yield _Material(workspace.among(below=True))


def _one_turn(conversation: Conversation, question: str, *, has_endpoint: bool, show_context: bool) -> int:
    """Ask, stream, list the sources. 0 answered, 1 nothing found, 2 no endpoint."""
    from codesearch.agents.ask import NO_ENDPOINT, question_with_excerpts

    turn = conversation.retrieve(question)
    for note in turn.context.notes:
        say(note)
    if not turn.context.passages:
        return 1
    if not has_endpoint:
        put(turn.context.text)
        say(f"codesearch: {NO_ENDPOINT}")
        return 2
    if show_context:
        say(question_with_excerpts(turn))
    for piece in conversation.answer(turn):
        put(visible(piece))
    put("\n" if turn.answer.endswith("\n") else "\n\n")
    _put_sources(conversation, turn)
    return 0


def _put_sources(conversation: Conversation, turn: Turn) -> None:
    for source in conversation.sources(turn):
        put(source + "\n")
    if turn.unknown:
        n = len(turn.unknown)
        what = (
            "1 excerpt that does not exist; it is" if n == 1 else f"{n} excerpts that do not exist; they are"
        )
        say(f"The answer cites {what} marked in it.")
    elif not turn.cited:
        say("The answer cites no excerpts; check it against the code (--show-context).")
    if turn.cut:
        say("The model stopped at its length limit.")


def _next_question() -> str:
    """A line from standard input; empty at its end."""
    if sys.stdin.isatty():
        sys.stderr.write("\n> ")
        sys.stderr.flush()
    return sys.stdin.readline().strip()
