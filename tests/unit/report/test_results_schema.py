"""The published schema of results.json; that real sessions hold to it, `helpers.project.results` looks at."""

from typing import Any

import pytest
from helpers.pages import validator
from jsonschema import ValidationError

from relevance.gate import ANSWERS
from relevance.report.results import SCHEMA

EMPTY: dict[str, Any] = {
    "schema": SCHEMA,
    "dataset": {
        "name": "shop",
        "products": 1,
        "queries": 1,
        "judgments": 1,
        "sha256": dict.fromkeys(("corpus", "queries", "judgments"), "0" * 64),
    },
    "engine": {"name": "embedded", "version": "1", "line": "embedded", "facts": {}, "preparation": {"start_s": None}},
    "models": {},
    "strategies": {},
    "not_run": {},
    "broken": {},
    "complete": True,
    "notes": [],
    "answers": {answer: meaning.says for answer, meaning in ANSWERS.items()},
    "comparison": [],
}


def test_the_version_is_that_of_the_files() -> None:
    validator().validate(EMPTY)
    with pytest.raises(ValidationError, match="2 was expected"):
        validator().validate(EMPTY | {"schema": SCHEMA + 1})


@pytest.mark.parametrize(
    "other",
    [
        {"unknown": 1},
        {"notes": [1]},
        {"answers": {"better": "so"}},
        {"dataset": EMPTY["dataset"] | {"queries": "many"}},
        {"strategies": {"own": {"metrics": {}}}},
    ],
)
def test_what_is_not_described_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validator().validate(EMPTY | other)
