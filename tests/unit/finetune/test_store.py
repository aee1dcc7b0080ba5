"""The store: complete or not there; what does not fit its hash is refused in one line."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from helpers.pairs import made_recipe

from relevance.errors import CouldNotRunError, InputError
from relevance.finetune.recipe import Curve, Step
from relevance.finetune.store import (
    COMPLETE,
    RECORD,
    Stored,
    check_stored,
    checkpoints,
    find_stored,
    last_step,
    license_of,
    locked,
    mark_complete,
    publish,
    sound_checkpoint,
    train,
    work_folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relevance.finetune.recipe import Recipe

CURVE = Curve((Step(0, 0.0, None, 0.1, 0.2, 0.3), Step(5, 1.0, 0.5, 0.4, 0.5, 0.6)), 1, 12.5, stopped_early=False)


def _published(recipe: Recipe, cache: Path) -> Stored:
    best = work_folder(cache, recipe.sha256) / "best"
    best.mkdir(parents=True)
    (best / "model.safetensors").write_bytes(b"trained")
    (best / "config.json").write_text("{}")
    return publish(recipe, CURVE, best.parent, cache)


def test_a_published_model_is_found_as_it_was(tmp_path: Path) -> None:
    """Curve, options and pairs come back as they went; nothing of the training is left beside the model."""
    recipe = made_recipe(tmp_path)
    made = _published(recipe, tmp_path / "cache")
    found = find_stored(tmp_path / "cache", recipe.sha256)
    assert found == made
    assert found is not None
    assert found.trained == recipe.pairs.trained
    assert [path.name for path in (tmp_path / "cache" / "finetuned").iterdir()] == [recipe.sha256[:32]]
    assert find_stored(tmp_path / "cache", "0" * 64) is None
    assert check_stored(tmp_path, expected=None) is None


def test_the_card_says_what_made_the_model(tmp_path: Path) -> None:
    """Data, options, scores, split and the base's licence stand in README.md; Markdown in names is escaped."""
    recipe = made_recipe(tmp_path)
    (recipe.base.path / "README.md").write_text("---\ntags: [a]\nlicense: apache-2.0\n---\n# Base\n")
    text = (_published(recipe, tmp_path / "cache").path / "README.md").read_text()
    assert text.startswith("---\nlibrary_name: sentence-transformers\nlicense: apache-2.0\n---\n")
    assert f"{len(recipe.pairs.train)} pairs of relevance 3" in text
    assert "| batch_size | 32 |" in text
    assert "| 5 (kept) | 1.00 | 0.5000 | 0.4000 | 0.5000 | 0.6000 |" in text
    assert license_of(tmp_path) == ""


