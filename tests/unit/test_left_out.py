"""Which clauses leave a product out, by asking of each whether it matches; here by the words that a product has."""

from __future__ import annotations

from typing import Any

import pytest

from relevance.engines.left_out import left_out

HAS = {"red", "oak", "cheap", "offers.red"}


def score_of(body: dict[str, Any]) -> float | None:
    """Terms match by `HAS`; a vector never does; what matches scores 1."""
    if "knn" in body and "query" not in body:
        return 1.0 if body["knn"].get("field") == "near" else None
    return 1.0 if matches(body["query"]) else None


def matches(clause: dict[str, Any]) -> bool:
    ((name, inner),) = clause.items()
    if name == "term":
        return inner["word"] in HAS
    if name == "nested":
        return matches(inner["query"])
    if name in ("constant_score", "boosting", "function_score"):
        held = {"constant_score": "filter", "boosting": "positive", "function_score": "query"}[name]
        return matches(inner[held]) and "min_score" not in inner
    if name == "dis_max":
        return any(map(matches, inner["queries"]))
    required = [*listed(inner, "must"), *listed(inner, "filter")]
    least = inner.get("minimum_should_match", 0 if required else 1)
    return (
        all(map(matches, required))
        and not any(map(matches, listed(inner, "must_not")))
        and sum(map(matches, listed(inner, "should"))) >= (least if listed(inner, "should") else 0)
    )


def listed(inner: dict[str, Any], part: str) -> list[Any]:
    clauses = inner.get(part, [])
    return clauses if isinstance(clauses, list) else [clauses]


def term(word: str) -> dict[str, Any]:
    return {"term": {"word": word}}


def said(word: str) -> str:
    return f'no match of term {{"word": "{word}"}}'


def bool_(**parts: Any) -> dict[str, Any]:
    return {"query": {"bool": parts}}


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (bool_(must=term("red")), []),
        (bool_(must=[term("red"), term("tin")], filter=term("blue")),
         [f"query.bool.must[1]: {said('tin')}", f"query.bool.filter: {said('blue')}"]),
        (bool_(must=term("red"), must_not=[term("oak")]),
         ['query.bool.must_not[0]: matches term {"word": "oak"}, which must not match']),
        (bool_(should=[term("tin"), term("blue")]), ["query.bool.should: none of its 2 clauses matches"]),
        (bool_(should=[term("tin")]), [f"query.bool.should[0]: {said('tin')}"]),
        (bool_(must=term("red"), should=term("tin")), []),
        (bool_(should=[term("red"), term("tin"), term("blue")], minimum_should_match=2),
         ['query.bool.minimum_should_match 2: 1 of 3 match, not term {"word": "tin"}, term {"word": "blue"}']),
        (bool_(filter={"constant_score": {"filter": term("tin")}}),
         [f"query.bool.filter.constant_score.filter: {said('tin')}"]),
        (bool_(filter={"bool": {"must": [term("red"), term("tin")]}}),
         [f"query.bool.filter.bool.must[1]: {said('tin')}"]),
        ({"query": {"function_score": {"query": term("tin")}}}, [f"query.function_score.query: {said('tin')}"]),
        ({"query": {"function_score": {"query": term("red"), "min_score": 3}}},
         ["query.function_score.min_score: its score is below 3"]),
        ({"query": {"boosting": {"positive": term("tin")}}}, [f"query.boosting.positive: {said('tin')}"]),
        ({"query": {"nested": {"path": "offers", "query": {"bool": {"must": [term("red"), term("tin")]}}}}},
         [f"query.nested.query.bool.must[1]: {said('tin')}"]),
        ({"query": {"dis_max": {"queries": [term("tin")]}}},
         ['query: no match of dis_max {"queries": [{"term": {"word": "tin"}}]}']),
        ({"query": term("red"), "post_filter": term("tin")}, [f"post_filter: {said('tin')}"]),
        ({"query": term("red"), "min_score": 2.5}, ["min_score: its score is 1, the least is 2.5"]),
        ({"knn": {"field": "far", "k": 7}}, ["knn: not among the 7 nearest by far"]),
        ({"knn": [{"field": "far", "filter": term("tin")}, {"field": "near"}]},
         [f"knn[0].filter: {said('tin')}", "knn[0]: not among the nearest by far"]),
        ({"query": term("tin"), "knn": {"field": "near"}}, [f"query: {said('tin')}"]),
    ],
)  # fmt: skip
def test_what_leaves_a_product_out(body: dict[str, Any], lines: list[str]) -> None:
    assert list(left_out(body, score_of)) == lines


@pytest.mark.parametrize(
    ("clause", "words"),
    [
        ({"multi_match": {"query": "x" * 99, "fields": ["word"], "minimum_should_match": "9"}},
         'multi_match {"minimum_should_match": "9", "query": "xxx'),
        ({"match": {"word": {"query": "x" * 99, "operator": "and"}}},
         'match {"word": {"operator": "and", "query": "xxx'),
    ],
)  # fmt: skip
def test_what_decides_of_a_long_clause_is_shown(clause: dict[str, Any], words: str) -> None:
    (line,) = left_out({"query": clause}, lambda _: None)
    assert line.startswith(f"query: no match of {words}")
    assert line.endswith("x…")
