"""One generation's SQLite database: files, chunks, spans, skipped files and facts.

sqlite-utils migrates the schema, and `schema.sql` is what that comes to; rows are written and read in plain
SQL, so that neither a search nor a build imports it. The full-text tables of the same database are
`full_text.py`'s.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.errors import IndexCorruptError, IndexMismatchError
from indexer.light_dataclasses import dataclass
from indexer.records import (
    Chunk,
    FileRow,
    Int32Array,
    OutlineEntry,
    SkippedFile,
    SkippedRow,
    SourceFile,
    Span,
)
from indexer.words import joined, last_name

if TYPE_CHECKING:
    from sqlite_utils import Database


@dataclass(frozen=True, slots=True)
class MissingChunk:
    """A chunk that may have to be encoded."""

    chunk_id: int
    embedding_key: str
    n_tokens: int


@dataclass(frozen=True, slots=True)
class WordsOnly:
    """A data file that words alone find from some place on."""

    path: str
    n_chunks: int
    """Without vectors."""
    n_encoded_tokens: int
    n_tokens: int
    """In all."""


@dataclass(frozen=True, slots=True)
class ChunkKey:
    """Whose chunk it is, and under which key its vectors are stored."""

    chunk_id: int
    file_id: int
    embedding_key: str
    """Empty for a chunk that is to have no vectors."""
    regions: Int32Array
    """(R, 2) characters from the start of the chunk."""


def m001_create_tables(db: Database) -> None:
    """The first schema."""
    db.table("files").create(
        {
            "file_id": int,
            "path": str,
            "language": str,
            "sha256": str,
            "n_bytes": int,
            "mtime_ns": int,
            "problem": str,
            "text": str,
        },
        pk="file_id",
        not_null={"path", "language", "sha256", "n_bytes", "mtime_ns", "problem", "text"},
    )
    db.table("files").create_index(["path"], unique=True)
    db.table("chunks").create(
        {
            "chunk_id": int,
            "file_id": int,
            "header": str,
            "start_char": int,
            "end_char": int,
            "start_line": int,
            "end_line": int,
            "n_tokens": int,
            "embedding_key": str,
        },
        pk="chunk_id",
    )
    db.table("chunks").create_index(["file_id"])
    db.table("spans").create(
        {
            "span_id": int,
            "chunk_id": int,
            "kind": str,
            "name": str,
            "leaf": str,
            "start_char": int,
            "end_char": int,
            "start_line": int,
            "end_line": int,
        },
        pk="span_id",
    )
    db.table("spans").create_index(["chunk_id"])
    db.table("spans").create_index(["leaf"])
    db.table("skipped").create(
        {"path": str, "reason": str, "detail": str, "n_bytes": int, "mtime_ns": int}, pk="path"
    )
    db.table("facts").create({"key": str, "value": str}, pk="key")


def m002_count_credentials(db: Database) -> None:
    """How many credentials of a file are covered."""
    db.execute("ALTER TABLE files ADD COLUMN n_redacted INTEGER NOT NULL DEFAULT 0")


def m003_note_regions(db: Database) -> None:
    """The regions of each chunk, which full-text rows are made of, whether it has vectors or not."""
    db.execute("ALTER TABLE chunks ADD COLUMN regions BLOB NOT NULL DEFAULT x''")


MIGRATIONS = (m001_create_tables, m002_count_credentials, m003_note_regions)
"""Run in order on a new database; `PRAGMA user_version` counts those applied."""

SCHEMA_VERSION = len(MIGRATIONS)
"""What a reader accepts: a writer brings any older database here first."""

_SCHEMA = Path(__file__).with_name("schema.sql")
"""What the migrations make of an empty database, with their number; importing sqlite-utils takes 0.1 s."""


def leaf_of(name: str) -> str:
    """The key of a symbol: `addroute` of `Router.add_route`, `type` of `$type`, of a heading its words."""
    return joined(last_name(name)).replace("$", "") or name


def _migrate(connection: sqlite3.Connection, applied: int) -> None:
    """Bring a database to this schema. Imported here: only one of an earlier version needs it."""
    from sqlite_utils import Database

    db = Database(connection)
    for migration in MIGRATIONS[applied:]:
        migration(db)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


class StoreWriter:
    """The database of a generation under construction; nobody reads it before the swap."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        """By table, added and not written yet: one statement writes many."""
        # No reader sees this file before it is whole, and a crash discards it: durability comes
        # from the one sync in `close`, not from a journal.
        self.connection.execute("PRAGMA journal_mode = OFF")
        self.connection.execute("PRAGMA synchronous = OFF")
        if not self._version:
            self.connection.executescript(_SCHEMA.read_text("utf-8"))
        if self._version < SCHEMA_VERSION:
            _migrate(self.connection, self._version)
        self.connection.execute("BEGIN")
        self.next_chunk_id = self._next("chunks", "chunk_id")
        self._next_file_id = self._next("files", "file_id")
        self.next_span_id = self._next("spans", "span_id")

    @property
    def connection(self) -> sqlite3.Connection:
        """The database, with all that was added so far."""
        rows, self._rows = self._rows, {}
        for table, of_table in rows.items():
            self._insert(table, of_table)
        return self._connection

    @property
    def _version(self) -> int:
        return int(self.connection.execute("PRAGMA user_version").fetchone()[0])

    def _next(self, table: str, column: str) -> int:
        (highest,) = self.connection.execute(f"SELECT max({column}) FROM {table}").fetchone()
        return (highest or 0) + 1

    def files(self) -> dict[str, FileRow]:
        """Every file by path."""
        return {row[1]: FileRow(*row) for row in self.connection.execute(_FILES)}

    def touch(self, file_id: int, n_bytes: int, mtime_ns: int) -> None:
        """Record new stat figures of a file whose content is as before."""
        sql = "UPDATE files SET n_bytes = ?, mtime_ns = ? WHERE file_id = ?"
        self.connection.execute(sql, (n_bytes, mtime_ns, file_id))

    def add_file(self, source: SourceFile, mtime_ns: int, *, problem: str = "", n_redacted: int = 0) -> int:
        """Insert a file and return its id."""
        file_id = self._next_file_id
        self._next_file_id += 1
        row = (
            file_id, source.path, source.language, source.sha256, source.n_bytes, mtime_ns, problem,
            source.text, n_redacted,
        )  # fmt: skip
        self._rows.setdefault("files", []).append(row)
        return file_id

    def add_chunk(self, file_id: int, chunk: Chunk, embedding_key: str, regions: Int32Array) -> int:
        """Insert a chunk, its spans and its regions, (R, 2) characters from its start; return its id."""
        chunk_id = self.next_chunk_id
        self.next_chunk_id += 1
        row = (
            chunk_id, file_id, chunk.header, chunk.start_char, chunk.end_char, chunk.start_line,
            chunk.end_line, chunk.n_tokens, embedding_key, regions.astype("<i4").tobytes(),
        )  # fmt: skip
        self._rows.setdefault("chunks", []).append(row)
        self._rows.setdefault("spans", []).extend(
            (
                span_id, chunk_id, span.kind, span.name, leaf_of(span.name), span.start_char, span.end_char,
                span.start_line, span.end_line,
            )
            for span_id, span in enumerate(chunk.spans, self.next_span_id)
        )  # fmt: skip
        self.next_span_id += len(chunk.spans)
        return chunk_id

    def _insert(self, table: str, rows: Sequence[tuple[Any, ...]], *, replace: bool = False) -> None:
        """Put rows in, which have new keys; `replace`: or those of a row that is there."""
        # Not by sqlite-utils, which asks the database what the table is with every call: 0.25 ms.
        # `OR REPLACE` opens a savepoint, at which FTS5 writes out what it holds: a fifth of all that a file
        # takes here, where it could have been one with the words of a hundred other files.
        if rows:
            columns = _COLUMNS[table]
            verb, marks = "INSERT OR REPLACE" if replace else "INSERT", _marks(rows[0])
            self._connection.executemany(f"{verb} INTO {table} ({columns}) VALUES ({marks})", rows)

    def file_chunks(self, file_id: int) -> list[Chunk]:
        """A file's chunks as stored, in file order."""
        return _chunks(self.connection, "chunks.file_id = ?", (file_id,))

    def span_names(self, file_id: int) -> list[tuple[int, str]]:
        """(span_id, dotted name) of every span of a file."""
        sql = (
            "SELECT span_id, name FROM spans JOIN chunks USING (chunk_id) WHERE file_id = ? ORDER BY span_id"
        )
        return list(self.connection.execute(sql, (file_id,)))

    def file_regions(self, file_id: int) -> dict[int, Int32Array]:
        """The regions of a file's chunks by chunk_id, each (R, 2), in file order."""
        sql = "SELECT chunk_id, regions FROM chunks WHERE file_id = ? ORDER BY chunk_id"
        return {
            chunk_id: np.frombuffer(regions, "<i4").reshape(-1, 2)
            for chunk_id, regions in self.connection.execute(sql, (file_id,))
        }

    def remove_file(self, file_id: int) -> None:
        """Delete a file with its chunks and spans."""
        execute = self.connection.execute
        execute(
            "DELETE FROM spans WHERE chunk_id IN (SELECT chunk_id FROM chunks WHERE file_id = ?)", (file_id,)
        )
        execute("DELETE FROM chunks WHERE file_id = ?", (file_id,))
        execute("DELETE FROM files WHERE file_id = ?", (file_id,))

    def chunk_keys(self) -> Iterator[ChunkKey]:
        """Every chunk's file and embedding, by chunk_id."""
        return _chunk_keys(self.connection)

    def chunks_to_encode(self) -> Iterator[MissingChunk]:
        """Every chunk that is to have vectors, those of the files that were changed last first."""
        return (MissingChunk(*row) for row in self.connection.execute(_TO_ENCODE))

    def replace_skipped(self, skipped: Iterable[SkippedRow]) -> None:
        """Record which files are not indexed, and why."""
        self.connection.execute("DELETE FROM skipped")
        rows = [
            (row.file.path, row.file.reason, row.file.detail, row.n_bytes, row.mtime_ns) for row in skipped
        ]
        self._insert("skipped", rows, replace=True)

    def set_facts(self, facts: dict[str, str]) -> None:
        """Record named facts about the build (commit, branch, time, totals)."""
        self._insert("facts", list(facts.items()), replace=True)

    def close(self) -> None:
        """Commit and close."""
        self.connection.execute("COMMIT")
        self.connection.close()


