"""`adapt` and the models that it makes, as commands tell of them; the training itself is the engine's."""

from __future__ import annotations

import json
import shutil

import pytest

from indexer.disk.user_folders import state_folder
from indexer.models.checkpoint import open_checkpoint
from indexer.models.hub import BUNDLED_FOLDER
from indexer.training import adapt as module
from indexer.training.adapt import AdaptReport


@pytest.fixture
def asked(monkeypatch):
    """What the engine was asked for; it answers with `asked[0]`, a report or an error."""
    calls = [None]

    def adapt(folders, out, start, settings, report, *, restart):
        calls.append((folders, out, start, settings, restart))
        better = calls[0]
        after = {"rows": 0.6 if better else 0.4}
        return AdaptReport(out, better, 900, 100, 250, 10**6, 601.0, {"rows": 0.5}, after, ())

    monkeypatch.setattr(module, "adapt", adapt)
    return calls


def test_a_better_model_is_told_with_how_to_use_it(run, asked, tmp_path):
    asked[0] = True
    result = run("adapt", tmp_path, "--out", "mine", "--minutes", "2", "--rate", "1e-5", "--seed", "3")
    assert result.exit_code == 0
    assert "rows 0.500 → 0.600" in result.stdout
    assert "`codesearch index --rebuild --model mine`" in result.stdout
    folders, out, start, settings, restart = asked[1]
    assert (folders, out, start, restart) == (
        [tmp_path],
        state_folder() / "models" / "mine",
        "codesearch-edge",
        False,
    )
    assert (settings.minutes, settings.rate, settings.seed) == (2.0, 1e-5, 3)
    value = json.loads(run("adapt", tmp_path, "--out", tmp_path / "there", "--json").stdout)
    assert (value["folder"], value["is_written"]) == (str(tmp_path / "there"), True)


def test_no_better_model_is_one_sentence_and_code_1(run, asked, one_sentence, tmp_path):
    asked[0] = False
    said = one_sentence(run("adapt", tmp_path, "--out", "mine"), code=1)
    assert said.startswith(
        "The model is no better on the held-out tenth after 250 steps (rows 0.500 → 0.400)"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "--out", "a"], "nowhere"),
        ([".", "--out", " "], "no name"),
        ([".", "--out", "no/such/folder/m"], "There is no such folder"),
        (["."], "Missing option '--out'"),
        ([".", "--out", "a", "--minutes", "0"], "--minutes"),
    ],
)
def test_bad_input_is_one_sentence(run, one_sentence, arguments, said):
    assert said in one_sentence(run("adapt", *arguments))


def test_models_of_ones_own_are_listed_and_found_by_name(run):
    target = state_folder() / "models" / "mine"
    shutil.copytree(BUNDLED_FOLDER / "codesearch-edge", target)
    (target / "codesearch.json").write_text(
        '{"single_vector": "mean", "adapted": {"from": "codesearch-edge"}}'
    )
    (target.parent / "broken").mkdir()
    (target.parent / "broken" / "modules.json").write_text("[]")
    (line,) = [line for line in run("models").stdout.splitlines() if line.startswith("mine ")]
    assert "adapted from codesearch-edge" in line
    names = [model["name"] for model in json.loads(run("models", "--json").stdout)["models"]]
    assert "mine" in names
    assert "broken" not in names
    assert open_checkpoint("mine").folder == target
