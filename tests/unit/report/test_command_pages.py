"""The pages of mutate, check and history hold what lies beside them; their lines fit a terminal and have marks."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from helpers import golden
from helpers.snapshots import snapshot

from relevance.baseline import Acceptance, Accepted
from relevance.check import LOOK_AT, Findings
from relevance.gate import Comparison, Finding, Limits
from relevance.history import Commit, Version
from relevance.mutation import KINDS, Outcome, Outcomes, Tried
from relevance.report.checked import check_files, check_lines
from relevance.report.history import history_files, history_lines
from relevance.report.mutations import mutation_files, mutation_lines
from relevance.report.withheld import withheld_files
from relevance.text import Line, width

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG = "vectorsearch_multifield_boosted"


def payload_of(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="payload">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def finding(strategy: str, answer: Any, relative: float, **more: Any) -> Finding:
    drop = 0.5 * relative
    interval = (-drop - 0.01, -drop + 0.01)
    effect: dict[str, Any] = {"relative": relative, "interval": interval, "p": 0.001, "adjusted_p": 0.004}
    return Finding(strategy, "nDCG@10", answer, 0.5, 0.5 - drop, **(effect | {"smallest_visible": 0.031} | more))


def outcome(kind: str, *findings: Finding, **more: Any) -> Outcome:
    return Outcome(
        KINDS[kind],
        1,
        snapshot(),
        Comparison("as it is", findings),
        changed=tuple(one.strategy for one in findings),
        **more,
    )


def planted() -> Outcomes:
    every = (
        outcome("title_lost", finding("titles", "loss", 0.2), finding(LONG, "no loss", 0.001)),
        outcome("description_not_matched", finding(LONG, "undecided", 0.03, blocks=True)),
        outcome("vectors_stale", finding("titles", "likely loss", 0.04)),
        outcome("first_word_lost", finding("titles", "no loss", 0.004)),
        outcome("last_word_lost", finding("titles", "no loss", 0.004), below_floors=("titles",)),
        Outcome(KINDS["duplicates"], 1, refused="ranking: query 'q1': product 'a' comes twice"),
        Outcome(KINDS["k1_off"], 1, inapplicable="no strategy sets k1"),
        outcome("judgments_lost", finding("titles", "no loss", 0.1), data="10 judgments changed"),
        Outcome(KINDS["b_off"], 1, snapshot()),
    )
    return Outcomes(snapshot(), every, "nDCG@10", 1.5, 30, 12, 4)


CAUGHT = [True, True, False, False, True, True, None, None, None]


def test_what_was_caught_and_the_page_of_it() -> None:
    files = mutation_files(planted(), of=["a shop"], wrong=["wrong"], notes=["few"], neutral=True)
    document = json.loads(files["mutations.json"])
    assert [one["caught"] for one in document["mutations"]] == CAUGHT
    assert document["smallest_visible"] == {"titles": 0.031, LONG: 0.031}
    first, second = document["mutations"][0]["strategies"]
    assert (first["before"], first["after"], first["interval"]) == (
        0.5,
        0.4,
        [pytest.approx(-0.11), pytest.approx(-0.09)],
    )
    assert (second["strategy"], second["answer"]) == (LONG, "no loss")
    assert payload_of(files["report.html"]) == {
        "results": document, "of": ["a shop"], "wrong": ["wrong"], "notes": ["few"], "neutral": True,
    }  # fmt: skip


def test_the_page_of_withheld_judgments() -> None:
    said: Any = ("undecided, fails",) * 2 + ("no loss",) * 3
    tried = [Tried("title_lost", 1, "rrf", undone=True, change=0.02, complete="no loss", holes=70, answers=said)]
    files = withheld_files(tried, "ten", of=["a shop"], notes=["few"])
    page = payload_of(files["report.html"])
    assert page["results"] == json.loads(files["mutations.json"])
    assert (page["looks"], page["of"], page["notes"], page["wrong"]) == (
        [0, 50, 100, 200, 400],
        ["a shop"],
        ["few"],
        [],
    )


def versions(days: int = 12) -> list[Version]:
    """`titles` falls by 5% with the seventh; another comes with the fifth, and goes with the last."""
    every = []
    for day in range(days):
        keys = np.arange(300 + (day >= 3), dtype=np.uint64)
        values = {"titles": np.full(len(keys), 0.5 if day < 6 else 0.475, dtype=np.float32)}
        if 4 <= day < days - 1:
            values[LONG] = np.full(len(keys), 0.6 + 0.0002 * (day % 2), dtype=np.float32)
        commit = Commit(
            f"{day:040x}", NOON + timedelta(days=day), f"change {day}: a subject that takes some room to be told"
        )
        every.append(Version(commit, day % 2 == 0, keys, values))
    return every


NAMES = ("titles", LONG)
WANTED = Accepted("loss", fails=True, before=0.5, after=0.4, scores_sha256="")
LOG = (Acceptance("2026-03-06T10:00:00Z", "Ada", "wanted", "nDCG@10", "", {"titles": WANTED}),)


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


FOUND = Findings(
    "shop: data",
    (
        ("products", "4; none without a description, 1 (25%) without attributes"),
        (LOOK_AT, "12 judged queries: the gate's paired test needs 50 ([gate] least_queries), with fewer none"),
        ("note", "train.csv: 3 products have several titles: that of the row with the smallest id counts"),
    ),
    ("qrels.txt, line 46: found 'c999'", "no model"),
    could_not_run=False,
)  # fmt: skip


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