_COLUMNS = {
    "files": "file_id, path, language, sha256, n_bytes, mtime_ns, problem, text, n_redacted",
    "chunks": (
        "chunk_id, file_id, header, start_char, end_char, start_line, end_line, n_tokens, embedding_key,"
        " regions"
    ),
    "spans": "span_id, chunk_id, kind, name, leaf, start_char, end_char, start_line, end_line",
    "skipped": "path, reason, detail, n_bytes, mtime_ns",
    "facts": "key, value",
}
_FILES = "SELECT file_id, path, language, sha256, n_bytes, mtime_ns, problem FROM files"
_CHUNKS = (
    "SELECT chunks.chunk_id, files.path, files.sha256, files.language,"
    " substr(files.text, chunks.start_char + 1, chunks.end_char - chunks.start_char),"
    " chunks.start_char, chunks.end_char, chunks.start_line, chunks.end_line, chunks.n_tokens, chunks.header"
    " FROM chunks JOIN files USING (file_id) WHERE "
)


def _chunks(connection: sqlite3.Connection, where: str, values: Sequence[Any]) -> list[Chunk]:
    rows = connection.execute(_CHUNKS + where + " ORDER BY chunks.chunk_id", values).fetchall()
    ids = [row[0] for row in rows]
    spans: dict[int, list[Span]] = {chunk_id: [] for chunk_id in ids}
    for part in _parts(ids):
        for chunk_id, *span in connection.execute(
            "SELECT chunk_id, kind, name, start_char, end_char, start_line, end_line FROM spans"
            f" WHERE chunk_id IN ({_marks(part)}) ORDER BY span_id",
            part,
        ):
            spans[chunk_id].append(Span(*span))
    return [_chunk(row, tuple(spans[row[0]])) for row in rows]


