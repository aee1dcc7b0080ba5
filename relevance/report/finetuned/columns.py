"""All numbers of the report as CSV, as `relevance.report.spreadsheet` writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.report.spreadsheet import csv_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relevance.finetune.changes import Comparison
    from relevance.finetune.record import Curve
    from relevance.finetune.similarity import PairChanges

__all__ = ["comparison_csv", "pairs_csv", "queries_csv", "training_csv"]


def training_csv(curves: Sequence[Curve], seeds: Sequence[int]) -> str:
    """A row an evaluation of each seed's training; `chosen` is 1 for the step that was kept."""
    rows = (
        (seed, one.step, float(one.epoch), one.loss, one.pearson, one.spearman, one.ndcg, int(at == curve.best))
        for seed, curve in zip(seeds, curves, strict=True)
        for at, one in enumerate(curve.steps)
    )
    return csv_text(("seed", "step", "epoch", "loss", "pearson", "spearman", "ndcg10", "chosen"), rows)


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
    return csv_text(head, rows())


def queries_csv(comparisons: Sequence[Comparison]) -> str:
    """A row a judged query of each comparison, from the largest gain to the largest loss."""
    rows = (
        (one.base, one.tuned, query.query, query.text, query.before, query.after, query.change)
        for one in comparisons
        for query in one.queries
    )
    return csv_text(("base", "tuned", "query_id", "query", "ndcg10_before", "ndcg10_after", "change"), rows)


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
    return csv_text(("query", "product", "title", "label", "relevant", *numbers), rows)
