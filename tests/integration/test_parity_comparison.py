"""The comparison itself: what it calls equal, close, reordered and different."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from parity.candidates import tied_at_the_last_candidate
from parity.catalogues import CASES, Case
from parity.compare import compare_rankings, different_texts

from relevance.engines import QueryBatch
from relevance.records import NO_HIT, Catalogue, Ranking, Vectors
from relevance.strategies import BASE, STRATEGIES, Leg

CODES = np.array([[7, 3, 5, NO_HIT], [1, 2, 4, 6]], dtype=np.int64)
SCORES = np.array([[3, 2, 1, -np.inf], [9, 8, 8, 7]], dtype=np.float32)
UP3, UP8 = (float(np.nextafter(np.float32(at), np.float32(at + 1))) for at in (3, 8))


Places = Mapping[tuple[int, int], float]


def ranking(codes: Places = MappingProxyType({}), scores: Places = MappingProxyType({})) -> Ranking:
    """The example with some places changed."""
    changed_codes, changed_scores = CODES.copy(), SCORES.copy()
    for place, code in codes.items():
        changed_codes[place] = code
    for place, score in scores.items():
        changed_scores[place] = score
    return Ranking(changed_codes, changed_scores)


SWAPPED = {(1, 1): 4, (1, 2): 2}
DIFFERENT = {
    "nothing": (ranking(), {}, True, True),
    "last bit of a score": (ranking(scores={(0, 0): UP3}), {"unequal": 1}, False, True),
    "two millionths off": (ranking(scores={(1, 0): 9 * (1 + 2e-6)}), {"unequal": 1, "off": 1}, False, False),
    "a hit too few": (
        ranking({(0, 2): NO_HIT}, {(0, 2): -np.inf}),
        {"unequal": 1, "off": 1, "different": 1},
        False,
        False,
    ),
    "a hit too many": (ranking({(0, 3): 8}, {(0, 3): 0.5}), {"unequal": 1, "off": 1, "different": 1}, False, False),
    "order within the tolerance": (ranking(SWAPPED, {(1, 1): UP8}), {"unequal": 1, "reordered": 1}, False, True),
    "order of equal scores": (ranking(SWAPPED), {"reordered": 1, "unsorted": 1}, False, False),
    "order of unequal scores": (ranking({(0, 0): 3, (0, 1): 7}), {"different": 1}, False, False),
    "a foreign product": (ranking({(0, 0): 8}), {"different": 1}, False, False),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs(name: str) -> None:
    """Scores by their bits and within the tolerance, products by their order: ties go by id, all else by score."""
    actual, expected, equal, close = DIFFERENT[name]
    seen = compare_rankings(ranking(), actual)
    counted = ("unequal", "off", "reordered", "different", "tied", "unsorted")
    assert {name: getattr(seen, name) for name in counted if getattr(seen, name)} == expected
    assert (seen.equal, seen.close) == (equal, close)
    assert (seen.queries, seen.scores) == (2, 8 if actual.codes[0, 3] != NO_HIT else 7)


def test_different_tokens_are_found() -> None:
    assert different_texts([["a"], ["b", "c"], []], [["a"], ["b"], [""]]) == [1, 2]


def test_a_product_before_its_twin_is_not_close() -> None:
    """Though every score agrees."""
    twins = np.array([0, 1, 2, 3, 4, 5, 6, 7, 3])
    assert compare_rankings(ranking(), ranking(), twins=twins).equal
    seen = compare_rankings(ranking(), ranking({(0, 1): 8}), twins=twins)
    assert (seen.unequal, seen.unsorted, seen.close) == (0, 1, False)


def test_queries_that_are_set_aside_are_counted() -> None:
    asked: list[int] = []

    def tied(rows: Sequence[int]) -> Sequence[int]:
        asked.extend(rows)
        return rows

    seen = compare_rankings(ranking(), ranking({(1, 3): 5}, {(1, 3): 6.5}), tied=tied)
    assert (seen.off, seen.different, seen.tied) == (0, 0, 1)
    assert asked == list(seen.listed) == [1]
    assert (seen.close, seen.equal) == (True, False)


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
    codes, scores = ranking.codes.copy(), ranking.scores.copy()
    codes[:, -1], scores[:, -1] = NO_HIT, -np.inf
    return Ranking(codes, scores)


@pytest.mark.parametrize("name", ["ties", "axes", "gaps"])
def test_another_choice_of_tied_candidates_is_recognised(name: str) -> None:
    """And no list with a wrong score or without a product."""
    case = CASES[name]()
    batch, products = case.batch[:20], len(case.catalogue)
    engine, choosy = case.embedded(), Choosy(case)
    different = 0
    for leg in {leg for one in STRATEGIES.values() if one.model == BASE for leg in one.legs()}:
        expected, actual = engine.search(leg, batch, hits=10), choosy.search(leg, batch, hits=10)
        rows = np.flatnonzero((expected.codes != actual.codes).any(axis=1)).tolist()
        assert set(rows) <= set(tied_at_the_last_candidate(engine, leg, batch, actual, products))
        different += len(rows)
        for wrong in (Ranking(actual.codes, actual.scores * np.float32(1.00001)), without_the_last(actual)):
            assert not tied_at_the_last_candidate(engine, leg, batch, wrong, products)
    assert (different > 0) == (name != "gaps")
