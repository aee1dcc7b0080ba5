"""Values that are too large, of another type or written otherwise; the answers are those of 8.19.5 and 9.5.2."""

from typing import Any

import pytest

from relevance.analysis import Analysis
from relevance.engines.embedded.bodies import BodyIndex
from relevance.errors import InputError
from relevance.schema import Schema

WHOLE = {"long": "long", "integer": "integer", "short": "short", "byte": "byte"}
DECIMAL = {"float": "float", "half": "half_float", "double": "double"}
PROPERTIES: dict[str, Any] = {
    **{name: {"type": kind} for name, kind in {**WHOLE, **DECIMAL, "date": "date", "text": "text"}.items()},
    **{name: {"type": "keyword"} for name in ("key", "tag")},
    **{name: {"type": "dense_vector", "dims": 2, "similarity": name} for name in ("l2_norm", "cosine", "dot_product")},
}
WRITTEN = {
    1e7: "1.0E7",
    1e39: "1.0E39",
    1e22: "1.0E22",
    1e-5: "1.0E-5",
    0.001: "0.001",
    0.000999: "9.99E-4",
    12345678.9: "1.23456789E7",
    -1.5e300: "-1.5E300",
    123456.7: "123456.7",
    0.5: "0.5",
    -0.0: "-0.0",
    10**20: "100000000000000000000",
}
DOCUMENT = {
    **dict.fromkeys([*WHOLE, *DECIMAL, "date"], 5),
    "text": "red 42 1.0E7",
    "key": [*WRITTEN.values(), "42"],
    "tag": "sale",
    "l2_norm": [1, 1],
    "cosine": [1, 0],
    "dot_product": [1, 0],
}
BIG = "100000000000000000000"
EAN = "4006381333931"


@pytest.fixture(scope="module")
def index() -> BodyIndex:
    return BodyIndex(Schema.of({"mappings": {"properties": PROPERTIES}}), Analysis({}), [DOCUMENT])


def _hits(index: BodyIndex, body: Any) -> int:
    return index.search([body], hits=3)[0].total


def _query_string(query: str) -> dict[str, Any]:
    return {"query_string": {"query": query, "lenient": True}}


@pytest.mark.parametrize("value", WRITTEN)
@pytest.mark.parametrize("clause", ["term", "match"])
def test_a_decimal_is_the_text_that_java_writes(index: BodyIndex, clause: str, value: float) -> None:
    assert _hits(index, {"query": {clause: {"key": value}}}) == 1


def test_a_decimal_of_a_document_is_what_a_server_is_sent() -> None:
    schema = Schema.of({"mappings": {"properties": {"key": {"type": "keyword"}}}})
    sent = BodyIndex(schema, Analysis({}), [{"key": 1e7}])
    assert [_hits(sent, {"query": {"term": {"key": value}}}) for value in (1e7, "10000000.0")] == [0, 1]


@pytest.mark.parametrize("field", [*WHOLE, *DECIMAL])
@pytest.mark.parametrize("value", [BIG, f"-{BIG}", "1e19", 1e20, "1e400", "9" * 5000, 10**400, "NaN", 1e400])
@pytest.mark.parametrize("clause", ["term", "match"])
def test_no_document_holds_a_number_beyond_all(index: BodyIndex, clause: str, field: str, value: Any) -> None:
    assert _hits(index, {"query": {clause: {field: value}}}) == 0


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ({"multi_match": {"query": BIG, "fields": ["text", *WHOLE]}}, 0),
        ({"simple_query_string": {"query": BIG, "fields": ["text", *WHOLE], "lenient": True}}, 0),
        (_query_string(f"long:{BIG} OR byte:{BIG}"), 0),
        # a server refuses the bound, lenient makes it nothing
        (_query_string(f"long:[1 TO {BIG}]"), 0),
        (_query_string(f"long:>-{BIG}"), 0),
        (_query_string(f"integer:<{EAN}"), 0),
        (_query_string("double:[1 TO 1e400]"), 1),
        ({"terms": {"long": ["1e400", 5]}}, 1),
        ({"terms": {"byte": ["99999", 5]}}, 1),
        ({"terms": {"float": [BIG, 5]}}, 1),
        ({"range": {"half": {"lt": "99999"}}}, 1),
        *(({"range": {field: {"lt": "1e400"}}}, 1) for field in DECIMAL),
        *(({"range": {field: {"gt": "1e400"}}}, 0) for field in DECIMAL),
        ({"range": {"float": {"lt": "NaN"}}}, 1),
        ({"range": {"byte": {"lt": 99999}}}, 1),
        ({"match": {"long": {"query": 42, "fuzziness": "AUTO", "lenient": True}}}, 0),
        ({"multi_match": {"query": 42, "fields": ["text", "long"], "lenient": True, "fuzziness": "AUTO"}}, 1),
        ({"match": {"key": {"query": 42, "fuzziness": "AUTO"}}}, 1),
        ({"terms_set": {"tag": {"terms": ["sale", True], "minimum_should_match": 1}}}, 1),
        ({"knn": {"field": "l2_norm", "query_vector": [0.5, 1e20]}}, 1),
        ({"knn": {"field": "l2_norm", "query_vector": [0.5, "1"]}}, 1),
        ({"knn": {"field": "cosine", "query_vector": [1e19, 1e19]}}, 1),
        ({"match": {"text": {"query": "red", "boost": "1e-50"}}}, 1),
        ({"match": {"text": {"query": "red", "minimum_should_match": "99999999999"}}}, 1),
        ({"match": {"text": {"query": "red blue", "minimum_should_match": "2<9999999999"}}}, 0),
    ],
)
def test_what_is_answered(index: BodyIndex, query: Any, hits: int) -> None:
    assert _hits(index, {"query": query}) == hits


