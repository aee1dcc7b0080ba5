"""Indices of ours on a real Elasticsearch: what is in them, when they are used again, and that none is left."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from elastic_transport import ConnectionError as NoConnection
from elasticsearch import BadRequestError

from relevance.engines.elasticsearch import index as indexing
from relevance.engines.elasticsearch import leftovers
from relevance.engines.elasticsearch.client import RetryPolicy, connect
from relevance.engines.elasticsearch.leftovers import Mark, this_process
from relevance.engines.elasticsearch.settings import VECTOR_INDICES, Settings
from relevance.errors import CouldNotRunError, InputError
from relevance.records import Catalogue, Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from elasticsearch import Elasticsearch
    from parity.server import ReferenceServer

    from relevance.engines import VectorField
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.index import Action
    from relevance.engines.elasticsearch.mapping import SearchedIndex
    from relevance.engines.elasticsearch.settings import VectorIndex

PRODUCTS, DIMENSIONS = 1203, 8
KEEP = Settings(keep_index=True)
WHOLE, TITLE = ("base", "whole"), ("large", "title")


@pytest.fixture(scope="module")
def connection(reference: ReferenceServer) -> Iterator[Connection]:
    """To the node, as users have it."""
    with connect(Settings(reference.url), RetryPolicy(seconds=5.0)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def client(connection: Connection) -> Iterator[Elasticsearch]:
    """The node's client; the indices and templates of a test go with it."""
    yield connection.client
    for name in _ours(connection.client):
        connection.client.indices.delete(index=name)
    connection.client.options(ignore_status=404).indices.delete_index_template(name="everything")


def _ours(client: Elasticsearch) -> list[str]:
    return sorted(client.indices.get(index="relevance-*", expand_wildcards="all"))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """Products with and without description and attributes."""
    ids = [f"p{at:05d}" for at in range(PRODUCTS)]
    products = pd.DataFrame(
        {
            "id": ids,
            "title": [f"Red lamp number {at}" for at in range(PRODUCTS)],
            "description": [f"the lamp {at} of them all" if at % 2 else " " for at in range(PRODUCTS)],
        },
        dtype=str,
    )
    rows = [(uid, "watts", str(at)) for at, uid in enumerate(ids) for _ in range(at % 3)]
    return Catalogue(products, pd.DataFrame(rows, columns=["id", "name", "value"], dtype=str))


