"""Searching: what is sent for each leg, what comes back of it, what is asked again, and what is no ranking."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import orjson
import pytest
from elastic_transport import ConnectionError as NoConnection
from helpers import shop
from helpers.cluster import URL, Clock, Cluster, answer, api_error
from searched import HITS, SORT, SORTED, THREE, UNSORTED, searched

from relevance import runner
from relevance.engines import QueryBatch, Request
from relevance.engines.elasticsearch import container
from relevance.engines.elasticsearch import engine as elasticsearch_engine
from relevance.engines.elasticsearch.client import Connection, RetryPolicy
from relevance.engines.elasticsearch.engine import ElasticsearchEngine, choose, form, open_engine
from relevance.engines.elasticsearch.mapping import SearchedIndex
from relevance.engines.elasticsearch.settings import Settings
from relevance.engines.mapping import FieldPaths, own_paths
from relevance.errors import CouldNotRunError, InputError, StrategyError
from relevance.records import NO_HIT, Ranking
from relevance.strategies import STRATEGIES, Leg, Strategy

# the body of each leg

VECTOR = np.array([0.6, -0.8], dtype=np.float32)


def bodies(strategy: Strategy, index: SearchedIndex, text: str = "oak desk") -> list[dict[str, Any]]:
    legs = [form(leg, index, hits=10).body(text, VECTOR if leg.embeds else None, {}) for leg in strategy.legs()]
    rounded = json.dumps(legs, default=lambda vector: [round(float(value), 3) for value in vector])
    found: list[dict[str, Any]] = json.loads(rounded)
    return found


def match(title: float, description: float, attributes: float) -> dict[str, Any]:
    nested = {"match": {"product_attributes.name_value": {"query": "oak desk", "boost": attributes}}}
    clauses = [
        {"match": {"product_title": {"query": "oak desk", "boost": title}}},
        {"match": {"product_description": {"query": "oak desk", "boost": description}}},
        {"nested": {"path": "product_attributes", "query": nested}},
    ]
    return {"query": {"bool": {"should": clauses}}}


def knn(model: str = "", **boosts: float) -> dict[str, Any]:
    counts = {"k": 150, "num_candidates": 150, "query_vector": [0.6, -0.8]}
    return {"knn": [{"field": f"{name}_vector{model}", "boost": boost, **counts} for name, boost in boosts.items()]}


EACH = {"title": 1, "description": 1, "attributes": 1}
BODIES: dict[str, list[dict[str, Any]]] = {
    "textsearch": [match(1, 1, 1)],
    "textsearch_boosted": [match(8, 2, 1)],
    "vectorsearch": [knn(whole=1)],
    "vectorsearch_multifield": [knn(**EACH)],
    "vectorsearch_multifield_boosted": [knn(title=8, description=4, attributes=1)],
    "hybrid": [match(8, 2, 1) | knn(whole=1)],
    "hybrid_boosted": [match(8, 2, 1) | knn(whole=50)],
    "rrf": [match(8, 2, 1), knn(whole=1)],
    "rrf_multi": [match(8, 2, 1), *(knn(**{name: 1}) for name in EACH)],
    "vectorsearch_finetune": [knn(model="_finetuned", whole=1)],
    "rrf_finetune": [match(8, 2, 1), knn(model="_finetuned", whole=1)],
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_body_of_each_leg(name: str) -> None:
    """Only one shard of one segment that is sorted by id gives ties in the order of ids; else they are asked for."""
    assert bodies(STRATEGIES[name], SORTED) == [one | HITS for one in BODIES[name]]
    for index in (UNSORTED, THREE):
        assert bodies(STRATEGIES[name], index) == [one | HITS | SORT for one in BODIES[name]]


DFS, PLAIN = "dfs_query_then_fetch", "query_then_fetch"
RAW = Strategy("raw", template={"query": {"match": {"t": "{{query}}"}}, "sort": ["price"]}, file="raw.json")
SHOP = replace(THREE, is_ours=False)
GATHERED: list[tuple[str, SearchedIndex, bool]] = [
    ("textsearch", SORTED, False),
    ("textsearch", THREE, True),
    ("vectorsearch", THREE, False),
    ("hybrid", THREE, False),
    ("raw", THREE, False),
    ("textsearch", SHOP, False),
    ("textsearch", replace(THREE, search_type=PLAIN), False),
    ("textsearch", replace(SHOP, search_type=DFS), True),
    ("raw", replace(SHOP, search_type=DFS), True),
    ("vectorsearch", replace(SHOP, search_type=DFS), False),
]


@pytest.mark.parametrize(("name", "index", "gathered"), GATHERED)
def test_statistics_of_all_shards_are_gathered_on_an_index_of_ours_or_where_that_is_set(
    name: str, index: SearchedIndex, *, gathered: bool
) -> None:
    (leg,) = RAW.legs() if name == "raw" else STRATEGIES[name].legs()
    for texts in (["a"], ["a", "b"]):
        client = Client()
        search(client, texts, leg, index=index)
        _, params, lines = client.sent[0]
        said = params if len(texts) == 1 else lines[0]
        assert (said.get("search_type") == DFS) is gathered


KNN = Strategy("both", template={"query": {"match": {"t": "{{query}}"}}, "knn": {"query_vector": "{{vector}}"}})
ALL = [*(STRATEGIES[name] for name in ("textsearch", "vectorsearch", "hybrid", "rrf")), RAW, KNN]
WITHOUT = f"{DFS} is left out, the server refuses it beside knn, rank, retriever: "
LEFT_OUT = [
    (Settings(URL, search_type=DFS), ALL, [f"{WITHOUT}3 strategies without it: vectorsearch, hybrid, both"]),
    (Settings(URL, shards=3), ALL, [f"{WITHOUT}2 strategies without it: vectorsearch, hybrid"]),
    (Settings(URL, search_type=DFS), [RAW], []),
    (Settings(URL), ALL, []),
]


@pytest.mark.parametrize(("settings", "strategies", "notes"), LEFT_OUT)
def test_a_note_lists_the_strategies_without_statistics(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, strategies: list[Strategy], notes: list[str]
) -> None:
    monkeypatch.setattr(elasticsearch_engine, "connect", lambda _: Cluster().connection)
    found = choose(Request(settings, strategies), "asked for").notes
    assert [note for note in found if "no field" not in note] == notes


@pytest.mark.parametrize(
    ("host", "line"),
    [
        (
            "tcp://127.0.0.1:1",
            "answers at tcp://127.0.0.1:1 (DOCKER_HOST); start it or unset DOCKER_HOST, name a cluster",
        ),
        ("", "answers; start Docker, name a cluster by --es-url, or take --engine embedded"),
    ],
)
def test_without_a_docker_engine_the_line_says_where_one_was_looked_for(
    monkeypatch: pytest.MonkeyPatch, host: str, line: str
) -> None:
    monkeypatch.setattr(container, "get_docker_host", lambda: host)
    monkeypatch.setenv("DOCKER_HOST", host)
    monkeypatch.setattr(container, "DEFAULT_SOCKET", "/nonexistent")
    monkeypatch.setattr(container, "_RUN", Path("/nonexistent"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with pytest.raises(CouldNotRunError) as caught:
        choose(Request(Settings(), []), "asked for")
    assert str(caught.value).startswith(f"elasticsearch: no Docker engine {line}")


def test_candidates_hits_and_oversampling_are_those_asked_for() -> None:
    (leg,) = Strategy("own", vectors={"title": 2}, candidates=7).legs()
    body = form(leg, replace(SORTED, oversample=2.5), hits=50).body("x", VECTOR, {})
    (clause,) = body["knn"]
    assert (body["size"], clause["k"], clause["num_candidates"]) == (50, 7, 7)
    assert clause["rescore_vector"] == {"oversample": 2.5}


def test_a_field_map_decides_the_names() -> None:
    text, vectors = {"title": "name", "attributes": "tags"}, {("small", "whole"): "embedding"}
    index = replace(searched(FieldPaths(id="sku.raw", text=text, vectors=vectors)), sorted_segment=False)
    strategy = Strategy("own", text={"title": 3, "attributes": 1}, vectors={"whole": 1}, model="small")
    (body,) = bodies(strategy, index)
    assert body["query"]["bool"]["should"] == [
        {"match": {"name": {"query": "oak desk", "boost": 3}}},
        {"match": {"tags": {"query": "oak desk", "boost": 1}}},
    ]
    assert body["knn"][0]["field"] == "embedding"
    assert (body["docvalue_fields"], body["sort"][1]) == (["sku.raw"], {"sku.raw": "asc"})
    with pytest.raises(KeyError):
        form(BY_VECTOR, searched(own_paths([])), hits=10).body("x", VECTOR, {})


def test_a_query_is_text_whatever_it_holds() -> None:
    text = '"}{{query}} {{vector}} \\ \u2028 🪑'
    (body,) = bodies(STRATEGIES["textsearch"], SORTED, text)
    assert body["query"]["bool"]["should"][0]["match"]["product_title"]["query"] == text


# searches

IDS = [f"p{at}" for at in range(6)]
(TEXT,) = STRATEGIES["textsearch"].legs()
(BY_VECTOR,) = STRATEGIES["vectorsearch"].legs()
BUSY = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "queue capacity"}}


def hits(*scored: tuple[str, float | None], **changed: Any) -> dict[str, Any]:
    """The answer to a search."""
    found = [{"_score": score, "fields": {"product_uid": [uid]}} for uid, score in scored]
    return {"status": 200, "timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": found}, **changed}


GOOD = hits(("p0", 2.0), ("p1", 1.0))


class Client:
    """A client that answers each search by a function of its text or its body, and keeps what it was sent."""

    def __init__(self, by_text: Callable[[str], dict[str, Any]] = lambda _: GOOD, by_body: Any = None) -> None:
        self.answer = by_body or (lambda body: by_text(text_of(body)))
        self.fails: list[Exception] = []
        self.sent: list[tuple[str, dict[str, Any], list[Any]]] = []

    def perform_request(self, method: str, path: str, *, params: Any, headers: Any, body: bytes) -> Any:
        assert (method, headers["accept"]) == ("POST", "application/json")
        lines = [orjson.loads(line) for line in body.split(b"\n") if line]
        self.sent.append((path, params, lines))
        if self.fails:
            raise self.fails.pop(0)
        if path.endswith("/_search"):
            return answer({"took": 3, **self.answer(lines[0])})
        return answer({"took": 3, "responses": [self.answer(one) for one in lines[1::2]]})

    def close(self) -> None:
        """Nothing is held."""

    @property
    def sizes(self) -> list[int]:
        """Searches of each request."""
        return [max(1, len(lines) // 2) for _, _, lines in self.sent]


def text_of(body: dict[str, Any]) -> str:
    if "query" not in body:
        return "vector"
    (found,) = body["query"].get("bool", {}).get("should", [body["query"]])[0]["match"].values()
    return found if isinstance(found, str) else str(found["query"])


def engine_of(client: Any, index: SearchedIndex = SORTED, retry_policy: Any = None) -> ElasticsearchEngine:
    policy = retry_policy or RetryPolicy(5.0, sleep=lambda _: None)
    return ElasticsearchEngine(Connection(client, URL, "8.19.5", retry_policy=policy), index, shop.catalogue(zip(IDS)))


def batch_of(texts: Sequence[str]) -> QueryBatch:
    return QueryBatch(list(texts), {"base": np.eye(len(texts), 4, dtype=np.float32)})


def search(client: Any, texts: Sequence[str] = ("oak",), leg: Leg = TEXT, *, index: SearchedIndex = SORTED) -> Ranking:
    return engine_of(client, index).search(leg, batch_of(texts), hits=3)


def test_one_query_is_asked_alone_as_a_shop_would() -> None:
    client = Client()
    search(client, index=searched(name="a/b c"))
    ((path, params, (body,)),) = client.sent
    assert path == "/a%2Fb%20c/_search"
    assert params == {
        "preference": "relevance",
        "allow_partial_search_results": "false",
        "filter_path": "took,status,error,timed_out,_shards.failed,hits.hits._score,hits.hits.fields",
    }
    assert body["size"] == 3


def test_queries_go_in_batches_and_rankings_keep_their_order() -> None:
    texts = [f"q{at}" for at in range(450)]
    client = Client(lambda text: hits((IDS[int(text[1:]) % 6], float(text[1:]) + 1)))
    ranking = search(client, texts)
    assert sorted(client.sizes) == [50, 200, 200]
    path, params, lines = client.sent[0]
    assert path == "/relevance-1/_msearch"
    assert params["filter_path"].startswith("took,responses.status,responses.error,responses.timed_out,")
    assert lines[0] == {"preference": "relevance", "allow_partial_search_results": False}
    assert ranking.codes[:, 0].tolist() == [at % 6 for at in range(450)]
    assert ranking.scores[:, 0].tolist() == [float(at + 1) for at in range(450)]
    assert (ranking.codes[:, 1:] == NO_HIT).all()


def test_large_batches_are_cut_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticsearch_engine, "BYTES_A_REQUEST", 2000)
    client, long = Client(), Client()
    search(client, ["x"] * 12, BY_VECTOR)
    assert sum(client.sizes) == 12
    assert max(client.sizes) < 6
    search(long, ["x" * 5000] * 3)
    assert long.sizes == [1, 1, 1]
    assert {path for path, *_ in long.sent} == {"/relevance-1/_msearch"}


def test_equal_scores_go_by_id_and_no_hits_are_a_ranking() -> None:
    assert search(Client(lambda _: hits(("p4", 2.0), ("p3", 1.0), ("p1", 1.0)))).codes.tolist() == [[4, 1, 3]]
    assert (search(Client(lambda _: hits())).codes == NO_HIT).all()


def test_a_templates_own_sort_is_kept_and_places_count_as_scores() -> None:
    ranking = search(Client(lambda _: hits(("p3", None), ("p0", None))), leg=RAW.legs()[0])
    assert ranking.codes.tolist() == [[3, 0, NO_HIT]]
    assert ranking.scores.tolist() == [[3.0, 2.0, -np.inf]]


def test_what_a_templates_own_size_finds_beyond_the_hits_is_cut_off() -> None:
    (leg,) = Strategy("raw", template={"query": {"match": {"t": "{{query}}"}}, "size": 24}).legs()
    client = Client(lambda _: hits(("p4", 2.0), ("p3", 1.0), ("p1", 1.0), ("p0", 1.0)))
    assert search(client, leg=leg).codes.tolist() == [[4, 0, 1]]
    assert client.sent[0][2][0]["size"] == 24


def test_the_servers_own_time_is_summed() -> None:
    engine = engine_of(Client())
    engine.search(TEXT, batch_of(["a"]), hits=3)
    engine.search(TEXT, batch_of([f"q{at}" for at in range(201)]), hits=3)
    assert engine.took_ms == 9


# ids that the server cannot sort as text

BY_ROW = FieldPaths(id="_id", text={"title": "name"}, sorts=False)
(TITLE,) = Strategy("title", text={"title": 1}).legs()


def in_order_of_the_server(body: dict[str, Any]) -> dict[str, Any]:
    """One hit of 2.0 and five of 1.0, the highest ids first."""
    assert "sort" not in body
    assert body["_source"] is False
    found = [{"_id": uid, "_score": 2.0 if uid == "p5" else 1.0} for uid in reversed(IDS)]
    return {**hits(), "hits": {"hits": found[: body["size"]]}}


def test_products_of_the_last_score_are_fetched_whole_and_ordered_here() -> None:
    index = replace(searched(BY_ROW), sorted_segment=False)
    client = Client(by_body=in_order_of_the_server)
    engine = engine_of(client, index)
    assert engine.search(TITLE, batch_of(["a", "b"]), hits=3).codes.tolist() == [[5, 0, 1]] * 2
    assert [body["size"] for body in (client.sent[0][2][1], client.sent[1][2][1])] == [4, 40]
    assert client.sent[0][1]["filter_path"].endswith(",responses.hits.hits._id")
    assert engine.notes() == ()
    whole = Client(by_body=in_order_of_the_server)
    assert engine_of(whole, index).search(TITLE, batch_of(["a"]), hits=6).codes.tolist() == [[5, 0, 1, 2, 3, 4]]
    assert len(whole.sent) == 1


def test_more_of_them_than_a_search_gives_are_noted() -> None:
    engine = engine_of(
        Client(by_body=in_order_of_the_server), replace(searched(BY_ROW), sorted_segment=False, window=5)
    )
    assert engine.search(TITLE, batch_of(["a"]), hits=3).codes.tolist() == [[5, 1, 2]]
    assert engine.notes() == ("1 query with more than 5 products of the last score: which come is the server's",)


def test_numbers_are_ids_as_text() -> None:
    index = replace(searched(FieldPaths(id="number", text={"title": "name"}, sorts=False)), sorted_segment=False)
    found = [{"_score": score, "fields": {"number": [uid]}} for uid, score in ((9, 1.0), (10, 1.0))]
    products = shop.catalogue([("10",), ("9",)])
    client: Any = Client(lambda _: {**hits(), "hits": {"hits": found}})
    engine = ElasticsearchEngine(Connection(client, URL, "8.19.5"), index, products)
    assert engine.search(TITLE, batch_of(["a"]), hits=3).codes.tolist() == [[0, 1, NO_HIT]]


def test_what_is_to_be_known_of_a_container_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    note, of_index = "removed relevance-x, a container that a killed run had left", "1 more try"
    started = Mock(url=URL, notes=[note])
    monkeypatch.setattr(container, "Container", lambda *_, **__: started)
    monkeypatch.setattr(elasticsearch_engine, "connect", lambda *_: engine_of(Client()).connection)
    monkeypatch.setattr(elasticsearch_engine.own_index, "make", lambda *_, **__: replace(SORTED, notes=(of_index,)))
    with open_engine(Settings(), progress=False) as indexer:
        engine = indexer.index(shop.catalogue(zip(IDS)), text_fields=(), vectors={}, progress=False)
        assert engine.notes() == (note, of_index)
    started.close.assert_called_once_with()


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
    "no id": (
        {**hits(), "hits": {"hits": [{"_score": 1.0}]}},
        "a hit has no 'product_uid', which is the product's id by ",
    ),
    "no score": (hits(("p0", None)), "a hit has no score"),
    "rising scores": (hits(("p0", 1.0), ("p1", 2.0)), "the hits are not in the order of their scores"),
    "a product twice": (hits(("p0", 2.0), ("p0", 1.0)), "the hits are not in the order of their scores, or a product"),
}


@pytest.mark.parametrize("texts", [["oak desk"], ["elm", "oak desk", "ash"]], ids=["alone", "in a batch"])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_ranking_is_one_line_that_names_query_and_leg(wrong: str, texts: list[str]) -> None:
    answer, reason = WRONG[wrong]
    with pytest.raises(CouldNotRunError) as caught:
        search(Client(lambda text: answer if text == "oak desk" else GOOD), texts)
    line = str(caught.value)
    assert line.startswith(f"elasticsearch at {URL}: {reason}")
    assert "searching for 'oak desk', leg 'text'" in line
    assert "\n" not in line


def test_how_many_failed_is_said_and_a_long_query_is_cut() -> None:
    refused = {"status": 400, "error": {"type": "x", "reason": "y"}}
    with pytest.raises(CouldNotRunError, match=r"searching for 'b', leg 'text'; 2 of 3 searches failed"):
        search(Client(lambda text: GOOD if text == "a" else refused), ["a", "b", "c"])
    with pytest.raises(CouldNotRunError, match=r"searching for 'x{80}…', leg") as caught:
        search(Client(lambda _: hits(timed_out=True)), ["x" * 5000])
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (
            {"status": 400, "error": {"type": "parsing_exception", "reason": "unknown query [mtach]"}},
            "unknown query [mtach]",
        ),
        (hits(("p0", None), ("p0", None)), "a product is there twice"),
    ],
)
def test_a_templates_error_names_strategy_and_file(found: dict[str, Any], line: str) -> None:
    with pytest.raises(StrategyError) as caught:
        runner.search(engine_of(Client(lambda _: found)), RAW, batch_of(["oak"]))
    assert str(caught.value).startswith("strategy 'raw' (raw.json): ")
    assert line in str(caught.value)


def test_a_template_that_cannot_give_a_ranking_is_refused_before_anything_is_asked() -> None:
    strategy = Strategy("raw", template={"query": {"match": {"t": "{{query}}"}}, "from": 10}, file="raw.json")
    with pytest.raises(InputError, match=r"^strategy 'raw' \(raw\.json\): template: 'from' moves the list of hits"):
        choose(Request(Settings(url="http://127.0.0.1:1"), [strategy]), "asked for")


@pytest.mark.parametrize("body", [[], {"took": 3}, {"took": 3, "responses": [GOOD]}, {"responses": [GOOD, GOOD]}])
def test_an_answer_of_a_proxys_own_is_no_search(body: Any) -> None:
    client = Client()
    client.perform_request = lambda *_, **__: answer(body)  # type: ignore[assignment,method-assign]
    with pytest.raises(CouldNotRunError, match=r"is a proxy in between\? \(while searching for 'a'"):
        search(client, ["a", "b"])


# what is asked again


def test_only_what_was_refused_is_asked_again_one_at_a_time() -> None:
    left = {"b": 3, "c": 1}
    slept: list[float] = []

    def busy(text: str) -> dict[str, Any]:
        left[text] = left.get(text, 0) - 1
        return BUSY if left[text] >= 0 else GOOD

    client = Client(busy)
    engine = engine_of(client, retry_policy=RetryPolicy(5.0, sleep=slept.append))
    ranking = engine.search(TEXT, batch_of(["a", "b", "c"]), hits=3)
    assert ranking.codes[:, :2].tolist() == [[0, 1]] * 3
    assert [[text_of(one) for one in lines[1::2]] for _, _, lines in client.sent] == [
        list("abc"),
        list("bc"),
        ["b"],
        ["b"],
    ]
    assert slept == [0.5, 1.0, 2.0]
    assert engine.notes() == ("elasticsearch: 2 searches were asked again (429 es_rejected_execution_exception)",)
    assert ["max_concurrent_searches" in params for _, params, _ in client.sent] == [False, True, True, True]


def test_a_lost_request_is_asked_again_and_counted_once() -> None:
    client = Client()
    client.fails = [NoConnection("gone"), api_error(503, {"error": {"type": "x", "reason": "y"}})]
    engine = engine_of(client)
    engine.search(TEXT, batch_of(["a"]), hits=3)
    assert engine.notes() == ("elasticsearch: 1 search was asked again (not reached)",)


def test_a_server_that_stays_busy_is_given_up() -> None:
    clock = Clock()
    engine = engine_of(Client(lambda _: BUSY), retry_policy=clock.policy(5.0))
    with pytest.raises(CouldNotRunError, match=r"too busy \(429: its queue is full\).*searching for 'oak'"):
        engine.search(TEXT, batch_of(["oak"]), hits=3)
    assert clock.now == 5.0
