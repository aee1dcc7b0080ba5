"""Folders that are replaced whole: whose they are, and how they are written."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Literal

from relevance import files as file_system
from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MARK = ".relevance-folder"
"""The file by which a folder of ours is known; its first line says what the folder holds."""

Content = Literal["results", "diagnosis", "tuning", "mutations", "report"]

# what a content is called; a folder that was written before there was a mark is known by all that it holds: files that
# always were there, and those that were at times
_CONTENTS: Mapping[str, tuple[str, str, str]] = {
    "results": (
        "earlier results",
        "results.json per_query.json queries.tsv qrels.txt runs",
        "baseline.json titles.tsv diagnosis.md diagnosis.json to_judge.csv",
    ),
    "diagnosis": ("an earlier diagnosis", "diagnosis.md diagnosis.json to_judge.csv", ""),
    "tuning": ("an earlier tuning", "combinations.csv held_out.csv strategy.toml index.md heatmap.png", ""),
    "mutations": ("earlier mutations", "mutations.json mutations.csv mutations.md", ""),
    "report": (
        "an earlier report",
        "index.md training.csv comparison.csv queries.csv pairs.csv curve.png",
        "notes.txt seeds.png queries.png similarity-boxes.png similarity-densities.png",
    ),
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
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise InputError(f"{named}: {above} is not a folder that can be written to")


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

    Args:
        folder: the place; where it is a link, the folder behind it is replaced.
        files: by name, with `/` between folders.
        content: what they are.

    Raises:
        OSError: the folder cannot be written, or holds something else by now; what was there is untouched.
    """
    place = folder.resolve()
    if other := _in_the_way(place, content):
        raise FileExistsError(errno.EEXIST, f"it holds {other}", str(folder))
    mark = f"{content}\nThis folder is written by relevance, which replaces it whole.\n"
    file_system.replace_folder(place, {MARK: mark, **files})
