"""The forecast on made vectors: what a map can mend is seen, and noise is not taken for a gain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.pairs import small_recipe

from relevance.finetune.forecast import Forecast, Probed, forecast
from relevance.finetune.pairs import Pair
from relevance.finetune.recipe import Recipe, Validation
from relevance.records import Judgments

D, TRAINED, ASKED = 24, 300, 40


def _recipe(folder: Path) -> Recipe:
    """Each query has one product."""
    train = tuple(Pair(f"q{at}", f"p{at}", f"t{at}") for at in range(TRAINED))
    codes = np.arange(ASKED)
    names = tuple(f"v{at:03}" for at in range(ASKED))
    judgments = Judgments(codes, codes, np.ones(ASKED, dtype=np.int64), relevant_from=1)
    validation = Validation(names, names, names, judgments, np.stack([codes, codes], axis=1))
    recipe = small_recipe(folder)
    return replace(recipe, pairs=replace(recipe.pairs, train=train), validation=validation)


def _forecast(folder: Path, *, turned: float, noise: float, seed: int = 1) -> Forecast:
    """Products are their queries, turned by the same map, and noise."""
    rng = np.random.default_rng(seed)
    turn = np.eye(D) + turned * rng.normal(size=(D, D)) / np.sqrt(D)
    queries = rng.normal(size=(TRAINED + ASKED, D))
    products = queries @ turn + noise * rng.normal(size=queries.shape)
    parts = (queries[:TRAINED], products[:TRAINED], queries[TRAINED:], products[TRAINED:])
    return forecast(_recipe(folder), Probed(*(part.astype(np.float32) for part in parts)))


def test_what_a_map_can_mend_is_forecast(tmp_path: Path) -> None:
    seen = _forecast(tmp_path, turned=3, noise=0.5)
    assert seen.base < 0.8
    assert seen.mapped > 0.9
    assert seen.gain == seen.mapped - seen.base
    assert seen.interval is not None
    assert 0 < seen.interval[0] < seen.gain < seen.interval[1]


def test_pairs_without_a_rule_forecast_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    parts = (rng.normal(size=(number, D)).astype(np.float32) for number in (TRAINED, TRAINED, ASKED, ASKED))
    seen = forecast(_recipe(tmp_path), Probed(*parts))
    assert seen.interval is not None
    assert seen.interval[0] <= 0 <= seen.interval[1]


def test_where_nothing_is_wrong_nothing_is_gained(tmp_path: Path) -> None:
    seen = _forecast(tmp_path, turned=0, noise=0.01)
    assert seen.base == 1
    assert seen.gain == 0


def test_the_length_of_vectors_says_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    parts = [rng.normal(size=(number, D)).astype(np.float32) for number in (TRAINED, TRAINED, ASKED, ASKED)]
    longer = [part * rng.uniform(1, 9, size=(len(part), 1)).astype(np.float32) for part in parts]
    one, other = (forecast(_recipe(tmp_path / str(at)), Probed(*each)) for at, each in enumerate((parts, longer)))
    assert one.mapped == pytest.approx(other.mapped, abs=1e-6)
