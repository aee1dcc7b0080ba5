"""An index that exists: what is searched, its ids and its state, from a client that answers from memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from helpers.cluster import answer, fail

from relevance.engines.elasticsearch.client import Connection
from relevance.engines.elasticsearch.existing import look_at
from relevance.engines.elasticsearch.settings import Settings
from relevance.errors import CouldNotRunError, InputError
from relevance.strategies import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from relevance.engines.elasticsearch.existing import Existing
    from relevance.strategies import Strategy

URL = "http://127.0.0.1:9200"
MAPPINGS: Mapping[str, Any] = {
    "properties": {
        "sku": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "names": {"properties": {"main": {"type": "text"}}},
        "about": {"type": "text"},
        "props": {"type": "nested", "properties": {"text": {"type": "text"}}},
        "vec": {"type": "dense_vector", "dims": 4, "similarity": "cosine", "index_options": {"type": "int8_hnsw"}},
        "far": {"type": "dense_vector", "dims": 4, "similarity": "l2_norm", "index_options": {"type": "flat"}},
    }
}
SETTINGS = Settings(
    url=URL,
    index="shop-7",
    fields={"id": "sku.raw", "title": "names.main", "description": "about", "attributes": "props.text"},
    vectors={"whole": "vec"},
)
TEXT, VECTOR = (STRATEGIES["textsearch"],), (STRATEGIES["vectorsearch"],)


@dataclass
class Server:
    """A client and what is behind it: one index, its documents by the values of their id field."""

    ids: list[list[str]] = field(default_factory=lambda: [["b"], ["a"], ["c"]])
    without: int = 0
    aliases: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    uuid: str = "u1"
    deleted: int = 0
    max_seq_no: int = 7
    forbidden: tuple[str, ...] = ()
    mappings: Mapping[str, Any] = field(default_factory=lambda: MAPPINGS)
    more: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    failing_page: int = -1
    opened: int = 0

    @property
    def indices(self) -> Server:
        """The same."""
        return self

    def options(self, **given: Any) -> Server:
        """The same."""
        self._called("options", given)
        return self

    def _called(self, name: str, given: dict[str, Any]) -> None:
        self.calls.append((name, given))
        if name in self.forbidden:
            fail(403, "security_exception")

    def _index(self) -> dict[str, Any]:
        settings = {"uuid": self.uuid, "number_of_shards": "2", **self.settings}
        return {"shop-7": {"aliases": self.aliases, "mappings": self.mappings, "settings": {"index": settings}}}

    def get(self, *, index: str) -> Any:
        """`GET index`."""
        self._called("get", {"index": index})
        if index not in ("shop-7", *self.aliases):
            fail(404, "index_not_found_exception")
        return answer(self._index() | self.more)

    def get_alias(self, *, index: str) -> Any:
        """`GET _alias`."""
        self._called("get_alias", {"index": index})
        return answer({".kibana": {"aliases": {}}, **self._index(), "other": {"aliases": {}}})

    def get_settings(self, **given: Any) -> Any:
        """`GET index/_settings`."""
        self._called("get_settings", given)
        return answer({"shop-7": {"settings": {"index": {"uuid": self.uuid}}}})

    def stats(self, **given: Any) -> Any:
        """`GET index/_stats`."""
        self._called("stats", given)
        copies = [
            {"routing": {"primary": primary}, "seq_no": {"max_seq_no": highest}}
            for primary, highest in ((True, self.max_seq_no), (False, 99))
        ]
        return answer(
            {
                "_all": {"primaries": {"docs": {"count": 30, "deleted": self.deleted}}},
                "indices": {"shop-7": {"shards": {"0": copies, "1": [copies[0] | {"seq_no": {"max_seq_no": 3}}]}}},
            }
        )

    def count(self, *, index: str, query: Any = None) -> Any:
        """`GET index/_count`."""
        self._called("count", {"index": index, "query": query})
        found = {"None": len(self.ids) + self.without, "exists": len(self.ids), "bool": self.without}
        return answer({"count": found[next(iter(query or {"None": 0}))], "_shards": {"failed": 0}})

    def open_point_in_time(self, **given: Any) -> Any:
        """`POST index/_pit`."""
        self._called("open_point_in_time", given)
        self.opened += 1
        return answer({"id": "pit 0"})

    def close_point_in_time(self, *, id: str) -> Any:  # noqa: A002 - the client's own name
        """`DELETE _pit`."""
        self._called("close_point_in_time", {"id": id})
        self.opened -= 1
        return answer({})

    def search(self, *, size: int, pit: Any = None, search_after: Any = None, **given: Any) -> Any:
        """`GET _search`; with a point in time there is a second key for ties."""
        self._called("search", {"size": size, "pit": dict(pit or {}), "search_after": search_after, **given})
        page = sum(name == "search" for name, _ in self.calls) - 1
        if page == self.failing_page:
            fail(500, "exception")
        (key,) = given["docvalue_fields"]
        documents = [
            {"fields": {key: values}, "sort": [values[0], at][: 2 if pit else 1]}
            for at, values in enumerate(sorted(self.ids))
        ]
        after = [one for one in documents if search_after is None or one["sort"] > search_after]
        found = {"timed_out": False, "hits": {"hits": after[:size]}}
        return answer(found | ({"pit_id": f"pit {page + 1}"} if pit else {}))


def _look(
    server: Server, strategies: Sequence[Strategy] = TEXT, *, settings: Settings = SETTINGS, dimensions: int = 4
) -> Existing:
    return look_at(_connection(server), settings, strategies, {"base": dimensions})


def _named(index: str) -> Settings:
    return replace(SETTINGS, index=index)


def _connection(server: Server) -> Connection:
    return Connection(server, URL, "8.19.5")  # type: ignore[arg-type]


def test_an_index() -> None:
    """Its paths, what of it goes into results, and its ids in their order."""
    found = _look(Server(), (*TEXT, *VECTOR))
    assert found.paths.text == {"title": "names.main", "description": "about", "attributes": "props.text"}
    assert (found.name, found.shards, found.sorted_segment, found.notes) == ("shop-7", 2, False, ())
    assert found.product_ids == ("a", "b", "c")
    assert found.facts == {
        "index": "shop-7",
        "uuid": "u1",
        "documents": 3,
        "deleted": 0,
        "max_seq_no": 7,
        "shards": 2,
        "refresh_interval": "default",
        "vector_index": "int8_hnsw",
        "mapping": found.facts["mapping"],
        "fields": {
            "attributes": "props.text: text",
            "description": "about: text",
            "id": "sku.raw: keyword",
            "title": "names.main: text",
        },
    }


def _analysis(*words: str, default: str = "standard") -> dict[str, Any]:
    stop = {"stop": {"type": "stop", "stopwords": list(words)}}
    shop = {"type": "custom", "tokenizer": "standard", "filter": ["lowercase", "stop"]}
    return {"analysis": {"filter": stop, "analyzer": {"shop": shop, "default": {"type": default}}}}


def _mappings(**about: str) -> Mapping[str, Any]:
    return {"properties": {**MAPPINGS["properties"], "about": {"type": "text", **about}}}


def test_what_a_baseline_is_bound_to() -> None:
    """Another analyzer, other words in the same one, another mapping or filter of an alias are another index."""
    shop = _mappings(analyzer="shop")
    alias = {"shop-7": {"filter": {"term": {"live": True}}}}
    facts = [
        _look(server).facts
        for server in (
            Server(settings=_analysis("a"), mappings=shop),
            Server(settings=_analysis("a", "the"), mappings=shop),
            Server(settings=_analysis("a", default="english"), mappings=shop),
            Server(settings=_analysis("a"), mappings=_mappings(analyzer="shop", search_analyzer="english")),
            Server(settings=_analysis("a"), mappings=_mappings(similarity="flat")),
            Server(settings=_analysis("a"), mappings=shop, aliases=alias),
        )
    ]
    assert len({one["mapping"] for one in facts}) == len(facts)
    fields: list[Any] = [one["fields"] for one in facts]
    about, titles = ([one[name] for one in fields] for name in ("description", "title"))
    kinds = ["about: text, analyzer shop (", "about: text, analyzer default ("]
    assert [one.startswith(kinds[0]) for one in about] == [True, True, True, True, False, True]
    assert about[0] == about[2] == about[5] != about[1]
    assert about[3] == f"{about[0]}, search_analyzer english"
    assert about[4].startswith(kinds[1])
    assert about[4].endswith(", similarity flat")
    assert titles[0] == titles[1] != titles[2]
    same = Server(settings=_analysis("a") | {"refresh_interval": "5s"}, mappings=shop | {"_meta": {"built": "today"}})
    assert _look(same).facts["mapping"] == facts[0]["mapping"]


def test_a_wrong_field_map_comes_first() -> None:
    """No id is read of an index that does not have what its map says."""
    server = Server()
    with pytest.raises(InputError, match=r"^\[elasticsearch\.vectors\] whole = 'vec': .* has 4 dimensions"):
        _look(server, VECTOR, dimensions=384)
    assert [name for name, _ in server.calls] == ["get"]


def test_another_similarity_is_noted() -> None:
    """Scores by another measure weigh otherwise beside text."""
    found = _look(Server(), VECTOR, settings=replace(SETTINGS, vectors={"whole": "far"}))
    assert found.facts["vector_index"] == "flat"
    (line,) = found.notes
    assert line.startswith("vectors of 'far' are compared by l2_norm: ")


def test_no_such_index() -> None:
    """What is there is named, the nearest first; indices of the system's own are not."""
    with pytest.raises(InputError) as caught:
        _look(Server(aliases={"shop": {}}), settings=_named("shpo"))
    assert str(caught.value) == (
        "--es-index: there is no index 'shpo' at http://127.0.0.1:9200 (did you mean 'shop'?); "
        "allowed: 'other', 'shop', 'shop-7'"
    )
    with pytest.raises(InputError, match=r"there is no index 'shpo' at .*; allowed: there is none$"):
        _look(Server(forbidden=("get_alias",)), settings=_named("shpo"))


