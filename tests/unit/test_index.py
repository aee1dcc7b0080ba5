"""An index of ours: mapping, documents in parts, what is refused is told, and nothing is left when it goes wrong."""

from __future__ import annotations

import hashlib
import json
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from elastic_transport import ConnectionError as NoConnection
from helpers import own_search
from helpers.cluster import URL, Clock, Cluster, Held, fail

from relevance.engines import Request
from relevance.engines.elasticsearch import engine, mapping
from relevance.engines.elasticsearch import index as indexing
from relevance.engines.elasticsearch.client import RetryPolicy
from relevance.engines.elasticsearch.index import content_of
from relevance.engines.elasticsearch.leftovers import Mark
from relevance.engines.elasticsearch.mapping import index_body
from relevance.engines.elasticsearch.settings import VECTOR_INDICES, Settings
from relevance.engines.mapping import NOTHING_OVER, OwnMapping, read_own_mapping, unfilled
from relevance.errors import CouldNotRunError, InputError
from relevance.fields import index_body as index_of
from relevance.fields import own_fields
from relevance.records import Catalogue, Vectors, attribute_texts

HASTY = RetryPolicy(seconds=5.0, sleep=lambda _: None)
WHOLE, OTHER = ("base", "whole"), ("large", "title")
KEEP = Settings(keep_index=True)
TEXT = {"type": "text"}


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "_AGAIN_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(indexing, "_REMOVE_RETRY_S", 0.0)


def products(count: int = 3, *, ids: Any = (), titles: Any = (), attributes: Any = ()) -> Catalogue:
    """Of objects, since half a surrogate pair is no text of pandas' own."""
    titles = titles or [f"title {at}" for at in range(count)]
    rows = {"id": ids or [f"p{at:05d}" for at in range(len(titles))], "title": titles, "description": ""}
    pairs = pd.DataFrame(attributes, columns=["id", "name", "value"], dtype=str)
    return Catalogue(pd.DataFrame(rows, dtype=object), pairs)


def vectors_of(count: int = 3) -> Vectors:
    return Vectors(np.random.default_rng(1).normal(size=(count, 4)).astype(np.float32), np.arange(count))


def indexed(cluster: Cluster, catalogue: Catalogue | None = None, settings: Settings = Settings(), **how: Any) -> Any:  # noqa: B008 - frozen
    catalogue = catalogue or products()
    connection = replace(cluster.connection, **{"retry_policy": HASTY, **how})
    vectors = {WHOLE: vectors_of(len(catalogue))}
    return indexing.make(connection, catalogue, vectors=vectors, settings=settings, progress=False)


def failing(cluster: Cluster, catalogue: Catalogue | None = None, settings: Settings = Settings(), **how: Any) -> str:  # noqa: B008 - frozen
    """The line that says why nothing is indexed; nothing is left on the cluster."""
    with pytest.raises((CouldNotRunError, InputError)) as caught:
        indexed(cluster, catalogue, settings, **how)
    assert cluster.held == {}
    assert len(str(caught.value)) < 2500
    return f"{type(caught.value).__name__}: {caught.value}"


def once(name: str, act: Callable[[], object]) -> Callable[[str], None]:
    """Act when a request of that name comes for the first time."""
    seen: list[str] = []

    def hook(asked: str) -> None:
        seen.append(asked)
        if asked == name and seen.count(name) == 1:
            act()

    return hook


def lose() -> None:
    raise NoConnection("connection lost")


def interrupt() -> None:
    raise KeyboardInterrupt


# the mapping, and the user's own over it


def body_of(settings: Settings = Settings(), own: OwnMapping = NOTHING_OVER) -> dict[str, Any]:  # noqa: B008 - frozen
    dimensions = {WHOLE: 384, OTHER: 768}
    return index_body(dimensions, settings, own)


@pytest.mark.parametrize("kind", VECTOR_INDICES)
def test_an_index_is_strict_sorted_by_id_and_says_its_kind_of_vectors_in_full(kind: Any) -> None:
    body = body_of(Settings(shards=3, replicas=2, vector_index=kind))
    graph = {"m": 16, "ef_construction": 100} if kind.endswith("hnsw") else {}
    vector = {"type": "dense_vector", "similarity": "cosine", "index_options": {"type": kind, **graph}}
    texts = {
        "product_uid": {"type": "keyword"},
        "product_title": TEXT,
        "product_description": TEXT,
        "product_attributes": {"type": "nested", "dynamic": "strict", "properties": {"name_value": TEXT}},
    }
    vectors = {"whole_vector": {**vector, "dims": 384}, "title_vector_large": {**vector, "dims": 768}}
    assert body["mappings"] == {
        "dynamic": "strict",
        "_source": {"excludes": ["title_vector_large", "whole_vector"]},
        "properties": {**texts, **vectors},
    }
    assert body["settings"] == {
        "number_of_shards": 3,
        "number_of_replicas": 2,
        "refresh_interval": "-1",
        "sort.field": "product_uid",
        "default_pipeline": "_none",
        "final_pipeline": "_none",
        "mapping.nested_objects.limit": 10_000,
    }
    assert index_body({}, Settings())["mappings"] == {"dynamic": "strict", "properties": texts}


