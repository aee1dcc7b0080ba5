"""Raw search templates: filled in parsed JSON, laid over by what a ranking needs."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from searched import HITS, SORT, SORTED, THREE, UNSORTED

from relevance.engines.elasticsearch.engine import Form, check_template, form
from relevance.engines.elasticsearch.mapping import SearchedIndex
from relevance.errors import InputError
from relevance.strategies import Strategy

VECTOR = np.array([0.6, -0.8], dtype=np.float32)
MATCH = {"query": {"match": {"product_title": "{{query}}"}}}


def form_of(template: dict[str, Any], index: SearchedIndex = SORTED) -> Form:
    (leg,) = Strategy("raw", template=template).legs()
    return form(leg, index, hits=10)


def filled(template: dict[str, Any], text: str, index: SearchedIndex = SORTED) -> dict[str, Any]:
    body: dict[str, Any] = form_of(template, index).body(text, VECTOR, {})
    return body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
HOSTILE = st.text() | st.sampled_from(
    ['"', '"}}', "\\", "{{query}}", "{{vector}}", '", "boost": 9, "x": "', "\u2028\x00", "🪑", "9", "null"]
)


@given(HOSTILE, HOSTILE, HOSTILE, st.dictionaries(st.text(), JSON, max_size=4))
def test_a_query_changes_the_text_in_which_it_stands_and_no_other(
    before: str, text: str, after: str, rest: dict[str, Any]
) -> None:
    rest = json.loads(json.dumps(rest).replace("{{", "[["))
    before, after = (part.replace("{{", "[[") for part in (before, after))
    body = filled({"query": {"x": rest, "match": {"query": f"{before}{{{{query}}}}{after}", "boost": 2.5}}}, text)
    assert body["query"] == {"x": rest, "match": {"query": f"{before}{text}{after}", "boost": 2.5}}
    assert json.loads(json.dumps(body["query"])) == body["query"]


def test_where_marks_stand() -> None:
    places = ["{{vector}}", "a {{query}} {{query}}", {"{{query}}": "{{query}}"}]
    body = filled({"knn": {"field": "v", "query_vector": "{{vector}}", "k": 3}, "rank": places}, "{{vector}}")
    assert body["knn"]["query_vector"] is body["rank"][0] is VECTOR
    assert body["rank"][1:] == ["a {{vector}} {{vector}}", {"{{vector}}": "{{vector}}"}]


def test_a_form_is_filled_for_each_query_anew() -> None:
    one = form_of(MATCH)
    first, second = one.body("oak", None, {}), one.body("elm", None, {})
    assert (first["query"]["match"], second["query"]["match"]) == ({"product_title": "oak"}, {"product_title": "elm"})


@pytest.mark.parametrize(("index", "ties"), [(SORTED, {}), (UNSORTED, SORT), (THREE, SORT)])
def test_hits_and_ties_are_ours(index: SearchedIndex, ties: dict[str, Any]) -> None:
    mine = {"size": 5, "_source": ["a"], "fields": ["b"], "highlight": {}, "explain": True, "min_score": 0.5}
    query = {"match": {"product_title": "oak"}}
    assert filled(MATCH | mine, "oak", index) == {"query": query, "min_score": 0.5, **HITS, **ties}


@pytest.mark.parametrize(
    ("sort", "sent"),
    [
        ("price", ["price", {"product_uid": "asc"}]),
        ({"price": "desc"}, [{"price": "desc"}, {"product_uid": "asc"}]),
        (["_score", "price"], ["_score", "price", {"product_uid": "asc"}]),
    ],
)
def test_a_sort_of_its_own_decides_by_place_and_ties_go_by_the_id(sort: Any, sent: list[Any]) -> None:
    own = form_of({**MATCH, "sort": sort})
    assert (own.body("oak", None, {})["sort"], own.placed) == (sent, True)
    assert not form_of(MATCH).placed


@pytest.mark.parametrize(
    ("part", "gathered", "ordered"),
    [({}, True, True), ({"knn": {}}, False, True), ({"retriever": {}}, False, False), ({"rescore": {}}, True, False)],
)
def test_several_shards(part: dict[str, Any], *, gathered: bool, ordered: bool) -> None:
    assert not form_of({**MATCH, **part}, THREE).statistics
    asked_for = replace(THREE, search_type="dfs_query_then_fetch")
    assert form_of({**MATCH, **part}, asked_for).statistics is gathered
    assert ("sort" in filled({**MATCH, **part}, "oak", THREE)) is ordered


def test_spaces_inside_of_marks_change_nothing() -> None:
    plain = {"query": {"match": {"t": "a {{query}}"}}, "knn": [{"query_vector": "{{vector}}"}]}
    spaced = {"query": {"match": {"t": "a {{ query }}"}}, "knn": [{"query_vector": "{{vector }}"}]}
    assert filled(spaced, "oak") == filled(plain, "oak")
    assert Strategy("raw", template=spaced) == Strategy("raw", template=plain)


NEAR = " (did you mean '{{query}}'?)"


@pytest.mark.parametrize(("mark", "hint"), [("{{qeury}}", NEAR), ("{{{query}}}", NEAR), ("{{}}", "")])
def test_marks_that_are_not_known_would_be_sent_as_text(mark: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        Strategy("raw", template={"query": {"match": {"t": "{{query}}", "u": f"a {mark}"}}})
    line = str(caught.value)
    assert line.startswith(f"strategy 'raw': template: unknown mark '{mark}'")
    assert line.endswith("; allowed: {{query}}, {{vector}}, {{params.NAME}}")
    assert hint in line


@pytest.mark.parametrize(
    ("part", "line"),
    [
        *(({name: 1}, f"template: '{name}' moves the list of hits") for name in ("from", "search_after", "pit")),
        ({"slice": 1}, "template: 'slice' moves the list of hits"),
        *(
            ({"sort": sort}, r"template: sort = .*; allowed: a field, an object, or a list")
            for sort in (7, [7], [None])
        ),
        ({"sort": [["a"]]}, r"template: sort = .*; allowed: a field, an object, or a list of them"),
    ],
)
def test_what_gives_no_ranking_is_refused(part: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=line):
        check_template({**MATCH, **part})
