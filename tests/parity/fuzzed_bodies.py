"""Random bodies over the fields of `search_bodies.INDEX`: clauses of every kind, one within the other; all parts."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from parity import user_syntax

TEXTS = (
    *("name", "name.plain", "name.autocomplete", "name.tri", "name.shingle", "name.whitespace", "name.model"),
    *("name.bm25", "brand", "description", "keywords", "category.text", "search", "spelling", "sku.reference"),
)
WITHOUT_GRAPH = ("name.plain", "name.bm25", "brand", "keywords", "category.text", "search", "spelling", "name.tri")
KEYWORDS = ("sku", "name.raw", "brand.raw", "category", "tags", "id")
MINIMA = (1, 2, -1, "50%", "75%", "-25%", "100%", "2<75%", "1<-1 3<49%", "0%", 3)
Clause = Callable[[Random, str, int], dict[str, Any]]


def _boost(random: Random) -> dict[str, Any]:
    return {"boost": random.choice([0.1, 0.5, 2, 3.7, 10, 0, 1])} if random.random() < 0.3 else {}


def _some(random: Random, options: dict[str, Any], chance: float = 0.25) -> dict[str, Any]:
    return {name: value for name, value in options.items() if random.random() < chance}


def _words(random: Random, query: str) -> str:
    words = query.split()
    if random.random() < 0.3 and len(words) > 1:
        words = words[: random.randint(1, len(words))]
    if random.random() < 0.1:
        words.append(random.choice(words))
    return " ".join(words)


def _match(random: Random, query: str, _: int) -> dict[str, Any]:
    options = _some(
        random,
        {
            "operator": random.choice(["and", "or"]),
            "minimum_should_match": random.choice(MINIMA),
            "auto_generate_synonyms_phrase_query": False,
            "zero_terms_query": random.choice(["all", "none"]),
            "analyzer": random.choice(["words", "english_search", "whole_words", "model_number_search"]),
        },
        0.2,
    )
    return {
        "match": {random.choice((*TEXTS, "category")): {"query": _words(random, query), **options, **_boost(random)}}
    }


def _phrase(random: Random, query: str, _: int) -> dict[str, Any]:
    options = _some(random, {"slop": random.choice([1, 2, 5])})
    path = random.choice(TEXTS)
    return {"match_phrase": {path: {"query": _words(random, query), **options, **_boost(random)}}}


def _phrase_prefix(random: Random, query: str, _: int) -> dict[str, Any]:
    options = _some(random, {"slop": random.choice([1, 3]), "max_expansions": random.choice([1, 5, 50])})
    text = _words(random, query)
    text = text[: -random.randint(1, 2)] if len(text) > 3 and random.random() < 0.5 else text
    return {"match_phrase_prefix": {random.choice(WITHOUT_GRAPH): {"query": text, **options, **_boost(random)}}}


def _bool_prefix(random: Random, query: str, _: int) -> dict[str, Any]:
    options = _some(random, {"operator": "and", "minimum_should_match": random.choice(MINIMA)})
    return {"match_bool_prefix": {random.choice(TEXTS): {"query": _words(random, query), **options, **_boost(random)}}}


def _multi_match(random: Random, query: str, _: int) -> dict[str, Any]:
    kind = random.choice(["best_fields", "most_fields", "cross_fields", "phrase", "phrase_prefix", "bool_prefix"])
    pool = WITHOUT_GRAPH if kind == "phrase_prefix" else (*TEXTS, "sku", "category", "brand.*", "name.p*")
    fields = [
        name + (f"^{random.choice([2, 0.3, 5])}" if random.random() < 0.4 else "")
        for name in random.sample(pool, random.randint(1, 4))
    ]
    options = _some(
        random,
        {
            "operator": random.choice(["and", "or"]),
            "minimum_should_match": random.choice(MINIMA),
            "tie_breaker": random.choice([0, 0.3, 1]),
            "analyzer": random.choice(["words", "english_search"]),
        },
    )
    return {
        "multi_match": {"query": _words(random, query), "type": kind, "fields": fields, **options, **_boost(random)}
    }


def _fuzzy_match(random: Random, query: str, _: int) -> dict[str, Any]:
    options = _some(
        random,
        {
            "prefix_length": random.choice([1, 2]),
            "max_expansions": random.choice([5, 20]),
            "operator": "and",
            "fuzzy_transpositions": False,
        },
    )
    how = {"fuzziness": random.choice(["AUTO", 1, 2, "AUTO:4,8", 0])}
    return {
        "match": {
            random.choice(WITHOUT_GRAPH): {"query": query.split(maxsplit=1)[0], **how, **options, **_boost(random)}
        }
    }


def _value(random: Random, query: str, _: int) -> dict[str, Any]:
    word = query.split(maxsplit=1)[0]
    return random.choice(
        [
            {"term": {"category": {"value": random.choice(["tools", "paint"]), **_boost(random)}}},
            {"term": {"name.plain": {"value": word.lower(), **_boost(random)}}},
            {"term": {"sku": {"value": "Hp-12X", "case_insensitive": True}}},
            {"term": {"visible": True}},
            {"term": {"reviews": {"value": random.choice([0, 7, "55"]), **_boost(random)}}},
            {"term": {"rating": 3.7}},
            {"terms": {"tags": ["sale", "new"], **_boost(random)}},
            {"terms": {"name.plain": [word.lower(), "the"]}},
            {"terms": {"stock": [0, 20]}},
            {"prefix": {"name.raw": {"value": word[:3], **_boost(random)}}},
            {"prefix": {"name.plain": word[:2].lower()}},
            {"wildcard": {"sku": {"value": "*-1?X*", **_boost(random)}}},
            {"wildcard": {"name.plain": {"value": f"*{word[1:3]}*", "case_insensitive": True}}},
            {"range": {"price": {"gte": 5, "lt": 30, **_boost(random)}}},
            {"range": {"reviews": {"gt": 1}}},
            {"range": {"rating": {"lte": 3.7}}},
            {"range": {"category": {"gte": "kitchen", "lt": "tools"}}},
            {"range": {"created": {"gte": "2022-03-01", "lt": "2023-06"}}},
            {"exists": {"field": random.choice(["brand", "description", "rating", "offers", "attributes", "tags"])}},
            {"ids": {"values": ["p000001", "p000005", "nothing"]}},
            {"match_all": _boost(random)},
            {"match": {"price": 9.99}},
            {"match_none": {}},
            {"regexp": {"name.plain": {"value": f"{word[:1].lower()}[a-z]*|.{{2,3}}", **_boost(random)}}},
            {"regexp": {"sku": {"value": "(hp|ab)-[0-9]+x?", "case_insensitive": False}}},
            {"distance_feature": {"field": "created", "origin": "2022-08-15", "pivot": "45d", **_boost(random)}},
            {"terms_set": {"tags": {"terms": ["sale", "new", "eco"], "minimum_should_match_field": "stock"}}},
            {
                "terms_set": {
                    "name.plain": {
                        "terms": query.lower().split(),
                        "minimum_should_match": random.choice([1, 2, 3]),
                        **_boost(random),
                    }
                }
            },
            {"fuzzy": {"name.plain": {"value": word.lower(), "fuzziness": 1, **_boost(random)}}},
        ]
    )


def _query_string(random: Random, query: str, _: int) -> dict[str, Any]:
    return random.choice([user_syntax.simple, user_syntax.classic])(random, query)


def _bool(random: Random, query: str, depth: int) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for name, most, chance in (("must", 2, 0.5), ("should", 3, 0.7), ("filter", 2, 0.3), ("must_not", 1, 0.15)):
        if random.random() < chance:
            parts[name] = [clause(random, query, depth - 1) for _ in range(random.randint(1, most))]
    if "should" in parts and random.random() < 0.3:
        parts["should"].append(random.choice(parts["should"]))
    if random.random() < 0.3:
        parts["minimum_should_match"] = random.choice(MINIMA)
    return {"bool": {**parts, **_boost(random)}}


def _dis_max(random: Random, query: str, depth: int) -> dict[str, Any]:
    queries = [clause(random, query, depth - 1) for _ in range(random.randint(1, 3))]
    tie = _some(random, {"tie_breaker": random.choice([0.2, 0.7, 1])}, 0.6)
    return {"dis_max": {"queries": queries, **tie, **_boost(random)}}


def _constant_score(random: Random, query: str, depth: int) -> dict[str, Any]:
    return {"constant_score": {"filter": clause(random, query, depth - 1), **_boost(random)}}


def _boosting(random: Random, query: str, depth: int) -> dict[str, Any]:
    positive, negative = (clause(random, query, depth - 1) for _ in range(2))
    factor = {"negative_boost": random.choice([0, 0.2, 0.5])}
    return {"boosting": {"positive": positive, "negative": negative, **factor, **_boost(random)}}


def _nested(random: Random, query: str, _: int) -> dict[str, Any]:
    mode = {"score_mode": random.choice(["avg", "sum", "min", "max", "none"])}
    kind = random.random()
    if kind < 0.15:
        function = {"field_value_factor": {"field": "offers.boost", "modifier": random.choice(["none", "square"])}}
        inner: dict[str, Any] = {"function_score": {"query": {"match_all": {}}, **function, "boost_mode": "replace"}}
        return {"nested": {"path": "offers", "query": inner, **mode, **_boost(random)}}
    if kind < 0.3:
        inner = {"range": {"offers.price": {"gte": 20, "lte": 150, **_boost(random)}}}
        return {"nested": {"path": "offers", "query": inner, **mode, **_boost(random)}}
    inner = {"match": {"attributes.value": {"query": _words(random, query), **_boost(random)}}}
    if random.random() < 0.3:
        inner = {"bool": {"should": [inner, {"match_all": _boost(random)}], "must_not": [{"match": {"name": query}}]}}
    return {"nested": {"path": "attributes", "query": inner, **mode, **_boost(random)}}


def _function_score(random: Random, query: str, depth: int) -> dict[str, Any]:
    functions: list[dict[str, Any]] = []
    for _ in range(random.randint(1, 3)):
        function = random.choice(
            [
                {"weight": random.choice([0.5, 2, 3.3])},
                {
                    "field_value_factor": {
                        "field": "popularity",
                        "modifier": random.choice(["log1p", "sqrt", "none"]),
                        "missing": 1,
                    }
                },
                {"field_value_factor": {"field": "rating", "factor": 1.2, "missing": 2.5}},
                {"gauss": {"price": {"origin": 20, "scale": 15, "offset": 2}}},
                {"exp": {"popularity": {"origin": 100, "scale": 3000, "decay": 0.4}}},
                {"linear": {"reviews": {"origin": 0, "scale": 50}}},
                {"gauss": {"created": {"origin": "2023-01-01", "scale": "90d"}}},
            ]
        )
        function = {**function, **_some(random, {"weight": random.choice([0.5, 2, 3.3])})}
        functions.append({**function, **_some(random, {"filter": clause(random, query, 0)}, 0.4)})
    modes = {
        "score_mode": random.choice(["multiply", "sum", "avg", "first", "max", "min"]),
        "boost_mode": random.choice(["multiply", "replace", "sum", "avg", "max", "min"]),
    }
    limits = _some(random, {"max_boost": random.choice([2, 5.5]), "min_score": random.choice([0.5, 3])}, 0.15)
    inner = {"query": clause(random, query, depth - 1)} if random.random() < 0.9 else {}
    return {"function_score": {**inner, "functions": functions, **modes, **limits, **_boost(random)}}


LEAVES: Sequence[Clause] = (
    _match,
    _match,
    _match,
    _value,
    _value,
    _multi_match,
    _multi_match,
    _phrase,
    _phrase_prefix,
    _bool_prefix,
    _fuzzy_match,
    _query_string,
)
BRANCHES: Sequence[Clause] = (_bool, _bool, _bool, _dis_max, _constant_score, _boosting, _nested, _function_score)


def clause(random: Random, query: str, depth: int) -> dict[str, Any]:
    """A query of at most so many levels."""
    return random.choice(LEAVES if depth <= 0 or random.random() < 0.25 else BRANCHES)(random, query, depth)


_FIELDS_OF_SORT = ("price", "rating", "reviews", "created", "category", "tags", "name.raw", "visible")


def _sort(random: Random) -> list[Any]:
    keys: list[Any] = []
    for path in random.sample(_FIELDS_OF_SORT, random.randint(1, 2)):
        options = {"order": random.choice(["asc", "desc"]), **_some(random, {"missing": "_first"})}
        if path in ("price", "rating", "reviews"):
            options |= _some(random, {"mode": random.choice(["min", "max", "avg", "sum", "median"]), "missing": 3})
        keys.append({path: options})
    if random.random() < 0.3:
        nested = {"path": "offers", **_some(random, {"filter": {"term": {"offers.seller": "a"}}}, 0.5)}
        mode = _some(random, {"mode": random.choice(["min", "max", "avg", "sum"])}, 0.5)
        keys.insert(0, {"offers.price": {"order": random.choice(["asc", "desc"]), "nested": nested, **mode}})
    if random.random() < 0.5:
        keys.insert(random.randint(0, len(keys)), "_score")
    return keys


def _rescore(random: Random, query: str) -> dict[str, Any]:
    weights = {"query_weight": random.choice([0.3, 1, 2.5]), "rescore_query_weight": random.choice([0.2, 1, 4])}
    mode = {"score_mode": random.choice(["total", "multiply", "avg", "max", "min"])}
    inner = {"rescore_query": clause(random, query, 1), **_some(random, weights, 0.6), **_some(random, mode, 0.7)}
    return {"window_size": random.choice([3, 10, 60]), "query": inner}


def body(random: Random, query: str, vector: Sequence[float] = ()) -> dict[str, Any]:
    """A whole body: a query, and parts around it; with a vector, one that asks for the nearest too."""
    parts: dict[str, Any] = {"query": clause(random, query, random.randint(0, 3))}
    parts |= _some(
        random,
        {
            "post_filter": clause(random, query, 1),
            "min_score": random.choice([0.3, 1, 4.5]),
            "from": random.choice([1, 5]),
        },
        0.12,
    )
    kind = random.random()
    if kind < 0.15:
        parts["sort"], parts["track_scores"] = _sort(random), True
    elif kind < 0.3:
        parts["rescore"] = [_rescore(random, query) for _ in range(random.randint(1, 2))]
    if random.random() < 0.08:
        parts["collapse"] = {"field": random.choice(["brand.raw", "category", "stock", "sku"])}
    if vector:
        nearest: dict[str, Any] = {"field": "whole_vector", "query_vector": list(vector), "k": random.choice([3, 20])}
        options = {"filter": clause(random, query, 0), "boost": random.choice([0.5, 3]), "similarity": 0.4}
        parts["knn"] = {**nearest, "num_candidates": 50, **_some(random, options, 0.4)}
    return parts
