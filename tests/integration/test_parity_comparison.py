"""The comparison itself: what it calls equal, close, reordered and different."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from parity.candidates import tied_at_the_last_candidate
from parity.catalogues import CASES, Case
from parity.compare import compare_rankings, different_texts

from relevance.records import NO_HIT, Catalogue, Ranking, Vectors
from relevance.strategies import BASE, STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.engines import QueryBatch
    from relevance.strategies import Leg

CODES = np.array([[7, 3, 5, NO_HIT], [1, 2, 4, 6]], dtype=np.int64)
SCORES = np.array([[3, 2, 1, -np.inf], [9, 8, 8, 7]], dtype=np.float32)


def ranking(
    codes: dict[tuple[int, int], int] | None = None, scores: dict[tuple[int, int], float] | None = None
) -> Ranking:
    """Return the example with some places changed."""
    changed_codes, changed_scores = CODES.copy(), SCORES.copy()
    for place, code in (codes or {}).items():
        changed_codes[place] = code
    for place, score in (scores or {}).items():
        changed_scores[place] = score
    return Ranking(changed_codes, changed_scores)


UP3, UP8 = (float(np.nextafter(np.float32(at), np.float32(at + 1))) for at in (3, 8))
SWAPPED = {(1, 1): 4, (1, 2): 2}


@pytest.mark.parametrize(
    ("actual", "found", "equal", "close"),
    [
        (ranking(), {}, True, True),
        (ranking(scores={(0, 0): UP3}), {"unequal": 1}, False, True),
        (ranking(scores={(1, 0): 9 * (1 + 2e-6)}), {"unequal": 1, "off": 1}, False, False),
        (ranking({(0, 2): NO_HIT}, {(0, 2): -np.inf}), {"unequal": 1, "off": 1, "different": 1}, False, False),
        (ranking({(0, 3): 8}, {(0, 3): 0.5}), {"unequal": 1, "off": 1, "different": 1}, False, False),
        (ranking(SWAPPED, {(1, 1): UP8}), {"unequal": 1, "reordered": 1}, False, True),
        (ranking(SWAPPED), {"reordered": 1, "unsorted": 1}, False, False),
        (ranking({(0, 0): 3, (0, 1): 7}), {"different": 1}, False, False),
        (ranking({(0, 0): 8}), {"different": 1}, False, False),
    ],
    ids=[
        "equal",
        "last bit of a score",
        "two millionths off",
        "a hit too few",
        "a hit too many",
        "another order within the tolerance",
        "another order of equal scores",
        "another order of unequal scores",
        "a foreign product",
    ],
)
def test_what_differs(actual: Ranking, found: dict[str, int], *, equal: bool, close: bool) -> None:
    """Scores by their bits and within the tolerance, products by their order: ties go by id, all else by score."""
    differences = compare_rankings(ranking(), actual)
    counted = ("unequal", "off", "reordered", "different", "tied", "unsorted")
    assert {name: getattr(differences, name) for name in counted if getattr(differences, name)} == found
    assert (differences.equal, differences.close) == (equal, close)
    assert (differences.queries, differences.scores) == (2, 8 if actual.codes[0, 3] != NO_HIT else 7)


def test_different_tokens_are_found() -> None:
    """The position of each text whose tokens differ is named."""
    assert different_texts([["a"], ["b", "c"], []], [["a"], ["b"], [""]]) == [1, 2]


def test_a_product_before_its_twin_is_not_close() -> None:
    """A product without an equal one of a lower code is seen, though every score agrees."""
    twins = np.array([0, 1, 2, 3, 4, 5, 6, 7, 3])
    assert compare_rankings(ranking(), ranking(), twins=twins).equal
    differences = compare_rankings(ranking(), ranking({(0, 1): 8}), twins=twins)
    assert (differences.unequal, differences.unsorted) == (0, 1)
    assert not differences.close


def test_queries_that_are_set_aside_are_counted() -> None:
    """A list that is right for another choice of candidates is no difference, and is told of."""
    other = ranking({(1, 3): 5}, {(1, 3): 6.5})
    asked: list[int] = []

    def tied(rows: Sequence[int]) -> Sequence[int]:
        asked.extend(rows)
        return rows

    differences = compare_rankings(ranking(), other, tied=tied)
    assert (differences.off, differences.different, differences.tied) == (0, 0, 1)
    assert asked == [1]
    assert differences.listed == (1,)
    assert differences.close
    assert not differences.equal


@dataclass(frozen=True)
class Choosy:
    """Ranks exactly, but takes the products with the highest codes where several tie at the last candidate."""

    case: Case

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Rank a catalogue that is turned round, and turn the answer round."""
        turned = {name: Vectors(each.matrix, each.rows[::-1]) for name, each in self.case.vectors.items()}
        products = self.case.catalogue.products.iloc[::-1]
        last = len(products) - 1
        ids = pd.Series(self.case.catalogue.ids)
        attributes = self.case.catalogue.attributes
        attributes["id"] = ids[last - attributes["product"].to_numpy()].to_numpy()
        catalogue = Catalogue(products.assign(id=list(self.case.catalogue.ids)), attributes)
        everything = Case(catalogue, turned, batch).embedded().search(leg, batch, hits=len(products))
        codes = np.where(everything.codes == NO_HIT, NO_HIT, last - everything.codes)
        order = np.lexsort((codes, -everything.scores))[:, :hits]
        return Ranking(*(np.take_along_axis(each, order, axis=1) for each in (codes, everything.scores)))


def without_the_last(ranking: Ranking) -> Ranking:
    """The lists, each with a hit less than it could have."""
    codes, scores = ranking.codes.copy(), ranking.scores.copy()
    codes[:, -1], scores[:, -1] = NO_HIT, -np.inf
    return Ranking(codes, scores)


@pytest.mark.parametrize("name", ["ties", "axes", "gaps"])
def test_another_choice_of_tied_candidates_is_recognised(name: str) -> None:
    """Lists of an engine that chooses otherwise are recognised, and no list with a wrong score or without a product."""
    case = CASES[name]()
    batch, products = case.batch[:20], len(case.catalogue)
    engine, choosy = case.embedded(), Choosy(case)
    different = 0
    for strategy in (one for one in STRATEGIES.values() if one.model == BASE):
        for leg in strategy.legs():
            expected, actual = engine.search(leg, batch, hits=10), choosy.search(leg, batch, hits=10)
            rows = np.flatnonzero((expected.codes != actual.codes).any(axis=1)).tolist()
            recognised = tied_at_the_last_candidate(engine, leg, batch, actual, products)
            assert set(rows) <= set(recognised)
            different += len(rows)
            wrong = Ranking(actual.codes, actual.scores * np.float32(1.00001))
            assert not tied_at_the_last_candidate(engine, leg, batch, wrong, products)
            assert not tied_at_the_last_candidate(engine, leg, batch, without_the_last(actual), products)
    assert (different > 0) == (name != "gaps")
