"""Marks of search bodies: what of a query takes their place, what is left out, and what is refused."""

from __future__ import annotations

import copy
import json
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relevance import bodies
from relevance.errors import InputError

TERM = {"term": {"category": "{{params.category?}}"}}
MATCH = {"match": {"title": "{{query}}"}}


def rendered(template: Any, **params: Any) -> Any:
    return bodies.render({"x": template}, query="oak shelf", vector=[1.0], params=params).get("x", "left out")


@pytest.mark.parametrize(
    ("template", "params", "expected"),
    [
        ("{{query}}", {}, "oak shelf"),
        ("a {{ query }}, {{query}}", {}, "a oak shelf, oak shelf"),
        ("{{vector}}", {}, [1.0]),
        *(("{{params.a}}", {"a": value}, value) for value in ("b", "", 10, 2.5, True, [], ["b", 1], {"k": None}, 0)),
        ("{{params.a}}-{{ params.b }}", {"a": "de", "b": 2.50}, "de-2.5"),
        ("title_{{params.a}}^3", {"a": 10}, "title_10^3"),
        ({"title_{{params.a}}": "{{query}}"}, {"a": "de"}, {"title_de": "oak shelf"}),
        ("{{params.store-id}} {{params.größe.x_1}}", {"store-id": "5", "größe.x_1": "l"}, "5 l"),
        # what takes a mark's place is never looked at again
        ("{{params.a}} {{query}}", {"a": "{{query}}"}, "{{query}} oak shelf"),
        # defaults
        *((f"{{{{params.a={text}}}}}", {}, value) for text, value in
          (("all", "all"), ("10", 10), ('"10"', "10"), (" true ", True), ('["b", 1]', ["b", 1]), ("", ""),
           ("a=b", "a=b"), ("NaN", "NaN"), ("null", None), ("red shoes", "red shoes"))),
        ("{{ params.a = all }}", {"a": "b"}, "b"),
        ("{{params.a=all}}", {"a": None}, "all"),
        ("title_{{params.a=en}}", {}, "title_en"),
        # optional: the nearest element of a list, else the member of the object
        ([TERM, MATCH], {"category": "b"}, [{"term": {"category": "b"}}, {"match": {"title": "oak shelf"}}]),
        ([TERM, MATCH], {}, [{"match": {"title": "oak shelf"}}]),
        ([TERM], {"category": None}, []),
        ([{"bool": {"must": [MATCH], "filter": [TERM, {"bool": {"must_not": TERM, "boost": 2}}]}}], {},
         [{"bool": {"must": [{"match": {"title": "oak shelf"}}], "filter": []}}]),
        ([["{{params.a?}}", 1], 2], {}, [[1], 2]),
        (["title", "brand_{{params.a?}}^2"], {}, ["title"]),
        ({"a": "{{params.a?}}", "b": 1}, {}, {"b": 1}),
        ({"filter": TERM, "must": 1}, {}, {"must": 1}),
        ({"term": {"a": {"value": "{{params.a ?}}", "boost": 2}}}, {}, {"term": {"a": {"boost": 2}}}),
        ({"title_{{params.a?}}": "b", "c": {}}, {}, {"c": {}}),
        ({"filter": TERM}, {}, "left out"),
    ],
)  # fmt: skip
def test_what_takes_the_place_of_marks(template: Any, params: dict[str, Any], expected: Any) -> None:
    before = copy.deepcopy(template)
    value = rendered(template, **params)
    assert (value, json.dumps(value)) == (expected, json.dumps(expected))
    assert template == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON.filter(lambda value: value is not None), JSON)
def test_a_value_keeps_its_type_and_the_rest_stays(value: Any, rest: Any) -> None:
    rest = json.loads(json.dumps(rest).replace("{{", "[["))
    assert rendered({"value": "{{params.a}}", "rest": rest}, a=value) == {"value": value, "rest": rest}


