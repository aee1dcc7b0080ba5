"""What git knows: the commit that is checked out, and the versions of a baseline file.

git runs as a process with a list of arguments, reads alone, and asks for nothing.
"""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from relevance.baseline import read_baseline
from relevance.errors import CouldNotRunError, InputError
from relevance.files import write_file
from relevance.history.versions import Commit, Today, Version, version_of
from relevance.text import one_line, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.baseline import Snapshot
    from relevance.evaluation import Metric

MOST_VERSIONS = 200
"""The newest that are read."""

CACHE = "history"
"""The folder of `read_baselines` in that of all caches."""

_MOST_BYTES = 2**26
_MOST_SUBJECT = 200
_SECONDS = 300
_LAST_SECOND = 253402000000  # in the year 9999, in every time zone
_QUIET = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_LITERAL_PATHSPECS": "1"}
_SETTINGS: Mapping[str, str] = {
    # nothing of the repository's own is run
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    # nobody's settings change what git prints
    "color.ui": "false",
    "core.quotePath": "false",
    "diff.relative": "false",
    "i18n.logOutputEncoding": "UTF-8",
    "log.showRoot": "true",
    "log.showSignature": "false",
}


class _Blob(NamedTuple):
    name: str
    size: int


def git(folder: Path, *arguments: str, given: str = "") -> str:
    """What git prints, started in a folder.

    Args:
        folder: where.
        arguments: of git.
        given: for its standard input.

    Raises:
        CouldNotRunError: git is not there, or says no: its last line.
    """
    return _git(folder, arguments, given.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _git(folder: Path, arguments: Sequence[str], given: bytes = b"") -> bytes:
    settings = (word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}"))
    command = ["git", *settings, *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - a list of arguments, no shell
            command, cwd=folder, input=given, capture_output=True, check=False, timeout=_SECONDS, env=_environment()
        )
    except FileNotFoundError:
        raise CouldNotRunError("git is not there; history is read by it") from None
    except subprocess.TimeoutExpired:
        raise CouldNotRunError(f"git {arguments[0]} took more than {_SECONDS} s in {folder}") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").splitlines() or [f"exit code {done.returncode}"]
        raise CouldNotRunError(f"git {arguments[0]}: {one_line(lines[-1])}")
    return done.stdout


def _environment() -> Mapping[str, str]:
    """That of the process without what a hook of git sets, which names another repository than the folder's."""
    named = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
    return {name: value for name, value in os.environ.items() if name not in named} | _QUIET


def head_of(folder: Path) -> Commit:
    """The commit that is checked out, and whether files that git follows were changed since; without git none."""
    now = datetime.now(UTC)
    try:
        sha, subject = git(folder, "log", "-1", "--format=%H%x00%s").rstrip("\n").split("\0")
        dirty = bool(git(folder, "status", "--porcelain", "--untracked-files=no"))
    except (CouldNotRunError, ValueError):
        return Commit("", now)
    return Commit(sha, now, one_line(subject, _MOST_SUBJECT), dirty)


def read_baselines(
    path: Path,
    metric: Metric,
    *,
    today: Snapshot | None = None,
    most: int = MOST_VERSIONS,
    cache: Path | None = None,
) -> tuple[list[Version], list[str]]:
    """Read the committed versions of a baseline file, in either form of it, by time; all by the same data.

    Args:
        path: the file, plain or packed; it need not be there any more.
        metric: what is read of them.
        today: by whose queries, judgments and products they are scored; None: those of the newest.
        most: the newest that are read.
        cache: folder in which what was read is kept by the content of the file and these data, a small file each.

    Returns:
        The versions, and what could not be read, a line each.

    Raises:
        CouldNotRunError: git is not there, or the folder is in no repository.
        InputError: no folder, or git knows no version of the file.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: no folder; a baseline file with versions in git is expected in it")
    plain = path.with_name(path.name.removesuffix(".gz"))
    forms = (plain, plain.with_name(f"{plain.name}.gz"))
    committed = _committed(path.parent, forms)
    if not committed:
        raise InputError(f"{plain}: git knows no version of it, nor of {forms[1].name}; commit one")
    newest = sorted(committed, key=lambda one: one.time)[-most:]
    older = len(committed) - len(newest)
    notes = [f"{plural(older, 'older version')} not read"] if older else []
    if git(path.parent, "rev-parse", "--is-shallow-repository").strip() == "true":
        notes.append("a shallow clone: older commits are not there (git fetch --unshallow)")
    versions: list[Version] = []
    failed: list[str] = []
    by = None if today is None else Today(today, metric, Counter())
    for commit in reversed(newest):
        try:
            by = by or Today(_read(path.parent, committed[commit], commit.label), metric, Counter())
            versions.insert(0, _version(path.parent, committed[commit], commit, by, cache))
        except InputError as error:
            failed.insert(0, str(error))
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        notes.append(f"not read: {failed[-1]}{more}")
    notes += [] if by is None else by.notes()
    if versions and today is None and by is not None:
        versions[-1] = replace(versions[-1], log=by.snapshot.log)
    return versions, notes


def _committed(folder: Path, forms: Sequence[Path]) -> dict[Commit, _Blob]:
    """The file by the commits that changed it; where a commit has both forms the first counts."""
    names = [(commit, name) for form in forms for commit, name in _commits(form).items()]
    blobs = _blobs(folder, [f"{commit.sha}:{name}" for commit, name in names])
    # a commit that only removes a form is no version
    return {commit: blob for (commit, _), blob in reversed([*zip(names, blobs, strict=True)]) if blob.name}


def _version(folder: Path, blob: _Blob, commit: Commit, by: Today, cache: Path | None) -> Version:
    file = None if cache is None else cache / f"{blob.name}-{by.metric}-{by.digest}.npz"
    version = None if file is None else _kept(file, commit)
    if version is None:
        lacking = by.lacking.total()
        version = version_of(by.scored(_read(folder, blob, commit.label)), by.metric, commit, accepted=True)
        if file is not None and by.lacking.total() == lacking:  # what was said once is said again
            _keep(file, version)
    return version


def _kept(file: Path, commit: Commit) -> Version | None:
    """What the cache has; None where it has nothing that can be used."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            keys, names, values = (arrays[name] for name in ("keys", "names", "values"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    if (keys.dtype, values.dtype) != (np.uint64, np.float32) or values.shape != (len(names), len(keys)):
        return None
    by_name = MappingProxyType(dict(zip(names.tolist(), values, strict=True)))
    return Version(commit, accepted=True, keys=keys, values=by_name)


def _keep(file: Path, version: Version) -> None:
    """Write into the cache; without it the next session reads git again."""
    values = np.array([*version.values.values()], dtype=np.float32).reshape(-1, len(version.keys))
    packed = io.BytesIO()
    np.savez_compressed(packed, keys=version.keys, names=np.array([*version.values], dtype=np.str_), values=values)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file, packed.getvalue())


