"""The table of a session and the lines below it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from helpers import golden

from relevance.evaluation import JUDGED10
from relevance.gate import Floors, Lost, Shortfall, Verdict
from relevance.report.terminal import failure, session_lines, table
from relevance.strategies import STRATEGIES


def _result(name: str, mean: float, verdict: Verdict, *, timed: bool = True):  # noqa: ANN202 - a test's own
    single = SimpleNamespace(p50_ms=1.234, p95_ms=5.678)
    timing = SimpleNamespace(run_time_s=0.12345, took_s=None, queries_per_s=2470.1, single=single)
    means = SimpleNamespace(mean=lambda metric: 0.456 if metric == JUDGED10 else mean, without_hits=_codes(0, 2))
    return SimpleNamespace(
        strategy=STRATEGIES[name], evaluation=means, timing=timing if timed else None, verdict=verdict
    )


def _codes(*codes: int):  # noqa: ANN202 - as numpy's
    return SimpleNamespace(tolist=lambda: list(codes))


def _suite(*results):  # noqa: ANN002, ANN202 - a test's own
    return SimpleNamespace(
        results={one.strategy.name: one for one in results},
        query_ms={"base": 4.56},
        cut={("base", "whole"): (1000, 12)},
        engine=SimpleNamespace(took_ms=None),
        plan=SimpleNamespace(dataset=SimpleNamespace(queries=SimpleNamespace(texts=["oak", "elm", "##vso[x]y"]))),
    )


SHORT = Shortfall("NDCG", 0.5, 0.6, (Lost("q1", "a\x1bb", 0.0), Lost("q2", "oak", 0.25)))
FLOORS = Floors({"MRR": 0.4, "NDCG": 0.6}, "", "thresholds.toml")
FAILED = Verdict("fail", ("NDCG below its floor",), (SHORT,), FLOORS)
PASSED = Verdict("pass", floors=Floors({"NDCG": 0.3}, "", "thresholds.toml"))


@pytest.mark.parametrize("columns", [None, 100, 80, 60])
def test_the_table(columns: int | None) -> None:
    """As wide as it has to be; where there is less room, columns go, the floors last."""
    ungated = _result("rrf", 0.4, Verdict("not_gated"))
    suite = _suite(_result("textsearch", 0.5, FAILED), _result("vectorsearch", 0.45, PASSED), ungated)
    lines = table(suite, columns=columns)
    golden.check(f"table-{columns or 'wide'}.txt", "".join(f"{one.mark:<5}{one.text}\n" for one in lines))


def test_empty_columns_go_first() -> None:
    """At 80 columns of a run without times, the share of judged hits stays; columns of times, all empty, go."""
    results = [_result(name, 0.5, Verdict("not_gated"), timed=False) for name in ("textsearch", "textsearch_boosted")]
    wide, narrow = (table(_suite(*results), columns=columns)[0].text.split() for columns in (None, 80))
    assert {"time", "queries/s", "cut"} <= set(wide)
    assert "judged" in narrow
    assert "queries/s" not in narrow


def test_why_a_strategy_failed() -> None:
    """Metric, floor and the queries that it lacks; what queries say is not obeyed."""
    suite = _suite(_result("textsearch", 0.5, FAILED))
    lines = session_lines(suite, columns=None)[3:]
    text = "\n".join([failure("textsearch", FAILED), *(f"{one.mark:<5}{one.text}" for one in lines)]) + "\n"
    golden.check("failure.txt", text)
