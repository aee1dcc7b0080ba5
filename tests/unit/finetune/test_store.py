from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.pairs import small_recipe

from relevance.errors import CouldNotRunError, InputError
from relevance.finetune.checkpoints import COMPLETE, checkpoints, mark_complete, sound_checkpoint
from relevance.finetune.recipe import Curve, Recipe, Step
from relevance.finetune.store import (
    RECORD,
    Stored,
    check_stored,
    find_stored,
    last_step,
    locked,
    publish,
    train,
    work_folder,
)

CURVE = Curve((Step(0, 0.0, None, 0.1, 0.2, 0.3), Step(5, 1.0, 0.5, 0.4, 0.5, 0.6)), 1, 12.5, stopped_early=False)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return small_recipe(tmp_path)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def _publish(recipe: Recipe, cache: Path) -> Stored:
    best = work_folder(cache, recipe.sha256) / "best"
    best.mkdir(parents=True)
    (best / "model.safetensors").write_bytes(b"trained")
    (best / "config.json").write_text("{}")
    return publish(recipe, CURVE, best.parent, cache)


def test_a_published_model_is_found_as_it_was_and_nothing_else_is_left(recipe: Recipe, cache: Path) -> None:
    published = _publish(recipe, cache)
    assert find_stored(cache, recipe.sha256) == published
    assert published.trained == recipe.trained
    assert [path.name for path in (cache / "finetuned").iterdir()] == [recipe.sha256[:32]]
    assert find_stored(cache, "0" * 64) is None
    assert check_stored(cache, expected=None) is None


def test_the_card_says_what_the_model_is_of(recipe: Recipe, cache: Path) -> None:
    (recipe.base.path / "README.md").write_text("---\ntags: [a]\nlicense: apache-2.0\n---\n# Base\n")
    text = (_publish(recipe, cache).path / "README.md").read_text()
    assert text.startswith("---\nlibrary_name: sentence-transformers\nlicense: apache-2.0\n---\n")
    assert f"{len(recipe.pairs.train)} pairs of relevance 3" in text
    assert "| batch_size | 32 |" in text
    assert "| 5 (kept) | 1.00 | 0.5000 | 0.4000 | 0.5000 | 0.6000 |" in text


@pytest.mark.parametrize("card", [None, "no head", "---\nlicense: a b\n---\n"])
def test_a_licence_that_is_not_stated_is_none(recipe: Recipe, cache: Path, card: str | None) -> None:
    if card is not None:
        (recipe.base.path / "README.md").write_text(card)
    assert "Licence of the base: not stated" in (_publish(recipe, cache).path / "README.md").read_text()


