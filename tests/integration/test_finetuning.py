"""Fine-tuning with sentence-transformers' own trainer, on a made model that trains in a second."""

from __future__ import annotations

import errno
import hashlib
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from helpers.pairs import made_dataset, made_frame, made_recipe

from relevance import embeddings
from relevance.errors import CouldNotRunError
from relevance.finetune import Options
from relevance.finetune.pairs import build_pairs
from relevance.finetune.store import COMPLETE, find_stored, last_step, mark_complete, train, work_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relevance.finetune.recipe import Recipe
    from relevance.finetune.store import Stored

pytestmark = pytest.mark.needs("model")

OPTIONS = Options(epochs=4, batch_size=4, learning_rate=3e-3, max_tokens=16, patience=8)


@pytest.fixture(scope="module")
def recipe(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The made pairs, to be trained on that model."""
    base = embeddings.resolve(str(tiny), prompt="number", device="cpu")
    return replace(made_recipe(tmp_path_factory.mktemp("recipe")), base=base, options=OPTIONS)


@pytest.fixture(scope="module")
def whole(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """What comes of it where nothing disturbs the training."""
    return train(recipe, tmp_path_factory.mktemp("whole"), progress=False)


@pytest.fixture
def trained(whole: Stored, tmp_path: Path) -> Path:
    """A cache of one's own that holds it."""
    folder = tmp_path / "cache"
    shutil.copytree(whole.path.parents[1], folder)
    return folder


@pytest.fixture(scope="module")
def halfway(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with what an interrupt leaves of a training: its last checkpoint."""
    from relevance.finetune.loop import run  # noqa: PLC0415 - imports torch

    folder = tmp_path_factory.mktemp("halfway")
    with pytest.raises(KeyboardInterrupt):
        run(recipe, work_folder(folder, recipe.sha256), progress=False, notes=[], clock=_Interrupting(18))
    return folder


def _weights(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_a_seed_decides_the_weights(recipe: Recipe, whole: Stored, tmp_path: Path) -> None:
    """The same seed gives the same weights, another one others; every half epoch was evaluated, the best is kept."""
    other = replace(recipe, options=replace(OPTIONS, seed=13))
    again, others = (train(one, tmp_path / name, progress=False) for name, one in (("b", recipe), ("c", other)))
    assert _weights(whole.path) == _weights(again.path) != _weights(others.path)
    steps = whole.curve.steps
    assert [round(2 * step.epoch) for step in steps] == list(range(9))
    assert steps[0].loss is None
    assert steps[-1].loss < steps[1].loss  # type: ignore[operator]  # only the first has none
    assert whole.curve.best == max(range(9), key=lambda at: (steps[at].ndcg, -at))
    assert not whole.curve.stopped_early


def test_a_stored_model_is_a_model_like_any_other(recipe: Recipe, trained: Path) -> None:
    """It is resolved with the prompt that it was trained with and the base's own limit, and is not trained again."""
    stored = find_stored(trained, recipe.sha256)
    assert stored is not None
    model = embeddings.resolve(str(stored.path))
    assert (model.prompt, model.max_tokens, model.dimensions) == ("number", 64, 32)
    assert model.sha256 != recipe.base.sha256
    assert not list(stored.path.rglob("*.bin")) + list(stored.path.rglob("*.pt"))
    assert train(recipe, trained, progress=False) == stored
    assert not work_folder(trained, recipe.sha256).exists()


def test_mined_negatives_train_too(recipe: Recipe, tmp_path: Path) -> None:
    """With `loss = hard` each pair has a negative of its own, and the loss falls."""
    hard = replace(recipe, options=replace(OPTIONS, loss="hard"))
    steps = train(hard, tmp_path, progress=False).curve.steps
    assert steps[-1].loss < steps[1].loss  # type: ignore[operator]  # only the first has none


def test_training_stops_where_it_no_longer_learns(recipe: Recipe, tmp_path: Path) -> None:
    """With a learning rate that changes nothing it ends after `patience` evaluations; the base is kept."""
    idle = replace(recipe, options=replace(OPTIONS, learning_rate=1e-30, patience=2))
    stored = train(idle, tmp_path, progress=False)
    assert stored.curve.stopped_early
    assert (len(stored.curve.steps), stored.curve.best) == (3, 0)


class _Interrupting:
    """A clock at whose n-th look someone presses Control-C."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self) -> float:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt
        return 0.0


def test_an_interrupted_training_goes_on(recipe: Recipe, whole: Stored, halfway: Path, tmp_path: Path) -> None:
    """After an interrupt the last checkpoint is there; what goes on from it ends with the same weights and curve."""
    shutil.copytree(halfway, tmp_path, dirs_exist_ok=True)
    step = last_step(tmp_path, recipe.sha256)
    assert step is not None
    assert 0 < step < whole.curve.steps[-1].step
    stored = train(recipe, tmp_path, progress=False)
    assert _weights(stored.path) == _weights(whole.path)
    assert stored.curve.steps == whole.curve.steps


def test_an_interrupt_while_a_checkpoint_is_written_leaves_the_one_before(
    recipe: Recipe, whole: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted twice, the second time in the middle of a checkpoint: half of one is never taken up."""
    import torch  # noqa: PLC0415 - seconds

    from relevance.finetune.loop import run  # noqa: PLC0415 - the same

    folder = work_folder(tmp_path, recipe.sha256)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, folder, progress=False, notes=[], clock=_Interrupting(12))
    before = last_step(tmp_path, recipe.sha256)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, tmp_path, progress=False)
    assert last_step(tmp_path, recipe.sha256) == before
    assert len(list(folder.glob("checkpoint-*"))) == 2
    assert _weights(train(recipe, tmp_path, progress=False).path) == _weights(whole.path)


