"""Searching: what is sent for each leg, what comes back of it, what is asked again, and what is no ranking."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pytest
from elastic_transport import ConnectionError as NoConnection
from helpers.cluster import Clock, answer, api_error
from searched import HITS, SORT, SORTED, THREE, UNSORTED, searched

from relevance.engines import QueryBatch
from relevance.engines.elasticsearch import engine as elasticsearch_engine
from relevance.engines.elasticsearch.client import Connection, RetryPolicy
from relevance.engines.elasticsearch.engine import ElasticsearchEngine, form
from relevance.engines.elasticsearch.mapping import FieldPaths, own_paths
from relevance.errors import CouldNotRunError, TemplateError
from relevance.records import NO_HIT, Catalogue
from relevance.strategies import STRATEGIES, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from relevance.engines.elasticsearch.mapping import SearchedIndex
    from relevance.records import Ranking
    from relevance.strategies import Leg

# the body of each leg

VECTOR = np.array([0.6, -0.8], dtype=np.float32)


def body(strategy: Strategy, index: SearchedIndex, text: str = "oak desk") -> list[dict[str, Any]]:
    """What is sent for each leg of a strategy."""
    found = [form(leg, index, hits=10).body(text, VECTOR if leg.embeds else None) for leg in strategy.legs()]
    return [
        json.loads(json.dumps(one, default=lambda vector: [round(float(value), 3) for value in vector]))
        for one in found
    ]


def match(boosts: tuple[float, float, float]) -> dict[str, Any]:
    """The query of the text fields of an index of ours."""
    title, description, attributes = boosts
    nested = {"match": {"product_attributes.name_value": {"query": "oak desk", "boost": attributes}}}
    return {
        "bool": {
            "should": [
                {"match": {"product_title": {"query": "oak desk", "boost": title}}},
                {"match": {"product_description": {"query": "oak desk", "boost": description}}},
                {"nested": {"path": "product_attributes", "query": nested}},
            ]
        }
    }


def knn(model: str = "", **boosts: float) -> list[dict[str, Any]]:
    """The knn section of an index of ours."""
    counts = {"k": 150, "num_candidates": 150}
    return [
        {"field": f"{name}_vector{model}", "query_vector": [0.6, -0.8], "boost": boost, **counts}
        for name, boost in boosts.items()
    ]


EACH = {"title": 1, "description": 1, "attributes": 1}
BODIES: dict[str, list[dict[str, Any]]] = {
    "textsearch": [{"query": match((1, 1, 1))}],
    "textsearch_boosted": [{"query": match((8, 2, 1))}],
    "vectorsearch": [{"knn": knn(whole=1)}],
    "vectorsearch_multifield": [{"knn": knn(**EACH)}],
    "vectorsearch_multifield_boosted": [{"knn": knn(title=8, description=4, attributes=1)}],
    "hybrid": [{"query": match((8, 2, 1)), "knn": knn(whole=1)}],
    "hybrid_boosted": [{"query": match((8, 2, 1)), "knn": knn(whole=50)}],
    "rrf": [{"query": match((8, 2, 1))}, {"knn": knn(whole=1)}],
    "rrf_multi": [{"query": match((8, 2, 1))}, *({"knn": knn(**{name: 1})} for name in EACH)],
    "vectorsearch_finetune": [{"knn": knn(model="_finetuned", whole=1)}],
    "rrf_finetune": [{"query": match((8, 2, 1))}, {"knn": knn(model="_finetuned", whole=1)}],
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_body_of_each_leg(name: str) -> None:
    """Text in the query, vectors in the knn section with k = num_candidates = 150, ids and scores back, no more.

    Only one shard of one segment that is sorted by id gives ties in the order of ids; else they are asked for. Several
    shards gather term statistics first, but not beside a knn section, where the server refuses it.
    """
    assert body(STRATEGIES[name], SORTED) == [one | HITS for one in BODIES[name]]
    for index in (UNSORTED, THREE):
        assert body(STRATEGIES[name], index) == [one | HITS | SORT for one in BODIES[name]]
    for leg in STRATEGIES[name].legs():
        assert form(leg, THREE, hits=10).statistics is (bool(leg.text) and not leg.vectors)
        assert not form(leg, UNSORTED, hits=10).statistics


def test_candidates_and_hits_are_those_asked_for() -> None:
    """A strategy's own number of candidates, and as many hits as are kept."""
    (leg,) = Strategy("own", vectors={"title": 2}, candidates=7).legs()
    found = form(leg, SORTED, hits=50).body("x", VECTOR)
    assert (found["size"], found["knn"][0]["k"], found["knn"][0]["num_candidates"]) == (50, 7, 7)


