"""Git as tests call it: as one author, with nobody's settings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str, given: bytes | None = None) -> str:
    """What git prints, without the white space around it; `given` is its standard input."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(
        ["git", *_AUTHOR, *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        input=given,
    )
    return done.stdout.decode().strip()
