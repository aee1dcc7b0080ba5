"""Recall of an approximate vector index beside an exact search."""

from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from relevance.engines import Engine, QueryBatch
from relevance.records import NO_HIT, Catalogue, Ranking, Vectors
from relevance.strategies import BASE, Leg, Strategy
from relevance.suite.neighbours import ExactNeighbours

PRODUCTS = 40
ANGLES = np.arange(PRODUCTS) * 0.02


class Approximate(Engine):
    """Gives the hits that it was made with, and counts searches."""

    version, facts = "1", MappingProxyType({"vector_index": "hnsw"})

    def __init__(self, *rows: list[int]) -> None:
        self.codes = np.array([row + [NO_HIT] * (10 - len(row)) for row in rows])
        self.legs: list[Leg] = []

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        del batch
        self.legs.append(leg)
        return Ranking(self.codes[:, :hits], np.zeros(self.codes[:, :hits].shape, dtype=np.float32))


def neighbours(angles: np.ndarray = ANGLES) -> ExactNeighbours:
    """Products on a circle, each a little further from the first."""
    ids = [f"p{number:02}" for number in range(len(angles))]
    products = pd.DataFrame({"id": ids, "title": "", "description": ""}, dtype=str)
    catalogue = Catalogue(products, pd.DataFrame({"id": [], "name": [], "value": []}, dtype=str))
    rows = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    held = Vectors(rows, np.arange(len(angles)))
    return ExactNeighbours(catalogue, {(BASE, "whole"): held, (BASE, "title"): held})


def batch(*angles: float) -> QueryBatch:
    rows = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    return QueryBatch([f"query at {angle}" for angle in angles], {BASE: rows})


VECTOR = Strategy("own", vectors={"whole": 1}, candidates=50)


def test_all_found_and_half_found() -> None:
    both = batch(0.0, 0.0)
    assert neighbours().recall(Approximate([*range(10)], [*range(10)]), VECTOR, both) == 1
    half = Approximate([*range(9, -1, -1)], [0, 1, 2, 3, 4, 30, 31, 32])
    assert neighbours().recall(half, VECTOR, both) == pytest.approx((1 + 0.5) / 2)


def test_a_product_that_is_as_near_counts() -> None:
    twins = ANGLES.copy()
    twins[10:14] = twins[9]  # five are as near as the tenth
    assert neighbours(twins).recall(Approximate([*range(9), 13]), VECTOR, batch(0.0)) == 1
    assert neighbours(twins).recall(Approximate([*range(9), 14]), VECTOR, batch(0.0)) == pytest.approx(0.9)


def test_of_each_field_by_itself_and_once() -> None:
    engine, exact = Approximate([*range(10)]), neighbours()
    several = Strategy("two", text={"title": 1}, vectors={"whole": 1, "title": 1}, combine="rrf", candidates=70)
    assert exact.recall(engine, several, batch(0.0)) == 1
    assert {leg.vectors for leg in engine.legs} == {(("whole", 1.0),), (("title", 1.0),)}
    assert all((leg.text, leg.candidates) == ((), 70) for leg in engine.legs)
    exact.recall(engine, several, batch(0.0))
    assert len(engine.legs) == 2
    assert exact.recall(engine, Strategy("text", text={"title": 1}), batch(0.0)) is None


def test_few_products() -> None:
    few = ANGLES[:4]
    assert neighbours(few).recall(Approximate([0, 1, 2]), VECTOR, batch(0.0)) == pytest.approx(0.75)
