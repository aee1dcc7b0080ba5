"""An index that exists on a real Elasticsearch: evaluated under its own field names, nothing written."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from parity.catalogues import Case, made_batch, made_vectors

from relevance import datasets, runner
from relevance.datasets import Source
from relevance.engines.elasticsearch.client import connect
from relevance.engines.elasticsearch.engine import ElasticsearchEngine
from relevance.engines.elasticsearch.existing import look_at
from relevance.engines.elasticsearch.settings import Settings
from relevance.errors import InputError
from relevance.strategies import BASE, STRATEGIES, Strategy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from elasticsearch import Elasticsearch
    from parity.server import ReferenceServer

    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.existing import Existing

INDEX = "shop-2024"
DIMENSIONS = 16
MAPPINGS: dict[str, Any] = {
    "properties": {
        "sku": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "name": {"type": "keyword", "fields": {"words": {"type": "text"}}},
        "texts": {"properties": {"long": {"type": "text"}}},
        "details": {"properties": {"specs": {"type": "nested", "properties": {"words": {"type": "text"}}}}},
        "heading": {"type": "alias", "path": "name.words"},
        "embedding": {"type": "dense_vector", "dims": DIMENSIONS, "index_options": {"type": "flat"}},
    }
}
FIELDS = {
    "id": "sku.raw",
    "title": "name.words",
    "description": "texts.long",
    "attributes": "details.specs.words",
}
SETTINGS = Settings(index=INDEX, fields=FIELDS, vectors={"whole": "embedding"})
ON_WHOLE = [one for one in STRATEGIES.values() if set(one.vectors) <= {"whole"} and one.model == BASE]
TEXT = (STRATEGIES["textsearch"],)


@pytest.fixture(scope="module")
def case() -> Case:
    """The sample with made vectors."""
    dataset = datasets.load(Source("sample", "sample"))
    vectors = {"whole": made_vectors(dataset.catalogue, "whole", DIMENSIONS)}
    return Case(dataset.catalogue, vectors, made_batch(dataset.queries.texts, DIMENSIONS))


@pytest.fixture(scope="module")
def connection(reference: ReferenceServer) -> Iterator[Connection]:
    """To the node, as users have it."""
    with connect(Settings(reference.url)) as opened:
        yield opened


@pytest.fixture
def client(reference: ReferenceServer) -> Iterator[Elasticsearch]:
    """The node without the indices of a test before."""
    yield reference.client
    for name in reference.client.indices.get(index="shop-*", expand_wildcards="all"):
        reference.client.indices.delete(index=name)


def _documents(case: Case) -> Iterator[dict[str, Any]]:
    pairs = list(zip(case.catalogue.attributes["name"], case.catalogue.attributes["value"], strict=True))
    bounds = pairwise(case.catalogue.attribute_offsets.tolist())
    whole = case.vectors["whole"]
    for row, (start, end), at in zip(case.catalogue.products.itertuples(), bounds, whole.rows, strict=True):
        yield {
            "sku": row.id,
            "name": row.title,
            "texts": {"long": row.description},
            "details": {"specs": [{"words": f"{name} {value}"} for name, value in pairs[start:end]]},
            **({"embedding": whole.matrix[at].tolist()} if at >= 0 else {}),
        }


def _make(
    client: Elasticsearch, documents: list[dict[str, Any]], *, name: str = INDEX, shards: int = 1, **settings: Any
) -> None:
    """Index documents under a new name, as somebody else would: ids of the server's, segments as they come."""
    index = {"number_of_shards": shards, "number_of_replicas": 0, **settings}
    client.indices.create(index=name, settings={"index": index}, mappings=MAPPINGS)
    operations: list[dict[str, Any]] = [part for one in documents for part in ({"index": {}}, one)]
    answer = client.bulk(index=name, operations=operations, refresh=True)
    assert not answer["errors"], answer["items"][0]


def _look(connection: Connection, settings: Settings = SETTINGS, strategies: tuple[Strategy, ...] = TEXT) -> Existing:
    return look_at(connection, settings, strategies, {"base": DIMENSIONS})