def test_an_alias() -> None:
    """Over one index it is that index, under its own name; over two it is refused."""
    found = _look(Server(aliases={"shop": {}}), settings=_named("shop"))
    assert (found.name, found.facts["index"], found.facts["alias"], found.notes) == ("shop-7", "shop-7", "shop", ())
    with pytest.raises(InputError) as caught:
        _look(Server(aliases={"shop": {}}, more={"shop-8": {}}), settings=_named("shop"))
    assert str(caught.value) == "--es-index: 'shop' stands for 2 indices, 'shop-7', 'shop-8'; allowed: one"


def test_an_alias_with_a_filter() -> None:
    """It is searched as it is: the index behind it has more."""
    server = Server(aliases={"shop": {"filter": {"term": {"live": True}}}})
    found = _look(server, settings=_named("shop"))
    assert (found.name, found.facts["index"]) == ("shop", "shop-7")
    assert found.notes == ("index 'shop-7' is searched by its alias 'shop', which has a filter or a routing",)
    asked = {given["index"] for name, given in server.calls if name in ("count", "open_point_in_time", "stats")}
    assert asked == {"shop"}


def test_a_closed_index() -> None:
    """It says what is the matter, not that a request was bad."""
    with pytest.raises(InputError) as caught:
        _look(Server(settings={"verified_before_close": "true"}))
    message = "--es-index: index 'shop-7' at http://127.0.0.1:9200 is closed; allowed: an index that is open"
    assert str(caught.value) == message