DIMENSIONS = [
    ("flat", 4097, "1 to 4,096"),
    ("bbq_hnsw", 63, "64 to 4,096"),
    ("int4_flat", 7, "1 to 4,096, an even number"),
]


@pytest.mark.parametrize(("kind", "dims", "allowed"), DIMENSIONS)
def test_dimensions_that_a_kind_of_index_does_not_take(kind: Any, dims: int, allowed: str) -> None:
    with pytest.raises(
        InputError, match=rf"whole by model 'base' have {dims:,} .*; allowed in a .* {kind}: {allowed}$"
    ):
        index_body({WHOLE: dims}, Settings(vector_index=kind))
    index_body({WHOLE: 4096}, Settings(vector_index=kind))


def test_a_release_without_the_kind_or_oversampling_is_named() -> None:
    def check(version: str, settings: Settings) -> None:
        mapping.check_vectors(settings, Cluster(version=version).connection)

    flat, four, one = Settings(), Settings(vector_index="int4_hnsw"), Settings(vector_index="bbq_flat", oversample=3)
    for version, settings in (("8.12.0", flat), ("8.15.0", four), ("9.0.0", one), ("8.11.0-serverless", one)):
        check(version, settings)
    with pytest.raises(InputError, match=r"elasticsearch 8\.11\.4 has no vector index flat, .* 8\.12; .*-index hnsw$"):
        check("8.11.4", flat)
    with pytest.raises(InputError, match=r"8\.17\.0 does not oversample, it came with release 8\.18"):
        check("8.17.0", one)
    with pytest.raises(
        InputError, match=r"--es-oversample 3 changes nothing beside --vector-index hnsw; allowed: int8_"
    ):
        mapping.check_vectors(Settings(vector_index="hnsw", oversample=3))


def own_file(folder: Path, content: Any) -> Path:
    path = folder / "own.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_an_own_mapping_is_laid_over_ours_key_by_key(tmp_path: Path) -> None:
    title = {"analyzer": "english", "fields": {"raw": {"type": "keyword"}}, "copy_to": "all"}
    content = {
        "settings": {
            "index": {"analysis": {"analyzer": {"english": {"type": "english"}}}},
            "similarity.default.b": 0.5,
            "mapping": {"nested_objects.limit": 20},
        },
        "mappings": {
            "properties": {
                "product_title": title,
                "product_description": {"type": "keyword"},  # nothing of ours is left that a keyword has not
                "product_attributes": {"properties": {"name_value": {"search_analyzer": "english"}}},
                "all": {"type": "text"},
            }
        },
    }
    body, plain = body_of(own=read_own_mapping(own_file(tmp_path, content))), body_of()
    assert body["settings"] == {
        **plain["settings"],
        "analysis.analyzer.english.type": "english",
        "similarity.default.b": 0.5,
        "mapping.nested_objects.limit": 20,
    }
    value = {**TEXT, "search_analyzer": "english"}
    assert body["mappings"]["properties"] == plain["mappings"]["properties"] | {
        "product_title": {"type": "text", **title},
        "product_description": {"type": "keyword"},
        "product_attributes": {"type": "nested", "dynamic": "strict", "properties": {"name_value": value}},
        "all": {"type": "text"},
    }
    assert body_of() == plain


def of(**properties: Any) -> dict[str, Any]:
    return {"mappings": {"properties": properties}}


ENGLISH, COPIED = {"type": "text", "analyzer": "english"}, {"copy_to": ["all", "shop.all"]}
UNFILLED: list[tuple[Any, str]] = [
    (of(product_titel=ENGLISH), "'product_titel' (did you mean 'product_title'?)"),
    (of(title=ENGLISH, brand=TEXT), "'title' (did you mean 'product_title'?), 'brand'"),
    (of(attributes=TEXT), "'attributes' (did you mean 'product_attributes.name_value'?)"),
    (of(product_attributes={"properties": {"colour": TEXT}}), "'product_attributes.colour'"),
    (of(shop={"properties": {"a": TEXT, "b": TEXT}}, c=TEXT, d=TEXT), "'shop.a', 'shop.b', 'c' and 1 more"),
    (of(product_titel={"copy_to": "all"}, all=TEXT), "'product_titel' (did you mean 'product_title'?), 'all'"),
    (of(product_title=ENGLISH, product_description=TEXT, product_attributes={"properties": {"name_value": TEXT}}), ""),
    (of(product_title=COPIED, all=TEXT, shop={"properties": {"all": TEXT}}), ""),
    (of(product_attributes={"properties": {"name_value": {"copy_to": "all"}}}, all=TEXT), ""),
    (of(name={"type": "alias", "path": "product_title"}, kind={"type": "constant_keyword", "value": "x"}), ""),
    (of(length={"type": "long", "script": "emit(1)"}), ""),
    ({"mappings": {"properties": {"day": TEXT}, "runtime": {"day": {"type": "keyword"}}}}, ""),
    (of(wrong=1), ""),
    ({"settings": {}}, ""),
]