def _commits(path: Path) -> dict[Commit, str]:
    """The commits that changed a file, with its path from the root of the repository, followed through renames."""
    # NUL ends each part: a subject may hold any other character
    form = "--format=%x00%H%x00%ct%x00%s"
    arguments = (
        "log",
        "--follow",
        "--name-only",
        "-z",
        "--no-diff-merges",
        "--no-ext-diff",
        form,
        "--",
        f"./{path.name}",
    )
    words = git(path.parent, *arguments).split("\0")
    parts = [words[at::5] for at in (1, 2, 3, 4)]
    if len({*map(len, parts)}) > 1:
        raise CouldNotRunError(f"git log of {path.name}: not understood")
    commits = {}
    for sha, seconds, subject, name in zip(*parts, strict=True):
        commits[Commit(sha, time_of(seconds), one_line(subject, _MOST_SUBJECT))] = name.lstrip("\n")
    return dict(reversed(commits.items()))  # the newest is first


def time_of(seconds: str) -> datetime:
    """When git says that it was; the nearest time that there is, of one that is none."""
    try:
        return datetime.fromtimestamp(min(max(int(seconds), 0), _LAST_SECOND), UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def _blobs(folder: Path, names: Sequence[str]) -> list[_Blob]:
    """What `COMMIT:PATH` names, without a name where that is no file."""
    blobs = []
    for line in git(folder, "cat-file", "--batch-check", given="".join(f"{name}\n" for name in names)).splitlines():
        words = line.split(" ")
        is_blob = len(words) == 3 and words[1] == "blob"  # noqa: PLR2004 - id, type, size
        blobs.append(_Blob(words[0], int(words[2])) if is_blob else _Blob("", 0))
    return blobs


def _read(folder: Path, blob: _Blob, label: str) -> Snapshot:
    if blob.size > _MOST_BYTES:
        raise InputError(f"{label}: {blob.size:,} bytes; at most {_MOST_BYTES:,} are read")
    with TemporaryDirectory() as temporary:
        file = Path(temporary, "version")
        write_file(file, _git(folder, ("cat-file", "blob", blob.name)))
        return read_baseline(file, named=label)
