"""What a cross-encoder is trained on, and the hash of what makes it."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.pairs import pair_dataset, rated_frame, small_recipe

from relevance.errors import InputError
from relevance.finetune import Options, RerankerOptions
from relevance.finetune.pairs import build_pairs, find_leaks
from relevance.finetune.reranker import RerankerRecipe, estimated_seconds, label_of


@pytest.fixture
def recipe(tmp_path: Path) -> RerankerRecipe:
    own = small_recipe(tmp_path)
    pairs = build_pairs(rated_frame(), pair_dataset(), drop_unknown=False)
    return RerankerRecipe(own.base, pairs, own.validation, Options(), "shop")


def test_graded_pairs_are_all_rated_ones_of_queries_that_are_not_held_out(recipe: RerankerRecipe) -> None:
    held_out = {pair.query for pair in recipe.pairs.rated}
    graded = [(pair.query, pair.relevance) for pair in recipe.pairs.graded]
    assert len(graded) == 27
    assert sum(relevance == 1.0 for _, relevance in graded) == 9
    assert not held_out & {query for query, _ in graded}


@pytest.mark.parametrize(("relevance", "label"), [(1.0, 0.0), (2.0, 0.5), (2.67, 0.835), (3.0, 1.0)])
def test_a_relevance_from_1_to_3_is_a_label_from_0_to_1(relevance: float, label: float) -> None:
    assert label_of(relevance) == pytest.approx(label)


@pytest.mark.parametrize(
    ("options", "own", "same"),
    [
        (Options(), RerankerOptions(), True),
        (Options(seed=13), RerankerOptions(), False),
        (Options(max_tokens=32), RerankerOptions(), False),
        (Options(), RerankerOptions(layers=3), False),
        (Options(), RerankerOptions(negatives=2), False),
        (Options(loss="hard"), RerankerOptions(), True),  # of the embedding model alone
    ],
)
def test_the_hash_is_of_what_decides_the_training(
    recipe: RerankerRecipe, options: Options, own: RerankerOptions, *, same: bool
) -> None:
    assert (replace(recipe, options=options, reranker=own).sha256 == recipe.sha256) is same


@pytest.mark.parametrize(
    "other", [{"query_prompt": "query: "}, {"document_prompt": "passage: "}, {"max_tokens": 16}, {"truncate_dim": 4}]
)
def test_the_hash_is_of_how_the_base_model_embeds_what_is_mined(
    recipe: RerankerRecipe, other: dict[str, object]
) -> None:
    base = replace(recipe.base, **other)  # type: ignore[arg-type] # of one of them
    assert replace(recipe, base=base).sha256 != recipe.sha256


def test_the_hash_is_not_that_of_the_embedding_model_and_changes_with_a_grade(recipe: RerankerRecipe) -> None:
    frame = rated_frame()
    frame.loc[frame["relevance"] == 1.0, "relevance"] = 2.0
    other = build_pairs(frame, pair_dataset(), drop_unknown=False)
    assert replace(recipe, pairs=replace(recipe.pairs, graded=other.graded)).sha256 != recipe.sha256


def test_of_many_pairs_whole_queries_are_drawn(recipe: RerankerRecipe) -> None:
    few = replace(recipe, reranker=RerankerOptions(pairs=12, negatives=1)).chosen
    assert len(few) == 6  # and as many negatives
    assert len({pair.query for pair in few}) == 2
    assert {*few} < {*recipe.chosen}
    assert {*recipe.chosen} == {*recipe.pairs.graded}


def test_an_evaluated_query_among_the_graded_pairs_is_a_leak(recipe: RerankerRecipe) -> None:
    leaking = replace(recipe.pairs.graded[0], query="Garden  HOSE", relevance=1.0)
    pairs = replace(recipe.pairs, graded=(*recipe.pairs.graded, leaking))
    find_leaks(recipe.trained, pair_dataset(), where="the pairs")
    with pytest.raises(InputError, match="leak in the pairs: 1 query is evaluated and trained on: 'garden hose'"):
        find_leaks(replace(recipe, pairs=pairs).trained, pair_dataset(), where="the pairs")


def test_fewer_layers_take_less_time(recipe: RerankerRecipe) -> None:
    assert estimated_seconds(replace(recipe, reranker=RerankerOptions(layers=3))) < estimated_seconds(recipe)
