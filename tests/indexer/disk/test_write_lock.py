from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from indexer.disk import write_lock as write_lock_module
from indexer.disk.write_lock import has_writer, write_lock, writer_of
from indexer.errors import IndexBusyError, StorageError


def test_one_writer_at_a_time_and_the_second_hears_of_the_first(tmp_path):
    with write_lock(tmp_path):
        message = rf"process {os.getpid()}, for \d s.*run the same command"
        with pytest.raises(IndexBusyError, match=message), write_lock(tmp_path):
            pass
        assert json.loads((tmp_path / "lock.owner").read_text())["pid"] == os.getpid()
    assert not (tmp_path / "lock.owner").exists()
    with write_lock(tmp_path):
        pass


def test_a_writer_is_seen_without_the_lock_and_one_that_ended_is_not(tmp_path):
    assert not has_writer(tmp_path)
    with write_lock(tmp_path):
        assert has_writer(tmp_path)
    assert not has_writer(tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for note, writes in (({"pid": ended.pid}, False), ({"pid": os.getpid()}, True), ({"pid": "x"}, False)):
        (tmp_path / "lock.owner").write_text(json.dumps(note))
        assert has_writer(tmp_path) is writes


def test_how_far_a_writer_is_can_be_read_without_the_lock(tmp_path, monkeypatch):
    def noted():
        writer = writer_of(tmp_path)
        return writer.stage, writer.done, writer.total

    assert writer_of(tmp_path) is None
    with write_lock(tmp_path) as note:
        for done in (1, 8):
            note.tell("read", done, 8)
            assert noted() == ("", 0, 0), "most are done before it is worth a word"
        monkeypatch.setattr(write_lock_module, "NOTE_SECONDS", 0.0)
        for told, said in (
            (("read", 3, 8), ", 37 % of its files read"),
            (("read", 8, 8), ""),
            (("encode", 100, 400), ", 25 % encoded"),
        ):
            note.tell(*told)
            assert noted() == told
            with pytest.raises(IndexBusyError, match=rf"for \d+ s{said}\);"), write_lock(tmp_path):
                pass
        monkeypatch.setattr(write_lock_module, "NOTE_SECONDS", 3600.0)
        note.tell("encode", 300, 400)
        assert noted() == ("encode", 100, 400)
        note.tell("encode", 400, 400)
        assert noted() == ("encode", 400, 400), "that it is done is not kept back"
        monkeypatch.setattr(write_lock_module, "write_file", full)
        note.tell("read", 9, 9)
        assert noted() == ("encode", 400, 400)
        note = {"pid": os.getpid(), "since": time.time() - 90, "stage": "read", "done": 20, "total": 9}
        (tmp_path / "lock.owner").write_text(json.dumps(note))
        assert writer_of(tmp_path).elapsed_seconds >= 90
        assert noted() == ("read", 9, 9)


def full(*args, **named):
    raise OSError(28, "No space left on device")


def test_an_error_releases_the_lock(tmp_path):
    with pytest.raises(ValueError, match="mine"), write_lock(tmp_path):
        raise ValueError("mine")
    with write_lock(tmp_path):
        pass


@pytest.mark.parametrize("note", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1, "since": null}', "\x00"])
def test_a_broken_note_of_the_owner_is_left_out(tmp_path, note):
    with write_lock(tmp_path):
        (tmp_path / "lock.owner").write_text(note)
        with pytest.raises(IndexBusyError, match=r"writing the index in [^(]*; wait"), write_lock(tmp_path):
            pass


def test_a_killed_writer_leaves_no_lock(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from indexer.disk.write_lock import write_lock\n"
        "with write_lock(Path(sys.argv[1])): print('held', flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "held\n"
    assert (tmp_path / "lock.owner").exists()
    with write_lock(tmp_path):
        assert json.loads((tmp_path / "lock.owner").read_text())["pid"] == os.getpid()


def test_what_killed_writers_left_half_written_is_gone(tmp_path):
    for name in ("lock.owner.77.0a1b2c3d.new", "manifest.json.77.0a1b2c3d.new"):
        (tmp_path / name).write_text("{")
    with write_lock(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "lock.owner"]


def test_the_note_is_not_written_through_a_link(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "lock.owner").symlink_to(victim)
    with write_lock(tmp_path / "state"):
        pass
    assert victim.read_text() == "untouched"


def test_a_lock_that_is_a_link_is_refused_in_a_sentence(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "lock").symlink_to(victim)
    with pytest.raises(StorageError, match="cannot be opened"), write_lock(tmp_path / "state"):
        pass
    assert victim.read_text() == "untouched"
