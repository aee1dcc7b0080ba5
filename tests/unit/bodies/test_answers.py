"""Answers to search bodies are those that real servers gave to the same documents (`answers.json`), bit for bit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from relevance.analysis import Analysis
from relevance.engines.embedded.bodies import BodyIndex
from relevance.schema import Schema

GIVEN = json.loads(Path(__file__).with_name("answers.json").read_text(encoding="utf-8"))
CASES: dict[str, Any] = GIVEN["cases"]
IDS = [document["id"] for document in GIVEN["documents"]]


@pytest.fixture(scope="module")
def index() -> BodyIndex:
    schema = Schema.of(GIVEN["index"])
    return BodyIndex(schema, Analysis(GIVEN["index"]["settings"]), GIVEN["documents"], ids=IDS)


@pytest.mark.parametrize("name", CASES)
def test_ids_and_scores_are_those_of_the_server(index: BodyIndex, name: str) -> None:
    (answer,) = index.search([{"query": CASES[name]["query"]}], hits=20)
    found = [(IDS[code], score) for code, score in zip(answer.codes, answer.scores, strict=True)]
    assert found == [(one, np.float32(score)) for one, score in CASES[name]["hits"]]
    assert answer.total == len(found)


@pytest.mark.parametrize("name", CASES)
def test_fewer_hits_are_the_first_of_all(index: BodyIndex, name: str) -> None:
    few, all_of_them = (index.search([{"query": CASES[name]["query"]}], hits=hits)[0] for hits in (2, 20))
    assert few.codes.tolist() == all_of_them.codes[:2].tolist()
    assert few.total == all_of_them.total


@pytest.mark.parametrize("name", CASES)
def test_explanations_add_up_to_the_scores(index: BodyIndex, name: str) -> None:
    for one, score in CASES[name]["hits"]:
        explanation = index.explain({"query": CASES[name]["query"]}, IDS.index(one))
        assert explanation is not None
        assert explanation["value"] == np.float32(score)
        for part in parts(explanation):
            values = [detail["value"] for detail in part["details"]]
            if part["description"] == "sum of:":
                assert part["value"] == pytest.approx(sum(values))
            elif part["description"].startswith("weight("):
                assert part["value"] == pytest.approx(np.prod(values))


def parts(explanation: dict[str, Any]) -> list[dict[str, Any]]:
    return [explanation, *(part for detail in explanation["details"] for part in parts(detail))]


def test_what_does_not_match_is_not_explained(index: BodyIndex) -> None:
    assert index.explain({"query": {"term": {"tags": "sale"}}}, IDS.index("p7")) is None
