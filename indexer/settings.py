"""Every number that shapes an index, and what holds where nobody chose, in one place.

Values only: no files, flags or environment.

`codesearch/config.py` turns defaults, files, environment and flags into these.
"""

from __future__ import annotations

from dataclasses import field

from indexer.light_dataclasses import dataclass

MAX_TOKENS = 8192
"""What a chunk may hold and what ModernBERT reads at once, header and specials included."""

STATE_FOLDER = ".codesearch"
MANIFEST_NAME = "manifest.json"
"""The file of the state folder that makes it an index."""


@dataclass(frozen=True, slots=True)
class WalkSettings:
    """Which files are offered for indexing."""

    max_file_bytes: int = 1_000_000
    """Larger files are skipped, and status says so."""
    include_hidden: bool = False
    """Index files and folders whose name starts with a dot."""
    include_generated: bool = False
    """Index minified and generated files."""
    include_vendored: bool = True
    """Index vendored code that git tracks; ranking puts it lower."""
    include_secrets: bool = False
    """Index text that looks like a credential as it is; else it is redacted first."""
    encoding: str = ""
    """Of files that are no UTF-8 and of which the tree says nothing, as `gb18030`; empty: detected."""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """How much one document (PDF, DOCX, EPUB, HTML, notebook, ...) may cost to read."""

    max_bytes: int = 50_000_000
    """Larger documents are skipped; in place of `WalkSettings.max_file_bytes`."""
    seconds: float = 120.0
    """A PDF keeps the pages read by then and status says so; anything else is skipped."""
    max_text_chars: int = 50_000_000
    """Text beyond is left out, and status says so."""
    max_memory_bytes: int = 1_000_000_000
    """Of the process that reads a PDF."""
    max_archive_members: int = 20_000
    max_archive_bytes: int = 400_000_000
    """Of all that an archive (DOCX, EPUB) says it unpacks to."""
    max_archive_ratio: float = 200.0
    """Unpacked over packed size, of any member over a megabyte."""


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """How files become vectors. Recorded in the manifest; another value is another index."""

    model: str = "codesearch-edge"
    """A bundled name, a hub name, or a folder."""
    max_tokens: int = MAX_TOKENS
    walk: WalkSettings = field(default_factory=WalkSettings)
    data_file_tokens: int = 16_384
    """Of a data file (JSON, CSV, a log) the first chunks that fit in so many tokens get vectors; words find
    the rest."""
    parse_seconds: float = 5.0
    """A file whose parse takes longer is indexed without spans."""
    max_memory_bytes: int = 2_000_000_000
    """Batches are sized so that a build's resident memory stays under this."""
    vectors: str = "auto"
    """`auto`, `exact`, `faiss` or `plaid`."""
