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
from relevance.finetune.teacher import Teacher, probabilities
from relevance.reranking.cross_encoder import resolve_scorer
from relevance.stages import Rerank

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


LESSONS: dict[str, dict[str, Any]] = {
    "oracle": {"loss": "hard", "negatives": 2, "absolute_margin": 0.001},
    "margins": {"loss": "margin_mse", "negatives": 1},
    "several margins": {"loss": "margin_mse", "matryoshka": (32, 8)},
    "lists": {"loss": "distill_kl", "negatives": 3},
    "scores": {"loss": "distill_mse"},
}


def test_every_loss_is_trained_with_here() -> None:
    used = {options.get("loss", "mnrl") for options in (*VARIANTS.values(), *LESSONS.values())}
    assert set(LOSSES) == used


@pytest.fixture(scope="module")
def teacher(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Teacher]:
    """A cross-encoder that knows nothing, loaded anew by each who asks."""
    import torch  # noqa: PLC0415 - seconds
    from sentence_transformers import CrossEncoder  # noqa: PLC0415 - the same

    folder = tmp_path_factory.mktemp("teacher")
    torch.manual_seed(1)
    CrossEncoder(f"{tiny}-source", num_labels=1, device="cpu").save_pretrained(str(folder / "model"))
    scorer = resolve_scorer(Rerank(model=str(folder / "model")), cache_dir=None, device="cpu")
    return lambda: Teacher(scorer.facts, lambda: scorer, folder / "cache")


@pytest.mark.parametrize("options", LESSONS.values(), ids=LESSONS)
def test_a_lesson_moves_the_model(
    recipe: Recipe, tmp_path: Path, teacher: Callable[[], Teacher], options: dict[str, Any]
) -> None:
    taught = replace(OPTIONS, **options, teacher="t", epochs=2)
    curve = train(replace(recipe, options=taught, teacher=teacher()), tmp_path, progress=False).curve
    assert curve.steps[-1].loss > 0
    assert curve.steps[-1].pearson != curve.steps[0].pearson
    assert curve.parts["teacher"] > 0


def test_a_teachers_scores_are_the_librarys_and_kept(teacher: Callable[[], Teacher]) -> None:
    pairs = [("lamp number 1", "red lamp"), ("sofa", "red lamp"), ("lamp number 1", "blue sofa"), ("sofa", "red lamp")]
    first = teacher()
    scores = first.logits(pairs)
    import torch  # noqa: PLC0415 - seconds
    from sentence_transformers import CrossEncoder  # noqa: PLC0415 - the same

    encoder = CrossEncoder(str(first._find().path), device="cpu")
    own = encoder.predict(pairs, activation_fn=torch.nn.Identity(), show_progress_bar=False)
    assert scores == pytest.approx(own, abs=1e-5)
    assert probabilities(scores) == pytest.approx(encoder.predict(pairs, show_progress_bar=False), abs=1e-6)
    again = teacher()
    gone = replace(first._find(), path=Path("gone"))  # whose scores are kept is not loaded
    again._find = lambda: gone
    assert again.logits(pairs).tolist() == scores.tolist()


def test_matrices_of_low_rank_are_merged_into_a_model_as_any_other(recipe: Recipe, tmp_path: Path) -> None:
    from relevance.finetune.loop import run  # noqa: PLC0415 - imports torch

    low = replace(recipe, options=replace(OPTIONS, lora_rank=16, learning_rate=0.05))
    stored = train(low, tmp_path, progress=False)
    model = embeddings.resolve(str(stored.path))
    assert not list(stored.path.rglob("adapter*"))
    tuned, base = (embeddings.sentence_model.load(one).transformer.state_dict() for one in (model, recipe.base))
    assert tuned.keys() == base.keys()
    moved = {name for name, value in tuned.items() if not value.equal(base[name])}
    assert moved
    assert all("weight" in name and "embeddings" not in name for name in moved)
    # an interrupted training goes on where it was
    other = tmp_path / "interrupted"
    with pytest.raises(KeyboardInterrupt):
        run(low, work_folder(other, low.sha256), progress=False, notes=[], clock=_Interrupting(18))
    assert last_step(other, low.sha256)
    assert _weights(train(low, other, progress=False).path) == _weights(stored.path)


def test_a_soup_has_the_mean_of_the_weights_of_its_parts(
    recipe: Recipe, whole: Stored, cache: Path, tmp_path: Path
) -> None:
    from relevance.finetune.loop import average  # noqa: PLC0415 - imports torch

    soup = replace(recipe, options=replace(OPTIONS, soup=2))
    stored = train(soup, cache, progress=False)
    parts = [part for one in soup.parts if (part := find_stored(cache, one.sha256)) is not None]
    assert parts[0].curve == whole.curve, "what is stored is not trained again"
    assert stored.curve.seconds > whole.curve.seconds
    assert stored.curve.steps[0] == whole.curve.steps[0]
    assert train(soup, cache, progress=False) == stored
    if stored.curve.best == 0:  # of so few pairs the mean may rank worse than the base, which is kept then
        assert _weights(stored.path) == _weights(recipe.base.path)
    # where the base ranks worse than anything the mean is kept
    worst = replace(whole.curve, steps=(replace(whole.curve.steps[0], ndcg=-1.0), *whole.curve.steps[1:]))
    models = [embeddings.resolve(str(part.path), device="cpu") for part in parts]
    assert average(soup, models, [worst, parts[1].curve], tmp_path / "work").best == 1
    made = [*models, embeddings.resolve(str(tmp_path / "work" / "best"))]
    first, second, mean = (embeddings.sentence_model.load(one).transformer.state_dict() for one in made)
    for name, value in mean.items():
        assert value.numpy() == pytest.approx((first[name] + second[name]).numpy() / 2, abs=1e-6)


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