def _edit_record(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    record = json.loads((folder / RECORD).read_text())
    edit(record)
    (folder / RECORD).write_text(json.dumps(record))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "other weights": lambda folder: (folder / "model.safetensors").write_bytes(b"others"),
    "other hash": lambda folder: _edit_record(folder, lambda record: record.update(sha256="0" * 64)),
    "other options": lambda folder: _edit_record(
        folder, lambda record: record["ingredients"]["options"].update(seed=9)
    ),
    "pairs not named": lambda folder: _edit_record(folder, lambda record: record["files"].pop("relevance/pairs.jsonl")),
    "file lost": lambda folder: (folder / "config.json").unlink(),
    "record lost": lambda folder: (folder / RECORD).unlink(),
    "pointer": lambda folder: (folder / "config.json").write_text("version https://git-lfs.github.com/spec/v1\n"),
    "weights added": lambda folder: (folder / "more.safetensors").write_bytes(b"more"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_model_that_does_not_fit_is_refused(tmp_path: Path, damage: str) -> None:
    """Whatever is changed, missing or added is one line with the folder and what is allowed."""
    recipe, notes = made_recipe(tmp_path), list[str]()
    folder = _published(recipe, tmp_path / "cache").path
    DAMAGES[damage](folder)
    with pytest.raises(InputError) as caught:
        check_stored(folder, expected=recipe.sha256)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert find_stored(tmp_path / "cache", recipe.sha256) is None
    for times in (1, 1):  # the second time there is nothing left to set aside
        assert find_stored(tmp_path / "cache", recipe.sha256, notes) is None
        assert len(notes) == times
    assert str(caught.value) in notes[0]
    assert not folder.exists()


def test_a_model_of_another_recipe_is_refused(tmp_path: Path) -> None:
    """A whole model under another hash's name is refused."""
    folder = _published(made_recipe(tmp_path), tmp_path / "cache").path
    with pytest.raises(InputError, match="it says"):
        check_stored(folder, expected="0" * 64)


def _checkpoint(cache: Path, name: str) -> Path:
    path = work_folder(cache, "ab") / name
    path.mkdir(parents=True)
    (path / "optimizer.pt").write_bytes(b"state")
    return path


def test_half_a_checkpoint_does_not_count(tmp_path: Path) -> None:
    """Only checkpoints with their mark count, whatever else lies there; the last of them is gone on from."""
    paths = [_checkpoint(tmp_path, f"checkpoint-{step}") for step in ("5", "10", "15", "other")]
    assert last_step(tmp_path, "ab") is None
    for path in (*paths[:2], paths[3]):
        mark_complete(path, 1.0)
    assert last_step(tmp_path, "ab") == 10
    assert [path for _, path in checkpoints(paths[0].parent)] == [paths[1], paths[0]]


@pytest.mark.parametrize(
    "damage",
    [
        None,
        lambda path: (path / "optimizer.pt").write_bytes(b"stat"),
        lambda path: (path.parent / "best-5" / "model.safetensors").unlink(),
        lambda path: (path / COMPLETE).write_text('{"seconds": 2.5}'),
    ],
    ids=["none", "state cut", "best model lost", "mark without hashes"],
)
def test_a_checkpoint_is_what_was_written_or_none(tmp_path: Path, damage: Callable[[Path], object] | None) -> None:
    """A file of it, or of the best model beside it, that changed is damage; so is a mark without hashes."""
    path = _checkpoint(tmp_path, "checkpoint-5")
    (path.parent / "best-5").mkdir()
    (path.parent / "best-5" / "model.safetensors").write_bytes(b"best")
    mark_complete(path, 2.5)
    if damage is not None:
        damage(path)
    notes: list[str] = []
    assert sound_checkpoint(path.parent, notes) == ((path, 2.5) if damage is None else (None, 0.0))
    assert len(notes) == (damage is not None)
    assert path.exists() == (damage is None)


def test_a_stored_model_needs_no_folder_that_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lock is taken where the model is there; where it is not, one line says so."""
    recipe = made_recipe(tmp_path)
    made = _published(recipe, tmp_path / "cache")

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.mkdir", refused)
    assert train(recipe, tmp_path / "cache", progress=False) == made
    shutil.rmtree(made.path)
    with pytest.raises(CouldNotRunError, match=r"cannot write \(Read-only file system\), and the model"):
        train(recipe, tmp_path / "cache", progress=False)


def test_a_lock_of_a_dead_process_is_none(tmp_path: Path) -> None:
    """The file stays, and locks nothing."""
    with locked(tmp_path, "ab"):
        pass
    path = str(tmp_path / "finetuned" / ".ab.lock")
    script = f"import os; from filelock import FileLock; FileLock({path!r}).acquire(); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9  # noqa: S603 - own script
    with locked(tmp_path, "ab"):
        assert (tmp_path / "finetuned" / ".ab.lock").exists()


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    """A full disk, a folder that cannot be written and a failing device end in one line; no model is stored."""
    import types  # noqa: PLC0415

    def run(*_: object, **__: object) -> None:
        raise error

    module = types.ModuleType("relevance.finetune.loop")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "relevance.finetune.loop", module)
    recipe = made_recipe(tmp_path)
    with pytest.raises(CouldNotRunError, match=line):
        train(recipe, tmp_path / "cache", progress=False)
    assert find_stored(tmp_path / "cache", recipe.sha256) is None
