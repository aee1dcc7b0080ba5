"""A cross-encoder trained by the library's own trainer from a small base model, in seconds, and what it then ranks."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from helpers import shop
from helpers.models import make_static_model
from helpers.pairs import pair_dataset, rated_frame, small_recipe, write_files

from relevance import embeddings, runner
from relevance.engines import QueryBatch, open_embedded
from relevance.errors import InputError
from relevance.finetune import Options, RerankerOptions, loop
from relevance.finetune.pairs import build_pairs
from relevance.finetune.reranker import RerankerRecipe
from relevance.finetune.store import Stored, check_stored, find_stored, train
from relevance.outside import Query
from relevance.reranking.cross_encoder import CrossReranker, Scorer, resolve_scorer
from relevance.stages import Rerank
from relevance.strategies import Strategy
from relevance.text import ProgressLines

pytestmark = pytest.mark.needs("model")

OPTIONS = Options(epochs=2, batch_size=4, learning_rate=3e-3, max_tokens=16, patience=8)


@pytest.fixture(scope="module")
def recipe(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> RerankerRecipe:
    own = small_recipe(tmp_path_factory.mktemp("recipe"))
    base = embeddings.resolve(str(tiny), query_prompt="number", device="cpu")
    pairs = build_pairs(rated_frame(), pair_dataset(), drop_unknown=False)
    return RerankerRecipe(base, pairs, own.validation, OPTIONS, "shop", reranker=RerankerOptions(layers=1))


@pytest.fixture(scope="module")
def stored(recipe: RerankerRecipe, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return train(recipe, tmp_path_factory.mktemp("cache"), progress=False)


@pytest.fixture(scope="module")
def scorer(stored: Stored) -> Scorer:
    return resolve_scorer(Rerank(str(stored.path), max_tokens=16), cache_dir=None, device="cpu")


def test_a_training_is_evaluated_twice_an_epoch_and_its_best_model_stored(
    recipe: RerankerRecipe, stored: Stored
) -> None:
    steps = stored.curve.steps
    assert steps[0].step == 0
    assert len(steps) == 5
    assert stored.curve.steps[stored.curve.best].ndcg == max(step.ndcg for step in steps)
    assert find_stored(stored.path.parents[1], recipe.sha256) is not None
    again = train(recipe, stored.path.parents[1], progress=False)
    assert again.path == stored.path  # not trained again


def test_the_record_has_every_pair_that_was_seen_and_a_changed_weight_is_found(
    recipe: RerankerRecipe, stored: Stored, tmp_path: Path
) -> None:
    checked = check_stored(stored.path, expected=recipe.sha256)
    assert checked is not None
    graded = {(pair.query, pair.product) for pair in recipe.pairs.graded}
    assert graded <= {(pair.query, pair.product) for pair in checked.trained}
    copy = Path(shutil.copytree(stored.path, tmp_path / "copy"))
    (copy / "model.safetensors").write_bytes(b"others")
    with pytest.raises(InputError, match=r"model\.safetensors is not what was published"):
        check_stored(copy, expected=recipe.sha256)


def test_it_keeps_the_first_layers_alone_and_is_a_cross_encoder_for_the_library(stored: Stored, scorer: Scorer) -> None:
    from sentence_transformers import CrossEncoder  # noqa: PLC0415 - seconds

    encoder = CrossEncoder(str(stored.path), device="cpu", local_files_only=True)
    assert encoder.num_labels == 1
    assert encoder.config.num_hidden_layers == 1
    texts = ["red lamp", "blue chair", "a much longer title of a green table"]
    reranker = CrossReranker(scorer, texts, stored.path.parents[1], batch=2, progress=False)
    ours = reranker.scores([Query("lamp number 0")], [[0, 1, 2]])[0]
    logits = encoder.predict([("lamp number 0", text) for text in texts], show_progress_bar=False)
    np.testing.assert_allclose(1 / (1 + np.exp(-np.array(ours))), logits, atol=1e-5)
    assert len(set(ours)) == 3


def test_a_strategy_ranks_by_it(stored: Stored, scorer: Scorer, tmp_path: Path) -> None:
    catalogue = shop.catalogue([("p1", "red lamp"), ("p2", "blue lamp"), ("p3", "green lamp"), ("p4", "rug")])
    strategy = Strategy("ours", text={"title": 1}, rerank={"model": str(stored.path), "depth": 2})
    assert strategy.reranking is not None
    reranker = CrossReranker(scorer, catalogue.titles, tmp_path, batch=2, progress=False)
    batch = QueryBatch(["lamp"], rerankers={strategy.reranking: reranker})
    with open_embedded(progress=False) as indexer:
        engine = indexer.index(catalogue, text_fields=("title",), vectors={}, progress=False)
        ranking = runner.search(engine, strategy, batch)
        before = runner.search(engine, replace(strategy, rerank=None), batch).codes[0].tolist()
    (scores,) = reranker.scores([Query("lamp")], [before[:2]])
    by_score = [code for _, code in sorted(zip((-score for score in scores), before[:2], strict=True))]
    assert ranking.codes[0].tolist() == [*by_score, *before[2:]]
    assert (np.diff(ranking.scores[0, :3]) < 0).all()


def test_other_models_are_refused_in_a_line(tiny: Path, stored: Stored, scorer: Scorer) -> None:
    with pytest.raises(InputError, match="an embedding model, which gives a text a vector and scores no pairs"):
        resolve_scorer(Rerank(str(tiny)), cache_dir=None, device="cpu")
    with pytest.raises(InputError, match="a cross-encoder, which scores pairs and gives no text a vector"):
        embeddings.resolve(str(stored.path))
    with pytest.raises(InputError, match=r"max_tokens 999: the model \w+ allows 64 at most"):
        resolve_scorer(Rerank(str(stored.path), max_tokens=999), cache_dir=None, device="cpu")
    assert scorer.max_tokens == 16


def test_a_session_trains_it_where_it_is_missing(tiny: Path, tmp_path: Path) -> None:
    from relevance.config.reading import read_config  # noqa: PLC0415 - of this test alone
    from relevance.suite import make_plan, prepare  # noqa: PLC0415 - likewise

    write_files(tmp_path / "data")
    (tmp_path / "relevance.toml").write_text(
        f"""
