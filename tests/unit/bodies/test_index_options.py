"""Fields whose phrases and beginnings a server looks up in an index of their own."""

from typing import Any

import pytest

from relevance.analysis import Analysis
from relevance.engines.embedded.bodies import BodyIndex
from relevance.errors import NotInterpretedError
from relevance.schema import Schema

PROPERTIES = {"begun": {"type": "text", "index_prefixes": {}}, "paired": {"type": "text", "index_phrases": True}}
INDEX = BodyIndex(
    Schema.of({"mappings": {"properties": PROPERTIES}}), Analysis(), [{"begun": "grey sofa", "paired": "grey sofa"}]
)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"match_phrase": {"paired": "grey sofa"}}, "phrases on the field 'paired', which has index_phrases"),
        (
            {"match_phrase_prefix": {"begun": "grey so"}},
            "phrase prefixes on the field 'begun', which has index_prefixes",
        ),
        ({"prefix": {"begun": "\U0001d4b3"}}, "letters beyond .* 'begun' with index_prefixes"),
    ],
)
def test_what_is_scored_otherwise_is_refused(query: dict[str, Any], words: str) -> None:
    with pytest.raises(NotInterpretedError, match=words):
        INDEX.search([{"query": query}], hits=1)


@pytest.mark.parametrize(
    "query",
    [
        {"match_phrase": {"paired": {"query": "grey sofa", "slop": 1}}},
        {"match": {"paired": "grey"}},
        {"match_phrase_prefix": {"begun": {"query": "grey so", "slop": 1}}},
        {"prefix": {"begun": "gr"}},
    ],
)
def test_what_is_the_same_is_answered(query: dict[str, Any]) -> None:
    (answer,) = INDEX.search([{"query": query}], hits=1)
    assert answer.total == 1
