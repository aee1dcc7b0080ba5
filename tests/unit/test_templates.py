"""Raw search templates: filled in parsed JSON, laid over by what a ranking needs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from searched import HITS, SORT, SORTED, THREE, UNSORTED

from relevance.engines.elasticsearch.mapping import own_paths
from relevance.engines.elasticsearch.queries import Form, SearchedIndex, check_template, form
from relevance.errors import InputError
from relevance.strategies import Strategy

VECTOR = np.array([0.6, -0.8], dtype=np.float32)
MATCH = {"query": {"match": {"product_title": "{{query}}"}}}


def _form(template: dict[str, Any], index: SearchedIndex = SORTED) -> Form:
    (leg,) = Strategy("raw", template=template).legs()
    return form(leg, index, hits=10)


def _filled(template: dict[str, Any], text: str, index: SearchedIndex = SORTED) -> dict[str, Any]:
    found: dict[str, Any] = _form(template, index).body(text, VECTOR)
    return found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
HOSTILE = st.text() | st.sampled_from(
    ['"', '"}}', "\\", "{{query}}", "{{vector}}", '", "boost": 9, "x": "', "\u2028\x00", "🪑", "9", "null"]
)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_a_query_stays_text(before: str, text: str, after: str) -> None:
    """Whatever a query holds, quotes, braces and marks too, it changes the one text in which it stands."""
    around = [part.replace("{{", "[[") for part in (before, after)]
    template = {"query": {"match": {"t": {"query": f"{around[0]}{{{{query}}}}{around[1]}", "boost": 2.5}}}}
    filled = _filled(template, text)
    assert filled["query"] == {"match": {"t": {"query": f"{around[0]}{text}{around[1]}", "boost": 2.5}}}
    assert json.loads(json.dumps(filled["query"])) == filled["query"]


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_what_holds_no_mark_is_sent_as_it_is(rest: dict[str, Any]) -> None:
    """Numbers, null, true, lists and texts of a template come through unchanged, in keys and values."""
    rest = json.loads(json.dumps(rest).replace("{{", "[["))
    assert _filled({"query": {"x": rest, "y": "{{query}}"}}, "oak")["query"] == {"x": rest, "y": "oak"}


def test_the_vector_takes_the_place_of_its_text() -> None:
    """It stands as numbers, wherever the mark is alone in a text; the query's text may name the mark in vain."""
    template = {
        "knn": {"field": "v", "query_vector": "{{vector}}", "k": 3},
        "rank": ["{{vector}}", "a {{query}} {{query}}"],
    }
    filled = _filled(template, "{{vector}}")
    assert filled["knn"]["query_vector"] is VECTOR
    assert filled["rank"][0] is VECTOR
    assert filled["rank"][1] == "a {{vector}} {{vector}}"


def test_keys_are_no_place_for_marks() -> None:
    """A key stays what it is, so that a query never names a field or a clause."""
    template = {"query": {"match": {"{{query}}": "{{query}}"}}}
    assert _filled(template, "oak")["query"] == {"match": {"{{query}}": "oak"}}


def test_filling_twice() -> None:
    """A form is filled for each query anew; nothing of the first is left in the second."""
    found = _form(MATCH)
    first, second = found.body("oak", None), found.body("elm", None)
    assert (first["query"]["match"], second["query"]["match"]) == ({"product_title": "oak"}, {"product_title": "elm"})


@pytest.mark.parametrize(("index", "ties"), [(SORTED, {}), (UNSORTED, SORT), (THREE, SORT)])
def test_hits_and_ties_are_ours(index: SearchedIndex, ties: dict[str, Any]) -> None:
    """How many hits come back and what they hold is the suite's; ties are sorted as for the strategies of the table."""
    mine = {"size": 99, "_source": ["a"], "fields": ["b"], "highlight": {}, "explain": True, "min_score": 0.5}
    assert _filled(MATCH | mine, "oak", index) == {
        "query": {"match": {"product_title": "oak"}},
        "min_score": 0.5,
        **HITS,
        **ties,
    }


@pytest.mark.parametrize(
    ("sort", "sent"),
    [
        ("price", ["price", {"product_uid": "asc"}]),
        ({"price": "desc"}, [{"price": "desc"}, {"product_uid": "asc"}]),
        (["_score", "price"], ["_score", "price", {"product_uid": "asc"}]),
    ],
)
def test_a_sort_of_its_own(sort: Any, sent: list[Any]) -> None:
    """It decides, ties go by the id, and the place of a hit counts, not its score."""
    found = _form({**MATCH, "sort": sort})
    assert (found.body("oak", None)["sort"], found.placed) == (sent, True)
    assert not _form(MATCH).placed


@pytest.mark.parametrize("part", ["rescore", "retriever"])
def test_what_refuses_a_sort_gets_none(part: str) -> None:
    """Elasticsearch takes no sort beside them."""
    assert "sort" not in _filled({**MATCH, part: {"x": 1}}, "oak", THREE)


@pytest.mark.parametrize(("part", "gathered"), [({}, True), ({"knn": {}}, False), ({"retriever": {}}, False)])
def test_statistics_of_several_shards(part: dict[str, Any], gathered: bool) -> None:  # noqa: FBT001 - a parameter
    """They are gathered for a query alone."""
    assert _form({**MATCH, **part}, THREE).statistics is gathered
    assert not _form({**MATCH, **part}, SORTED).statistics


def test_marks_are_counted() -> None:
    """How large a body is depends on how often it holds the vector and the text."""
    found = _form({"a": ["{{query}}{{query}}", "{{vector}}"], "b": "{{vector}}"})
    assert (found.texts, found.vectors, found.id_field) == (2, 2, own_paths([]).id)


@pytest.mark.parametrize("part", ["from", "search_after", "pit", "slice"])
def test_what_moves_the_list_is_refused(part: str) -> None:
    """A ranking begins at its first hit."""
    with pytest.raises(InputError, match=f"template: '{part}' moves the list of hits"):
        check_template({**MATCH, part: 1})


@pytest.mark.parametrize("sort", [7, [7], [None], [["a"]]])
def test_a_sort_that_is_none(sort: Any) -> None:
    """It is said, not sent."""
    with pytest.raises(InputError, match=r"template: sort = .*; allowed: a field, an object, or a list of them"):
        check_template({**MATCH, "sort": sort})