@pytest.mark.parametrize("forbidden", [(), ("open_point_in_time",)])
def test_ids_page_by_page(forbidden: tuple[str, ...]) -> None:
    """Each page goes on where the last ended; one moment is seen, or the index as it is where that is not allowed."""
    ids = [f"p{number:05}" for number in range(25_000)]
    server = Server(ids=[[one] for one in reversed(ids)], forbidden=forbidden)
    assert _look(server).product_ids == tuple(ids)
    pages = [given for name, given in server.calls if name == "search"]
    assert [given["size"] for given in pages] == [10_000] * 3
    moments = [given["pit"].get("id") for given in pages]
    assert moments == ([None] * 3 if forbidden else ["pit 0", "pit 1", "pit 2"])
    assert [given.get("index") for given in pages] == (["shop-7"] * 3 if forbidden else [None] * 3)
    assert server.opened == 0
    if not forbidden:
        assert ("close_point_in_time", {"id": "pit 3"}) in server.calls


def test_a_small_window() -> None:
    """An index that allows fewer hits is asked for fewer; an exact multiple of pages ends."""
    server = Server(ids=[["a"], ["b"], ["c"], ["d"]], settings={"max_result_window": "2"})
    assert _look(server).product_ids == ("a", "b", "c", "d")
    assert [given["size"] for name, given in server.calls if name == "search"] == [2, 2, 2]


