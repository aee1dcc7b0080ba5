"""The embedded engine against a real Elasticsearch, and a fused strategy against its legs alone.

Nothing is asserted of times; a ratio beyond its target is marked SHORT. No side can answer from a cache of answers: the
server caches none for scored queries, the engine keeps none, and no request of a round is the same string twice (the
135 queries of Chorus are padded with spaces). Warm on both sides: the server's code and file pages, the engine's tokens
of known words and its impacts of known boosts.
"""

from collections.abc import Sequence
from statistics import median

import pytest
from helpers.tables import Show
from parity.catalogues import Case, made_batch, made_vectors
from parity.rounds import alternate, spread
from parity.server import ONE_SEGMENT, ReferenceServer, Shelf

from relevance.engines import QueryBatch
from relevance.records import Dataset
from relevance.runner import search
from relevance.strategies import STRATEGIES

pytestmark = pytest.mark.needs("data")

REQUESTS_OF_CHORUS = 2_700
DIMENSIONS = 384
ROUNDS, ROUNDS_OF_FUSION = 7, 11
TIMES_AS_MANY, TIMES_AS_LONG = 2.0, 1.15
AGAINST_SERVER = "queries a second: the embedded engine against ours on Elasticsearch, strings in, ids and scores out"
AGAINST_LEGS = "seconds: a fused strategy against its legs alone (made vectors of 384 dimensions)"


def padded(texts: Sequence[str]) -> list[str]:
    """With more spaces around each time: other strings, the same words."""
    return [texts[at % len(texts)] + " " * (at // len(texts)) for at in range(max(len(texts), REQUESTS_OF_CHORUS))]


@pytest.mark.needs("es8")
@pytest.mark.parametrize(("name", "strategy"), [("chorus", "textsearch_boosted"), ("homedepot", "textsearch")])
def test_against_the_server(
    reference: ReferenceServer, request: pytest.FixtureRequest, show: Show, name: str, strategy: str
) -> None:
    """Three fields of Chorus, one of them nested; the titles of Home Depot."""
    dataset: Dataset = request.getfixturevalue(name)
    batch = QueryBatch(padded(dataset.queries.texts))
    case = Case(dataset.catalogue, {}, batch)
    shelf = Shelf(reference, lambda _: case)
    theirs, ours = shelf.engine(name, ONE_SEGMENT), case.embedded()
    try:
        rounds = alternate(
            lambda: search(ours, STRATEGIES[strategy], batch),
            lambda: search(theirs, STRATEGIES[strategy], batch),
            rounds=ROUNDS,
        )
    finally:
        shelf.close()
    ratios = rounds.ratios()
    row = {
        "workload": f"{name}, {strategy}",
        "requests": len(batch),
        "embedded": len(batch) / median(rounds.ours),
        "Elasticsearch": len(batch) / median(rounds.theirs),
        **spread(ratios),
        f"target >= {TIMES_AS_MANY}": "met" if median(ratios) >= TIMES_AS_MANY else "SHORT",
    }
    show(AGAINST_SERVER, row)


@pytest.mark.parametrize("name", ["rrf", "rrf_multi"])
def test_fusion_against_its_legs(chorus: Dataset, show: Show, name: str) -> None:
    strategy = STRATEGIES[name]
    vectors = {field: made_vectors(chorus.catalogue, field, DIMENSIONS) for field in strategy.vectors}
    batch = made_batch(padded(chorus.queries.texts), DIMENSIONS)
    engine = Case(chorus.catalogue, vectors, batch).embedded()
    rounds = alternate(
        lambda: [engine.search(leg, batch, hits=strategy.window) for leg in strategy.legs()],
        lambda: search(engine, strategy, batch),
        rounds=ROUNDS_OF_FUSION,
    )
    ratios = rounds.ratios()
    verdict = "met" if median(ratios) <= TIMES_AS_LONG else "SHORT"
    seconds = {"fused": median(rounds.theirs), "legs": median(rounds.ours)}
    what = {"strategy": name, "queries": len(batch), **seconds}
    show(AGAINST_LEGS, {**what, **spread(ratios), f"target <= {TIMES_AS_LONG}": verdict})
