"""An index that exists on a real Elasticsearch: evaluated under its own field names, nothing written."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parity.catalogues import Case, made_batch, made_vectors
from parity.server import ReferenceServer

from relevance import datasets, runner
from relevance.datasets import Source
from relevance.engines.elasticsearch.client import connect
from relevance.engines.elasticsearch.engine import ElasticsearchEngine
from relevance.engines.elasticsearch.existing import Existing, look_at
from relevance.engines.elasticsearch.settings import Settings
from relevance.errors import InputError
from relevance.strategies import BASE, STRATEGIES, Strategy

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
TEXT, HYBRID = STRATEGIES["textsearch"], STRATEGIES["hybrid"]


@pytest.fixture(scope="module")
def case() -> Case:
    """The sample with made vectors."""
    dataset = datasets.load(Source("sample", "sample"))
    vectors = {"whole": made_vectors(dataset.catalogue, "whole", DIMENSIONS)}
    return Case(dataset.catalogue, vectors, made_batch(dataset.queries.texts, DIMENSIONS))


@pytest.fixture(scope="module")
def connection(reference: ReferenceServer) -> Iterator[Any]:
    with connect(Settings(reference.url)) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(connection: Any) -> Any:
    return connection.client


@pytest.fixture(autouse=True)
def _cleaned(client: Any) -> Iterator[None]:
    yield
    for name in client.indices.get(index="shop-*", expand_wildcards="all"):
        client.indices.delete(index=name)


@pytest.fixture(scope="module")
def documents(case: Case) -> list[dict[str, Any]]:
    pairs = list(zip(case.catalogue.attributes["name"], case.catalogue.attributes["value"], strict=True))
    bounds = pairwise(case.catalogue.attribute_offsets.tolist())
    whole = case.vectors["whole"]
    return [
        {
            "sku": row.id,
            "name": row.title,
            "texts": {"long": row.description},
            "details": {"specs": [{"words": f"{name} {value}"} for name, value in pairs[start:end]]},
            **({"embedding": whole.matrix[at].tolist()} if at >= 0 else {}),
        }
        for row, (start, end), at in zip(case.catalogue.products.itertuples(), bounds, whole.rows, strict=True)
    ]


def make(client: Any, documents: list[dict[str, Any]], *, name: str = INDEX, shards: int = 1, **settings: Any) -> None:
    """Index documents under a new name, as somebody else would: ids of the server's, segments as they come."""
    index = {"number_of_shards": shards, "number_of_replicas": 0, **settings}
    client.indices.create(index=name, settings={"index": index}, mappings=MAPPINGS)
    operations = [part for one in documents for part in ({"index": {}}, one)]
    answer = client.bulk(index=name, operations=operations, refresh=True)
    assert not answer["errors"], answer["items"][0]


def look(connection: Any, settings: Settings = SETTINGS, *strategies: Strategy) -> Existing:
    return look_at(connection, settings, strategies or (TEXT,), {"base": DIMENSIONS})


def what_writes_change(client: Any) -> Any:
    """The state of the cluster, and what the indices count."""
    kept = ("indices.*.uuid", "indices.*.shards.*.seq_no", "indices.*.primaries.indexing.index_total")
    stats = client.indices.stats(metric="docs,indexing", level="shards", filter_path=kept)
    return client.cluster.state(metric="version")["version"], stats.body


def open_contexts(client: Any) -> int:
    (node,) = client.nodes.stats(metric="indices", index_metric="search")["nodes"].values()
    return int(node["indices"]["search"]["open_contexts"])


def test_it_ranks_as_the_embedded_engine(case: Case, client: Any, connection: Any, documents: Any) -> None:
    """Other names, nested attributes under another path and a text that is a multi-field change no score."""
    make(client, documents)
    embedded = case.embedded()
    for strategy in ON_WHOLE:
        found = look(connection, SETTINGS, strategy)
        assert found.product_ids == case.catalogue.ids
        assert found.paths.nested == {"attributes": "details.specs"}
        engine = ElasticsearchEngine(connection, found, case.catalogue)
        expected, actual = (runner.search(one, strategy, case.batch) for one in (embedded, engine))
        assert np.array_equal(expected.codes, actual.codes), strategy.name
        assert np.allclose(expected.scores, actual.scores, rtol=1e-6, atol=0), strategy.name
        assert found.changed(connection) is None
        assert list(engine.notes()) == []


def test_a_mark_with_spaces_finds_what_it_finds_without(
    case: Case, client: Any, connection: Any, documents: Any
) -> None:
    make(client, documents)
    engine = ElasticsearchEngine(connection, look(connection), case.catalogue)
    plain, spaced = (
        runner.search(engine, Strategy("raw", template={"query": {"match": {"name.words": mark}}}), case.batch)
        for mark in ("{{query}}", "{{ query }}")
    )
    assert (plain.codes >= 0).any()
    assert np.array_equal(plain.codes, spaced.codes)
    assert np.array_equal(plain.scores, spaced.scores)