@pytest.fixture(scope="module")
def vectors() -> dict[VectorField, Vectors]:
    """Of one field every product has one, of the other two thirds of them."""
    matrix = np.random.default_rng(3).normal(size=(PRODUCTS, DIMENSIONS)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    rows = np.arange(PRODUCTS)
    return {WHOLE: Vectors(matrix, rows), TITLE: Vectors(matrix, np.where(rows % 3, rows, -1))}


@pytest.fixture
def make(
    connection: Connection, catalogue: Catalogue, vectors: dict[VectorField, Vectors]
) -> Callable[..., SearchedIndex]:
    """Index the catalogue, or another."""

    def made(settings: Settings | None = None, **changes: Any) -> SearchedIndex:
        given: dict[str, Any] = {"connection": connection, "catalogue": catalogue, "vectors": vectors, **changes}
        return indexing.make(
            given["connection"],
            given["catalogue"],
            vectors=given["vectors"],
            settings=settings or Settings(),
            progress=False,
        )

    return made


def _mark(client: Elasticsearch, name: str) -> Mark:
    mark = Mark.read(name, client.indices.get_mapping(index=name)[name]["mappings"])
    assert mark is not None
    return mark


def _write_mark(client: Elasticsearch, mark: Mark) -> None:
    client.indices.put_mapping(index=mark.name, meta=mark.as_meta())


class Meddled:
    """A client whose bulk requests are meddled with; all else is the real one's."""

    def __init__(self, client: Elasticsearch, bulk: Callable[..., Any]) -> None:
        self._client = client
        self.bulk = bulk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def _meddled(connection: Connection, bulk: Callable[..., Any]) -> Connection:
    client: Any = Meddled(connection.client, bulk)
    return replace(connection, client=client)


# what is in it


def test_products_are_in_it(
    make: Callable[..., SearchedIndex], client: Elasticsearch, vectors: dict[VectorField, Vectors]
) -> None:
    """Each product once under its id, vectors searchable and out of `_source`, nothing written twice, one segment."""
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
    assert [hit["_id"] for hit in hits] == ["p00077"]
    assert hits[0]["_score"] == pytest.approx(1, abs=1e-6)
    everything = client.search(index=made.name, query={"match_all": {}}, size=PRODUCTS)["hits"]["hits"]
    assert [hit["_id"] for hit in everything] == [f"p{at:05d}" for at in range(PRODUCTS)]
    (shard,) = client.indices.segments(index=made.name)["indices"][made.name]["shards"]["0"]
    assert (shard["num_search_segments"], len(shard["segments"])) == (1, 1)
    assert client.indices.stats(index=made.name)["_all"]["primaries"]["docs"]["deleted"] == 0
    mark = _mark(client, made.name)
    assert (mark.complete, mark.kept, mark.products, mark.operations) == (True, False, PRODUCTS, PRODUCTS)


def test_other_fields_are_refused(make: Callable[..., SearchedIndex], client: Elasticsearch) -> None:
    """The mapping is strict, inside of attributes too, after it was completed."""
    made = make()
    for document in ({"colour": "red"}, {"product_attributes": [{"value": "red"}]}):
        with pytest.raises(BadRequestError, match="strict_dynamic_mapping_exception"):
            client.index(index=made.name, document=document)


@pytest.mark.parametrize("kind", VECTOR_INDICES)
def test_kinds_of_vector_index(make: Callable[..., SearchedIndex], client: Elasticsearch, kind: VectorIndex) -> None:
    """The server takes each kind as it is said, and it stands in the facts."""
    made = make(Settings(vector_index=kind))
    field = client.indices.get_mapping(index=made.name)[made.name]["mappings"]["properties"]["whole_vector"]
    graph = {} if kind == "flat" else {"m": 16, "ef_construction": 100}
    assert field["index_options"].items() >= {"type": kind, **graph}.items()
    assert (made.facts["vector_index"], made.facts["segments"]) == (kind, 1)


def test_three_shards(make: Callable[..., SearchedIndex], client: Elasticsearch) -> None:
    """All products are there, a segment a shard, and ties need a sort."""
    made = make(Settings(shards=3))
    assert (made.shards, made.sorted_segment, made.facts["forced_sort"], made.facts["segments"]) == (3, False, True, 1)
    assert client.count(index=made.name)["count"] == PRODUCTS


def test_own_mapping(make: Callable[..., SearchedIndex], client: Elasticsearch, tmp_path: Path) -> None:
    """An analyzer and fields of the user's own work beside ours, and the file's hash is a fact."""
    own = tmp_path / "own.json"
    analysis = {
        "filter": {"colours": {"type": "stop", "stopwords": ["red"]}},
        "analyzer": {"plain": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase", "colours"]}},
    }
    properties = {"product_title": {"analyzer": "plain", "copy_to": "all"}, "all": {"type": "text"}}
    own.write_text(json.dumps({"settings": {"analysis": analysis}, "mappings": {"properties": properties}}))
    made = make(Settings(mapping=own))
    counts = [
        client.count(index=made.name, query={"match": {field: "red"}})["count"] for field in ("product_title", "all")
    ]
    assert counts == [0, PRODUCTS]
    assert len(str(made.facts["mapping"])) == 64


def test_own_mapping_that_the_server_refuses(
    make: Callable[..., SearchedIndex], client: Elasticsearch, tmp_path: Path
) -> None:
    """The line names the file and the server's reason, and no index is made."""
    own = tmp_path / "own.json"
    own.write_text('{"mappings": {"properties": {"product_title": {"analyzer": "nowhere"}}}}')
    with pytest.raises(InputError, match=r"own\.json: .*\[nowhere\]") as caught:
        make(Settings(mapping=own))
    assert "\n" not in str(caught.value)
    assert _ours(client) == []


def test_a_limit_of_the_cluster_is_not_the_files(
    make: Callable[..., SearchedIndex], client: Elasticsearch, tmp_path: Path
) -> None:
    """A cluster that takes no more shards is not bad input, whatever the user laid over the mapping."""
    own = tmp_path / "own.json"
    own.write_text("{}")
    client.cluster.put_settings(persistent={"cluster.max_shards_per_node": 1})
    try:
        with pytest.raises(
            CouldNotRunError, match=r"the cluster takes no more shards: .*raise cluster\.max_shards_per"
        ):
            make(Settings(mapping=own, shards=300))
    finally:
        client.cluster.put_settings(persistent={"cluster.max_shards_per_node": None})
    assert _ours(client) == []


def test_a_closed_connection_is_not_waited_for(reference: ReferenceServer) -> None:
    """The server is there: asking again would not help."""
    connection = connect(Settings(reference.url))
    connection.close()
    with pytest.raises(CouldNotRunError, match="the connection was closed while counting"):
        connection.ask(connection.client.count, doing="counting")
    assert not connection.retries


def test_an_empty_catalogue(make: Callable[..., SearchedIndex]) -> None:
    """No products are no error here."""
    empty = Catalogue(
        pd.DataFrame(columns=["id", "title", "description"], dtype=str),
        pd.DataFrame(columns=["id", "name", "value"], dtype=str),
    )
    made = make(catalogue=empty, vectors={})
    assert made.sorted_segment


# reuse


def test_a_kept_index_is_used_again(make: Callable[..., SearchedIndex], client: Elasticsearch) -> None:
    """The second run with the same content indexes nothing."""
    first = make(KEEP)
    writes = client.indices.stats(index=first.name)["_all"]["total"]["indexing"]["index_total"]
    second = make(KEEP)
    assert (second.name, second.facts) == (first.name, {**first.facts, "reused": True})
    assert client.indices.stats(index=first.name)["_all"]["total"]["indexing"]["index_total"] == writes
    assert _ours(client) == [first.name]


def _half_made(client: Elasticsearch, name: str) -> None:
    _write_mark(client, replace(_mark(client, name), complete=False))


def _without_a_product(client: Elasticsearch, name: str) -> None:
    client.delete(index=name, id="p00007", refresh=True)


def _with_another_text(client: Elasticsearch, name: str) -> None:
    client.index(index=name, id="p00007", document={"product_uid": "p00007"}, refresh=True)


@pytest.mark.parametrize("spoil", [_half_made, _without_a_product, _with_another_text])
def test_a_kept_index_that_is_not_used_again(
    make: Callable[..., SearchedIndex], client: Elasticsearch, spoil: Callable[[Elasticsearch, str], None]
) -> None:
    """A half-made one, or one that something has written to, stays as it is; a new one is made beside it."""
    first = make(KEEP)
    spoil(client, first.name)
    second = make(KEEP)
    third = make(KEEP)
    assert (second.facts["reused"], third.facts["reused"], third.name) == (False, True, second.name)
    assert _ours(client) == [first.name, second.name]


def test_other_content(make: Callable[..., SearchedIndex], vectors: dict[VectorField, Vectors]) -> None:
    """A vector that differs makes an index of its own."""
    first = make(KEEP)
    rows = vectors[WHOLE].rows.copy()
    rows[3] = 4
    second = make(KEEP, vectors={**vectors, WHOLE: Vectors(vectors[WHOLE].matrix, rows)})
    assert (second.facts["reused"], second.name == first.name) == (False, False)


@pytest.mark.parametrize("settings", [Settings(), KEEP], ids=["own name", "kept"])
def test_two_runs_at_once(make: Callable[..., SearchedIndex], client: Elasticsearch, settings: Settings) -> None:
    """Each has an index of its own, complete."""
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: make(settings), range(2)))
    assert [each.facts["reused"] for each in made] == [False, False]
    assert _ours(client) == sorted(each.name for each in made)
    assert len(_ours(client)) == 2
    for each in made:
        assert client.count(index=each.name)["count"] == PRODUCTS


