"""Fine-tuning with sentence-transformers' own trainer, on a small model that trains in a second."""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.pairs import small_recipe

from relevance import embeddings
from relevance.errors import CouldNotRunError
from relevance.finetune import Options
from relevance.finetune.checkpoints import mark_complete
from relevance.finetune.losses import LOSSES
from relevance.finetune.recipe import Recipe
from relevance.finetune.store import Stored, find_stored, last_step, train, work_folder

pytestmark = pytest.mark.needs("model")

OPTIONS = Options(epochs=4, batch_size=4, learning_rate=3e-3, max_tokens=16, patience=8)


@pytest.fixture(scope="module")
def recipe(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    base = embeddings.resolve(str(tiny), query_prompt="number", device="cpu")
    return replace(small_recipe(tmp_path_factory.mktemp("recipe")), base=base, options=OPTIONS)


@pytest.fixture(scope="module")
def whole(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """What comes of it where nothing disturbs the training."""
    return train(recipe, tmp_path_factory.mktemp("whole"), progress=False)


@pytest.fixture
def cache(whole: Stored, tmp_path: Path) -> Path:
    """A copy of the cache that holds it."""
    return Path(shutil.copytree(whole.path.parents[1], tmp_path / "cache"))


@pytest.fixture(scope="module")
def interrupted(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with what an interrupt behind the second checkpoint leaves of a training."""
    from relevance.finetune.loop import run  # noqa: PLC0415 - imports torch

    folder = tmp_path_factory.mktemp("interrupted")
    with pytest.raises(KeyboardInterrupt):
        run(recipe, work_folder(folder, recipe.sha256), progress=False, notes=[], clock=_Interrupting(18))
    return folder


class _Interrupting:
    """A clock at whose n-th look someone presses Control-C."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self) -> float:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt
        return 0.0


def _weights(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_half_epochs_are_evaluated_and_the_best_is_kept(whole: Stored) -> None:
    steps = whole.curve.steps
    assert [round(2 * step.epoch) for step in steps] == list(range(9))
    assert steps[0].loss is None
    assert steps[-1].loss < steps[1].loss
    assert whole.curve.best == max(range(9), key=lambda at: (steps[at].ndcg, -at))
    assert not whole.curve.stopped_early


def test_another_seed_gives_other_weights(recipe: Recipe, whole: Stored, tmp_path: Path) -> None:
    other = train(replace(recipe, options=replace(OPTIONS, seed=13)), tmp_path, progress=False)
    assert _weights(other.path) != _weights(whole.path)


def test_a_stored_model_is_a_model_like_any_other_and_not_trained_again(recipe: Recipe, cache: Path) -> None:
    stored = find_stored(cache, recipe.sha256)
    assert stored is not None
    model = embeddings.resolve(str(stored.path))
    assert (model.query_prompt, model.max_tokens, model.dimensions) == ("number", 64, 32)
    assert model.sha256 != recipe.base.sha256
    assert not list(stored.path.rglob("*.bin")) + list(stored.path.rglob("*.pt"))
    assert train(recipe, cache, progress=False) == stored
    assert not work_folder(cache, recipe.sha256).exists()


VARIANTS: dict[str, dict[str, Any]] = {
    "both directions": {"directions": "both"},
    "all directions, hardness": {"directions": "all", "hardness": 5.0},
    "cached": {"loss": "cached_mnrl"},
    "cached, two negatives": {"loss": "cached_mnrl", "negatives": 2},
    "gist": {"loss": "gist"},
    "gist, two negatives": {"loss": "gist", "negatives": 2},
    "hard": {"loss": "hard"},
    "three hard": {"loss": "hard", "negatives": 3, "absolute_margin": 0.1, "hardness": 5.0},
    "cosent": {"loss": "cosent"},
    "angle": {"loss": "angle"},
    "matryoshka": {"matryoshka": (32, 8)},
    "matryoshka, cached": {"loss": "cached_mnrl", "matryoshka": (32, 8)},
    "matryoshka, graded": {"loss": "cosent", "matryoshka": (32, 8)},
}


def test_every_loss_is_trained_with_here() -> None:
    assert set(LOSSES) == {"mnrl", *(options["loss"] for options in VARIANTS.values() if "loss" in options)}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_a_loss_moves_the_model(recipe: Recipe, tmp_path: Path, options: dict[str, Any]) -> None:
    options = {**options, "epochs": 2}  # at the first step the learning rate is 0
    steps = train(replace(recipe, options=replace(OPTIONS, **options)), tmp_path, progress=False).curve.steps
    assert (steps[0].epoch, steps[-1].epoch) == (0, 2)
    assert steps[-1].loss > 0
    assert steps[-1].pearson != steps[0].pearson


def test_matryoshka_is_the_librarys_around_the_loss(recipe: Recipe) -> None:
    from relevance.finetune import loop  # noqa: PLC0415 - imports torch

    options = replace(OPTIONS, matryoshka=(32, 8))
    loss = loop._loss(replace(recipe, options=options), embeddings.sentence_model.load(recipe.base).transformer)
    assert (type(loss).__name__, loss.matryoshka_dims) == ("MatryoshkaLoss", (32, 8))
    assert type(loss.loss).__name__ == "MultipleNegativesRankingLoss"


def test_training_stops_where_it_no_longer_learns_and_the_base_is_kept(recipe: Recipe, tmp_path: Path) -> None:
    idle = replace(recipe, options=replace(OPTIONS, learning_rate=1e-30, patience=2))
    stored = train(idle, tmp_path, progress=False)
    assert stored.curve.stopped_early
    assert (len(stored.curve.steps), stored.curve.best) == (3, 0)
    assert _weights(stored.path) == _weights(recipe.base.path)


def test_an_interrupted_training_goes_on_where_it_was(
    recipe: Recipe, whole: Stored, interrupted: Path, tmp_path: Path
) -> None:
    shutil.copytree(interrupted, tmp_path, dirs_exist_ok=True)
    step = last_step(tmp_path, recipe.sha256)
    assert step is not None
    assert 0 < step < whole.curve.steps[-1].step
    stored = train(recipe, tmp_path, progress=False)
    assert _weights(stored.path) == _weights(whole.path)
    assert stored.curve.steps == whole.curve.steps


def test_an_interrupt_while_a_checkpoint_is_written_leaves_the_one_before(
    recipe: Recipe, whole: Stored, interrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch  # noqa: PLC0415 - seconds

    shutil.copytree(interrupted, tmp_path, dirs_exist_ok=True)
    before = last_step(tmp_path, recipe.sha256)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, tmp_path, progress=False)
    assert last_step(tmp_path, recipe.sha256) == before
    assert _weights(train(recipe, tmp_path, progress=False).path) == _weights(whole.path)


def test_a_loss_that_is_no_number_is_one_line(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(losses: Any, model: Any, *_: Any) -> Any:
        loss = losses.MultipleNegativesRankingLoss(model)
        loss.scale = float("nan")
        return loss

    monkeypatch.setitem(LOSSES, "mnrl", replace(LOSSES["mnrl"], make=broken))
    with pytest.raises(CouldNotRunError, match=r"^fine-tuning: the loss is not a number at step \d; allowed: a lower"):
        train(recipe, tmp_path, progress=False)
    assert find_stored(tmp_path, recipe.sha256) is None


def test_a_full_disk_is_one_line_and_no_loss(
    recipe: Recipe, interrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch  # noqa: PLC0415 - seconds

    shutil.copytree(interrupted, tmp_path, dirs_exist_ok=True)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CouldNotRunError, match="no space left on the device"):
        train(recipe, tmp_path, progress=False)
    assert last_step(tmp_path, recipe.sha256) == last_step(interrupted, recipe.sha256)


def test_a_device_that_is_not_there_is_one_line(recipe: Recipe, tmp_path: Path) -> None:
    elsewhere = replace(recipe, base=replace(recipe.base, device="cuda:97"))
    with pytest.raises(CouldNotRunError, match="device 'cuda:97' is not there; available: cpu"):
        train(elsewhere, tmp_path, progress=False)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _spoil_the_state(checkpoint: Path) -> None:
    (checkpoint / "trainer_state.json").write_text("{")
    mark_complete(checkpoint, 1.0)  # its files are as they were written, and are not what the library expects


@pytest.mark.parametrize(
    "damage",
    [lambda checkpoint: _cut(checkpoint / "optimizer.pt"), _spoil_the_state],
    ids=["file cut", "not taken up"],
)
def test_a_damaged_checkpoint_is_set_aside(
    recipe: Recipe, whole: Stored, interrupted: Path, tmp_path: Path, damage: Callable[[Path], Any]
) -> None:
    shutil.copytree(interrupted, tmp_path, dirs_exist_ok=True)
    step = last_step(tmp_path, recipe.sha256)
    checkpoint = work_folder(tmp_path, recipe.sha256) / f"checkpoint-{step}"
    damage(checkpoint)
    stored = train(recipe, tmp_path, progress=False)
    assert str(checkpoint.with_name(f"damaged-{checkpoint.name}")) in stored.notes[0]
    assert _weights(stored.path) == _weights(whole.path)


def test_a_damaged_model_is_trained_again(recipe: Recipe, whole: Stored, cache: Path) -> None:
    first = cache / whole.path.relative_to(whole.path.parents[1])
    (first / "tokenizer.json").write_bytes(b"{}")
    again = train(recipe, cache, progress=False)
    assert _weights(again.path) == _weights(whole.path)
    (note,) = again.notes
    assert f"{first}: tokenizer.json" in note
    assert first.with_name(f"{first.name}.damaged").is_dir()
    assert train(recipe, cache, progress=False).notes == ()


def test_the_pairs_recorded_with_a_model_are_those_that_it_saw(recipe: Recipe, whole: Stored) -> None:
    seen = {(pair.query, pair.product) for pair in (*recipe.pairs.train, *recipe.pairs.rated)}
    assert {(pair.query, pair.product) for pair in whole.trained} == seen
