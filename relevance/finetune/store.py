"""Fine-tuned models on disk, by the hash of what made them: complete or not there, and checked when they are taken."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from relevance.errors import CouldNotRunError, InputError
from relevance.files import is_lfs_pointer, lfs_pointer_error, read_json_object, write_file
from relevance.finetune.pairs import POSITIVE, SPLIT_SEED, Trained
from relevance.finetune.recipe import Curve, Step, recipe_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from relevance.finetune.recipe import Recipe

_MOST_CARD_BYTES = 1_000_000
_UNKNOWN = "not stated by the base model"


def license_of(folder: Path) -> str:
    """The licence that the card of a model names, "" where there is no card or none in it."""
    try:
        with (folder / "README.md").open("rb") as file:
            text = file.read(_MOST_CARD_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    head = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    found = re.search(r"^license: *([A-Za-z0-9.+_-]{1,64}) *$", head[1], re.MULTILINE) if head else None
    return found[1] if found else ""


def card(recipe: Recipe, curve: Curve) -> str:
    """The page; what it says is the same for the same recipe and curve, but for the seconds."""
    licence, pairs, best = license_of(recipe.base.path), recipe.pairs, curve.steps[curve.best]
    front = ["---", "library_name: sentence-transformers", *([f"license: {licence}"] if licence else []), "---"]
    options = [f"| {name} | {value} |" for name, value in asdict(recipe.options).items()]
    steps = [
        f"| {step.step}{' (kept)' if at == curve.best else ''} | {step.epoch:.2f} | {_loss(step.loss)} "
        f"| {step.pearson:.4f} | {step.spearman:.4f} | {step.ndcg:.4f} |"
        for at, step in enumerate(curve.steps)
    ]
    queries, held = len({pair.query for pair in pairs.train}), len({pair.query for pair in pairs.validation})
    stopped = "stopped early" if curve.stopped_early else "all epochs"
    body = [
        f"# {_escaped(recipe.base.name)}, fine-tuned on {_escaped(recipe.dataset)}",
        "",
        f"Made by relevance from what has the hash `{recipe.sha256}`. Licence of the base: {licence or _UNKNOWN}.",
        "",
        "## Data and split",
        "",
        (
            f"{len(pairs.train):,} pairs of relevance {POSITIVE:g} of {queries:,} queries were trained on, "
            f"{len(pairs.validation):,} pairs of {held:,} other queries held out (a tenth of the queries by hash, seed "
            f"{SPLIT_SEED}). {pairs.dropped_pairs:,} rated pairs of {len(pairs.dropped):,} queries were left out as "
            "a benchmark evaluates these queries. `relevance/pairs.jsonl` has every pair that the training saw."
        ),
        "",
        "## Options",
        "",
        "| option | value |",
        "| --- | --- |",
        *options,
        "",
        "## Scores on the held-out queries",
        "",
        (
            f"nDCG@10 over {len(recipe.validation.products):,} products; Pearson and Spearman of the cosine on "
            f"held-out pairs (1) and random ones (0). {curve.seconds:.0f} s, {stopped}; step {best.step} was kept."
        ),
        "",
        "| step | epoch | loss | Pearson | Spearman | nDCG@10 |",
        "| --- | --- | --- | --- | --- | --- |",
        *steps,
    ]
    return "\n".join([*front, "", *body]) + "\n"


def _loss(loss: float | None) -> str:
    return "" if loss is None else f"{loss:.4f}"


def _escaped(text: str) -> str:
    """Text of a file's or folder's name, as it may stand in a heading."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))


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
        notes: on damage that was found on the way to it, a line each.
    """

    path: Path
    sha256: str
    base: str
    curve: Curve
    options: Mapping[str, Any]
    trained: tuple[Trained, ...]
    notes: tuple[str, ...] = ()


def store_folder(cache_dir: Path, sha256: str) -> Path:
    """Where the model of that hash is stored."""
    return cache_dir / "finetuned" / sha256[:_SHORT]


def work_folder(cache_dir: Path, sha256: str) -> Path:
    """Where checkpoints of its training are."""
    return cache_dir / "finetuned" / f".training-{sha256[:_SHORT]}"


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """The marked checkpoints of a training with their steps, the last step first; half ones have no mark."""
    marked = (path for path in folder.glob("checkpoint-*") if (path / COMPLETE).is_file())
    steps = ((path.name.rpartition("-")[2], path) for path in marked)
    return sorted(((int(step), path) for step, path in steps if step.isdecimal()), reverse=True)


def mark_complete(checkpoint: Path, seconds: float) -> None:
    """Write the mark of a checkpoint: the time spent, and hashes of its files and of the best model beside it."""
    work = checkpoint.parent
    folders = [checkpoint, *work.glob("best-*")]
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.is_file())
    hashes = {file.relative_to(work).as_posix(): _sha256(file) for file in files if file != checkpoint / COMPLETE}
    write_file(checkpoint / COMPLETE, json.dumps({"seconds": seconds, "files": hashes}))


def seconds_of(checkpoint: Path) -> float | None:
    """The time spent until a checkpoint; None where one of its files is not as it was written."""
    try:
        mark = json.loads((checkpoint / COMPLETE).read_text(encoding="utf-8"))
        sound = all(_sha256(checkpoint.parent / name) == digest for name, digest in mark["files"].items())
        return float(mark["seconds"]) if sound else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def last_step(cache_dir: Path, sha256: str) -> int | None:
    """The step of the last complete checkpoint of a training, None where there is none."""
    return next((step for step, _ in checkpoints(work_folder(cache_dir, sha256))), None)


@contextmanager
def locked(cache_dir: Path, sha256: str) -> Iterator[None]:
    """Keep other processes from the training of that hash; the system lets go of a lock whose process is dead.

    Raises:
        CouldNotRunError: the folder cannot be written, or another process has not ended after a day.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - only where a model is trained

    folder = cache_dir / "finetuned"
    lock = FileLock(folder / f".{sha256[:_SHORT]}.lock", timeout=_WAIT_S)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise CouldNotRunError(f"{folder}: another process has been training this model for a day") from None
    except OSError as error:
        raise CouldNotRunError(f"{folder}: cannot write ({error.strerror}), and the model is not there") from None
    try:
        yield
    finally:
        lock.release()