def _everything(client: Elasticsearch) -> dict[str, Any]:
    """What a write of any kind changes: the state of the cluster, and what the indices count."""
    kept = ("indices.*.uuid", "indices.*.shards.*.seq_no", "indices.*.primaries.indexing.index_total")
    return {
        "cluster": client.cluster.state(metric="version")["version"],
        "indices": client.indices.stats(metric="docs,indexing", level="shards", filter_path=kept).body,
    }


def _open_contexts(client: Elasticsearch) -> int:
    (node,) = client.nodes.stats(metric="indices", index_metric="search")["nodes"].values()
    return int(node["indices"]["search"]["open_contexts"])


@pytest.mark.parametrize("strategy", ON_WHOLE, ids=lambda strategy: strategy.name)
def test_it_ranks_as_the_embedded_engine(
    case: Case, client: Elasticsearch, reference: ReferenceServer, strategy: Strategy
) -> None:
    """Other names, nested attributes under another path and a text that is a multi-field change no score."""
    _make(client, list(_documents(case)))
    opened = connect(Settings(reference.url))
    found = _look(opened, strategies=(strategy,))
    assert found.product_ids == case.catalogue.ids
    assert found.paths.nested == {"attributes": "details.specs"}
    engine = ElasticsearchEngine(opened, found, case.catalogue, on_close=lambda: found.changed(opened))
    expected = runner.search(case.embedded(), strategy, case.batch)
    actual = runner.search(engine, strategy, case.batch)
    engine.close()
    assert np.array_equal(expected.codes, actual.codes)
    assert np.allclose(expected.scores, actual.scores, rtol=1e-6, atol=0)
    assert list(engine.notes()) == []


def test_marks_with_spaces(case: Case, client: Elasticsearch, connection: Connection) -> None:
    """A template as other tools write it, `{{ query }}`, finds what `{{query}}` finds."""
    _make(client, list(_documents(case)))
    found, rankings = _look(connection), []
    for mark in ("{{query}}", "{{ query }}"):
        raw = Strategy("raw", template={"query": {"match": {"name.words": mark}}})
        engine = ElasticsearchEngine(connection, found, case.catalogue)
        rankings.append(runner.search(engine, raw, case.batch))
    assert (rankings[0].codes >= 0).any()
    assert np.array_equal(rankings[0].codes, rankings[1].codes)
    assert np.array_equal(rankings[0].scores, rankings[1].scores)


def test_its_identity(case: Case, client: Elasticsearch, connection: Connection) -> None:
    """Documents are products, whatever nested ones they have; all shards are seen."""
    _make(client, list(_documents(case)), shards=3, refresh_interval="5s")
    found = _look(connection, strategies=(STRATEGIES["hybrid"],))
    uuid = client.indices.get_settings(index=INDEX)[INDEX]["settings"]["index"]["uuid"]
    shards = client.indices.stats(index=INDEX, level="shards")["indices"][INDEX]["shards"].values()
    assert {name: fact for name, fact in found.facts.items() if name not in ("mapping", "fields")} == {
        "index": INDEX,
        "uuid": uuid,
        "documents": len(case.catalogue),
        "deleted": 0,
        "max_seq_no": max(copy["seq_no"]["max_seq_no"] for copies in shards for copy in copies),
        "shards": 3,
        "refresh_interval": "5s",
        "vector_index": "flat",
    }
    assert (found.shards, found.notes, found.product_ids) == (3, (), case.catalogue.ids)


def test_nothing_is_written(case: Case, client: Elasticsearch, connection: Connection) -> None:
    """Cluster state, list of indices, sequence numbers and counters of writes stay; no context is left open."""
    _make(client, list(_documents(case)), shards=2)
    client.cluster.health(wait_for_status="green", wait_for_no_initializing_shards=True)
    before = _everything(client)
    found = _look(connection, strategies=(STRATEGIES["hybrid"],))
    engine = ElasticsearchEngine(connection, found, case.catalogue, on_close=lambda: None)
    runner.search(engine, STRATEGIES["hybrid"], case.batch)
    assert found.changed(connection) is None
    assert _everything(client) == before
    assert _open_contexts(client) == 0


