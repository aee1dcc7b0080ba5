"""Raw search templates: filled in parsed JSON, laid over by what a ranking needs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from searched import HITS, SORT, SORTED, THREE, UNSORTED

from relevance.engines.elasticsearch.engine import Form, check_template, form
from relevance.errors import InputError
from relevance.strategies import Strategy

if TYPE_CHECKING:
    from relevance.engines.elasticsearch.mapping import SearchedIndex

VECTOR = np.array([0.6, -0.8], dtype=np.float32)
MATCH = {"query": {"match": {"product_title": "{{query}}"}}}


def _form(template: dict[str, Any], index: SearchedIndex = SORTED) -> Form:
    (leg,) = Strategy("raw", template=template).legs()
    return form(leg, index, hits=10)


def _filled(template: dict[str, Any], text: str, index: SearchedIndex = SORTED) -> dict[str, Any]:
    filled: dict[str, Any] = _form(template, index).body(text, VECTOR)
    return filled


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
HOSTILE = st.text() | st.sampled_from(
    ['"', '"}}', "\\", "{{query}}", "{{vector}}", '", "boost": 9, "x": "', "\u2028\x00", "🪑", "9", "null"]
)


@given(HOSTILE, HOSTILE, HOSTILE, st.dictionaries(st.text(), JSON, max_size=4))
def test_a_query_stays_text(before: str, text: str, after: str, rest: dict[str, Any]) -> None:
    """Whatever a query holds, quotes, braces and marks too, it changes the one text in which it stands, and no other.

    Numbers, null, true, lists and texts of a template come through unchanged, in keys and values.
    """
    rest = json.loads(json.dumps(rest).replace("{{", "[["))
    before, after = (part.replace("{{", "[[") for part in (before, after))
    filled = _filled({"query": {"x": rest, "match": {"query": f"{before}{{{{query}}}}{after}", "boost": 2.5}}}, text)
    assert filled["query"] == {"x": rest, "match": {"query": f"{before}{text}{after}", "boost": 2.5}}
    assert json.loads(json.dumps(filled["query"])) == filled["query"]


def test_where_marks_stand() -> None:
    """The vector takes the place of its whole text alone, a query may name a mark in vain, and keys have no marks."""
    places = ["{{vector}}", "a {{query}} {{query}}", {"{{query}}": "{{query}}"}]
    filled = _filled({"knn": {"field": "v", "query_vector": "{{vector}}", "k": 3}, "rank": places}, "{{vector}}")
    assert filled["knn"]["query_vector"] is filled["rank"][0] is VECTOR
    assert filled["rank"][1:] == ["a {{vector}} {{vector}}", {"{{query}}": "{{vector}}"}]


def test_forms() -> None:
    """One is filled for each query anew, and counts its marks: how large a body is depends on them."""
    filled = _form(MATCH)
    first, second = filled.body("oak", None), filled.body("elm", None)
    assert (first["query"]["match"], second["query"]["match"]) == ({"product_title": "oak"}, {"product_title": "elm"})
    counted = _form({"a": ["{{query}}{{query}}", "{{vector}}"], "b": "{{vector}}"})
    assert (counted.texts, counted.vectors) == (2, 2)


@pytest.mark.parametrize(("index", "ties"), [(SORTED, {}), (UNSORTED, SORT), (THREE, SORT)])
def test_hits_and_ties_are_ours(index: SearchedIndex, ties: dict[str, Any]) -> None:
    """What hits hold is the suite's; ties are sorted as for the strategies of the table."""
    mine = {"size": 5, "_source": ["a"], "fields": ["b"], "highlight": {}, "explain": True, "min_score": 0.5}
    query = {"match": {"product_title": "oak"}}
    assert _filled(MATCH | mine, "oak", index) == {"query": query, "min_score": 0.5, **HITS, **ties}


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
    filled = _form({**MATCH, "sort": sort})
    assert (filled.body("oak", None)["sort"], filled.placed) == (sent, True)
    assert not _form(MATCH).placed


@pytest.mark.parametrize(
    ("part", "gathered", "ordered"),
    [({}, True, True), ({"knn": {}}, False, True), ({"retriever": {}}, False, False), ({"rescore": {}}, True, False)],
)
def test_several_shards(part: dict[str, Any], *, gathered: bool, ordered: bool) -> None:
    """Statistics are gathered where that is set, for a query alone; Elasticsearch takes no sort beside some parts."""
    assert not _form({**MATCH, **part}, THREE).statistics
    assert _form({**MATCH, **part}, replace(THREE, search_type="dfs_query_then_fetch")).statistics is gathered
    assert ("sort" in _filled({**MATCH, **part}, "oak", THREE)) is ordered


def test_spaces_inside_of_marks() -> None:
    """They change nothing: not what is sent, not the strategy."""
    plain = {"query": {"match": {"t": "a {{query}}"}}, "knn": [{"query_vector": "{{vector}}"}]}
    spaced = {"query": {"match": {"t": "a {{ query }}"}}, "knn": [{"query_vector": "{{vector }}"}]}
    assert _filled(spaced, "oak") == _filled(plain, "oak")
    assert Strategy("raw", template=spaced) == Strategy("raw", template=plain)


@pytest.mark.parametrize(
    ("mark", "hint"),
    [
        ("{{qeury}}", " (did you mean '{{query}}'?)"),
        ("{{{query}}}", " (did you mean '{{query}}'?)"),
        ("{{query_vector}}", ""),
        ("{{}}", ""),
    ],
)
def test_marks_that_are_not_known(mark: str, hint: str) -> None:
    """They would be sent as text and find nothing, without a word."""
    with pytest.raises(InputError) as caught:
        Strategy("raw", template={"query": {"match": {"t": "{{query}}", "u": f"a {mark}"}}})
    line = str(caught.value)
    assert line.startswith(f"strategy 'raw': template: unknown mark '{mark}'")
    assert hint in line
    assert line.endswith("; allowed: {{query}}, {{vector}}")


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
