"""Search bodies with something wrong in them: valid ones over `search_bodies.INDEX`, of which one part is changed."""

from collections.abc import Iterator
from typing import Any

WRONG: tuple[Any, ...] = (
    *(-1, 0, 1.5, 2, 200_000, "x", "", "2", "-0.5", "FOO", "75%", True, "true", None),
    *([], ["x"], [1], {}, {"x": 1}),
)
_FUZZY = {"fuzziness": "AUTO", "prefix_length": 1, "max_expansions": 10, "fuzzy_transpositions": True}
_NAME = {"match": {"name": "tv"}}
_GAUSS = {"price": {"origin": 20, "scale": 10, "offset": 2, "decay": 0.4}, "multi_value_mode": "avg"}
_QUERIES: tuple[dict[str, Any], ...] = (
    {
        "match": {
            "name.plain": {
                "query": "black tv",
                "operator": "or",
                "minimum_should_match": "75%",
                "analyzer": "words",
                "zero_terms_query": "all",
                "lenient": True,
                "auto_generate_synonyms_phrase_query": True,
                **_FUZZY,
                "boost": 2,
                "_name": "a",
            }
        }
    },
    {"match": {"price": 12}},
    {"match": {"visible": True}},
    {"match_bool_prefix": {"name.plain": {"query": "black t", "operator": "or", "minimum_should_match": 1, **_FUZZY}}},
    {"match_phrase": {"name.plain": {"query": "black tv", "slop": 1, "analyzer": "words", "zero_terms_query": "all"}}},
    {"match_phrase_prefix": {"name.plain": {"query": "black t", "slop": 1, "max_expansions": 5, "boost": 2}}},
    *(
        {"multi_match": {"query": "black tv", "fields": ["name.plain^2", "brand"], "type": kind, **options}}
        for kind, options in (
            ("best_fields", {"tie_breaker": 0.3, "operator": "and", "minimum_should_match": 1, **_FUZZY}),
            ("most_fields", {"analyzer": "words", "boost": 2, "lenient": True, "zero_terms_query": "all"}),
            ("cross_fields", {"tie_breaker": 0.3, "auto_generate_synonyms_phrase_query": True}),
            ("phrase", {"slop": 2}),
            ("phrase_prefix", {"slop": 2, "max_expansions": 3}),
            ("bool_prefix", {"tie_breaker": 0.5, "fuzziness": 1}),
        )
    ),
    {"term": {"name.plain": {"value": "tv", "boost": 2, "case_insensitive": True}}},
    {"term": {"reviews": 7}},
    {"terms": {"category": ["tools", "paint"], "boost": 2}},
    {"terms": {"reviews": [1, 7]}},
    {"prefix": {"name.plain": {"value": "bl", "case_insensitive": True, "rewrite": "constant_score", "boost": 2}}},
    {"wildcard": {"name.plain": {"value": "bl*", "case_insensitive": True, "boost": 2}}},
    {"fuzzy": {"name.plain": {"value": "blakc", "fuzziness": 1, "prefix_length": 1, "max_expansions": 3}}},
    {"fuzzy": {"name.plain": {"value": "blakc", "transpositions": True, "boost": 2}}},
    {"range": {"price": {"gte": 5, "lt": 50, "boost": 2}}},
    {"range": {"created": {"gte": "2022-01-01", "lte": "2023-01", "format": "yyyy-MM-dd||yyyy-MM", "time_zone": "Z"}}},
    {"range": {"reviews": {"from": 1, "to": 50, "include_lower": True, "include_upper": False, "relation": "within"}}},
    {"exists": {"field": "brand", "boost": 2}},
    {"ids": {"values": ["p000001"], "boost": 2}},
    {"match_all": {"boost": 2, "_name": "all"}},
    {"match_none": {"boost": 2}},
    {
        "bool": {
            "must": [_NAME],
            "should": [{"term": {"visible": True}}],
            "filter": {"exists": {"field": "price"}},
            "must_not": [{"term": {"brand": "hp"}}],
            "minimum_should_match": 1,
            "boost": 2,
            "adjust_pure_negative": True,
        }
    },
    {"constant_score": {"filter": _NAME, "boost": 2}},
    {"dis_max": {"queries": [_NAME, {"term": {"visible": True}}], "tie_breaker": 0.3, "boost": 2}},
    {"boosting": {"positive": _NAME, "negative": {"term": {"visible": True}}, "negative_boost": 0.5, "boost": 2}},
    {
        "nested": {
            "path": "attributes",
            "query": {"match": {"attributes.value": "white"}},
            "score_mode": "max",
            "ignore_unmapped": True,
            "boost": 2,
        }
    },
    {
        "function_score": {
            "query": _NAME,
            "score_mode": "sum",
            "boost_mode": "sum",
            "max_boost": 5,
            "min_score": 0.1,
            "boost": 2,
            "functions": [
                {"filter": {"term": {"visible": True}}, "weight": 2},
                {"field_value_factor": {"field": "reviews", "factor": 1.2, "modifier": "log1p", "missing": 1}},
                {"gauss": _GAUSS, "weight": 2},
            ],
        }
    },
    {"function_score": {"query": _NAME, "field_value_factor": {"field": "reviews", "missing": 1}}},
    {"function_score": {"exp": {"created": {"origin": "2023-01-01", "scale": "30d", "offset": "1d", "decay": 0.5}}}},
    {"function_score": {"linear": _GAUSS}},
)
_RESCORE = {
    "window_size": 20,
    "query": {
        "rescore_query": {"match_phrase": {"name.plain": "black tv"}},
        "query_weight": 0.7,
        "rescore_query_weight": 1.2,
        "score_mode": "total",
    },
}
_PARTS: tuple[dict[str, Any], ...] = (
    {"query": _NAME, "from": 1, "min_score": 0.1, "post_filter": {"term": {"visible": True}}},
    {"query": _NAME, "rescore": _RESCORE},
    {"query": _NAME, "rescore": [_RESCORE]},
    {"query": _NAME, "collapse": {"field": "brand.raw"}},
    {"query": _NAME, "sort": [{"price": {"order": "desc", "mode": "avg", "missing": "_first"}}, "_score"]},
    {"query": _NAME, "sort": [{"nothing": {"unmapped_type": "long"}}, {"_score": {"order": "desc"}}]},
)

BASES: tuple[dict[str, Any], ...] = (*({"query": query} for query in _QUERIES), *_PARTS)


def changed(body: Any) -> Iterator[tuple[str, Any]]:
    """Every body that differs in one part: a value of another kind, a part more or one less; and where."""
    if isinstance(body, dict):
        yield "+ colour", {**body, "colour": "red"}
        for key, value in body.items():
            yield f"- {key}", {other: one for other, one in body.items() if other != key}
            for wrong in WRONG:
                if wrong != value or type(wrong) is not type(value):
                    yield f"{key} = {wrong!r}", {**body, key: wrong}
            yield from ((f"{key}.{place}", {**body, key: one}) for place, one in changed(value))
    elif isinstance(body, list):
        for at, value in enumerate(body):
            for wrong in WRONG:
                yield f"[{at}] = {wrong!r}", [*body[:at], wrong, *body[at + 1 :]]
            yield from ((f"[{at}].{place}", [*body[:at], one, *body[at + 1 :]]) for place, one in changed(value))
