from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from indexer.errors import InputError, StorageError
from indexer.travel.sources import opened_source


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/gone"):
            self.send_error(404)
            return
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"0123456789" if self.path == "/whole" else b"01234")

    def log_message(self, *arguments):
        pass


@contextmanager
def served():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def read(source):
    with opened_source(source) as raw:
        return raw.read()


def test_an_address_on_this_machine_and_what_it_may_lead_to(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with served() as address:
        assert read(f"{address}/whole") == read(f"{address}/to/{address}/whole") == b"0123456789"
        with pytest.raises(InputError, match="answers 404"):
            read(f"{address}/gone?token=secret")
        for elsewhere in ("http://example.org/a.tar", "file:///etc/passwd", "ftp://example.org/a"):
            with pytest.raises(InputError, match=r"answers 302|cannot be reached"):
                read(f"{address}/to/{elsewhere}")
        assert read(f"{address}/cut") == b"01234"  # which the archive finds too short


def test_a_stream_that_fails_is_a_sentence(monkeypatch):
    class Broken:
        class buffer:  # noqa: N801 - as sys.stdin names it
            @staticmethod
            def read(n):
                raise OSError("gone")

    monkeypatch.setattr("sys.stdin", Broken)
    with pytest.raises(StorageError, match="Reading from standard input failed"):
        read("-")


@pytest.mark.parametrize("url", ["http://example.org/a.tar", "file:///etc/passwd", "ftp://localhost/a"])
def test_no_address_but_https(url):
    with pytest.raises(InputError, match="https:// address"):
        read(url)


def test_files_and_what_is_none(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    assert read(str(tmp_path / "a")) == b"content"
    os.mkfifo(tmp_path / "pipe")
    for name, sentence in (("gone", "cannot be read"), ("pipe", "is no file")):
        with pytest.raises(InputError, match=sentence):
            read(str(tmp_path / name))
