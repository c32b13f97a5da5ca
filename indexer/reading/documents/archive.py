"""Zip archives (DOCX, EPUB) read under limits: sizes, ratios and counts are checked before unpacking.

Members are read into memory by name, never written to disk, and archives within are never opened.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from indexer.reading.documents.document import DocumentError
from indexer.settings import DocumentLimits

_PIECE_BYTES = 65_536
_RATIO_FREE_BYTES = 1_000_000
_OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Archive:
    """The members of a zip file, by name."""

    def __init__(self, data: bytes, limits: DocumentLimits) -> None:
        """Open and check; raises DocumentError `broken`, `encrypted` or `unsafe`."""
        if data.startswith(_OLE_MARK):
            if "EncryptedPackage".encode("utf-16-le") in data:
                raise DocumentError("encrypted", "protected by a password")
            raise DocumentError("broken", "an old binary Office file under a new name")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            members = self._zip.infolist()
        except Exception as error:
            raise DocumentError("broken", f"not a whole zip archive: {error}") from error
        if len(members) > limits.max_archive_members:
            raise DocumentError("unsafe", f"an archive of {len(members):,} members")
        total = sum(member.file_size for member in members)
        if total > limits.max_archive_bytes:
            raise DocumentError("unsafe", f"an archive that unpacks to {total / 1e6:,.0f} MB")
        for member in members:
            ratio = member.file_size / max(member.compress_size, 1)
            if member.file_size > _RATIO_FREE_BYTES and ratio > limits.max_archive_ratio:
                raise DocumentError("unsafe", f"a member that unpacks to {ratio:,.0f} times its size")
        self._members = {member.filename: member for member in members if not member.is_dir()}

    def __contains__(self, name: str) -> bool:
        """Whether there is such a member."""
        return name in self._members

    def size(self, name: str) -> int:
        """Bytes that a member says it unpacks to."""
        return self._members[name].file_size

    def read(self, name: str) -> bytes:
        """A whole member; DocumentError `broken` where it is missing or damaged, `encrypted` where locked."""
        return b"".join(self.pieces(name))

    def pieces(self, name: str) -> Iterator[bytes]:
        """A member in pieces of 64 kB; never more of it than the archive's table says there is."""
        member = self._members.get(name)
        if member is None:
            raise DocumentError("broken", f"{name} is missing")
        if member.flag_bits & 0x1:
            raise DocumentError("encrypted", f"{name} is locked by a password")
        left = member.file_size
        try:
            with self._zip.open(member) as stream:
                while piece := stream.read(_PIECE_BYTES):
                    left -= len(piece)
                    if left < 0:
                        raise DocumentError("unsafe", f"{name} is larger than the archive declares")
                    yield piece
        except DocumentError:
            raise
        except Exception as error:
            raise DocumentError("broken", f"{name} is damaged: {error}") from error
