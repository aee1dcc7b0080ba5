"""The answers of 8.19.5 and 9.5.2 to a body of each clause, bit for bit; those of vectors within 1e-6."""

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from parity.clause_answers import BODIES, FILE, INDEX, products

from relevance.analysis import Analysis
from relevance.engines.embedded.bodies import BodyIndex
from relevance.errors import InputError
from relevance.schema import Schema

ANSWERS = json.loads(FILE.read_text(encoding="utf-8"))


@cache
def index(release: int) -> BodyIndex:
    analysis = Analysis(INDEX["settings"], release=release)
    return BodyIndex(Schema.of(INDEX), analysis, products(), release=release)


@pytest.mark.parametrize("release", [8, 9])
@pytest.mark.parametrize("name", BODIES)
def test_answers(name: str, release: int) -> None:
    (found,) = index(release).search([BODIES[name]], hits=10)
    expected = ANSWERS[name][str(release)]
    assert found.codes.tolist() == [code for code, _ in expected]
    scores = np.array([score for _, score in expected], dtype=np.float32)
    near = 1e-6 if name.startswith("nearest") else 0
    assert np.abs(found.scores - scores).max(initial=0) <= near


def test_each_body_has_hits() -> None:
    assert not [name for name, answer in ANSWERS.items() if not all(answer.values())]


@pytest.mark.parametrize("name", BODIES)
def test_an_explanation_has_the_score(name: str) -> None:
    body = {part: value for part, value in BODIES[name].items() if part != "from"}
    (found,) = index(9).search([body], hits=10)
    explained = index(9).explain(body, int(found.codes[0]))
    assert explained is not None
    assert explained["value"] == pytest.approx(found.scores[0])


def _match(query: str, **options: Any) -> dict[str, Any]:
    return {"query": {"match": {"name": {"query": query, **options}}}}


FUNCTION = {"query": {"bool": {"must": [{"function_score": {"gauss": {"since": {"scale": "1d"}}}}]}}}
RESCORE = {"query": {"rescore_query": {"match_all": {}}}}


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (
            {"query": {"function_score": {"functions": [{"weight": 2}, {"random_score": {}}]}}},
            "query.function_score.functions[1]: the function 'random_score' is not interpreted by the embedded engine",
        ),
        (FUNCTION, "query.bool.must[0].function_score.gauss: since: origin is missing; now would give another result "),
        (
            {"query": {"range": {"since": {"gte": "now"}}}},
            "query.range: field 'since' (date): 'now' depends on the ",
        ),
        ({"query": {"fuzzy": {"name": {"value": "x", "fuzziness": 3}}}}, "query.fuzzy: fuzziness = 3; allowed: AUTO, "),
        (_match("x", minimum_should_match="75 %"), "query.match: minimum_should_match = '75 %'; allowed: a number "),
        ({"sort": ["name"]}, "sort[0].name: field 'name' is a text; allowed: keywords, numbers, dates, with "),
        ({"sort": {"_script": {}}}, "sort._script: not supported; allowed: fields, _score, _doc"),
        ({"collapse": {"field": "since"}}, "collapse: field 'since' is a date; allowed: keywords and numbers, with "),
        ({"collapse": {"field": "tags"}}, "collapse: field 'tags' has several values in a hit; allowed: one"),
        ({"sort": ["brand"], "rescore": RESCORE}, "sort beside rescore: Elasticsearch refuses both together; "),
        ({"retriever": {}}, "the part 'retriever' of a search body is not interpreted by the embedded engine"),
        ({"knn": {"field": "flat", "query_vector": [1, 2], "k": 3}}, "query_vector for 'flat' has 2 dimensions; "),
        (
            {"knn": {"field": "flat", "query_vector": [1, 2, 3], "k": 9, "num_candidates": 3}},
            "knn: num_candidates = 3; allowed: from k = 9 to 10,000",
        ),
    ],
)
def test_what_is_refused(body: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as refused:
        index(9).search([body], hits=10)
    assert str(refused.value).startswith(line)


@pytest.mark.parametrize(("query", "notes"), [("heater leaded", 1), ("heater headed", 0), ("heater gun", 0)])
def test_words_that_reach_one_term_by_other_frequencies_are_noted(query: str, notes: int) -> None:
    other = BodyIndex(Schema.of(INDEX), Analysis(INDEX["settings"]), products())
    other.search([_match(query, fuzziness="AUTO")], hits=10)
    assert len(other.notes) == notes