def find_stored(cache_dir: Path, sha256: str) -> Stored | None:
    """The stored model of a hash; None where there is none, or only a damaged one, which `set_aside` moves away."""
    try:
        return _stored(cache_dir, sha256)
    except InputError:
        return None


def set_aside(cache_dir: Path, sha256: str) -> str:
    """Move a stored model that is damaged out of the way; a line that says so, "" where there is none.

    Raises:
        OSError: it cannot be moved.
    """
    try:
        _stored(cache_dir, sha256)
    except InputError as error:
        folder = store_folder(cache_dir, sha256)
        aside = folder.with_name(f"{folder.name}.damaged")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        return f"trained again, and set aside as {aside.name}: {error}"
    return ""


def _stored(cache_dir: Path, sha256: str) -> Stored | None:
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
        if is_lfs_pointer(folder / name):
            raise lfs_pointer_error(folder / name)
        if not (folder / name).resolve().is_relative_to(folder.resolve()) or _hash_in(folder, name) != digest:
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
    write_file(model / _PAIRS, "".join(f"{line}\n" for line in lines))
    write_file(model / "README.md", card(recipe, curve))
    files = sorted(file for file in model.rglob("*") if file.is_file() and file != model / RECORD)
    record = {
        "sha256": recipe.sha256,
        "ingredients": recipe.ingredients,
        "base": {"name": recipe.base.name, "sha256": recipe.base.sha256},
        "dataset": recipe.dataset,
        "curve": asdict(curve),
        "files": {(name := file.relative_to(model).as_posix()): _hash_in(model, name) for file in files},
    }
    write_file(model / RECORD, json.dumps(record, indent=2) + "\n")
    model.rename(target)
    shutil.rmtree(work, ignore_errors=True)
    return Stored(target, recipe.sha256, recipe.base.name, curve, asdict(recipe.options), recipe.pairs.trained)


def _damaged(folder: Path, problem: str) -> InputError:
    return InputError(f"model {folder}: {problem}; allowed: a whole model (delete the folder to train it again)")


def _curve(value: Mapping[str, Any]) -> Curve:
    return Curve(**{**value, "steps": tuple(Step(**step) for step in value["steps"])})


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_in(folder: Path, name: str) -> str:
    try:
        return _sha256(folder / name)
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
