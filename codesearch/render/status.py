"""The state of an index as text or JSON, for `codesearch status`.

JSON, schema 1, all keys always present: schema, root, model, commit, branch, built_at (UTC), files, chunks,
encoded (chunks that need no more vectors), words_only (those of data files that are to have none), spans,
tokens, rows, bytes_on_disk, languages {name: files}, settings {..},
stale {changed [..], added [..], deleted [..], complete}, skipped [{path, reason, detail}],
problems [{path, reason, detail}], redacted (credentials that are covered in the indexed text), texts (false:
the index was imported without them).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from codesearch.render.sanitize import json_text, label
from indexer.wording import counted

if TYPE_CHECKING:
    from indexer.records import SkippedFile
    from indexer.storage.status import IndexStatus

_SHOWN_PATHS = 10
_NO_TEXTS = "imported without; passages are shown of files that this folder has as they were indexed"


def status_dict(status: IndexStatus) -> dict[str, Any]:
    """The state of an index as the JSON object of schema 1."""
    return {
        "schema": 1,
        "root": str(status.root),
        "model": status.model,
        "commit": status.commit or None,
        "branch": status.branch or None,
        "built_at": datetime.fromtimestamp(status.built_at, UTC).isoformat(timespec="seconds"),
        "files": status.n_files,
        "chunks": status.n_chunks,
        "encoded": status.n_encoded,
        "words_only": status.n_words_only,
        "spans": status.n_spans,
        "tokens": status.n_tokens,
        "rows": status.n_rows,
        "bytes_on_disk": status.n_bytes_on_disk,
        "languages": dict(status.languages),
        "settings": dict(status.settings),
        "stale": {
            "changed": list(status.stale.changed),
            "added": list(status.stale.added),
            "deleted": list(status.stale.deleted),
            "complete": status.stale.complete,
        },
        "skipped": [_skipped_dict(file) for file in status.skipped],
        "problems": [_skipped_dict(file) for file in status.problems],
        "redacted": status.n_redacted,
        "texts": status.has_text,
    }


def status_json(status: IndexStatus, revisions: Sequence[Mapping[str, object]] = ()) -> str:
    """The JSON object, indented and ended by a line feed; `revisions` where some are indexed."""
    more = {"revisions": list(revisions)} if revisions else {}
    return json_text(status_dict(status) | more, indent=2) + "\n"


def status_text(status: IndexStatus, skipped: str = "--skipped lists them") -> str:
    """A screen for a person; `skipped` says where the skipped files are listed."""
    built = datetime.fromtimestamp(status.built_at).astimezone().strftime("%Y-%m-%d %H:%M")
    at = f" at {status.commit[:12]}" if status.commit else ""
    branch = f" ({label(status.branch)})" if status.branch else ""
    on_disk = size_words(status.n_bytes_on_disk)
    rows = [
        ("index of", label(str(status.root))),
        ("model", label(status.model)),
        ("built", f"{built}{at}{branch}"),
        (
            "files",
            f"{status.n_files:,} in {counted(status.n_chunks, 'chunk')}, {counted(status.n_spans, 'symbol')}",
        ),
        ("vectors", _vectors(status)),
        *([] if status.has_text else [("texts", _NO_TEXTS)]),
        ("tokens", f"{status.n_tokens:,}, {counted(status.n_rows, 'row')}, {on_disk} on disk"),
        ("languages", ", ".join(f"{name} {count:,}" for name, count in status.languages.items()) or "none"),
        ("skipped", _counts(status.skipped) + (f" ({skipped})" if status.skipped else "")),
        ("problems", _counts(status.problems)),
        ("redacted", _redacted_words(status)),
        ("stale", _stale_words(status)),
    ]
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:<{width}}  {value}\n" for name, value in rows)


def skipped_text(status: IndexStatus) -> str:
    """One line for each file that is not indexed, or not with all that it holds: path, reason, detail."""
    files = [*status.skipped, *status.problems]
    return "".join(f"{label(file.path)}\t{file.reason}\t{label(file.detail)}\n" for file in files)


def size_words(n_bytes: int) -> str:
    """`1.2 MB`."""
    size = float(n_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _vectors(status: IndexStatus) -> str:
    n_encoded, n_chunks = status.n_encoded, status.n_chunks
    if n_encoded < n_chunks:
        return f"{n_encoded:,} of {counted(n_chunks, 'chunk')}; `codesearch index` encodes the rest"
    if not status.n_words_only:
        return "all chunks"
    n_files = sum(file.reason == "words-only" for file in status.problems)
    files = counted(n_files, "large data file")
    return f"all chunks but {status.n_words_only:,} at the end of {files}, which words find"


def _skipped_dict(file: SkippedFile) -> dict[str, str]:
    return {"path": file.path, "reason": file.reason, "detail": file.detail}


def _counts(files: Sequence[SkippedFile]) -> str:
    if not files:
        return "none"
    reasons = Counter(file.reason for file in files)
    return f"{entries_words([file.path for file in files])}: " + ", ".join(
        f"{reason} {count:,}" for reason, count in reasons.most_common()
    )


def entries_words(paths: Sequence[str]) -> str:
    """`3 files`, `1 folder and 1 file`: a skipped folder is one entry, whatever it holds."""
    n_folders = sum(path.endswith("/") for path in paths)
    counts = ((n_folders, "folder"), (len(paths) - n_folders, "file"))
    return " and ".join(counted(count, word) for count, word in counts if count)


def _redacted_words(status: IndexStatus) -> str:
    if not status.covers_secrets:
        return "nothing: credentials are indexed as they are"
    if not status.n_redacted:
        return "nothing that looks like a credential"
    verb = "is" if status.n_redacted == 1 else "are"
    return f"{counted(status.n_redacted, 'credential')} {verb} covered with asterisks"


def _stale_words(status: IndexStatus) -> str:
    stale = status.stale
    if not stale:
        return "no" if stale.complete else "not fully checked"
    lines = []
    for word, paths in (("changed", stale.changed), ("added", stale.added), ("deleted", stale.deleted)):
        if paths:
            shown = ", ".join(label(path) for path in paths[:_SHOWN_PATHS])
            more = f" and {len(paths) - _SHOWN_PATHS:,} more" if len(paths) > _SHOWN_PATHS else ""
            lines.append(f"{len(paths):,} {word} ({shown}{more})")
    up_to_date = "brings it up to date" if status.has_text else "makes an index of what is here"
    return "; ".join(lines) + f"; `codesearch index` {up_to_date}"
