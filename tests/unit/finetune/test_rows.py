from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from helpers.pairs import small_recipe
from hypothesis import given, settings
from hypothesis import strategies as some

from relevance.errors import InputError
from relevance.finetune import Options
from relevance.finetune.losses import LOSSES
from relevance.finetune.pairs import Pair
from relevance.finetune.recipe import Recipe
from relevance.finetune.rows import ROWS, Item, batches, graded_rows, mine, pair_rows

_NAMES = some.integers(0, 12)


@some.composite
def _rows(draw: some.DrawFn) -> tuple[list[Item], dict[str, frozenset[str]]]:
    """Rows of few queries and products, some of them with a mined negative, and which belong together."""
    pairs = draw(some.lists(some.tuples(_NAMES, _NAMES, some.none() | _NAMES), min_size=1, max_size=60))
    items = [_item(query, [product, *([] if other is None else [other])]) for query, product, other in pairs]
    related: dict[str, set[str]] = {}
    for query, product, _ in pairs:
        related.setdefault(f"q{query}", set()).add(f"p{product}")
    return items, {query: frozenset(products) for query, products in related.items()}


def _item(query: int, products: list[int]) -> Item:
    # two products share each text
    texts = frozenset({f"q{query}", *(f"t{product // 2}" for product in products)})
    return Item(texts, f"q{query}", tuple(f"p{product}" for product in products))


@settings(max_examples=25, deadline=None)
@given(_rows(), some.integers(2, 8), some.integers(0, 99))
def test_no_batch_has_a_false_negative_and_no_row_comes_twice(
    rows: tuple[list[Item], dict[str, frozenset[str]]], size: int, seed: int
) -> None:
    items, related = rows
    drawn = list(batches(items, related, size=size, seed=seed))
    for batch in drawn:
        texts = [text for row in batch for text in items[row].texts]
        assert len(texts) == len(set(texts))
        for row in batch:
            others = {product for other in batch if other != row for product in items[other].products}
            assert others.isdisjoint({*related[items[row].query], *items[row].products})
    numbers = [row for batch in drawn for row in batch]
    assert len(numbers) == len(set(numbers))
    assert 0 < len(drawn[0]) <= size
    assert all(size / 2 <= len(batch) <= size for batch in drawn[1:])


def test_rows_that_never_meet_are_all_used_in_an_order_of_the_seed() -> None:
    items = [_item(2 * number, [2 * number]) for number in range(64)]
    related = {item.query: frozenset(item.products) for item in items}
    first, again, other = (list(batches(items, related, size=16, seed=seed)) for seed in (1, 1, 2))
    assert sorted(row for batch in first for row in batch) == list(range(64))
    assert first == again != other


def _mining(cosines: dict[str, float], **options: Any) -> tuple[Recipe, Callable[..., Any]]:
    """A recipe of one query whose product is `own` and others that were trained on, and vectors of these cosines."""
    near = {f"near {at}": 0.999 - at / 1_000 for at in range(10)}
    pairs = [
        Pair("q", "own", "own"),
        *(Pair(f"of {name}", name, name.strip()) for name in (cosines | near) if name != "own"),
    ]
    given = SimpleNamespace(train=tuple(pairs), related=(Pair("q", "rated", "rated", 2.0),))
    settings = Options(
        **{"loss": "hard", **({"relative_margin": 0} if options.get("loss", "hard") == "hard" else {}), **options}
    )
    base = SimpleNamespace(query_prompt="", document_prompt="")
    recipe = SimpleNamespace(pairs=given, options=settings, base=base, teacher=None)

    def encode(texts: list[str], _prompt: str) -> np.ndarray:
        held = np.array([(cosines | near).get(text, 1.0) for text in texts])
        return np.column_stack([held, np.sqrt(1 - held**2)])

    return cast("Recipe", recipe), encode


COSINES = {"own": 0.8, "a": 0.9, "b": 0.79, "c": 0.7, "d": 0.5, "e": 0.3}


@pytest.mark.parametrize(
    ("options", "mined"),
    [
        ({}, ["b"]),
        ({"negatives": 3}, ["b", "c", "d"]),
        ({"relative_margin": 0.05}, ["c"]),  # at most 0.76
        ({"absolute_margin": 0.2, "negatives": 2}, ["d", "e"]),
        ({"absolute_margin": 0.05, "relative_margin": 0.3}, ["d"]),  # both: at most 0.56
        ({"absolute_margin": 0.4, "negatives": 2}, ["d", "e"]),  # one is so far: the farthest
    ],
)
def test_negatives_are_the_nearest_below_the_margins_behind_ten(options: dict[str, Any], mined: list[str]) -> None:
    recipe, encode = _mining(COSINES, **options)
    assert [pair.product for pair in mine(recipe, encode, recipe.options.mined)[0]] == mined
    columns = pair_rows(recipe, encode).columns
    names = ["negative"] if len(mined) == 1 else [f"negative_{at + 1}" for at in range(len(mined))]
    assert list(columns) == ["anchor", "positive", *names]
    assert [columns[name][0] for name in ("anchor", "positive", *names)] == ["q", "own", *mined]


