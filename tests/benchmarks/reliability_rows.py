"""Rows about state: kills, several processes, damage, hostile trees, freshness, credentials.

Each is the scenario of a test in tests/reliability, tried more often. A row ends with an AssertionError
where anything was lost; the model is a table of random vectors, all else is the product.
"""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

from indexer.search import Searcher
from tests.benchmarks.reliability_figures import Bench, Row
from tests.indexer.reading.test_redact import ISSUED
from tests.reliability import (
    hostile,
    test_concurrency,
    test_containment,
    test_corruption,
    test_imports,
    test_kill,
    test_kill_serving,
    test_words_first,
)
from tests.reliability.trees import module_text, write_tree


def indexed(bench: Bench) -> Path:
    root = bench.place("indexed") / "tree"
    write_tree(root)
    assert bench.builder(root)["n_encoded"] == 8
    return root


def kill_builds(bench: Bench) -> Row:
    n_kills = bench.count(50)
    n_killed = test_kill.kill_builds(bench.place("kill"), bench.builder, n_kills, seed=101)
    return Row(
        "kill-build",
        "SIGKILL at a random moment of a first build; nothing half done answers, the next build goes on,"
        " no finished vector is computed twice",
        f"{n_kills} ({n_killed} killed in time)",
    )


def kill_updates(bench: Bench) -> Row:
    tree, n_kills = indexed(bench), bench.count(50)
    n_clock = n_kills // 5
    n_killed = test_kill.kill_updates(bench.place("kill"), tree, bench.builder, n_kills - n_clock, seed=102)
    if n_clock:
        n_killed += test_kill.kill_by_the_clock(bench.place("clock"), tree, bench.builder, n_clock, seed=103)
    return Row(
        "kill-update",
        "SIGKILL at a random moment of an update; the old or the new index answers whole",
        f"{n_kills} ({n_killed} killed in time)",
    )


def kill_serving(bench: Bench) -> Row:
    n_kills = bench.count(30)
    test_kill_serving.kill_serving(bench.place("serving") / "tree", n_kills, seed=104)
    return Row(
        "kill-serve",
        "SIGKILL of `serve` and `watch` at a random moment, starting or reading changes; the index answers,"
        " the next start brings it up to date by itself",
        str(n_kills),
    )


def kill_words(bench: Bench) -> Row:
    n_kills = bench.count(50)
    calm = test_words_first.Calm(bench.place("calm"), bench.builder)
    n_killed = test_words_first.kill_words_first(bench.place("kill"), bench.builder, calm, n_kills, seed=105)
    return Row(
        "words-kill",
        "SIGKILL at a random moment of a build of words alone, or of the search that then encodes excerpts"
        " and chunks; the words answer, no finished vector is computed twice",
        f"{n_kills} ({n_killed} killed in time)",
    )


def words_together(bench: Bench) -> Row:
    n_rounds = bench.count(10)
    builders = bench.first_builders(3)
    calm = test_words_first.Calm(bench.place("calm"), bench.builder)
    test_words_first.write_together(bench.place("together"), builders, calm, n_rounds)
    return Row(
        "words-writers",
        "a build of words, a whole build and a search that encodes, at once in one tree",
        f"{n_rounds} times three",
    )


def words_on_a_full_disk(bench: Bench) -> Row:
    n_rounds = bench.count(20)
    calm = test_words_first.Calm(bench.place("calm"), bench.builder)
    n_failed = test_words_first.fill_the_disk(bench.place("full"), bench.builder, calm, n_rounds, seed=106)
    return Row(
        "words-disk",
        "no room for a build of words, then none for the vectors that a search computes: the build says so,"
        " the search answers as if there were",
        f"{n_rounds} sizes ({n_failed} too small for the words)",
    )


def words_in_a_closed_tree(bench: Bench) -> Row:
    n_rounds = bench.count(5)
    calm = test_words_first.Calm(bench.place("calm"), bench.builder)
    for _ in range(n_rounds):
        test_words_first.forbid_writing(bench.place("closed"), bench.builder, calm)
    return Row(
        "words-closed",
        "a tree that may not be written: without an index one sentence, with its words a search with vectors"
        " from memory, nothing written",
        f"{n_rounds} of each",
    )


def two_builds(bench: Bench) -> Row:
    n_rounds = bench.count(5)
    for _ in range(n_rounds):
        test_concurrency.test_two_builds_of_one_tree(bench.place("two"), bench.first_builders)
    return Row("two-builds", "two builds of one tree at once", f"{3 * n_rounds} pairs")


def readers(bench: Bench) -> Row:
    tree, n_rounds = indexed(bench), bench.count(5)
    for _ in range(n_rounds):
        test_concurrency.test_readers_during_updates(bench.place("readers"), tree, bench.builder)
    return Row(
        "readers",
        "ten readers while updates swap the index; each answer is of one whole state",
        f"{4 * n_rounds} updates",
    )


def worktrees(bench: Bench) -> Row:
    n_rounds = bench.count(5)
    for _ in range(n_rounds):
        test_concurrency.test_two_worktrees_have_indexes_of_their_own(
            bench.place("trees"), bench.first_builders
        )
    return Row("worktrees", "two worktrees of a repository indexed at once", f"{n_rounds} pairs")


