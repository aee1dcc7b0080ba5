from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.pairs import pair_dataset, rated_frame, small_recipe

from relevance.finetune import Options
from relevance.finetune.pairs import SPLIT_SEED, build_pairs
from relevance.finetune.recipe import estimated_seconds, make_validation

OTHER_OPTIONS = (
    Options(epochs=2),
    Options(batch_size=16),
    Options(learning_rate=1e-5),
    Options(max_tokens=32),
    Options(seed=1),
    Options(loss="hard"),
    Options(patience=2),
)


def test_what_makes_a_model_is_in_its_hash_and_names_and_folders_are_not(tmp_path: Path) -> None:
    recipe, dataset = small_recipe(tmp_path), pair_dataset()
    pairs = build_pairs(rated_frame(("hoses", "p03", "t", 3.0)), dataset, drop_unknown=False)
    others = [
        replace(recipe, base=replace(recipe.base, fingerprint="f2")),
        replace(recipe, base=replace(recipe.base, query_prompt="query: ")),
        replace(recipe, base=replace(recipe.base, document_prompt="passage: ")),
        replace(recipe, pairs=pairs),
        replace(recipe, validation=make_validation(recipe.pairs, dataset.catalogue, seed=1)),
        *(replace(recipe, options=options) for options in OTHER_OPTIONS),
    ]
    hashes = [recipe.sha256, *(other.sha256 for other in others)]
    assert len(set(hashes)) == len(hashes)
    renamed = replace(recipe, dataset="other", base=replace(recipe.base, name="other", path=tmp_path))
    assert renamed.sha256 == recipe.sha256 == small_recipe(tmp_path / "again").sha256


def test_the_estimate_grows_with_the_work_and_the_weights(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    seconds = estimated_seconds(recipe)
    assert estimated_seconds(replace(recipe, options=Options(epochs=4))) > seconds
    larger = replace(recipe.base, weights_bytes=10 * recipe.base.weights_bytes)
    assert estimated_seconds(replace(recipe, base=larger)) == pytest.approx(10 * seconds)


def test_validation_is_over_held_out_products_and_distractors() -> None:
    dataset = pair_dataset()
    pairs = build_pairs(rated_frame(), dataset, drop_unknown=False)
    validation, again = (make_validation(pairs, dataset.catalogue, seed=SPLIT_SEED, distractors=5) for _ in range(2))
    own = {pair.product for pair in pairs.rated}
    assert validation.sha256 == again.sha256
    assert own < set(validation.products)
    assert len(validation.products) == len(own) + 5
    positives, others = map(set, (map(tuple, half) for half in validation.pairs.reshape(2, -1, 2).tolist()))
    assert len(positives) == len(pairs.validation)
    assert positives.isdisjoint(others)
