"""Indices of ours on a real Elasticsearch: what is in them, when they are used again, and that none is left."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elastic_transport import ConnectionError as NoConnection
from elasticsearch import BadRequestError
from helpers import shop
from parity.server import ReferenceServer

from relevance import engines
from relevance.engines import QueryBatch
from relevance.engines.elasticsearch import index as indexing
from relevance.engines.elasticsearch import leftovers
from relevance.engines.elasticsearch.client import RetryPolicy, connect
from relevance.engines.elasticsearch.leftovers import Mark, this_process
from relevance.engines.elasticsearch.settings import VECTOR_INDICES, Settings
from relevance.errors import CouldNotRunError, InputError
from relevance.records import Catalogue, Vectors
from relevance.suite import Suite
from relevance.suite.measure import Preparation
from relevance.suite.neighbours import ExactNeighbours

PRODUCTS, DIMENSIONS, A_REQUEST = 243, 64, 100
KEEP = Settings(keep_index=True)
WHOLE, TITLE = ("base", "whole"), ("large", "title")
own_name_and_kept = pytest.mark.parametrize("settings", [Settings(), KEEP], ids=["own name", "kept"])


@pytest.fixture(scope="module")
def connection(reference: ReferenceServer) -> Iterator[Any]:
    """As users have it."""
    with connect(Settings(reference.url), RetryPolicy(seconds=5.0)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def client(connection: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The indices and templates of a test go with it."""
    monkeypatch.setattr(indexing, "DOCUMENTS_A_REQUEST", A_REQUEST)
    yield connection.client
    for name in ours(connection.client):
        connection.client.indices.delete(index=name)
    connection.client.options(ignore_status=404).indices.delete_index_template(name="everything")


def ours(client: Any) -> list[str]:
    return sorted(client.indices.get(index="relevance-*", expand_wildcards="all"))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """Products with and without description and attributes."""
    ids = [f"p{at:05d}" for at in range(PRODUCTS)]
    rows = [
        (uid, f"Red lamp number {at}", f"the lamp {at} of them all" if at % 2 else " ") for at, uid in enumerate(ids)
    ]
    return shop.catalogue(rows, [(uid, "watts", str(at)) for at, uid in enumerate(ids) for _ in range(at % 3)])


