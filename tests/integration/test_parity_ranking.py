"""The embedded engine against a real Elasticsearch: scores and the first ten products, leg by leg."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import pytest
from parity.catalogues import CASES, Case, made_batch, made_vectors
from parity.compare import RankingDifferences, compare_rankings

from relevance.records import NO_HIT
from relevance.strategies import STRATEGIES, Leg, Strategy

if TYPE_CHECKING:
    from parity.index import ReferenceIndex
    from parity.record import Record
    from parity.server import ReferenceServer

    from relevance.engines.base import QueryBatch
    from relevance.engines.embedded import EmbeddedEngine
    from relevance.records import Dataset

DEEP = 100
Compared: TypeAlias = tuple[RankingDifferences, bool]
ODD_BOOSTS = (
    Strategy("odd_boosts", text={"title": 0.3, "description": 2.5, "attributes": 1.7}),
    Strategy("reversed_order", text={"attributes": 2, "description": 1, "title": 4}),
    Strategy("title_alone", text={"title": 1}),
    Strategy("attributes_alone", text={"attributes": 3}),
    Strategy("tiny_and_huge", text={"title": 1e-6, "description": 987_654.3, "attributes": 1}),
    Strategy("odd_hybrid", text={"title": 0.7, "attributes": 1}, vectors={"title": 0.1, "whole": 33}),
    Strategy("few_candidates", text={"title": 1}, vectors={"whole": 10}, candidates=12),
)


def _legs() -> dict[str, Leg]:
    """Every distinct leg of the built-in strategies and of some with odd boosts, under a name that says whose it is."""
    named: dict[Leg, str] = {}
    for strategy in (*STRATEGIES.values(), *ODD_BOOSTS):
        for leg in strategy.legs():
            named.setdefault(leg, f"{strategy.name} ({leg.name})" if strategy.combine == "rrf" else strategy.name)
    return {name: leg for leg, name in named.items()}


LEGS = _legs()
LEGS_OVER_TITLES = (
    "textsearch",
    "textsearch_boosted",
    "odd_boosts",
    "vectorsearch",
    "hybrid",
    "hybrid_boosted",
    "odd_hybrid",
)
VECTOR_QUERIES = 2000


def kind(leg: Leg) -> str:
    """Say what a leg searches."""
    return "hybrid" if leg.text and leg.vectors else "vectors" if leg.vectors else "text"


def compared(ours: EmbeddedEngine, theirs: ReferenceIndex, leg: Leg, batch: QueryBatch, hits: int = 10) -> Compared:
    """Ask both; text scores have to be equal to the last bit, with a vector in them within the tolerance."""
    differences = compare_rankings(theirs.search(leg, batch, hits=hits), ours.search(leg, batch, hits=hits))
    return differences, differences.close if leg.vectors else differences.equal


@pytest.mark.needs("data")
@pytest.mark.parametrize(("name", "hits"), [(name, hits) for name in LEGS for hits in (10, DEEP)])
def test_chorus_ranks_the_same(
    chorus_pair: tuple[EmbeddedEngine, ReferenceIndex], chorus_case: Case, record: Record, name: str, hits: int
) -> None:
    """All queries of Chorus get the server's scores and products, in the first ten and far below."""
    leg = LEGS[name]
    differences, passed = compared(*chorus_pair, leg, chorus_case.batch, hits)
    record(f"Chorus: {kind(leg)}", differences.figures, detail=f"{name}, {hits} hits")
    assert passed, differences


@pytest.fixture(scope="session")
def homedepot_case(homedepot: Dataset) -> Case:
    """Home Depot, which has titles only, with made vectors."""
    vectors = {name: made_vectors(homedepot.catalogue, name) for name in ("title", "whole")}
    return Case(homedepot.catalogue, vectors, made_batch(homedepot.queries.texts))


@pytest.fixture(scope="session")
def homedepot_pair(reference: ReferenceServer, homedepot_case: Case) -> tuple[EmbeddedEngine, ReferenceIndex]:
    """The embedded engine and the reference over Home Depot."""
    case = homedepot_case
    return case.embedded(), reference.index("homedepot", case.catalogue, case.vectors)


@pytest.mark.needs("data")
@pytest.mark.parametrize("name", LEGS_OVER_TITLES)
def test_homedepot_ranks_the_same(
    homedepot_pair: tuple[EmbeddedEngine, ReferenceIndex], homedepot_case: Case, record: Record, name: str
) -> None:
    """All queries of Home Depot, the first 2,000 where vectors are searched, get the server's scores and products."""
    leg = LEGS[name]
    batch = homedepot_case.batch[:VECTOR_QUERIES] if leg.vectors else homedepot_case.batch
    differences, passed = compared(*homedepot_pair, leg, batch)
    record(f"Home Depot: {kind(leg)}", differences.figures, detail=name)
    assert passed, differences


@pytest.mark.parametrize("name", CASES)
def test_made_catalogues_rank_the_same(reference: ReferenceServer, record: Record, name: str) -> None:
    """Gaps, thousands of ties, all lengths, Unicode and tiny catalogues get the server's scores and products."""
    case = CASES[name]()
    ours, theirs = case.embedded(), reference.index(name.replace(" ", "-"), case.catalogue, case.vectors)
    failed = {}
    for leg_name, leg in LEGS.items():
        differences, passed = compared(ours, theirs, leg, case.batch)
        record(f"made catalogues: {kind(leg)}", differences.figures, detail=f"{name}, {leg_name}")
        if not passed:
            failed[leg_name] = differences
    assert not failed


def test_the_comparison_sees_another_k1(reference: ReferenceServer) -> None:
    """A server whose BM25 has k1 = 1.25 is reported as different, in most scores and in some lists."""
    case, leg = CASES["gaps"](), LEGS["textsearch"]
    other = reference.index("other-k1", case.catalogue, similarity={"type": "BM25", "k1": 1.25, "b": 0.75})
    differences = compare_rankings(other.search(leg, case.batch), case.embedded().search(leg, case.batch, hits=10))
    assert differences.unequal > differences.scores / 2
    assert differences.different > 0


def test_the_comparison_sees_another_boost(reference: ReferenceServer) -> None:
    """An engine whose vector boost is off by 0.001% is reported as beyond the tolerance."""
    case, leg = CASES["seven products"](), LEGS["vectorsearch"]
    other = reference.index("other-boost", case.catalogue, case.vectors)
    ours = case.embedded().search(replace(leg, vectors=(("whole", 1.00001),)), case.batch, hits=10)
    differences = compare_rankings(other.search(leg, case.batch), ours)
    assert differences.off == differences.scores > 0


def test_release_9_scores_every_vector_inside_bool(reference: ReferenceServer) -> None:
    """Inside `bool.should` release 9 ignores `k` on a `flat` field, so that its hybrids are not those of release 8."""
    case, leg = CASES["gaps"](), LEGS["vectorsearch"]
    index = reference.index("inside-bool", case.catalogue, case.vectors)
    inside_bool = replace(index, knn_section=False).search(leg, case.batch[:5], hits=1000)
    found = (inside_bool.codes != NO_HIT).sum(axis=1)
    assert (found == 150).all() == (reference.release == "8")
