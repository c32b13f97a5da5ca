from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from indexer.records import FileRow, FoundFile, SkippedFile, SkippedRow, StaleFiles
from indexer.tree.freshness import Changes, compare

LONG_AGO = 1_000_000_000
BUILT = 100 * LONG_AGO


def row(path, n_bytes=10, mtime_ns=LONG_AGO):
    return FileRow(1, path, "python", "f" * 64, n_bytes, mtime_ns, "")


def known(*rows):
    return {row.path: row for row in rows}


def test_each_kind_of_change():
    found = [
        FoundFile("same.py", 10, LONG_AGO),
        FoundFile("longer.py", 11, LONG_AGO),
        FoundFile("touched.py", 10, LONG_AGO + 1),
        FoundFile("new.py", 10, LONG_AGO),
        FoundFile("image.bin", 10, LONG_AGO),
        FoundFile("was.bin", 12, LONG_AGO),
    ]
    skipped = {
        path: SkippedRow(SkippedFile(path, "binary"), 10, LONG_AGO) for path in ("image.bin", "was.bin")
    }
    rows = known(row("same.py"), row("longer.py"), row("touched.py"), row("gone.py"))
    assert compare(found, rows, skipped, BUILT) == Changes(
        unchanged=("same.py",),
        suspect=(found[1], found[2]),
        added=(found[3], found[5]),
        deleted=("gone.py",),
        still_skipped=("image.bin",),
    )


def test_a_file_written_about_when_it_was_read_is_looked_at_again():
    """A later write within the clock's grain changes neither size nor time."""
    just_before = BUILT - 1_999_999_999
    earlier = BUILT - 2_000_000_001
    found = [FoundFile("a.py", 10, just_before), FoundFile("b.py", 10, earlier)]
    rows = known(row("a.py", mtime_ns=just_before), row("b.py", mtime_ns=earlier))
    changes = compare(found, rows, {}, BUILT)
    assert (changes.suspect, changes.unchanged) == ((found[0],), ("b.py",))


def test_what_the_walk_itself_skipped_before_is_new_now():
    skipped = {"big.py": SkippedRow(SkippedFile("big.py", "too-large"))}
    found = [FoundFile("big.py", 10, LONG_AGO)]
    assert compare(found, {}, skipped, BUILT).added == tuple(found)


paths = st.sampled_from([f"f{i}.py" for i in range(8)])
figures = st.tuples(st.integers(1, 3), st.integers(LONG_AGO, LONG_AGO + 3))


@given(st.dictionaries(paths, figures), st.dictionaries(paths, figures))
def test_every_file_has_exactly_one_place(on_disk, indexed):
    found = [FoundFile(path, *figure) for path, figure in sorted(on_disk.items())]
    rows = known(*(row(path, *figure) for path, figure in indexed.items()))
    changes = compare(found, rows, {}, BUILT)
    placed = [*changes.unchanged, *(f.path for f in changes.suspect), *(f.path for f in changes.added)]
    assert sorted(placed) == sorted(on_disk)
    assert set(changes.deleted) == set(indexed) - set(on_disk)
    assert all(on_disk[path] == indexed[path] for path in changes.unchanged)
    assert all(on_disk[file.path] != indexed[file.path] for file in changes.suspect)


def test_stale_files_count_and_are_true_when_there_are_any():
    assert not StaleFiles()
    assert not StaleFiles(complete=False)
    stale = StaleFiles(changed=("a",), added=("b", "c"), deleted=("d",))
    assert stale
    assert stale.count == 4