@pytest.mark.parametrize(("content", "empty"), UNFILLED)
def test_a_field_that_nothing_fills_is_named_with_the_one_that_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, empty: str
) -> None:
    path = own_file(tmp_path, content)
    filling = "products fill product_title, product_description, product_attributes.name_value, and what these name"
    line = f"{path}: nothing fills {empty}; {filling} by copy_to" if empty else ""
    assert unfilled(read_own_mapping(path)) == line
    monkeypatch.setattr(engine, "connect", lambda _: Cluster().connection)
    assert engine.choose(Request(Settings(URL, mapping=path), []), "asked for").notes == ((line,) if empty else ())


@pytest.mark.parametrize("keep_index", [False, True])
def test_an_own_mapping_is_tried_once_when_the_plan_is_made_without_products(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, keep_index: bool
) -> None:
    cluster = Cluster()
    settings = Settings(URL, mapping=own_file(tmp_path, of(product_title=ENGLISH)), keep_index=keep_index)
    monkeypatch.setattr(engine, "connect", lambda *_: replace(cluster.connection, retry_policy=HASTY))
    choice = engine.choose(Request(settings, []), "asked for")
    assert cluster.asked == []  # as it is chosen again for a planted change
    assert choice.inspect is not None
    assert choice.inspect({}).notes == choice.notes
    assert (cluster.asked[0], cluster.held, cluster.bulks) == ("create", {}, [])
    refused = "analyzer [englisch] has not been configured in mappings"
    cluster.before = lambda name: fail(400, "mapper_parsing_exception", refused) if name == "create" else None
    with pytest.raises(InputError, match=rf"own\.json: elasticsearch at {URL} refuses it: {re.escape(refused)}"):
        choice.inspect({})
    fields = own_fields(index_of(own_search.BODY, "x"), where="index.json")
    of_fields = engine.choose(Request(Settings(URL), [], fields), "asked for")
    assert of_fields.inspect is not None
    with pytest.raises(InputError, match=rf"^index\.json: elasticsearch at {URL} refuses it: {re.escape(refused)}"):
        of_fields.inspect({})
    assert cluster.held == {}
    cluster.asked.clear()
    for opened in (choice.open, choice.open, engine.choose(Request(Settings(URL), []), "asked for").open):
        with opened(progress=False):
            assert cluster.asked == []
    assert engine.choose(Request(Settings(URL), []), "asked for").inspect is None


def test_results_name_the_file_by_its_hash_and_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_bytes(b'\xef\xbb\xbf{"settings": {}}')
    own = read_own_mapping(path)
    assert (own.path, own.sha256) == (str(path), hashlib.sha256(path.read_bytes()).hexdigest())


NESTED = "product_attributes"
REFUSED_FILES: list[tuple[Any, str]] = [
    ('{"settings": {"a": 1, "a": 2}}', "not JSON: the key 'a' stands twice in one object"),
    ('{"settings": ' + '{"a": ' * 200 + "1" + "}" * 201, "202 objects inside each other; allowed: 60"),
    ("[]", "not a JSON object, but a list; a file of settings and mappings is expected there"),
    ({"setings": {}}, r"unknown key 'setings' \(did you mean 'settings'\?\); allowed: settings, mappings"),
    ({"settings": []}, r"settings is \[\]; allowed: a JSON object"),
    ({"mappings": {"properties": 1}}, "properties is 1; allowed: a JSON object"),
    ({"settings": {"index": {"a": 1}, "index.a": 2}}, "a is set twice"),
    ({"settings": {"index.a.b": 1, "a": {"b": 2}}}, "a.b is set twice"),
    ({"settings": {"index": {"number_of_replicas": 2}}}, "number_of_replicas .*; allowed: --es-replicas"),
    ({"settings": {"sort": {"field": "x"}}}, "sort.field is set by relevance itself; the index is sorted by"),
    ({"settings": {"final_pipeline": "x"}}, "indexed as they are"),
    ({"mappings": {"dynamic": True}}, "unknown key 'dynamic'; allowed: properties, runtime"),
    ({"mappings": {"properties": {"product_uid": {}}}}, "the field product_uid is relevance's own"),
    ({"mappings": {"properties": {"title_vector_big": {}}}}, "the field title_vector_big is relevance's own"),
    ({"mappings": {"properties": {NESTED: {"type": "object"}}}}, "product_attributes.type is set by"),
    ({"mappings": {"properties": {NESTED: {"dynamic": True}}}}, "product_attributes.dynamic is set"),
    ({"mappings": {"properties": {NESTED: 1}}}, "the field product_attributes is 1; allowed"),
]


