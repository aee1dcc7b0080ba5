"""Fine-tuned models on disk, by the hash of what made them: complete or not there, and checked when they are taken."""

from __future__ import annotations

import errno
import json
import re
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.files import TextFile, file_sha256, read_json_object, write_file
from relevance.finetune.pairs import POSITIVE, SPLIT_SEED, Trained
from relevance.finetune.recipe import Curve, Step, recipe_hash
from relevance.text import markdown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relevance.finetune.recipe import Recipe

RECORD = "relevance/record.json"
"""In a folder of its own: what describes a model does not enter the key of its vectors."""

COMPLETE = "relevance.json"
"""Written into a checkpoint last: without it the checkpoint is half of one."""

_PAIRS = "relevance/pairs.jsonl"
_SHORT = 32
_WAIT_S = 24 * 3600


@dataclass(frozen=True)
class Stored:
    """A model on disk that a record belongs to.

    Attributes:
        sha256: hash of what made it.
        base: name of the model that was trained.
        trained: the pairs that it has seen.
        notes: on damage that was met on the way to it, a line each.
    """

    path: Path
    sha256: str
    base: str
    curve: Curve
    trained: tuple[Trained, ...]
    notes: tuple[str, ...] = ()


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
    sha256, notes = recipe.sha256, list[str]()
    if (stored := find_stored(cache_dir, sha256)) is not None:  # the folder may be one that can only be read
        return stored
    with locked(cache_dir, sha256):
        work = work_folder(cache_dir, sha256)
        try:
            if (stored := find_stored(cache_dir, sha256, notes)) is not None:
                return stored
            from relevance.finetune.loop import run  # noqa: PLC0415 - imports torch

            curve = run(recipe, work, progress=progress, notes=notes)
            return replace(publish(recipe, curve, work, cache_dir), notes=tuple(notes))
        except RelevanceError:
            raise
        except OSError as error:
            reason = "no space left on the device" if error.errno == errno.ENOSPC else error.strerror or error
            raise CouldNotRunError(f"fine-tuning: {work}: cannot write ({reason}); what is there is kept") from None
        except Exception as error:
            # what torch and safetensors raise for a device, memory or disk that fails; a mistake of ours shows itself
            of_libraries = type(error).__module__.startswith(("safetensors", "torch"))
            if not of_libraries and not isinstance(error, RuntimeError | MemoryError):
                raise
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise CouldNotRunError(f"fine-tuning failed: {reason}") from error


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


# Checkpoints


def work_folder(cache_dir: Path, sha256: str) -> Path:
    """Where checkpoints of the training of that hash are."""
    return cache_dir / "finetuned" / f".training-{sha256[:_SHORT]}"


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """The marked checkpoints of a training with their steps, the last step first; half ones have no mark."""
    marked = (path for path in folder.glob("checkpoint-*") if (path / COMPLETE).is_file())
    steps = ((path.name.rpartition("-")[2], path) for path in marked)
    return sorted(((int(step), path) for step, path in steps if step.isdecimal()), reverse=True)


def last_step(cache_dir: Path, sha256: str) -> int | None:
    """The step of the last complete checkpoint of a training, None where there is none."""
    return next((step for step, _ in checkpoints(work_folder(cache_dir, sha256))), None)


def mark_complete(checkpoint: Path, seconds: float) -> None:
    """Write the mark of a checkpoint: the time spent, and hashes of its files and of the best model beside it."""
    work = checkpoint.parent
    files = [file for folder in (checkpoint, *work.glob("best-*")) for file in sorted(folder.rglob("*"))]
    hashes = {
        file.relative_to(work).as_posix(): file_sha256(file)
        for file in files
        if file.is_file() and file != checkpoint / COMPLETE
    }
    write_file(checkpoint / COMPLETE, json.dumps({"seconds": seconds, "files": hashes}))


def sound_checkpoint(folder: Path, notes: list[str]) -> tuple[Path | None, float]:
    """The last checkpoint that is as it was written, and the seconds that it took; half ones are removed."""
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


# Models


def store_folder(cache_dir: Path, sha256: str) -> Path:
    """Where the model of that hash is stored."""
    return cache_dir / "finetuned" / sha256[:_SHORT]


