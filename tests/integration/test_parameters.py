"""Parameters of queries in search bodies: both engines find the same, with a clause and without it."""

import numpy as np
from parity.server import ReferenceServer

from relevance import datasets
from relevance.datasets import Source
from relevance.engines import QueryBatch
from relevance.engines.elasticsearch.engine import open_engine
from relevance.engines.elasticsearch.settings import Settings
from relevance.engines.embedded.searches import BodyEngine
from relevance.engines.mapping import OwnMapping
from relevance.strategies import Strategy

SEARCH = {
    "query": {
        "bool": {
            "must": {
                "multi_match": {
                    "query": "{{query}}",
                    "fields": ["product_{{params.field=title}}^{{params.boost=2}}"],
                    "type": "most_fields",
                }
            },
            "filter": [
                {"terms": {"product_uid": "{{params.products?}}"}},
                {"range": {"product_uid": {"lte": "{{params.last?}}"}}},
            ],
        }
    }
}


def test_both_engines_fill_parameters(reference: ReferenceServer) -> None:
    data = datasets.load(Source("sample", "sample"))
    some = list(data.catalogue.ids[::2])
    params = [{}, {"products": some}, {"last": some[100]}, {"products": some, "boost": 0.5}, {"field": "description"}]
    batch = QueryBatch([data.queries.texts[0]] * len(params), params=params)
    (leg,) = Strategy("own", template=SEARCH).legs()
    embedded = BodyEngine(data.catalogue, {}, OwnMapping(), release=int(reference.release), plain=None)
    with open_engine(Settings(reference.url), progress=False) as indexer:
        server = indexer.index(data.catalogue, text_fields=(), vectors={}, progress=False)
        rankings = [engine.search(leg, batch, hits=10) for engine in (server, embedded)]
    np.testing.assert_array_equal(rankings[0].codes, rankings[1].codes)
    np.testing.assert_array_equal(rankings[0].scores, rankings[1].scores)
    assert len({tuple(row) for row in rankings[0].scores.tolist()}) == len(params)
    assert {data.catalogue.ids[code] for code in rankings[0].codes[1].tolist()} <= set(some)
