"""An index that exists: its field map, its ids and its state, from a client in memory that can only read."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from helpers.cluster import URL, answer, fail

from relevance.engines import EngineChoice, Request
from relevance.engines.elasticsearch import engine
from relevance.engines.elasticsearch.client import Connection
from relevance.engines.elasticsearch.existing import Existing, fields_of, look_at
from relevance.engines.elasticsearch.settings import Settings
from relevance.errors import CouldNotRunError, InputError
from relevance.strategies import STRATEGIES, Strategy

NESTED = {"type": "nested", "properties": {"text": {"type": "text"}, "key": {"type": "keyword"}}}
MAPPINGS: Mapping[str, Any] = {
    "properties": {
        "sku": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "names": {"properties": {"main": {"type": "text", "fields": {"english": {"type": "text"}}}}},
        "about": {"type": "text"},
        "number": {"type": "long"},
        "price": {"type": "float"},
        "code": {"type": "keyword", "doc_values": False},
        "stored": {"type": "text", "index": False},
        "title": {"type": "alias", "path": "names.main"},
        "props": NESTED,
        "vec": {"type": "dense_vector", "dims": 4, "similarity": "cosine", "index_options": {"type": "int8_hnsw"}},
        "far": {"type": "dense_vector", "dims": 4, "similarity": "l2_norm", "index_options": {"type": "flat"}},
        "bytes": {"type": "dense_vector", "dims": 4, "element_type": "byte"},
        "empty": {"type": "dense_vector"},
        "idle": {"type": "dense_vector", "dims": 4, "index": False},
    }
}
FIELDS = {"id": "sku.raw", "title": "names.main", "description": "about", "attributes": "props.text"}
SETTINGS = Settings(url=URL, index="shop-7", fields=FIELDS, vectors={"whole": "vec"})
TEXT, VECTOR = (STRATEGIES["textsearch"],), (STRATEGIES["vectorsearch"],)
TITLE = (Strategy("title", text={"title": 1}),)
RAW = Strategy("raw", template={"knn": {"field": "vec", "query_vector": "{{vector}}", "k": 10}})


@dataclass
class Server:
    """A client and what is behind it: one index, its documents by the values of their id."""

    ids: list[list[Any]] = field(default_factory=lambda: [["b"], ["a"], ["c"]])
    without: int = 0
    with_vector: int = 3
    aliases: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    uuid: str = "u1"
    deleted: int = 0
    max_seq_no: int = 7
    refused: dict[str, int] = field(default_factory=dict)  # calls that have a status for an answer
    mappings: Mapping[str, Any] = field(default_factory=lambda: MAPPINGS)
    more: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    opened: int = 0
    pages: list[Any] = field(default_factory=list)
    searched_shards: int = 2

    def __getattr__(self, name: str) -> Any:
        """Only these calls are there, all of which read."""
        answers = {
            "get": self._get,
            "get_alias": self._aliases,
            "get_settings": self._uuid,
            "stats": self._stats,
            "count": self._count,
            "search": self._search,
            "scroll": self._scroll,
            "clear_scroll": self._clear,
            "close": dict,
        }

        def call(**options: Any) -> Any:
            self.calls.append((name, deepcopy(options)))
            if name in self.refused:
                fail(self.refused[name], "refused")
            return answer(answers[name](**options))

        return call

    @property
    def indices(self) -> Any:
        return self

    def options(self, **options: Any) -> Any:
        self.calls.append(("options", options))
        return self

    def named(self, name: str) -> list[dict[str, Any]]:
        return [options for called, options in self.calls if called == name]

    def _index(self) -> dict[str, Any]:
        settings = {"uuid": self.uuid, "number_of_shards": "2", **self.settings}
        return {"shop-7": {"aliases": self.aliases, "mappings": self.mappings, "settings": {"index": settings}}}

    def _get(self, *, index: str) -> Any:
        if index not in ("shop-7", *self.aliases):
            fail(404, "index_not_found_exception")
        return self._index() | self.more

    def _aliases(self, **_: Any) -> Any:
        return {".kibana": {"aliases": {}}, **self._index(), "other": {"aliases": {}}}

    def _uuid(self, **_: Any) -> Any:
        return {"shop-7": {"settings": {"index": {"uuid": self.uuid}}}}

    def _stats(self, **_: Any) -> Any:
        copies = [(True, self.max_seq_no), (False, 99), (True, 3)]
        shard = [
            {"routing": {"primary": primary}, "seq_no": {"max_seq_no": highest}, "segments": {"count": 4}}
            for primary, highest in copies
        ]
        total = {"primaries": {"docs": {"count": 30, "deleted": self.deleted}}}
        return {"_all": total, "indices": {"shop-7": {"shards": {"0": shard[:2], "1": shard[2:]}}}}

    def _count(self, *, query: Any, **_: Any) -> Any:
        documents = len(self.ids) if query == {"exists": {"field": "sku.raw"}} else self.with_vector
        if query is None or "bool" in query:
            documents = self.without + (len(self.ids) if query is None else 0)
        return {"count": documents, "_shards": {"failed": 0}}

    def _search(self, *, size: int, scroll: str, sort: Any, **options: Any) -> Any:
        assert (scroll, sort) == ("5m", "_doc")
        columns = options.get("docvalue_fields")
        assert columns or options["_source"] is False
        self.pages = [
            [{"fields": {columns[0]: one}} if columns else {"_id": one[0]} for one in page]
            for page in (self.ids[at : at + size] for at in range(0, len(self.ids), size))
        ]
        self.opened += 1
        return self._page()

    def _scroll(self, *, scroll_id: str, scroll: str) -> Any:
        assert (scroll_id, scroll) == ("scroll", "5m")
        return self._page()

    def _page(self) -> Any:
        hits = self.pages.pop(0) if self.pages else []
        shards = {"total": 2, "successful": self.searched_shards}
        return {"_scroll_id": "scroll", "_shards": shards, "hits": {"hits": hits}}

    def _clear(self, *, scroll_id: str) -> Any:
        assert scroll_id == "scroll"
        self.opened -= 1
        return {}


def connected(server: Server) -> Connection:
    client: Any = server
    return Connection(client, URL, "8.19.5")


def look(server: Server | None = None, strategies: Any = TEXT, dimensions: int = 4, **settings: Any) -> Existing:
    return look_at(connected(server or Server()), replace(SETTINGS, **settings), strategies, {"base": dimensions})


def chosen(monkeypatch: pytest.MonkeyPatch, strategies: Any, **settings: Any) -> EngineChoice:
    monkeypatch.setattr(engine, "connect", lambda _: connected(Server()))
    choice = engine.choose(Request(replace(SETTINGS, **settings), strategies), "asked for")
    assert choice.inspect
    return choice.inspect({"base": 4})


@pytest.mark.parametrize(
    ("strategies", "vectors", "kind"),
    [(VECTOR, "vec", ", int8_hnsw vectors"), (VECTOR, "far", ", flat vectors"), (TEXT, "vec", "")],
)
def test_the_header_names_the_kind_of_vectors_that_are_searched(
    monkeypatch: pytest.MonkeyPatch, strategies: Any, vectors: str, kind: str
) -> None:
    line = chosen(monkeypatch, strategies, vectors={"whole": vectors}).line
    assert line.endswith(f"index shop-7 as it is{kind}, 2 shards, query_then_fetch (asked for)")


def test_a_note_lists_the_strategies_without_statistics_on_an_index_that_exists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choice = chosen(monkeypatch, [*TEXT, *VECTOR, RAW], search_type="dfs_query_then_fetch")
    assert choice.notes[-1].endswith(": 2 strategies without it: vectorsearch, raw")


def refusal(server: Server | None = None, strategies: Any = TEXT, dimensions: int = 4, **settings: Any) -> str:
    with pytest.raises(InputError) as caught:
        look(server, strategies, dimensions, **settings)
    return str(caught.value)


# the field map


def test_fields_go_by_the_map() -> None:
    fields = {**FIELDS, "title": "names.main.english", "description": "title"}
    paths = look(fields=fields, vectors={"whole": "vec", "tuned.title": "far"}).paths
    assert (paths.id, paths.sorts) == ("sku.raw", True)
    assert paths.text == {"title": "names.main.english", "description": "names.main", "attributes": "props.text"}
    assert paths.nested == {"attributes": "props"}
    assert paths.vectors == {("base", "whole"): "vec", ("tuned", "title"): "far"}
    only = look(strategies=TITLE, fields={"id": "sku.raw", "title": "about"}, vectors={}).paths
    assert (only.text, only.nested, only.vectors) == ({"title": "about"}, {}, {})


def test_a_name_may_have_dots_and_the_innermost_nested_path_counts() -> None:
    inner = {"type": "nested", "properties": {"text": {"type": "text"}}}
    fields = fields_of({"properties": {"a.b": {"type": "text"}, "n": {"type": "nested", "properties": {"m": inner}}}})
    assert (fields["a.b"].type, fields["n.m"].nested, fields["n.m.text"].nested) == ("text", "n", "n.m")


IDS = "keyword, long, integer, short, byte, unsigned_long, _id; the index has 'sku.raw', 'number', 'code', 'props.key'"
DENSE = "dense_vector; the index has 'vec', 'far', 'bytes', 'empty', 'idle'"
WRONG_FIELDS = [
    ("id", "skuu.raw", "is not there (did you mean 'sku.raw'?)", IDS),
    ("id", "sku", "is of type text", IDS),
    ("id", "code", "has no doc_values", "a field with doc_values, or _id"),
    ("id", "props.key", "lies in the nested documents of 'props'", "a field of the product's own"),
    ("title", "price", "is of type float", "text, match_only_text, search_as_you_type, keyword; the index has 'sku', "),
    (
        "title",
        "names",
        "is of type object",
        "text, match_only_text, search_as_you_type, keyword; the index has 'sku', ",
    ),
    ("title", "stored", "is not indexed (index: false)", "a field that can be searched"),
    ("whole", "vecs", "is not there (did you mean 'vec'?)", DENSE),
    ("whole", "about", "is of type text", DENSE),
    ("whole", "bytes", "has vectors of element_type byte", "float, bfloat16"),
    ("whole", "empty", "has no vectors yet (no dims)", "4, as model 'base' has"),
    ("whole", "idle", "is not indexed (index: false)", "a field that can be searched"),
]


@pytest.mark.parametrize(("ours", "path", "problem", "allowed"), WRONG_FIELDS)
def test_a_field_that_it_cannot_be_is_named_before_any_id_is_read(
    ours: str, path: str, problem: str, allowed: str
) -> None:
    server, table = Server(), "vectors" if ours == "whole" else "fields"
    changed: Any = {"vectors": {ours: path}} if ours == "whole" else {"fields": {**FIELDS, ours: path}}
    line = refusal(server, VECTOR if ours == "whole" else TEXT, **changed)
    where = f"[elasticsearch.{table}] {ours} = '{path}': in index 'shop-7' it {problem}"
    assert line.startswith(f"{where}; allowed: {allowed}")
    assert [name for name, _ in server.calls] == ["get"]


TUNED = (Strategy("mine", vectors={"whole": 1}, model="tuned"),)
LACKING: list[tuple[Any, Any, Any, str]] = [
    (
        {"id": "a", "titel": "b"},
        {},
        TEXT,
        "[elasticsearch.fields]: unknown field 'titel' (did you mean 'title'?); allowed: id, title, ",
    ),
    (FIELDS, {"hole": "vec"}, TEXT, "[elasticsearch.vectors]: unknown vector field 'hole' (did you mean 'whole'?)"),
    ({"title": "about"}, {}, TEXT, "[elasticsearch.fields] has no id; allowed: id = the field of index 'shop-7' that "),
    (
        {"id": "sku.raw", "title": "about"},
        {},
        TEXT,
        "strategy 'textsearch' matches description, which [elasticsearch.fields] does not have; allowed: descri",
    ),
    (
        FIELDS,
        {"whole": "vec"},
        TUNED,
        "strategy 'mine' searches the vectors of tuned.whole, which [elasticsearch.vectors] does not have; allowed: ",
    ),
]


@pytest.mark.parametrize(("fields", "vectors", "strategies", "line"), LACKING)
def test_what_the_map_lacks_is_named_with_its_strategy(fields: Any, vectors: Any, strategies: Any, line: str) -> None:
    assert refusal(strategies=strategies, fields=fields, vectors=vectors).startswith(line)


@pytest.mark.parametrize("strategies", [VECTOR, (RAW,)], ids=["table", "template that names the field"])
def test_vectors_of_other_dimensions_than_the_models(strategies: Any) -> None:
    line = refusal(strategies=strategies, dimensions=384)
    assert line == (
        "[elasticsearch.vectors] whole = 'vec': in index 'shop-7' it has 4 dimensions; "
        "allowed: 384, as model 'base' has"
    )
    look(strategies=TEXT, dimensions=384)  # nothing searches it


# the index


def test_a_field_that_a_search_names_and_the_index_lacks_is_noted() -> None:
    must = [{"match": {"names.mian": "{{query}}"}}, {"exists": {"field": "names"}}, {"term": {"title": "x"}}]
    body = {"query": {"bool": {"must": must}}, "sort": [{"_score": "desc"}, {"pirce": "asc"}]}
    notes = look(strategies=(Strategy("shop", template=body),)).notes
    assert [note for note in notes if "no field" in note] == [
        "strategy 'shop': no field 'names.mian' in the mapping (did you mean 'names.main'?)",
        "strategy 'shop': no field 'pirce' in the mapping (did you mean 'price'?)",
    ]


def test_what_results_say_of_it() -> None:
    index = look(strategies=(*TEXT, *VECTOR))
    assert (index.name, index.shards, index.sorted_segment, index.is_ours, index.notes) == (
        "shop-7",
        2,
        False,
        False,
        (),
    )
    assert index.product_ids == ("a", "b", "c")
    mapping = index.facts["mapping"]
    assert index.facts == {
        "index": "shop-7",
        "uuid": "u1",
        "documents": 3,
        "deleted": 0,
        "max_seq_no": 7,
        "shards": 2,
        "search_type": "query_then_fetch",
        "refresh_interval": "default",
        "vector_index": "int8_hnsw",
        "mapping": mapping,
        "body": index.facts["body"],
        "fields": {
            "attributes": "props.text: text",
            "description": "about: text",
            "id": "sku.raw: keyword",
            "title": "names.main: text",
            "vectors.whole": "vec: dense_vector, similarity cosine",
        },
    }
    assert list(look(vectors={}).facts["fields"]) == ["attributes", "description", "id", "title"]
    assert look(search_type="dfs_query_then_fetch").facts["search_type"] == "dfs_query_then_fetch"


def analysis(*words: str, default: str = "standard") -> dict[str, Any]:
    stop = {"stop": {"type": "stop", "stopwords": list(words)}}
    shop = {"type": "custom", "tokenizer": "standard", "filter": ["lowercase", "stop"]}
    return {"analysis": {"filter": stop, "analyzer": {"shop": shop, "default": {"type": default}}}}


def mapped(**about: str) -> Mapping[str, Any]:
    return {"properties": {**MAPPINGS["properties"], "about": {"type": "text", **about}}}


def test_another_analyzer_word_list_mapping_or_filter_is_another_index() -> None:
    shop = mapped(analyzer="shop")
    servers = [
        Server(settings=analysis("a"), mappings=shop),
        Server(settings=analysis("a", "the"), mappings=shop),
        Server(settings=analysis("a", default="english"), mappings=shop),
        Server(settings=analysis("a"), mappings=mapped(analyzer="shop", search_analyzer="english")),
        Server(settings=analysis("a"), mappings=mapped(similarity="flat")),
        Server(settings=analysis("a"), mappings=shop, aliases={"shop-7": {"filter": {"term": {"live": True}}}}),
    ]
    facts: list[Any] = [look(server).facts for server in servers]
    assert len({one["mapping"] for one in facts}) == len(facts)
    about, titles = ([one["fields"][name] for one in facts] for name in ("description", "title"))
    assert about[0].startswith("about: text, analyzer shop (")
    assert about[0] == about[2] == about[5] != about[1]
    assert about[3] == f"{about[0]}, search_analyzer english"
    assert about[4].startswith("about: text, analyzer default (")
    assert about[4].endswith(", similarity flat")
    assert titles[0] == titles[1] != titles[2]
    same = Server(settings=analysis("a") | {"refresh_interval": "5s"}, mappings=shop | {"_meta": {"built": "today"}})
    assert look(same).facts["mapping"] == facts[0]["mapping"]


NO_INDEX: list[tuple[dict[str, Any], str, str]] = [
    (
        {"aliases": {"shop": {}}},
        "shpo",
        f"there is no index 'shpo' at {URL} (did you mean 'shop'?); allowed: 'other', 'shop', 'shop-7'",
    ),
    ({"refused": {"get_alias": 403}}, "shpo", f"there is no index 'shpo' at {URL}; allowed: there is none"),
    (
        {"aliases": {"shop": {}}, "more": {"shop-8": {}}},
        "shop",
        "'shop' stands for 2 indices, 'shop-7', 'shop-8'; allowed: one",
    ),
    (
        {"settings": {"verified_before_close": "true"}},
        "shop-7",
        f"index 'shop-7' at {URL} is closed; allowed: an index that is open",
    ),
]


@pytest.mark.parametrize(("server", "name", "line"), NO_INDEX)
def test_what_is_not_one_index_that_is_open(server: dict[str, Any], name: str, line: str) -> None:
    assert refusal(Server(**server), index=name) == f"--es-index: {line}"


def test_an_alias_is_the_index_that_it_stands_for_or_is_searched_itself_with_its_filter() -> None:
    index = look(Server(aliases={"shop": {}}), index="shop")
    assert (index.name, index.facts["index"], index.facts["alias"], index.notes) == ("shop-7", "shop-7", "shop", ())
    server = Server(aliases={"shop": {"filter": {"term": {"live": True}}}})
    index = look(server, index="shop")
    assert (index.name, index.facts["index"]) == ("shop", "shop-7")
    assert index.notes == ("index 'shop-7' is searched by its alias 'shop', which has a filter or a routing",)
    asked = {options["index"] for name in ("count", "search", "stats") for options in server.named(name)}
    assert asked == {"shop"}


# its ids


@pytest.mark.parametrize(
    ("count", "settings", "page"), [(25_000, {}, 10_000), (4, {"max_result_window": "2"}, 2)], ids=["usual", "small"]
)
def test_ids_are_read_page_by_page(count: int, settings: Any, page: int) -> None:
    ids = [f"p{number:05}" for number in range(count)]
    server = Server(ids=[[one] for one in reversed(ids)], settings=settings)
    index = look(server)
    assert (index.product_ids, index.window) == (tuple(ids), page)
    assert [asked["size"] for asked in server.named("search")] == [page]
    assert (server.opened, server.pages) == (0, [])


@pytest.mark.parametrize("ids", [[[2], [10], [9]], [["9"], ["10"], ["2"]]], ids=["number", "_id"])
def test_ids_that_the_server_cannot_sort_as_text_are_sorted_here(ids: list[list[Any]]) -> None:
    field = "number" if isinstance(ids[0][0], int) else "_id"
    server = Server(ids=ids, settings={"max_result_window": "2"})
    index = look(server, TITLE, fields={"id": field, "title": "about"})
    assert (index.product_ids, index.paths.id, index.paths.sorts) == (("10", "2", "9"), field, False)
    assert index.notes[0] == (
        f"index 'shop-7': the server cannot sort by '{field}' as text; products of one score at the end of a list are "
        "fetched whole and ordered here"
    )
    assert server.opened == 0


def test_reading_that_fails_is_told_and_what_was_opened_is_let_go() -> None:
    server = Server(refused={"scroll": 500})
    with pytest.raises(CouldNotRunError, match="while reading the ids of the products"):
        look(server)
    assert (len(server.named("search")), server.opened) == (1, 0)
    server = Server(searched_shards=1)
    with pytest.raises(CouldNotRunError, match=r"succeeded on 1 .* shards out of 2\. \(while reading the ids of"):
        look(server)
    assert server.opened == 0


WRONG_IDS: list[tuple[list[list[str]], str]] = [
    ([], "no document has a value; allowed: the field of the products' ids"),
    ([["a"], ["b"], ["a"], ["b"], ["c"]], "more than one document has the id 'a', 'b'; allowed: an id once"),
    ([["a"], ["b", "c"]], "a document has 2 ids, 'b', 'c'; allowed: one a document"),
    ([["a"], ["b c"], [""]], "found '', 'b c'; allowed: an id: one or more printable characters without white space"),
]


@pytest.mark.parametrize(("ids", "line"), WRONG_IDS)
def test_a_product_is_one_document_with_one_id(ids: list[list[str]], line: str) -> None:
    assert refusal(Server(ids=ids)) == f"index 'shop-7', field 'sku.raw': {line}"


# notes


NOTES: list[tuple[dict[str, Any], str, str]] = [
    ({"deleted": 1234}, "vec", "index 'shop-7': 1,234 deleted documents still count in BM25's statistics and change "),
    ({"without": 2, "with_vector": 5}, "vec", "index 'shop-7': 2 documents have no 'sku.raw' and can be no product: "),
    ({"settings": {"refresh_interval": "-1"}}, "vec", "index 'shop-7' does not refresh itself (refresh_interval -1): "),
    ({"with_vector": 2}, "vec", "index 'shop-7': 2 of 3 documents have a vector in 'vec'; no vector search finds the "),
    ({}, "far", "vectors of 'far' are compared by l2_norm: their scores are not those of cosine and weigh otherwise "),
]


@pytest.mark.parametrize(("server", "vectors", "note"), NOTES)
def test_what_is_noted(server: dict[str, Any], vectors: str, note: str) -> None:
    (line,) = look(Server(**server), VECTOR, vectors={"whole": vectors}).notes
    assert line.startswith(note)


@pytest.mark.parametrize("version", ["8.19.5", "8.11.0-serverless"], ids=["no privilege", "serverless"])
def test_without_statistics_evaluation_goes_on(version: str) -> None:
    def server(*ids: list[list[str]]) -> Connection:
        return replace(connected(Server(*ids, refused={"stats": 403})), version=version)

    index = look_at(server(), SETTINGS, TEXT, {"base": 4})
    assert (index.facts["documents"], index.facts["deleted"], index.facts["max_seq_no"]) == (3, None, None)
    assert index.notes[0].startswith(
        "index 'shop-7': deleted documents and the highest sequence number are not known: "
    )
    assert index.changed(server()) is None
    line = index.changed(server([["a"]]))
    assert line == "index 'shop-7' changed while it was evaluated (documents 3 -> 1): results may mix both states"


# its state

CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"max_seq_no": 9}, "highest sequence number 7 -> 9"),
    ({"uuid": "u2", "ids": [["a"]]}, "uuid u1 -> u2, documents 3 -> 1"),
    ({"deleted": 4}, "deleted documents 0 -> 4"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_a_change_while_it_is_evaluated_is_seen(change: dict[str, Any], words: str) -> None:
    index = look()
    assert index.changed(connected(Server())) is None
    line = f"index 'shop-7' changed while it was evaluated ({words}): results may mix both states"
    assert index.changed(connected(Server(**change))) == line


def test_a_change_that_cannot_be_seen_is_not_waited_for() -> None:
    server = Server(refused={"count": 403})
    line = str(look().changed(connected(server)))
    assert line.startswith(
        f"whether index 'shop-7' changed while it was evaluated is not known: elasticsearch at {URL}"
    )
    assert server.calls[0] == ("options", {"request_timeout": 5})
