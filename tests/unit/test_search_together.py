"""Legs that are answered together: exactly what each of them is on its own."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine, engine, together
from relevance.records import Catalogue, Vectors
from relevance.runner import search, search_all
from relevance.strategies import STRATEGIES, TEXT_FIELDS, Leg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.records import Ranking

WORDS = ["red", "drill", "bit", "18", "V", "hammer", "blue", "saw", "wood"]
VECTORS = ("title", "whole")


@cache
def shop(seed: int, products: int = 100) -> tuple[EmbeddedEngine, QueryBatch]:
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
    catalogue = Catalogue(
        pd.DataFrame(rows, columns=["id", "title", "description"], dtype=str),
        pd.DataFrame(attributes, columns=["id", "name", "value"], dtype=str),
    )
    indexed = EmbeddedEngine.index(catalogue, text_fields=TEXT_FIELDS, vectors=vectors)
    queries = [text(5) for _ in range(12)]
    return indexed, QueryBatch(queries, {"base": matrix[draw.integers(40, size=12)]})


def legs(
    boosts: Sequence[Sequence[float]], text: Sequence[str] = TEXT_FIELDS, vectors: Sequence[str] = ()
) -> list[Leg]:
    """A leg for each row of boosts, those of the text first."""
    count = len(text)
    return [
        Leg(tuple(zip(text, row[:count], strict=True)), tuple(zip(vectors, row[count:], strict=True)), 30, "base")
        for row in boosts
    ]


def assert_same(indexed: EmbeddedEngine, asked: Sequence[Leg], batch: QueryBatch, hits: int) -> None:
    """Ids, order and every bit of the scores."""
    found = indexed.search_all(asked, batch, hits=hits)
    assert len(found) == len(asked)
    for leg, ranking in zip(asked, found, strict=True):
        alone = indexed.search(leg, batch, hits=hits)
        assert alone.codes.tolist() == ranking.codes.tolist(), leg
        assert alone.scores.tobytes() == ranking.scores.tobytes(), leg


boost = st.sampled_from([1, 2, 4, 8, 6, 3, 0.5, 0.1, 1e-6, 1_000_000, 50]) | st.floats(0.01, 300)


@settings(max_examples=20)
@given(st.integers(0, 5), st.lists(st.tuples(boost, boost, boost), min_size=1, max_size=8), st.integers(1, 12))
def test_text_is_ranked_as_alone(seed: int, boosts: list[tuple[float, ...]], hits: int) -> None:
    """Whatever the boosts are, and whichever products were left out early: bit for bit the same."""
    indexed, batch = shop(seed)
    assert_same(indexed, legs(boosts), batch, hits)


@settings(max_examples=20)
@given(
    st.integers(0, 5),
    st.lists(st.tuples(boost, boost, boost, boost), min_size=1, max_size=6),
    st.sampled_from([(), ("title", "attributes")]),
    st.integers(1, 12),
)
def test_vectors_are_ranked_as_alone(
    seed: int,
    boosts: list[tuple[float, ...]],
    text: tuple[str, ...],
    hits: int,
) -> None:
    """Vector clauses keep their candidates, with text beside them or without."""
    indexed, batch = shop(seed)
    assert_same(indexed, legs([row[2 - len(text) :] for row in boosts], text, VECTORS), batch, hits)


@pytest.mark.parametrize("products", [0, 1, 2, 12, 20])
def test_few_hits_are_followed_by_padding(products: int) -> None:
    """Rows with fewer hits than are kept."""
    indexed, batch = shop(11, products=products)
    assert_same(indexed, legs([(8, 2, 1, 3), (1, 3, 1, 50)], TEXT_FIELDS, ("whole",)), batch, 15)
    assert_same(indexed, legs([(8, 2), (1, 3)], ("title", "attributes")), batch, 15)


def test_the_references_grid_is_ranked_as_alone() -> None:
    """All 45 combinations of the text grid, asked with legs of another form between them, in the order asked."""
    indexed, batch = shop(7)
    grid = [(title, description, each) for title in (1, 2, 4, 6, 8) for description in (1, 2, 4) for each in (1, 2, 4)]
    mixed = [
        *legs(grid[:20]),
        *legs([(2,)], ("title",)),
        *legs(grid[20:]),
        *legs([(1, 1)], (), VECTORS),
        *legs(grid[:1]),
    ]
    assert_same(indexed, mixed, batch, 10)


def test_a_score_of_zero_stays_a_hit() -> None:
    """Products that point the opposite way score 0 in every leg, and are found."""
    opposite = Vectors(np.array([[-1, 0]], dtype=np.float32), np.zeros(80, dtype=np.int64))
    rows = pd.DataFrame({"id": [f"p{number:02}" for number in range(80)], "title": "", "description": ""})
    none = pd.DataFrame({"id": [], "name": [], "value": []}, dtype=str)
    indexed = EmbeddedEngine.index(Catalogue(rows, none), text_fields=[], vectors={("base", "title"): opposite})
    batch = QueryBatch(["any"], {"base": np.array([[1, 0]], dtype=np.float32)})
    assert_same(indexed, legs([(1,), (8,)], (), ("title",)), batch, 3)
    assert indexed.search_all(legs([(8,)], (), ("title",)), batch, hits=3)[0].codes.tolist() == [[0, 1, 2]]


def test_parts_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One query at a time, one row at a time: the same."""
    indexed, batch = shop(3)
    monkeypatch.setattr(engine, "_BYTES_AT_ONCE", 1)
    monkeypatch.setattr(together, "_CELLS_AT_ONCE", 1)
    assert_same(indexed, legs([(8, 2, 1, 50), (1, 3, 1, 10)], TEXT_FIELDS, ("whole",)), batch, 5)


