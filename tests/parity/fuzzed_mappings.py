"""Random mappings, documents and bodies over a handful of words, so that everything meets everything."""

from random import Random
from typing import Any

WORDS = (
    "red",
    "reds",
    "blue",
    "tv",
    "television",
    "usb",
    "stick",
    "flash",
    "drive",
    "the",
    "xb-100",
    "Red",
    "café",
    "running",
)
ANALYSIS: dict[str, Any] = {
    "filter": {
        "synonyms": {
            "type": "synonym_graph",
            "synonyms": ["tv, television", "usb stick, flash drive", "red => crimson, red"],
        },
        "index_synonyms": {"type": "synonym", "synonyms": ["tv, television", "blue => azure, blue"]},
        "grams": {"type": "edge_ngram", "min_gram": 1, "max_gram": 4},
        "pairs": {"type": "shingle", "min_shingle_size": 2, "max_shingle_size": 2},
        "parts": {"type": "word_delimiter_graph", "preserve_original": True},
        "stops": {"type": "stop", "stopwords": ["the", "red"]},
    },
    "analyzer": {
        "stemmed": {"tokenizer": "standard", "filter": ["lowercase", "stops", "porter_stem"]},
        "with_synonyms": {"tokenizer": "whitespace", "filter": ["lowercase", "index_synonyms"]},
        "graph": {"tokenizer": "whitespace", "filter": ["lowercase", "synonyms"]},
        "prefixes": {"tokenizer": "standard", "filter": ["lowercase", "grams"]},
        "shingled": {"tokenizer": "standard", "filter": ["lowercase", "pairs"]},
        "delimited": {"tokenizer": "whitespace", "filter": ["parts", "lowercase", "flatten_graph"]},
        "delimited_search": {"tokenizer": "whitespace", "filter": ["parts", "lowercase"]},
        "plain": {"tokenizer": "whitespace", "filter": ["lowercase"]},
    },
    "normalizer": {"lower": {"type": "custom", "filter": ["lowercase", "asciifolding"]}},
}
SIMILARITY = {
    "flat": {"type": "BM25", "k1": 0.9, "b": 0.4},
    "short": {"type": "BM25", "k1": 1.6, "b": 0},
    "all_tokens": {"type": "BM25", "discount_overlaps": False},
}
ANALYZERS = (
    {},
    {"analyzer": "stemmed"},
    {"analyzer": "english"},
    {"analyzer": "with_synonyms", "search_analyzer": "plain"},
    {"analyzer": "plain", "search_analyzer": "graph"},
    {"analyzer": "prefixes", "search_analyzer": "plain"},
    {"analyzer": "prefixes"},
    {"analyzer": "shingled"},
    {"analyzer": "delimited", "search_analyzer": "delimited_search"},
    {"analyzer": "whitespace"},
)


def _text(random: Random) -> dict[str, Any]:
    field: dict[str, Any] = {"type": "text", **random.choice(ANALYZERS)}
    if random.random() < 0.25:
        field["similarity"] = random.choice([*SIMILARITY, "boolean"])
    if random.random() < 0.15:
        field["norms"] = False
    if random.random() < 0.2:
        field["index_options"] = random.choice(["docs", "freqs", "offsets"])
    if random.random() < 0.15 and "index_options" not in field:
        field["position_increment_gap"] = random.choice([0, 3])
    return field


def _keyword(random: Random) -> dict[str, Any]:
    field: dict[str, Any] = {"type": "keyword"}
    if random.random() < 0.4:
        field["normalizer"] = "lower"
    if random.random() < 0.3:
        field["ignore_above"] = random.choice([4, 10])
    if random.random() < 0.2:
        field["null_value"] = "blue"
    if random.random() < 0.2:
        field["norms"] = True
    if random.random() < 0.2:
        field["similarity"] = random.choice(["boolean", "flat"])
    if random.random() < 0.1:
        field["index_options"] = "freqs"
    return field


def _number(random: Random) -> dict[str, Any]:
    field: dict[str, Any] = {
        "type": random.choice(["long", "integer", "short", "byte", "double", "float", "half_float"])
    }
    if random.random() < 0.2:
        field["null_value"] = 3
    return field