@pytest.mark.parametrize(("content", "problem"), REFUSED_FILES)
def test_a_file_that_is_refused_is_one_line(tmp_path: Path, content: Any, problem: str) -> None:
    with pytest.raises(InputError, match=rf"^\S+own\.json: .*{problem}") as caught:
        read_own_mapping(own_file(tmp_path, content))
    assert len(str(caught.value)) < 300


def test_vectors_of_a_model_that_compares_by_dot_product_are_compared_so() -> None:
    dot = replace(vectors_of(), similarity="dot")
    cluster = Cluster()
    connection = replace(cluster.connection, retry_policy=HASTY)
    vectors = {WHOLE: dot, OTHER: vectors_of()}
    index = indexing.make(connection, products(), vectors=vectors, settings=Settings(), progress=False)
    fields = cluster.held[index.name].mappings["properties"]
    assert fields["whole_vector"]["similarity"] == "max_inner_product"
    assert fields["title_vector_large"]["similarity"] == "cosine"


# documents


def documents(catalogue: Catalogue, vectors: Vectors) -> list[dict[str, Any]]:
    actions = indexing.actions(catalogue, {WHOLE: vectors})
    return [orjson.loads(action["_source"]) for action in actions]


def test_a_document_holds_what_is_not_blank_and_vectors_to_the_last_bit(tmp_path: Path) -> None:
    pairs = [("p00000", "colour", "red"), ("p00000", " ", "wide"), ("p00000", "", ""), ("p00002", "size", "\t")]
    catalogue = products(titles=["Ünï 🪁", " ", ""], attributes=pairs)
    vectors = Vectors(vectors_of().matrix, np.array([2, -1, 0]))
    first, second, third = documents(catalogue, vectors)
    # vectors that lie in a file, and rows that do not lie in one piece, are written as any other
    np.save(tmp_path / "v.npy", np.asfortranarray(vectors.matrix))
    mapped = Vectors(np.load(tmp_path / "v.npy", mmap_mode="r"), vectors.rows)
    assert documents(catalogue, mapped) == [first, second, third]
    assert first.pop("whole_vector") == [float(str(value)) for value in vectors.matrix[2]]
    assert np.array_equal(np.float32(third.pop("whole_vector")), vectors.matrix[0])
    values = [{"name_value": "colour red"}, {"name_value": "wide"}]
    assert first == {"product_uid": "p00000", "product_title": "Ünï 🪁", "product_attributes": values}
    assert second == {"product_uid": "p00001"}
    assert third == {"product_uid": "p00002", "product_attributes": [{"name_value": "size"}]}


