"""Our Elasticsearch engine against the reference's way of asking, and each fused strategy against its legs alone.

Both ways ask one index on one server, in alternating rounds of one run, so that they differ in the asking only. Nothing
is asserted of times; a ratio beyond its target is marked SHORT. The server caches no scored query. Its vector code is
not vectorised here, so that exact vector search takes longer than on a server with its native code, for both ways.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import pytest
from elasticsearch import Elasticsearch
from helpers.tables import Show
from parity.catalogues import Case, made_batch, made_vectors
from parity.rounds import Rounds, alternate, spread
from parity.server import ReferenceServer, send_bulk
from reference_way import ReferenceWay

from relevance.engines.elasticsearch.client import connect
from relevance.engines.elasticsearch.engine import ElasticsearchEngine
from relevance.engines.elasticsearch.index import actions
from relevance.engines.elasticsearch.mapping import SearchedIndex, index_body
from relevance.engines.elasticsearch.settings import Settings
from relevance.engines.mapping import own_paths
from relevance.fields import DEFAULT_FIELDS
from relevance.records import Catalogue, Vectors
from relevance.runner import search
from relevance.strategies import BASE, STRATEGIES

pytestmark = [pytest.mark.needs("data"), pytest.mark.needs("es8")]

DIMENSIONS = 384
QUERIES = {"chorus": 135, "homedepot": 300}
ROUNDS, ROUNDS_OF_FUSION = 3, 7
TIMES_AS_MANY, TIMES_AS_LONG = 5.0, 1.15
AGAINST_REFERENCE = (
    "seconds: the reference's way of asking against ours on one index (flat, four made vectors of 384 dimensions in"
    " `_source`)"
)
AGAINST_LEGS = "seconds: a fused strategy against its legs alone on Elasticsearch (made vectors of 384 dimensions)"


def vectors_of_every_field(catalogue: Catalogue) -> dict[str, Vectors]:
    """Made vectors; a field without any text has those of the whole texts in another order."""
    vectors = {name: made_vectors(catalogue, name, DIMENSIONS) for name in DEFAULT_FIELDS.embedded}
    whole = vectors["whole"]
    for seed, (name, each) in enumerate(vectors.items()):
        if not len(each.matrix):
            order = np.random.default_rng(seed).permutation(len(whole.matrix))
            vectors[name] = Vectors(whole.matrix[order], whole.rows)
    return vectors


def make_with_vectors_in_source(client: Any, name: str, case: Case) -> SearchedIndex:
    """Index a case as ours is, one sorted segment, but for `_source`, which keeps everything."""
    paths = own_paths(case.of_base)
    body = index_body(dict.fromkeys(case.of_base, DIMENSIONS), Settings())
    del body["mappings"]["_source"]
    client.indices.create(index=name, settings=body["settings"], mappings=body["mappings"])
    send_bulk(client, name, actions(case.catalogue, case.of_base))
    client.indices.forcemerge(index=name, max_num_segments=1)
    client.indices.refresh(index=name)
    return SearchedIndex(name=name, paths=paths, shards=1, sorted_segment=True)


@pytest.fixture(scope="module", params=QUERIES)
def asked(request: pytest.FixtureRequest, reference: ReferenceServer) -> Iterator[Any]:
    """Both ways to ask an index of Chorus, then of Home Depot."""
    name: str = request.param
    dataset = request.getfixturevalue(name)
    batch = made_batch(dataset.queries.texts[: QUERIES[name]], DIMENSIONS)
    case = Case(dataset.catalogue, vectors_of_every_field(dataset.catalogue), batch)
    with connect(Settings(reference.url, timeout=300)) as connection, Elasticsearch(reference.url) as client:
        index = make_with_vectors_in_source(connection.client, f"vectors-in-source-{name}", case)
        yield name, case, ElasticsearchEngine(connection, index, case.catalogue), ReferenceWay(client, index.name)
        connection.client.indices.delete(index=index.name)


def row(data: str, strategy: str, rounds: Rounds, queries: int) -> dict[str, object]:
    """Of the table against the reference."""
    ratios = rounds.ratios()
    seconds = {"reference": median(rounds.theirs), "ours": median(rounds.ours)}
    verdict = "met" if median(ratios) >= TIMES_AS_MANY else "SHORT"
    what: dict[str, object] = {"data": data, "strategy": strategy, "queries": queries}
    return {**what, **seconds, **spread(ratios), f"target >= {TIMES_AS_MANY:g}": verdict}


def together(every: Sequence[Rounds]) -> Rounds:
    """The rounds of all strategies added up."""
    ours, theirs = zip(*((one.ours, one.theirs) for one in every), strict=True)
    return Rounds(tuple(map(sum, zip(*ours, strict=True))), tuple(map(sum, zip(*theirs, strict=True))))


def test_against_the_reference(asked: Any, show: Show) -> None:
    """The nine strategies of the base model, vectors in, ids and scores out; both ways find the same products."""
    data, case, engine, reference = asked
    every: list[Rounds] = []
    for name, strategy in STRATEGIES.items():
        if strategy.model != BASE:
            continue  # the same requests with other vectors
        if strategy.combine == "sum":
            ours = search(engine, strategy, case.batch)
            theirs = reference.run(strategy, case.batch)["product_uid"].tolist()
            assert theirs == [case.catalogue.ids[code] for code in ours.codes.ravel().tolist() if code >= 0]
        ways = partial(search, engine, strategy, case.batch), partial(reference.run, strategy, case.batch)
        every.append(alternate(*ways, rounds=ROUNDS))
        show(AGAINST_REFERENCE, row(data, name, every[-1], len(case.batch)))
    show(AGAINST_REFERENCE, row(data, "all nine", together(every), len(case.batch)))


@pytest.mark.parametrize("name", ["rrf", "rrf_multi"])
def test_fusion_against_its_legs(asked: Any, show: Show, name: str) -> None:
    data, case, engine, _ = asked
    strategy = STRATEGIES[name]
    rounds = alternate(
        lambda: [engine.search(leg, case.batch, hits=strategy.window) for leg in strategy.legs()],
        lambda: search(engine, strategy, case.batch),
        rounds=ROUNDS_OF_FUSION,
    )
    ratios = rounds.ratios()
    seconds = {"fused": median(rounds.theirs), "legs": median(rounds.ours)}
    what = {"data": data, "strategy": name, "queries": len(case.batch)}
    verdict = "met" if median(ratios) <= TIMES_AS_LONG else "SHORT"
    show(AGAINST_LEGS, {**what, **seconds, **spread(ratios), f"target <= {TIMES_AS_LONG}": verdict})
