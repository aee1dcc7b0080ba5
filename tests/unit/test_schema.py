"""Index bodies become fields; what is not known is refused by name."""

from typing import Any

import pytest
from parity.search_bodies import INDEX

from relevance.errors import InputError
from relevance.fields import check_depth
from relevance.schema import Schema, Similarity


def schema(properties: dict[str, Any], settings: dict[str, Any] | None = None, **mappings: Any) -> Schema:
    return Schema.of({"settings": settings or {}, "mappings": {"properties": properties, **mappings}})


def test_fields_have_full_paths_and_the_place_of_their_values() -> None:
    fields = schema(
        {
            "name": {"type": "text", "copy_to": "all", "fields": {"raw": {"type": "keyword", "ignore_above": "20"}}},
            "all": {"type": "text"},
            "offers": {"type": "nested", "properties": {"shop": {"properties": {"city": {"type": "keyword"}}}}},
        }
    ).fields
    assert list(fields) == ["name", "name.raw", "all", "offers.shop.city"]
    assert fields["name"].copy_to == ("all",)
    assert (fields["name.raw"].source, fields["name.raw"].ignore_above) == ("name", 20)
    assert fields["offers.shop.city"].nested == "offers"


@pytest.mark.parametrize(
    ("names", "mapping", "expected"),
    [
        ([], {}, ("standard",) * 3),
        (["default"], {}, ("default",) * 3),
        (["default", "default_search"], {}, ("default", "default_search", "default_search")),
        (["default", "default_search"], {"analyzer": "a"}, ("a", "a", "a")),
        ([], {"analyzer": "a", "search_analyzer": "b"}, ("a", "b", "b")),
        ([], {"search_quote_analyzer": "c"}, ("standard", "standard", "c")),
    ],
)
def test_analyzers_that_the_mapping_leaves_out(names: list[str], mapping: Any, expected: tuple[str, ...]) -> None:
    settings = {"analysis": {"analyzer": {name: {"tokenizer": "standard"} for name in names}}}
    field = schema({"f": {"type": "text", **mapping}}, settings).fields["f"]
    assert (field.analyzer, field.search_analyzer, field.search_quote_analyzer) == expected


@pytest.mark.parametrize(
    ("settings", "name", "expected"),
    [
        ({}, None, Similarity()),
        ({}, "boolean", Similarity("boolean")),
        ({"similarity": {"default": {"type": "BM25", "b": "0.4"}}}, None, Similarity(b=0.4)),
        ({"index.similarity.mine.k1": 2}, "mine", Similarity(k1=2)),
        (
            {"index": {"similarity": {"mine": {"discount_overlaps": "false"}}}},
            "mine",
            Similarity(discount_overlaps=False),
        ),
    ],
)
def test_similarities_come_from_settings_in_every_spelling(
    settings: Any, name: str | None, expected: Similarity
) -> None:
    similarity = {} if name is None else {"similarity": name}
    assert schema({"f": {"type": "text", **similarity}}, settings).fields["f"].similarity == expected


def test_what_get_index_returns_is_read_too() -> None:
    assert Schema.of({"products": {"aliases": {}, **INDEX}}) == Schema.of(INDEX)


def test_a_pattern_names_fields() -> None:
    found = Schema.of(INDEX)
    assert [field.path for field in found.matching("name.p*")] == ["name.plain"]
    assert [field.path for field in found.matching("brand")] == ["brand"]
    assert found.matching("colour") == []


def test_an_alias_is_the_field_that_it_stands_for() -> None:
    found = schema({"title": {"type": "alias", "path": "name"}, "name": {"type": "text"}, "no": {"type": "long"}})
    assert found.fields["title"] is found.fields["name"]
    assert list(found.sources) == ["name", "no"]
    assert list(found.named("t*")) == ["title"]
    assert list(found.named("*")) == ["name", "no"]


