"""What real servers answer to one body of each clause over a few products.

`python -m parity.clause_answers 8=http://localhost:9200 9=http://localhost:9201` in `tests` asks them and writes the
file that unit tests compare the embedded engine with.
"""

import json
import sys
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk

FILE = Path(__file__).parents[1] / "unit" / "bodies" / "clause_answers.json"
NAME = "clause-answers"

INDEX: dict[str, Any] = {
    "settings": {
        "analysis": {
            "filter": {
                "synonyms": {"type": "synonym_graph", "synonyms": ["tv, television set", "heat gun => hot air gun"]},
                "stop": {"type": "stop", "stopwords": ["the", "of"]},
            },
            "analyzer": {"search": {"tokenizer": "whitespace", "filter": ["lowercase", "synonyms", "stop"]}},
        }
    },
    "mappings": {
        "properties": {
            "id": {"type": "keyword"},
            "name": {"type": "text", "fields": {"graph": {"type": "text", "search_analyzer": "search"}}},
            "brand": {"type": "keyword"},
            "tags": {"type": "keyword"},
            "price": {"type": "double"},
            "stars": {"type": "float"},
            "sold": {"type": "long"},
            "least": {"type": "integer"},
            "since": {"type": "date"},
            "flat": {"type": "dense_vector", "dims": 3, "similarity": "cosine", "index_options": {"type": "flat"}},
            "offers": {"type": "nested", "properties": {"price": {"type": "double"}, "shop": {"type": "text"}}},
        }
    },
}

_NAMES = (
    *("the black heater of steel", "heater heater black", "television set black", "tv stand", "tv tv television"),
    *("hot air gun", "air gun hot", "gun hot air hot air gun", "heaters and heatre", "steel of the black set"),
    *("set of a tv set", "header"),
)
_BRANDS = ("acme", "Bolt", None, "acme", "Bolt", "core", "core", "acme", None, "Bolt", "core", "dune")


def products() -> list[dict[str, Any]]:
    """Build the products."""
    result = []
    for at, (name, brand) in enumerate(zip(_NAMES, _BRANDS, strict=True)):
        product: dict[str, Any] = {
            "id": f"{at:02}",
            "name": name,
            "least": 1 + at % 3,
            "tags": ["new", "sale", "old"][at % 2 : at % 3 + 1],
        }
        if brand:
            product["brand"] = brand
        if at % 4:
            product |= {"price": 9.99 + 7 * at, "stars": [at % 5 + 0.1, 4.5][: 1 + at % 2], "sold": at * at}
        if at % 3:
            product["since"] = [f"2024-0{1 + at % 9}-1{at % 10}", f"2023-06-0{1 + at % 9}T10:00"][: at % 3]
        if at != 5:
            product["flat"] = [1.0 - at / 7, at / 5, 0.5]
        product["offers"] = [{"price": 5 + at + step, "shop": "tv shop" if step else "shop"} for step in range(at % 3)]
        result.append(product)
    return result


def _function(**body: Any) -> dict[str, Any]:
    return {"query": {"function_score": {"query": {"match": {"name": "black heater tv gun"}}, **body}}}


def _match(kind: str, query: str, field: str = "name", **options: Any) -> dict[str, Any]:
    return {"query": {kind: {field: {"query": query, **options}}}}


def _query_string(kind: str, query: str, **options: Any) -> dict[str, Any]:
    return {"query": {kind: {"query": query, "fields": ["name^2", "brand"], **options}}}


def _rescored(*modes: str, **options: Any) -> dict[str, Any]:
    rescores = [
        {
            "window_size": 3 + at,
            "query": {"rescore_query": {"match": {"name": "tv set"}}, "query_weight": 0.7, "score_mode": mode},
        }
        for at, mode in enumerate(modes)
    ]
    return {"query": {"match": {"name": "black set tv"}}, "rescore": rescores, **options}