def index(random: Random) -> dict[str, Any]:
    """An index body: some texts with multi-fields, keywords, numbers, truth values, objects within objects."""
    properties: dict[str, Any] = {"id": {"type": "keyword"}}
    for name in ("a", "b", "c", "d"):
        properties[name] = _text(random)
        if random.random() < 0.4:
            properties[name]["fields"] = {"k": _keyword(random), "t": _text(random)}
        if random.random() < 0.4:
            properties[name]["copy_to"] = random.choice([["all"], ["all", "words"]])
    properties["k"] = {**_keyword(random), **({"copy_to": "all"} if random.random() < 0.5 else {})}
    properties["all"] = _text(random)
    properties["words"] = {"type": "keyword"}
    properties["n"], properties["m"] = _number(random), _number(random)
    properties["flag"] = {"type": "boolean", **({"null_value": True} if random.random() < 0.3 else {})}
    properties["when"] = {"type": "date", **random.choice([{}, {"format": "yyyy/MM/dd||yyyy-MM"}, {"format": "date"}])}
    properties["o"] = {"properties": {"t": _text(random), "k": _keyword(random)}}
    inner = {"type": "nested", "properties": {"t": _text(random), "n": _number(random)}}
    properties["s"] = {"type": "nested", "properties": {"t": _text(random), "k": _keyword(random), "i": inner}}
    analysis = {**ANALYSIS, "analyzer": dict(ANALYSIS["analyzer"])}
    if random.random() < 0.3:
        analysis["analyzer"]["default"] = {"tokenizer": "whitespace", "filter": ["lowercase", "stops"]}
    if random.random() < 0.3:
        analysis["analyzer"]["default_search"] = {"tokenizer": "standard", "filter": ["lowercase", "grams"]}
    similarity = dict(SIMILARITY)
    if random.random() < 0.2:
        similarity["default"] = {"type": "BM25", "k1": 2, "b": 0.3}
    return {"settings": {"analysis": analysis, "similarity": similarity}, "mappings": {"properties": properties}}


def _phrase(random: Random, most: int = 7) -> str:
    return " ".join(random.choice(WORDS) for _ in range(random.randint(1, most)))


def _value(random: Random) -> Any:
    return random.choice(
        [_phrase(random), _phrase(random), _phrase(random, 40), [_phrase(random, 3), _phrase(random, 3)], "", None, []]
    )


def _amount(random: Random) -> Any:
    return random.choice([0, 1, 2.5, -3, 7, "5", [1, 7, 7], None, 99])


WHEN: dict[str, tuple[Any, ...]] = {
    "": ("2023-05-01", "2024-02-29T10:20:30Z", 1700000000000, ["2022-01-01", "2024-06-01"], None),
    "yyyy/MM/dd||yyyy-MM": ("2023/05/01", "2024-02", ["2022/01/01", "2024-06"], None),
    "date": ("2023-05-01", "2024-02-29", ["2022-01-01", "2024-06-01"], None),
}
"""Dates by the format of their field."""


