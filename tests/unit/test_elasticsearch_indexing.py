"""Indexing: documents made one by one, sent in parts, refused ones told, and nothing left when it goes wrong."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pytest
from elastic_transport import ConnectionError as NoConnection
from helpers.cluster import URL, Clock, Cluster, Held, fail

from relevance.engines.elasticsearch import documents, indexing
from relevance.engines.elasticsearch.failures import RetryPolicy
from relevance.engines.elasticsearch.leftovers import Mark, content_of
from relevance.engines.elasticsearch.mapping import own_paths
from relevance.engines.elasticsearch.settings import Settings
from relevance.errors import CouldNotRunError, InputError
from relevance.records import Catalogue, Vectors, attribute_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from relevance.engines.elasticsearch.indexing import Index
    from relevance.engines.elasticsearch.settings import VectorIndex

HASTY = RetryPolicy(seconds=5.0, sleep=lambda _: None)
WHOLE = ("base", "whole")
KEEP = Settings(keep_index=True)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits to see whether an index comes back."""
    monkeypatch.setattr(indexing, "_AGAIN_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(indexing, "_REMOVE_RETRY_S", 0.0)


def _catalogue(
    count: int = 3, *, titles: Sequence[str] = (), attributes: Sequence[tuple[str, str, str]] = ()
) -> Catalogue:
    ids = [f"p{at:05d}" for at in range(count)]
    given = titles or [f"title {at}" for at in range(count)]
    products = pd.DataFrame({"id": ids, "title": given, "description": [""] * count}, dtype=object)
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
) -> Index:
    products = _catalogue() if catalogue is None else catalogue
    vectors = {WHOLE: _vectors(len(products))}
    return indexing.index(
        replace(cluster.connection, retry_policy=retry_policy),
        products,
        vectors=vectors,
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


def _documents(catalogue: Catalogue, vectors: Vectors) -> list[dict[str, Any]]:
    found = documents.actions(catalogue, {WHOLE: vectors}, own_paths([WHOLE]))
    return [orjson.loads(action.lines.splitlines()[1]) for action in found]


def _once(name: str, act: Callable[[], None], *, at: int = 1) -> Callable[[str], None]:
    """Act when a request of that name comes for that time."""
    seen = [0]

    def hook(asked: str) -> None:
        seen[0] += asked == name
        if asked == name and seen[0] == at:
            act()

    return hook


def _lost() -> None:
    raise NoConnection("connection lost")


def _interrupt() -> None:
    raise KeyboardInterrupt


# documents


def test_what_a_document_holds() -> None:
    """Texts as they are, an attribute's name and value in one text, the vector to its last bit; nothing blank."""
    pairs = [("p00000", "colour", "red"), ("p00000", " ", "wide"), ("p00000", "", ""), ("p00002", "size", "\t")]
    catalogue = _catalogue(titles=["Ünï 🪁", " ", ""], attributes=pairs)
    vectors = Vectors(_vectors().matrix, np.array([2, -1, 0]))
    first, second, third = _documents(catalogue, vectors)
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
    pairs = [(f"p{at:05d}", words[at % 6], words[(at // 6) % 6]) for at in range(3000) for _ in range(at % 3)]
    catalogue = _catalogue(3000, attributes=pairs)
    found = [
        one["name_value"]
        for each in _documents(catalogue, Vectors(_vectors(1).matrix, np.full(3000, -1)))
        for one in each.get("product_attributes", [])
    ]
    assert found == [text for text in attribute_texts(catalogue) if text]


def test_documents_are_made_one_by_one() -> None:
    """4,000 documents of 20 MB pass through less than 1 MB of memory."""
    count, dimensions = 4000, 512
    catalogue = _catalogue(count)
    vectors = {WHOLE: Vectors(np.ones((1, dimensions), dtype=np.float32) / 3, np.zeros(count, dtype=np.int64))}
    assert catalogue.attributes.empty
    found = documents.actions(catalogue, vectors, own_paths(vectors))
    next(found)
    tracemalloc.start()
    size = sum(len(action.lines) for action in found)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 20_000_000
    assert peak < 1_000_000


def test_a_memory_map_can_be_sent(tmp_path: Path) -> None:
    """Vectors that lie in a file, and rows that do not lie in one piece, are written as any other."""
    np.save(tmp_path / "v.npy", np.asfortranarray(_vectors().matrix))
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    assert _documents(_catalogue(), Vectors(mapped, np.arange(3))) == _documents(_catalogue(), _vectors())


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
    with pytest.raises(InputError) as caught:
        documents.check(catalogue, most_attributes=10_000)
    assert problem in str(caught.value)
    assert len(str(caught.value)) < 200
    documents.check(_catalogue(), most_attributes=10_000)


def test_too_many_attributes(tmp_path: Path) -> None:
    """More attributes than the mapping takes are an error before anything is made; the user's own limit counts."""
    cluster, own = Cluster(), tmp_path / "own.json"
    own.write_text('{"settings": {"index": {"mapping.nested_objects.limit": 20000}}}')
    catalogue = _catalogue(attributes=[("p00001", "n", str(at)) for at in range(10_001)])
    _fails(cluster, "product 'p00001' has 10,001 attributes; allowed: up to 10,000", catalogue, error=InputError)
    assert cluster.asked == []
    assert _index(cluster, catalogue, Settings(mapping=own)).products == 3


def test_half_a_surrogate_pair_is_no_crash() -> None:
    """A text that no encoding can write is an error of one line, and nothing is left."""
    catalogue = _catalogue(1, titles=["\ud800"])
    _fails(Cluster(), "product 'p00000' cannot be written as JSON", catalogue, error=InputError)


def test_a_document_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document beyond the server's limit of a request is named."""
    monkeypatch.setattr(documents, "MAX_BYTES", 3 * 2**20)
    catalogue = _catalogue(titles=["a", "word " * 2**20, "b"])
    with pytest.raises(InputError, match=r"product 'p00001' makes a document of 5 MB; allowed on .*: up to 3 MB"):
        _documents(catalogue, _vectors())


# content


def test_content_is_what_an_index_holds() -> None:
    """How vectors lie in memory does not enter; a product's text, a bit of a vector or a setting does."""
    vectors = _vectors()
    body = {"settings": {"number_of_shards": 1}}
    same = Vectors(np.concatenate([np.zeros((2, 4), np.float32), vectors.matrix[::-1]]), np.array([4, 3, 2]))
    changed = vectors.matrix.copy()
    changed[1, 1] = np.nextafter(changed[1, 1], np.float32(9))
    made = content_of(_catalogue(), {WHOLE: vectors}, body)
    assert content_of(_catalogue(), {WHOLE: same}, body) == made
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
    assert len(others | {made}) == 9


# sending


@pytest.mark.parametrize(
    ("titles", "sizes"),
    [
        ([""] * 1201, [500, 500, 201]),
        (["a " * 2**20, "b " * 2**20, "c " * 2**20, "d"], [2, 2]),
        (["a " * 2**22, "b"], [1, 1]),
    ],
)
def test_parts_are_bounded(titles: list[str], sizes: list[int]) -> None:
    """A request holds up to 500 documents and about 5 MB; every product arrives once."""
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
    once = _index(Cluster(before=_once("bulk", lambda: fail(503, "x"))))
    assert once.notes == ("indexing went well only after 1 more try: 503 x",)


def _limited(most: int, *, stage: str = "coordinating") -> Callable[[int, int], None]:
    """A server that has so many bytes for what is written, and nothing else to do."""

    def sizes(_: int, size: int) -> None:
        if size > most:
            held = "coordinating_and_primary_bytes=0, replica_bytes=0, all_bytes=0"
            told = f"{held}, {stage}_operation_bytes={size}, max_{stage}_bytes={most}"
            fail(429, "es_rejected_execution_exception", f"rejected execution of {stage} operation [{told}]")

    return sizes


def test_a_batch_that_the_servers_memory_never_takes() -> None:
    """It goes in smaller parts, at once; every product arrives once."""
    waits: list[float] = []
    cluster = Cluster(sizes=_limited(20_000))
    made = _index(cluster, _catalogue(1201), retry_policy=RetryPolicy(sleep=waits.append))
    assert (waits, made.notes) == ([], ())
    assert len(cluster.held[made.name].documents) == cluster.held[made.name].writes == 1201


@pytest.mark.parametrize("stage", ["coordinating", "primary"])
def test_a_document_that_the_servers_memory_never_takes(stage: str) -> None:
    """It is named at once, with what it needs and what to do; nothing is left."""
    waits: list[float] = []
    cluster = Cluster(sizes=_limited(2 * 2**20, stage=stage))
    catalogue = _catalogue(3, titles=["a", "word " * 2**20, "b"])
    assert _fails(cluster, "too large", catalogue, retry_policy=RetryPolicy(sleep=waits.append)) == (
        f"elasticsearch at {URL}: product 'p00001' is too large for the server's memory: its document of 5.0 MB needs "
        "5.0 MB of it, where 2.0 MB are for documents on their way; give the server more heap (--es-memory for a "
        "container of ours, -Xmx on a cluster)"
    )
    assert waits == []


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


def test_an_answer_that_is_lost() -> None:
    """Documents that had arrived are not written twice: the conflicts of the second time are no refusals."""
    cluster = Cluster(after=_once("bulk", _lost))
    made = _index(cluster)
    assert cluster.bulks == [["p00000", "p00001", "p00002"]] * 2
    assert cluster.held[made.name].writes == 3


def _spoil(cluster: Cluster, act: Callable[[Held], object], when: str) -> Cluster:
    """Something else writes to the index when a request of that name comes."""
    cluster.before = _once(when, lambda: act(next(iter(cluster.held.values()))) and None)
    return cluster


def test_a_conflict_at_the_first_time() -> None:
    """A document that is there before we have sent it was written by somebody else."""
    cluster = _spoil(Cluster(), lambda held: held.documents.update(p00001={}), "bulk")
    _fails(cluster, "1 of 3 documents was refused: 'p00001': document already exists")


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


def test_facts_name_no_index_that_goes() -> None:
    """Two runs give the same facts and two names; the name is a fact only where it stays."""
    first, second = _index(Cluster()), _index(Cluster())
    assert first.name != second.name
    assert first.name.startswith("relevance-")
    assert first.facts == second.facts
    assert first.facts == {
        "vector_index": "flat",
        "shards": 1,
        "replicas": 0,
        "segments": 1,
        "reused": False,
        "mapping": None,
        "forced_sort": False,
    }
    assert (first.sorted_segment, first.kept, first.reused, first.products) == (True, False, False, 3)
    kept = _index(Cluster(), settings=KEEP)
    assert kept.facts["index"] == kept.name == first.name.rpartition("-")[0]


@pytest.mark.parametrize(
    ("shards", "segments", "is_sorted"), [(1, 1, True), (1, 0, True), (1, 2, False), (2, 1, False)]
)
def test_when_ties_need_a_sort(shards: int, segments: int, is_sorted: bool) -> None:  # noqa: FBT001 - a parameter
    """One shard of one segment gives ties in the order of ids, anything else does not."""
    made = _index(Cluster(segments=segments), settings=Settings(shards=shards))
    assert (made.sorted_segment, made.facts["forced_sort"]) == (is_sorted, not is_sorted)


def test_meta_is_complete_last() -> None:
    """While documents are sent the index calls itself half-made; the last thing written says that it is complete."""
    cluster = Cluster()
    seen: list[bool] = []

    def look(name: str) -> None:
        if name == "bulk":
            ((key, held),) = cluster.held.items()
            mark = Mark.read(key, held.mappings)
            assert mark is not None
            seen.append(mark.complete)

    cluster.before = look
    made = _index(cluster)
    mark = Mark.read(made.name, cluster.held[made.name].mappings)
    assert mark is not None
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
        (900_000, 1, "flat", 9, True),
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
        (_spoil(Cluster(), lambda held: held.documents.popitem(), "count"), "holds 2 products after 3 were sent"),
        (
            Cluster(assigned=False),
            "no node takes the shards of index .* within 30 s: the node is full",
        ),
        *(
            (Cluster(extra={setting: "x"}), f"the setting {setting}, .*; keep relevance-\\* out of that template")
            for setting in ("analysis.analyzer.default.type", "similarity.default.k1", "sort.order", "mode")
        ),
    ],
)
def test_an_index_that_is_not_what_was_asked_for(cluster: Cluster, line: str) -> None:
    """Lost documents, shards that no node takes, a template of the cluster that changes results: the index goes."""
    _fails(cluster, line)


def test_an_index_that_is_removed_while_it_is_filled() -> None:
    """Servers make an index that a bulk request names, without our mappings: that is seen."""
    cluster = Cluster()
    cluster.before = _once("bulk", cluster.held.clear)
    _fails(cluster, "was removed and made anew by something else")


def test_templates_that_do_no_harm() -> None:
    """A setting that does not change results is none of our business."""
    assert _index(Cluster(extra={"lifecycle.name": "x", "analysis.analyzer.mine.type": "simple"})).products == 3


def test_own_mapping_that_the_server_refuses(tmp_path: Path) -> None:
    """The line names the file and the server's reason, and it is bad input; without a file it is not."""
    own = tmp_path / "own.json"
    own.write_text('{"settings": {"analysis": {"analyzer": {"q": {"type": "nope"}}}}}')

    def refusing() -> Cluster:
        return Cluster(before=_once("create", lambda: fail(400, "illegal_argument_exception", "no type [nope]")))

    _fails(refusing(), r"own\.json: .* no type \[nope\]", error=InputError, settings=Settings(mapping=own))
    _fails(refusing(), "no type")


def test_a_lost_answer_to_making_it() -> None:
    """An index that was made although no answer came is ours, kept or not."""
    for settings in (Settings(), KEEP):
        cluster = Cluster(after=_once("create", _lost))
        made = _index(cluster, settings=settings)
        assert list(cluster.held) == [made.name]
        assert cluster.asked.count("create") == 2


# removal


@pytest.mark.parametrize("settings", [Settings(), KEEP], ids=["own name", "kept"])
@pytest.mark.parametrize("act", [_interrupt, lambda: fail(500, "boom")], ids=["interrupt", "failure"])
@pytest.mark.parametrize("when", ["create", "get", "bulk", "forcemerge", "refresh", "count", "stats", "put_mapping"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_nothing_is_left(place: str, when: str, act: Callable[[], None], settings: Settings) -> None:
    """Whatever goes wrong whenever, the index is removed, others stay, and the first error is the one that is told."""
    cluster = Cluster(held={"relevance-other": Held({}, {})})
    setattr(cluster, place, _once(when, act))
    with pytest.raises((KeyboardInterrupt, CouldNotRunError)) as caught:
        _index(cluster, settings=settings)
    assert ("boom" in str(caught.value)) == (act is not _interrupt)
    assert list(cluster.held) == ["relevance-other"]


def test_an_index_that_comes_after_it_was_removed() -> None:
    """A request that is still on its way when we remove the index may make it anew: that one goes, too."""
    cluster = Cluster(before=_once("bulk", _interrupt))

    def late() -> None:
        cluster.held[name[0]] = Held({}, {})

    name: list[str] = []
    remembered = cluster.delete

    def delete(**arguments: Any) -> Any:
        name.append(arguments["index"])
        return remembered(**arguments)

    cluster.delete = delete  # type: ignore[method-assign]
    cluster.after = _once("delete", late)
    with pytest.raises(KeyboardInterrupt):
        _index(cluster)
    assert len(name) == 2
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


def test_delete() -> None:
    """An index goes at the end, a kept one stays; what is left is a line."""
    cluster = Cluster()
    made, kept = _index(cluster), _index(cluster, settings=KEEP)
    assert indexing.delete(cluster.connection, made) is None
    assert indexing.delete(cluster.connection, made) is None
    assert indexing.delete(cluster.connection, kept) is None
    assert list(cluster.held) == [kept.name]
    cluster.held[made.name] = Held({}, {})
    cluster.before = _once("delete", lambda: fail(403, "security_exception"))
    line = indexing.delete(cluster.connection, made)
    assert line is not None
    assert line.startswith(f"index {made.name} may still be on {URL} (")


# reuse


def test_a_kept_index_is_used_again() -> None:
    """The same content is not indexed twice."""
    cluster = Cluster()
    first = _index(cluster, settings=KEEP)
    cluster.asked.clear()
    second = _index(cluster, settings=KEEP)
    assert (first.reused, second.reused, second.name, second.kept) == (False, True, first.name, True)
    assert "bulk" not in cluster.asked
    assert "delete" not in cluster.asked
    assert second.facts == {**first.facts, "reused": True}
    assert second.sorted_segment


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
    assert (second.reused, second.name != first.name) == (False, True)
    assert sorted(cluster.held) == sorted([first.name, second.name])


def test_other_content_is_another_index() -> None:
    """Other products, shards or kinds of vector index make an index of their own."""
    cluster = Cluster()
    _index(cluster, settings=KEEP)
    _index(cluster, _catalogue(titles=["x", "y", "z"]), KEEP)
    _index(cluster, settings=Settings(keep_index=True, shards=2))
    _index(cluster, settings=Settings(keep_index=True, vector_index="hnsw"))
    assert len(cluster.held) == 4
