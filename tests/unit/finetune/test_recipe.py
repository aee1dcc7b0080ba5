from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from helpers.pairs import pair_dataset, rated_frame, small_recipe

from relevance.errors import CouldNotRunError, InputError
from relevance.finetune import Options
from relevance.finetune.pairs import SPLIT_SEED, build_pairs
from relevance.finetune.recipe import estimated_seconds, make_validation
from relevance.finetune.teacher import Teacher
from relevance.suite.finetuning import seeded

OTHER_OPTIONS = (
    Options(epochs=2),
    Options(batch_size=16),
    Options(learning_rate=1e-5),
    Options(max_tokens=32),
    Options(seed=1),
    Options(loss="hard"),
    Options(patience=2),
    Options(directions="both"),
    Options(hardness=5),
    Options(hardness=5, hardness_mode="in_batch_negatives"),
    Options(loss="hard", negatives=2),
    Options(loss="hard", relative_margin=0.1),
    Options(loss="hard", absolute_margin=0.1),
    Options(loss="cosent"),
    Options(matryoshka=(8, 4)),
    Options(soup=2),
)

DEFAULT = "61806ffd223e9efc2fcc1be2ee8c6e315d856ed65da00537b95b796b8fac048f"
"""Of the first version: models under such hashes are in users' caches."""


def test_an_option_that_came_later_leaves_the_hash_of_its_default_alone(tmp_path: Path) -> None:
    assert small_recipe(tmp_path).sha256 == DEFAULT
    assert small_recipe(tmp_path, Options(positive_from=2)).sha256 == DEFAULT  # as long as the pairs are the same


def test_rated_pairs_are_in_the_hash_of_what_is_trained_on_them_alone(tmp_path: Path) -> None:
    recipe, graded = small_recipe(tmp_path), small_recipe(tmp_path, Options(loss="cosent"))
    for each, same in ((recipe, True), (graded, False)):
        fewer = replace(each, pairs=replace(each.pairs, graded=each.pairs.graded[1:]))
        assert (fewer.sha256 == each.sha256) == same
    assert {(one.query, one.product) for one in recipe.pairs.graded} <= {
        (one.query, one.product) for one in graded.trained
    }
    assert len(recipe.trained) < len(graded.trained)


def test_a_teacher_is_in_the_hash_by_what_it_is_and_not_by_its_path(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, Options(loss="margin_mse", teacher="a"))
    first, other = (replace(recipe, teacher=cast("Teacher", SimpleNamespace(facts={"sha256": at}))) for at in "12")
    assert first.sha256 != other.sha256
    moved = replace(first, options=replace(recipe.options, teacher="b"))
    assert moved.sha256 == first.sha256


def test_a_soup_is_of_seeds_that_follow_each_other(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, Options(soup=3))
    alone = [small_recipe(tmp_path, Options(seed=seed)) for seed in (12, 13, 14)]
    assert [part.sha256 for part in recipe.parts] == [each.sha256 for each in alone]
    assert alone[0].parts == ()
    assert estimated_seconds(recipe) == pytest.approx(3 * estimated_seconds(alone[0]))


def test_seeds_of_soups_share_no_part() -> None:
    assert [options.seed for options in seeded(Options(seed=5, soup=3), 3)] == [5, 8, 11]
    assert [options.seed for options in seeded(Options(seed=5), 3)] == [5, 6, 7]


def test_matrices_of_low_rank_need_their_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as blocked:
        blocked.setitem(sys.modules, "peft", None)
        line = r"^lora_rank = 8 needs the package peft: pip install 'relevance-benchmarks\[models\]'$"
        with pytest.raises(CouldNotRunError, match=line):
            small_recipe(tmp_path, Options(lora_rank=8))
    assert small_recipe(tmp_path, Options(lora_rank=8)).sha256 != DEFAULT


def test_more_dimensions_than_the_model_has_are_one_line(tmp_path: Path) -> None:
    line = r"^matryoshka = 16, 4: the vectors of tiny have 8 dimensions; allowed: up to so many$"
    with pytest.raises(InputError, match=line):
        small_recipe(tmp_path, Options(matryoshka=(16, 4)))


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


def test_the_validation_is_the_same_whatever_is_a_positive() -> None:
    dataset, frame = pair_dataset(), rated_frame(("hoses", "x", "a hose", 2.5))
    strict, wide = (build_pairs(frame, dataset, drop_unknown=False, positive_from=at) for at in (3.0, 2.5))
    assert len(wide.train) == len(strict.train) + 1
    first, second = (make_validation(pairs, dataset.catalogue, seed=SPLIT_SEED) for pairs in (strict, wide))
    assert first.sha256 == second.sha256
