"""Quality beside cost: the Pareto front, the table, the page and the picture."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from relevance.gate import MetricChoice
from relevance.report.costs import cost_files, cost_lines, costs_of, pareto_front
from relevance.runner import Latencies
from relevance.suite.measure import Embedding

FAST, SLOW = (0.3, 1.0), (0.5, 9.0)


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([FAST], (True,)),
        ([FAST, SLOW], (True, True)),
        ([SLOW, (0.5, 9.0)], (True, True)),
        ([(0.5, 8.0), SLOW], (True, False)),
        ([(0.6, 9.0), SLOW], (True, False)),
        ([FAST, (0.2, 2.0), SLOW, (0.4, 5.0)], (True, False, True, True)),
        ([], ()),
    ],
    ids=["one", "two", "equal", "as good and slower", "as fast and worse", "many", "none"],
)
def test_no_point_of_the_front_is_beaten(points: list[tuple[float, float]], front: tuple[bool, ...]) -> None:
    assert pareto_front(points) == front


NONE: dict[str, tuple[float, float]] = {}
EMBEDDED = Embedding(1200, 400.0, 3.0, 384, 1200 * 384 * 4)
MEASURED: dict[str, tuple[float, tuple[float, float], dict[str, tuple[float, float]], Embedding | None]] = {
    "textsearch": (0.4, (0.5, 0.7), NONE, None),
    "vectors": (0.35, (1.0, 1.5), {"encode": (4.0, 6.0), "retrieve": (1.0, 1.5), "total": (5.0, 7.5)}, EMBEDDED),
    "reranked": (
        0.5,
        (30.0, 50.0),
        {"encode": (4.0, 6.0), "retrieve": (2.0, 3.0), "rerank": (28.0, 48.0), "total": (34.0, 57.0)},
        EMBEDDED,
    ),
}


def suite(*, shows_costs: bool = True, measured: Any = None) -> Any:
    """As much of a suite as the table reads."""
    metrics = MetricChoice()
    leading = metrics.columns["NDCG"]

    def result(quality: float, single: tuple[float, float], stages: Any, embedding: Embedding | None) -> Any:
        evaluation = SimpleNamespace(per_query={leading: None}, mean=lambda _: quality)
        timing = SimpleNamespace(single=Latencies(*single, None, None, stages), embedding=embedding)
        return SimpleNamespace(evaluation=evaluation, timing=timing)

    config = SimpleNamespace(shows_costs=shows_costs, metrics=metrics, gate=SimpleNamespace(leading=leading))
    rows = MEASURED if measured is None else measured
    return SimpleNamespace(
        plan=SimpleNamespace(config=config), results={name: result(*row) for name, row in rows.items()}
    )


def test_the_fastest_stands_first_and_the_front_is_marked() -> None:
    rows = [line.text.split() for line in cost_lines(suite(), columns=None)[2:]]
    assert rows[0][:6] == ["strategy", "NDCG", "p50", "(ms)", "p95", "(ms)"]
    assert rows[1:] == [
        ["textsearch", "0.4000*", "0.50", "0.70", "0.50"],
        ["vectors", "0.3500", "5.00", "7.50", "4.00", "1.00", "400", "3.0", "384", "1.8"],
        ["reranked", "0.5000*", "34.00", "57.00", "4.00", "2.00", "28.00", "400", "3.0", "384", "1.8"],
    ]


def test_a_narrow_terminal_has_what_matters() -> None:
    lines = [line.text for line in cost_lines(suite(), columns=60)[2:]]
    assert max(map(len, lines)) <= 60
    assert lines[0].split() == ["strategy", "NDCG", "p50", "(ms)", "p95", "(ms)", "catalogue", "(s)"]


def test_nothing_stands_where_it_was_not_asked_for_or_not_timed() -> None:
    assert costs_of(suite(shows_costs=False)) == ()
    assert (cost_lines(suite(shows_costs=False), columns=80), cost_files(suite(shows_costs=False))) == ([], {})
    untimed = suite()
    untimed.results["vectors"].timing = None
    assert [cost.strategy for cost in costs_of(untimed)] == ["textsearch", "reranked"]


def test_the_page_has_the_table() -> None:
    (text,) = cost_files(suite()).values()
    assert "| **`textsearch`** | 0.4000 | 0.50 | 0.70 |  | 0.50 |" in text
    assert "| `vectors` | 0.3500 | 5.00 | 7.50 | 4.00 | 1.00 |  | 400 | 3.0 | 384 | 1.8 |" in text
