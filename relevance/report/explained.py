"""Why a product has its rank, as lines for a terminal."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from relevance.text import one_line, shortened, terminal_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relevance.engines.explanation import Explanation, Part
    from relevance.suite import LegRank, ProductRank

_MOST_ROWS = 200
_TERM, _HOW = 40, 100
_DIGITS = 7  # of a float32


def explained_lines(one: ProductRank) -> list[str]:
    """What is explained, its rank now and before, and a table of what made its score."""
    grade = "no judgment" if one.grade is None else f"grade {one.grade:g}"
    head = [
        ("query", f"{one.query}  {one_line(one.label)}"),
        ("product", f"{one.product}  {one_line(shortened(one.title, _HOW))} ({grade})"),
        ("strategy", f"{one.strategy.name} on {one.engine}"),
        ("rank", _rank(one.rank, one.depth)),
        *(("before", f"{rank}, in {name}") for name, rank in one.before),
    ]
    if one.legs[0].share is not None:
        shares = (f"1/({one.strategy.k} + {leg.rank})" for leg in one.legs if leg.rank is not None)
        score = "none" if one.score is None else f"{_number(one.score)} = {' + '.join(shares)}"
        head.append(("score", score))
        blocks = [line for leg in one.legs for line in ("", *_fused_leg(leg), *_table(leg.explanation))]
    else:
        blocks = ["", *_table(one.legs[0].explanation)]
    return [*terminal_table(head), *blocks]


def _fused_leg(leg: LegRank) -> Iterator[str]:
    yield f"leg {leg.name}: rank {_rank(leg.rank, leg.depth)}, adds {_number(leg.share or 0.0)}"


def _rank(rank: int | None, depth: int) -> str:
    return f"not among the first {depth:,}" if rank is None else str(rank)


def _number(value: float) -> str:
    return f"{value:.{_DIGITS}g}"


def _table(explanation: Explanation) -> list[str]:
    """Rows of the parts and their sum; of the smallest of very many their sum alone."""
    parts = _together(explanation.parts)
    if len(parts) > _MOST_ROWS:
        parts.sort(key=lambda part: -abs(part.value))
    shown, rest = parts[:_MOST_ROWS], parts[_MOST_ROWS:]
    rows: list[Sequence[str]] = [("clause", "field", "term", "adds", ""), *map(_row, shown)]
    if rest:
        rows.append((f"{len(rest):,} more", "", "", _number(math.fsum(part.value for part in rest)), ""))
    if explanation.score is None:
        rows.append(("no hit", "", "", "", "it does not match, or is left out"))
    else:
        total = _number(math.fsum(part.value for part in parts))
        rows.append(("sum", "", "", total, f"score {_number(explanation.score)}"))
    return terminal_table(rows, right={3})


def _together(parts: Sequence[Part]) -> list[Part]:
    """The parts, those that add nothing to a field for the same reason as one: words that a product does not have."""
    kept: dict[object, Part] = {}
    for number, part in enumerate(parts):
        key = number if part.value else (part.clause, part.field, part.how)
        first = kept.get(key)
        kept[key] = part if first is None else replace(first, term=f"{first.term}, {part.term}")
    return list(kept.values())


def _row(part: Part) -> Sequence[str]:
    term, how = one_line(part.term, _TERM), one_line(part.how, _HOW)
    return part.clause, one_line(part.field, _TERM), term, _number(part.value) if part.value else "0", how
