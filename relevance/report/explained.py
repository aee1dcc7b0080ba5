"""Why a product has its rank, as lines for a terminal."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from relevance.records import HITS
from relevance.text import one_line, shortened, terminal_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.engines.explanation import Explanation, Part
    from relevance.suite import ProductRank

_MOST_ROWS = 200
_TITLE, _TERM, _HOW = 100, 40, 120
_DIGITS = 7  # of a float32
_FACTOR, _LONG = re.compile(r"\* [\d.e+-]+ \((.+)\)$"), 24


def explained_lines(one: ProductRank) -> list[str]:
    """What is explained, its rank now and before, a table of what made its score, and what has moved it."""
    grade = "no judgment" if one.grade is None else f"grade {one.grade:g}"
    head = [
        ("query", f"{one.query}  {one_line(one.label)}"),
        *([("asked as", one_line(one.asked))] if one.asked else []),
        ("product", f"{one.product}  {one_line(shortened(one.title, _TITLE))} ({grade})"),
        ("strategy", f"{one.strategy.name} on {one.engine}"),
        ("rank", _rank_words(one)),
        *(("left out", f"by {one_line(line)}") for line in one.explanation.left_out),
        *(("before", f"{before.rank}, in {before.name}") for before in one.before),
    ]
    lines = terminal_table(head)
    if len(one.legs) > 1:
        lines += ["", *_legs(one)]
    for leg in one.legs:
        lines += ["", *([f"{leg.name}:"] if len(one.legs) > 1 else []), *_table(leg.explanation)]
        if len(one.legs) > 1:
            lines += [f"left out by {one_line(line)}" for line in leg.explanation.left_out]
    for before in one.before:
        if before.lines:
            lines += ["", f"since {before.name}:", *(f"  {one_line(line)}" for line in before.lines)]
    return lines


def _rank_words(one: ProductRank) -> str:
    if one.rank is not None:
        return str(one.rank) if one.rank <= HITS else f"{one.rank:,}, beyond the first {HITS}"
    is_hit = any(leg.explanation.score is not None for leg in one.legs)
    return f"not among the first {one.depth:,}" if is_hit else "none, it is no hit"


def _legs(one: ProductRank) -> list[str]:
    """What each leg adds to the score."""
    rows: list[Sequence[str]] = [("leg", "rank", "score", "adds", "share", "")]
    total = math.fsum(leg.share or 0.0 for leg in one.legs)
    for leg in one.legs:
        score = "-" if leg.explanation.score is None else _number(leg.explanation.score)
        share = f"{(leg.share or 0.0) / total:.0%}" if total else "-"
        rank = "-" if leg.rank is None else str(leg.rank)
        beyond = f"not among the first {leg.depth:,}" if leg.rank is None else leg.formula
        rows.append((leg.name, rank, score, _number(leg.share or 0.0), share, beyond))
    rows.append(("sum", "", "", _number(total), "", "" if one.score is None else f"score {_number(one.score)}"))
    return terminal_table(rows, right={1, 2, 3, 4})


def _number(value: float) -> str:
    return f"{value:.{_DIGITS}g}"


def _table(explanation: Explanation) -> list[str]:
    """Rows of the parts and their sum, of the least of very many their sum alone; below, words that are not there."""
    parts = [part for part in explanation.parts if part.value or part.clause != "match"]
    if len(parts) > _MOST_ROWS:
        parts.sort(key=lambda part: -abs(part.value))
    rest = parts[_MOST_ROWS:]
    shown, notes = _with_notes(parts[:_MOST_ROWS])
    rows: list[Sequence[str]] = [("clause", "field", "term", "adds", ""), *map(_row, shown)]
    if rest:
        rows.append((f"{len(rest):,} more", "", "", _number(math.fsum(part.value for part in rest)), ""))
    if explanation.score is not None:
        total = _number(math.fsum(part.value for part in parts))
        rows.append(("sum", "", "", total, f"score {_number(explanation.score)}"))
    elif not parts:
        rows = [("no hit",)]
    missing = _missing([part for part in explanation.parts if not part.value and part.clause == "match"])
    return [*terminal_table(rows, right={3}), *notes, *(["not there:", *missing] if missing else [])]


def _with_notes(parts: Sequence[Part]) -> tuple[Sequence[Part], list[str]]:
    """The parts with what makes several of them in one way, `(sum of gauss(price) 0.4, …)`, below: a line each."""
    factors = Counter(found[1] for part in parts if (found := _FACTOR.search(part.how)))
    shared = [words for words, count in factors.items() if count > 1 and len(words) > _LONG]
    names = {words: f"[{number}]" for number, words in enumerate(shared, 1)}
    named = [
        replace(part, how=part.how.replace(f"({found[1]})", names[found[1]]))
        if (found := _FACTOR.search(part.how)) and found[1] in names
        else part
        for part in parts
    ]
    return named, [f"{name} {one_line(words)}" for words, name in names.items()]


def _missing(parts: Sequence[Part]) -> list[str]:
    """Words that a product does not have, a line for each field and for each reason."""
    words: dict[tuple[str, str], list[str]] = {}
    for part in parts:
        words.setdefault((part.field, part.how), []).append(one_line(part.term, _TERM))
    rows = [
        (f"  {one_line(field, _TERM)}", f"{', '.join(terms)}{how and f': {how}'}")
        for (field, how), terms in words.items()
    ]
    return terminal_table(rows)


def _row(part: Part) -> Sequence[str]:
    term, how = one_line(part.term, _TERM), one_line(part.how, _HOW)
    return part.clause, one_line(part.field, _TERM), term, _number(part.value) if part.value else "0", how