def test_what_is_related_or_has_its_text_is_never_mined() -> None:
    # rated 2, the very text of that under another id, and the positive's own text under another id
    cosines = COSINES | {"RATED ": 0.75, "RATED": 0.75, "Own": 0.8}
    recipe, encode = _mining(cosines, negatives=3)
    assert [pair.product for pair in mine(recipe, encode, 3)[0]] == ["b", "c", "d"]
    # what has not so many products has no such negatives
    with pytest.raises(
        InputError, match=r"^negatives = 16: 15 of 19 products are not related to the query 'q'; allowed"
    ):
        mine(*_mining(cosines, negatives=16), 16)


class _Teacher:
    """Holds a product for as relevant as it is told, others for irrelevant."""

    def __init__(self, **chances: float) -> None:
        self._chances, self.asked = chances, list[tuple[str, str]]()

    def logits(self, pairs: list[tuple[str, str]]) -> np.ndarray:
        self.asked += pairs
        held = np.array([self._chances.get(text.replace(" ", "_"), 0.0625) for _, text in pairs])
        return np.log(held / (1 - held))


NEAR = {f"near_{at}": 0.96875 for at in range(9)}


@pytest.mark.parametrize(
    ("chances", "options", "mined"),
    [
        (NEAR, {}, ["near 9"]),  # nothing is skipped that the teacher looks at
        (NEAR | {"near_9": 0.875, "a": 0.5}, {}, ["near 9"]),
        (NEAR | {"near_9": 0.875, "a": 0.5}, {"absolute_margin": 0.25}, ["a"]),
        (NEAR | {"near_9": 0.875, "a": 0.5}, {"relative_margin": 0.5}, ["b"]),
        (NEAR | {"near_9": 0.96875, "b": 0.96875}, {"negatives": 2}, ["a", "c"]),
        (NEAR | {"near_9": 0.96875, "a": 0.96875, "b": 0.96875}, {}, ["c"]),  # behind those that it looks at
    ],
)
def test_what_a_teacher_holds_for_relevant_is_not_mined(
    chances: dict[str, float], options: dict[str, Any], mined: list[str]
) -> None:
    recipe, encode = _mining(COSINES, teacher="t", **options)
    cast("Any", recipe).teacher = teacher = _Teacher(own=0.9375, **chances)
    assert [pair.product for pair in mine(recipe, encode, recipe.options.mined)[0]] == mined
    depth = 10 + 2 * recipe.options.mined
    assert [text for query, text in teacher.asked if query == "q"][:3] == ["own", "near 0", "near 1"]
    assert len([query for query, _ in teacher.asked if query == "q"]) == 1 + depth


def _lesson(loss: str, **options: Any) -> dict[str, list[Any]]:
    recipe, encode = _mining(COSINES, loss=loss, teacher="t", **options)
    cast("Any", recipe).teacher = _Teacher(own=0.9375, near_0=0.75)
    return cast("dict[str, list[Any]]", dict(ROWS[LOSSES[loss].rows](recipe, encode).columns))


def test_a_teacher_scores_products_from_near_to_far() -> None:
    columns = _lesson("distill_kl", negatives=3)
    assert [column[0] for column in columns.values()][:5] == ["q", "own", "near 0", "near 3", "e"]
    assert list(columns) == ["anchor", "positive", "negative_1", "negative_2", "negative_3", "label"]
    assert columns["label"][0] == pytest.approx(np.log([15, 3, 1 / 15, 1 / 15]))
    assert _lesson("margin_mse", negatives=3)["label"][0] == pytest.approx([0.9375, 0.75, 0.0625, 0.0625])


def test_each_score_of_a_teacher_is_a_row_of_its_own() -> None:
    columns = _lesson("distill_mse", negatives=1)
    rows = list(zip(*columns.values(), strict=True))[:2]
    assert rows == [("q", "own", pytest.approx(0.9375)), ("q", "near 0", pytest.approx(0.75))]
    assert len(columns["label"]) == 2 * (len(COSINES) + 10)
    assert list(_lesson("distill_mse", negatives=0)["product"])[:2] == ["own", "a"]


def test_ranks_that_grow_never_meet() -> None:
    columns = _lesson("distill_kl", negatives=15)
    taught = [columns[f"negative_{at}"][0] for at in range(1, 16)]
    assert len(set(taught)) == 15
    with pytest.raises(InputError, match=r"^negatives = 16: 15 other products are trained on; allowed: so many$"):
        _lesson("distill_kl", negatives=16)


def test_rows_hold_all_that_must_not_meet_in_a_batch() -> None:
    recipe, encode = _mining(COSINES, negatives=2)
    item = pair_rows(recipe, encode).items[0]
    assert item == Item(frozenset({"q", "own", "b", "c"}), "q", ("own", "b", "c"))


def test_ratings_are_labels_from_0_to_1(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, Options(loss="cosent"))
    rows = graded_rows(recipe, None)
    assert list(rows.columns) == ["anchor", "product", "label"]
    assert rows.items == ()
    for query, text, label, pair in zip(*rows.columns.values(), recipe.pairs.graded, strict=True):
        assert (query, text, label) == (pair.query, pair.text, {1.0: 0.0, 3.0: 1.0}[pair.relevance])
    assert set(rows.columns["label"]) == {0.0, 1.0}


def test_every_loss_has_rows() -> None:
    assert {loss.rows for loss in LOSSES.values()} <= set(ROWS)
