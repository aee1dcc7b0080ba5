"""The embedded engine against a real Elasticsearch, and a fused strategy against its legs alone.

Nothing is asserted of times; a ratio beyond its target is marked SHORT. No side can answer from a cache of answers: the
server caches none for scored queries, the engine keeps none, and no request of a round is the same string twice (the
135 queries of Chorus are padded with spaces). Warm on both sides: the server's code and file pages, the engine's tokens
of known words and its impacts of known boosts.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import pytest
from parity.catalogues import Case, made_batch, made_vectors
from parity.rounds import Rounds, alternate, spread
from parity.served import ONE_SEGMENT, Shelf

from relevance.engines import QueryBatch
from relevance.runner import search
from relevance.strategies import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from helpers.tables import Show
    from parity.server import ReferenceServer

    from relevance.records import Dataset

pytestmark = pytest.mark.needs("data")

REQUESTS_OF_CHORUS = 2_700
DIMENSIONS = 384
ROUNDS = 7
ROUNDS_OF_FUSION = 11
TIMES_AS_MANY = 2.0
TIMES_AS_LONG = 1.15
AGAINST_SERVER = "queries a second: the embedded engine against ours on Elasticsearch, strings in, ids and scores out"
AGAINST_LEGS = "seconds: a fused strategy against its legs alone (made vectors of 384 dimensions)"


def padded(texts: Sequence[str], count: int) -> list[str]:
    """Repeat the texts up to `count` of them, with more spaces around each time: other strings, the same words."""
    return [texts[at % len(texts)] + " " * (at // len(texts)) for at in range(count)]


def against_server(dataset: Dataset, server: ReferenceServer, strategy: str, texts: Sequence[str]) -> Rounds:
    """Time all queries as text strategy `strategy` on both sides."""
    batch = QueryBatch(texts)
    case = Case(dataset.catalogue, {}, batch)
    shelf = Shelf(server, lambda _: case)
    theirs, ours = shelf.engine(dataset.name, ONE_SEGMENT), case.embedded()
    try:
        return alternate(
            lambda: search(ours, STRATEGIES[strategy], batch),
            lambda: search(theirs, STRATEGIES[strategy], batch),
            rounds=ROUNDS,
        )
    finally:
        shelf.close()


def row(name: str, rounds: Rounds, requests: int) -> dict[str, object]:
    """Return a row of the table against the server."""
    ratios = rounds.ratios()
    return {
        "workload": name,
        "requests": requests,
        "embedded": requests / median(rounds.ours),
        "Elasticsearch": requests / median(rounds.theirs),
        **spread(ratios),
        f"target >= {TIMES_AS_MANY}": "met" if median(ratios) >= TIMES_AS_MANY else "SHORT",
    }


@pytest.mark.needs("es8")
def test_chorus_against_the_server(reference: ReferenceServer, chorus: Dataset, show: Show) -> None:
    """textsearch_boosted over three fields, one of them nested."""
    texts = padded(chorus.queries.texts, REQUESTS_OF_CHORUS)
    rounds = against_server(chorus, reference, "textsearch_boosted", texts)
    show(AGAINST_SERVER, row("Chorus, textsearch_boosted", rounds, len(texts)))


@pytest.mark.needs("es8")
def test_homedepot_against_the_server(reference: ReferenceServer, homedepot: Dataset, show: Show) -> None:
    """Textsearch over titles."""
    rounds = against_server(homedepot, reference, "textsearch", homedepot.queries.texts)
    show(AGAINST_SERVER, row("Home Depot, textsearch", rounds, len(homedepot.queries)))


@pytest.mark.parametrize("name", ["rrf", "rrf_multi"])
def test_fusion_against_its_legs(chorus: Dataset, show: Show, name: str) -> None:
    """Fusing ranks costs little beside the legs that are fused."""
    strategy = STRATEGIES[name]
    vectors = {field: made_vectors(chorus.catalogue, field, DIMENSIONS) for field in strategy.vectors}
    batch = made_batch(padded(chorus.queries.texts, REQUESTS_OF_CHORUS), DIMENSIONS)
    engine = Case(chorus.catalogue, vectors, batch).embedded()
    rounds = alternate(
        lambda: [engine.search(leg, batch, hits=strategy.window) for leg in strategy.legs()],
        lambda: search(engine, strategy, batch),
        rounds=ROUNDS_OF_FUSION,
    )
    ratios = rounds.ratios()
    verdict = "met" if median(ratios) <= TIMES_AS_LONG else "SHORT"
    seconds: dict[str, object] = {"fused": median(rounds.theirs), "legs": median(rounds.ours)}
    what: dict[str, object] = {"strategy": name, "queries": len(batch), **seconds}
    show(AGAINST_LEGS, {**what, **spread(ratios), f"target <= {TIMES_AS_LONG}": verdict})
