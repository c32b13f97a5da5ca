"""`codesearch serve`: one warm process for agents, editors, the browser and the command line."""

from __future__ import annotations

import click

from codesearch.cli.console import say
from codesearch.cli.options import require_folder, state_in_force, state_option, tokenizer_option
from codesearch.config import load_config


@click.command("serve", short_help="Answer over HTTP from one warm process, with a page in the browser.")
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[FOLDER]...")
@click.option("--port", type=click.IntRange(0, 65_535), default=8766, show_default=True, help="TCP port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address; others need --token-file.")
@click.option(
    "--allow-host", "hosts", multiple=True, metavar="NAME", help="A host name that may be asked for."
)
@click.option("--token-file", metavar="FILE", help="File with the token that clients must send.")
@click.option("--socket", "socket_path", metavar="PATH", help="Unix socket; in your state folder by default.")
@click.option("--socket-only", is_flag=True, help="No TCP, the Unix socket alone.")
@click.option(
    "--idle-exit", type=click.FloatRange(min=0.01), metavar="MINUTES", help="End when unused so long."
)
@click.option(
    "--access-log/--no-access-log", default=False, help="A line of JSON on stderr for each request."
)
@click.option("--watch/--no-watch", default=True, help="Follow saved files; by default yes.")
@tokenizer_option
@state_option
def serve_command(
    paths: tuple[str, ...],
    port: int,
    host: str,
    hosts: tuple[str, ...],
    token_file: str | None,
    socket_path: str | None,
    socket_only: bool,
    idle_exit: float | None,
    access_log: bool,
    watch: bool,
    tokenizer: str | None,
) -> None:
    """Serve the indexes of the FOLDERs (here, by default): a page, JSON at /v1, agents at /mcp.

    Only this machine can ask, unless --host and --token-file say otherwise.
    """
    from codesearch.agents.mcp_server import agents_app
    from codesearch.service.addresses import own_address
    from codesearch.service.app import Service, ServiceSettings
    from codesearch.service.guard import LOOPBACK_HOSTS, Access
    from codesearch.service.operations import Operations
    from codesearch.service.server import Listening, check_exposure, read_token, serve
    from codesearch.service.watcher import Watcher
    from codesearch.workspace import Workspace
    from indexer.disk.user_folders import expand_user

    token = read_token(expand_user(token_file)) if token_file else None
    check_exposure(host, token)
    config = load_config(None, {"tokenizer": tokenizer})
    folders = [require_folder(path) for path in paths or (".",)]
    workspace = Workspace(folders, build=True, state=state_in_force())
    access = Access(LOOPBACK_HOSTS | {host.lower(), *map(str.lower, hosts)}, token)
    service = Service(
        Operations(workspace, config["tokenizer"]),
        ServiceSettings(access, log=say if access_log else None),
        agents=agents_app(workspace, tokenizer=config["tokenizer"], read_only=host not in LOOPBACK_HOSTS),
        watcher=Watcher(workspace, say) if watch else None,
    )
    address = own_address(expand_user(socket_path) if socket_path else None)
    listening = Listening(address, host, None if socket_only else port, idle_exit)
    serve(service, listening, started=lambda url: say(f"Serving {', '.join(workspace.names)} at {url}"))


@click.command("watch", short_help="Keep indexes up to date while files are saved.")
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[FOLDER]...")
@state_option
def watch_command(paths: tuple[str, ...]) -> None:
    """Follow the FOLDERs (here, by default) until interrupted: what is saved can be found 2 s later.

    Vectors follow in the background, at low priority.
    """
    import asyncio

    from codesearch.service.watcher import Watcher
    from codesearch.workspace import Workspace

    folders = [require_folder(path) for path in paths or (".",)]
    with Workspace(folders, build=True, state=state_in_force()) as workspace:
        say(f"Watching {', '.join(workspace.names)}; Ctrl-C ends it.")
        asyncio.run(Watcher(workspace, say).run())
