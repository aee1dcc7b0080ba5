"""An index that exists: its field map, what is searched, its ids and its state, from a client in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from helpers.cluster import answer, fail

from relevance.engines.elasticsearch.client import Connection
from relevance.engines.elasticsearch.existing import _FieldMap as FieldMap
from relevance.engines.elasticsearch.existing import fields_of, look_at
from relevance.engines.elasticsearch.settings import Settings
from relevance.errors import CouldNotRunError, InputError
from relevance.strategies import STRATEGIES, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from relevance.engines.elasticsearch.existing import Existing

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


# the field map

FIELDS = SETTINGS.fields
ALL: Mapping[str, Any] = {
    "properties": {
        **MAPPINGS["properties"],
        "names": {"properties": {"main": {"type": "text", "fields": {"english": {"type": "text"}}}}},
        "price": {"type": "float"},
        "code": {"type": "keyword", "doc_values": False},
        "stored": {"type": "text", "index": False},
        "title": {"type": "alias", "path": "names.main"},
        "props": {"type": "nested", "properties": {"text": {"type": "text"}, "key": {"type": "keyword"}}},
        "bytes": {"type": "dense_vector", "dims": 4, "element_type": "byte"},
        "empty": {"type": "dense_vector"},
        "idle": {"type": "dense_vector", "dims": 4, "index": False},
    }
}


def _map(fields: Mapping[str, str] = FIELDS, vectors: Mapping[str, str] | None = None) -> FieldMap:
    return FieldMap("shop", Settings(fields=fields, vectors=vectors or {}), ALL)


def test_other_names_than_ours() -> None:
    """Multi-fields, fields of objects, of nested documents and of aliases: where they lie, and which are nested."""
    fields = {**FIELDS, "title": "names.main.english", "description": "title"}
    paths = _map(fields, {"whole": "vec", "tuned.title": "far"}).paths((*TEXT, *VECTOR))
    assert paths.id == "sku.raw"
    assert paths.text == {"title": "names.main.english", "description": "names.main", "attributes": "props.text"}
    assert paths.nested == {"attributes": "props"}
    assert paths.vectors == {("base", "whole"): "vec", ("tuned", "title"): "far"}
    # what the strategies do not need may be left out
    only = _map({"id": "sku.raw", "title": "about"}).paths((Strategy("title", text={"title": 1}),))
    assert (only.text, only.nested, only.vectors) == ({"title": "about"}, {}, {})


def test_dots_in_names_and_nested_in_nested() -> None:
    """A name with dots is one name where the mapping says so; the innermost nested path counts."""
    inner = {"type": "nested", "properties": {"text": {"type": "text"}}}
    fields = fields_of({"properties": {"a.b": {"type": "text"}, "n": {"type": "nested", "properties": {"m": inner}}}})
    assert (fields["a.b"].type, fields["n.m"].nested, fields["n.m.text"].nested) == ("text", "n", "n.m")


KEYWORD = "keyword, long, integer, short, byte, unsigned_long, _id; the index has 'sku.raw', 'props.key', 'code'"
TEXTS = (
    "text, match_only_text, search_as_you_type, keyword; the index has 'sku', 'sku.raw', 'names.main', "
    "'names.main.english', 'about', 'props.text', 'props.key', 'code' and 2 more"
)
DENSE = "dense_vector; the index has 'vec', 'far', 'bytes', 'empty', 'idle'"
SEARCHABLE = "a field that can be searched"


@pytest.mark.parametrize(
    ("ours", "path", "problem", "allowed"),
    [
        ("id", "skuu.raw", "is not there (did you mean 'sku.raw'?)", KEYWORD),
        ("id", "sku", "is of type text", KEYWORD),
        ("id", "code", "has no doc_values", "a field with doc_values, or _id"),
        ("id", "props.key", "lies in the nested documents of 'props'", "a field of the product's own"),
        ("title", "price", "is of type float", TEXTS),
        ("title", "names", "is of type object", TEXTS),
        ("title", "stored", "is not indexed (index: false)", SEARCHABLE),
        ("whole", "vecs", "is not there (did you mean 'vec'?)", DENSE),
        ("whole", "about", "is of type text", DENSE),
        ("whole", "bytes", "has vectors of element_type byte", "float, bfloat16"),
        ("whole", "empty", "has no vectors yet (no dims)", "4, as model 'base' has"),
        ("whole", "idle", "is not indexed (index: false)", SEARCHABLE),
    ],
)
def test_a_wrong_field(ours: str, path: str, problem: str, allowed: str) -> None:
    """The line has the table, our name, theirs, what is wrong, and what the index has."""
    table = "vectors" if ours == "whole" else "fields"
    if ours == "whole":
        look: Callable[[], object] = partial(_map(vectors={ours: path}).searched, VECTOR, {"base": 4})
    else:
        look = partial(_map({**FIELDS, ours: path}).paths, TEXT)
    with pytest.raises(InputError) as caught:
        look()
    where = f"[elasticsearch.{table}] {ours} = '{path}': in index 'shop'"
    assert str(caught.value) == f"{where} it {problem}; allowed: {allowed}"


@pytest.mark.parametrize(
    ("fields", "vectors", "strategy", "line"),
    [
        (
            {"id": "sku.raw", "titel": "about"},
            {},
            TEXT[0],
            "[elasticsearch.fields]: unknown field 'titel' (did you mean 'title'?); allowed: id, title, ",
        ),
        ({}, {"hole": "vec"}, TEXT[0], "[elasticsearch.vectors]: unknown vector field 'hole' (did you mean 'whole'?)"),
        (
            {"title": "about"},
            {},
            TEXT[0],
            "[elasticsearch.fields] has no id; allowed: id = the field of index 'shop' that holds ",
        ),
        (
            {"id": "sku.raw", "title": "about"},
            {},
            TEXT[0],
            "strategy 'textsearch' matches description, which [elasticsearch.fields] does not have; allowed: descri",
        ),
        (
            FIELDS,
            {"whole": "vec"},
            Strategy("mine", vectors={"whole": 1}, model="tuned"),
            "strategy 'mine' searches the vectors of tuned.whole, which [elasticsearch.vectors] does not ha",
        ),
    ],
)
def test_what_the_map_lacks(
    fields: Mapping[str, str], vectors: Mapping[str, str], strategy: Strategy, line: str
) -> None:
    """Strategy, field and table are named, and a model's own field with its model."""
    with pytest.raises(InputError) as caught:
        _map(fields, vectors).paths((strategy,))
    assert str(caught.value).startswith(line)