# what goes wrong


def test_refused_documents(
    make: Callable[..., SearchedIndex], client: Elasticsearch, vectors: dict[VectorField, Vectors]
) -> None:
    """Products whose vectors the server refuses are named with its reason, and nothing is left."""
    matrix = vectors[WHOLE].matrix.copy()
    matrix[[3, 700, 1200]] = 0
    with pytest.raises(
        CouldNotRunError, match=r"3 of 1,203 documents were refused: 'p00003': .*zero magnitude"
    ) as caught:
        make(vectors={WHOLE: Vectors(matrix, np.arange(PRODUCTS))})
    assert [uid in str(caught.value) for uid in ("'p00003'", "'p00700'", "'p01200'")] == [True] * 3
    assert _ours(client) == []


@pytest.mark.parametrize("settings", [Settings(), KEEP], ids=["own name", "kept"])
def test_interrupted(
    make: Callable[..., SearchedIndex], client: Elasticsearch, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt between two parts leaves no index."""
    whole = indexing.actions

    def stopped(*arguments: Any) -> Iterator[Action]:
        for at, action in enumerate(whole(*arguments)):
            if at == 700:
                raise KeyboardInterrupt
            yield action

    monkeypatch.setattr(indexing, "actions", stopped)
    with pytest.raises(KeyboardInterrupt):
        make(settings)
    assert _ours(client) == []


def test_an_answer_that_is_lost(
    make: Callable[..., SearchedIndex], client: Elasticsearch, connection: Connection
) -> None:
    """Documents that are sent again because no answer came are in the index once, and nothing of it is deleted."""
    lost = []

    def bulk(**arguments: Any) -> Any:
        answer = connection.client.bulk(**arguments)
        if not lost:
            lost.append(answer)
            raise NoConnection("connection lost")
        return answer

    made = make(connection=_meddled(connection, bulk))
    docs = client.indices.stats(index=made.name)["_all"]["primaries"]["docs"]
    assert (client.count(index=made.name)["count"], docs["deleted"]) == (PRODUCTS, 0)
    assert _mark(client, made.name).operations == PRODUCTS
    assert made.notes == ("indexing went well only after 1 more try: not reached",)


def test_removed_while_it_is_filled(
    make: Callable[..., SearchedIndex], client: Elasticsearch, connection: Connection
) -> None:
    """The server makes an index anew that a bulk request names: that is no success, and it is not left."""

    def bulk(**arguments: Any) -> Any:
        if _ours(client) and _mark_or_none(client, arguments["index"]):
            client.indices.delete(index=arguments["index"])
        return connection.client.bulk(**arguments)

    with pytest.raises(CouldNotRunError):
        make(connection=_meddled(connection, bulk))
    assert _ours(client) == []


def _mark_or_none(client: Elasticsearch, name: str) -> Mark | None:
    return Mark.read(name, client.indices.get_mapping(index=name)[name]["mappings"])


def test_read_only(make: Callable[..., SearchedIndex], client: Elasticsearch, connection: Connection) -> None:
    """An index that the flood stage has made read-only is told at once, and is removed."""
    sent = []

    def bulk(**arguments: Any) -> Any:
        sent.append(1)
        client.indices.put_settings(index=arguments["index"], settings={"blocks.read_only_allow_delete": True})
        return connection.client.bulk(**arguments)

    with pytest.raises(CouldNotRunError, match="flood-stage"):
        make(connection=_meddled(connection, bulk))
    assert (len(sent), _ours(client)) == (1, [])


def test_templates_of_the_cluster(make: Callable[..., SearchedIndex], client: Elasticsearch) -> None:
    """A template that changes results is an error; a pipeline that it names is not run; other settings do no harm."""
    settings: dict[str, Any] = {"default_pipeline": "nowhere", "final_pipeline": "nowhere", "max_result_window": 20_000}
    client.indices.put_index_template(name="everything", index_patterns="rel*", template={"settings": settings})
    assert client.count(index=make().name)["count"] == PRODUCTS
    settings["analysis"] = {"analyzer": {"default": {"type": "standard", "stopwords": "red"}}}
    client.indices.put_index_template(name="everything", index_patterns="rel*", template={"settings": settings})
    with pytest.raises(CouldNotRunError, match=r"the setting analysis\.analyzer\.default\.stopwords"):
        make()
    assert len(_ours(client)) == 1


def test_no_node_takes_its_shards(
    make: Callable[..., SearchedIndex], client: Elasticsearch, reference: ReferenceServer
) -> None:
    """An index that has no place is given up after a while, with the server's reason."""
    settings = {"routing.allocation.include._name": "nowhere"}
    client.indices.put_index_template(name="everything", index_patterns="rel*", template={"settings": settings})
    with (
        connect(Settings(reference.url, timeout=4)) as hurried,
        pytest.raises(CouldNotRunError, match=r"no node takes the shards of index .* within 2 s: node does not match"),
    ):
        make(connection=hurried)
    assert _ours(client) == []


# what was left


def test_what_killed_runs_left(
    make: Callable[..., SearchedIndex], client: Elasticsearch, connection: Connection
) -> None:
    """Half-made and unkept indices of processes that are gone are found, closed ones too; all others are left alone."""
    names = [make().name, make().name, make(KEEP).name, make().name]
    gone = replace(this_process(), pid=2**30)
    for name in names[:3]:
        _write_mark(client, replace(_mark(client, name), owner=gone))
    client.indices.close(index=names[1])
    client.indices.create(index="relevance-foreign", settings={"number_of_replicas": 0})
    client.indices.add_block(index=names[0], block="write")
    client.indices.clone(index=names[0], target="relevance-copy", settings={"number_of_replicas": 0})
    ours, passed_over = leftovers.find(connection, now=_mark(client, names[3]).made)
    assert [each.mark.name for each in ours] == sorted(names)
    assert passed_over == 2
    assert all(each.size is not None and each.size > 10_000 for each in ours)
    abandoned = [each for each in ours if each.is_abandoned]
    assert sorted(each.mark.name for each in abandoned) == sorted(names[:2])
    for each in abandoned:
        leftovers.remove(connection, each)
    assert _ours(client) == sorted([*names[2:], "relevance-foreign", "relevance-copy"])