def _refused_by_value() -> list[dict[str, Any]]:
    values: list[dict[str, Any]] = []
    values += [{"terms": {field: [BIG, 5]}} for field in (*WHOLE, "half")]
    values += [{"terms": {field: [EAN, 5]}} for field in WHOLE if field != "long"]
    values += [{"terms": {field: ["1e400", 5]}} for field in DECIMAL]
    values += [{"range": {field: {end: value}}} for field in WHOLE for end in ("lt", "gt") for value in (BIG, "1e400")]
    values += [{"range": {"integer": {"lt": 4006381333931}}}, {"range": {"long": {"lt": 1e20}}}]
    values += [{"query_string": {"query": f"long:[1 TO {BIG}]", "lenient": False}}]
    values += [{"term": {"date": date}} for date in (BIG, "9223372036854775808", 1e20, f"{10**18}||+1d", "9" * 5000)]
    values += [{"match": {"text": {"query": "x", "boost": boost}}} for boost in ("1e400", "NaN", -0.0, 1e39, 10**400)]
    values += [{"multi_match": {"query": "x", "fields": [f"text^{boost}"]}} for boost in ("1e39", "-0.0", "NaN")]
    values += [
        {"knn": {"field": "l2_norm", "query_vector": [0.5, number]}}
        for number in ("NaN", "1e400", True, None, 1e39, [1], {}, float("nan"))
    ]
    values += [{"knn": {"field": field, "query_vector": [1e20, 0]}} for field in ("cosine", "dot_product")]
    values += [{"match": {"text": {"query": "x", "max_expansions": number}}} for number in (2**31, "1e39", 10**20)]
    values += [{"match_phrase": {"text": {"query": "x", "slop": 2**31}}}]
    values += [
        {"match": {"text": {"query": "red blue", "minimum_should_match": least}}}
        for least in (10**20, "-99999999999", "99999999999%", "9999999999<1", "9" * 5000)
    ]
    values += [{"function_score": {"functions": [{"weight": 2, "filter": {"match_all": {"match": {"text": "x"}}}}]}}]
    values += [
        {"terms_set": {"tag": {"terms": ["sale", value], "minimum_should_match": 1}}}
        for value in (None, ["new"], [], {"a": "new"})  # of an object a server makes a term that no document holds
    ]
    values += [{"match": {"long": {"query": value, "fuzziness": "AUTO"}}} for value in (42, 4.5, True)]
    values += [{"range": {"date": {"gte": "2024-01-01", "time_zone": "+99:99"}}}]
    return values


@pytest.mark.parametrize("query", _refused_by_value(), ids=lambda query: str(query)[:80])
def test_what_is_refused(index: BodyIndex, query: Any) -> None:
    with pytest.raises(InputError):
        index.search([{"query": query}], hits=3)


INNER_HITS: list[Any] = ["x", 5, True, {}, {"size": 2}, {"name": 5}, {"name": "x", "bad": 1}, [5], [{"size": 1}]]


@pytest.mark.parametrize("inner", [*INNER_HITS, {"name": "x", "size": "a"}, {"name": "x", "size": -1}])
def test_inner_hits_have_a_name(index: BodyIndex, inner: Any) -> None:
    assert _hits(index, {"collapse": {"field": "tag", "inner_hits": {"name": "x", "size": "2"}}}) == 1
    with pytest.raises(InputError, match=r"collapse\.inner_hits"):
        index.search([{"collapse": {"field": "tag", "inner_hits": inner}}], hits=3)


@pytest.mark.parametrize("missing", [[1], {"a": 1}, True, "x", "1e400", "NaN", BIG, EAN])
def test_missing_is_a_value_of_the_field(index: BodyIndex, missing: Any) -> None:
    with pytest.raises(InputError, match=r"missing|no number"):
        index.search([{"sort": [{"integer": {"missing": missing}}]}], hits=3)


@pytest.mark.parametrize("missing", [None, 10**20, "5"])
def test_missing_that_a_server_takes(index: BodyIndex, missing: Any) -> None:
    assert _hits(index, {"sort": [{"integer": {"missing": missing}}]}) == 1
