"""Fine-tuned models on disk, by the hash of what made them: complete or not there, and checked when they are taken."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from relevance.errors import CouldNotRunError, InputError
from relevance.files import read_json_object
from relevance.finetune.card import card
from relevance.finetune.leaks import Trained
from relevance.finetune.recipe import recipe_hash
from relevance.finetune.record import Curve, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from relevance.finetune.recipe import Recipe

__all__ = [
    "COMPLETE",
    "RECORD",
    "Stored",
    "check_stored",
    "find_stored",
    "last_step",
    "locked",
    "publish",
    "store_folder",
    "work_folder",
]

RECORD = "relevance/record.json"
"""In a folder of its own: what describes a model does not enter the key of its vectors."""

COMPLETE = "relevance.json"
"""Written into a checkpoint last: without it the checkpoint is half of one."""

_PAIRS = "relevance/pairs.jsonl"
_MOST_PAIRS_BYTES = 1 << 30
_SHORT = 32
_WAIT_S = 24 * 3600


@dataclass(frozen=True)
class Stored:
    """A model on disk that a record belongs to.

    Attributes:
        path: its folder.
        sha256: hash of what made it.
        base: name of the model that was trained.
        curve: how it was trained.
        options: as they stand in the record.
        trained: the pairs that it has seen.
    """

    path: Path
    sha256: str
    base: str
    curve: Curve
    options: Mapping[str, Any]
    trained: tuple[Trained, ...]


def store_folder(cache_dir: Path, sha256: str) -> Path:
    """Where the model of that hash is stored."""
    return cache_dir / "finetuned" / sha256[:_SHORT]


def work_folder(cache_dir: Path, sha256: str) -> Path:
    """Where checkpoints of its training are."""
    return cache_dir / "finetuned" / f".training-{sha256[:_SHORT]}"


def last_step(cache_dir: Path, sha256: str) -> int | None:
    """The step of the last complete checkpoint of a training, None where there is none."""
    found = work_folder(cache_dir, sha256).glob(f"checkpoint-*/{COMPLETE}")
    return max((int(path.parent.name.rpartition("-")[2]) for path in found), default=None)


@contextmanager
def locked(cache_dir: Path, sha256: str) -> Iterator[None]:
    """Keep other processes from the training of that hash.

    Raises:
        CouldNotRunError: the folder cannot be written, or another process has not ended after a day.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - only where a model is trained

    folder = cache_dir / "finetuned"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{sha256[:_SHORT]}.lock", timeout=_WAIT_S):
            yield
    except Timeout:
        raise CouldNotRunError(f"{folder}: another process has been training this model for a day") from None
    except PermissionError as error:
        raise CouldNotRunError(f"{folder}: cannot write ({error.strerror})") from None


def find_stored(cache_dir: Path, sha256: str) -> Stored | None:
    """The stored model of a hash, None where there is none.

    Raises:
        InputError: it is damaged, or was made by something else.
    """
    folder = store_folder(cache_dir, sha256)
    return check_stored(folder, expected=sha256) if folder.exists() else None


def check_stored(folder: Path, *, expected: str | None) -> Stored | None:
    """Read and check what belongs to a model's record.

    Args:
        folder: of a model.
        expected: hash that it must have; None: whatever it has, and it may be a model without a record.

    Returns:
        None where the folder has no record: the model was made elsewhere.

    Raises:
        InputError: a file is missing, is not as it was published, or the model is not what its hash says.
    """
    path = folder / RECORD
    if expected is None and not path.exists():
        return None
    record = read_json_object(path, "the record of a fine-tuned model")
    try:
        sha256, files = str(record["sha256"]), dict(record["files"])
        made_by = recipe_hash(record["ingredients"])
        curve = _curve(record["curve"])
        options, base = dict(record["ingredients"]["options"]), str(record["base"]["name"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, f"its record lacks {error}") from None
    if sha256 != made_by or expected not in (None, sha256):
        raise _damaged(folder, f"it says {sha256[:12]} and was made by {made_by[:12]}")
    for name, digest in files.items():
        if not (folder / name).resolve().is_relative_to(folder.resolve()) or _sha256(folder, name) != digest:
            raise _damaged(folder, f"{name} is not what was published")
    present = {file.relative_to(folder).as_posix() for file in folder.rglob("*.safetensors")}
    if others := sorted(present - files.keys()) or sorted({_PAIRS, "model.safetensors"} - files.keys()):
        raise _damaged(folder, f"its record does not have {others[0]}")
    return Stored(folder, sha256, base, curve, options, _read_pairs(folder))


def publish(recipe: Recipe, curve: Curve, work: Path, cache_dir: Path) -> Stored:
    """Put record, pairs and card beside the weights of the best step, and move the whole to its place.

    Raises:
        OSError: it cannot be written; the checkpoints are kept.
    """
    model, target = work / "best", store_folder(cache_dir, recipe.sha256)
    (model / "relevance").mkdir(exist_ok=True)
    lines = (json.dumps(asdict(pair), ensure_ascii=True) for pair in recipe.pairs.trained)
    _write(model / _PAIRS, "".join(f"{line}\n" for line in lines))
    _write(model / "README.md", card(recipe, curve))
    files = sorted(file for file in model.rglob("*") if file.is_file() and file != model / RECORD)
    record = {
        "sha256": recipe.sha256,
        "ingredients": recipe.ingredients,
        "base": {"name": recipe.base.name, "sha256": recipe.base.sha256},
        "dataset": recipe.dataset,
        "curve": asdict(curve),
        "files": {(name := file.relative_to(model).as_posix()): _sha256(model, name) for file in files},
    }
    _write(model / RECORD, json.dumps(record, indent=2) + "\n")
    model.rename(target)
    shutil.rmtree(work, ignore_errors=True)
    return Stored(target, recipe.sha256, recipe.base.name, curve, asdict(recipe.options), recipe.pairs.trained)


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _damaged(folder: Path, problem: str) -> InputError:
    return InputError(f"model {folder}: {problem}; allowed: a whole model (delete the folder to train it again)")


def _curve(value: Mapping[str, Any]) -> Curve:
    return Curve(**{**value, "steps": tuple(Step(**step) for step in value["steps"])})


def _sha256(folder: Path, name: str) -> str:
    try:
        with (folder / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _damaged(folder, f"{name}: {error.strerror or error}") from None


def _read_pairs(folder: Path) -> tuple[Trained, ...]:
    """The pairs that a model has seen; the file's hash is checked already."""
    with (folder / _PAIRS).open(encoding="utf-8") as file:
        if os.fstat(file.fileno()).st_size > _MOST_PAIRS_BYTES:
            raise _damaged(folder, f"{_PAIRS} is larger than {_MOST_PAIRS_BYTES:,} bytes")
        try:
            rows = [json.loads(line) for line in file]
            return tuple(Trained(str(row["query"]), str(row["product"]), str(row["text"])) for row in rows)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _damaged(folder, f"{_PAIRS} does not hold pairs") from None
