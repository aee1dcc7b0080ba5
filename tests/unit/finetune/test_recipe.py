"""Recipes: what changes the hash, what does not, and which options are none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from helpers.pairs import made_dataset, made_frame, made_recipe, with_prompt

from relevance.finetune import Options
from relevance.finetune.pairs import SPLIT_SEED, build_pairs
from relevance.finetune.recipe import estimated_seconds, make_validation

if TYPE_CHECKING:
    from pathlib import Path


def test_what_makes_a_model_is_in_its_hash(tmp_path: Path) -> None:
    """Base weights, prompt, pairs, validation and each option change the hash; names and folders do not."""
    recipe = made_recipe(tmp_path)
    dataset = made_dataset()
    pairs = build_pairs(made_frame([("hoses", "p03", "t", 3.0)]), dataset, drop_unknown=False)
    others = [
        replace(recipe, base=replace(recipe.base, fingerprint="f2")),
        with_prompt(recipe, "query: "),
        replace(recipe, pairs=pairs),
        replace(recipe, validation=make_validation(recipe.pairs, dataset.catalogue, seed=1)),
        *(replace(recipe, options=replace(recipe.options, **change)) for change in _CHANGES),
    ]
    hashes = [recipe.sha256, *(other.sha256 for other in others)]
    assert len(set(hashes)) == len(hashes)
    renamed = replace(recipe, dataset="other", base=replace(recipe.base, name="other", path=tmp_path))
    assert renamed.sha256 == recipe.sha256 == made_recipe(tmp_path / "again").sha256


_CHANGES: tuple[dict[str, object], ...] = (
    {"epochs": 2},
    {"batch_size": 16},
    {"learning_rate": 1e-5},
    {"max_tokens": 32},
    {"seed": 1},
    {"loss": "hard"},
    {"patience": 2},
)


def test_the_estimate_grows_with_the_work(tmp_path: Path) -> None:
    """More epochs take longer, and a larger model takes longer in proportion to its weights."""
    recipe = made_recipe(tmp_path)
    seconds = estimated_seconds(recipe)
    assert estimated_seconds(replace(recipe, options=Options(epochs=4))) > seconds
    recipe.base.weights.write_bytes(b"weights" * 10)
    assert estimated_seconds(recipe) == pytest.approx(10 * seconds)


def test_validation_is_the_same_for_the_same_seed() -> None:
    """The pool holds the held-out queries' products and others; the random pairs are as many as the positives."""
    dataset = made_dataset()
    pairs = build_pairs(made_frame(), dataset, drop_unknown=False)
    made, again = (make_validation(pairs, dataset.catalogue, seed=SPLIT_SEED, distractors=5) for _ in range(2))
    own = {pair.product for pair in pairs.rated}
    assert made.sha256 == again.sha256
    assert own < set(made.products)
    assert len(made.products) == len(own) + 5
    assert len(made.pairs) == 2 * len(pairs.validation)
    positives = {tuple(row) for row in made.pairs[: len(pairs.validation)].tolist()}
    assert positives.isdisjoint({tuple(row) for row in made.pairs[len(pairs.validation) :].tolist()})
