"""An index of ours: mapping, documents in parts, what is refused is told, and nothing is left when it goes wrong."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pytest
from elastic_transport import ConnectionError as NoConnection
from helpers.cluster import URL, Clock, Cluster, Held, fail

from relevance.engines.elasticsearch import index as indexing
from relevance.engines.elasticsearch.client import RetryPolicy
from relevance.engines.elasticsearch.index import content_of
from relevance.engines.elasticsearch.leftovers import Mark
from relevance.engines.elasticsearch.mapping import OwnMapping, index_body, merged_over, own_paths, read_own_mapping
from relevance.engines.elasticsearch.settings import VECTOR_INDICES, Settings
from relevance.errors import CouldNotRunError, InputError
from relevance.records import Catalogue, Vectors, attribute_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from relevance.engines.elasticsearch.mapping import SearchedIndex
    from relevance.engines.elasticsearch.settings import VectorIndex

HASTY = RetryPolicy(seconds=5.0, sleep=lambda _: None)
WHOLE, OTHER = ("base", "whole"), ("large", "title")
KEEP = Settings(keep_index=True)
TEXT = {"type": "text"}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits to see whether an index comes back."""
    monkeypatch.setattr(indexing, "_AGAIN_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(indexing, "_REMOVE_RETRY_S", 0.0)


def _catalogue(
    count: int = 3, *, titles: Sequence[str] = (), attributes: Sequence[tuple[str, str, str]] = ()
) -> Catalogue:
    ids = [f"p{at:05d}" for at in range(count)]
    named = titles or [f"title {at}" for at in range(count)]
    products = pd.DataFrame({"id": ids, "title": named, "description": [""] * count}, dtype=object)
    return Catalogue(products, pd.DataFrame(attributes, columns=["id", "name", "value"], dtype=str))


def _vectors(count: int = 3, *, dimensions: int = 4) -> Vectors:
    matrix = np.random.default_rng(1).normal(size=(count, dimensions)).astype(np.float32)
    return Vectors(matrix, np.arange(count))


def _index(
    cluster: Cluster,
    catalogue: Catalogue | None = None,
    settings: Settings | None = None,
    *,
    retry_policy: RetryPolicy = HASTY,
) -> SearchedIndex:
    products = _catalogue() if catalogue is None else catalogue
    return indexing.make(
        replace(cluster.connection, retry_policy=retry_policy),
        products,
        vectors={WHOLE: _vectors(len(products))},
        settings=settings or Settings(),
        progress=False,
    )


def _fails(
    cluster: Cluster,
    line: str,
    catalogue: Catalogue | None = None,
    *,
    error: type[Exception] = CouldNotRunError,
    **more: Any,
) -> str:
    """The line that says why nothing is indexed; nothing is left on the cluster."""
    with pytest.raises(error, match=line) as caught:
        _index(cluster, catalogue, **more)
    assert cluster.held == {}
    assert len(str(caught.value)) < 2500
    return str(caught.value)


def _mark(cluster: Cluster, name: str) -> Mark:
    mark = Mark.read(name, cluster.held[name].mappings)
    assert mark is not None
    return mark


def _once(name: str, act: Callable[[], object]) -> Callable[[str], None]:
    """Act when a request of that name comes for the first time."""
    seen: list[str] = []

    def hook(asked: str) -> None:
        seen.append(asked)
        if asked == name and seen.count(name) == 1:
            act()

    return hook


def _lost() -> None:
    raise NoConnection("connection lost")


def _interrupt() -> None:
    raise KeyboardInterrupt


# the mapping, and the user's own over it


def _body(settings: Settings | None = None, own: OwnMapping | None = None) -> dict[str, Any]:
    dimensions = {WHOLE: 384, OTHER: 768}
    return index_body(own_paths(dimensions), dimensions, settings or Settings(), own)


def _own(folder: Path, content: Mapping[str, Any] | str) -> OwnMapping:
    path = folder / "own.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_own_mapping(path)


@pytest.mark.parametrize("kind", VECTOR_INDICES)
def test_settings_and_mappings(kind: VectorIndex) -> None:
    """Strict, sorted by id, vectors that stay out of `_source`, nothing left to the server's defaults."""
    body = _body(Settings(shards=3, replicas=2, vector_index=kind))
    graph = {"m": 16, "ef_construction": 100} if "hnsw" in kind else {}
    vector = {"type": "dense_vector", "similarity": "cosine", "index_options": {"type": kind, **graph}}
    texts = {
        "product_uid": {"type": "keyword"},
        "product_title": TEXT,
        "product_description": TEXT,
        "product_attributes": {"type": "nested", "dynamic": "strict", "properties": {"name_value": TEXT}},
    }
    assert body["mappings"] == {
        "dynamic": "strict",
        "_source": {"excludes": ["title_vector_large", "whole_vector"]},
        "properties": {
            **texts,
            "whole_vector": {**vector, "dims": 384},
            "title_vector_large": {**vector, "dims": 768},
        },
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
    assert index_body(own_paths([]), {}, Settings())["mappings"] == {"dynamic": "strict", "properties": texts}


def test_too_many_dimensions() -> None:
    """The server's limit of dimensions is told before anything is made."""
    index_body(own_paths([WHOLE]), {WHOLE: 4096}, Settings())
    with pytest.raises(InputError, match=r"whole by model 'base' have 4,097 dimensions; allowed on .*: up to 4,096"):
        index_body(own_paths([WHOLE]), {WHOLE: 4097}, Settings())


def test_own_mapping_lies_over_ours(tmp_path: Path) -> None:
    """Analyzers, similarity, fields below ours and new ones: merged key by key, ours stay where nothing was said."""
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
                "product_attributes": {"properties": {"name_value": {"search_analyzer": "english"}}},
                "all": {"type": "text"},
            }
        },
    }
    body, plain = _body(own=_own(tmp_path, content)), _body()
    assert body["settings"] == {
        **plain["settings"],
        "analysis.analyzer.english.type": "english",
        "similarity.default.b": 0.5,
        "mapping.nested_objects.limit": 20,
    }
    value = {**TEXT, "search_analyzer": "english"}
    assert body["mappings"]["properties"] == plain["mappings"]["properties"] | {
        "product_title": {"type": "text", **title},
        "product_attributes": {"type": "nested", "dynamic": "strict", "properties": {"name_value": value}},
        "all": {"type": "text"},
    }
    assert _body() == plain