@pytest.mark.parametrize(
    ("template", "line"),
    [
        (
            "{{qeury}}",
            "unknown mark '{{qeury}}' (did you mean '{{query}}'?); allowed: {{query}}, {{vector}}, {{params.N",
        ),
        ("{{param.category}}", "unknown mark '{{param.category}}' (did you mean '{{params.category}}'?)"),
        ("{{category}}", "(did you mean '{{params.category}}'?)"),
        ("{{query?}}", "unknown mark '{{query?}}' (did you mean '{{query}}'?)"),
        ("{{params.}}", "unknown mark '{{params.}}' (did you mean '{{params.NAME}}'?)"),
        ("{{params.a b}}", "unknown mark '{{params.a b}}'"),
        ("{{#params.a}}x{{/params.a}}", "unknown mark '{{#params.a}}' (did you mean '{{params.a}}'?)"),
        ("a {{vector}}", "{{vector}} in 'a {{vector}}'; allowed: alone as a value"),
        ({"{{vector}}": 1}, "{{vector}} as the key '{{vector}}'; allowed: alone as a value"),
        ("{{params.a=[b}}", "{{params.a=[b}}: the default is no JSON (Expecting value"),
        ("x {{params.a=true}}", "{{params.a=true}} inside of a text; allowed: a text or a number as default"),
    ],
)
def test_a_mark_that_cannot_be_filled(template: Any, line: str) -> None:
    with pytest.raises(InputError) as caught:
        bodies.prepare({"query": [template]})
    assert line in str(caught.value)


LIST = "a list as 'a'; allowed: a text or a number, or the mark alone in a text"


@pytest.mark.parametrize(
    ("template", "params", "problem"),
    [
        (
            "{{params.category}}",
            {"categories": 1},
            "no parameter 'category' (did you mean 'categories'?); allowed: a value",
        ),
        ("{{params.a}}", {"a": None}, "no parameter 'a' (did you mean 'a'?)"),
        ("x{{params.a}}", {"a": [1]}, LIST),
        ("x{{params.a?}}", {"a": [1]}, LIST),
        ("x{{params.a}}", {"a": True}, "true or false as 'a'"),
        ({"x{{params.a}}": 1}, {"a": {}}, "an object as 'a'"),
    ],
)
def test_a_query_that_cannot_be_asked(template: Any, params: dict[str, Any], problem: str) -> None:
    body = bodies.prepare({"query": template, "size": "{{params.none?}}"})
    assert problem in body.problem(params)
    with pytest.raises(InputError) as caught:
        body.render(query="oak", params=params)
    assert problem in str(caught.value)
    assert body.problem({"a": "b", "category": 1}) == ""


def test_two_keys_that_are_one() -> None:
    body = bodies.prepare({"{{params.a}}": 1, "{{params.b}}": 2})
    assert body.render(query="", params={"a": "x", "b": "y"}) == {"x": 1, "y": 2}
    with pytest.raises(InputError, match="two keys are one for this query"):
        body.render(query="", params={"a": "x", "b": "x"})


def test_a_body_knows_its_marks() -> None:
    body = bodies.prepare({"a": ["{{ query }} {{query}}", "{{ vector }}"], "b_{{params.b = 1}}": "{{params.c ?}}"})
    assert [mark.text for mark in body.marks] == [
        "{{query}}", "{{query}}", "{{vector}}", "{{params.b=1}}", "{{params.c?}}"
    ]  # fmt: skip
    assert (body.count(bodies.QUERY), body.count(bodies.VECTOR)) == (2, 1)
    assert body.template == {"a": ["{{query}} {{query}}", "{{vector}}"], "b_{{params.b=1}}": "{{params.c?}}"}


def test_many_queries_are_rendered_in_no_time() -> None:
    filters = [{"term": {f"field_{number}": "constant"}} for number in range(200)]
    body = bodies.prepare({"query": {"bool": {"must": MATCH, "filter": [{"bool": {"should": filters}}, TERM]}}})
    start = perf_counter()
    for number in range(6_000):
        body.render(query=f"query {number}", params={"category": [number]})
    assert perf_counter() - start < 1