def find_stored(cache_dir: Path, sha256: str, notes: list[str] | None = None) -> Stored | None:
    """The stored model of a hash; None where there is none, or only a damaged one.

    Args:
        cache_dir: where models are stored.
        sha256: of what made it.
        notes: where a damaged one is set aside, which is said here; None leaves it alone.

    Raises:
        OSError: it cannot be set aside.
    """
    folder = store_folder(cache_dir, sha256)
    try:
        return check_stored(folder, expected=sha256) if folder.exists() else None
    except InputError as error:
        if notes is not None:
            aside = folder.with_name(f"{folder.name}.damaged")
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
            notes.append(f"trained again, and set aside as {aside.name}: {error}")
        return None


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

    def damaged(problem: str) -> InputError:
        return InputError(f"model {folder}: {problem}; allowed: a whole model (delete the folder to train it again)")

    if expected is None and not (folder / RECORD).exists():
        return None
    record = read_json_object(folder / RECORD, "the record of a fine-tuned model")
    try:
        sha256, files = str(record["sha256"]), dict(record["files"])
        made_by = recipe_hash(record["ingredients"])
        steps = tuple(Step(**step) for step in record["curve"]["steps"])
        curve, base = Curve(**{**record["curve"], "steps": steps}), str(record["base"]["name"])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(f"its record lacks {error}") from None
    if sha256 != made_by or expected not in (None, sha256):
        raise damaged(f"it says {sha256[:12]} and was made by {made_by[:12]}")
    for name, digest in files.items():
        file = folder / name
        try:
            sound = file.resolve().is_relative_to(folder.resolve()) and file_sha256(file) == digest
        except OSError as error:
            raise damaged(f"{name}: {error.strerror or error}") from None
        if not sound:
            raise damaged(f"{name} is not what was published")
    present = {file.relative_to(folder).as_posix() for file in folder.rglob("*.safetensors")}
    if others := sorted(present - files.keys()) or sorted({_PAIRS, "model.safetensors"} - files.keys()):
        raise damaged(f"its record does not have {others[0]}")
    try:
        rows = TextFile(folder / _PAIRS).json_lines()
        trained = tuple(Trained(str(row["query"]), str(row["product"]), str(row["text"])) for _, row in rows)
    except (InputError, KeyError):
        raise damaged(f"{_PAIRS} does not hold pairs") from None
    return Stored(folder, sha256, base, curve, trained)


def publish(recipe: Recipe, curve: Curve, work: Path, cache_dir: Path) -> Stored:
    """Put record, pairs and card beside the weights of the best step, and move the whole to its place.

    Raises:
        OSError: it cannot be written; the checkpoints are kept.
    """
    model, target = work / "best", store_folder(cache_dir, recipe.sha256)
    (model / "relevance").mkdir(exist_ok=True)
    lines = (json.dumps(asdict(pair)) for pair in recipe.pairs.trained)
    write_file(model / _PAIRS, "".join(f"{line}\n" for line in lines))
    write_file(model / "README.md", _card(recipe, curve))
    files = sorted(file for file in model.rglob("*") if file.is_file() and file != model / RECORD)
    record = {
        "sha256": recipe.sha256,
        "ingredients": recipe.ingredients,
        "base": {"name": recipe.base.name, "sha256": recipe.base.sha256},
        "dataset": recipe.dataset,
        "curve": asdict(curve),
        "files": {file.relative_to(model).as_posix(): file_sha256(file) for file in files},
    }
    write_file(model / RECORD, json.dumps(record, indent=2) + "\n")
    model.rename(target)
    shutil.rmtree(work, ignore_errors=True)
    return Stored(target, recipe.sha256, recipe.base.name, curve, recipe.pairs.trained)


# The model's card

_MOST_CARD_BYTES = 1_000_000


def license_of(folder: Path) -> str:
    """The licence that the card of a model names, "" where there is no card or none in it."""
    try:
        with (folder / "README.md").open("rb") as file:
            text = file.read(_MOST_CARD_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    head = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    line = re.search(r"^license: *([A-Za-z0-9.+_-]{1,64}) *$", head[1], re.MULTILINE) if head else None
    return line[1] if line else ""


def _card(recipe: Recipe, curve: Curve) -> str:
    """The page; what it says is the same for the same recipe and curve, but for the seconds."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only where a model is trained

    pages = Environment(
        loader=PackageLoader("relevance.finetune", "."),
        autoescape=False,  # noqa: S701 - Markdown, whose filter is applied to names
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters.update(markdown=markdown, count=lambda values: f"{len(values):,}")
    return pages.get_template("card.md.j2").render(
        recipe=recipe,
        pairs=recipe.pairs,
        curve=curve,
        best=curve.steps[curve.best].step,
        options=asdict(recipe.options),
        license=license_of(recipe.base.path),
        positive=f"{POSITIVE:g}",
        split_seed=SPLIT_SEED,
    )