def test_deleted_documents(case: Case, client: Elasticsearch, connection: Connection) -> None:
    """They are counted and noted, and are still there after a force merge: what the note says of it is true."""
    documents = list(_documents(case))
    _make(client, documents)
    (hit,) = client.search(index=INDEX, query={"term": {"sku.raw": documents[0]["sku"]}})["hits"]["hits"]
    client.delete(index=INDEX, id=hit["_id"], refresh=True)
    client.indices.forcemerge(index=INDEX, max_num_segments=1)
    found = _look(connection)
    assert found.facts["documents"] == len(documents) - 1
    deleted = found.facts["deleted"]
    assert isinstance(deleted, int)
    assert deleted > 0
    assert documents[0]["sku"] not in found.product_ids
    (line,) = found.notes
    assert line == (
        f"index '{INDEX}': {deleted:,} deleted documents still count in BM25's statistics and change scores; "
        "only an index that is made anew is sure to have none"
    )


def test_writes_while_it_is_evaluated(case: Case, client: Elasticsearch, connection: Connection) -> None:
    """A new document and another index under the name are seen at the end, and that the index is gone."""
    documents = list(_documents(case))
    _make(client, documents)
    found = _look(connection)
    assert found.changed(connection) is None
    client.index(index=INDEX, document={"sku": "new"}, refresh=True)
    line = found.changed(connection)
    count, last = len(documents), len(documents) - 1
    assert line == (
        f"index '{INDEX}' changed while it was evaluated (documents {count} -> {count + 1}, "
        f"highest sequence number {last} -> {last + 1}): results may mix both states"
    )
    client.indices.delete(index=INDEX)
    gone = found.changed(connection)
    assert gone is not None
    assert gone.startswith(f"whether index '{INDEX}' changed while it was evaluated is not known: elasticsearch at ")
    _make(client, documents)
    assert "(uuid " in str(found.changed(connection))


def test_ids_of_many_pages(client: Elasticsearch, connection: Connection) -> None:
    """All are read, in order, across shards and pages; documents without an id are counted."""
    ids = [f"p-{number:04}" for number in range(1_001)]
    documents: list[dict[str, Any]] = [{"sku": one} for one in ids]
    _make(client, [*reversed(documents), {"name": "no product"}], shards=3, max_result_window=100)
    found = _look(connection)
    assert found.product_ids == tuple(ids)
    assert found.facts["documents"] == 1_002
    (line,) = found.notes
    assert line == (
        f"index '{INDEX}': 1 document has no 'sku.raw' and can be no product: "
        "a search that finds one of them fails; an alias with a filter leaves them out"
    )
    assert _open_contexts(client) == 0


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ([{"sku": "p-07"}, {"sku": "p-01"}], "more than one document has the id 'p-01', 'p-07'; allowed: an id once"),
        ([{"sku": ["x", "y"]}], "a document has 2 ids, 'x', 'y'; allowed: one a document"),
        ([{"sku": "p 1"}], "found 'p 1'; allowed: an id: one or more printable characters without white space"),
    ],
)
def test_ids_that_are_none(
    client: Elasticsearch, connection: Connection, more: list[dict[str, Any]], problem: str
) -> None:
    """Two of one id are found between two pages too; the context is let go."""
    _make(client, [{"sku": f"p-{at:02}"} for at in range(20)] + more, shards=2, max_result_window=2)
    with pytest.raises(InputError) as caught:
        _look(connection)
    assert str(caught.value) == f"index '{INDEX}', field 'sku.raw': {problem}"
    assert _open_contexts(client) == 0


