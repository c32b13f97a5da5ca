"""`models` and `models pull`, without a network."""

from __future__ import annotations

import json


def test_models(run, one_sentence, monkeypatch):
    assert "codesearch-edge" in run("models").stdout
    value = json.loads(run("models", "--json").stdout)
    assert value["models"][0]["name"] == "codesearch-edge"
    assert "is not a hub name" in one_sentence(run("models", "pull", "not a name"))
