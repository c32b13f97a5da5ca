from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import IndexCorruptError, InputError
from indexer.light_dataclasses import dataclass
from indexer.vectors.index_files import IndexFacts, checked_ids, load_facts, load_ids, save_facts, save_ids


@dataclass(frozen=True, slots=True)
class Facts(IndexFacts):
    n_lists: int


def test_facts_come_back_and_the_file_is_plain_json(tmp_path: Path) -> None:
    facts = Facts(1, 20, 64, 3)
    save_facts(tmp_path / "f.json", facts)
    assert load_facts(tmp_path / "f.json", Facts, 1) == facts
    assert json.loads((tmp_path / "f.json").read_text()) == {
        "format_version": 1,
        "n_stored": 20,
        "dim": 64,
        "n_lists": 3,
    }


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 1}', "null", "\x00"])
def test_facts_that_are_not_all_there_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(IndexCorruptError, match="--rebuild"):
        load_facts(tmp_path / "f.json", Facts, 1)


def test_a_fact_that_is_no_number_is_refused(tmp_path: Path) -> None:
    raw = {"format_version": 1, "n_stored": "many", "dim": 64, "n_lists": 3}
    (tmp_path / "f.json").write_text(json.dumps(raw))
    with pytest.raises(IndexCorruptError):
        load_facts(tmp_path / "f.json", Facts, 1)


def test_ids_come_back_and_their_number_is_checked(tmp_path: Path) -> None:
    ids = np.array([5, 2**60, 0])
    save_ids(tmp_path / "ids.npy", ids)
    assert load_ids(tmp_path / "ids.npy", 3).tolist() == ids.tolist()
    with pytest.raises(IndexCorruptError, match="4 ids"):
        load_ids(tmp_path / "ids.npy", 4)


def test_checked_ids() -> None:
    assert checked_ids(np.array([3, 1], np.int32), 2).dtype == np.int64
    for bad in ([], [1], [1, 1], [-1, 0]):
        with pytest.raises(InputError):
            checked_ids(np.array(bad, np.int64), 2)