def _chunk(row: tuple[Any, ...], spans: tuple[Span, ...]) -> Chunk:
    chunk_id, path, sha256, language, text, start_char, end_char, start_line, end_line, n_tokens, header = row
    return Chunk(
        chunk_id,
        path,
        sha256,
        language,
        text,
        start_char,
        end_char,
        start_line,
        end_line,
        n_tokens,
        spans,
        header,
    )


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Ids in parts that fit one statement: SQLite may take as few as 999 values."""
    return (ids[at : at + 900] for at in range(0, len(ids), 900))


def _marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))


def _damaged(error: sqlite3.Error) -> IndexCorruptError:
    return IndexCorruptError(
        f"The index database is damaged ({error}); rebuild it with `codesearch index --rebuild`."
    )


UNCOVERED = """SELECT path FROM files LEFT JOIN (
    SELECT file_id, min(start_char) AS low, max(end_char) AS high, sum(end_char - start_char) AS n
    FROM chunks GROUP BY file_id) AS cover USING (file_id)
    WHERE low IS NOT 0 OR high IS NOT length(text) OR n IS NOT length(text)"""
"""Files whose chunks are not their whole text, one behind the other."""

_TO_ENCODE = (
    "SELECT chunk_id, embedding_key, n_tokens FROM chunks JOIN files USING (file_id)"
    " WHERE embedding_key != '' ORDER BY mtime_ns DESC, chunk_id"
)


_WORDS_ONLY = (
    "SELECT path, sum(embedding_key = '') AS n, sum((embedding_key != '') * n_tokens), sum(n_tokens)"
    " FROM chunks JOIN files USING (file_id) GROUP BY file_id HAVING n > 0 ORDER BY path"
)


def _chunk_keys(connection: sqlite3.Connection) -> Iterator[ChunkKey]:
    sql = "SELECT chunk_id, file_id, embedding_key, regions FROM chunks ORDER BY chunk_id"
    return (
        ChunkKey(chunk_id, file_id, key, np.frombuffer(regions, "<i4").reshape(-1, 2))
        for chunk_id, file_id, key, regions in connection.execute(sql)
    )


class StoreReader:
    """Read access to a generation's database; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Open. Raises IndexCorruptError, or IndexMismatchError for another version's schema."""
        self._lock = threading.RLock()
        try:
            # immutable: a generation is never written after the swap, so no lock file is needed.
            uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
            self.connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        except sqlite3.DatabaseError as error:
            raise _damaged(error) from error
        self.query("PRAGMA mmap_size = 268435456")
        ((version,),) = self.query("PRAGMA user_version")
        if version != SCHEMA_VERSION:
            self.close()
            raise IndexMismatchError(
                f"The index database has schema version {version}, this codesearch reads {SCHEMA_VERSION};"
                " rebuild with `codesearch index --rebuild`."
            )

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of one statement; a damaged database becomes an IndexCorruptError."""
        with self._damage(), self._lock:
            return self.connection.execute(sql, values).fetchall()

    @contextmanager
    def _damage(self) -> Iterator[None]:
        """Every error of our own fixed statements is the file's, but for use after `close`."""
        try:
            yield
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.DatabaseError as error:
            raise _damaged(error) from error

    def chunks(self, chunk_ids: Sequence[int]) -> dict[int, Chunk]:
        """Chunks with text and spans, by id; unknown ids are left out."""
        found: list[Chunk] = []
        for part in _parts(chunk_ids):
            with self._damage(), self._lock:
                found += _chunks(self.connection, f"chunks.chunk_id IN ({_marks(part)})", part)
        return {chunk.chunk_id: chunk for chunk in found}

    def chunk_keys(self) -> Iterator[ChunkKey]:
        """Every chunk's file, embedding and regions, by chunk_id."""
        with self._damage(), self._lock:
            yield from _chunk_keys(self.connection)

    def missing_chunks(self, chunk_ids: Sequence[int]) -> list[MissingChunk]:
        """The keys of these chunks, in the order given."""
        found: dict[int, MissingChunk] = {}
        for part in _parts(chunk_ids):
            sql = f"SELECT chunk_id, embedding_key, n_tokens FROM chunks WHERE chunk_id IN ({_marks(part)})"
            found |= {row[0]: MissingChunk(*row) for row in self.query(sql, part)}
        return [found[chunk_id] for chunk_id in chunk_ids]

    def chunks_to_encode(self) -> list[MissingChunk]:
        """Every chunk that is to have vectors, those of the files that were changed last first."""
        return [MissingChunk(*row) for row in self.query(_TO_ENCODE)]

    def words_only(self) -> list[WordsOnly]:
        """The files of which not all chunks are to have vectors, by path."""
        return [WordsOnly(*row) for row in self.query(_WORDS_ONLY)]

    def file_chunks(self, path: str) -> list[Chunk]:
        """A file's chunks in order; empty for an unknown path."""
        with self._damage(), self._lock:
            return _chunks(self.connection, "files.path = ?", (path,))

    def files(self, paths: Sequence[str] = ()) -> dict[str, FileRow]:
        """By path: every file, or those of a few paths."""
        where = f" WHERE path IN ({_marks(paths)})" if paths else ""
        return {row[1]: FileRow(*row) for row in self.query(_FILES + where, paths)}

    def file_text(self, path: str) -> str | None:
        """The indexed text of a file, or None."""
        return next((text for (text,) in self.query("SELECT text FROM files WHERE path = ?", (path,))), None)

    def has_text(self, path: str) -> bool:
        """Whether the text of an indexed file is at hand."""
        return True

    def outline(self, prefix: str = "") -> tuple[OutlineEntry, ...]:
        """Symbols and headings of a file, or of all files below a folder, in file order; all for none."""
        # What lies below a folder sorts from "folder/" to before "folder0", and the index on path finds it.
        where, values = ("path = ? OR (path > ? AND path < ?)", (prefix, prefix + "/", prefix + "0"))
        rows = self.query(
            "SELECT path, language, kind, name, spans.start_char, spans.end_char, spans.start_line,"
            " spans.end_line FROM files JOIN chunks USING (file_id) JOIN spans USING (chunk_id)"
            f" WHERE {where if prefix else 'true'} ORDER BY path, spans.start_char, span_id",
            values if prefix else (),
        )
        return tuple(OutlineEntry(path, Span(*span), language) for path, language, *span in rows)

    def skipped(self) -> dict[str, SkippedRow]:
        """Files that are not indexed, by path, with the stat figures they had."""
        rows = self.query("SELECT path, reason, detail, n_bytes, mtime_ns FROM skipped ORDER BY path")
        return {row[0]: SkippedRow(SkippedFile(*row[:3]), *row[3:]) for row in rows}

    def facts(self) -> dict[str, str]:
        """Named facts about the build."""
        return dict(self.query("SELECT key, value FROM facts"))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self.connection.close()
