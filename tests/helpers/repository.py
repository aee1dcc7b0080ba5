"""A git repository with a baseline file that changes from commit to commit."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from helpers.snapshots import measured, session
from relevance.baseline import Snapshot, write_baseline

BASELINES = "benchmarks/baselines"


def git(folder: Path, *arguments: str, at: int = 0) -> str:
    """Run git as somebody, on the day `at` of a history."""
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", "-c", "core.hooksPath="]
    day = f"@{1_760_000_000 + 86_400 * at} +0000"
    dated = {**os.environ, "GIT_AUTHOR_DATE": day, "GIT_COMMITTER_DATE": day, "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True, env=dated)  # noqa: S603, S607
    return done.stdout.strip()


def commit(folder: Path, subject: str, *, at: int = 0) -> str:
    """Commit everything; the hash."""
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", subject, "--allow-empty", at=at)
    return git(folder, "rev-parse", "HEAD")


def shop(quality: float, *, queries: int = 60, **others: float) -> Snapshot:
    """A session of the strategy `titles`, and others, whose queries all have one number each."""
    means = {"titles": quality, **others}
    return session(**{name: measured(np.full(queries, mean)) for name, mean in means.items()})


def shop_repository(folder: Path, qualities: Sequence[float]) -> list[str]:
    """A repository whose baseline has these means of `titles`, a commit each; their hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    hashes = []
    for at, quality in enumerate(qualities):
        write_baseline(shop(quality), folder / BASELINES)
        hashes.append(commit(folder, f"change {at}", at=at))
    return hashes
