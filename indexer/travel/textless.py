"""A database without the texts of its files: what search needs to name path, lines and symbol.

Of each file it keeps the path, sizes, symbols and the checksum; of each region (32 to 192 tokens) how many
characters and lines it has, and which words how often: stems, in alphabetical order. Whoever has it knows
these. Hashing the words would tell no less: whoever can ask for a word can try all of them.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Collection, Iterable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from indexer.disk.state_files import create_file
from indexer.storage.database import StoreWriter
from indexer.storage.facts import HAS_TEXT
from indexer.storage.full_text import SYMBOLS, add_bags, add_rows, region_rows, remove_all_rows, symbol_rows
from indexer.storage.mapped_tables import REGION_BITS

_LETTER = "."


def write_textless(database: Path, target: Path, lacking: Collection[int]) -> None:
    """Write what a generation's database holds without its texts to `target`, which only its owner reads.

    `lacking` are the ids of chunks whose vectors are still to be made, which words alone find then. What is
    not indexed, and when a file was changed, is left out.
    """
    with os.fdopen(create_file(target), "wb") as file, database.open("rb") as source:
        shutil.copyfileobj(source, file, 1 << 20)
    writer = StoreWriter(target)
    try:
        _take_out_texts(writer)
        writer.connection.executemany(
            "UPDATE chunks SET embedding_key = '' WHERE chunk_id = ?", [(chunk_id,) for chunk_id in lacking]
        )
        writer.replace_skipped(())
        writer.set_facts({HAS_TEXT: "false"})
        writer.close()
    finally:
        writer.connection.close()
    # What was taken out lies in free pages until the file is written anew.
    with closing(sqlite3.connect(target, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("VACUUM")


def _take_out_texts(writer: StoreWriter) -> None:
    db = writer.connection
    remove_all_rows(db)
    for row in writer.files().values():
        chunks, regions = writer.file_chunks(row.file_id), writer.file_regions(row.file_id)
        borders = {0}
        for chunk in chunks:
            own = regions[chunk.chunk_id]
            add_bags(db, region_rows(chunk, own, chunk.chunk_id << REGION_BITS))
            borders.add(chunk.end_char)
            borders.update((own + chunk.start_char).ravel().tolist())
        add_rows(db, SYMBOLS, symbol_rows(writer.span_names(row.file_id)))
        shape = shape_of("".join(chunk.text for chunk in chunks), borders)
        db.execute("UPDATE files SET text = ?, mtime_ns = 0 WHERE file_id = ?", (shape, row.file_id))


def shape_of(text: str, borders: Iterable[int]) -> str:
    """As many characters and lines as a text has between these places, which are of its ends too.

    The lines of a part are all of one length but for rounding; whether it ends with a line feed is kept.
    """
    return "".join(_shape(text[start:end]) for start, end in pairwise(sorted(borders)))


def _shape(part: str) -> str:
    if not part:
        return ""
    end = "\n" if part[-1] == "\n" else _LETTER
    n_lines = part.count("\n", 0, -1) + 1
    length, n_longer = divmod(len(part) - n_lines, n_lines)
    lines = [_LETTER * (length + (at < n_longer)) for at in range(n_lines)]
    return "\n".join(lines) + end


def is_shape(text: str) -> bool:
    """Whether a text is one that `shape_of` may have made."""
    return not text.strip(_LETTER + "\n")