def _in_record(edit: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        record = json.loads((folder / RECORD).read_text())
        edit(record)
        (folder / RECORD).write_text(json.dumps(record))

    return damage


DAMAGES: dict[str, Callable[[Path], object]] = {
    "other weights": lambda folder: (folder / "model.safetensors").write_bytes(b"others"),
    "other hash": _in_record(lambda record: record.update(sha256="0" * 64)),
    "other options": _in_record(lambda record: record["ingredients"]["options"].update(seed=9)),
    "pairs not named": _in_record(lambda record: record["files"].pop("relevance/pairs.jsonl")),
    "no curve": _in_record(lambda record: record.pop("curve")),
    "best step not there": _in_record(lambda record: record["curve"].update(best=7)),
    "best step negative": _in_record(lambda record: record["curve"].update(best=-1)),
    "no steps": _in_record(lambda record: record["curve"].update(steps=[])),
    "a step of text": _in_record(lambda record: record["curve"]["steps"][0].update(ndcg="high")),
    "seconds of text": _in_record(lambda record: record["curve"].update(seconds="long")),
    "configuration added": lambda folder: (folder / "config_sentence_transformers.json").write_text("{}"),
    "file lost": lambda folder: (folder / "config.json").unlink(),
    "record lost": lambda folder: (folder / RECORD).unlink(),
    "pointer": lambda folder: (folder / "config.json").write_text("version https://git-lfs.github.com/spec/v1\n"),
    "weights added": lambda folder: (folder / "more.safetensors").write_bytes(b"more"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_model_is_refused_and_set_aside_once(
    recipe: Recipe, cache: Path, damage: Callable[[Path], object]
) -> None:
    folder = _publish(recipe, cache).path
    damage(folder)
    with pytest.raises(InputError) as caught:
        check_stored(folder, expected=recipe.sha256)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert find_stored(cache, recipe.sha256) is None
    assert folder.exists()
    notes: list[str] = []
    for _ in range(2):
        assert find_stored(cache, recipe.sha256, notes) is None
    (note,) = notes
    assert str(caught.value) in note
    assert not folder.exists()


def test_a_model_of_another_recipe_is_refused(recipe: Recipe, cache: Path) -> None:
    with pytest.raises(InputError, match="it says"):
        check_stored(_publish(recipe, cache).path, expected="0" * 64)


def _checkpoint(cache: Path, name: str) -> Path:
    path = work_folder(cache, "ab") / name
    path.mkdir(parents=True)
    (path / "optimizer.pt").write_bytes(b"state")
    return path


def test_only_marked_checkpoints_count_and_the_last_is_gone_on_from(cache: Path) -> None:
    five, ten, fifteen, other = (_checkpoint(cache, f"checkpoint-{step}") for step in ("5", "10", "15", "other"))
    assert last_step(cache, "ab") is None
    for path in (five, ten, other):
        mark_complete(path, 1.0)
    assert last_step(cache, "ab") == 10
    assert [path for _, path in checkpoints(five.parent)] == [ten, five]
    sound_checkpoint(five.parent, [])
    assert (ten.exists(), fifteen.exists()) == (True, False)


@pytest.mark.parametrize(
    ("damage", "taken"),
    [
        (lambda _: None, "checkpoint-10"),
        (lambda last: (last / "optimizer.pt").write_bytes(b"stat"), "checkpoint-5"),
        (lambda last: (last / COMPLETE).write_text('{"seconds": 2.5}'), "checkpoint-5"),
        (lambda last: (last.parent / "checkpoint-5" / "optimizer.pt").unlink(), None),
    ],
    ids=["none", "state cut", "mark without hashes", "best step lost"],
)
def test_a_checkpoint_and_that_of_the_best_step_are_what_was_written(
    cache: Path, damage: Callable[[Path], object], taken: str | None
) -> None:
    for name, seconds in (("checkpoint-5", 1.5), ("checkpoint-10", 2.5)):
        last = _checkpoint(cache, name)
        mark_complete(last, seconds)
    damage(last)
    notes: list[str] = []
    path, seconds = sound_checkpoint(last.parent, notes)
    assert (path and path.name, seconds) == (taken, {"checkpoint-10": 2.5, "checkpoint-5": 1.5, None: 0.0}[taken])
    assert len(notes) == {"checkpoint-10": 0, "checkpoint-5": 1, None: 2}[taken]


def test_a_stored_model_needs_no_folder_that_can_be_written(
    recipe: Recipe, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = _publish(recipe, cache)

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.mkdir", refused)
    assert train(recipe, cache, progress=False) == published
    shutil.rmtree(published.path)
    with pytest.raises(CouldNotRunError, match=r"cannot write \(Read-only file system\), and the model"):
        train(recipe, cache, progress=False)


def test_the_lock_of_a_dead_process_is_none(cache: Path) -> None:
    with locked(cache, "ab"):
        lock = cache / "finetuned" / ".ab.lock"
        assert lock.exists()
    script = f"import os; from filelock import FileLock; FileLock({str(lock)!r}).acquire(); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9  # noqa: S603 - own script
    with locked(cache, "ab"):
        pass


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), r"cannot write \(no space left on the device\)"),
        (PermissionError(errno.EACCES, "Permission denied"), r"cannot write \(Permission denied\)"),
        (RuntimeError("CUDA out of memory\nmore"), "fine-tuning failed: CUDA out of memory$"),
        (MemoryError(), "fine-tuning failed: MemoryError"),
    ],
)
def test_what_fails_in_a_training_is_one_line(
    recipe: Recipe, cache: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    def run(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setitem(sys.modules, "relevance.finetune.loop", SimpleNamespace(run=run))
    with pytest.raises(CouldNotRunError, match=line):
        train(recipe, cache, progress=False)
    assert find_stored(cache, recipe.sha256) is None
