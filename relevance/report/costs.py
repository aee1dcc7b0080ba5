"""Quality beside cost: the time of a query as a customer waits for it, that of the catalogue, the Pareto front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relevance.report.pages import page
from relevance.report.screen import STRATEGY
from relevance.text import Line, narrow_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.suite import Suite
    from relevance.suite.measure import Embedding

STAGES = ("encode", "retrieve", "rerank")
"""The parts of a query's time; fusing lists is part of retrieving."""


@dataclass(frozen=True)
class Cost:
    """A strategy that was timed.

    Attributes:
        quality: mean of the metric that the table is about.
        p50_ms: median of single queries: embedding, search, fusion and reranking, nothing cached.
        p95_ms: their 95th percentile.
        stages: median of each part; without those that the strategy lacks.
        embedding: of the products; None where nothing is embedded.
        is_best: whether it is on the Pareto front of quality and median.
    """

    strategy: str
    quality: float
    p50_ms: float
    p95_ms: float
    stages: Mapping[str, float]
    embedding: Embedding | None
    is_best: bool


def pareto_front(points: Sequence[tuple[float, float]]) -> tuple[bool, ...]:
    """Say of each point (quality, time) whether no other is as good and as fast, and better in one of the two."""
    return tuple(
        not any(other[0] >= point[0] and other[1] <= point[1] and other != point for other in points)
        for point in points
    )


def metric_label(suite: Suite) -> str:
    """The metric of the table: the leading one of the gate."""
    leading = suite.plan.config.gate.leading
    return next((label for label, one in suite.plan.config.metrics.columns.items() if one == leading), str(leading))


def costs_of(suite: Suite) -> tuple[Cost, ...]:
    """The strategies that were timed with their embedding, the fastest first; none where that was not asked for."""
    if not suite.plan.config.shows_costs:
        return ()
    leading, rows = suite.plan.config.gate.leading, []
    for name, result in suite.results.items():
        if result.timing is None or leading not in result.evaluation.per_query:
            continue
        single = result.timing.single
        p50, p95 = single.stages.get("total", (single.p50_ms, single.p95_ms))
        stages = {stage: single.stages[stage][0] for stage in STAGES if stage in single.stages}
        stages = stages or {"retrieve": single.p50_ms}
        rows.append((name, result.evaluation.mean(leading), p50, p95, stages, result.timing.embedding))
    front = pareto_front([(row[1], row[2]) for row in rows])
    costs = (Cost(*row, is_best=best) for row, best in zip(rows, front, strict=True))
    return tuple(sorted(costs, key=lambda cost: (cost.p50_ms, cost.strategy)))


HEADS = (
    *("strategy", "quality", "p50 (ms)", "p95 (ms)", "encode", "retrieve", "rerank"),
    *("products/s", "catalogue (s)", "dimensions", "vectors (MB)"),
)
_LEFT_OUT_FIRST = ("dimensions", "products/s", "vectors (MB)", "rerank", "encode", "retrieve", "catalogue (s)")


def cells(cost: Cost) -> dict[str, str]:
    """A row of the table; `*` behind the quality marks the Pareto front."""
    embedding = cost.embedding
    row = {"strategy": cost.strategy, "quality": f"{cost.quality:.4f}{'*' if cost.is_best else ' '}"}
    row |= {"p50 (ms)": f"{cost.p50_ms:,.2f}", "p95 (ms)": f"{cost.p95_ms:,.2f}"}
    row |= {stage: f"{cost.stages[stage]:,.2f}" if stage in cost.stages else "" for stage in STAGES}
    if embedding is None:
        return row | dict.fromkeys(HEADS[-4:], "")
    numbers = (f"{embedding.texts_per_s:,.0f}", f"{embedding.seconds:,.1f}", f"{embedding.dimensions:,}")
    return row | dict(zip(HEADS[-4:], (*numbers, f"{embedding.index_bytes / 2**20:,.1f}"), strict=True))


def cost_lines(suite: Suite, *, columns: int | None) -> list[Line]:
    """The table for a terminal of so many columns, None: any number; nothing where that was not asked for."""
    costs = costs_of(suite)
    if not costs:
        return []
    label, rows = metric_label(suite), list(map(cells, costs))
    table = {head: [label if head == "quality" else head, *(row[head] for row in rows)] for head in HEADS}
    empty = tuple(head for head, column in table.items() if not any(column[1:]))
    lines = narrow_table(table, (*empty, *_LEFT_OUT_FIRST), columns, right=set(HEADS[1:]))
    told = [Line(text, part=STRATEGY, is_first=cost.is_best) for text, cost in zip(lines[1:], costs, strict=True)]
    words = "a query alone, embedding and reranking included and nothing cached (* none is as good and faster):"
    return [Line(""), Line(f"quality beside cost: {words}", "head"), Line(lines[0]), *told]


def cost_files(suite: Suite) -> dict[str, str]:
    """The table as a page in Markdown; nothing where that was not asked for."""
    costs = costs_of(suite)
    if not costs:
        return {}
    rows = [(cost, cells(cost)) for cost in costs]
    return {"costs.md": page("costs", label=metric_label(suite), zipped=rows, heads=HEADS[1:])}
