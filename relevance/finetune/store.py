"""Fine-tuned models on disk, by the hash of what made them: complete or not there, and checked when they are taken."""

from __future__ import annotations

import errno
import json
import re
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from relevance.embeddings import resolve
from relevance.embeddings.model import INFLUENTIAL
from relevance.errors import CouldNotRunError, InputError, RelevanceError
from relevance.files import TextFile, file_sha256, read_json_object, write_file
from relevance.finetune.checkpoints import checkpoints
from relevance.finetune.memory import peak_memory
from relevance.finetune.pairs import SPLIT_SEED, Trained
from relevance.finetune.recipe import Curve, Recipe, Step, recipe_hash
from relevance.setting import text_of
from relevance.text import markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from relevance.finetune.distillation import Distillation

RECORD = "relevance/record.json"
"""In a folder of its own: what describes a model does not enter the key of its vectors."""

_PAIRS = "relevance/pairs.jsonl"
_WEIGHTS = "model.safetensors"
_WAIT_S = 24 * 3600
_MOST_CARD_BYTES = 1_000_000


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


def train(recipe: Recipe | Distillation, cache_dir: Path, *, progress: bool) -> Stored:
    """Take the model of a recipe from the store, else train it; only one process does at a time.

    An interrupt leaves the last checkpoint in the cache folder, and the next call goes on from there. A model or a
    checkpoint that is damaged is set aside with a note. `progress`: whether a bar is shown on stderr.

    Raises:
        CouldNotRunError: the device is not there, memory or disk are full, or the loss is no number.
    """
    sha256, notes = recipe.sha256, list[str]()
    if (stored := find_stored(cache_dir, sha256)) is not None:  # the folder may be one that can only be read
        return stored
    work = work_folder(cache_dir, sha256)
    with locked(cache_dir, sha256):
        try:
            if (stored := find_stored(cache_dir, sha256, notes)) is not None:
                return stored
            with peak_memory() as peak:
                curve = _trained(recipe, cache_dir, work, progress=progress, notes=notes)
                curve = replace(curve, memory_bytes=peak())
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


def _trained(recipe: Recipe | Distillation, cache_dir: Path, work: Path, *, progress: bool, notes: list[str]) -> Curve:
    """Train a recipe, or its parts, each of which is stored as itself."""
    if not isinstance(recipe, Recipe) or not recipe.parts:
        return recipe.run(work, progress=progress, notes=notes)
    from relevance.finetune.loop import average  # noqa: PLC0415 - imports torch

    parts = [train(part, cache_dir, progress=progress) for part in recipe.parts]
    notes += [note for part in parts for note in part.notes]
    models = [resolve(str(part.path), device=recipe.base.device) for part in parts]
    return average(recipe, models, [part.curve for part in parts], work)