def test_a_loss_that_is_no_number_is_one_line(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the training at the next evaluation; nothing is stored."""
    from relevance.finetune import loop  # noqa: PLC0415 - imports torch

    class Broken(loop.MultipleNegativesRankingLoss):
        def forward(self, *inputs: Any, **names: Any) -> Any:
            return super().forward(*inputs, **names) * float("nan")

    monkeypatch.setitem(loop.LOSSES, "mnrl", replace(loop.LOSSES["mnrl"], make=Broken))
    with pytest.raises(CouldNotRunError, match=r"^fine-tuning: the loss is not a number at step \d; allowed: a lower"):
        train(recipe, tmp_path, progress=False)
    assert find_stored(tmp_path, recipe.sha256) is None


def test_a_full_disk_is_one_line_and_no_loss(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint that cannot be written ends the training; with room again the same command goes on."""
    import torch  # noqa: PLC0415 - seconds

    saved = torch.save
    calls = []

    def full(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) > 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        return saved(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(CouldNotRunError, match="no space left on the device"):
            train(recipe, tmp_path, progress=False)
    assert last_step(tmp_path, recipe.sha256) is not None
    assert train(recipe, tmp_path, progress=False).curve.steps[-1].step > 0


def test_a_device_that_is_not_there_is_one_line(recipe: Recipe, tmp_path: Path) -> None:
    """With those that are there."""
    elsewhere = replace(recipe, base=replace(recipe.base, device="cuda:97"))
    with pytest.raises(CouldNotRunError, match="device 'cuda:97' is not there; available: cpu"):
        train(elsewhere, tmp_path, progress=False)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _spoil_the_state(checkpoint: Path) -> None:
    (checkpoint / "trainer_state.json").write_text("{")
    mark_complete(checkpoint, 1.0)  # its files are as they were written, and are not what the library expects


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "weights": lambda checkpoint: _cut(checkpoint / "model.safetensors"),
    "optimizer": lambda checkpoint: _cut(checkpoint / "optimizer.pt"),
    "mark": lambda checkpoint: (checkpoint / COMPLETE).write_text("{"),
    "state": _spoil_the_state,
    "best model": lambda checkpoint: [shutil.rmtree(best) for best in checkpoint.parent.glob("best-*")],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_set_aside(
    recipe: Recipe, whole: Stored, halfway: Path, tmp_path: Path, damage: str
) -> None:
    """The training goes on without it, a note says so, and the weights are those of an undisturbed one."""
    shutil.copytree(halfway, tmp_path, dirs_exist_ok=True)
    (checkpoint,) = work_folder(tmp_path, recipe.sha256).glob("checkpoint-*")
    DAMAGES[damage](checkpoint)
    stored = train(recipe, tmp_path, progress=False)
    (note,) = stored.notes
    assert str(checkpoint.with_name(f"damaged-{checkpoint.name}")) in note
    assert _weights(stored.path) == _weights(whole.path)


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"{}"), lambda path: path.unlink()])
def test_a_damaged_model_is_trained_again(
    recipe: Recipe, whole: Stored, trained: Path, damage: Callable[[Path], Any]
) -> None:
    """A stored model whose files changed is set aside, and a note says why this session trained."""
    first = trained / whole.path.relative_to(whole.path.parents[1])
    damage(first / "tokenizer.json")
    again = train(recipe, trained, progress=False)
    assert _weights(again.path) == _weights(whole.path)
    (note,) = again.notes
    assert f"{first}: tokenizer.json" in note
    assert first.with_name(f"{first.name}.damaged").is_dir()
    assert train(recipe, trained, progress=False).notes == ()


def test_what_was_trained_is_looked_at(whole: Stored) -> None:
    """The pairs recorded with a model are those that it was trained on, validated with, and nothing else."""
    pairs = build_pairs(made_frame(), made_dataset(), drop_unknown=False)
    assert {(pair.query, pair.product) for pair in whole.trained} == {
        (pair.query, pair.product) for pair in (*pairs.train, *pairs.rated)
    }
