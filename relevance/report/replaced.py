"""A folder that is written whole beside its place, then moved there."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_replaceable", "replace_folder"]


def check_replaceable(folder: Path, *, mark: str, named: str, earlier: str) -> None:
    """Refuse a place that holds something else than what an earlier run wrote there: it would be replaced whole.

    Args:
        folder: the place.
        mark: a file that every such folder has.
        named: how the user named the place, for messages: `--out results`.
        earlier: what may be there, for messages: `earlier results`.

    Raises:
        InputError: `folder` is a file, holds other files, or cannot be made.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / mark).is_file():
        raise InputError(f"{named}: holds other files; allowed: a new or empty folder, or {earlier}")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{named}: is a file; allowed: a folder, which is replaced whole")
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise InputError(f"{named}: {above} is not a folder that can be written to")


def replace_folder(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Replace `folder` by these files; what was there stays until the new folder is complete.

    Args:
        folder: the place.
        files: by name, with `/` between folders; text is written as UTF-8, a lone surrogate as a question mark.

    Raises:
        OSError: the folder cannot be written; what was there is untouched.
    """
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        new, old = made / "new", made / "old"
        for name, content in files.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", errors="replace"))
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
