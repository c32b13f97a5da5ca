"""Which commit and branch a tree is at: read by git itself, with nothing of the tree executed."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

SAFE_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*")
"""No hook, monitor or filter that a repository configures is run by what follows these words."""


@dataclass(frozen=True, slots=True)
class GitState:
    """Empty strings outside a repository, or before its first commit."""

    commit: str = ""
    """Full hash."""
    branch: str = ""
    """Empty where HEAD is detached."""


def git_state(root: Path) -> GitState:
    """HEAD of the repository that holds `root`."""
    # Inside a hook GIT_DIR names the repository that runs it, which need not be the one around `root`.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [*SAFE_GIT, "-C", str(root), "rev-parse", "HEAD", "--abbrev-ref", "HEAD"],
            capture_output=True, text=True, timeout=10, env=environment, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return GitState()
    lines = done.stdout.split()
    if done.returncode != 0 or len(lines) != 2:
        return GitState()
    commit, branch = lines
    return GitState(commit, "" if branch == "HEAD" else branch)
