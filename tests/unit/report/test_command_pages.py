"""The pages of mutate, check and history hold what lies beside them; their lines fit a terminal and have marks."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from helpers import golden
from helpers.command_pages import FOUND, LOG, LONG, NAMES, planted, tried, versions

from relevance.check import LOOK_AT
from relevance.gate import Limits
from relevance.mutation import KINDS
from relevance.report.checked import check_files, check_lines
from relevance.report.history import history_files, history_lines
from relevance.report.mutations import kinds_lines, mutation_files, mutation_lines
from relevance.report.withheld import withheld_files
from relevance.text import Line, width


def payload_of(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="payload">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


CAUGHT = [True, True, False, False, True, True, None, None, None]


def test_what_was_caught_and_the_page_of_it() -> None:
    files = mutation_files(planted(), of=["a shop"], wrong=["wrong"], notes=["few"], neutral=True)
    document = json.loads(files["mutations.json"])
    assert [one["caught"] for one in document["mutations"]] == CAUGHT
    assert document["smallest_visible"] == {"titles": 0.031, LONG: 0.031}
    first, second = document["mutations"][0]["strategies"]
    assert (first["before"], first["after"]) == (0.5, 0.4)
    assert first["interval"] == pytest.approx([-0.11, -0.09])
    assert (second["strategy"], second["answer"]) == (LONG, "no loss")
    assert payload_of(files["report.html"]) == {
        "results": document, "of": ["a shop"], "wrong": ["wrong"], "notes": ["few"], "neutral": True,
    }  # fmt: skip


def test_the_page_of_withheld_judgments() -> None:
    files = withheld_files(tried("rrf"), "ten", of=["a shop"], notes=["few"])
    page = payload_of(files["report.html"])
    assert page["results"] == json.loads(files["mutations.json"])
    assert {name: page[name] for name in ("looks", "of", "notes")} == {
        "looks": [0, 50, 100, 200, 400], "of": ["a shop"], "notes": ["few"],
    }  # fmt: skip
    (wrong,) = page["wrong"]
    assert wrong == "title_lost: rrf is a loss (-2.0%), and the gate says likely loss with 70 of 70 hits judged"


def test_the_page_of_a_history() -> None:
    files = history_files(versions(), NAMES, Limits(), log=LOG, dataset="shop", of=["shop.json: 12 versions in git"])
    document = json.loads(files["history.json"])
    assert payload_of(files["report.html"]) == {"results": document}
    titles, other = (document["strategies"][name] for name in NAMES)
    assert titles["values"] == [0.5] * 6 + [0.475] * 6
    assert titles["steps"] == [{"version": 6, "before": 0.5, "after": 0.475}]
    assert (other["values"][3], other["values"][4], other["values"][-1]) == (None, 0.6, None)
    moved = [one["moved"] for one in document["versions"]]
    assert moved[6] == {"titles": -0.025, LONG: -0.0002}
    assert [at for at, one in enumerate(moved) if "titles" in one] == [6]
    fourth, fifth, last = (document["versions"][at] for at in (3, 4, -1))
    assert (fourth["queries"], fourth["queries_new"], fourth["queries_gone"]) == (301, 1, 0)
    assert (fifth["strategies_new"], last["strategies_gone"]) == ([LONG], [LONG])
    assert document["accepted"][0]["version"] == 6


@pytest.mark.parametrize("columns", [80, 100, None])
def test_a_history_on_a_terminal(columns: int | None) -> None:
    lines = list(history_lines(versions(), NAMES, Limits(), columns=columns))
    golden.check(f"history-{columns or 'all'}.txt", marked(lines))
    assert columns is None or max(width(line.text) for line in lines) <= columns
    assert [line.mark for line in lines if "◀" in line.text] == ["bad"]


def test_a_rise_is_good() -> None:
    (step,) = [line for line in history_lines(versions()[::-1], ["titles"], Limits()) if "◀" in line.text]
    assert (step.mark, "rose by 5.3%" in step.text) == ("good", True)


@pytest.mark.parametrize("columns", [80, 100, 160])
def test_planted_changes_on_a_terminal(columns: int) -> None:
    lines = mutation_lines(planted(), columns=columns)
    golden.check(f"mutations-{columns}.txt", marked(lines))
    assert max(width(line.text) for line in lines[:15]) <= columns
    assert [line.mark for line in lines[1:10]] == ["good", "good", "warn", "", "good", "good", "", "", ""]
    neutral = mutation_lines(planted(), columns=columns, neutral=True)
    assert [line.mark for line in neutral[1:10]] == ["bad", "bad", "", "", "bad", "bad", "", "", ""]


@pytest.mark.parametrize("columns", [80, None])
def test_the_list_of_kinds_has_room(columns: int | None) -> None:
    lines = kinds_lines(KINDS.values(), columns=columns)
    assert columns is None or max(width(line.text) for line in lines) <= columns
    assert " ".join(lines[0].text.split()) == "kind group takes what"
    assert (len(lines) == 1 + len(KINDS)) is (columns is None)
    told = " ".join(" ".join(line.text for line in lines).split())
    assert all(one.name in told for one in KINDS.values())


@pytest.mark.parametrize(
    ("problems", "could_not_run", "state"),
    [(FOUND.problems, False, "wrong"), (("no server",), True, "could not run"), ((), False, "ready")],
)
def test_the_page_of_a_check_has_errors_first(problems: tuple[str, ...], state: str, *, could_not_run: bool) -> None:
    files = check_files(replace(FOUND, problems=problems, could_not_run=could_not_run))
    document: Mapping[str, Any] = json.loads(files["check.json"])
    assert payload_of(files["report.html"]) == {"results": document}
    assert document["state"] == state
    assert [one["line"] for one in document["checked"]] == [*problems, *(text for _, text in FOUND.rows)]
    assert [one["state"] for one in document["checked"]] == ["error"] * len(problems) + ["fine", LOOK_AT, "note"]


@pytest.mark.parametrize("columns", [80, 100, None])
def test_a_check_on_a_terminal(columns: int | None) -> None:
    lines = list(check_lines(FOUND, columns=columns))
    golden.check(f"check-{columns or 'all'}.txt", marked(lines))
    assert columns is None or max(width(line.text) for line in lines) <= columns
    assert {line.mark for line in lines if "judged queries" in line.text} == {"warn"}


def marked(lines: list[Line]) -> str:
    return "".join(f"{one.mark:<5}{one.text}".rstrip() + "\n" for one in lines)
