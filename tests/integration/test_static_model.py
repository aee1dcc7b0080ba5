"""The distillation of a static embedding from a small model, in seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.pairs import TITLES, small_recipe

from relevance import embeddings
from relevance.embeddings import Encoder
from relevance.finetune.distillation import Distillation
from relevance.finetune.store import RECORD, Stored, check_stored, find_stored, train

pytestmark = pytest.mark.needs("model")


@pytest.fixture(scope="module")
def recipe(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Distillation:
    teacher, cache = embeddings.resolve(str(tiny), device="cpu"), tmp_path_factory.mktemp("cache")
    trained = replace(small_recipe(tmp_path_factory.mktemp("recipe")), base=teacher)
    return Distillation(
        teacher, trained.sha256, tuple(sorted(TITLES)), trained.pairs, trained.validation, 1, "shop", cache
    )


@pytest.fixture(scope="module")
def stored(recipe: Distillation) -> Stored:
    return train(recipe, recipe.cache_dir, progress=False)


def test_it_learns_the_vectors_of_its_teacher(recipe: Distillation, stored: Stored) -> None:
    first, texts, pairs = stored.curve.steps
    assert (first.step, first.loss) == (0, None)
    assert texts.loss is not None
    assert pairs.step > texts.step > 0
    assert stored.curve.steps[stored.curve.best].ndcg == max(step.ndcg for step in stored.curve.steps)
    model = embeddings.resolve(str(stored.path), cache_dir=recipe.cache_dir)
    assert (model.max_tokens, model.dimensions, model.query_prompt) == (None, recipe.base.dimensions, "")
    encoder = Encoder(model, recipe.cache_dir, progress=False)
    vectors = encoder.products(TITLES, label="x").expanded()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    turned = encoder.queries([" ".join(reversed(TITLES[0].split()))]).expanded()
    np.testing.assert_allclose(vectors[:1], turned, atol=1e-6)  # the mean of its tokens, in whatever order


def test_it_is_stored_by_the_hash_of_what_made_it(recipe: Distillation, stored: Stored) -> None:
    assert (found := find_stored(recipe.cache_dir, recipe.sha256)) is not None
    assert found.trained == recipe.trained
    assert {(pair.query, pair.product) for pair in recipe.positives} <= {
        (one.query, one.product) for one in found.trained
    }
    assert not list(stored.path.rglob("*.bin"))
    record = json.loads((stored.path / RECORD).read_text())
    assert record["ingredients"]["distilled_from"] == recipe.teacher
    assert check_stored(stored.path, expected=recipe.sha256) is not None
    for change in ({"seed": 2}, {"teacher": "other"}, {"texts": recipe.texts[1:]}):
        assert replace(recipe, **change).sha256 != recipe.sha256


def test_the_same_recipe_gives_the_same_model(recipe: Distillation, stored: Stored, tmp_path: Path) -> None:
    again = train(recipe, tmp_path, progress=False)
    assert (again.path / "model.safetensors").read_bytes() == (stored.path / "model.safetensors").read_bytes()
