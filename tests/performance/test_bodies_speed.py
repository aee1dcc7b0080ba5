"""Search bodies on the embedded engine against a real Elasticsearch: the bodies of public projects over Chorus.

Strings in, ids and scores out: the embedded engine plans the template or reads it for each query, rewrites and scores,
the server is asked by `_msearch` of 200. Every round asks queries that no other round has, so that neither side can
answer from memory; the embedded engine knows the terms that it has scored before, as the server's file pages are warm.
Nothing is asserted of times.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from chorus_shop import DIMENSIONS, MAPPING, documents, queries
from helpers.tables import Show
from parity.bodies import BodyPair, both, filled, without_params
from parity.search_bodies import BODIES
from parity.server import ReferenceServer
from parity.texts import seeded

from relevance import bodies
from relevance.records import Dataset

pytestmark = [pytest.mark.needs("es8"), pytest.mark.needs("data")]

A_ROUND, AT_ONCE = int(os.environ.get("RELEVANCE_QUERIES_A_ROUND", "200")), 200
ROUNDS = 3
TIMES_AS_MANY, AT_LEAST = 3.0, 1.0
TITLE = "queries a second: search bodies over Chorus, embedded against `_msearch` by 200 (the best of the rounds)"
ALL = "the bodies together: times as many queries a second"
RATIOS: dict[str, float] = {}


@pytest.fixture(scope="module")
def shop(reference: ReferenceServer, shared_data: Path) -> Iterator[BodyPair]:
    with both(reference, "bodies-speed", MAPPING, documents(shared_data / "chorus", seeded(1))) as pair:
        yield pair


@pytest.fixture(scope="module")
def rounds(chorus: Dataset) -> list[list[tuple[str, Any]]]:
    """Queries and vectors of each round; the first one warms up."""
    titles = chorus.catalogue.products["title"].tolist()
    texts = queries(list(chorus.queries.texts), titles, seeded(2), A_ROUND * (ROUNDS + 1))
    vectors = np.random.default_rng(6).standard_normal((len(texts), DIMENSIONS)).round(4).tolist()
    pairs = list(zip(texts, vectors, strict=True))
    return [pairs[start : start + A_ROUND] for start in range(0, len(pairs), A_ROUND)]


@contextmanager
def timed(taken: list[float]) -> Iterator[None]:
    start = perf_counter()
    yield
    taken.append(perf_counter() - start)


def embedded(pair: BodyPair, body: Any) -> Callable[[Any], Any]:
    template = bodies.prepare(without_params(body))

    def search(asked: list[tuple[str, Any]]) -> Any:
        answers = pair.index.ask(template, ((text, vector, {}) for text, vector in asked), hits=10)
        return [([pair.ids[code] for code in answer.codes.tolist()], answer.scores.tolist()) for answer in answers]

    return search


def elasticsearch(pair: BodyPair, body: Any) -> Callable[[Any], Any]:
    def search(asked: list[tuple[str, Any]]) -> Any:
        found: list[Any] = []
        for start in range(0, len(asked), AT_ONCE):
            searches: list[Any] = []
            for text, vector in asked[start : start + AT_ONCE]:
                searches += [{}, {**filled(body, text, vector), "size": 10, "_source": False}]
            answers = pair.server.client.msearch(index=pair.name, searches=searches)["responses"]
            hits = (answer["hits"]["hits"] for answer in answers)
            found += [([hit["_id"] for hit in each], [hit["_score"] for hit in each]) for each in hits]
        return found

    return search


@pytest.mark.parametrize("name", BODIES)
def test_against_the_server(shop: BodyPair, rounds: list[Any], show: Show, name: str) -> None:
    body = BODIES[name]["body"]
    ours, theirs = embedded(shop, body), elasticsearch(shop, body)
    times: dict[Any, list[float]] = {ours: [], theirs: []}
    for number, asked in enumerate(rounds):
        found = []
        for side in (ours, theirs) if number % 2 else (theirs, ours):
            with timed(times[side]):
                found.append(side(asked))
        same = [one[0] == other[0] for one, other in zip(*found, strict=True)]
        assert np.mean(same) > 0.9, "both answer the same searches"  # vectors differ in their last bits
    best = {side: min(taken[1:]) for side, taken in times.items()}
    ratio = RATIOS[name] = best[theirs] / best[ours]
    row = {
        "body": name,
        "queries": len(rounds[0]),
        "embedded": len(rounds[0]) / best[ours],
        "Elasticsearch": len(rounds[0]) / best[theirs],
        "ratio": ratio,
    }
    show(TITLE, row)


def test_together(show: Show) -> None:
    if not RATIOS:
        pytest.skip("no body was timed")
    middle, least = median(RATIOS.values()), min(RATIOS, key=lambda name: RATIOS[name])
    below = sum(ratio < AT_LEAST for ratio in RATIOS.values())
    row = {
        "bodies": len(RATIOS),
        "median": middle,
        f"target >= {TIMES_AS_MANY:g}": "met" if middle >= TIMES_AS_MANY else "SHORT",
        "slowest": least,
        "its ratio": RATIOS[least],
        f"below {AT_LEAST:g}": below,
    }
    show(ALL, row)
