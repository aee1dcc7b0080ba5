"""Values that are too large, of another type or written otherwise; the answers are those of 8.19.5 and 9.5.2."""

from typing import Any

import pytest

from relevance.analysis import Analysis
from relevance.engines.embedded.bodies import BodyIndex
from relevance.errors import InputError
from relevance.schema import Schema
from relevance.values import number_of

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


@pytest.mark.parametrize("field", [*WHOLE, *DECIMAL])
@pytest.mark.parametrize("text", ["1_000", "١٢", "nan", "inf", "1,5", "--5", "5L", ""])
@pytest.mark.parametrize("clause", ["term", "range"])
def test_a_text_that_java_takes_for_no_number(index: BodyIndex, clause: str, field: str, text: str) -> None:
    with pytest.raises(InputError, match="no number"):
        index.search([{"query": {clause: {field: text if clause == "term" else {"gte": text}}}}], hits=3)


@pytest.mark.parametrize("field", [*WHOLE, *DECIMAL])
@pytest.mark.parametrize("text", ["+5", "5.", "05", "5e0", "500E-2"])
def test_a_text_that_java_takes_for_five(index: BodyIndex, field: str, text: str) -> None:
    assert _hits(index, {"query": {"term": {field: text}}}) == 1


@pytest.mark.parametrize("text", [" 5 ", "5\n", "5f", "5D", "0x5p0"])
def test_longs_are_read_by_narrower_rules(index: BodyIndex, text: str) -> None:
    others = [field for field in (*WHOLE, *DECIMAL) if field != "long"]
    assert [_hits(index, {"query": {"term": {field: text}}}) for field in others] == [1] * len(others)
    with pytest.raises(InputError, match="no number"):
        index.search([{"query": {"term": {"long": text}}}], hits=3)


@pytest.mark.parametrize(
    ("option", "texts"),
    [
        ("boost", {"1_000": False, "١٢": False, "2f": True, " 2 ": True, "0x1p1": True, "Infinity": False}),
        ("max_expansions", {"1_0": False, "2.5": True, "2d": True, "NaN": False}),
        ("prefix_length", {"1_0": False, "NaN": True}),
        ("minimum_should_match", {"1_0": False, " 2 ": True, "+2": True, "2.5": False, 2.5: False, 1e39: False}),
    ],
)
def test_an_option_is_the_number_that_java_reads(index: BodyIndex, option: str, texts: dict[Any, bool]) -> None:
    for text, is_taken in texts.items():
        body = {"query": {"match": {"text": {"query": "red", option: text}}}}
        if is_taken:
            index.search([body], hits=3)
        else:
            with pytest.raises(InputError):
                index.search([body], hits=3)


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ({"query": '"red 42"~1_0', "default_field": "text"}, 1),  # no number: the usual slop
        ({"query": '"red 42"~nan', "default_field": "text"}, 1),
        ({"query": "red", "default_field": "text^2"}, 0),  # a field of that name
        ({"query": "red", "fields": ["text^2"]}, 1),
        ({"query": "byte:[5f TO 0x5p0]"}, 1),
    ],
)
def test_numbers_in_a_query_string(index: BodyIndex, query: Any, hits: int) -> None:
    assert _hits(index, {"query": {"query_string": query}}) == hits


@pytest.mark.parametrize("query", ["red^ 2", "red^٢", '"red 42"~-Infinity'])
def test_numbers_that_no_query_string_has(index: BodyIndex, query: str) -> None:
    with pytest.raises(InputError):
        index.search([{"query": {"query_string": {"query": query, "default_field": "text"}}}], hits=3)


@pytest.mark.parametrize(
    ("least", "hits"),
    [("50%", 1), ("-1", 1), ("2<1", 0), ("1<1", 1), ("0", 1), (0, 1), (2, 0), ("100%", 0), ("200%", 0)],
)
def test_terms_set_asks_for_as_many_as_a_minimum_says(index: BodyIndex, least: Any, hits: int) -> None:
    query = {"terms_set": {"tag": {"terms": ["sale", "new"], "minimum_should_match": least}}}
    assert _hits(index, {"query": query}) == hits


