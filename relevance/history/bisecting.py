"""Which commit brought a loss: a binary search over the commits between a good one and a bad one.

Commits are checked out in a git worktree of their own, in a temporary folder, so that nobody's files are touched.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from relevance.baseline import SNAPSHOT, read_baseline
from relevance.errors import CouldNotRunError, InputError
from relevance.files import MIB
from relevance.history.repository import git, time_of
from relevance.history.versions import Commit
from relevance.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from relevance.baseline import Snapshot

_LOG_LINES = 20
_LOG_BYTES = MIB // 16
_END_S = 20


@dataclass(frozen=True)
class Found:
    """How a search ended.

    Attributes:
        first: the first commit with the loss, as far as commits could be measured.
        before: the commits that could not be measured and may be it as well.
        measured: how many commits were, or were tried.
    """

    first: str
    before: tuple[str, ...]
    measured: int


def resolved(folder: Path, name: str) -> str:
    """The hash of a commit that somebody names.

    Raises:
        InputError: git knows none of that name.
        CouldNotRunError: git is not there, or the folder is in no repository.
    """
    git(folder, "rev-parse", "--show-toplevel")
    try:
        return git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
    except CouldNotRunError:
        raise InputError(f"{name!r}: no commit of that name; allowed: a hash, a branch or a tag") from None


def described(folder: Path, sha: str) -> Commit:
    """What git says of a commit."""
    said = git(folder, "log", "-1", "--format=%ct%x00%s", sha)
    seconds, subject = said.rstrip("\n").split("\0")
    return Commit(sha, time_of(seconds), one_line(subject))


def check_order(folder: Path, good: str, bad: str) -> None:
    """Refuse commits of which the first is not before the second."""
    # unlike merge-base, it has an answer where the two have no commit in common
    if good == bad or git(folder, "rev-list", "--max-count=1", good, f"^{bad}", "--"):
        raise InputError("GOOD is not an ancestor of BAD; allowed: a commit, and one that came after it on its branch")


def first_loss(folder: Path, good: str, bad: str, is_loss: Callable[[str, int], bool | None]) -> Found:
    """Search; `is_loss` gets a commit and about how many are left: None where it cannot be measured.

    The next commit is the one that halves what is left, along whatever merges there are (`git rev-list --bisect-all`).
    """
    without, skipped, measured = [good], set[str](), 0
    while True:
        lines = git(folder, "rev-list", "--bisect-all", bad, *(f"^{sha}" for sha in without)).splitlines()
        left = [line.split(" ")[0] for line in lines]
        untried = [sha for sha in left if sha not in skipped and sha != bad]
        if not untried:
            return Found(bad, tuple(sha for sha in left if sha != bad), measured)
        measured += 1
        loss = is_loss(untried[0], len(untried).bit_length())
        if loss is None:
            skipped.add(untried[0])
        elif loss:
            bad = untried[0]
        else:
            without.append(untried[0])


class Checkout:
    """A worktree beside the repository, in which commits are measured one after the other; see `checkout`.

    Args:
        tree: its folder.
        inside: the project's folder in the repository.
        results: where sessions write.
    """

    def __init__(self, tree: Path, inside: str, results: Path) -> None:
        self._tree, self._inside, self._results = tree, inside, results

    def measure(self, sha: str, command: Sequence[str]) -> Snapshot:
        """Check out a commit, run the benchmarks, and read what they measured.

        The exit code does not matter: benchmarks that fail have been measured.

        Raises:
            CouldNotRunError: the command left no results; with the end of what it printed.
        """
        # what builds and caches have left stays, as in a checkout that people work in
        git(self._tree, "checkout", "--quiet", "--force", "--detach", sha)
        git(self._tree, "clean", "--quiet", "-d", "--force")
        folder, out, log = self._tree / self._inside, self._results / sha, self._results / f"{sha}.log"
        if not folder.is_dir():
            raise CouldNotRunError(f"there is no folder {self._inside} in it")
        # old commits are no sessions of today
        variables = {"RELEVANCE_OUT": str(out), "RELEVANCE_HISTORY": str(self._results / "history")}
        environment = {**os.environ, **variables}
        environment.pop("GITHUB_STEP_SUMMARY", None)
        with log.open("wb") as printed:
            try:
                started = subprocess.Popen(  # noqa: S603 - the user's own command, no shell
                    command, cwd=folder, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, env=environment
                )
            except OSError as error:
                raise InputError(f"{command[0]}: {error.strerror}; allowed: a command that runs here") from None
            with _ended(started):
                code = started.wait()
        if not (out / SNAPSHOT).is_file():
            raise CouldNotRunError(f"exit code {code} and no results", details=_end(log))
        return read_baseline(out / SNAPSHOT, named=f"results of {sha[:7]}")


def _end(log: Path) -> list[str]:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_BYTES))
        return file.read().decode("utf-8", "replace").splitlines()[-_LOG_LINES:]


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process with the block, also where that is interrupted."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
            process.kill()
            process.wait()


@contextmanager
def checkout(folder: Path, sha: str) -> Iterator[Checkout]:
    """Make a worktree of the repository that a folder is in; it is removed with the block, also at an interrupt."""
    inside = git(folder, "rev-parse", "--show-prefix").rstrip("\n")
    with TemporaryDirectory(prefix="relevance-bisect-", ignore_cleanup_errors=True) as temporary:
        tree, results = Path(temporary, "tree"), Path(temporary, "results")
        results.mkdir()
        try:
            git(folder, "worktree", "add", "--quiet", "--detach", str(tree), sha)
            yield Checkout(tree, inside, results)
        finally:
            with suppress(CouldNotRunError):
                git(folder, "worktree", "remove", "--force", str(tree))
            with suppress(CouldNotRunError):
                git(folder, "worktree", "prune")
