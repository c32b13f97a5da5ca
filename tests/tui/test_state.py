"""What is remembered: round trips, limits, and files that are not what they should be."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.state import MAX_HISTORY, Filters, RememberedState, SavedQuery, load_state, save_state

FULL = RememberedState(
    theme="codesearch-light",
    mode="lexical",
    evidence=False,
    budget_tokens=16000,
    history=("newest", "older"),
    saved=(SavedQuery("kept", Filters("single", ("python",), ("!tests/",), ("class",), "a+", ("repo",))),),
)


def test_round_trip(tmp_path):
    path = tmp_path / "deep" / "state.json"
    assert save_state(path, FULL)
    assert load_state(path) == FULL
    assert [entry.name for entry in path.parent.iterdir()] == ["state.json"], "no temporary file stays"


def test_a_missing_file_gives_the_defaults(tmp_path):
    assert load_state(tmp_path / "none.json") == RememberedState()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '"x"', "\x00\x01", '{"history": 3, "saved": "x"}']
)
def test_a_damaged_file_gives_the_defaults(tmp_path, content):
    path = tmp_path / "state.json"
    path.write_text(content)
    assert load_state(path) == RememberedState()


def test_each_field_is_checked_alone(tmp_path):
    path = tmp_path / "state.json"
    raw = {"mode": "guess", "budget_tokens": True, "evidence": 1, "theme": 3, "history": ["a", 2]}
    path.write_text(json.dumps(raw | {"saved": [{"query": "q", "filters": {"mode": "no", "regex": 4}}, 7]}))
    assert load_state(path) == RememberedState(history=("a",), saved=(SavedQuery("q"),))


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    assert not save_state(blocker / "state.json", FULL)


def test_a_failed_write_keeps_the_old_state(tmp_path, monkeypatch):
    path = tmp_path / "state.json"
    save_state(path, FULL)

    def full_disk(*args, **kwargs):
        raise OSError("no space")

    monkeypatch.setattr(os, "fchmod", full_disk)
    assert not save_state(path, RememberedState())
    assert load_state(path) == FULL
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_history_is_newest_first_and_holds_a_query_once():
    state = RememberedState().with_query("a").with_query("b").with_query(" a ")
    assert state.history == ("a", "b")
    assert state.with_query("  ") is state


def test_history_keeps_lines_and_no_text_beyond_measure():
    assert RememberedState().with_query("a  b\r\n  c\n").history == ("a b\nc",)
    assert RememberedState().with_query("a" * 10_001).history == ()


def test_history_has_an_end():
    state = RememberedState()
    for number in range(MAX_HISTORY + 5):
        state = state.with_query(str(number))
    assert len(state.history) == MAX_HISTORY
    assert state.history[0] == str(MAX_HISTORY + 4)


def test_saving_again_replaces_and_deleting_deletes():
    first, second = SavedQuery("q", Filters("single")), SavedQuery("q", Filters("lexical"))
    state = RememberedState(history=("q",)).with_saved(first).with_saved(second)
    assert state.saved == (second,)
    assert state.without("q") == RememberedState()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(max_size=20), max_size=5))
def test_any_history_comes_back(tmp_path_factory, queries):
    path = tmp_path_factory.mktemp("state") / "state.json"
    state = RememberedState(history=tuple(queries))
    try:
        "".join(queries).encode()
    except UnicodeEncodeError:
        return
    save_state(path, state)
    assert load_state(path) == state
