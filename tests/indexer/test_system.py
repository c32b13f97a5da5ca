"""Where a system has none of what is POSIX's alone, the main job is done all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.disk import contained
from indexer.disk.contained import NotRegularError, open_regular, read_regular
from indexer.disk.state_files import create_file, write_file

ELSEWHERE = """
import os, select, signal, sys
import filelock, platformdirs.unix, shutil, subprocess, tempfile  # others' own ways around are theirs
filelock.FileLock = filelock.SoftFileLock
for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_DIRECTORY", "geteuid", "getuid",
             "register_at_fork", "set_blocking", "nice", "sysconf", "sched_getaffinity"):
    if hasattr(os, name):
        delattr(os, name)
del select.poll, signal.SIGXCPU
os.supports_dir_fd.clear()
for name in ("resource", "fcntl", "termios", "pwd", "grp"):
    sys.modules[name] = None
from codesearch.cli.main import cli

def main(arguments):
    try:
        cli(arguments)
    except SystemExit as end:
        return end.code

for arguments in (["index", "-q"], ["search", "ignite"], ["outline", "lamp.py"], ["status"]):
    if main([*arguments, *(() if arguments[0] in ("search", "outline") else ["."])]):
        sys.exit(3)
with open("lamp.py", "a") as file:
    file.write("def kindle():\\n    return 'a spark'\\n")
sys.exit(main(["index", "-q", "."]) or main(["search", "kindle a spark"]))
"""


def test_index_and_search_where_nothing_of_posix_is_there(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "notes").mkdir(parents=True)
    (tree / "lamp.py").write_text("class Lamp:\n    def ignite(self):\n        return 'the lamp burns'\n")
    (tree / "notes" / "a.md").write_text("# Harbour\n\nA light.\n")
    (tmp_path / "secret.txt").write_text("elsewhere alone")
    (tree / "link.txt").symlink_to(tmp_path / "secret.txt")
    done = subprocess.run(
        [sys.executable, "-P", "-c", ELSEWHERE], cwd=tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Lamp.ignite" in done.stdout  # symbols: the grammars ran
    assert "kindle" in done.stdout
    assert "elsewhere alone" not in done.stdout
    generations = list((tree / ".codesearch" / "generations").iterdir())
    assert len(generations) == 1, generations


@pytest.fixture
def by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open as systems do that walk no handles."""
    monkeypatch.setattr(contained, "OPENS_BELOW_FOLDERS", False)


@pytest.mark.usefixtures("by_name")
def test_links_lead_nowhere_by_name_either(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (root / "real" / "a.txt").write_text("inside")
    (tmp_path / "b.txt").write_text("outside")
    (root / "folder").symlink_to(tmp_path)
    (root / "file").symlink_to(tmp_path / "b.txt")
    os.mkfifo(root / "pipe")
    assert read_regular(root, "real/a.txt", 100) == b"inside"
    for path in ("folder/b.txt", "file"):
        with pytest.raises(OSError, match="a link"):
            open_regular(root, path)
    for path in ("pipe", "real"):
        with pytest.raises(NotRegularError):
            open_regular(root, path)


@pytest.mark.usefixtures("by_name")
def test_a_file_exchanged_between_look_and_open_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("looked at")
    (tmp_path / "b").write_text("another")
    real = os.open

    def exchanging(path: Path, flags: int) -> int:
        (tmp_path / "b").replace(tmp_path / "a")
        return real(path, flags)

    monkeypatch.setattr(os, "open", exchanging)
    with pytest.raises(OSError, match="exchanged"):
        open_regular(tmp_path, "a")


def test_a_link_is_no_place_for_a_file_without_the_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from indexer import system

    monkeypatch.setattr(system, "FOLLOW_NO_LINK", 0)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="a link"):
        system.open_plain(tmp_path / "link", os.O_RDWR | os.O_CREAT)
    os.close(create_file(tmp_path / "link"))  # takes the name's place
    assert not (tmp_path / "elsewhere").exists()


def test_modes_are_set_by_name_where_handles_take_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "fchmod")
    write_file(tmp_path / "a", b"text", mode=0o640)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
