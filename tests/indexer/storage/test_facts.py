"""What a build notes comes back as the values it was."""

from __future__ import annotations

import pytest

from indexer.errors import IndexCorruptError
from indexer.settings import BuildSettings, WalkSettings
from indexer.storage.facts import build_facts, recorded_settings, settings_facts
from indexer.storage.manifest import Manifest

MANIFEST = Manifest("1", 1, "other-model", "0" * 64, 512, 256, 32, "rows")


@pytest.mark.parametrize(
    "settings",
    [
        BuildSettings("other-model", 512),
        BuildSettings(
            "other-model", 512, WalkSettings(7, True, True, False, True), vectors="faiss", data_file_tokens=9
        ),
    ],
)
def test_settings_come_back_as_they_were(settings):
    assert recorded_settings(MANIFEST, settings_facts(settings, "5")) == settings


def test_what_the_first_version_noted_is_read():
    facts = {"max_file_bytes": "7", "include_hidden": "True", "include_vendored": "False", "vectors": "plaid"}
    assert recorded_settings(MANIFEST, facts) == BuildSettings(
        "other-model", 512, WalkSettings(7, include_hidden=True, include_vendored=False), vectors="plaid"
    )


def test_what_is_no_such_value_is_the_default():
    facts = {"max_file_bytes": "true", "include_hidden": "3", "include_secrets": "yes", "vectors": "{}"}
    assert recorded_settings(MANIFEST, facts) == BuildSettings("other-model", 512)


def test_a_fact_that_is_lost_is_said():
    noted = {"n_files": "1", "n_chunks": "2", "n_spans": "3", "n_tokens": "4", "built_at_ns": "5"}
    facts = build_facts(noted)
    assert (facts.n_files, facts.built_at_ns, facts.commit, facts.n_redacted) == (1, 5, "", 0)
    for name in noted:
        with pytest.raises(IndexCorruptError, match=f"lacks its fact {name}; rebuild the index"):
            build_facts({other: value for other, value in noted.items() if other != name})
