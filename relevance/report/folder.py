"""Folders that are replaced whole: whose they are, and how they are written."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import secrets
import shutil
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal

from relevance.errors import InputError
from relevance.files import STALE_S, TEMPORARY, locked, unwritable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MARK = ".relevance-folder"
"""The file by which a folder of ours is known; its first line says what the folder holds."""

Content = Literal["results", "diagnosis", "tuning", "mutations", "report", "history", "check"]

# what a content is called; a folder that was written before there was a mark is known by all that it holds: files that
# always were there, and those that were at times
_CONTENTS: Mapping[str, tuple[str, str, str]] = {
    "results": (
        "earlier results",
        "results.json per_query.json queries.tsv qrels.txt runs",
        "baseline.json titles.tsv diagnosis.md diagnosis.json to_judge.csv costs.md costs.png report.html summary.txt",
    ),
    "diagnosis": ("an earlier diagnosis", "diagnosis.md diagnosis.json to_judge.csv", "report.html"),
    "tuning": ("an earlier tuning", "combinations.csv held_out.csv strategy.toml index.md heatmap.png", ""),
    "mutations": ("earlier mutations", "mutations.json mutations.csv mutations.md", "report.html"),
    "report": (
        "an earlier report",
        "index.md training.csv comparison.csv queries.csv pairs.csv curve.png",
        "notes.txt seeds.png queries.png similarity-boxes.png similarity-densities.png",
    ),
    "history": ("an earlier history", "history.json report.html", ""),
    "check": ("an earlier check", "check.json report.html", ""),
}


def check_folder(folder: Path, *, content: Content = "results", named: str = "") -> None:
    """Refuse a place that holds something else than what an earlier run wrote there: it would be replaced whole.

    Args:
        folder: the place.
        content: what will be written there; a folder of ours with another content is refused too.
        named: how the user named the place, for messages (default: `--out FOLDER`).

    Raises:
        InputError: `folder` is a file, holds other files, or cannot be made.
    """
    named = named or f"--out {folder}"
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{named}: is a file; allowed: a folder, which is replaced whole")
    try:
        other = _in_the_way(folder, content)
    except OSError as error:
        raise InputError(f"{named}: cannot be read ({error.strerror}); allowed: a folder of one's own") from None
    if other:
        raise InputError(f"{named}: holds {other}; allowed: a new or empty folder, or {_CONTENTS[content][0]}")
    for place in (folder.absolute().parent, folder):
        if problem := unwritable(place):
            raise InputError(f"{named}: is not a folder that can be written to ({problem})")


def _in_the_way(folder: Path, content: Content) -> str:
    """What a folder holds that must not be replaced; "" where there is nothing."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if MARK in names and (folder / MARK).is_file():
        first = (folder / MARK).read_bytes()[:100].partition(b"\n")[0].decode(errors="replace")
        ours = [name for name in _CONTENTS if name == first]
    else:
        known = {
            name: (set(always.split()), set(at_times.split())) for name, (_, always, at_times) in _CONTENTS.items()
        }
        ours = [name for name, (always, at_times) in known.items() if always <= names <= always | at_times]
    if not names or content in ours:
        return ""
    return f"{_CONTENTS[ours[0]][0]}, which would be lost" if ours else "other files"


def write_folder(folder: Path, files: Mapping[str, str | bytes], *, content: Content = "results") -> None:
    """Replace `folder` by these files and the mark; what was there stays until the new folder is complete.

    Several processes may do so at once: the last one's folder stays. What killed ones have left is removed, or put back
    where it is the only folder there is.

    Args:
        folder: the place; where it is a link, the folder behind it is replaced.
        files: by name, with `/` between folders; text is written as UTF-8, a lone surrogate as a question mark.
        content: what they are.

    Raises:
        OSError: the folder cannot be written, or holds something else by now; what was there is untouched.
    """
    place = folder.resolve()
    if other := _in_the_way(place, content):
        raise FileExistsError(errno.EEXIST, f"it holds {other}", str(folder))
    mark = f"{content}\nThis folder is written by relevance, which replaces it whole.\n"
    place.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(place)
    with _own_folder_beside(place) as own:
        new = own / "new"
        for name, text in {MARK: mark, **files}.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            raw = text if isinstance(text, bytes) else text.encode("utf-8", errors="replace")
            path.write_bytes(raw)
        _put_in_place(new, place, own)


def _put_in_place(new: Path, folder: Path, own: Path) -> None:
    for turn in range(100):  # another process may come in between: then once more
        old = own / f"old-{turn}"
        try:
            if folder.exists() and _exchanged(new, folder):
                return
            with suppress(FileNotFoundError):
                folder.rename(old)
            new.rename(folder)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                if old.exists() and not folder.exists():
                    old.rename(folder)
                raise
        else:
            return
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(folder))


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, so that a process killed here leaves no gap; False where that cannot be had."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        paths = os.fsencode(one), os.fsencode(other)
        if sys.platform == "darwin":
            return bool(libc.renamex_np(*paths, 2) == 0)
        at_cwd = -100
        return bool(libc.renameat2(at_cwd, paths[0], at_cwd, paths[1], 2) == 0)
    except (AttributeError, OSError, TypeError):  # another system or an older library
        return False


@contextmanager
def _own_folder_beside(folder: Path) -> Iterator[Path]:
    """A temporary folder that no other process takes for a leftover."""
    attempts = 6
    for attempt in range(1, attempts + 1):
        own = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}{TEMPORARY}")
        own.mkdir(mode=0o700)
        with locked(own) as have_lock:
            # another process may have taken it for a leftover before it was locked; some file systems have no locks
            if (have_lock and own.exists()) or attempt == attempts:
                try:
                    yield own
                finally:
                    shutil.rmtree(own, ignore_errors=True)
                return
        with suppress(OSError):
            own.rmdir()


def _remove_leftovers(folder: Path) -> None:
    ours = re.compile(rf"\.{re.escape(folder.name)}-[0-9a-f]{{8}}{re.escape(TEMPORARY)}")
    for own in folder.parent.glob(".*"):
        if not ours.fullmatch(own.name):
            continue
        with suppress(OSError), locked(own) as have_lock:  # another process may be quicker
            # its process lives, or there are no locks: then age tells
            if not have_lock and time.time() - own.stat().st_mtime < STALE_S:
                continue
            for old in sorted(own.glob("old*")):
                if not folder.exists():
                    old.rename(folder)
            shutil.rmtree(own, ignore_errors=True)
