"""A photo site's jobs: make small versions of an upload, and clean up at night.

    python -m millrace work photos.db --import examples.thumbnails --slots 2
"""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from millrace import BackoffPolicy, handler
from millrace.backoff import GiveUp, RetryLater

SIZES = {"icon": 64, "card": 320, "full": 1600}


@handler("fetch_original", max_attempts=8, timeout_seconds=120, per_minute=30)
def fetch_original(url: str, target: str) -> None:
    """Download an upload from the photographer's own server, which may be slow or down."""
    try:
        with urlopen(url, timeout=60) as response:
            Path(target).write_bytes(response.read())
    except HTTPError as error:
        if error.code in (404, 410):
            raise GiveUp(f"{url} does not exist any more") from error
        if error.code == 429:
            seconds = float(error.headers.get("Retry-After", "60"))
            raise RetryLater(timedelta(seconds=seconds), "the server asked us to slow down") from error
        raise


@handler("shrink", max_attempts=2, timeout_seconds=20, backoff=BackoffPolicy(first_seconds=30))
def shrink(source: str, size: str) -> None:
    """Write one of the small versions next to the original."""
    from PIL import Image

    edge = SIZES[size]
    with Image.open(source) as picture:
        picture.thumbnail((edge, edge))
        picture.convert("RGB").save(Path(source).with_suffix(f".{size}.jpg"), quality=85)


@handler("remove_orphans")
def remove_orphans(folder: str, keep_days: int) -> None:
    """Delete small versions whose original is gone."""
    oldest = time.time() - keep_days * 86_400
    for small in Path(folder).glob("*.*.jpg"):
        original = small.with_name(small.name.split(".")[0] + ".jpg")
        if not original.exists() and small.stat().st_mtime < oldest:
            small.unlink()