@pytest.mark.parametrize(
    ("kind", "text", "kept"),
    [
        *((kind, "1_000", None) for kind in WHOLE),
        ("long", "١٢", 12),
        ("integer", "١٢", None),
        ("double", "\uff11\uff12", None),
        ("long", " 12 ", None),
        ("integer", " 12 ", 12),
        ("long", "12.9999999999999999999", 12),
        ("integer", "12f", 12),
        ("long", "12f", None),
        ("short", "NaN", 0),
        ("long", "NaN", None),
        ("double", "0x1p4", 16),
        ("date", "5.", 5),
        ("date", "٢٠٢٤-01-01", None),
        ("date", "١٢", None),
    ],
)
def test_texts_of_documents_are_the_numbers_that_java_reads(kind: str, text: str, kept: float | None) -> None:
    field = Schema.of({"mappings": {"properties": {"f": {"type": kind}}}}).fields["f"]
    if kept is None:
        with pytest.raises(InputError):
            number_of(field, text)
    else:
        assert number_of(field, text) == kept


@pytest.mark.parametrize(
    ("rewrite", "problem"),
    [
        ("top_terms_blended_freqs_1", ""),
        ("top_terms_blended_freqs_0", "is not interpreted"),
        ("scoring_boolean", "is not interpreted"),
        ("constant_score", "is not interpreted"),
        ("CONSTANT_SCORE", "; allowed: "),
        ("top_terms_x", "; allowed: "),
        (None, "; allowed: "),
    ],
)
def test_how_fuzzy_words_are_put_together(index: BodyIndex, rewrite: Any, problem: str) -> None:
    fuzzy = {"query": {"match": {"key": {"query": "43", "fuzziness": 1, "fuzzy_rewrite": rewrite}}}}
    plain = {"query": {"match": {"key": {"query": "42", "fuzzy_rewrite": rewrite}}}}
    if not problem:
        assert _hits(index, fuzzy) == 1
    else:
        with pytest.raises(InputError, match=problem):
            index.search([fuzzy], hits=3)
    if problem != "; allowed: ":
        assert _hits(index, plain) == 1  # without fuzziness it changes nothing


def test_the_count_of_a_rewrite_takes_the_place_of_max_expansions() -> None:
    documents = [{"key": "42"}, {"key": "44"}]
    two = BodyIndex(Schema.of({"mappings": {"properties": {"key": {"type": "keyword"}}}}), Analysis({}), documents)
    many = {"query": "43", "fuzziness": 1, "max_expansions": 1, "fuzzy_rewrite": "top_terms_blended_freqs_50"}
    few = {**many, "max_expansions": 50, "fuzzy_rewrite": "top_terms_blended_freqs_1"}
    assert [_hits(two, {"query": {"match": {"key": each}}}) for each in (many, few)] == [2, 1]


@pytest.mark.parametrize(
    "sort",
    [
        {"key": {"mode": "sum"}},
        {"integer": {"numeric_type": "integer"}},
        {"key": {"numeric_type": "long"}},
        {"integer": {"format": "yyyy"}},
        {"date": {"format": ""}},
        {"nothing": {"unmapped_type": "text"}},
        {"long": {"missing": "2.0"}},
        {"double": {"missing": "1_0"}},
    ],
)
def test_a_sort_that_a_server_refuses(index: BodyIndex, sort: Any) -> None:
    with pytest.raises(InputError, match=r"^sort"):
        index.search([{"sort": [sort]}], hits=3)


