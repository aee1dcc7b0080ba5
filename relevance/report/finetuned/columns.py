"""All numbers of the report as CSV: UTF-8, commas, one head line, six decimals.

Spreadsheets run a cell that begins like a formula, and what customers typed is in these files. So a text cell that
begins with one of `= + - @` (full-width forms too), a tab, a line end or an apostrophe gets an apostrophe in front.
Taking one leading apostrophe off a text cell gives the text back. Numbers are numbers.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from relevance.finetune.changes import Comparison
    from relevance.finetune.record import Curve
    from relevance.finetune.similarity import PairChanges

__all__ = ["comparison_csv", "pairs_csv", "queries_csv", "training_csv"]

_FORMULA = tuple("=+-@＝＋－＠\t\r\n'")  # noqa: RUF001 - the full-width forms are meant


def _cell(value: str | float | None) -> str:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def _csv(head: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> str:
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return made.getvalue()


def training_csv(curves: Sequence[Curve], seeds: Sequence[int]) -> str:
    """A row an evaluation of each seed's training; `chosen` is 1 for the step that was kept."""
    rows = (
        (seed, one.step, float(one.epoch), one.loss, one.pearson, one.spearman, one.ndcg, int(at == curve.best))
        for seed, curve in zip(seeds, curves, strict=True)
        for at, one in enumerate(curve.steps)
    )
    return _csv(("seed", "step", "epoch", "loss", "pearson", "spearman", "ndcg10", "chosen"), rows)


def comparison_csv(comparisons: Sequence[Comparison], seeds: Sequence[int]) -> str:
    """A row a metric of the model that is kept (the first seed's), then nDCG@10 of the other seeds and of all."""

    def rows() -> Iterator[Sequence[str | float | None]]:
        for one in comparisons:
            labelled = [(str(seeds[0]), gain) for gain in one.gains]
            labelled += [(str(seed), gain) for seed, gain in zip(seeds[1:], one.seeds[1:], strict=True)]
            labelled += [("all", one.over_seeds)] if len(seeds) > 1 else []
            for seed, gain in labelled:
                interval = gain.interval or (None, None)
                numbers = (gain.base, gain.tuned, gain.difference, *interval)
                yield one.base, one.tuned, seed, str(gain.metric), *numbers

    head = ("base", "tuned", "seed", "metric", "base_mean", "tuned_mean", "difference", "interval_low", "interval_high")
    return _csv(head, rows())


def queries_csv(comparisons: Sequence[Comparison]) -> str:
    """A row a judged query of each comparison, from the largest gain to the largest loss."""
    rows = (
        (one.base, one.tuned, query.query, query.text, query.before, query.after, query.change)
        for one in comparisons
        for query in one.queries
    )
    return _csv(("base", "tuned", "query_id", "query", "ndcg10_before", "ndcg10_after", "change"), rows)


def pairs_csv(found: PairChanges) -> str:
    """A row a judged pair, from the largest gain to the largest loss."""

    def label(value: float) -> float:
        return int(value) if value.is_integer() else value

    pairs = found.pairs
    columns = (pairs.base, pairs.tuned, found.base_standing, found.tuned_standing, found.gain)
    rows = (
        (
            pairs.queries[row],
            pairs.products[row],
            pairs.titles[row],
            label(float(pairs.labels[row])),
            int(pairs.relevant[row]),
            *(float(column[row]) for column in columns),
        )
        for row in found.order.tolist()
    )
    numbers = ("cosine_before", "cosine_after", "standing_before", "standing_after", "gain")
    return _csv(("query", "product", "title", "label", "relevant", *numbers), rows)