_FUNCTIONS = [
    {"filter": {"term": {"brand": "acme"}}, "weight": 2.5},
    {"field_value_factor": {"field": "sold", "factor": 1.2, "modifier": "log1p", "missing": 3}, "weight": 0.5},
    {"gauss": {"price": {"origin": 40, "scale": 20, "offset": 5, "decay": 0.4}}},
]
_DECAY = {"since": {"origin": "2024-01-31||+1M/M", "scale": "60d", "offset": "2d"}, "multi_value_mode": "avg"}
_VECTOR = [0.3, 0.9, 0.2]

BODIES: dict[str, dict[str, Any]] = {
    "phrase": _match("match_phrase", "black heater"),
    "phrase with a boost": _match("match_phrase", "tv tv", boost=1.7),
    "sloppy phrase": _match("match_phrase", "set tv", slop=4),
    "sloppy phrase that repeats a term": _match("match_phrase", "hot air hot", slop=5),
    "phrase over a graph": _match("match_phrase", "tv stand", "name.graph"),
    "phrase over a graph alone": _match("match_phrase", "tv", "name.graph"),
    "sloppy phrase over a graph": _match("match_phrase", "heat gun", "name.graph", slop=3),
    "match over a graph": _match("match", "tv of heat gun", "name.graph", operator="or"),
    "phrase prefix": _match("match_phrase_prefix", "black he"),
    "phrase prefix of one word": _match("match_phrase_prefix", "he", max_expansions=2),
    "sloppy phrase prefix": _match("match_phrase_prefix", "set bl", slop=5),
    "phrase prefix over a graph": _match("match_phrase_prefix", "tv st", "name.graph"),
    "bool prefix": _match("match_bool_prefix", "black he"),
    "bool prefix over a graph before a stop word": _match("match_bool_prefix", "heat gun of", "name.graph"),
    "minimum": _match("match", "black heater of steel set", minimum_should_match="2<60%"),
    "fuzzy match": _match("match", "heator blakc", fuzziness="AUTO"),
    "fuzzy match with a prefix": _match("match", "headers", fuzziness=2, prefix_length=4, max_expansions=2),
    "fuzzy": {"query": {"fuzzy": {"brand": {"value": "bold", "fuzziness": 2}}}},
    "date range": {"query": {"range": {"since": {"gt": "2024-01", "lte": "2024-08-10||/M"}}}},
    "date range in a zone": {"query": {"range": {"since": {"gte": "2023-06-02T12", "time_zone": "+02:00"}}}},
    "dates": {"query": {"terms": {"since": ["2024-05-14", "2023-06-03"]}}},
    "functions": _function(functions=_FUNCTIONS),
    **{
        f"functions, {mode}": _function(functions=_FUNCTIONS, score_mode=mode)
        for mode in ("sum", "avg", "first", "max")
    },
    **{f"functions, score {mode}": _function(functions=_FUNCTIONS[1:], boost_mode=mode) for mode in ("replace", "sum")},
    "functions cut": _function(functions=_FUNCTIONS, score_mode="sum", max_boost=2, min_score=1.5, boost=2),
    "date decay": _function(exp=_DECAY),
    "linear decay": _function(linear={"stars": {"origin": 5, "scale": 2}, "multi_value_mode": "max"}),
    "function of nested documents": {
        "query": {
            "nested": {
                "path": "offers",
                "score_mode": "max",
                "query": {
                    "function_score": {
                        "query": {"match": {"offers.shop": "tv shop"}},
                        "field_value_factor": {"field": "offers.price", "modifier": "sqrt"},
                    }
                },
            }
        }
    },
    **{f"rescore, {mode}": _rescored(mode) for mode in ("total", "multiply", "avg", "max", "min")},
    "rescore twice": _rescored("total", "min"),
    "rescore and collapse": _rescored("total", collapse={"field": "brand"}),
    "minimum score": {"query": {"match": {"name": "black set"}}, "min_score": 1.2},
    "post filter": {"query": {"match": {"name": "black set"}}, "post_filter": {"term": {"brand": "Bolt"}}},
    "from": {"query": {"match": {"name": "black set tv"}}, "from": 2},
    "collapse": {"query": {"match": {"name": "black set tv gun"}}, "collapse": {"field": "brand"}},
    "sort by numbers": {"sort": [{"stars": {"order": "desc", "mode": "avg"}}, "_score"], "track_scores": True},
    "sort by keywords": {"sort": [{"tags": "desc"}, {"sold": {"missing": "_first"}}], "track_scores": True},
    "sort by dates": {"sort": [{"since": {"mode": "max"}}, {"brand": {"missing": "b"}}], "track_scores": True},
    "simple query string": _query_string("simple_query_string", '"black heater" | (tv + set*) -stand~1', flags="ALL"),
    "simple query string, and": _query_string("simple_query_string", "set black~ | gun", default_operator="and"),
    "query string": _query_string("query_string", 'name:("hot gun"~3 OR heat*)^2 AND NOT brand:Bolt tv', phrase_slop=1),
    "query string, most fields": _query_string("query_string", "black tv acme", type="most_fields", boost=1.5),
    "query string of ranges": _query_string("query_string", "price:[20 TO 60} sold:>4 _exists_:since"),
    "regular expression": {"query": {"regexp": {"name": {"value": "he[a-t]{2}.+|t.", "boost": 2}}}},
    "distance of dates": {"query": {"distance_feature": {"field": "since", "origin": "2024-01", "pivot": "30d"}}},
    "set of terms": {
        "query": {"terms_set": {"name": {"terms": ["tv", "black", "set"], "minimum_should_match_field": "least"}}}
    },
    "required inside required": {
        "query": {
            "bool": {"must": [_match("match", "black set", operator="and")["query"], {"exists": {"field": "id"}}]}
        }
    },
    "as many words as are asked for": {
        "query": {
            "bool": {
                "must": [_match("match", "tv set")["query"], _match("match", "black tv", boost=1.3)["query"]],
                "should": [{"term": {"name": word}} for word in ("set", "nothing", "black")],
                "minimum_should_match": 2,
            }
        }
    },
    "sort by nested values": {
        "sort": [{"offers.price": {"nested": {"path": "offers", "filter": {"match": {"offers.shop": "tv"}}}}}, "id"],
        "track_scores": True,
    },
    "nearest": {"knn": {"field": "flat", "query_vector": _VECTOR, "k": 4, "num_candidates": 9}},
    "nearest that fit": {
        "query": {"match": {"name": "black tv"}},
        "knn": {
            "field": "flat",
            "query_vector": _VECTOR,
            "k": 4,
            "num_candidates": 9,
            "boost": 0.5,
            "similarity": 0.7,
            "filter": [{"exists": {"field": "price"}}],
        },
    },
    "nearest as a clause": {
        "query": {
            "bool": {
                "should": [
                    {"match": {"name": "black tv"}},
                    {"knn": {"field": "flat", "query_vector": _VECTOR, "k": 3, "filter": {"term": {"brand": "Bolt"}}}},
                ]
            }
        }
    },
}


def answers(client: Elasticsearch) -> dict[str, list[Any]]:
    """Ask a server: the code and score of each hit, for each body."""
    client.indices.delete(index=NAME, ignore_unavailable=True)
    settings = {**INDEX["settings"], "number_of_shards": 1, "number_of_replicas": 0, "index.sort.field": "id"}
    client.indices.create(index=NAME, settings=settings, mappings=INDEX["mappings"])
    bulk(client, ({"_index": NAME, "_id": one["id"], "_source": one} for one in products()))
    client.indices.refresh(index=NAME)
    client.indices.forcemerge(index=NAME, max_num_segments=1)
    found = {}
    for name, body in BODIES.items():
        hits = client.search(index=NAME, body={**body, "size": 10})["hits"]["hits"]
        found[name] = [[int(hit["_id"]), hit["_score"]] for hit in hits]
    client.indices.delete(index=NAME)
    return found


def main() -> None:
    """Write the file."""
    asked = dict(argument.split("=", 1) for argument in sys.argv[1:])
    found = {release: answers(Elasticsearch(url)) for release, url in asked.items()}
    lines = [f"  {json.dumps(name)}: {json.dumps({key: each[name] for key, each in found.items()})}" for name in BODIES]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