@pytest.mark.parametrize("kind", ["geo_point", "completion", "flattened", "ip", "version", "date_nanos", "ip_range"])
def test_types_that_are_stored_and_not_searched(kind: str) -> None:
    found = schema(
        {"f": {"type": kind, "any": {"option": 1}}, "name": {"type": "text", "fields": {"f": {"type": kind}}}}
    )
    assert [found.stored_at(path) for path in ("f", "f.key.deep", "name.f")] == [
        found.fields["f"], found.fields["f"], found.fields["name.f"]
    ]  # fmt: skip
    assert found.stored_at("name") is None


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"f": {"type": "rank_feature"}}, ["properties.f", "'rank_feature'"]),
        ({"f": {"type": "percolator"}}, ["'percolator'"]),
        ({"f": {"type": "txt"}}, ["'txt'", "did you mean 'text'"]),
        ({"f": {"type": "text", "analyser": "a"}}, ["'analyser'", "did you mean 'analyzer'"]),
        ({"f": {"type": "text", "ignore_above": 3}}, ["(text)", "'ignore_above'"]),
        ({"f": {"type": "text", "fields": {"raw": {"type": "rank_features"}}}}, ["f.fields.raw", "'rank_features'"]),
        ({"f": {"type": "alias", "path": "nme"}, "name": {"type": "text"}}, ["f.path", "did you mean 'name'"]),
        ({"f": {"type": "alias", "to": "f"}}, ["f (alias)", "'to'"]),
        ({"f": {"type": "scaled_float"}}, ["f: no scaling_factor"]),
        ({"f": {"type": "constant_keyword"}}, ["f: no value"]),
        ({"f": {"type": "text", "copy_to": "nme"}, "name": {"type": "text"}}, ["'nme'", "did you mean 'name'"]),
        ({"f": {"type": "text", "similarity": "DFR"}}, ["'DFR'"]),
        ({"f": {"type": "text", "index_options": "all"}}, ["index_options", "'all'"]),
        ({"f": {"type": "keyword", "split_queries_on_whitespace": True}}, ["split_queries_on_whitespace"]),
        ({"f": {"type": "nested", "include_in_parent": True}}, ["include_in_parent"]),
        ({"f": {"type": "keyword", "norms": "perhaps"}}, ["f.norms", "'perhaps'"]),
        ({"f": {"type": "text", "position_increment_gap": -1}}, ["position_increment_gap"]),
    ],
)
def test_unknown_types_and_parameters_are_refused_by_name(properties: Any, words: list[str]) -> None:
    with pytest.raises(InputError) as error:
        schema(properties)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"mapings": {}}, "did you mean 'mappings'"),
        ({"mappings": {"runtime": {"f": {"type": "long"}}}}, "runtime"),
        ({"mappings": {"propertys": {}}}, "did you mean 'properties'"),
        ({"settings": {"similarity": {"mine": {"type": "LMDirichlet"}}}}, "'LMDirichlet'"),
        ({"settings": {"similarity": {"mine": {"k2": 1}}}}, "'k2'"),
    ],
)
def test_unknown_parts_of_the_body_are_refused(body: Any, word: str) -> None:
    with pytest.raises(InputError, match=word):
        Schema.of(body)


KEYWORD = {"type": "keyword"}


def deep(levels: int) -> dict[str, Any]:
    inside: dict[str, Any] = KEYWORD
    for _ in range(levels):
        inside = {"properties": {"a": inside}}
    return {"a": inside}


def many(number: int, options: dict[str, Any]) -> dict[str, Any]:
    return {f"f{at}": options for at in range(number)}


# 8.19.5 and 9.5.2 take the first of each row, and refuse the second
@pytest.mark.parametrize(
    ("fits", "beyond", "release", "line"),
    [
        (
            deep(19),
            deep(20),
            9,
            r"mappings: 21 levels down to the object 'a\.a.*'; allowed: 20, .* index\.mapping",
        ),
        (many(1000, KEYWORD), many(1001, KEYWORD), 9, "mappings: 1,001 fields and objects; allowed: 1,000, or more by"),
        (
            many(500, {"type": "text", "fields": {"k": KEYWORD}}),
            many(501, {"properties": {"k": KEYWORD}}),
            9,
            "1,002 fields and objects",
        ),
        (many(50, {"type": "nested"}), many(51, {"type": "nested"}), 8, "51 nested fields; allowed: 50, "),
        (many(100, {"type": "nested"}), many(101, {"type": "nested"}), 9, "101 nested fields; allowed: 100, "),
    ],
    ids=["depth", "fields", "fields inside", "nested on 8", "nested on 9"],
)
def test_larger_mappings_than_the_server_takes_are_refused(
    fits: dict[str, Any], beyond: dict[str, Any], release: int, line: str
) -> None:
    schema(fits).check_limits(release)
    with pytest.raises(InputError, match=line):
        schema(beyond).check_limits(release)


@pytest.mark.parametrize(
    "settings", [{"index.mapping.depth.limit": 3}, {"index": {"mapping": {"depth": {"limit": "3"}}}}]
)
def test_limits_are_those_of_the_settings(settings: dict[str, Any]) -> None:
    schema(deep(2), settings).check_limits(9)
    with pytest.raises(InputError, match=r"4 levels .*; allowed: 3"):
        schema(deep(3), settings).check_limits(9)


@pytest.mark.parametrize(("most", "levels"), [(60, 60), (100, 100)])
def test_json_that_goes_deeper_is_refused_before_it_is_walked(most: int, levels: int) -> None:
    inside: Any = {}
    for _ in range(levels - 1):
        inside = [inside]
    check_depth(inside, "a.json", most)
    for _ in range(10_000):
        inside = {"a": inside}
    with pytest.raises(InputError, match=rf"a\.json: 10,{levels:03} objects inside each other; allowed: {most}"):
        check_depth(inside, "a.json", most)
