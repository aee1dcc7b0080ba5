"""The table of a session and the lines below it."""

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers import golden, shop
from helpers.snapshots import comparison

from relevance.evaluation import JUDGED10, NDCG10
from relevance.gate import Floors, Lost, MetricChoice, Shortfall, Verdict
from relevance.report.terminal import failure, plan_lines, session_lines, table
from relevance.strategies import STRATEGIES

SHORT = Shortfall("NDCG", 0.5, 0.6, (Lost("q1", "a\x1bb", 0.0), Lost("q2", "##vso[x]", 0.25)))
FELL = Shortfall("MRR", 0.3, 0.4, (Lost("q1", "elm", 0.1, 0.75),))
FLOORS = Floors({"MRR": 0.4, "NDCG": 0.6}, "", "thresholds.toml")
FAILED = Verdict("fail", ("NDCG below its floor",), (SHORT, FELL), FLOORS, ("a note",))
PASSED = Verdict("pass", floors=Floors({"NDCG": 0.3}, "", "thresholds.toml"))
UNGATED = Verdict("not_gated")
CONFIG = SimpleNamespace(metrics=MetricChoice(), gate=SimpleNamespace(leading=NDCG10))


def suite(*results: tuple[str, float, Verdict], timed: bool = True, **engine: Any) -> Any:
    """As much of a suite as a table reads, of (strategy, mean, verdict)."""
    single = SimpleNamespace(p50_ms=1.234, p95_ms=5.678, stages={})
    timing = SimpleNamespace(run_time_s=0.12345, took_s=None, queries_per_s=2470.1, single=single)

    def result(name: str, mean: float, verdict: Verdict) -> Any:
        evaluation = SimpleNamespace(mean=lambda one: 0.456 if one == JUDGED10 else mean, without_hits=np.array([0, 2]))
        of_time = timing if timed else None
        return SimpleNamespace(
            strategy=STRATEGIES.get(name) or replace(STRATEGIES["rrf"], name=name),
            evaluation=evaluation,
            timing=of_time,
            verdict=verdict,
            recall=None,
        )

    dataset = SimpleNamespace(catalogue=range(1200), queries=SimpleNamespace(labels=["oak", "elm", "##vso[x]y"]))
    return SimpleNamespace(
        results={one[0]: result(*one) for one in results},
        refused={},
        broken={},
        query_ms={"base": 4.56, "finetuned": 4.56},
        cut={("base", "whole"): (1000, 12)},
        preparation=SimpleNamespace(start_s=3.21, embedding_s=0.5, indexing_s=2.25),
        engine=SimpleNamespace(**{"took_ms": None, "version": "9.5.2", "facts": {}, **engine}),
        plan=SimpleNamespace(
            dataset=dataset, engine=SimpleNamespace(name="elasticsearch"), models={"base": None}, config=CONFIG
        ),
    )


@pytest.mark.parametrize("columns", [None, 100, 80, 60])
def test_where_there_is_less_room_columns_go_the_floors_last(columns: int | None) -> None:
    rows = (("textsearch", 0.5, FAILED), ("vectorsearch", 0.45, PASSED), ("rrf", 0.4, UNGATED))
    lines = table(suite(*rows), columns=columns)
    golden.check(f"table-{columns or 'wide'}.txt", "".join(f"{one.mark:<5}{one.text}\n" for one in lines))


def test_a_strategy_that_gives_no_ranking_has_a_row_and_a_line() -> None:
    of_two = suite(("textsearch", 0.5, PASSED))
    of_two.refused["raw"] = "strategy 'raw' (raw.json): no such field"
    lines = session_lines(of_two, columns=None)
    assert (lines[2].text.split(), lines[2].mark) == (["raw", *"-" * 10, "FAIL"], "bad")
    assert "FAIL: strategy 'raw' (raw.json): no such field" in [line.text for line in lines]


def test_empty_columns_go_first() -> None:
    untimed = suite(("textsearch", 0.5, UNGATED), ("textsearch_boosted", 0.5, UNGATED), timed=False)
    wide, narrow = (set(table(untimed, columns=columns)[0].text.split()) for columns in (None, 80))
    assert {"time", "queries/s", "cut", "judged"} <= wide
    assert "judged" in narrow
    assert "queries/s" not in narrow


@pytest.mark.parametrize(("answer", "word"), [("no loss", "no floors, compared"), ("loss", "FAIL")])
def test_a_strategy_without_floors_was_compared_where_a_baseline_knows_it(answer: str, word: str) -> None:
    ungated = Verdict("not_gated", ("no floors",))
    comparisons = [comparison(rrf=answer), replace(comparison(rrf="no loss"), baseline="b.json")]
    measured = suite(("rrf", 0.5, ungated), ("hybrid", 0.5, ungated), ("textsearch", 0.5, PASSED))
    lines = [line.text for line in session_lines(measured, columns=None, comparisons=comparisons)]
    assert [re.split(r"\s{2,}", line)[-1] for line in lines[1:4]] == [word, "not gated", "pass"]
    alone = "no floors: rrf: compared with main.json and b.json alone"
    assert [line for line in lines[4:] if "no floors" in line] == [alone, "not gated: hybrid: no floors"]


def test_a_failure_names_metric_floor_and_queries() -> None:
    lines = session_lines(suite(("textsearch", 0.5, FAILED)), columns=None)[3:]
    marked = "".join(f"{one.mark:<5}{one.text}\n" for one in lines)
    golden.check("failure.txt", f"{failure('textsearch', FAILED)}\n{marked}")


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (
            {"vector_index": "flat", "shards": 1, "segments": 2},
            ", 1,200 products indexed in 2.2 s; flat vectors, 1 shard, 2 segments",
        ),
        ({"shards": 3, "segments": 4}, ", 1,200 products indexed in 2.2 s; 3 shards, up to 4 segments each"),
        ({"reused": True}, ", index of an earlier run taken in 2.2 s"),
        ({"uuid": "x"}, ""),
    ],
)
def test_what_a_server_had_to_do(facts: dict[str, Any], line: str) -> None:
    lines = session_lines(suite(("rrf", 0.5, UNGATED), took_ms=1.0, facts=facts), columns=None)
    assert lines[2].text == f"elasticsearch 9.5.2: started in 3.2 s, texts embedded in 0.5 s{line}"


def test_the_header_says_what_few_models_have() -> None:
    plan = shop.plan(["vectorsearch"])
    usual = "model base: base (16 dimensions, 64 tokens, prompt 'query: ', sha256 base)"
    assert usual in plan_lines(plan)
    rare = {"max_tokens": None, "document_prompt": "d: ", "truncate_dim": 16, "similarity": "dot", "revision": "v1"}
    rare["configuration"] = "c" * 64
    rare["query_prompt"] = "q" * 80
    model = replace(plan.models["base"], **rare, trust_remote_code=True, notes=("a note",))
    lines = plan_lines(replace(plan, models={"base": model}))
    assert (
        "model base: base (16 dimensions (cut), any number of tokens, prompt '" + "q" * 58 + "…, "
        "prompt of products 'd: ', dot product, revision v1, runs code of its own, configuration cccccccccccc, "
        "sha256 base)"
    ) in lines
    assert "note: a note" in lines
