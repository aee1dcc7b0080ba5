"""The page on one's own search names the clauses, functions and parts that are interpreted, and no others."""

import re
from pathlib import Path

import pytest

from relevance.engines.embedded.bodies import function_score, parts
from relevance.engines.embedded.bodies.clauses import CLAUSES, NOT_INTERPRETED

PAGE = (Path(__file__).parents[3] / "docs" / "own-search.md").read_text(encoding="utf-8")
INTERPRETED = PAGE.partition("The embedded engine interprets, ")[2].partition("\n\n")[0].split("; ")
REFUSED = PAGE.partition("is refused by its name: ")[2].partition("\n\n")[0].split(";")


def names(text: str) -> list[str]:
    return re.findall(r"`([a-z_]+)`", text)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (INTERPRETED[0], CLAUSES),
        (INTERPRETED[1].removeprefix("in `function_score`"), function_score._FUNCTIONS),
        (INTERPRETED[2].removeprefix("around the query"), parts._PARTS),
    ],
)
def test_what_is_interpreted_stands_on_the_page(text: str, known: object) -> None:
    assert sorted(names(text)) == sorted(known)  # type: ignore[call-overload]


def test_what_the_page_calls_refused_is() -> None:
    assert set(names(REFUSED[0])) <= set(NOT_INTERPRETED)
    assert set(names(REFUSED[2])) <= set(parts._NOT_INTERPRETED)
