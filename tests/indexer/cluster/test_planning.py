"""What becomes a shard, and that a plan changes as little as what it is of."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from indexer.cluster.catalogue import Entry
from indexer.cluster.planning import Limits, Plan, Survey, plan_shards, recipe_of, survey
from indexer.cluster.trees import Source, part_of, tree_of
from indexer.errors import InputError, NothingToIndexError
from indexer.settings import BuildSettings

SETTINGS = BuildSettings()
LIMITS = Limits(split_tokens=1000, shared_tokens=100, group_tokens=200)


def seen(name: str, n_tokens: int, n_parts: int = 1) -> Survey:
    return Survey(Source(name, f"/src/{name}"), tuple(f"{name}{n}" for n in range(n_parts)), n_tokens)


def written(root, n_files: int = 40):
    root.mkdir()
    for n in range(n_files):
        (root / f"f{n}.py").write_text(f"def f{n}():\n    return {n}\n" * 5)
    return Source(root.name, str(root))


def test_whole_shared_and_split_longest_first():
    many = [seen(f"small{n}", 50) for n in range(16)]
    plans = plan_shards([*many, seen("big", 2500, 3), seen("one", 400)], "r", [], LIMITS)
    assert [plan.n_tokens for plan in plans] == sorted((plan.n_tokens for plan in plans), reverse=True)
    assert [plan.name for plan in plans[:4]] == ["big.1of3", "big.2of3", "big.3of3", "one"]
    shared = plans[4:]
    assert 1 < len(shared) <= 4
    assert sorted(s.repository for plan in shared for s in plan.sources) == sorted(
        each.source.repository for each in many
    )
    assert len({plan.digest for plan in plans}) == len(plans)
    assert all(Plan.from_json(plan.to_json()) == plan for plan in plans)


def test_a_repository_that_comes_or_changes_changes_its_own_shard():
    many = [seen(f"small{n}", 40) for n in range(17)]
    before = {plan.digest for plan in plan_shards(many[:-1], "r", [], LIMITS)}
    after = {plan.digest for plan in plan_shards(many, "r", [], LIMITS)}
    assert len(after - before) == 1
    changed = [replace(many[0], parts=("other",)), *many[1:]]
    assert len({plan.digest for plan in plan_shards(changed, "r", [], LIMITS)} - after) == 1
    assert not after & {plan.digest for plan in plan_shards(many, "another recipe", [], LIMITS)}


def test_earlier_shards_of_a_repository_are_looked_at_for_its_vectors():
    old = Entry("one", "/src/one", "", "shared-1", "d" * 64, "e" * 64, model="m", fingerprint="f" * 64)
    (plan,) = plan_shards([seen("one", 400)], "r", [old], LIMITS)
    assert plan.previous == (("d" * 64, "e" * 64),)


def test_the_recipe_knows_settings_and_model():
    assert recipe_of(SETTINGS) == recipe_of(BuildSettings())
    assert recipe_of(SETTINGS) != recipe_of(replace(SETTINGS, max_tokens=4096))
    assert recipe_of(SETTINGS) != recipe_of(replace(SETTINGS, data_file_tokens=1))


def test_a_file_that_changes_changes_the_digest_of_its_part_alone(tmp_path):
    source = written(tmp_path / "web")
    before = survey(source, tmp_path, SETTINGS, LIMITS)
    assert before == survey(source, tmp_path, SETTINGS, LIMITS)
    assert len(before.parts) == -(-before.n_tokens // LIMITS.split_tokens) > 1
    (tmp_path / "web" / "f3.py").write_text("def f3():\n    return 3\n" * 5 + "#")
    after = survey(source, tmp_path, SETTINGS, LIMITS)
    changed = [n for n, pair in enumerate(zip(before.parts, after.parts, strict=True)) if pair[0] != pair[1]]
    assert changed == [part_of("f3.py", len(before.parts))]


def test_parts_tile_a_tree(tmp_path):
    source = written(tmp_path / "web")
    paths = []
    for part in range(3):
        with tree_of([source], part, 3, tmp_path, SETTINGS) as tree:
            paths += [entry.path for entry in tree.walk(SETTINGS.walk)]
    assert sorted(paths) == sorted(f"f{n}.py" for n in range(40))


def test_several_lie_side_by_side_as_each_ones_own_rules_offer_them(tmp_path):
    one, two = written(tmp_path / "one", 2), written(tmp_path / "two", 2)
    (tmp_path / "one" / ".gitignore").write_text("f1.py\n")
    (tmp_path / "two" / "out.py").symlink_to("/etc/passwd")
    (tmp_path / "room").mkdir()
    with tree_of([one, two], 0, 1, tmp_path / "room", SETTINGS) as tree:
        entries = list(tree.walk(SETTINGS.walk))
        found = [entry for entry in entries if hasattr(entry, "mtime_ns")]
        assert [entry.path for entry in found] == ["one/f0.py", "two/f0.py", "two/f1.py"]
        assert (tree.folder / "one" / "f0.py").read_bytes() == (tmp_path / "one" / "f0.py").read_bytes()
        assert (tree.folder / "one" / "f0.py").stat().st_mtime_ns == found[0].mtime_ns
        assert not (tree.folder / "two" / "out.py").exists()


def test_a_revision_is_read_from_git(tmp_path, own_git_settings):
    source = written(tmp_path / "web", 2)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", source.folder]
    for words in ("init -q -b main", "add .", "commit -qm one"):
        subprocess.run([*git, *words.split()], check=True, capture_output=True)
    (tmp_path / "web" / "f0.py").unlink()
    at_main = replace(source, revision="main")
    with tree_of([at_main], 0, 1, tmp_path, SETTINGS) as tree:
        assert [entry.path for entry in tree.walk(SETTINGS.walk)] == ["f0.py", "f1.py"]
    assert (
        survey(at_main, tmp_path, SETTINGS, LIMITS).parts != survey(source, tmp_path, SETTINGS, LIMITS).parts
    )
    with pytest.raises(InputError, match="no revision 'gone'"):
        survey(replace(source, revision="gone"), tmp_path, SETTINGS, LIMITS)


def test_nothing_and_nowhere_are_sentences(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToIndexError, match="holds no file"):
        survey(Source("empty", str(tmp_path / "empty")), tmp_path, SETTINGS, LIMITS)
    with pytest.raises(InputError, match="There is no such folder"):
        survey(Source("gone", str(tmp_path / "gone")), tmp_path, SETTINGS, LIMITS)