def test_fields_of_another_index() -> None:
    """A field map decides the names: flat attributes are matched flat, the id is the map's."""
    paths = FieldPaths(
        id="sku.raw", text={"title": "name", "attributes": "tags"}, vectors={("small", "whole"): "embedding"}
    )
    index = replace(searched(paths), sorted_segment=False)
    strategy = Strategy("own", text={"title": 3, "attributes": 1}, vectors={"whole": 1}, model="small")
    (found,) = body(strategy, index)
    assert found["query"]["bool"]["should"] == [
        {"match": {"name": {"query": "oak desk", "boost": 3}}},
        {"match": {"tags": {"query": "oak desk", "boost": 1}}},
    ]
    assert found["knn"][0]["field"] == "embedding"
    assert (found["docvalue_fields"], found["sort"][1]) == (["sku.raw"], {"sku.raw": "asc"})


def test_a_query_is_text_whatever_it_holds() -> None:
    """Quotes, braces and marks of templates in a query reach the server as they are."""
    text = '"}{{query}} {{vector}} \\ \u2028 🪑'
    (found,) = body(STRATEGIES["textsearch"], SORTED, text)
    assert found["query"]["bool"]["should"][0]["match"]["product_title"]["query"] == text


def test_a_field_that_the_index_has_not() -> None:
    """It is no empty clause."""
    (leg,) = STRATEGIES["vectorsearch"].legs()
    with pytest.raises(KeyError):
        form(leg, searched(own_paths([])), hits=10).body("x", VECTOR)


# searches

URL = "http://127.0.0.1:9200"
IDS = [f"p{at}" for at in range(6)]
(TEXT,) = STRATEGIES["textsearch"].legs()
(BY_VECTOR,) = STRATEGIES["vectorsearch"].legs()
(HYBRID,) = STRATEGIES["hybrid"].legs()
(RAW,) = Strategy("raw", template={"query": {"match": {"t": "{{query}}"}}, "sort": ["price"]}).legs()
BUSY = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "queue capacity"}}


def hits(*scored: tuple[str, float | None], **changed: Any) -> dict[str, Any]:
    """The answer to a search."""
    found = [{"_score": score, "fields": {"product_uid": [uid]}} for uid, score in scored]
    return {"status": 200, "timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": found}, **changed}


GOOD = hits(("p0", 2.0), ("p1", 1.0))


