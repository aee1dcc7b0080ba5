"""The table of a session and the lines below it."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers import golden
from helpers.snapshots import comparison

from relevance.evaluation import JUDGED10
from relevance.gate import Floors, Lost, Shortfall, Verdict
from relevance.report.terminal import failure, session_lines, table
from relevance.strategies import STRATEGIES


def _result(name: str, mean: float, verdict: Verdict, *, timed: bool = True) -> Any:
    single = SimpleNamespace(p50_ms=1.234, p95_ms=5.678)
    timing = SimpleNamespace(run_time_s=0.12345, took_s=None, queries_per_s=2470.1, single=single)
    evaluation = SimpleNamespace(mean=lambda one: 0.456 if one == JUDGED10 else mean, without_hits=np.array([0, 2]))
    return SimpleNamespace(
        strategy=STRATEGIES[name], evaluation=evaluation, timing=timing if timed else None, verdict=verdict
    )


def _suite(*results: Any, **engine: Any) -> Any:
    dataset = SimpleNamespace(catalogue=range(1200), queries=SimpleNamespace(texts=["oak", "elm", "##vso[x]y"]))
    return SimpleNamespace(
        results={one.strategy.name: one for one in results},
        query_ms={"base": 4.56},
        cut={("base", "whole"): (1000, 12)},
        preparation=SimpleNamespace(start_s=3.21, embedding_s=0.5, indexing_s=2.25),
        engine=SimpleNamespace(**{"took_ms": None, "version": "9.5.2", "facts": {}, **engine}),
        plan=SimpleNamespace(dataset=dataset, engine=SimpleNamespace(name="elasticsearch"), models={"base": None}),
    )


SHORT = Shortfall("NDCG", 0.5, 0.6, (Lost("q1", "a\x1bb", 0.0), Lost("q2", "##vso[x]", 0.25)))
FELL = Shortfall("MRR", 0.3, 0.4, (Lost("q1", "elm", 0.1, 0.75),))
FLOORS = Floors({"MRR": 0.4, "NDCG": 0.6}, "", "thresholds.toml")
FAILED = Verdict("fail", ("NDCG below its floor",), (SHORT, FELL), FLOORS, ("a note",))
PASSED = Verdict("pass", floors=Floors({"NDCG": 0.3}, "", "thresholds.toml"))
UNGATED = Verdict("not_gated")


@pytest.mark.parametrize("columns", [None, 100, 80, 60])
def test_the_table(columns: int | None) -> None:
    """As wide as it has to be; where there is less room, columns go, the floors last."""
    results = (("textsearch", 0.5, FAILED), ("vectorsearch", 0.45, PASSED), ("rrf", 0.4, UNGATED))
    lines = table(_suite(*(_result(*one) for one in results)), columns=columns)
    golden.check(f"table-{columns or 'wide'}.txt", "".join(f"{one.mark:<5}{one.text}\n" for one in lines))


@pytest.mark.parametrize(("status", "word"), [("pass", "no floors, compared"), ("fail", "FAIL")])
def test_a_strategy_without_floors_beside_a_baseline(status: Any, word: str) -> None:
    """It was compared, and both the table and a line say so; one that no baseline knows is not gated."""
    ungated = Verdict("not_gated", ("no floors",))
    comparisons = [comparison(rrf=status), replace(comparison(rrf="pass"), baseline="b.json")]
    suite = _suite(_result("rrf", 0.5, ungated), _result("hybrid", 0.5, ungated), _result("textsearch", 0.5, PASSED))
    lines = [line.text for line in session_lines(suite, columns=None, comparisons=comparisons)]
    words = [re.split(r"\s{2,}", line)[-1] for line in lines[1:4]]
    assert words == [word, "not gated", "pass"]
    alone = f"no floors: rrf: compared with {comparisons[0].baseline} and b.json alone"
    assert [line for line in lines[4:] if "no floors" in line] == [alone, "not gated: hybrid: no floors"]


def test_empty_columns_go_first() -> None:
    """At 80 columns of a run without times, the share of judged hits stays; columns of times, all empty, go."""
    suite = _suite(*(_result(name, 0.5, UNGATED, timed=False) for name in ("textsearch", "textsearch_boosted")))
    wide, narrow = (table(suite, columns=columns)[0].text.split() for columns in (None, 80))
    assert {"time", "queries/s", "cut"} <= set(wide)
    assert "judged" in narrow
    assert "queries/s" not in narrow


def test_why_a_strategy_failed() -> None:
    """Metric, floor and the queries that it lacks; what queries say is not obeyed."""
    lines = session_lines(_suite(_result("textsearch", 0.5, FAILED)), columns=None)[3:]
    marked = "".join(f"{one.mark:<5}{one.text}\n" for one in lines)
    golden.check("failure.txt", f"{failure('textsearch', FAILED)}\n{marked}")


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (
            {"vector_index": "flat", "shards": 1, "segments": 2},
            ", 1,200 products indexed in 2.2 s; flat vectors, 1 shard, 2 segments",
        ),
        ({"reused": True}, ", index of an earlier run taken in 2.2 s"),
        ({"uuid": "x"}, ""),
    ],
)
def test_what_a_server_had_to_do(facts: dict[str, Any], line: str) -> None:
    """Where the time before the first search went, and what it made."""
    suite = _suite(_result("rrf", 0.5, UNGATED), took_ms=1.0, facts=facts)
    start = "elasticsearch 9.5.2: started in 3.2 s, texts embedded in 0.5 s"
    assert session_lines(suite, columns=None)[2].text == f"{start}{line}"