def test_nothing_is_written_and_all_shards_are_seen(case: Case, client: Any, connection: Any, documents: Any) -> None:
    """Documents are products, whatever nested ones they have; no context is left open."""
    make(client, documents, shards=3, refresh_interval="5s")
    client.cluster.health(wait_for_status="green", wait_for_no_initializing_shards=True)
    before = what_writes_change(client)
    found = look(connection, SETTINGS, HYBRID)
    runner.search(ElasticsearchEngine(connection, found, case.catalogue), HYBRID, case.batch)
    assert found.changed(connection) is None
    assert what_writes_change(client) == before
    assert open_contexts(client) == 0
    uuid = client.indices.get_settings(index=INDEX)[INDEX]["settings"]["index"]["uuid"]
    shards = client.indices.stats(index=INDEX, level="shards")["indices"][INDEX]["shards"].values()
    assert {name: fact for name, fact in found.facts.items() if name not in ("mapping", "body", "fields")} == {
        "index": INDEX,
        "uuid": uuid,
        "documents": len(case.catalogue),
        "deleted": 0,
        "max_seq_no": max(copy["seq_no"]["max_seq_no"] for copies in shards for copy in copies),
        "shards": 3,
        "search_type": "query_then_fetch",
        "refresh_interval": "5s",
        "vector_index": "flat",
    }
    assert (found.shards, found.notes, found.product_ids) == (3, (), case.catalogue.ids)


def test_deleted_documents_are_noted_and_outlive_a_force_merge(client: Any, connection: Any, documents: Any) -> None:
    make(client, documents)
    (hit,) = client.search(index=INDEX, query={"term": {"sku.raw": documents[0]["sku"]}})["hits"]["hits"]
    client.delete(index=INDEX, id=hit["_id"], refresh=True)
    client.indices.forcemerge(index=INDEX, max_num_segments=1)
    found = look(connection)
    assert found.facts["documents"] == len(documents) - 1
    assert documents[0]["sku"] not in found.product_ids
    deleted = found.facts["deleted"]
    assert deleted > 0
    (note,) = found.notes
    assert note == (
        f"index '{INDEX}': {deleted:,} deleted documents still count in BM25's statistics and change scores; "
        "only an index that is made anew is sure to have none"
    )


def test_writes_while_it_is_evaluated_are_seen(client: Any, connection: Any) -> None:
    make(client, [{"sku": "p1"}])
    found = look(connection)
    assert found.changed(connection) is None
    client.index(index=INDEX, document={"sku": "new"}, refresh=True)
    assert found.changed(connection) == (
        f"index '{INDEX}' changed while it was evaluated (documents 1 -> 2, highest sequence number 0 -> 1): "
        "results may mix both states"
    )
    client.indices.delete(index=INDEX)
    gone = f"whether index '{INDEX}' changed while it was evaluated is not known: elasticsearch at "
    assert str(found.changed(connection)).startswith(gone)
    make(client, [{"sku": "p1"}])
    assert "(uuid " in str(found.changed(connection))


# ids


def test_ids_of_many_pages_and_shards_are_read_in_order(client: Any, connection: Any) -> None:
    ids = [f"p-{number:04}" for number in range(1_001)]
    products: list[dict[str, Any]] = [{"sku": one} for one in ids]
    make(client, [*reversed(products), {"name": "no product"}], shards=3, max_result_window=100)
    found = look(connection)
    assert found.product_ids == tuple(ids)
    assert found.facts["documents"] == 1_002
    (note,) = found.notes
    assert note == (
        f"index '{INDEX}': 1 document has no 'sku.raw' and can be no product: "
        "a search that finds one of them fails; an alias with a filter leaves them out"
    )
    assert open_contexts(client) == 0


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ([{"sku": "p-07"}, {"sku": "p-01"}], "more than one document has the id 'p-01', 'p-07'; allowed: an id once"),
        ([{"sku": ["x", "y"]}], "a document has 2 ids, 'x', 'y'; allowed: one a document"),
        ([{"sku": "p 1"}], "found 'p 1'; allowed: an id: one or more printable characters without white space"),
    ],
)
def test_ids_that_are_none_are_found_between_two_pages_too(
    client: Any, connection: Any, more: list[dict[str, Any]], problem: str
) -> None:
    make(client, [{"sku": f"p-{at:02}"} for at in range(20)] + more, shards=2, max_result_window=2)
    with pytest.raises(InputError) as caught:
        look(connection)
    assert str(caught.value) == f"index '{INDEX}', field 'sku.raw': {problem}"
    assert open_contexts(client) == 0