class Client:
    """A client that answers each search by a function of its text, and keeps what it was sent."""

    def __init__(self, answer: Callable[[str], dict[str, Any]] = lambda _: GOOD) -> None:
        self.answer = answer
        self.fails: list[Exception] = []
        self.sent: list[tuple[str, dict[str, Any], list[Any]]] = []

    def perform_request(
        self, method: str, path: str, *, params: dict[str, Any], headers: dict[str, str], body: bytes
    ) -> Any:
        """Answer `_search` or `_msearch`."""
        assert (method, headers["accept"]) == ("POST", "application/json")
        lines = [orjson.loads(line) for line in body.split(b"\n") if line]
        self.sent.append((path, params, lines))
        if self.fails:
            raise self.fails.pop(0)
        if path.endswith("/_search"):
            return answer({"took": 3, **self.answer(_text(lines[0]))})
        return answer({"took": 3, "responses": [self.answer(_text(one)) for one in lines[1::2]]})

    def close(self) -> None:
        """Nothing is held."""

    @property
    def sizes(self) -> list[int]:
        """Searches of each request."""
        return [max(1, len(lines) // 2) for _, _, lines in self.sent]


def _text(body: dict[str, Any]) -> str:
    if "query" not in body:
        return "vector"
    clause = body["query"].get("bool", {}).get("should", [body["query"]])[0]["match"]
    (found,) = clause.values()
    return found if isinstance(found, str) else str(found["query"])


def _engine(client: Any, index: SearchedIndex = SORTED, retry_policy: RetryPolicy | None = None) -> ElasticsearchEngine:
    products = pd.DataFrame({"id": IDS, "title": "x", "description": ""}, dtype=str)
    catalogue = Catalogue(products, pd.DataFrame(columns=["id", "name", "value"], dtype=str))
    connection = Connection(client, URL, "8.19.5", retry_policy=retry_policy or RetryPolicy(5.0, sleep=lambda _: None))
    return ElasticsearchEngine(connection, index, catalogue, on_close=lambda: None)


def _search(
    client: Any, texts: Sequence[str] = ("oak",), leg: Leg = TEXT, *, index: SearchedIndex = SORTED, hits: int = 3
) -> Ranking:
    vectors = {"base": np.eye(len(texts), 4, dtype=np.float32)} if leg.embeds else {}
    return _engine(client, index).search(leg, QueryBatch(list(texts), vectors), hits=hits)


# what is sent


def test_one_query_is_asked_alone() -> None:
    """As a shop would: by `_search`, on the same copy of each shard, only ids and scores back."""
    client = Client()
    _search(client)
    ((path, params, (body,)),) = client.sent
    assert path == "/relevance-1/_search"
    assert params == {
        "preference": "relevance",
        "allow_partial_search_results": "false",
        "filter_path": "took,status,error,timed_out,_shards.failed,hits.hits._score,hits.hits.fields",
    }
    assert body["size"] == 3


def test_queries_go_in_batches() -> None:
    """200 a request by `_msearch`, each with its own header; only ids and scores back."""
    client = Client()
    _search(client, [f"q{at}" for at in range(450)])
    assert sorted(client.sizes) == [50, 200, 200]
    path, params, lines = client.sent[0]
    assert path == "/relevance-1/_msearch"
    assert params["filter_path"].startswith("took,responses.status,responses.error,responses.timed_out,")
    assert lines[0] == {"preference": "relevance", "allow_partial_search_results": False}
    assert sorted(_text(one) for _, _, sent in client.sent for one in sent[1::2]) == sorted(
        f"q{at}" for at in range(450)
    )


def test_large_batches_are_cut_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors and long queries make requests of fewer searches."""
    monkeypatch.setattr(elasticsearch_engine, "BYTES_A_REQUEST", 3000)
    client = Client()
    _search(client, ["x"] * 12, BY_VECTOR)
    assert sum(client.sizes) == 12
    assert max(client.sizes) < 6
    long = Client()
    _search(long, ["x" * 5000] * 3)
    assert long.sizes == [1, 1, 1]
    assert {path for path, *_ in long.sent} == {"/relevance-1/_msearch"}


@pytest.mark.parametrize(
    ("leg", "index", "gathered"),
    [
        (TEXT, SORTED, False),
        (TEXT, THREE, True),
        (BY_VECTOR, THREE, False),
        (HYBRID, THREE, False),
        (RAW, THREE, False),
    ],
)
def test_statistics_of_all_shards(leg: Leg, index: SearchedIndex, gathered: bool) -> None:  # noqa: FBT001 - a parameter
    """Where they are gathered first, each search says so, alone and in a batch."""
    for texts in (["a"], ["a", "b"]):
        client = Client()
        _search(client, texts, leg, index=index)
        _, params, lines = client.sent[0]
        said = params if len(texts) == 1 else lines[0]
        assert (said.get("search_type") == "dfs_query_then_fetch") is gathered


def test_the_name_of_an_index_is_quoted() -> None:
    """A name that has a slash reaches no other part of the server."""
    client = Client()
    _search(client, index=searched(name="a/b c"))
    assert client.sent[0][0] == "/a%2Fb%20c/_search"


# what comes back


def test_rankings_keep_the_order_of_the_queries() -> None:
    """Whichever request ends first, a query's hits stand in its row; what is missing is no hit."""
    answers = {f"q{at}": hits((IDS[at % 6], float(at + 1))) for at in range(450)}
    ranking = _search(Client(answers.__getitem__), list(answers))
    assert ranking.codes[:, 0].tolist() == [at % 6 for at in range(450)]
    assert ranking.scores[:, 0].tolist() == [float(at + 1) for at in range(450)]
    assert (ranking.codes[:, 1:] == NO_HIT).all()


def test_a_query_without_hits() -> None:
    """It is a ranking of nothing, since the server says that it has seen the whole index."""
    ranking = _search(Client(lambda _: hits()))
    assert (ranking.codes == NO_HIT).all()


def test_ties_go_by_id() -> None:
    """Equal scores are put in the order of the ids, also where the server did not."""
    tied = hits(("p4", 2.0), ("p3", 1.0), ("p1", 1.0))
    assert _search(Client(lambda _: tied)).codes.tolist() == [[4, 1, 3]]


def test_a_templates_own_sort_is_kept() -> None:
    """The places count, not the scores, of which there are none."""
    ranking = _search(Client(lambda _: hits(("p3", None), ("p0", None))), leg=RAW)
    assert ranking.codes.tolist() == [[3, 0, NO_HIT]]
    assert ranking.scores.tolist() == [[3.0, 2.0, -np.inf]]


def test_the_servers_own_time_is_summed() -> None:
    """3 ms for each request."""
    engine = _engine(Client())
    engine.search(TEXT, QueryBatch(["a"]), hits=3)
    engine.search(TEXT, QueryBatch([f"q{at}" for at in range(201)]), hits=3)
    assert engine.took_ms == 9


# what is no ranking

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an error": (
        {"status": 400, "error": {"type": "parsing_exception", "reason": "unknown field"}},
        "it refuses: unknown field (parsing_exception)",
    ),
    "a time-out": (hits(("p0", 1.0), timed_out=True), "the search ran out of time on the server (timed_out)"),
    "no word of a time-out": (hits(("p0", 1.0), timed_out=None), "the search ran out of time"),
    "a failed shard": (hits(("p0", 1.0), _shards={"failed": 1}), "1 of the index's shards failed"),
    "no word of shards": (hits(("p0", 1.0), _shards={}), "some of the index's shards failed"),
    "too many hits": (hits(*((uid, 1.0) for uid in IDS)), "6 hits where 3 were asked for"),
    "a stranger": (hits(("who", 1.0)), "the product 'who' is not in the catalogue"),
    "no score": (hits(("p0", None)), "a hit has no score"),
    "rising scores": (hits(("p0", 1.0), ("p1", 2.0)), "the hits are not in the order of their scores"),
    "a product twice": (hits(("p0", 2.0), ("p0", 1.0)), "or a product is there twice"),
}


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a batch"])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_ranking_is_an_error(wrong: str, alone: bool) -> None:  # noqa: FBT001 - a parameter
    """One line that names the query and the leg, never an empty list."""
    answer, reason = WRONG[wrong]
    texts = ["oak desk"] if alone else ["elm", "oak desk", "ash"]
    with pytest.raises(CouldNotRunError) as caught:
        _search(Client(lambda text: answer if text == "oak desk" else GOOD), texts)
    line = str(caught.value)
    assert line.startswith(f"elasticsearch at {URL}: {reason}" if wrong != "a product twice" else "elasticsearch at ")
    assert reason in line
    assert "searching for 'oak desk', leg 'text'" in line
    assert "\n" not in line


