"""From files to rows and words in a database: the first half of a build, `encoding.py` is the second.

    prepare (read, parse, tokenise, cut) → write (rows, words) → backlog of chunks to encode

Preparing runs some files ahead, in a thread or in processes, while the database is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

from indexer.ingest.backlog import Backlog
from indexer.ingest.prepare import PreparedFile, Preparer
from indexer.ingest.preparing import prepare_all
from indexer.ingest.writer import Writer
from indexer.records import FileRow, FoundFile, SkippedRow

TEXT_RULES = "11"
"""Changed when the same bytes are to be read as another text, with other symbols or in other windows: an
older index is then read anew."""

OnFile = Callable[[int, int, str], None]
"""Called with files done, files in all, and the last path; before the first file and after each lot."""


class Ingest:
    """Brings a generation's database to what the tree holds."""

    def __init__(self, preparer: Preparer, writer: Writer, backlog: Backlog | None) -> None:
        """`backlog` keeps what was prepared at hand for the model; None where none follows."""
        self._preparer = preparer
        self._writer = writer
        self._backlog = backlog

    def add(
        self, files: Sequence[FoundFile], known: Mapping[str, FileRow], on_file: OnFile
    ) -> list[SkippedRow]:
        """Read and store files; returns those whose content ruled them out.

        `known` is what the index holds so far, by path.
        """
        skips: list[SkippedRow] = []
        if files:
            on_file(0, len(files), files[0].path)  # the first may be a long one: minutes of reading
        tasks = [(found, known.get(found.path)) for found in files]
        with_tokens = self._backlog is not None
        n_done = 0
        with closing(prepare_all(self._preparer, tasks, with_tokens=with_tokens)) as prepared:
            for lot in prepared:
                self._take(lot, known)
                skips += [
                    SkippedRow(file.skipped, file.found.n_bytes, file.found.mtime_ns)
                    for file in lot
                    if file.skipped is not None
                ]
                n_done += len(lot)
                on_file(n_done, len(files), lot[-1].found.path)
        return skips

    def _take(self, lot: Sequence[PreparedFile], known: Mapping[str, FileRow]) -> None:
        for file in lot:
            old = known.get(file.found.path)
            if old is not None and file.same_content:
                self._writer.touch(old, file.found)
            elif old is not None:
                self._writer.remove(old)
        new = [file for file in lot if file.source is not None]
        self._writer.add(new)
        if self._backlog is not None:
            for file in new:
                self._backlog.keep(file.chunks)