@pytest.mark.parametrize(
    ("sort", "codes"),
    [
        ([{"nothing": {"unmapped_type": "long"}}], [0, 1, 2]),
        ([{"nothing": {"unmapped_type": "ip"}}, "_score"], [2, 1, 0]),
        ({"key": "desc", "long": "asc"}, [1, 2, 0]),
        ({"long": "desc"}, [2, 0, 1]),
        ([{}], [2, 1, 0]),
        ([{"double": {"missing": "NaN"}}], [1, 0, 2]),
        ([{"double": {"missing": "-Infinity"}}], [0, 2, 1]),
    ],
)
def test_how_hits_are_sorted(sort: Any, codes: list[int]) -> None:
    documents: list[dict[str, Any]] = [
        {"text": "red sofa for two", "key": "a", "long": 2},
        {"text": "red sofa", "key": "b", "long": 1, "double": 1},
        {"text": "red", "key": "b", "long": 3},
    ]
    three = BodyIndex(Schema.of({"mappings": {"properties": PROPERTIES}}), Analysis({}), documents)
    answer = three.search([{"query": {"match": {"text": "red"}}, "sort": sort}], hits=3)[0]
    assert answer.codes.tolist() == codes


@pytest.mark.parametrize(("field", "vector"), [("cosine", [0, 0]), ("cosine", [1e-23, 0]), ("dot_product", [1, 1])])
def test_vectors_that_the_similarity_does_not_take(index: BodyIndex, field: str, vector: Any) -> None:
    with pytest.raises(InputError, match="query_vector"):
        index.search([{"query": {"knn": {"field": field, "query_vector": vector}}}], hits=3)


@pytest.mark.parametrize(("key", "value"), [("k1", -1), ("k1", "NaN"), ("k1", "1_0"), ("b", 1.5), ("b", True)])
def test_numbers_that_no_similarity_has(key: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"^settings\.similarity\.default\.{key} = "):
        Schema.of({"settings": {"similarity": {"default": {"type": "BM25", key: value}}}})


@pytest.mark.parametrize("missing", [[1], {"a": 1}, True, "x", "1e400", "NaN", BIG, EAN])
def test_missing_is_a_value_of_the_field(index: BodyIndex, missing: Any) -> None:
    with pytest.raises(InputError, match=r"missing|no number"):
        index.search([{"sort": [{"integer": {"missing": missing}}]}], hits=3)


@pytest.mark.parametrize("missing", [None, 10**20, "5"])
def test_missing_that_a_server_takes(index: BodyIndex, missing: Any) -> None:
    assert _hits(index, {"sort": [{"integer": {"missing": missing}}]}) == 1


# the empty text is a term like others; by release the documents that a server finds, and their score
@pytest.mark.parametrize("release", [8, 9])
@pytest.mark.parametrize(
    ("clause", "found", "score"),
    [
        ({"wildcard": {"key": ""}}, {8: [], 9: []}, None),
        ({"wildcard": {"key": {"value": "", "case_insensitive": True}}}, {8: [], 9: []}, None),
        ({"prefix": {"key": ""}}, {8: [0, 1], 9: [0, 1]}, 1.0),
        ({"term": {"key": {"value": "", "case_insensitive": True}}}, {8: [0], 9: [0]}, 0.6931472),
        ({"term": {"key": {"value": "TV", "case_insensitive": True}}}, {8: [1], 9: [1]}, 1.0),
        ({"regexp": {"key": {"value": "", "case_insensitive": True}}}, {8: [], 9: [0]}, 1.0),
        ({"regexp": {"key": ""}}, {8: [0], 9: [0]}, 1.0),
    ],
)
def test_the_empty_text(release: int, clause: Any, found: dict[int, list[int]], score: float | None) -> None:
    schema = Schema.of({"mappings": {"properties": {"key": {"type": "keyword"}}}})
    index = BodyIndex(schema, Analysis({}, release=release), [{"key": ""}, {"key": "tv"}], release=release)
    (answer,) = index.search([{"query": clause}], hits=10)
    assert answer.codes.tolist() == found[release]
    if found[release]:
        assert answer.scores[0] == pytest.approx(score, abs=1e-7)


@pytest.mark.parametrize("lenient", [False, "false", ""])
def test_all_fields_are_asked_leniently_unless_it_is_said(index: BodyIndex, lenient: Any) -> None:
    (answer,) = index.search([{"query": {"multi_match": {"query": "red"}}}], hits=10)
    assert answer.total == 1
    with pytest.raises(InputError):
        index.search([{"query": {"multi_match": {"query": "red", "lenient": lenient}}}], hits=10)
