"""Legs that are answered together: exactly what each of them is on its own, ids, order and every bit of the scores."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers import shop
from hypothesis import given, settings
from hypothesis import strategies as st

from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine, engine, together
from relevance.fields import DEFAULT_FIELDS
from relevance.records import Vectors
from relevance.runner import search, search_all
from relevance.strategies import STRATEGIES, Leg

WORDS = ["red", "drill", "bit", "18", "V", "hammer", "blue", "saw", "wood"]
VECTORS = ("title", "whole")


@cache
def indexed_shop(seed: int, products: int = 100) -> tuple[EmbeddedEngine, QueryBatch]:
    """Products of few words, so that scores tie; some fields are empty, some vectors are shared, some are missing."""
    draw = np.random.default_rng(seed)

    def text(most: int) -> str:
        return " ".join(draw.choice(WORDS, size=draw.integers(most + 1)))

    ids = [f"p{number:03}" for number in range(products)]
    rows = [(uid, text(4), text(9)) for uid in ids]
    attributes = [(uid, text(1), text(2)) for uid in ids for _ in range(draw.integers(4))]
    matrix = draw.normal(size=(40, 8)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    vectors = {("base", name): Vectors(matrix, draw.integers(-1, 40, size=products)) for name in VECTORS}
    indexed = EmbeddedEngine.index(shop.catalogue(rows, attributes), text_fields=DEFAULT_FIELDS.text, vectors=vectors)
    queries = [text(5) for _ in range(12)]
    return indexed, QueryBatch(queries, {"base": matrix[draw.integers(40, size=12)]})


def legs(
    boosts: Sequence[Sequence[float]], text: Sequence[str] = tuple(DEFAULT_FIELDS.text), vectors: Sequence[str] = ()
) -> list[Leg]:
    """A leg for each row of boosts, those of the text first."""
    return [
        Leg(tuple(zip(text, row, strict=False)), tuple(zip(vectors, row[len(text) :], strict=True)), 30, "base")
        for row in boosts
    ]


def assert_same(indexed: EmbeddedEngine, asked: Sequence[Leg], batch: QueryBatch, hits: int) -> None:
    rankings = indexed.search_all(asked, batch, hits=hits)
    for leg, ranking in zip(asked, rankings, strict=True):
        alone = indexed.search(leg, batch, hits=hits)
        assert alone.codes.tolist() == ranking.codes.tolist(), leg
        assert alone.scores.tobytes() == ranking.scores.tobytes(), leg


boost = st.sampled_from([1, 2, 4, 8, 6, 3, 0.5, 0.1, 1e-6, 1_000_000, 50]) | st.floats(0.01, 300)


LISTS = [(), ("title", "attributes"), tuple(DEFAULT_FIELDS.text)]


@settings(max_examples=15)
@given(
    st.integers(0, 5),
    st.lists(st.tuples(boost, boost, boost, boost, boost), min_size=1, max_size=8),
    st.sampled_from([(text, vectors) for text in LISTS for vectors in ((), VECTORS) if text or vectors]),
    st.integers(1, 12),
)
def test_whatever_the_boosts_are(
    seed: int, boosts: list[tuple[float, ...]], fields: tuple[Sequence[str], ...], hits: int
) -> None:
    text, vectors = fields
    indexed, batch = indexed_shop(seed)
    assert_same(indexed, legs([row[: len(text) + len(vectors)] for row in boosts], text, vectors), batch, hits)


@pytest.mark.parametrize("products", [0, 1, 2, 12, 20])
def test_few_hits_are_followed_by_padding(products: int) -> None:
    indexed, batch = indexed_shop(11, products=products)
    assert_same(indexed, legs([(8, 2, 1, 3), (1, 3, 1, 50)], tuple(DEFAULT_FIELDS.text), ("whole",)), batch, 15)
    assert_same(indexed, legs([(8, 2), (1, 3)], ("title", "attributes")), batch, 15)


def test_the_references_grid_with_legs_of_another_form_between() -> None:
    indexed, batch = indexed_shop(7)
    grid = [(title, description, each) for title in (1, 2, 4, 6, 8) for description in (1, 2, 4) for each in (1, 2, 4)]
    between = [*legs([(2,)], ("title",)), *legs([(1, 1)], (), VECTORS)]
    assert_same(indexed, [*legs(grid[:20]), *between, *legs(grid[20:]), *legs(grid[:1])], batch, 10)


def test_a_score_of_zero_stays_a_hit() -> None:
    """Products that point the opposite way score 0 in every leg."""
    opposite = Vectors(np.array([[-1, 0]], dtype=np.float32), np.zeros(80, dtype=np.int64))
    products = shop.catalogue([(f"p{number:02}",) for number in range(80)])
    indexed = EmbeddedEngine.index(products, text_fields=[], vectors={("base", "title"): opposite})
    batch = QueryBatch(["any"], {"base": np.array([[1, 0]], dtype=np.float32)})
    assert_same(indexed, legs([(1,), (8,)], (), ("title",)), batch, 3)
    assert indexed.search_all(legs([(8,)], (), ("title",)), batch, hits=3)[0].codes.tolist() == [[0, 1, 2]]


def test_parts_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    indexed, batch = indexed_shop(3)
    monkeypatch.setattr(engine, "_BYTES_AT_ONCE", 1)
    monkeypatch.setattr(together, "_CELLS_AT_ONCE", 1)
    assert_same(indexed, legs([(8, 2, 1, 50), (1, 3, 1, 10)], tuple(DEFAULT_FIELDS.text), ("whole",)), batch, 5)


def test_products_that_cannot_be_among_the_best_are_not_scored_by_all_legs(monkeypatch: pytest.MonkeyPatch) -> None:
    indexed, batch = indexed_shop(5, products=400)
    ranked: list[int] = []
    rank = together._rank

    def counted(sums: np.ndarray, *rest: object) -> None:
        ranked.append(sums.shape[1] * sums.shape[2])
        rank(sums, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(together, "_rank", counted)
    indexed.search_all(legs([(8, 2, 1), (6, 2, 1)]), batch, hits=10)
    few = sum(ranked)
    ranked.clear()
    monkeypatch.setattr(together, "_SEEDS", 1_000)  # no row is wide enough to be looked through
    indexed.search_all(legs([(8, 2, 1), (6, 2, 1)]), batch, hits=10)
    assert 3 * few < sum(ranked)


def test_no_legs_and_no_queries() -> None:
    indexed, _ = indexed_shop(1)
    assert indexed.search_all([], QueryBatch(["red"]), hits=3) == []
    assert [one.codes.shape for one in indexed.search_all(legs([(1, 1, 1)]), QueryBatch([]), hits=3)] == [(0, 3)]
    nothing = indexed.search_all(legs([(1, 1, 1), (2, 1, 1)]), QueryBatch(["unknown", ""]), hits=3)
    assert [one.codes.tolist() for one in nothing] == [[[-1] * 3] * 2] * 2


def test_the_runner_answers_strategies_that_add_scores_and_fusions() -> None:
    indexed, batch = indexed_shop(2)
    asked = [STRATEGIES[name] for name in ("textsearch", "hybrid", "textsearch_boosted", "rrf")]
    asked += [replace(STRATEGIES["rrf"], window=window, k=k) for window, k in ((2, 60), (3, 1), (200, 1))]
    alone = [search(indexed, one, batch).codes.tolist() for one in asked]
    assert [one.codes.tolist() for one in search_all(indexed, asked, batch)] == alone