@pytest.fixture(scope="module")
def vectors() -> dict[Any, Vectors]:
    """Of one field every product has one, of the other two thirds of them."""
    matrix = np.random.default_rng(3).normal(size=(PRODUCTS, DIMENSIONS)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    rows = np.arange(PRODUCTS)
    return {WHOLE: Vectors(matrix, rows), TITLE: Vectors(matrix, np.where(rows % 3, rows, -1))}


@pytest.fixture
def make(connection: Any, catalogue: Catalogue, vectors: Any) -> Callable[..., Any]:
    """Index the catalogue, or what is given instead."""

    def made(settings: Settings = Settings(), **changes: Any) -> Any:  # noqa: B008 - frozen
        parts = {"connection": connection, "catalogue": catalogue, "vectors": vectors, **changes}
        return indexing.make(**parts, settings=settings, progress=False)

    return made


def mark_of(client: Any, name: str) -> Any:
    return Mark.read(name, client.indices.get_mapping(index=name)[name]["mappings"])


def change_mark(client: Any, name: str, **changes: Any) -> None:
    client.indices.put_mapping(index=name, meta=replace(mark_of(client, name), **changes).as_meta())


class Meddled:
    """A client whose bulk requests are meddled with; all else is the real one's."""

    def __init__(self, client: Any, bulk: Callable[..., Any]) -> None:
        self._client, self.bulk = client, bulk

    def options(self, **options: Any) -> "Meddled":
        return Meddled(self._client.options(**options), self.bulk)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.fixture
def meddled(connection: Any, client: Any) -> Callable[..., Any]:
    """A connection; a function is called before each bulk request, with its number and index, and may answer it."""

    def made(happens: Callable[[int, str], object]) -> Any:
        numbers = iter(range(1, 1000))

        def bulk(**arguments: Any) -> Any:
            happens(next(numbers), arguments["index"])
            return client.bulk(**arguments)

        return replace(connection, client=Meddled(client, bulk))

    return made


# what is in it


def test_products_and_vectors_are_in_it_once_in_one_segment(make: Any, client: Any, vectors: Any) -> None:
    made = make()
    assert (made.shards, made.sorted_segment) == (1, True)
    assert client.get(index=made.name, id="p00005")["_source"] == {
        "product_uid": "p00005",
        "product_title": "Red lamp number 5",
        "product_description": "the lamp 5 of them all",
        "product_attributes": [{"name_value": "watts 5"}, {"name_value": "watts 5"}],
    }
    assert "product_description" not in client.get(index=made.name, id="p00004")["_source"]
    for key, path in made.paths.vectors.items():
        held = client.count(index=made.name, query={"exists": {"field": path}})["count"]
        assert held == (vectors[key].rows >= 0).sum()
    nearest = {"field": "whole_vector", "query_vector": vectors[WHOLE].matrix[77].tolist()}
    hits = client.search(index=made.name, knn={**nearest, "k": 1, "num_candidates": 10})["hits"]["hits"]
    assert [(hit["_id"], pytest.approx(hit["_score"], abs=1e-6)) for hit in hits] == [("p00077", 1)]
    everything = client.search(index=made.name, query={"match_all": {}}, size=PRODUCTS)["hits"]["hits"]
    assert [hit["_id"] for hit in everything] == [f"p{at:05d}" for at in range(PRODUCTS)]
    (shard,) = client.indices.segments(index=made.name)["indices"][made.name]["shards"]["0"]
    assert (shard["num_search_segments"], len(shard["segments"])) == (1, 1)
    assert client.indices.stats(index=made.name)["_all"]["primaries"]["docs"]["deleted"] == 0
    mark = mark_of(client, made.name)
    assert (mark.complete, mark.kept, mark.products, mark.operations) == (True, False, PRODUCTS, PRODUCTS)
    for document in ({"colour": "red"}, {"product_attributes": [{"value": "red"}]}):
        with pytest.raises(BadRequestError, match="strict_dynamic_mapping_exception"):
            client.index(index=made.name, document=document)


@pytest.mark.parametrize("kind", VECTOR_INDICES)
def test_each_kind_of_vector_index_is_taken_as_it_is_said(make: Any, client: Any, kind: Any) -> None:
    made = make(Settings(vector_index=kind))
    field = client.indices.get_mapping(index=made.name)[made.name]["mappings"]["properties"]["whole_vector"]
    graph = {} if kind.endswith("flat") else {"m": 16, "ef_construction": 100}
    assert field["index_options"].items() >= {"type": kind, **graph}.items()
    assert (made.facts["vector_index"], made.facts["segments"]) == (kind, 1)


def test_three_shards_have_a_segment_each_and_ties_need_a_sort(make: Any, client: Any) -> None:
    made = make(Settings(shards=3))
    assert (made.shards, made.sorted_segment, made.facts["forced_sort"], made.facts["segments"]) == (3, False, True, 1)
    assert client.count(index=made.name)["count"] == PRODUCTS


def test_analyzers_and_fields_of_an_own_mapping_work_beside_ours(make: Any, client: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    analysis = {
        "filter": {"colours": {"type": "stop", "stopwords": ["red"]}},
        "analyzer": {"plain": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase", "colours"]}},
    }
    properties = {"product_title": {"analyzer": "plain", "copy_to": "all"}, "all": {"type": "text"}}
    own.write_text(json.dumps({"settings": {"analysis": analysis}, "mappings": {"properties": properties}}))
    made = make(Settings(mapping=own))
    for field, count in (("product_title", 0), ("all", PRODUCTS)):
        assert client.count(index=made.name, query={"match": {field: "red"}})["count"] == count
    assert len(str(made.facts["mapping"])) == 64


def test_a_refused_own_mapping_is_named_with_the_reason(make: Any, client: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text('{"mappings": {"properties": {"product_title": {"analyzer": "nowhere"}}}}')
    with pytest.raises(InputError, match=r"own\.json: .*\[nowhere\]") as caught:
        make(Settings(mapping=own))
    assert "\n" not in str(caught.value)
    assert ours(client) == []


def test_a_limit_of_the_cluster_is_not_blamed_on_the_own_mapping(make: Any, client: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text("{}")
    client.cluster.put_settings(persistent={"cluster.max_shards_per_node": 1})
    try:
        with pytest.raises(CouldNotRunError, match=r"takes no more shards: .*raise cluster\.max_shards_per"):
            make(Settings(mapping=own, shards=300))
    finally:
        client.cluster.put_settings(persistent={"cluster.max_shards_per_node": None})
    assert ours(client) == []


def test_a_closed_connection_is_not_waited_for(reference: ReferenceServer) -> None:
    connection = connect(Settings(reference.url))
    connection.close()
    with pytest.raises(CouldNotRunError, match="the connection was closed while counting"):
        connection.ask(connection.client.count, doing="counting")
    assert not connection.retries


def test_no_products_are_no_error(make: Any) -> None:
    assert make(catalogue=shop.catalogue([]), vectors={}).sorted_segment


# reuse


def test_a_kept_index_is_used_again(make: Any, client: Any) -> None:
    def written() -> Any:
        return client.indices.stats(index=first.name)["_all"]["total"]["indexing"]["index_total"]

    first = make(KEEP)
    writes = written()
    second = make(KEEP)
    assert (second.name, second.facts) == (first.name, {**first.facts, "reused": True})
    assert written() == writes
    assert ours(client) == [first.name]


SPOILED = {
    "half made": lambda client, name: change_mark(client, name, complete=False),
    "no mark": lambda client, name: client.indices.put_mapping(index=name, meta={}),
    "without a product": lambda client, name: client.delete(index=name, id="p00007", refresh=True),
    "with another text": lambda client, name: client.index(
        index=name, id="p00007", document={"product_uid": "p00007"}, refresh=True
    ),
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_a_spoiled_index_stays_as_it_is_and_is_not_used_again(make: Any, client: Any, spoil: str) -> None:
    first = make(KEEP)
    SPOILED[spoil](client, first.name)
    second = make(KEEP)
    third = make(KEEP)
    assert (second.facts["reused"], third.facts["reused"], third.name) == (False, True, second.name)
    assert ours(client) == sorted([first.name, second.name])


def test_a_vector_that_differs_makes_an_index_of_its_own(make: Any, vectors: Any) -> None:
    first = make(KEEP)
    rows = vectors[WHOLE].rows.copy()
    rows[3] = 4
    second = make(KEEP, vectors={**vectors, WHOLE: Vectors(vectors[WHOLE].matrix, rows)})
    assert (second.facts["reused"], second.name == first.name) == (False, False)


@own_name_and_kept
def test_two_runs_at_once_have_a_complete_index_each(make: Any, client: Any, settings: Settings) -> None:
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: make(settings), range(2)))
    assert [each.facts["reused"] for each in made] == [False, False]
    assert ours(client) == sorted({each.name for each in made})
    assert [client.count(index=name)["count"] for name in ours(client)] == [PRODUCTS, PRODUCTS]


# what goes wrong


def test_refused_documents_are_named_and_nothing_is_left(make: Any, client: Any, vectors: Any) -> None:
    matrix = vectors[WHOLE].matrix.copy()
    matrix[[3, 140, 242]] = 0
    reason = r"3 of 243 documents were refused: 'p00003': .*zero magnitude.*'p00140'.*'p00242'"
    with pytest.raises(CouldNotRunError, match=reason):
        make(vectors={WHOLE: Vectors(matrix, np.arange(PRODUCTS))})
    assert ours(client) == []


@own_name_and_kept
def test_an_interrupt_between_two_requests_leaves_no_index(
    make: Any, client: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = indexing.actions

    def stopped(*arguments: Any) -> Iterator[Any]:
        for at, action in enumerate(whole(*arguments)):
            if at == 140:
                raise KeyboardInterrupt
            yield action

    monkeypatch.setattr(indexing, "actions", stopped)
    with pytest.raises(KeyboardInterrupt):
        make(settings)
    assert ours(client) == []


def test_documents_whose_answer_is_lost_are_there_once(make: Any, client: Any, connection: Any) -> None:
    lost = []

    def bulk(**arguments: Any) -> Any:
        answer = client.bulk(**arguments)
        if not lost:
            lost.append(answer)
            raise NoConnection("connection lost")
        return answer

    made = make(connection=replace(connection, client=Meddled(client, bulk)))
    docs = client.indices.stats(index=made.name)["_all"]["primaries"]["docs"]
    assert (client.count(index=made.name)["count"], docs["deleted"]) == (PRODUCTS, 0)
    assert mark_of(client, made.name).operations == PRODUCTS
    assert made.notes == ("indexing went well only after 1 more try: not reached",)


def test_an_index_that_is_removed_while_it_is_filled_is_no_success(make: Any, client: Any, meddled: Any) -> None:
    """The server makes one anew that a bulk request names, and that is not left either."""

    def removed(number: int, name: str) -> None:
        if number == 1:
            client.indices.delete(index=name)

    with pytest.raises(CouldNotRunError):
        make(connection=meddled(removed))
    assert ours(client) == []


def test_a_read_only_index_is_told_at_once_and_removed(make: Any, client: Any, meddled: Any) -> None:
    sent = []

    def flooded(number: int, name: str) -> None:
        sent.append(number)
        client.indices.put_settings(index=name, settings={"blocks.read_only_allow_delete": True})

    with pytest.raises(CouldNotRunError, match="flood-stage"):
        make(connection=meddled(flooded))
    assert (sent, ours(client)) == ([1], [])


def test_a_template_of_the_cluster_may_not_change_results(make: Any, client: Any) -> None:
    """A pipeline that it names is not run; other settings do no harm."""
    settings: dict[str, Any] = {"default_pipeline": "nowhere", "final_pipeline": "nowhere", "max_result_window": 20_000}
    client.indices.put_index_template(name="everything", index_patterns="rel*", template={"settings": settings})
    assert client.count(index=make().name)["count"] == PRODUCTS
    settings["analysis"] = {"analyzer": {"default": {"type": "standard", "stopwords": "red"}}}
    client.indices.put_index_template(name="everything", index_patterns="rel*", template={"settings": settings})
    with pytest.raises(CouldNotRunError, match=r"the setting analysis\.analyzer\.default\.stopwords"):
        make()
    assert len(ours(client)) == 1


def test_an_index_that_no_node_takes_is_given_up_with_the_reason(
    make: Any, client: Any, reference: ReferenceServer
) -> None:
    settings = {"routing.allocation.include._name": "nowhere"}
    client.indices.put_index_template(name="everything", index_patterns="rel*", template={"settings": settings})
    reason = r"no node takes the shards of index .* within 2 s: node does not match"
    with connect(Settings(reference.url, timeout=4)) as hurried, pytest.raises(CouldNotRunError, match=reason):
        make(connection=hurried)
    assert ours(client) == []


# what was left


def test_only_what_killed_runs_left_is_found_and_removed(make: Any, client: Any, connection: Any) -> None:
    names = [make().name, make().name, make(KEEP).name, make().name]
    gone = replace(this_process(), pid=2**30)
    for name in names[:3]:
        change_mark(client, name, owner=gone)
    client.indices.close(index=names[1])
    client.indices.create(index="relevance-foreign", settings={"number_of_replicas": 0})
    client.indices.add_block(index=names[0], block="write")
    client.indices.clone(index=names[0], target="relevance-copy", settings={"number_of_replicas": 0})
    found, passed_over = leftovers.find(connection, now=mark_of(client, names[3]).made)
    assert [each.mark.name for each in found] == sorted(names)
    assert passed_over == 2
    assert all(each.size is not None and each.size > 10_000 for each in found)
    abandoned = [each for each in found if each.is_abandoned]
    assert sorted(each.mark.name for each in abandoned) == sorted(names[:2])
    for each in abandoned:
        leftovers.remove(connection, each)
    assert ours(client) == sorted([*names[2:], "relevance-foreign", "relevance-copy"])


def test_an_approximate_index_is_built_again_and_removed(reference: ReferenceServer, client: Any) -> None:
    plan = shop.plan(["vectorsearch"])
    held = {key: shop.vectors(key[1]) for key in plan.vector_fields}
    texts, products, (strategy,) = plan.dataset.queries.texts, plan.dataset.catalogue, plan.strategies
    settings = Settings(reference.url, vector_index="hnsw")
    with engines.choose("elasticsearch", settings, plan.strategies).open(progress=False) as indexer:
        build = partial(indexer.index, products, text_fields=(), vectors=held, progress=False)
        batch, exact = QueryBatch(texts, {"base": shop.rows_of(texts)}), ExactNeighbours(products, held)
        suite = Suite(plan, build(), batch, {}, {}, Preparation(0, None, 0), exact=exact, build=build)
        measured = suite.judge(strategy, suite.search(strategy), None)
        suite.rebuild(3)
        assert len(ours(client)) == 1
    assert not ours(client)
    rebuilds = suite.results[strategy.name].rebuilds
    assert {len(values) for values in rebuilds.values()} == {3}
    assert min(measured.recall or 0, *rebuilds["recall"]) > 0.9