def test_products_whose_id_is_only_the_servers_are_ranked_alike(
    case: Case, client: Any, connection: Any, documents: Any
) -> None:
    """It cannot be sorted by: ties at the end of a list are fetched whole, which a note says."""
    client.indices.create(index=INDEX, mappings=MAPPINGS)
    operations = [part for one in documents for part in ({"index": {"_id": one["sku"]}}, {**one, "sku": None})]
    assert not client.bulk(index=INDEX, operations=operations, refresh=True)["errors"]
    found = look(connection, replace(SETTINGS, fields={**FIELDS, "id": "_id"}))
    assert found.product_ids == case.catalogue.ids
    assert ["cannot sort by '_id'" in note for note in found.notes] == [True]
    engine = ElasticsearchEngine(connection, found, case.catalogue)
    expected, actual = (runner.search(one, TEXT, case.batch) for one in (case.embedded(), engine))
    assert np.array_equal(expected.codes, actual.codes)
    assert np.array_equal(expected.scores, actual.scores)


# names and fields


def test_an_alias_is_its_index_or_searched_itself_or_refused(
    case: Case, client: Any, connection: Any, documents: Any
) -> None:
    make(client, documents)
    chosen = [one["sku"] for one in documents[:5]]
    client.indices.put_alias(index=INDEX, name="shop-live")
    client.indices.put_alias(index=INDEX, name="shop-few", filter={"terms": {"sku.raw": chosen}})
    live = look(connection, replace(SETTINGS, index="shop-live"))
    assert (live.name, live.facts["index"], live.facts["alias"], live.notes) == (INDEX, INDEX, "shop-live", ())
    assert live.product_ids == case.catalogue.ids
    few = look(connection, replace(SETTINGS, index="shop-few"))
    assert (few.name, few.facts["index"], few.facts["documents"]) == ("shop-few", INDEX, 5)
    assert few.product_ids == tuple(sorted(chosen))
    assert few.changed(connection) is None
    make(client, documents[:1], name="shop-2025")
    client.indices.put_alias(index="shop-2025", name="shop-live")
    with pytest.raises(InputError, match=r"'shop-live' stands for 2 indices, 'shop-202[45]', 'shop-202[45]'; allowed"):
        look(connection, replace(SETTINGS, index="shop-live"))


TITLES = {"id": "sku.raw", "title": "heading"}
REFUSED = {
    "a name that is near": (
        replace(SETTINGS, index="shop-2042"),
        "--es-index: there is no index 'shop-2042' at {url} (did you mean 'shop-2024'?); allowed: ",
    ),
    "dimensions": (
        replace(SETTINGS, vectors={"whole": "other"}),
        f"[elasticsearch.vectors] whole = 'other': in index '{INDEX}' it has 8 dimensions; allowed: {DIMENSIONS}, ",
    ),
    "missing field": (
        replace(SETTINGS, fields={**FIELDS, "title": "name.word"}),
        f"[elasticsearch.fields] title = 'name.word': in index '{INDEX}' it is not there (did you mean 'name.words",
    ),
    "lacking field": (
        replace(SETTINGS, fields=TITLES),
        "strategy 'hybrid' matches description, which [elasticsearch.fields] does not have; allowed: description",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_name_or_field_map_is_refused(client: Any, connection: Any, name: str) -> None:
    make(client, [{"sku": "p1"}])
    other = {"type": "dense_vector", "dims": 8, "index_options": {"type": "flat"}}
    client.indices.put_mapping(index=INDEX, properties={"other": other})
    settings, message = REFUSED[name]
    with pytest.raises(InputError) as caught:
        look(connection, settings, HYBRID)
    assert str(caught.value).startswith(message.format(url=connection.url))


def test_a_closed_index_is_refused(client: Any, connection: Any) -> None:
    make(client, [{"sku": "p1"}])
    client.indices.close(index=INDEX)
    with pytest.raises(InputError, match=rf"^--es-index: index '{INDEX}' at {connection.url} is closed; allowed: an"):
        look(connection)


def test_queries_and_judgments_are_enough(
    case: Case, client: Any, connection: Any, documents: Any, tmp_path: Path
) -> None:
    """Without a file of products the catalogue is the index, and rankings are judged by its ids."""
    make(client, documents)
    wanted = next(row for row in case.catalogue.products.itertuples() if row.title)
    (tmp_path / "queries.tsv").write_text(f"q1\t{wanted.title}\n", encoding="utf-8")
    (tmp_path / "qrels.txt").write_text(f"q1 0 {wanted.id} 1\n", encoding="utf-8")
    found = look(connection)
    dataset = datasets.load_over(Source("mine", "files", tmp_path), found.product_ids)
    assert dataset.catalogue.ids == case.catalogue.ids
    engine = ElasticsearchEngine(connection, found, dataset.catalogue)
    ranking = runner.search(engine, TEXT, made_batch(dataset.queries.texts, DIMENSIONS))
    assert dataset.judgments.products.tolist() == [wanted.Index]
    assert wanted.Index in ranking.codes[0].tolist()
