"""`codesearch completion`: what a shell needs to complete commands, options, their values and paths."""

from __future__ import annotations

import click

from codesearch.choices import KINDS
from codesearch.cli.console import put

_VARIABLE = "_CODESEARCH_COMPLETE"
_HOW = """Print what SHELL needs to complete codesearch's commands, options, their values, and paths.

\b
bash   eval "$(codesearch completion bash)"            in ~/.bashrc
zsh    eval "$(codesearch completion zsh)"             in ~/.zshrc, after compinit
fish   codesearch completion fish | source             in ~/.config/fish/config.fish
"""


def complete_kind(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Kinds of symbols that begin so."""
    return [kind for kind in KINDS if kind.startswith(typed)]


def complete_language(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Languages that begin so."""
    from indexer.languages import LANGUAGES

    return [name for name in sorted(LANGUAGES) if name.startswith(typed.lower())]


@click.command("completion", help=_HOW, short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion_command(shell: str) -> None:
    """Print the script."""
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root()
    complete = get_completion_class(shell)
    assert complete is not None
    # Not `source`, which for bash starts bash to ask its version.
    script = complete.source_template % complete(root.command, {}, "codesearch", _VARIABLE).source_vars()
    put(script)