def test_products_that_cannot_be_among_the_best_are_left_out() -> None:
    """Of 400 products with hits, few are scored by all legs; without that the work would be for nothing."""
    indexed, batch = shop(5, products=400)
    ranked: list[int] = []
    rank = together._rank

    def counted(sums: np.ndarray, *rest: object) -> None:
        ranked.append(sums.shape[1] * sums.shape[2])
        rank(sums, *rest)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(together, "_rank", counted)
        indexed.search_all(legs([(8, 2, 1), (6, 2, 1)]), batch, hits=10)
        few, _ = sum(ranked), ranked.clear()
        patch.setattr(together, "_SEEDS", 1_000)  # no row is wide enough to be looked through
        indexed.search_all(legs([(8, 2, 1), (6, 2, 1)]), batch, hits=10)
    assert 3 * few < sum(ranked)


def test_no_legs_and_no_queries() -> None:
    """Nothing is asked, nothing is answered."""
    indexed, _ = shop(1)
    assert indexed.search_all([], QueryBatch(["red"]), hits=3) == []
    assert [one.codes.shape for one in indexed.search_all(legs([(1, 1, 1)]), QueryBatch([]), hits=3)] == [(0, 3)]
    nothing = indexed.search_all(legs([(1, 1, 1), (2, 1, 1)]), QueryBatch(["unknown", ""]), hits=3)
    assert [one.codes.tolist() for one in nothing] == [[[-1] * 3] * 2] * 2


def test_strategies_that_add_scores() -> None:
    """The runner answers strategies as on their own, and refuses to fuse ranks here."""
    indexed, batch = shop(2)
    asked = [STRATEGIES["textsearch"], STRATEGIES["hybrid"], STRATEGIES["textsearch_boosted"]]
    found: Sequence[Ranking] = search_all(indexed, asked, batch)
    alone = [search(indexed, one, batch) for one in asked]
    assert [one.codes.tolist() for one in found] == [one.codes.tolist() for one in alone]
    with pytest.raises(ValueError, match="add scores"):
        search_all(indexed, [STRATEGIES["rrf"]], batch)