dataset = "files:{tmp_path / "data"}"
engine = "embedded"
strategy = ["ours"]
cache_dir = "{tmp_path / "cache"}"
device = "cpu"
[models.base]
path = "{tiny}"
[finetune]
epochs = 1
batch_size = 4
max_tokens = 16
[reranker]
layers = 1
[strategies.ours]
text = {{title = 1}}
rerank = {{model = "finetuned", depth = 5}}
""",
        encoding="utf-8",
    )
    config = read_config(options={}, environ={}, file=tmp_path / "relevance.toml", root=tmp_path)
    plan = make_plan(config, config.selected)
    assert plan.reranker is not None
    assert plan.reranker.stored is None
    suite = prepare(plan, progress=False)
    try:
        ranking = suite.search(config.selected[0])
    finally:
        suite.close()
    assert ranking.codes.shape[0] == 2
    again = make_plan(config, config.selected)
    assert again.reranker is not None
    assert again.reranker.stored is not None
    (trained,) = again.rerankers.values()
    assert trained is not None
    assert trained.recipe == again.reranker.recipe.sha256


def test_lists_have_shares_of_relevance_and_near_products_without_any(recipe: RerankerRecipe) -> None:
    from relevance.embeddings.sentence_model import load  # noqa: PLC0415 - imports torch
    from relevance.finetune.reranker import label_of  # noqa: PLC0415 - likewise
    from relevance.finetune.reranking import _rows  # noqa: PLC0415 - likewise

    rows = _rows(recipe, load(recipe.base).transformer, progress=False)
    graded = {(pair.query, pair.text): label_of(pair.relevance) for pair in recipe.pairs.graded}
    assert rows["query"]
    for query, texts, labels in zip(*rows.values(), strict=True):
        own = np.array([graded.get((query, text), 0.0) for text in texts])
        shares = np.exp(labels) / np.exp(labels).sum()  # the softmax that ListNet takes of labels
        np.testing.assert_allclose(shares, own / own.sum(), atol=2e-3)
        assert own.sum() > 0
        known = {text for one, text in graded if one == query}
        assert known <= set(texts)
        assert len(set(texts)) == len(texts)
        assert len(texts) <= 2 * len(known)


def test_a_base_model_that_pools_nothing_is_refused_in_a_line(
    recipe: RerankerRecipe, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("static")
    make_static_model(folder, ["lamp", "chair"])
    other = replace(recipe, base=embeddings.resolve(str(folder), device="cpu"))
    with pytest.raises(InputError, match=r"no cross-encoder can be made of it; allowed: a model of transformers"):
        train(other, tmp_path_factory.mktemp("none"), progress=False)


def test_what_the_library_says_nothing_of_has_a_bar_of_as_many_batches(
    recipe: RerankerRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = []

    class Bar(ProgressLines):
        def __enter__(self) -> Self:
            bars.append(self)
            return super().__enter__()

    monkeypatch.setattr(loop, "progress_bar", lambda total, what, unit, **_: Bar(total, what, unit, clock=lambda: 0.0))
    train(recipe, tmp_path, progress=True)
    assert {bar._what for bar in bars} == {"mining", "first hits of the validation", "evaluating"}
    assert [bar.n for bar in bars] == [bar.total for bar in bars]