def test_merging_leaves_both_alone() -> None:
    """Neither argument is changed; an object replaces a value and the other way round."""
    ours = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    own = {"a": {"c": [3]}, "d": {"e": 2}, "f": None}
    before = json.dumps([ours, own])
    assert merged_over(ours, own) == {"a": {"b": 1, "c": [3]}, "d": {"e": 2}, "f": None}
    assert merged_over({"a": {"b": 1}}, {"a": 1}) == {"a": 1}
    assert json.dumps([ours, own]) == before


def test_the_file_is_named_by_its_hash(tmp_path: Path) -> None:
    """Results say which file it was; a byte order mark, as Windows' editors write it, is no error."""
    path = tmp_path / "own.json"
    path.write_bytes(b'\xef\xbb\xbf{"settings": {}}')
    own = read_own_mapping(path)
    assert (own.path, own.sha256) == (str(path), hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "not JSON: Expecting value: line 1 column 1"),
        ('{"settings": {"a": 1, "a": 2}}', "not JSON: the key 'a' stands twice in one object"),
        ('{"mappings": ' + '{"a": ' * 100_000, "not JSON: "),
        ('{"settings": ' + '{"a": ' * 200 + "1" + "}" * 201, "202 objects inside each other; allowed: 60"),
        (" " * (1 << 20) + "{}", "larger than 1,048,576 bytes"),
        ("[]", r"the file is \[\]; allowed: a JSON object"),
        ({"setings": {}}, r"unknown key 'setings' \(did you mean 'settings'\?\); allowed: settings, mappings"),
        ({"settings": []}, r"settings is \[\]; allowed: a JSON object"),
        ({"mappings": {"properties": 1}}, "properties is 1; allowed: a JSON object"),
        ({"settings": {"index": {"a": 1}, "index.a": 2}}, "a is set twice"),
        ({"settings": {"index.a.b": 1, "a": {"b": 2}}}, "a.b is set twice"),
        ({"settings": {"number_of_shards": 2}}, "number_of_shards is set by relevance itself; allowed: --es-shards"),
        ({"settings": {"index": {"number_of_replicas": 2}}}, "number_of_replicas .*; allowed: --es-replicas"),
        ({"settings": {"index.auto_expand_replicas": "0-1"}}, "allowed: --es-replicas"),
        ({"settings": {"sort": {"field": "x"}}}, "sort.field is set by relevance itself; the index is sorted by"),
        ({"settings": {"refresh_interval": "1s"}}, "refreshed once"),
        ({"settings": {"final_pipeline": "x"}}, "indexed as they are"),
        ({"settings": {"blocks.write": True}}, "has to be written"),
        ({"mappings": {"dynamic": True}}, "unknown key 'dynamic'; allowed: properties, runtime"),
        ({"mappings": {"properties": {"product_uid": {}}}}, "the field product_uid is relevance's own"),
        ({"mappings": {"properties": {"title_vector_big": {}}}}, "the field title_vector_big is relevance's own"),
        ({"mappings": {"properties": {"product_attributes": {"type": "object"}}}}, "product_attributes.type is set by"),
        ({"mappings": {"properties": {"product_attributes": {"dynamic": True}}}}, "product_attributes.dynamic is set"),
        ({"mappings": {"properties": {"product_attributes": 1}}}, "the field product_attributes is 1; allowed"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, content: Mapping[str, Any] | str, problem: str) -> None:
    """What is no settings and mappings, or sets what we need ourselves, is one line with the file."""
    with pytest.raises(InputError, match=problem) as caught:
        _own(tmp_path, content)
    assert str(caught.value).startswith(str(tmp_path / "own.json"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is missing, a folder or not UTF-8 is one line."""
    (tmp_path / "latin").write_bytes(b'{"settings": {"a": "\xe9"}}')
    for name, problem in (("none", "No such file or"), ("", "Is a directory"), ("latin", "byte 20 is not UTF-8")):
        with pytest.raises(InputError, match=problem):
            read_own_mapping(tmp_path / name)


# documents


def _documents(catalogue: Catalogue, vectors: Vectors) -> list[dict[str, Any]]:
    actions = indexing.actions(catalogue, {WHOLE: vectors}, own_paths([WHOLE]))
    return [orjson.loads(action.lines.splitlines()[1]) for action in actions]


def test_what_a_document_holds(tmp_path: Path) -> None:
    """Texts as they are, an attribute's name and value in one text, the vector to its last bit; nothing blank."""
    pairs = [("p00000", "colour", "red"), ("p00000", " ", "wide"), ("p00000", "", ""), ("p00002", "size", "\t")]
    catalogue = _catalogue(titles=["Ünï 🪁", " ", ""], attributes=pairs)
    vectors = Vectors(_vectors().matrix, np.array([2, -1, 0]))
    documents = _documents(catalogue, vectors)
    # vectors that lie in a file, and rows that do not lie in one piece, are written as any other
    np.save(tmp_path / "v.npy", np.asfortranarray(vectors.matrix))
    assert _documents(catalogue, Vectors(np.load(tmp_path / "v.npy", mmap_mode="r"), vectors.rows)) == documents
    first, second, third = documents
    assert first.pop("whole_vector") == [float(str(value)) for value in vectors.matrix[2]]
    assert np.array_equal(np.float32(third.pop("whole_vector")), vectors.matrix[0])
    assert first == {
        "product_uid": "p00000",
        "product_title": "Ünï 🪁",
        "product_attributes": [{"name_value": "colour red"}, {"name_value": "wide"}],
    }
    assert second == {"product_uid": "p00001"}
    assert third == {"product_uid": "p00002", "product_attributes": [{"name_value": "size"}]}


def test_attributes_are_those_of_the_embedded_engine() -> None:
    """An attribute's text is what `attribute_texts` says, for products over more than one slice."""
    words = ["", " ", "a", "b c", "\n", "x "]
    pairs = [(f"p{at:05d}", words[at % 6], words[(at // 6) % 6]) for at in range(1100) for _ in range(at % 3)]
    catalogue = _catalogue(1100, attributes=pairs)
    documents = _documents(catalogue, Vectors(_vectors(1).matrix, np.full(1100, -1)))
    values = [one["name_value"] for each in documents for one in each.get("product_attributes", [])]
    assert values == [text for text in attribute_texts(catalogue) if text]


def test_documents_are_made_one_by_one() -> None:
    """2,000 documents of 10 MB pass through less than 1 MB of memory."""
    count, dimensions = 2000, 512
    catalogue = _catalogue(count)
    vectors = {WHOLE: Vectors(np.ones((1, dimensions), dtype=np.float32) / 3, np.zeros(count, dtype=np.int64))}
    assert catalogue.attributes.empty
    actions = indexing.actions(catalogue, vectors, own_paths(vectors))
    next(actions)
    tracemalloc.start()
    size = sum(len(action.lines) for action in actions)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 10_000_000
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("ids", "problem"),
    [
        (["a", "x" * 513], "an id of 513 bytes; allowed on elasticsearch: 1 to 512 bytes of UTF-8"),
        (["a", "é" * 257], "an id of 514 bytes"),
        (["", "b"], "an id of 0 bytes"),
        (["a", "\ud800" * 200], "an id of 600 bytes"),
    ],
)
def test_ids_that_no_index_takes(ids: list[str], problem: str) -> None:
    """An id is 1 to 512 bytes long; the line is short however long the id."""
    products = pd.DataFrame({"id": ids, "title": "", "description": ""}, dtype=object)
    catalogue = Catalogue(products, pd.DataFrame(columns=["id", "name", "value"], dtype=object))
    with pytest.raises(InputError, match=problem) as caught:
        indexing.check(catalogue, most_attributes=10_000)
    assert len(str(caught.value)) < 200


def test_too_many_attributes(tmp_path: Path) -> None:
    """More attributes than the mapping takes are an error before anything is made; the user's own limit counts."""
    cluster, own = Cluster(), tmp_path / "own.json"
    own.write_text('{"settings": {"index": {"mapping.nested_objects.limit": 20000}}}')
    catalogue = _catalogue(attributes=[("p00001", "n", str(at)) for at in range(10_001)])
    _fails(cluster, "product 'p00001' has 10,001 attributes; allowed: up to 10,000", catalogue, error=InputError)
    assert cluster.asked == []
    _index(cluster, catalogue, Settings(mapping=own))


def test_documents_that_cannot_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a surrogate pair, and a document beyond the server's limit of a request, name their product."""
    _fails(Cluster(), "product 'p00000' cannot be written as JSON", _catalogue(1, titles=["\ud800"]), error=InputError)
    monkeypatch.setattr(indexing, "MAX_BYTES", 3 * 2**20)
    with pytest.raises(InputError, match=r"product 'p00001' makes a document of 5 MB; allowed on .*: up to 3 MB"):
        _documents(_catalogue(titles=["a", "word " * 2**20, "b"]), _vectors())


def test_content_is_what_an_index_holds() -> None:
    """How vectors lie in memory does not enter; a product's text, a bit of a vector or a setting does."""
    vectors = _vectors()
    body = {"settings": {"number_of_shards": 1}}
    same = Vectors(np.concatenate([np.zeros((2, 4), np.float32), vectors.matrix[::-1]]), np.array([4, 3, 2]))
    changed = vectors.matrix.copy()
    changed[1, 1] = np.nextafter(changed[1, 1], np.float32(9))
    content = content_of(_catalogue(), {WHOLE: vectors}, body)
    assert content_of(_catalogue(), {WHOLE: same}, body) == content
    others = {
        content_of(_catalogue(), {WHOLE: Vectors(changed, np.arange(3))}, body),
        content_of(_catalogue(), {WHOLE: Vectors(vectors.matrix, np.array([0, 1, -1]))}, body),
        content_of(_catalogue(), {WHOLE: Vectors(vectors.matrix, np.array([0, -1, 1]))}, body),
        content_of(_catalogue(), {("base", "title"): vectors}, body),
        content_of(_catalogue(), {("other", "whole"): vectors}, body),
        content_of(_catalogue(), {}, body),
        content_of(_catalogue(titles=["x", "y", "z"]), {WHOLE: vectors}, body),
        content_of(_catalogue(), {WHOLE: vectors}, {"settings": {"number_of_shards": 2}}),
    }
    assert len(others | {content}) == 9


# sending


@pytest.mark.parametrize(
    ("titles", "sizes"),
    [
        ([""] * 1201, [500, 500, 201]),
        (["a " * 2**18, "b " * 2**17, "c " * 2**17, "d"], [2, 2]),
        (["a " * 2**20, "b"], [1, 1]),
        (["a " * 300_000] * 3, [1, 1, 1]),
    ],
)
def test_parts_are_bounded(titles: list[str], sizes: list[int]) -> None:
    """A request holds up to 500 documents and about 1 MB; every product arrives once."""
    cluster = Cluster()
    made = _index(cluster, _catalogue(len(titles), titles=titles))
    assert [len(part) for part in cluster.bulks] == sizes
    assert len(cluster.held[made.name].documents) == cluster.held[made.name].writes == len(titles)


def test_only_what_was_refused_for_the_moment_is_sent_again() -> None:
    """Documents that met a full queue go again, the others do not; the retries become a note."""
    waits: list[float] = []
    busy = {"p00001": 2, "p00002": 1}

    def refuses(uid: str) -> tuple[int, str, str] | None:
        busy[uid] = busy.get(uid, 0) - 1
        return (429, "es_rejected_execution_exception", "queue is full") if busy[uid] >= 0 else None

    cluster = Cluster(refuses=refuses)
    made = _index(cluster, retry_policy=RetryPolicy(sleep=waits.append))
    assert cluster.bulks == [["p00000", "p00001", "p00002"], ["p00001", "p00002"], ["p00001"]]
    assert waits == [0.5, 1.0]
    assert made.notes == ("indexing went well only after 2 more tries: 429 es_rejected_execution_exception (2)",)


def _limited(most: int, *, stage: str = "coordinating") -> Callable[[int, int], None]:
    """A server that has so many bytes for what is written, and nothing else to do."""

    def sizes(_: int, size: int) -> None:
        if size > most:
            held = "coordinating_and_primary_bytes=0, replica_bytes=0, all_bytes=0"
            told = f"{held}, {stage}_operation_bytes={size}, max_{stage}_bytes={most}"
            fail(429, "es_rejected_execution_exception", f"rejected execution of {stage} operation [{told}]")

    return sizes


def _too_large(_: int, size: int) -> None:
    """A proxy that takes 20 kB."""
    if size > 20_000:
        fail(413, "")


@pytest.mark.parametrize("sizes", [_limited(20_000), _too_large], ids=["memory", "413"])
def test_a_batch_that_is_never_taken(sizes: Callable[[int, int], None]) -> None:
    """It goes in smaller parts, at once; every product arrives once."""
    waits: list[float] = []
    cluster = Cluster(sizes=sizes)
    made = _index(cluster, _catalogue(1201), retry_policy=RetryPolicy(sleep=waits.append))
    assert (waits, made.notes) == ([], ())
    assert len(cluster.held[made.name].documents) == cluster.held[made.name].writes == 1201


@pytest.mark.parametrize("stage", ["coordinating", "primary"])
def test_a_document_that_is_never_taken(stage: str) -> None:
    """It is named at once, with what it needs and what to do; nothing is left. So is what is too large for a proxy."""
    waits: list[float] = []
    cluster = Cluster(sizes=_limited(2 * 2**20, stage=stage))
    catalogue = _catalogue(3, titles=["a", "word " * 2**20, "b"])
    assert _fails(cluster, "too large", catalogue, retry_policy=RetryPolicy(sleep=waits.append)) == (
        f"elasticsearch at {URL}: product 'p00001' is too large for the server's memory: its document of 5.0 MB needs "
        "5.0 MB of it, where 2.0 MB are for documents on their way; give the server more heap (--es-memory for a "
        "container of ours, -Xmx on a cluster)"
    )
    assert waits == []
    _fails(Cluster(sizes=_too_large), "too large for the server or a proxy in between", catalogue)


def test_an_item_that_the_servers_memory_never_takes() -> None:
    """Release 9 takes the request and refuses its documents, which need several times their size."""
    told = "coordinating_and_primary_bytes=300, replica_bytes=0, all_bytes=300, primary_operation_bytes=990"
    reason = f"rejected execution of primary operation [{told}, max_primary_bytes=1000]"
    refused = (429, "es_rejected_execution_exception", reason)
    cluster = Cluster(refuses=lambda uid: refused if uid == "p00002" else None)
    _fails(cluster, "product 'p00002' is too large for the server's memory")
    assert cluster.bulks == [["p00000", "p00001", "p00002"], ["p00002"]]


def test_a_server_whose_memory_is_full_gets_less_at_a_time() -> None:
    """The next try has half of the documents, after a wait; the rest follows."""
    waits: list[float] = []
    full = [2]

    def sizes(*_: int) -> None:
        if full[0]:
            full[0] -= 1
            fail(429, "circuit_breaking_exception", "[parent] Data too large")

    cluster = Cluster(sizes=sizes)
    _index(cluster, _catalogue(10), retry_policy=RetryPolicy(sleep=waits.append))
    assert [len(part) for part in cluster.bulks] == [2, 2, 2, 2, 2]
    assert waits == [0.5, 1.0]


def test_answers_that_are_lost() -> None:
    """What had arrived is not written or made twice: a conflict of the second time is no refusal."""
    for settings in (Settings(), KEEP):
        for name in ("bulk", "create"):
            cluster = Cluster(after=_once(name, _lost))
            made = _index(cluster, settings=settings)
            assert list(cluster.held) == [made.name]
            assert cluster.held[made.name].writes == 3
            assert cluster.asked.count(name) == 2


def _spoil(act: Callable[[Held], object], when: str) -> Cluster:
    """A cluster where something else writes to the index when a request of that name comes."""
    cluster = Cluster()
    cluster.before = _once(when, lambda: act(next(iter(cluster.held.values()))))
    return cluster


def test_patience_ends() -> None:
    """A server that stays busy is given up, and nothing is left."""
    clock = Clock()
    cluster = Cluster(refuses=lambda _: (503, "unavailable_shards_exception", "primary shard is not active"))
    _fails(cluster, r"503, unavailable_shards_exception.* \(while indexing\)", retry_policy=clock.policy())
    assert 60 <= clock.now < 70


def test_refused_documents_are_named() -> None:
    """All parts are sent while few are refused; the line names ids and reasons."""
    bad = {"p00007", "p00501", "p01200"}
    cluster = Cluster(refuses=lambda uid: (400, "document_parsing_exception", "bad\nvector") if uid in bad else None)
    reason = "bad vector (document_parsing_exception)"
    assert _fails(cluster, "refused", _catalogue(1201)) == (
        f"elasticsearch at {URL}: 3 of 1,201 documents were refused: "
        f"'p00007': {reason}; 'p00501': {reason}; 'p01200': {reason}"
    )


def test_many_refused_documents_end_it_soon() -> None:
    """When ten are refused no further part is sent, and ten are named."""
    cluster = Cluster(refuses=lambda _: (400, "strict_dynamic_mapping_exception", "x" * 1000))
    line = _fails(cluster, r"500 of the first 500 documents were refused: 'p00000': x+….*; …$", _catalogue(1201))
    assert line.count("; 'p") == 9
    assert len(cluster.bulks) == 1


def test_a_read_only_index_is_told_at_once() -> None:
    """The flood stage says 429, but no patience helps."""
    reason = "index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, …];"
    cluster = Cluster(refuses=lambda _: (429, "cluster_block_exception", reason))
    _fails(cluster, "disk past its flood-stage watermark")
    assert len(cluster.bulks) == 1


def test_fewer_answers_than_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that does not speak of every document is no success."""
    whole = Cluster.bulk

    def short(self: Cluster, **arguments: Any) -> Any:
        answer = whole(self, **arguments)
        answer.body["items"].pop()
        return answer

    monkeypatch.setattr(Cluster, "bulk", short)
    _fails(Cluster(), "2 answers to 3 documents")


# making


@pytest.mark.parametrize(
    ("shards", "segments", "is_sorted"), [(1, 1, True), (1, 0, True), (1, 2, False), (2, 1, False)]
)
def test_facts(shards: int, segments: int, *, is_sorted: bool) -> None:
    """The name is a fact only where it stays; only one shard of one segment gives ties in the order of ids."""
    settings = Settings(shards=shards)
    first, second = (_index(Cluster(segments=segments), settings=settings) for _ in range(2))
    assert first.name != second.name
    assert first.facts == second.facts
    assert first.facts == {
        "vector_index": "flat",
        "shards": shards,
        "replicas": 0,
        "segments": segments,
        "search_type": "query_then_fetch" if shards == 1 else "dfs_query_then_fetch",
        "reused": False,
        "mapping": None,
        "forced_sort": not is_sorted,
    }
    assert (first.sorted_segment, first.shards) == (is_sorted, shards)
    kept = _index(Cluster(), settings=replace(settings, keep_index=True))
    assert kept.facts["index"] == kept.name == first.name.rpartition("-")[0]


def test_meta_is_complete_last() -> None:
    """While documents are sent the index calls itself half-made; the last thing written says that it is complete."""
    cluster = Cluster()
    seen: list[bool] = []
    cluster.before = lambda name: seen.append(_mark(cluster, *cluster.held).complete) if name == "bulk" else None
    mark = _mark(cluster, _index(cluster).name)
    assert (seen, mark.complete, mark.operations, mark.products) == ([False], True, 3, 3)
    assert mark.owner.state == "running"
    assert cluster.asked[-1] == "put_mapping"


def test_a_large_index_is_not_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Merging is left out where it would take long."""
    monkeypatch.setattr(indexing, "CHEAP_S", 0.0)
    cluster = Cluster()
    _index(cluster)
    assert "forcemerge" not in cluster.asked


@pytest.mark.parametrize(
    ("products", "fields", "kind", "release", "is_cheap"),
    [
        (100_000, 4, "flat", 8, True),
        (200_000, 4, "flat", 8, False),
        (300_000, 4, "flat", 9, True),
        (2_000_000, 1, "flat", 9, False),
        (25_000, 4, "hnsw", 9, True),
        (50_000, 1, "int8_hnsw", 8, True),
        (100_000, 4, "hnsw", 9, False),
    ],
)
def test_what_is_cheap_to_merge(products: int, fields: int, kind: VectorIndex, release: int, *, is_cheap: bool) -> None:
    """Up to a minute: vectors are copied, graphs are made anew, and release 8 copies texts of vectors, too."""
    vectors = Vectors(np.zeros((1, 384), np.float32), np.zeros(products, np.int64))
    seconds = indexing.merge_seconds(products, [vectors] * fields, kind, release)
    assert (seconds <= indexing.CHEAP_S) == is_cheap


@pytest.mark.parametrize(
    ("cluster", "line"),
    [
        (
            _spoil(lambda held: held.documents.update(p00001={}), "bulk"),
            "1 of 3 documents was refused: 'p00001': document already exists",
        ),
        (_spoil(lambda held: held.documents.popitem(), "count"), "holds 2 products after 3 were sent"),
        (Cluster(assigned=False), "no node takes the shards of index .* within 30 s: the node is full"),
        *(
            (Cluster(extra={setting: "x"}), f"the setting {setting}, .*; keep relevance-\\* out of that template")
            for setting in ("analysis.analyzer.default.type", "similarity.default.k1", "sort.order", "mode")
        ),
    ],
)
def test_an_index_that_is_not_what_was_asked_for(cluster: Cluster, line: str) -> None:
    """Others' documents, lost ones, shards that no node takes, a template that changes results: the index goes."""
    _fails(cluster, line)


def test_an_index_that_is_removed_while_it_is_filled() -> None:
    """Servers make an index that a bulk request names, without our mappings: that is seen."""
    cluster = Cluster()
    cluster.before = _once("bulk", cluster.held.clear)
    _fails(cluster, "was removed and made anew by something else")


def test_templates_that_do_no_harm() -> None:
    """A setting that does not change results is none of our business."""
    _index(Cluster(extra={"lifecycle.name": "x", "analysis.analyzer.mine.type": "simple"}))


def test_own_mapping_that_the_server_refuses(tmp_path: Path) -> None:
    """The line names the file and the server's reason, and it is bad input; without a file it is not."""
    own = tmp_path / "own.json"
    own.write_text('{"settings": {"analysis": {"analyzer": {"q": {"type": "nope"}}}}}')

    def refusing() -> Cluster:
        return Cluster(before=_once("create", lambda: fail(400, "illegal_argument_exception", "no type [nope]")))

    _fails(refusing(), r"own\.json: .* no type \[nope\]", error=InputError, settings=Settings(mapping=own))
    _fails(refusing(), "no type")


# removal


@pytest.mark.parametrize("settings", [Settings(), KEEP], ids=["own name", "kept"])
@pytest.mark.parametrize("act", [_interrupt, lambda: fail(500, "boom")], ids=["interrupt", "failure"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_nothing_is_left(place: str, act: Callable[[], None], settings: Settings) -> None:
    """Whatever goes wrong whenever, the index is removed, others stay, and the first error is the one that is told."""
    for when in ("create", "get", "bulk", "forcemerge", "refresh", "count", "stats", "put_mapping"):
        cluster = Cluster(held={"relevance-other": Held({}, {})})
        setattr(cluster, place, _once(when, act))
        with pytest.raises((KeyboardInterrupt, CouldNotRunError)) as caught:
            _index(cluster, settings=settings)
        assert ("boom" in str(caught.value)) == (act is not _interrupt), when
        assert list(cluster.held) == ["relevance-other"], when


def test_an_index_that_comes_after_it_was_removed() -> None:
    """A request that is still on its way when we remove the index may make it anew: that one goes, too."""
    cluster = Cluster(before=_once("bulk", _interrupt))
    removed: list[str] = []
    whole = cluster.delete

    def delete(**arguments: Any) -> Any:
        removed.append(arguments["index"])
        return whole(**arguments)

    cluster.delete = delete  # type: ignore[method-assign]
    cluster.after = _once("delete", lambda: cluster.held.update({removed[0]: Held({}, {})}))
    with pytest.raises(KeyboardInterrupt):
        _index(cluster)
    assert len(removed) == 2
    assert cluster.held == {}


def test_a_name_that_somebody_else_has() -> None:
    """A kept index whose plain name is taken gets a suffix; the other stays, even when ours fails."""
    plain = _index(Cluster(), settings=KEEP).name
    cluster = Cluster(held={plain: Held({}, {})})
    made = _index(cluster, settings=KEEP)
    assert made.name.startswith(f"{plain}-")
    assert sorted(cluster.held) == [plain, made.name]
    failing = Cluster(held={plain: Held({}, {})}, before=_once("bulk", _interrupt))
    with pytest.raises(KeyboardInterrupt):
        _index(failing, settings=KEEP)
    assert list(failing.held) == [plain]


def test_what_cannot_be_removed_is_told() -> None:
    """Where the server is gone the line says what may still be there, and how to remove it."""
    cluster = Cluster(before=lambda name: _lost() if name in {"bulk", "exists"} else None)
    with pytest.raises(CouldNotRunError) as caught:
        _index(cluster, retry_policy=RetryPolicy(seconds=0.0))
    (name,) = cluster.held
    line = str(caught.value)
    assert line.startswith(f"elasticsearch at {URL}: no connection while indexing")
    assert f"index {name} may still be on {URL}" in line
    assert line.endswith(f"relevance clean --es-url {URL}")


def test_an_index_that_goes_with_its_server_is_not_removed() -> None:
    """A container that has ended takes the index along: nothing is asked of it, and its own line is told."""
    cluster = Cluster(before=_once("bulk", _lost))
    ended = replace(HASTY, ended=lambda: CouldNotRunError("the container was killed"))
    with pytest.raises(CouldNotRunError, match=r"^the container was killed$"):
        _index(cluster, retry_policy=ended)
    assert cluster.asked[-1] == "bulk"


def test_removing() -> None:
    """An index goes, twice does no harm; what is left is a line."""
    cluster = Cluster()
    made = _index(cluster)
    assert [indexing.remove(cluster.connection, made.name) for _ in range(2)] == [None, None]
    cluster.held[made.name] = Held({}, {})
    cluster.before = _once("delete", lambda: fail(403, "security_exception"))
    line = indexing.remove(cluster.connection, made.name)
    assert line is not None
    assert line.startswith(f"index {made.name} may still be on {URL} (")


# reuse


def test_a_kept_index_is_used_again() -> None:
    """The same content is not indexed twice; other products, shards or vector indices make an index of their own."""
    cluster = Cluster()
    first = _index(cluster, settings=KEEP)
    cluster.asked.clear()
    second = _index(cluster, settings=KEEP)
    assert (second.name, second.sorted_segment) == (first.name, True)
    assert second.facts == {**first.facts, "reused": True}
    assert not {"bulk", "delete"} & set(cluster.asked)
    _index(cluster, _catalogue(titles=["x", "y", "z"]), KEEP)
    _index(cluster, settings=replace(KEEP, shards=2))
    _index(cluster, settings=replace(KEEP, vector_index="hnsw"))
    assert len(cluster.held) == 4


@pytest.mark.parametrize(
    "spoil",
    [
        lambda held: held.mappings["_meta"]["relevance"].update(complete=False),
        lambda held: held.mappings["_meta"]["relevance"].update(kept=False),
        lambda held: held.mappings["_meta"]["relevance"].update(content="0" * 64),
        lambda held: held.mappings["_meta"]["relevance"].update(name="relevance-of-another-name"),
        lambda held: held.mappings["_meta"]["relevance"].update(products=4),
        lambda held: held.mappings.update(_meta={"relevance": "x"}),
        lambda held: held.mappings.pop("_meta"),
        lambda held: held.documents.popitem(),
        lambda held: setattr(held, "writes", 4),
    ],
    ids=["half-made", "not kept", "content", "copy", "products", "no mark", "no meta", "count", "written to"],
)
def test_a_kept_index_that_is_not_used_again(spoil: Callable[[Held], object]) -> None:
    """A half-made, changed or foreign index is neither used nor touched; a new one gets another name."""
    cluster = Cluster()
    first = _index(cluster, settings=KEEP)
    spoil(cluster.held[first.name])
    second = _index(cluster, settings=KEEP)
    assert not second.facts["reused"]
    assert sorted(cluster.held) == sorted({first.name, second.name})
    assert len(cluster.held) == 2