def test_a_hit_without_an_id_says_what_to_do() -> None:
    """The entry of the field map, and the two ways out."""
    answer = hits()
    answer["hits"]["hits"] = [{"_score": 1.0}]
    index = searched(FieldPaths(id="sku.raw", text={"title": "name"}))
    (leg,) = Strategy("own", text={"title": 1}).legs()
    with pytest.raises(CouldNotRunError) as caught:
        _search(Client(lambda _: answer), leg=leg, index=index)
    assert str(caught.value) == (
        f"elasticsearch at {URL}: a hit has no 'sku.raw', which is the product's id by [elasticsearch.fields] id; name "
        "a field there that every document has, or evaluate an alias whose filter leaves the others out "
        "(while searching for 'oak', leg 'text')"
    )


def test_how_many_failed_is_said() -> None:
    """The first query is named, and how many searches were refused."""
    refused = {"status": 400, "error": {"type": "x", "reason": "y"}}
    with pytest.raises(CouldNotRunError, match=r"searching for 'b', leg 'text'; 2 of 3 searches failed"):
        _search(Client(lambda text: GOOD if text == "a" else refused), ["a", "b", "c"])


def test_a_template_that_is_refused_is_bad_input() -> None:
    """What the user wrote is named; so is one whose hits are no ranking."""
    refused = {"status": 400, "error": {"type": "parsing_exception", "reason": "unknown query [mtach]"}}
    with pytest.raises(TemplateError, match=r"^the template: .* refuses it: unknown query \[mtach\]"):
        _search(Client(lambda _: refused), leg=RAW)
    with pytest.raises(TemplateError, match="a product is there twice"):
        _search(Client(lambda _: hits(("p0", None), ("p0", None))), leg=RAW)


