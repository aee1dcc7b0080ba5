"""The page's sections on single queries and pairs: those that changed most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.finetune.similarity import WHISKERS, spread
from relevance.report.finetuned.figures import fixed, gain_text, signed
from relevance.text import markdown, markdown_code, markdown_table, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.finetune.changes import Comparison, QueryChange
    from relevance.finetune.similarity import LabelGroup, PairChanges

__all__ = ["pairs_section", "queries_section"]

_SHOWN = 10
_MOST_CHARACTERS = 80


def queries_section(comparisons: Sequence[Comparison]) -> list[str]:
    """Picture and the queries that gained and lost most, a pair of tables a comparison."""
    if not comparisons:
        return []
    lines = ["## Queries gained and lost", "", "![Change of nDCG@10 of every query, sorted](queries.png)"]
    for one in comparisons:
        gained, lost = one.gained, one.lost
        lines += ["", f"### {markdown_code(one.tuned)} against {markdown_code(one.base)}", ""]
        lines += [f"Mean change of nDCG@10: {gain_text(one.gains[-1])}.", ""]
        lines += [*_queries("Gained most", gained), "", *_queries("Lost most", lost)]
    return [*lines, "", "All queries: [queries.csv](queries.csv)."]


def _queries(title: str, queries: Sequence[QueryChange]) -> list[str]:
    if not queries:
        return [f"{title}: none."]
    rows = [
        (_text(query.text), f"{fixed(query.before)} → {fixed(query.after)}", signed(query.change))
        for query in queries[:_SHOWN]
    ]
    return [*_caption(title, len(queries)), *markdown_table(("query", "nDCG@10 before → after", "change"), rows)]


def _caption(title: str, number: int) -> list[str]:
    return [f"{title} ({min(number, _SHOWN)} of {number:,}):", ""]


def _text(text: str) -> str:
    return markdown(shortened(" ".join(text.split()), _MOST_CHARACTERS)) or "(empty)"


def pairs_section(found: PairChanges) -> list[str]:
    """Pictures, the spread by label, and the pairs that improved and worsened most."""
    if not len(found.pairs):
        return ["## Judged pairs", "", "There are no judged pairs to compare."]
    base, tuned = (fixed(value) for value in found.spearman)
    return [
        "## Judged pairs",
        "",
        "![Cosine by relevance label, base and fine-tuned, as box plots](similarity-boxes.png)",
        "",
        (
            f"Boxes: quartiles and median; whiskers: {WHISKERS[0]:.0%} and {WHISKERS[1]:.0%} of the pairs. "
            f"Rank correlation (Spearman) of label and cosine: {base} before, {tuned} after."
        ),
        "",
        "![Cosine by relevance label, base and fine-tuned, as densities](similarity-densities.png)",
        "",
        *markdown_table(
            ("label", "", "pairs", "median before → after", "quartiles before", "quartiles after"),
            [_label_cells(group) for group in found.groups],
            left=2,
        ),
        "",
        (
            "Standing: the share of judged pairs whose cosine is not above the pair's own. Improved: a relevant pair "
            "that rose in standing, or an irrelevant one that fell; a shift of all cosines is no change."
        ),
        "",
        *_pairs("Improved most", found, found.improved.tolist()),
        "",
        *_pairs("Worsened most", found, found.worsened.tolist()),
        "",
        "All pairs: [pairs.csv](pairs.csv).",
    ]


def _label_cells(group: LabelGroup) -> tuple[str, ...]:
    before, after = spread(group.base), spread(group.tuned)
    quartiles = (f"{fixed(one.lower_quartile)} to {fixed(one.upper_quartile)}" for one in (before, after))
    median = f"{fixed(before.median)} → {fixed(after.median)}"
    return (group.name, group.kind, f"{len(group.base):,}", median, *quartiles)


def _pairs(title: str, found: PairChanges, rows: Sequence[int]) -> list[str]:
    if not rows:
        return [f"{title}: none."]
    head = ("query", "product", "label", "cosine", "standing")
    return [
        *_caption(title, len(rows)),
        *markdown_table(head, [_pair_cells(found, row) for row in rows[:_SHOWN]], left=2),
    ]


def _pair_cells(found: PairChanges, row: int) -> tuple[str, ...]:
    pairs = found.pairs
    product = f"{_text(pairs.titles[row]) if pairs.titles[row] else '(no title)'} ({_text(pairs.products[row])})"
    cosine = f"{fixed(float(pairs.base[row]))} → {fixed(float(pairs.tuned[row]))}"
    standing = f"{found.base_standing[row]:.0%} → {found.tuned_standing[row]:.0%}"
    return (_text(pairs.queries[row]), product, f"{pairs.labels[row]:.10g}", cosine, standing)