@contextmanager
def locked(cache_dir: Path, sha256: str) -> Iterator[None]:
    """Keep other processes from the training of that hash; the system lets go of a lock whose process is dead.

    Raises:
        CouldNotRunError: the folder cannot be written, or another process has not ended after a day.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - only where a model is trained

    place = store_folder(cache_dir, sha256)
    lock = FileLock(place.with_name(f".{place.name}.lock"), timeout=_WAIT_S)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise CouldNotRunError(f"{place}: another process has been training this model for a day") from None
    except OSError as error:
        problem = f"cannot write ({error.strerror}), and the model is not there"
        raise CouldNotRunError(f"{place.parent}: {problem}") from None
    try:
        yield
    finally:
        lock.release()


def store_folder(cache_dir: Path, sha256: str) -> Path:
    """Where the model of that hash is stored."""
    return cache_dir / "finetuned" / sha256[:32]


def work_folder(cache_dir: Path, sha256: str) -> Path:
    """Where checkpoints of the training of that hash are."""
    place = store_folder(cache_dir, sha256)
    return place.with_name(f".training-{place.name}")


def last_step(cache_dir: Path, sha256: str) -> int | None:
    """The step of the last complete checkpoint of a training, None where there is none."""
    return next((step for step, _ in checkpoints(work_folder(cache_dir, sha256))), None)


def find_stored(cache_dir: Path, sha256: str, notes: list[str] | None = None) -> Stored | None:
    """Find the stored model of a hash; None where there is none, or only a damaged one.

    With `notes` a damaged one is set aside, which is said there; else it is left alone.

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

    `expected` is the hash that it must have; None: whatever it has, and a model without a record, which was made
    elsewhere, gives None.

    Raises:
        InputError: a file is missing, is not as it was published, or the model is not what its hash says.
    """

    def damaged(problem: str) -> InputError:
        return InputError(f"model {folder}: {problem}; allowed: a whole model (delete the folder to train it again)")

    if expected is None and not (folder / RECORD).exists():
        return None
    record = read_json_object(folder / RECORD, "the record of a fine-tuned model")
    try:
        sha256, files, base = str(record["sha256"]), dict(record["files"]), str(record["base"]["name"])
        actual = recipe_hash(record["ingredients"])
        curve = _curve_in(record["curve"])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(f"its record lacks {error}") from None
    if sha256 != actual or expected not in (None, sha256):
        raise damaged(f"it says {sha256[:12]} and was made by {actual[:12]}")
    present = {
        file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.suffix in (*INFLUENTIAL, ".py")
    }
    if unknown := sorted((present | {_PAIRS, _WEIGHTS}) - {RECORD} - files.keys()):
        raise damaged(f"its record does not have {unknown[0]}")
    for name, digest in files.items():
        file = folder / name
        try:
            sound = file.resolve().is_relative_to(folder.resolve()) and file_sha256(file) == digest
        except OSError as error:
            raise damaged(f"{name}: {error.strerror or error}") from None
        if not sound:
            raise damaged(f"{name} is not what was published")
    try:
        rows = TextFile(folder / _PAIRS).json_lines()
        trained = tuple(Trained(str(row["query"]), str(row["product"]), str(row["text"])) for _, row in rows)
    except (InputError, KeyError):
        raise damaged(f"{_PAIRS} does not hold pairs") from None
    return Stored(folder, sha256, base, curve, trained)


def _curve_in(value: Mapping[str, Any]) -> Curve:
    """Read the curve of a record; an error of Python's own says what is wrong with it."""
    curve = Curve(**{**value, "steps": tuple(Step(**step) for step in value["steps"])})
    numbers = [curve.seconds, *(one for step in curve.steps for one in vars(step).values() if one is not None)]
    if not all(isinstance(one, int | float) for one in numbers) or curve.best not in range(len(curve.steps)):
        raise ValueError("a curve of numbers whose best step is one of it")
    return curve


def publish(recipe: Recipe | Distillation, curve: Curve, work: Path, cache_dir: Path) -> Stored:
    """Put record, pairs and card beside the weights of the best step, and move the whole to its place.

    Raises:
        OSError: it cannot be written; the checkpoints are kept.
    """
    model, target, trained = work / "best", store_folder(cache_dir, recipe.sha256), recipe.trained
    (model / _PAIRS).parent.mkdir(exist_ok=True)
    write_file(model / _PAIRS, "".join(f"{json.dumps(asdict(pair))}\n" for pair in trained))
    card = _card(recipe, curve) if isinstance(recipe, Recipe) else recipe.card(curve)
    write_file(model / "README.md", card)
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
    return Stored(target, recipe.sha256, recipe.base.name, curve, trained)


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
        options={name: text_of(value) for name, value in asdict(recipe.options).items()},
        license=_license_of(recipe.base.path),
        positive=f"{recipe.options.positive_from:g}",
        split_seed=SPLIT_SEED,
    )


def _license_of(folder: Path) -> str:
    """The licence that the card of a model names, "" where there is no card or none in it."""
    try:
        with (folder / "README.md").open("rb") as file:
            text = file.read(_MOST_CARD_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    head = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    line = re.search(r"^license: *([A-Za-z0-9.+_-]{1,64}) *$", head[1], re.MULTILINE) if head else None
    return line[1] if line else ""