def test_the_moment_is_let_go_after_a_failure() -> None:
    """Nothing stays open on the server, whatever happens between."""
    server = Server(settings={"max_result_window": "1"}, failing_page=1)
    with pytest.raises(CouldNotRunError, match="while reading the ids of the products"):
        _look(server)
    assert server.opened == 0


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], "no document has a value; allowed: the field of the products' ids"),
        ([["a"], ["b"], ["a"], ["b"], ["c"]], "more than one document has the id 'a', 'b'; allowed: an id once"),
        ([["a"], ["b", "c"]], "a document has 2 ids, 'b', 'c'; allowed: one a document"),
        (
            [["a"], ["b c"], [""]],
            "found '', 'b c'; allowed: an id: one or more printable characters without white space",
        ),
    ],
)
def test_ids_that_are_none(ids: list[list[str]], message: str) -> None:
    """A product is one document with one id; results and judgments name it."""
    with pytest.raises(InputError) as caught:
        _look(Server(ids=ids))
    assert str(caught.value) == f"index 'shop-7', field 'sku.raw': {message}"


def test_two_of_one_id_between_pages_without_a_moment() -> None:
    """Without the second key of a point in time the next page leaves out the other one: the count tells."""
    server = Server(ids=[["a"], ["b"], ["b"]], settings={"max_result_window": "2"}, forbidden=("open_point_in_time",))
    with pytest.raises(CouldNotRunError) as caught:
        _look(server)
    assert str(caught.value) == (
        "index 'shop-7': 3 documents have a 'sku.raw', and 2 different ones were read; two have the same, or the index "
        "changed meanwhile"
    )


def test_what_is_noted() -> None:
    """Deleted documents, documents without an id, and an index that does not refresh itself."""
    found = _look(Server(deleted=1234, without=2, settings={"refresh_interval": "-1"}))
    assert (found.facts["documents"], found.facts["deleted"], found.facts["refresh_interval"]) == (5, 1234, "-1")
    assert found.notes == (
        (
            "index 'shop-7': 1,234 deleted documents still count in BM25's statistics and change scores; "
            "only an index that is made anew is sure to have none"
        ),
        (
            "index 'shop-7': 2 documents have no 'sku.raw' and can be no product: "
            "a search that finds one of them fails; an alias with a filter leaves them out"
        ),
        "index 'shop-7' does not refresh itself (refresh_interval -1): what was written since is not found",
    )


def test_without_the_privilege_of_statistics() -> None:
    """Evaluation goes on; what is not known is null, and that is noted."""
    found = _look(Server(forbidden=("stats",)))
    assert (found.facts["documents"], found.facts["deleted"], found.facts["max_seq_no"]) == (3, None, None)
    assert found.notes == (
        (
            "index 'shop-7': deleted documents and the highest sequence number are not known: "
            "the user or the API key lacks the privilege monitor"
        ),
    )
    assert found.changed(_connection(Server(forbidden=("stats",)))) is None
    assert found.changed(_connection(Server([["a"]], forbidden=("stats",)))) == (
        "index 'shop-7' changed while it was evaluated (documents 3 -> 1): results may mix both states"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_seq_no": 9}, "highest sequence number 7 -> 9"),
        ({"uuid": "u2", "ids": [["a"]]}, "uuid u1 -> u2, documents 3 -> 1"),
        ({"deleted": 4}, "deleted documents 0 -> 4"),
    ],
)
def test_the_index_changed(change: dict[str, Any], words: str) -> None:
    """A write, another index under the name, and a merge that drops deleted documents change scores."""
    found = _look(Server())
    assert found.changed(_connection(Server())) is None
    line = f"index 'shop-7' changed while it was evaluated ({words}): results may mix both states"
    assert found.changed(_connection(Server(**change))) == line


def test_a_change_that_cannot_be_seen() -> None:
    """Results are there already: a server that fails is a line, and is not waited for."""
    found, server = _look(Server()), Server(forbidden=("count",))
    line = found.changed(_connection(server))
    assert line is not None
    assert line.startswith(
        "whether index 'shop-7' changed while it was evaluated is not known: elasticsearch at http://"
    )
    assert server.calls[0] == ("options", {"request_timeout": 5})


READ_ONLY = {
    "get",
    "get_alias",
    "get_settings",
    "stats",
    "count",
    "open_point_in_time",
    "search",
    "close_point_in_time",
}


@pytest.mark.parametrize("look", [_look, lambda server: _look(server).changed(_connection(server))])
def test_nothing_is_written(look: Callable[[Server], object]) -> None:
    """Only calls that read are made; the client of this test has no others."""
    server = Server()
    look(server)
    assert {name for name, _ in server.calls} <= READ_ONLY | {"options"}
