"""Fields with `index_prefixes` and `index_phrases` against real servers of both releases."""

from itertools import product
from typing import Any

from parity.bodies import both
from parity.server import ReferenceServer
from parity.texts import seeded

SYNONYMS = {"type": "synonym_graph", "synonyms": ["red sofa, lamp", "grey table => tab of"]}
INDEX: dict[str, Any] = {
    "settings": {
        "analysis": {
            "filter": {"two_words": SYNONYMS},
            "analyzer": {
                "stopped": {"tokenizer": "standard", "filter": ["lowercase", "stop"]},
                "widened": {"tokenizer": "standard", "filter": ["lowercase", "two_words"]},
            },
        }
    },
    "mappings": {
        "properties": {
            "id": {"type": "keyword"},
            "begun": {"type": "text", "index_prefixes": {}},
            "begun_early": {"type": "text", "index_prefixes": {"min_chars": 1, "max_chars": 3}},
            "paired": {"type": "text", "index_phrases": True},
            "stopped": {"type": "text", "index_phrases": True, "analyzer": "stopped"},
            "widened": {"type": "text", "index_phrases": True, "analyzer": "standard", "search_analyzer": "widened"},
        }
    },
}
FIELDS = [name for name in INDEX["mappings"]["properties"] if name != "id"]
WORDS = (
    "grey",
    "greyish",
    "sofa",
    "so",
    "sofas",
    "red",
    "reading",
    "lamp",
    "of",
    "table",
    "tab",
    "a",
    "the",
    "\U0001d4b3y",
)
BEGINNINGS = ("g", "gr", "grey", "greyi", "greyis", "so", "sofas", "t", "z", "grey so", "lamp of ta")
TEXTS = ("grey", "red", "lamp of", "grey table", "red sofa lamp", "grey the sofa", "of the table")


def of(field: str, text: str, kind: str, **options: Any) -> dict[str, Any]:
    return {"query": {kind: {field: {"value" if kind == "prefix" else "query": text, **options}}}}


EQUAL = [
    *(of(field, text, kind) for field, text, kind in product(FIELDS[:2], BEGINNINGS, ("prefix", "match_bool_prefix"))),
    *(of(field, text, "match_phrase_prefix", slop=1) for field, text in product(FIELDS[:2], BEGINNINGS)),
    *({"query": {"query_string": {"query": f"{text}*", "fields": [field]}}}
      for field, text in product(FIELDS[:2], BEGINNINGS)),
    *(of(field, text, "match_phrase", slop=1) for field, text in product(FIELDS[2:], TEXTS)),
    *(of(field, text, "match_phrase_prefix") for field, text in product(FIELDS[2:], TEXTS)),
    *(of(field, text, "match") for field, text in product(FIELDS[2:], TEXTS[:2])),
    of("stopped", "grey the sofa", "match_phrase"),
]  # fmt: skip
REFUSED = [
    of("begun", "gre", "match_phrase_prefix"),
    of("begun", "\U0001d4b3", "prefix"),
    of("paired", "grey sofa", "match_phrase"),
    of("widened", "lamp", "match"),
    {"query": {"multi_match": {"query": "grey sofa", "fields": ["paired"], "type": "phrase"}}},
    {"query": {"query_string": {"query": '"grey sofa"', "fields": ["paired"]}}},
]


def test_what_is_answered_is_equal_and_the_rest_is_refused(reference: ReferenceServer) -> None:
    random = seeded(5)
    documents = [
        {"id": f"d{at:03}", **{name: " ".join(random.choices(WORDS, k=random.randint(1, 7))) for name in FIELDS}}
        for at in range(120)
    ]
    with both(reference, "index-options", INDEX, documents) as pair:
        equal = pair.compare(EQUAL, hits=120)
        refusals = pair.refusals(REFUSED)
    assert equal.nothing, equal.listed[:3]
    assert len(refusals["refused by embedded"]) == len(REFUSED)
