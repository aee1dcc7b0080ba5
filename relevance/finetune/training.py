"""A recipe becomes a stored model: train, or take up what an interrupt has left, and publish when it is complete."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import TYPE_CHECKING

from relevance.errors import CouldNotRunError, RelevanceError
from relevance.finetune.store import find_stored, locked, publish, set_aside, work_folder

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.finetune.recipe import Recipe
    from relevance.finetune.store import Stored

__all__ = ["train"]


def train(recipe: Recipe, cache_dir: Path, *, progress: bool) -> Stored:
    """The model of a recipe: from the store, else trained; only one process trains it at a time.

    An interrupt leaves the last checkpoint in the cache folder, and the next call goes on from there. A model or a
    checkpoint that is damaged is set aside with a note.

    Args:
        recipe: what to train on what.
        cache_dir: a folder that `embeddings.check_cache_dir` has accepted.
        progress: whether a progress bar with the time left is shown on stderr.

    Raises:
        CouldNotRunError: the device is not there, memory or disk are full, or the loss is no number.
    """
    sha256 = recipe.sha256
    if (stored := find_stored(cache_dir, sha256)) is not None:  # the folder may be one that can only be read
        return stored
    with locked(cache_dir, sha256):
        if (stored := find_stored(cache_dir, sha256)) is not None:
            return stored
        folder = work_folder(cache_dir, sha256)
        try:
            from relevance.finetune.loop import run  # noqa: PLC0415 - imports torch

            notes = [note] if (note := set_aside(cache_dir, sha256)) else []
            curve = run(recipe, folder, progress=progress, notes=notes)
            return replace(publish(recipe, curve, folder, cache_dir), notes=tuple(notes))
        except RelevanceError:
            raise
        except OSError as error:
            reason = "no space left on the device" if error.errno == errno.ENOSPC else error.strerror or error
            raise CouldNotRunError(f"fine-tuning: {folder}: cannot write ({reason}); what is there is kept") from None
        except Exception as error:
            if not _is_of_libraries(error):
                raise
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise CouldNotRunError(f"fine-tuning failed: {reason}") from error


def _is_of_libraries(error: Exception) -> bool:
    """What torch and safetensors raise for a device, memory or disk that fails; a mistake of ours shows itself."""
    return isinstance(error, RuntimeError | MemoryError) or type(error).__module__.startswith(("safetensors", "torch"))