def documents(random: Random, count: int, mapping: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Values of every shape: several, none, empty, null."""
    form = (mapping or {"properties": {"when": {}}})["properties"]["when"].get("format", "")
    return [_document(random, number, form) for number in range(count)]


def _document(random: Random, number: int, form: str) -> dict[str, Any]:
    pairs = {
        "id": f"d{number:04}",
        **{name: _value(random) for name in ("a", "b", "c", "d", "all", "k")},
        "n": _amount(random),
        "m": _amount(random),
        "flag": random.choice([True, False, "true", None, [True, False]]),
        "when": random.choice(WHEN[form]),
        "o": random.choice(
            [{"t": _phrase(random), "k": random.choice(WORDS)}, {"t": [_phrase(random), _phrase(random)]}, None]
        ),
        "s": [
            {
                "t": _value(random),
                "k": random.choice(WORDS),
                "i": [{"t": _phrase(random), "n": _amount(random)} for _ in range(random.randint(0, 2))],
            }
            for _ in range(random.randint(0, 3))
        ],
    }
    kept = [key for key in pairs if key == "id" or random.random() < 0.75]
    random.shuffle(kept)
    return {key: pairs[key] for key in kept}


def paths(mapping: dict[str, Any], kind: str, prefix: str = "") -> list[str]:
    """The fields of a type, nested ones left out."""
    found = []
    for name, field in mapping["properties"].items():
        if field.get("type", "object") == "object":
            found += paths(field, kind, f"{prefix}{name}.")
            continue
        for path, one in {"": field, **{f".{sub}": inner for sub, inner in field.get("fields", {}).items()}}.items():
            if one["type"] == kind:
                found.append(f"{prefix}{name}{path}")
    return found


def _boost(random: Random) -> dict[str, Any]:
    return {"boost": random.choice([0.3, 2, 7.7])} if random.random() < 0.3 else {}


_FUNCTIONS: tuple[dict[str, Any], ...] = (
    {"field_value_factor": {"field": "n", "modifier": "square", "missing": 2}},
    {"gauss": {"m": {"origin": 3, "scale": 4}, "multi_value_mode": "avg"}},
    {"exp": {"n": {"origin": 0, "scale": 2, "offset": 1, "decay": 0.3}, "multi_value_mode": "max"}},
    {"linear": {"m": {"origin": 7, "scale": 9}, "multi_value_mode": "sum"}},
    {"filter": {"exists": {"field": "when"}}, "weight": 3},
)
_SCORE_MODES = ("multiply", "sum", "avg", "first", "max", "min")
_BOOST_MODES = ("multiply", "replace", "sum", "avg", "max", "min")


def _of_further_kinds(random: Random, mapping: dict[str, Any], texts: list[str], keywords: list[str]) -> dict[str, Any]:
    word, when = random.choice(WORDS), mapping["properties"].get("when")
    kind = random.randrange(3)
    if kind == 0:
        modes = {"score_mode": random.choice(_SCORE_MODES), "boost_mode": random.choice(_BOOST_MODES)}
        inner = {"match": {random.choice(texts): _phrase(random, 4)}}
        function = {**random.choice(_FUNCTIONS), **({"weight": 2.2} if random.random() < 0.5 else {})}
        functions = [function, {"weight": 0.7}][: random.randint(1, 2)]
        return {"function_score": {"query": inner, "functions": functions, **modes, **_boost(random)}}
    if kind == 1:
        fields = [name + random.choice(["", "^2"]) for name in random.sample(texts, min(2, len(texts)))]
        options = {"default_operator": random.choice(["and", "or"]), "minimum_should_match": random.choice([1, "60%"])}
        chosen = {name: value for name, value in options.items() if random.random() < 0.4}
        words = [word + random.choice(["", "", "*", "~1"]) for word in _phrase(random, 4).split()]
        joined = f" {random.choice(['', '', '| ', '+ '])}".join(words)
        return {"simple_query_string": {"query": joined, "fields": fields, **chosen, **_boost(random)}}
    choices: list[dict[str, Any]] = [
        {"regexp": {random.choice([*texts, *keywords]): {"value": f"{word[:1]}.*|[a-f]+", **_boost(random)}}},
        {"fuzzy": {random.choice([*texts, *keywords]): {"value": word, "fuzziness": 1}}},
        {"match": {random.choice(texts): {"query": word, "fuzziness": "AUTO", **_boost(random)}}},
        {"terms_set": {random.choice(texts): {"terms": [word, random.choice(WORDS)], "minimum_should_match": 2}}},
        {
            "boosting": {
                "positive": {"match": {texts[0]: word}},
                "negative": {"match": {texts[-1]: word}},
                "negative_boost": 0.3,
            }
        },
        {"multi_match": {"query": word, "fields": ["*"], "lenient": True}},
    ]
    if when is not None:
        dates = {"format": "yyyy-MM-dd", "gte": "2023-01-01", "lt": "2024-05-01"}
        choices += [{"range": {"when": {**dates, **_boost(random)}}}, {"exists": {"field": "when"}}]
        origin = {"": "2023-07-01", "yyyy/MM/dd||yyyy-MM": "2023/07/01", "date": "2023-07-01"}[when.get("format", "")]
        choices += [{"distance_feature": {"field": "when", "origin": origin, "pivot": "100d", **_boost(random)}}]
    return random.choice(choices)


def leaf(random: Random, mapping: dict[str, Any], *, with_phrases: bool) -> dict[str, Any]:  # noqa: PLR0911 - one for each kind
    """A clause of one or several fields."""
    texts, keywords = paths(mapping, "text"), paths(mapping, "keyword")
    query = {"query": _phrase(random, 4), **_boost(random)}
    kind = random.randrange(15)
    if kind > 11:
        return _of_further_kinds(random, mapping, texts, keywords)
    if kind < 4:
        options = {
            "operator": random.choice(["and", "or"]),
            "minimum_should_match": random.choice([1, 2, "60%", "2<-1"]),
        }
        chosen = {name: value for name, value in options.items() if random.random() < 0.3}
        if random.random() < 0.2:
            chosen["auto_generate_synonyms_phrase_query"] = False
        return {"match": {random.choice([*texts, *texts, *keywords]): {**query, **chosen}}}
    if kind < 6:
        kinds = [
            "best_fields",
            "most_fields",
            "cross_fields",
            "cross_fields",
            "bool_prefix",
            *(["phrase"] if with_phrases else []),
        ]
        fields = sorted({random.choice([*texts, *keywords]) for _ in range(random.randint(1, 4))})
        boosted = [name + random.choice(["", "", "^2", "^0.4"]) for name in fields]
        tie = {"tie_breaker": random.choice([0.2, 1])} if random.random() < 0.4 else {}
        how = {"operator": "and"} if random.random() < 0.3 else {}
        return {"multi_match": {**query, "fields": boosted, "type": random.choice(kinds), **tie, **how}}
    if kind == 6 and with_phrases:
        return {"match_phrase": {random.choice(texts): {**query, "slop": random.choice([0, 0, 2])}}}
    if kind == 7:
        return {"match_bool_prefix": {random.choice(texts): query}}
    if kind == 8:
        return {"exists": {"field": random.choice([*texts, *keywords, "n", "o", "s", "flag"]), **_boost(random)}}
    if kind == 9:
        name = random.choice(["n", "m"])
        return {
            "range": {name: {"gte": random.choice([-3, 0, 2.5]), "lt": random.choice([2, 7, 7.5]), **_boost(random)}}
        }
    value = random.choice(WORDS)
    return random.choice(
        [
            {"term": {random.choice([*texts, *keywords]): {"value": value, **_boost(random)}}},
            {"terms": {random.choice(keywords): [value, random.choice(WORDS)]}},
            {"prefix": {random.choice([*texts, *keywords]): value[:2]}},
            {"wildcard": {random.choice([*texts, *keywords]): {"value": f"*{value[1:3]}*", **_boost(random)}}},
            {"term": {"flag": {"value": random.choice([True, False]), **_boost(random)}}},
            {"terms": {"flag": [True]}},
            {"term": {random.choice(["n", "m"]): random.choice([1, 7, 2.5])}},
            {"terms": {random.choice(["n", "m"]): [1, 7, 2]}},
            {"range": {random.choice(keywords): {"gt": "b", "lte": "t"}}},
            {"match_all": _boost(random)},
        ]
    )


def query(random: Random, mapping: dict[str, Any], depth: int, *, with_phrases: bool = True) -> dict[str, Any]:  # noqa: PLR0911 - one for each kind
    """A query of at most so many levels."""
    if depth <= 0 or random.random() < 0.2:
        return leaf(random, mapping, with_phrases=with_phrases)
    several = [query(random, mapping, depth - 1, with_phrases=with_phrases) for _ in range(random.randint(1, 3))]
    kind = random.randrange(7)
    if kind < 3:
        names = [random.choice(["must", "should", "should", "filter", "must_not"]) for _ in several]
        parts: dict[str, Any] = {}
        for name, one in zip(names, several, strict=True):
            parts.setdefault(name, []).append(one)
        if "should" in parts and random.random() < 0.3:
            parts["minimum_should_match"] = random.choice([1, 2, "50%"])
        return {"bool": {**parts, **_boost(random)}}
    if kind == 3:
        return {"dis_max": {"queries": several, "tie_breaker": random.choice([0, 0.5, 1]), **_boost(random)}}
    if kind == 4:
        return {"constant_score": {"filter": several[0], **_boost(random)}}
    mode = random.choice(["avg", "sum", "min", "max", "none"])
    if random.random() < 0.5:
        inner = query(random, _below(mapping["properties"]["s"], "s"), depth - 1, with_phrases=with_phrases)
        return {"nested": {"path": "s", "query": _only(inner), "score_mode": mode, **_boost(random)}}
    amount = {"range": {"s.i.n": {"gte": 1}}}
    deep = {"bool": {"should": [{"match": {"s.i.t": {"query": _phrase(random, 3), **_boost(random)}}}, amount]}}
    within = {"nested": {"path": "s.i", "query": deep, "score_mode": mode}}
    if random.random() < 0.5:
        return within
    return {
        "nested": {
            "path": "s",
            "score_mode": random.choice(["avg", "sum"]),
            "query": {"bool": {"should": [within, {"match": {"s.t": _phrase(random, 2)}}]}},
        }
    }


def _below(mapping: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The fields of nested objects under their full names."""
    inner = {f"{prefix}.{name}": field for name, field in mapping["properties"].items() if field["type"] != "nested"}
    return {"properties": {**inner, "n": {"type": "byte"}, "s": mapping["properties"].get("s", mapping)}}


def _only(query: dict[str, Any]) -> dict[str, Any]:
    return query if "nested" not in str(query) else {"match_all": {}}


def body(random: Random, mapping: dict[str, Any]) -> dict[str, Any]:
    """A query, and now and then a part beside it."""
    parts: dict[str, Any] = {"query": query(random, mapping, random.randint(0, 2))}
    kind = random.random()
    if kind < 0.1:
        rescore = {"rescore_query": query(random, mapping, 1), "score_mode": random.choice(["total", "avg", "min"])}
        parts["rescore"] = {"window_size": random.choice([2, 20]), "query": rescore}
    elif kind < 0.2:
        key = random.choice(["n", "m", "when", "flag", "words"])
        order = {"order": random.choice(["asc", "desc"]), "missing": random.choice(["_first", "_last"])}
        parts |= {"sort": [{key: order}, "_score"], "track_scores": True}
    elif kind < 0.25:
        parts["min_score"] = random.choice([0.2, 1.5])
    elif kind < 0.3:
        parts["post_filter"] = query(random, mapping, 1)
    return parts