def test_aliases(case: Case, client: Elasticsearch, connection: Connection) -> None:
    """One over an index is that index; one with a filter is searched itself; one over two indices is refused."""
    documents = list(_documents(case))
    _make(client, documents)
    chosen = [one["sku"] for one in documents[:5]]
    client.indices.put_alias(index=INDEX, name="shop-live")
    client.indices.put_alias(index=INDEX, name="shop-few", filter={"terms": {"sku.raw": chosen}})
    live = _look(connection, replace(SETTINGS, index="shop-live"))
    assert (live.name, live.facts["index"], live.facts["alias"], live.notes) == (INDEX, INDEX, "shop-live", ())
    assert live.product_ids == case.catalogue.ids
    few = _look(connection, replace(SETTINGS, index="shop-few"))
    assert (few.name, few.facts["index"], few.facts["documents"]) == ("shop-few", INDEX, 5)
    assert few.product_ids == tuple(sorted(chosen))
    assert few.changed(connection) is None
    _make(client, documents[:1], name="shop-2025")
    client.indices.put_alias(index="shop-2025", name="shop-live")
    with pytest.raises(InputError, match=r"'shop-live' stands for 2 indices, 'shop-202[45]', 'shop-202[45]'; allowed"):
        _look(connection, replace(SETTINGS, index="shop-live"))


def test_an_index_that_cannot_be_searched(client: Elasticsearch, connection: Connection) -> None:
    """One that is not there, with the nearest name that is, and one that is closed."""
    _make(client, [{"sku": "p1"}])
    with pytest.raises(InputError) as caught:
        _look(connection, replace(SETTINGS, index="shop-2042"))
    assert str(caught.value).startswith(
        f"--es-index: there is no index 'shop-2042' at {connection.url} (did you mean 'shop-2024'?); allowed: "
    )
    client.indices.close(index=INDEX)
    with pytest.raises(InputError) as caught:
        _look(connection)
    assert str(caught.value) == (
        f"--es-index: index '{INDEX}' at {connection.url} is closed; allowed: an index that is open"
    )


@pytest.mark.parametrize(
    ("settings", "dimensions", "message"),
    [
        (
            SETTINGS,
            384,
            f"[elasticsearch.vectors] whole = 'embedding': in index '{INDEX}' it has 16 dimensions; allowed: 384, ",
        ),
        (
            replace(SETTINGS, fields={**FIELDS, "title": "name.word"}),
            DIMENSIONS,
            f"[elasticsearch.fields] title = 'name.word': in index '{INDEX}' it is not there (did you mean 'name.words",
        ),
        (
            replace(SETTINGS, fields={"id": "sku.raw", "title": "heading"}),
            DIMENSIONS,
            "strategy 'hybrid' matches description, which [elasticsearch.fields] does not have; allowed: description",
        ),
    ],
    ids=["dimensions", "missing field", "lacking field"],
)
def test_a_wrong_field_map(
    client: Elasticsearch, connection: Connection, settings: Settings, dimensions: int, message: str
) -> None:
    """What the server's mapping says is what is checked, as it writes it."""
    _make(client, [{"sku": "p1"}])
    with pytest.raises(InputError) as caught:
        look_at(connection, settings, (STRATEGIES["hybrid"],), {"base": dimensions})
    assert str(caught.value).startswith(message)


def test_queries_and_judgments_are_enough(
    case: Case, client: Elasticsearch, reference: ReferenceServer, tmp_path: Path
) -> None:
    """Without a file of products the catalogue is the index, and rankings are judged by its ids."""
    _make(client, list(_documents(case)))
    wanted = next(row for row in case.catalogue.products.itertuples() if row.title)
    (tmp_path / "queries.tsv").write_text(f"q1\t{wanted.title}\n", encoding="utf-8")
    (tmp_path / "qrels.txt").write_text(f"q1 0 {wanted.id} 1\n", encoding="utf-8")
    opened = connect(Settings(reference.url))
    found = _look(opened)
    dataset = datasets.load_over(Source("mine", "files", tmp_path), found.product_ids)
    assert dataset.catalogue.ids == case.catalogue.ids
    engine = ElasticsearchEngine(opened, found, dataset.catalogue, on_close=lambda: None)
    ranking = runner.search(engine, STRATEGIES["textsearch"], made_batch(dataset.queries.texts, DIMENSIONS))
    engine.close()
    assert dataset.judgments.products.tolist() == [wanted.Index]
    assert wanted.Index in ranking.codes[0].tolist()