@pytest.mark.parametrize("body", [[], {"took": 3}, {"took": 3, "responses": [GOOD]}, {"responses": [GOOD, GOOD]}])
def test_an_answer_of_another_kind(body: Any) -> None:
    """A proxy that answers by itself is no search: each query has an answer, and the whole says what it took."""
    client = Client()
    client.perform_request = lambda *_, **__: answer(body)  # type: ignore[assignment,method-assign]
    with pytest.raises(CouldNotRunError, match=r"is a proxy in between\? \(while searching for 'a'"):
        _search(client, ["a", "b"])


def test_a_long_query_is_cut_in_errors() -> None:
    """The line stays short."""
    with pytest.raises(CouldNotRunError, match=r"searching for 'x{80}…', leg") as caught:
        _search(Client(lambda _: hits(timed_out=True)), ["x" * 5000])
    assert len(str(caught.value)) < 300


# what is asked again


def test_only_what_was_refused_is_asked_again() -> None:
    """Searches that met a full queue go again, one at a time on the server; each is counted once."""
    left = {"b": 3, "c": 1}
    slept: list[float] = []

    def answer(text: str) -> dict[str, Any]:
        if left.get(text, 0):
            left[text] -= 1
            return BUSY
        return GOOD

    client = Client(answer)
    engine = _engine(client, retry_policy=RetryPolicy(5.0, sleep=slept.append))
    ranking = engine.search(TEXT, QueryBatch(["a", "b", "c"]), hits=3)
    assert ranking.codes[:, :2].tolist() == [[0, 1]] * 3
    assert [[_text(one) for one in lines[1::2]] for _, _, lines in client.sent] == [
        ["a", "b", "c"],
        ["b", "c"],
        ["b"],
        ["b"],
    ]
    assert slept == [0.5, 1.0, 2.0]
    assert engine.notes() == ("elasticsearch: 2 searches were asked again (429 es_rejected_execution_exception)",)
    assert ["max_concurrent_searches" in params for _, params, _ in client.sent] == [False, True, True, True]


def test_a_lost_request_is_asked_again() -> None:
    """All of its searches, each counted once however often; another reason later does not count them again."""
    client = Client()
    unavailable = api_error(503, {"error": {"type": "x", "reason": "y"}})
    client.fails = [NoConnection("gone"), unavailable]
    engine = _engine(client)
    engine.search(TEXT, QueryBatch(["a"]), hits=3)
    assert engine.notes() == ("elasticsearch: 1 search was asked again (not reached)",)


def test_patience_ends() -> None:
    """A server that stays busy is given up, with the query that it refused."""
    clock = Clock()
    engine = _engine(Client(lambda _: BUSY), retry_policy=clock.policy(5.0))
    with pytest.raises(CouldNotRunError, match=r"too busy \(429: its queue is full\).*searching for 'oak'"):
        engine.search(TEXT, QueryBatch(["oak"]), hits=3)
    assert clock.now == 5.0