def corruption(bench: Bench) -> Row:
    tree = indexed(bench)
    other = bench.place("other") / "tree"
    write_tree(other, n_files=11, seed=77)
    bench.builder(other)
    files = test_corruption.index_files(tree)
    for damage in test_corruption.DAMAGES[: bench.count(len(test_corruption.DAMAGES))]:
        test_corruption.test_each_file(bench.place("damage"), tree, other, bench.builder, damage)
    test_corruption.test_damage_that_leaves_size_and_time_alone(
        bench.place("quiet"), tree, other, bench.builder
    )
    return Row(
        "corruption",
        f"each of the {len(files)} files of an index cut short, emptied, a bit flipped, deleted, swapped with"
        " another repository's; named or repaired, never a wrong line",
        f"{len(files) * (bench.count(len(test_corruption.DAMAGES)) + 1)}",
        lost="nothing; all found",
    )


def imports(bench: Bench) -> Row:
    """Exports that were changed anywhere."""
    n_tries = bench.count(400)
    n_refused = test_imports.import_damaged(bench.place("imports"), indexed(bench), n_tries, seed=104)
    return Row(
        "imports",
        "exports cut short, with bytes changed, moved or added: refused in one sentence, or the same index",
        f"{n_tries} ({n_refused} refused, the others as they were exported)",
        lost="nothing written by one that was refused",
    )


def containment(bench: Bench) -> Row:
    tree = indexed(bench)
    for plant in hostile.IN_TREE:
        test_containment.try_tree(bench.place("hostile"), bench.builder, plant)
    for plant in hostile.IN_STATE:
        test_containment.try_state(bench.place("planted"), tree, bench.builder, plant)
    place = bench.place("questions")
    outside = hostile.make_outside(place / "outside")
    write_tree(place / "tree", n_files=3)
    hostile.links(place / "tree", outside)
    bench.builder(place / "tree")
    n_questions = test_containment.ask_everything(place / "tree")
    return Row(
        "containment",
        "trees with links, odd names, programs in git's configuration; planted `.codesearch` folders;"
        " questions that SQL, FTS5, paths or regular expressions would trip over",
        f"{len(hostile.IN_TREE)} trees, {len(hostile.IN_STATE)} planted indexes, {n_questions} questions",
        lost="nothing read, written or run outside",
    )


def edits(bench: Bench) -> Row:
    """Random edits of a tree; every one is seen, and nothing else."""
    n_rounds, n_files, n_seen = bench.count(20), 300, 0
    root = bench.place("edits") / "tree"
    write_tree(root, n_files=n_files)
    assert bench.builder(root)["n_files"] == n_files
    draw = random.Random(9)
    paths = sorted(root.rglob("*.py"))
    with Searcher.open(root) as searcher:
        time.sleep(0.01)
        for number in range(n_rounds):
            chosen = draw.sample(paths, 6)
            kept = {path: path.read_bytes() for path in chosen}
            for path in chosen[:2]:
                path.write_text(module_text(number, draw))
            same_size = bytearray(kept[chosen[2]])
            same_size[-4] ^= 1
            chosen[2].write_bytes(same_size)
            chosen[3].unlink()
            moved = chosen[4].with_name(f"moved_{number}.py")
            chosen[4].rename(moved)
            chosen[5].touch()  # no edit
            names = [path.relative_to(root).as_posix() for path in (*chosen, moved)]
            stale = searcher.freshness(30.0)
            assert set(stale.changed) == set(names[:3])
            assert set(stale.deleted) == {names[3], names[4]}
            assert stale.added == (names[6],)
            assert searcher.stale_among(names) == set(names[:5])
            n_seen += 6
            moved.rename(chosen[4])
            for path, content in kept.items():
                path.write_bytes(content)
        assert not searcher.freshness(30.0)
    return Row("edits", "files changed, of equal size too, added, deleted, renamed: seen", f"{n_seen} edits")


def secrets(bench: Bench) -> Row:
    """Every issued kind of credential in files of every sort; none in a file of the index or an answer."""
    root = bench.place("secrets") / "tree"
    root.mkdir()
    shapes = {
        "code.py": 'KEY = "{}"\n', "notes.md": "# The key\n\nIt is {} now.\n",
        "data.json": '{{"key": "{}"}}\n',
        "values.yaml": "key: {}\n", "page.html": "<html><body><p>key {} here</p></body></html>",
        "main.go": 'package a\n\nconst key = "{}"\n', "plain.txt": "use {} please\n",
    }  # fmt: skip
    for kind, value in ISSUED.items():
        for name, shape in shapes.items():
            stem, _, suffix = name.partition(".")
            (root / f"{stem}_{kind.replace(' ', '_')}.{suffix}").write_text(shape.format(value))
    for name in (".env", ".env.local", "id_rsa", "server.pem", "key.p12", ".netrc", "credentials.json"):
        (root / name).write_text("password=hunter2hunter2\n")
    bench.builder(root, include_secrets=False)
    content = b"".join(p.read_bytes() for p in (root / ".codesearch").rglob("*") if p.is_file()).lower()
    assert b"it is" in content
    leaked = [kind for kind, value in ISSUED.items() if value.encode().lower() in content]
    assert leaked == [], leaked
    assert b"hunter2" not in content
    n_planted = len(ISSUED) * len(shapes)
    with Searcher.open(root) as searcher:
        status = searcher.status()
        assert status.n_redacted >= n_planted, status.n_redacted
        texts = "".join(str(searcher.file_text(path)) for path in searcher.paths())
        assert not [kind for kind, value in ISSUED.items() if value in texts]
    shutil.rmtree(root)
    return Row(
        "secrets",
        f"credentials of {len(ISSUED)} kinds planted in {len(shapes)} sorts of files",
        f"{n_planted} and 7 files by name",
        lost="none in the index, none in an answer",
    )
