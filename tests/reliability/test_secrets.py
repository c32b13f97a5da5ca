"""A credential in a tree is in no file of its index, and in no answer; --include-secrets is the way back."""

from __future__ import annotations

import random
import string
from pathlib import Path

import pytest

from indexer.records import Mode, SearchRequest
from indexer.search import Searcher
from tests.reliability.trees import Builder, damage

DRAW = random.Random(8)
TOKEN = "ghp_" + "".join(DRAW.choice(string.ascii_letters + string.digits) for _ in range(36))
PASSWORD = "kQ7" + "-vGh2xPz9"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir()
    (root / "client.py").write_text(
        f'"""Talks to the server."""\n\nTOKEN = "{TOKEN}"\n\n\ndef connect_{TOKEN}():\n    return TOKEN\n'
    )
    (root / "notes.md").write_text(f"# Access\n\n## The token is {TOKEN}\n\nUse it with care.\n")
    (root / "page.html").write_text(
        f"<html><body><h1>Key {TOKEN}</h1><p>postgres://app:{PASSWORD}@db.internal/x</p></body></html>"
    )
    (root / "settings.yaml").write_text(f"database:\n  password: {PASSWORD}\n  pool: 5\n")
    (root / ".env").write_text(f"TOKEN={TOKEN}\n")
    (root / "id_rsa").write_text("anything")
    return root


def bytes_of_index(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (root / ".codesearch").rglob("*") if path.is_file())


def test_nothing_of_a_credential_is_in_the_index(tree: Path, builder: Builder) -> None:
    assert "error" not in builder(tree)
    content = bytes_of_index(tree).lower()
    assert b"talks to the server" in content
    assert TOKEN.encode().lower() not in content
    assert TOKEN[4:20].encode().lower() not in content
    assert PASSWORD.encode().lower() not in content
    with Searcher.open(tree) as searcher:
        status = searcher.status()
        assert status.n_redacted == 6
        assert {skip.path: skip.reason for skip in status.skipped} == {".env": "secret", "id_rsa": "secret"}
        covered = searcher.file_text("client.py")
        assert covered is not None
        assert covered == (tree / "client.py").read_text().replace(TOKEN, "*" * len(TOKEN))
        assert not searcher.search(SearchRequest(TOKEN, mode=Mode.LEXICAL)).hits
        assert all(TOKEN not in entry.span.name for entry in searcher.outline())
    assert damage(tree) == []


def test_credentials_are_indexed_where_that_is_asked_for_and_covered_again_after(
    tree: Path, builder: Builder
) -> None:
    builder(tree)
    builder(tree, include_secrets=True)
    with Searcher.open(tree) as searcher:
        assert TOKEN in str(searcher.file_text("client.py"))
        assert ".env" in searcher.paths() or searcher.status().n_redacted == 0
        assert searcher.search(SearchRequest(TOKEN, mode=Mode.LEXICAL)).hits
    builder(tree)
    content = bytes_of_index(tree)
    assert TOKEN.encode() not in content
    assert PASSWORD.encode() not in content


def test_a_credential_that_was_taken_out_of_a_file_is_out_of_the_index(tree: Path, builder: Builder) -> None:
    """Pages of the database that are free keep nothing either."""
    (tree / "client.py").write_text('NAME = "not a credential yet 8812"\n' * 50)
    builder(tree)
    assert b"not a credential yet 8812" in bytes_of_index(tree)
    (tree / "client.py").write_text("NAME = None\n")
    builder(tree)
    assert b"not a credential yet 8812" not in bytes_of_index(tree)