def test_attributes_are_those_of_the_embedded_engine_over_more_than_one_slice() -> None:
    words = ["", " ", "a", "b c", "\n", "x "]
    pairs = [(f"p{at:05d}", words[at % 6], words[(at // 6) % 6]) for at in range(1100) for _ in range(at % 3)]
    catalogue = products(1100, attributes=pairs)
    held = documents(catalogue, Vectors(vectors_of(1).matrix, np.full(1100, -1)))
    values = [one["name_value"] for each in held for one in each.get("product_attributes", [])]
    assert values == [text for text in attribute_texts(catalogue) if text]


def test_documents_of_10_mb_are_made_one_by_one() -> None:
    vectors = {WHOLE: Vectors(np.ones((1, 512), dtype=np.float32) / 3, np.zeros(2000, dtype=np.int64))}
    actions = indexing.actions(products(2000), vectors)
    next(actions)
    tracemalloc.start()
    size = sum(len(action["_source"]) for action in actions)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 10_000_000
    assert peak < 1_000_000


@pytest.mark.parametrize(("uid", "size"), [("x" * 513, 513), ("é" * 257, 514), ("", 0), ("\ud800" * 200, 600)])
def test_an_id_has_1_to_512_bytes(uid: str, size: int) -> None:
    with pytest.raises(InputError, match=f"an id of {size} bytes; allowed on elasticsearch: 1 to 512 bytes") as caught:
        indexing.check(products(ids=["a", uid], titles=["", ""]), most_attributes=10_000)
    assert len(str(caught.value)) < 200


def test_content_is_what_an_index_holds_not_how_vectors_lie() -> None:
    vectors, body = vectors_of(), {"settings": {"number_of_shards": 1}}
    matrix, changed = vectors.matrix, vectors.matrix.copy()
    changed[1, 1] = np.nextafter(changed[1, 1], np.float32(9))
    content = content_of(products(), {WHOLE: vectors}, body)
    same = Vectors(np.concatenate([np.zeros((2, 4), np.float32), matrix[::-1]]), np.array([4, 3, 2]))
    assert content_of(products(), {WHOLE: same}, body) == content
    other_rows = [
        Vectors(changed, np.arange(3)),
        *(Vectors(matrix, np.array(rows)) for rows in ([0, 1, -1], [0, -1, 1])),
    ]
    others = [{WHOLE: each} for each in other_rows] + [{("base", "title"): vectors}, {("other", "whole"): vectors}, {}]
    contents = {content, *(content_of(products(), each, body) for each in others)}
    contents.add(content_of(products(titles=["x", "y", "z"]), {WHOLE: vectors}, body))
    contents.add(content_of(products(), {WHOLE: vectors}, {"settings": {"number_of_shards": 2}}))
    assert len(contents) == 9


# sending and making, as it goes well

FULL = "es_rejected_execution_exception"


def limited(most: int, stage: str = "coordinating") -> Callable[[int, int], None]:
    """A server that has so many bytes for what is written, and nothing else to do."""

    def sizes(_: int, size: int) -> None:
        if size > most:
            held = "coordinating_and_primary_bytes=0, replica_bytes=0, all_bytes=0"
            fail(429, FULL, f"rejected [{held}, {stage}_operation_bytes={size}, max_{stage}_bytes={most}]")

    return sizes


def small_proxy(_: int, size: int) -> None:
    if size > 20_000:
        fail(413, "")


def full_twice() -> Callable[[int, int], None]:
    full = iter([True, True])
    return lambda *_: fail(429, "circuit_breaking_exception", "Data too large") if next(full, False) else None


def busy_with(**times: int) -> Callable[[str], tuple[int, str, str] | None]:
    def refuses(uid: str) -> tuple[int, str, str] | None:
        times[uid] = times.get(uid, 0) - 1
        return (429, FULL, "queue is full") if times[uid] >= 0 else None

    return refuses


SENT: dict[str, tuple[dict[str, Any], list[str], list[int], list[float]]] = {
    "500 at most": ({}, [""] * 1201, [500, 500, 201], []),
    "about 1 MB": ({}, ["a " * 2**18, "b " * 2**17, "c " * 2**17, "d"], [2, 2], []),
    "a large one alone": ({}, ["a " * 2**20, "b"], [1, 1], []),
    "only what met a full queue again": ({"refuses": busy_with(p00001=2, p00002=1)}, [""] * 3, [3, 2, 1], [0.5, 1.0]),
    "halved at once where memory never takes it": ({"sizes": limited(20_000)}, [""] * 500, [125] * 4, []),
    "halved at once at 413": ({"sizes": small_proxy}, [""] * 500, [125] * 4, []),
    "halved after a wait where memory is full": ({"sizes": full_twice()}, [""] * 10, [2] * 5, [0.5, 1.0]),
}


@pytest.mark.parametrize(("server", "titles", "sizes", "waits"), SENT.values(), ids=SENT)
def test_every_document_arrives_once(server: Any, titles: list[str], sizes: list[int], waits: list[float]) -> None:
    slept: list[float] = []
    cluster = Cluster(**server)
    index = indexed(cluster, products(titles=titles), retry_policy=RetryPolicy(sleep=slept.append))
    assert [len(part) for part in cluster.bulks] == sizes
    assert slept == waits
    assert [note[:36] for note in index.notes] == (["indexing went well only after 2 more"] if waits else [])
    assert len(cluster.held[index.name].documents) == cluster.held[index.name].writes == len(titles)


@pytest.mark.parametrize("settings", [Settings(), KEEP], ids=["own name", "kept"])
@pytest.mark.parametrize("name", ["bulk", "create"])
def test_what_had_arrived_is_not_written_twice_when_its_answer_is_lost(name: str, settings: Settings) -> None:
    cluster = Cluster(after=once(name, lose))
    index = indexed(cluster, settings=settings)
    assert list(cluster.held) == [index.name]
    assert (cluster.held[index.name].writes, cluster.asked.count(name)) == (3, 2)


@pytest.mark.parametrize(
    ("shards", "segments", "is_sorted"), [(1, 1, True), (1, 0, True), (1, 2, False), (2, 1, False)]
)
def test_what_results_say_of_it(shards: int, segments: int, *, is_sorted: bool) -> None:
    settings = Settings(shards=shards, vector_index="int8_flat", oversample=2)
    first, second = (indexed(Cluster(segments=segments), settings=settings) for _ in range(2))
    assert first.name != second.name
    assert first.facts == second.facts
    assert first.facts == {
        "vector_index": "int8_flat",
        "oversample": 2,
        "shards": shards,
        "replicas": 0,
        "segments": segments,
        "search_type": "query_then_fetch" if shards == 1 else "dfs_query_then_fetch",
        "reused": False,
        "mapping": None,
        "forced_sort": not is_sorted,
    }
    assert (first.sorted_segment, first.shards, first.oversample) == (is_sorted, shards, 2)
    kept = indexed(Cluster(), settings=replace(settings, keep_index=True))
    assert kept.facts["index"] == kept.name


def test_meta_says_last_that_the_index_is_complete() -> None:
    cluster, half = Cluster(), list[Any]()
    cluster.before = once(
        "bulk", lambda: half.extend(Mark.read(*cluster.held, one.mappings) for one in cluster.held.values())
    )
    name = indexed(cluster).name
    mark = Mark.read(name, cluster.held[name].mappings)
    assert [one.complete for one in half] == [False]
    assert mark is not None
    assert (mark.complete, mark.operations, mark.products, mark.owner.state) == (True, 3, 3, "running")
    assert cluster.asked[-1] == "put_mapping"


def test_what_would_take_more_than_a_minute_is_not_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors are copied, graphs are made anew, and release 8 copies the texts of vectors, too."""
    cheap: list[tuple[int, Any, int]] = [(100_000, "flat", 8), (300_000, "flat", 9), (25_000, "hnsw", 9)]
    dear: list[tuple[int, Any, int]] = [(200_000, "flat", 8), (100_000, "bbq_hnsw", 9)]
    for count, kind, release in (*cheap, *dear):
        vectors = [Vectors(np.zeros((1, 384), np.float32), np.zeros(count, np.int64))] * 4
        seconds = indexing.merge_seconds(count, vectors, kind, release)
        assert (seconds <= indexing.CHEAP_S) == ((count, kind, release) in cheap)
    merged, cluster = Cluster(), Cluster()
    indexed(merged)
    monkeypatch.setattr(indexing, "CHEAP_S", 0.0)
    indexed(cluster)
    assert ("forcemerge" in merged.asked, "forcemerge" in cluster.asked) == (True, False)


def test_a_serverless_project_decides_on_shards_itself_and_has_no_statistics() -> None:
    cluster = Cluster(version="8.11.0-serverless")
    index = indexed(cluster, settings=KEEP)
    assert (index.shards, index.sorted_segment, index.facts["segments"]) == (1, False, None)
    assert index.notes[0].startswith("the project is serverless: it decides on shards and replicas itself")
    assert indexed(cluster, settings=KEEP).facts["reused"]
    cluster.held[index.name].documents.popitem()
    assert indexed(cluster, settings=KEEP).name != index.name


# as it goes wrong


def refusing(status: int, kind: str, reason: str, *ids: str) -> dict[str, Any]:
    return {"refuses": lambda uid: (status, kind, reason) if not ids or uid in ids else None}


def spoiling(act: Callable[[Any], object], when: str) -> Callable[[Cluster], None]:
    """Something else acts on the indices when a request of that name comes."""

    def spoil(cluster: Cluster) -> None:
        cluster.before = once(when, lambda: act(cluster.held))

    return spoil


def write_one(held: Any) -> None:
    next(iter(held.values())).documents.update(p00001={})


def lose_one(held: Any) -> None:
    next(iter(held.values())).documents.popitem()


def answer_short(cluster: Cluster) -> None:
    whole = cluster.bulk

    def bulk(**arguments: Any) -> Any:
        answer = whole(**arguments)
        answer.body["items"].pop()
        return answer

    cluster.bulk = bulk  # type: ignore[method-assign]


PRESSURE = (
    "rejected [coordinating_and_primary_bytes=300, replica_bytes=0, all_bytes=300, primary_operation_bytes=990, "
    "max_primary_bytes=1000]"
)
FLOOD = "index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, …];"
BAD = refusing(400, "document_parsing_exception", "bad\nvector", "p00007", "p00501", "p01200")
NAMED = "; ".join(f"'{uid}': bad vector (document_parsing_exception)" for uid in ("p00007", "p00501", "p01200"))
LARGE = ["a", "word " * 2**20, "b"]
NEEDS = (
    "product 'p00001' is too large for the server's memory: its document of 5.0 MB needs 5.0 MB of it, where 2.0 MB "
)
DECISIVE = ("analysis.analyzer.default.type", "similarity.default.k1", "sort.order", "mode")
WRONG: dict[str, tuple[dict[str, Any], Any, str, list[int]]] = {
    "memory at the coordinator": ({"sizes": limited(2 * 2**20)}, LARGE, NEEDS, []),
    "memory at the primary": ({"sizes": limited(2 * 2**20, "primary")}, LARGE, NEEDS, []),
    "a proxy": ({"sizes": small_proxy}, LARGE, "too large for the server or a proxy in between", []),
    "memory, by item": (refusing(429, FULL, PRESSURE, "p00002"), 3, "product 'p00002' is too large for the se", [3, 1]),
    "refused documents": (BAD, 1201, f": 3 of 1,201 documents were refused: {NAMED}", [500, 500, 201]),
    "many of them": (refusing(400, "x", "y" * 999), 1201, "500 of the first 500 documents were refused: 'p0000", [500]),
    "a read-only index": (refusing(429, "cluster_block_exception", FLOOD), 3, "past its flood-stage watermark", [3]),
    "fewer answers": ({"act": answer_short}, 3, "2 answers to 3 documents", [3]),
    "another's document": (
        {"act": spoiling(write_one, "bulk")},
        3,
        "1 of 3 documents was refused: 'p00001': docu",
        [3],
    ),
    "a lost document": ({"act": spoiling(lose_one, "count")}, 3, "holds 2 products after 3 were sent", [3]),
    "removed": ({"act": spoiling(dict.clear, "bulk")}, 3, "was removed and made anew by something else", [3]),
    "no node": ({"assigned": False}, 3, "within 30 s: the node is full", []),
    **{name: ({"extra": {name: "x"}}, 3, f"the setting {name}, which would change results", []) for name in DECISIVE},
    "half a surrogate pair": ({}, ["\ud800"], "product 'p00000' cannot be written as JSON", []),
}


@pytest.mark.parametrize(("server", "titles", "line", "sizes"), WRONG.values(), ids=WRONG)
def test_what_goes_wrong_is_said_at_once_and_nothing_is_left(
    server: dict[str, Any], titles: Any, line: str, sizes: list[int]
) -> None:
    act = server.get("act", lambda _: None)
    cluster = Cluster(**{name: value for name, value in server.items() if name != "act"})
    act(cluster)
    titles = [""] * titles if isinstance(titles, int) else titles
    said = failing(cluster, products(titles=titles), retry_policy=RetryPolicy(sleep=lambda _: pytest.fail("it waits")))
    assert line in said
    assert said.count("; 'p") < 10
    assert not sizes or [len(part) for part in cluster.bulks] == sizes


def test_a_server_that_stays_busy_is_given_up() -> None:
    clock = Clock()
    cluster = Cluster(**refusing(503, "unavailable_shards_exception", "primary shard is not active"))
    line = failing(cluster, retry_policy=clock.policy())
    assert "503, unavailable_shards_exception" in line
    assert line.endswith("(while indexing)")
    assert 60 <= clock.now < 70


def test_more_attributes_or_bytes_than_an_index_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    own = own_file(tmp_path, {"settings": {"index": {"mapping.nested_objects.limit": 20000}}})
    catalogue = products(attributes=[("p00001", "n", str(at)) for at in range(10_001)])
    assert "product 'p00001' has 10,001 attributes; allowed: up to 10,000" in failing(cluster, catalogue)
    assert cluster.asked == []
    indexed(cluster, catalogue, Settings(mapping=own))
    monkeypatch.setattr(indexing, "MAX_BYTES", 3 * 2**20)
    with pytest.raises(InputError, match=r"product 'p00001' makes a document of 5 MB; allowed on .*: up to 3 MB"):
        documents(products(titles=LARGE), vectors_of())


def test_a_template_of_the_cluster_that_changes_no_result_does_no_harm() -> None:
    indexed(Cluster(extra={"lifecycle.name": "x", "analysis.analyzer.mine.type": "simple"}))


def test_only_what_the_users_file_is_to_blame_for_is_bad_input(tmp_path: Path) -> None:
    def cluster() -> Cluster:
        return Cluster(before=once("create", lambda: fail(400, "illegal_argument_exception", "no type [nope]")))

    own = own_file(tmp_path, {"settings": {"analysis": {"analyzer": {"q": {"type": "nope"}}}}})
    line = failing(cluster(), settings=Settings(mapping=own))
    assert line.startswith(f"InputError: {own}: ")
    assert "no type [nope]" in line
    assert failing(cluster()).startswith("CouldNotRunError: elasticsearch at ")


# removal


@pytest.mark.parametrize("settings", [Settings(), KEEP], ids=["own name", "kept"])
@pytest.mark.parametrize("act", [interrupt, lambda: fail(500, "boom")], ids=["interrupt", "failure"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_nothing_is_left_whatever_goes_wrong(place: str, act: Callable[[], None], settings: Settings) -> None:
    for when in ("create", "get", "bulk", "forcemerge", "refresh", "count", "get_settings", "stats", "put_mapping"):
        cluster = Cluster(held={"relevance-other": Held({}, {})})
        setattr(cluster, place, once(when, act))
        with pytest.raises((KeyboardInterrupt, CouldNotRunError)) as caught:
            indexed(cluster, settings=settings)
        assert ("boom" in str(caught.value)) == (act is not interrupt), when
        assert list(cluster.held) == ["relevance-other"], when


def test_an_index_that_a_late_request_makes_anew_goes_too() -> None:
    cluster = Cluster(before=once("bulk", interrupt))
    removed: list[str] = []
    whole = cluster.delete

    def delete(**arguments: Any) -> Any:
        removed.append(arguments["index"])
        return whole(**arguments)

    cluster.delete = delete  # type: ignore[method-assign]
    cluster.after = once("delete", lambda: cluster.held.update({removed[0]: Held({}, {})}))
    with pytest.raises(KeyboardInterrupt):
        indexed(cluster)
    assert (len(removed), cluster.held) == (2, {})


def test_what_cannot_be_removed_is_told_with_the_way_to_remove_it() -> None:
    cluster = Cluster(before=lambda name: lose() if name in {"bulk", "delete"} else None)
    with pytest.raises(CouldNotRunError) as caught:
        indexed(cluster, retry_policy=RetryPolicy(seconds=0.0))
    (name,) = cluster.held
    line = str(caught.value)
    assert line.startswith(f"elasticsearch at {URL}: no connection while indexing")
    assert f"index {name} may still be on {URL}" in line
    assert line.endswith(f"relevance clean --es-url {URL}")


def test_an_index_that_goes_with_its_container_is_not_removed() -> None:
    cluster = Cluster(before=once("bulk", lose))
    ended = replace(HASTY, ended=lambda: CouldNotRunError("the container was killed"))
    with pytest.raises(CouldNotRunError, match=r"^the container was killed$"):
        indexed(cluster, retry_policy=ended)
    assert cluster.asked[-1] == "bulk"


def test_removing_twice_does_no_harm_and_a_refusal_is_a_line() -> None:
    cluster = Cluster()
    name = indexed(cluster).name
    assert [indexing.remove(cluster.connection, name) for _ in range(2)] == [None, None]
    cluster.held[name] = Held({}, {})
    cluster.before = once("delete", lambda: fail(403, "security_exception"))
    assert str(indexing.remove(cluster.connection, name)).startswith(f"index {name} may still be on {URL} (")


# reuse


def test_a_kept_index_is_used_again_for_the_same_content_alone() -> None:
    cluster = Cluster()
    first = indexed(cluster, settings=KEEP)
    cluster.asked.clear()
    second = indexed(cluster, settings=KEEP)
    assert (second.name, second.sorted_segment) == (first.name, True)
    assert second.facts == {**first.facts, "reused": True}
    assert not {"bulk", "delete"} & set(cluster.asked)
    indexed(cluster, products(titles=["x", "y", "z"]), KEEP)
    indexed(cluster, settings=replace(KEEP, shards=2))
    indexed(cluster, settings=replace(KEEP, vector_index="hnsw"))
    assert len(cluster.held) == 4


SPOILED: dict[str, Callable[[Any], object]] = {
    "half-made": lambda held: held.mappings["_meta"]["relevance"].update(complete=False),
    "not kept": lambda held: held.mappings["_meta"]["relevance"].update(kept=False),
    "content": lambda held: held.mappings["_meta"]["relevance"].update(content="0" * 64),
    "copy": lambda held: held.mappings["_meta"]["relevance"].update(name="relevance-of-another-name"),
    "products": lambda held: held.mappings["_meta"]["relevance"].update(products=4),
    "no mark": lambda held: held.mappings.update(_meta={"relevance": "x"}),
    "no meta": lambda held: held.mappings.pop("_meta"),
    "count": lambda held: held.documents.popitem(),
    "written to": lambda held: setattr(held, "writes", 4),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_half_made_changed_or_foreign_index_is_neither_used_nor_touched(spoil: Callable[[Any], object]) -> None:
    cluster = Cluster()
    first = indexed(cluster, settings=KEEP)
    spoil(cluster.held[first.name])
    second = indexed(cluster, settings=KEEP)
    assert not second.facts["reused"]
    assert sorted(cluster.held) == sorted({first.name, second.name})
    assert len(cluster.held) == 2