def test_other_dimensions() -> None:
    """Vectors of another model than the index's are refused; what no strategy searches is not looked at."""
    both = _map(vectors={"whole": "vec", "title": "empty"})
    assert [field.path for field in both.searched(VECTOR, {"base": 4})] == ["vec"]
    assert both.searched(TEXT, {}) == ()
    # a template names the fields of the index
    knn = {"knn": {"field": "vec", "query_vector": "{{vector}}", "k": 10, "num_candidates": 10}}
    raw = Strategy("raw", template=knn)
    for strategy in (*VECTOR, raw):
        with pytest.raises(
            InputError, match=r"whole = 'vec': .* it has 4 dimensions; allowed: 384, as model 'base' has"
        ):
            both.searched((strategy,), {"base": 384})
    assert _map({"id": "sku.raw"}).searched((raw,), {"base": 384}) == ()
    assert _map({"id": "sku.raw"}).paths((raw,)).text == {}


# the index


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
        "search_type": "query_then_fetch",
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


def test_another_similarity_is_noted() -> None:
    """Scores by another measure than cosine weigh otherwise beside text."""
    found = _look(Server(), VECTOR, settings=replace(SETTINGS, vectors={"whole": "far"}))
    assert found.facts["vector_index"] == "flat"
    (line,) = found.notes
    assert line.startswith("vectors of 'far' are compared by l2_norm: ")


def test_without_the_privilege_of_statistics() -> None:
    """Evaluation goes on; what is not known is null, and that is noted."""
    found = _look(Server(forbidden=("stats",)))
    assert (found.facts["documents"], found.facts["deleted"], found.facts["max_seq_no"]) == (3, None, None)
    assert found.notes == (
        (
            "index 'shop-7': deleted documents and the highest sequence number are not known: "
            "the user or the API key lacks the privilege monitor, or the project is serverless"
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
