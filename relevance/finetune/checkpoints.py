"""Checkpoints of a training: half ones do not count, damaged ones are set aside."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from relevance.errors import InputError
from relevance.files import file_sha256, read_json_object, write_file

if TYPE_CHECKING:
    from pathlib import Path

COMPLETE = "relevance.json"
"""The mark of a checkpoint, written last: the seconds of training, and the hashes of all files that are needed."""


def checkpoint_of(folder: Path, step: int) -> Path:
    """Where the trainer puts the checkpoint of a step."""
    return folder / f"checkpoint-{step}"


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """List the marked checkpoints of a training with their steps, the last step first."""
    marked = (path for path in folder.glob("checkpoint-*") if (path / COMPLETE).is_file())
    steps = ((path.name.rpartition("-")[2], path) for path in marked)
    return sorted(((int(step), path) for step, path in steps if step.isdecimal()), reverse=True)


def mark_complete(checkpoint: Path, seconds: float) -> None:
    """Write the mark of a checkpoint, which needs the other one beside it too: that of the best step."""
    work = checkpoint.parent
    folders = {checkpoint, *(path for _, path in checkpoints(work))}
    files = (file for folder in folders for file in folder.rglob("*") if file.is_file() and file.name != COMPLETE)
    hashes = {file.relative_to(work).as_posix(): file_sha256(file) for file in sorted(files)}
    write_file(checkpoint / COMPLETE, json.dumps({"seconds": seconds, "files": hashes}))


def sound_checkpoint(folder: Path, notes: list[str]) -> tuple[Path | None, float]:
    """Find the last checkpoint that is as it was written, and the seconds that it took; half ones are removed."""
    marked = [path for _, path in checkpoints(folder)]
    for path in folder.glob("checkpoint-*"):
        if path not in marked:
            shutil.rmtree(path, ignore_errors=True)
    for path in marked:
        try:
            mark = read_json_object(path / COMPLETE, "the mark of a checkpoint")
            if all(file_sha256(folder / name) == digest for name, digest in mark["files"].items()):
                return path, float(mark["seconds"])
        except (InputError, OSError, ValueError, TypeError, KeyError, AttributeError):
            pass  # whatever is not as `mark_complete` writes it
        set_checkpoint_aside(path, "a file of it is not as it was written", notes)
    return None, 0.0


def set_checkpoint_aside(checkpoint: Path, problem: str, notes: list[str]) -> None:
    """Rename a checkpoint that cannot be used, and add a note."""
    aside = checkpoint.with_name(f"damaged-{checkpoint.name}")
    shutil.rmtree(aside, ignore_errors=True)
    checkpoint.rename(aside)
    notes.append(f"a checkpoint of the fine-tuning was damaged ({problem}) and set aside as {aside}")
