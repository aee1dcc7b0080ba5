"""Planted changes and what the gate said of them: lines for a terminal, pages, JSON and CSV."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from relevance.files import csv_text
from relevance.mutation import SAID, said
from relevance.report.page import html_page
from relevance.report.pages import page
from relevance.report.results import attributes
from relevance.text import Line, beside, chance, narrow_table, plural, terminal_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from relevance.mutation import Mutation, Outcome, Outcomes

_BANDS = {
    "5% or more": (0.05, float("inf")),
    "2 to 5%": (0.02, 0.05),
    "0.5 to 2%": (0.005, 0.02),
    "below, or a gain": (-float("inf"), 0.005),
}
_HEAD = ("kind", "verdict", "by", "worst", "strategy", "p", "adjusted p", "floors", "what")
_GIVEN_UP = ("p", "adjusted p", "floors", "strategy", "by", "worst")
"""Columns that go, empty ones first, until a terminal has room for what happened."""


def mutation_lines(mutations: Outcomes, *, columns: int, neutral: bool = False) -> list[Line]:
    """A line for each change, the counts by size of the drop, and what all of it cost.

    Args:
        mutations: what was planted, and what became of it.
        columns: of the terminal.
        neutral: whether nothing of it should fail.
    """
    cells = {name: [name, *column] for name, *column in zip(_HEAD, *_rows(mutations), strict=True)}
    # what happened, or why nothing did, is cut rather than left out
    table = narrow_table(cells, sorted(_GIVEN_UP, key=lambda name: any(cells[name][1:])), columns, cut=_HEAD[-1])
    bands = [(name, *map(str, counts)) for name, counts in _bands(mutations).items()]
    marks = ["head", *(_mark(one, mutations.measure, neutral=neutral) for one in mutations.outcomes)]
    lines = [Line(text, mark) for text, mark in zip(table, marks, strict=True)]
    head, *counted = terminal_table([(f"drop of {mutations.measure}", *SAID), *bands])
    lines += [Line(""), Line(head, "head"), *map(Line, counted), Line("")]
    if strength := _strength(mutations):
        lines += [Line(strength), Line("")]
    return [*lines, Line(_cost(mutations))]


_LOOKED_AT = 0.02
"""A drop of so much that passes is worth a look."""


def _mark(one: Outcome, measure: str, *, neutral: bool) -> str:
    """What a line means: a regression that is caught is good, noise that fails is bad."""
    if one.caught:
        return "bad" if neutral else "good"
    worst = one.worst(measure)
    passes = one.caught is False and worst is not None and (worst.relative or 0) >= _LOOKED_AT
    return "warn" if passes and not neutral else ""


def kinds_lines(kinds: Iterable[Mutation], *, columns: int | None) -> list[Line]:
    """For `--list`, on a terminal of so many columns (None: any number)."""
    every = list(kinds)
    texts = ["what", *(one.what for one in every)]
    starts = terminal_table([("kind", "group", "takes", "|"), *((one.name, one.group, one.cost, "|") for one in every)])
    rows = [beside(start[:-1], text, columns) for start, text in zip(starts, texts, strict=True)]
    return [Line(line, "" if at else "head") for at, row in enumerate(rows) for line in row]


def mutation_files(
    mutations: Outcomes,
    *,
    of: Sequence[str],
    wrong: Sequence[str] = (),
    notes: Sequence[str] = (),
    neutral: bool = False,
) -> Mapping[str, str]:
    """All files of the folder, by name.

    Args:
        mutations: what was planted, and what became of it.
        of: what was measured, a line each, as the terminal says it.
        wrong: what the gate should have said otherwise, a line each.
        notes: what else is to be said, a line each.
        neutral: whether nothing of it should fail.
    """
    document = {
        **attributes(mutations, "measure", "cold_s", "seconds"),
        "legs_searched": mutations.searched,
        "legs_known": mutations.remembered,
        "indices": mutations.indexed,
        "bands": {name: dict(zip(SAID, counts, strict=True)) for name, counts in _bands(mutations).items()},
        "smallest_visible": _smallest_visible(mutations),
        "mutations": [_entry(one, mutations.measure) for one in mutations.outcomes],
    }
    drops = ("before", "after", "drop", "p", "adjusted_p")
    index = page(
        "mutations",
        mutations=mutations,
        measured_on="\n".join(of),
        head=_HEAD,
        rows=_rows(mutations),
        answers=SAID,
        bands=_bands(mutations),
        strength=_strength(mutations),
        cost=_cost(mutations),
    )
    return {
        "mutations.json": json.dumps(document, indent=1, allow_nan=False) + "\n",
        "mutations.csv": csv_text(
            ("kind", "group", "seed", "verdict", "strategy", "answer", *drops, "drawn"), _csv_rows(mutations)
        ),
        "mutations.md": index,
        "report.html": html_page(
            "mutations",
            "What the gate would catch",
            {"results": document, "of": of, "wrong": wrong, "notes": notes, "neutral": neutral},
        ),
    }


def _rows(mutations: Outcomes) -> list[tuple[str, ...]]:
    """The cells of all lines; a kind that was planted more than once stands with its seeds."""
    times = Counter(one.kind.name for one in mutations.outcomes)
    return [_row(one, mutations.measure, repeated=times[one.kind.name] > 1) for one in mutations.outcomes]


def _row(outcome: Outcome, measure: str, *, repeated: bool) -> tuple[str, ...]:
    """A drop is shown as what it is, below 0; what was drawn stands first, as the end may be cut."""
    worst = outcome.worst(measure)
    drawn = f"{outcome.drawn}: " if outcome.drawn else ""
    what = outcome.inapplicable or outcome.refused or f"{drawn}{outcome.kind.what}"
    name = outcome.kind.name + (f" ({outcome.seed})" if repeated or outcome.kind.group == "noise" else "")
    if worst is None:
        return (name, outcome.verdict, "", "", "", "", "", "", what)
    drop = "" if worst.relative is None else f"{-100 * worst.relative:+z.1f}%".replace("+0.0%", "0.0%")
    floors = str(len(outcome.below_floors) or "")
    by = outcome.decided_by(measure)
    p, adjusted_p = ("" if value is None else chance(value) for value in (worst.p, worst.adjusted_p))
    return (name, outcome.verdict, by, drop, worst.strategy, p, adjusted_p, floors, what)


def _bands(mutations: Outcomes) -> dict[str, list[int]]:
    """By size of the drop, how many findings of changed strategies there are: in the order of `SAID`."""
    rated = [
        (finding.relative, said(one.comparison, finding.strategy))
        for one in mutations.outcomes
        for finding in one.leading(mutations.measure)
        if finding.relative is not None
    ]
    bands = {}
    for name, (least, most) in _BANDS.items():
        within = [answer for relative, answer in rated if least <= relative < most]
        bands[name] = [within.count(answer) for answer in SAID]
    return bands


def _smallest_visible(mutations: Outcomes) -> dict[str, float]:
    """By strategy the median of the smallest drops that its findings name: what these queries can show."""
    visible: dict[str, list[float]] = {}
    for one in mutations.outcomes:
        for finding in one.leading(mutations.measure):
            if finding.smallest_visible is not None:
                visible.setdefault(finding.strategy, []).append(finding.smallest_visible)
    return {name: sorted(values)[len(values) // 2] for name, values in visible.items()}


def _strength(mutations: Outcomes) -> str:
    text = ", ".join(f"{name} {100 * value:.1f}%" for name, value in _smallest_visible(mutations).items())
    return f"smallest drop that these queries show four times of five, median over the changes: {text}" if text else ""


def _cost(mutations: Outcomes) -> str:
    planted = [one for one in mutations.outcomes if not one.inapplicable and one.kind.cost != "training"]
    legs = f"{plural(mutations.searched, 'leg')} searched, {mutations.remembered:,} known"
    legs += f", {plural(mutations.indexed, 'index', 'indices')} made"
    return (
        f"{plural(len(planted), 'change')} without training took {mutations.seconds:.1f} s, the suite as it is "
        f"{mutations.cold_s:.1f} s (texts embedded or read from the cache, indexed, searched); {legs}"
    )


def _csv_rows(mutations: Outcomes) -> Iterator[Sequence[str | float | None]]:
    outcomes = [(one, one.leading(mutations.measure)) for one in mutations.outcomes]
    for one, findings in sorted(outcomes, key=lambda pair: not pair[1]):  # those without findings stand behind
        start = (one.kind.name, one.kind.group, one.seed, one.verdict)
        for finding in findings:
            numbers = attributes(finding, "before", "after", "relative", "p", "adjusted_p").values()
            yield *start, finding.strategy, said(one.comparison, finding.strategy), *numbers, one.drawn
        if not findings:
            yield *start, *(None,) * 7, one.drawn


def _entry(one: Outcome, measure: str) -> dict[str, object]:
    effect = ("before", "after", "relative", "interval", "p", "adjusted_p", "smallest_visible")
    strategies = [
        {
            "strategy": finding.strategy,
            "answer": said(one.comparison, finding.strategy),
            **attributes(finding, *effect),
        }
        for finding in one.leading(measure)
    ]
    return {
        "kind": one.kind.name,
        "group": one.kind.group,
        "what": one.kind.what,
        **attributes(one, "seed", "drawn", "verdict", "caught"),
        "decided_by": one.decided_by(measure),
        "refused": one.refused,
        "not_applicable": one.inapplicable,
        **attributes(one, "below_floors", "changed", "seconds"),
        "strategies": strategies,
    }
