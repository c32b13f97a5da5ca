from __future__ import annotations

import json
from dataclasses import replace

from codesearch.render.status import entries_words, size_words, skipped_text, status_json, status_text
from indexer.records import StaleFiles


def test_text(shapes):
    lines = status_text(shapes.status()).splitlines()
    assert lines[0] == "index of   /repo"
    assert lines[2].endswith("at 0123456789ab (main)")
    assert lines[3:] == [
        "files      3 in 3 chunks, 6 symbols",
        "vectors    all chunks",
        "tokens     1,234, 1,000 rows, 2.5 MB on disk",
        "languages  python 3",
        "skipped    1 file: binary 1 (--skipped lists them)",
        "problems   none",
        "redacted   nothing that looks like a credential",
        "stale      no",
    ]


def test_covered_credentials_are_counted(shapes):
    status = shapes.status()
    assert "3 credentials are covered" in status_text(replace(status, n_redacted=3))
    included = replace(status, covers_secrets=False)
    assert "indexed as they are" in status_text(included)


def test_stale_files_are_named_up_to_ten(shapes):
    shapes.stale = StaleFiles(changed=tuple(f"f{n}.py" for n in range(12)), deleted=("x\x1b.py",))
    last = status_text(shapes.status()).splitlines()[-1]
    assert "12 changed (f0.py, f1.py," in last
    assert "f9.py and 2 more); 1 deleted (x␛.py); `codesearch index` brings it up to date" in last


def test_json_round_trip(shapes):
    value = json.loads(status_json(shapes.status()))
    assert value["built_at"] == "2023-11-14T22:13:20+00:00"
    assert value["skipped"] == [{"path": "logo.png", "reason": "binary", "detail": "Has a NUL byte."}]


def test_skipped(shapes):
    assert skipped_text(shapes.status()) == "logo.png\tbinary\tHas a NUL byte.\n"


def test_sizes():
    assert [size_words(n) for n in (0, 999, 1000, 2_500_000, 3 * 10**9, 10**13)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "2.5 MB",
        "3.0 GB",
        "10000.0 GB",
    ]


def test_a_skipped_folder_is_a_folder_and_one_is_no_plural():
    assert entries_words(["vendor/"]) == "1 folder"
    assert entries_words(["a.py", "vendor/", "x/y/"]) == "2 folders and 1 file"
    assert entries_words(["a.py", "b.py"]) == "2 files"
