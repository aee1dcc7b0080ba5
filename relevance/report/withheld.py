"""What the gate said of better and worse changes with judgments withheld: for a terminal, a page, JSON and CSV."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from relevance.files import csv_text
from relevance.mutation import LOOKS, POOLS, SAID
from relevance.report.page import html_page
from relevance.report.pages import page
from relevance.report.results import attributes
from relevance.text import Line, plural, terminal_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.mutation import Tried, Truth

_TRUTHS: Mapping[Truth, str] = {"better": "truly better", "loss": "truly a loss"}
_HEAD = ("by all judgments", "changes", "hits judged", *SAID)
_PAIRS = ("kind", "seed", "undone", "strategy", "change", "truth", "complete", "holes")


def withheld_lines(tried: Sequence[Tried], pool: str) -> list[Line]:
    """The counts by what is true: a row for each answer, a column for so many hits judged."""
    lines = [Line(f"judgments withheld: {POOLS[pool]}"), Line("")]
    for truth, name in _TRUTHS.items():
        own = [one for one in tried if one.truth == truth]
        rows = [
            (said, *(str(sum(one.answers[at] == said for one in own)) for at in range(len(LOOKS)))) for said in SAID
        ]
        head, *table = terminal_table([("hits judged", *map(str, LOOKS)), *rows], right=range(1, len(LOOKS) + 1))
        lines += [Line(f"{name}: {plural(len(own), 'change')}", "head"), Line(f"  {head}")]
        lines += [*(Line(f"  {row}") for row in table), Line("")]
    return [*lines, Line(_neither(tried))]


def wrong_lines(tried: Sequence[Tried]) -> Iterator[str]:
    """A line for each change of which the gate says what is not so."""
    for one in tried:
        if one.wrong is not None:
            judged, answer = one.wrong
            what = f"{one.kind}{', undone' if one.undone else ''}: {one.strategy}"
            truth = "is better" if one.truth == "better" else "is a loss"
            says = f"the gate says {answer} with {min(judged, one.holes)} of {plural(one.holes, 'hit')} judged"
            yield f"{what} {truth} ({100 * one.change:+.1f}%), and {says}"


def withheld_files(
    tried: Sequence[Tried], pool: str, *, of: Sequence[str], notes: Sequence[str] = ()
) -> Mapping[str, str]:
    """All files of the folder, by name.

    Args:
        tried: what was tried.
        pool: what stayed judged, one of `POOLS`.
        of: what was measured, a line each, as the terminal says it.
        notes: what else is to be said, a line each.
    """
    head = (*_PAIRS, *(f"at {look}" for look in LOOKS))
    pairs = [(*attributes(one, *_PAIRS).values(), *one.answers) for one in tried]
    shown = [(*row[:4], f"{100 * one.change:+.1f}%", *row[5:]) for one, row in zip(tried, pairs, strict=True)]
    counts = [dict(zip(_HEAD, row, strict=True)) for row in _rows(tried)]
    document = {"pool": pool, "counts": counts, "tried": [dict(zip(head, row, strict=True)) for row in pairs]}
    return {
        "mutations.json": json.dumps(document, indent=1, allow_nan=False) + "\n",
        "mutations.csv": csv_text(head, pairs),
        "mutations.md": page(
            "withheld",
            measured_on="\n".join(of),
            pool=POOLS[pool],
            tables=[(_HEAD, _rows(tried)), (head, shown)],
            neither=_neither(tried),
        ),
        "report.html": html_page(
            "withheld",
            "What the gate says while judgments are withheld",
            {
                "results": document,
                "looks": LOOKS,
                "said": SAID,
                "pool": POOLS[pool],
                "of": of,
                "wrong": [*wrong_lines(tried)],
                "notes": notes,
            },
        ),
    }


def _rows(tried: Sequence[Tried]) -> list[tuple[str, ...]]:
    rows = []
    for truth, name in _TRUTHS.items():
        own = [one for one in tried if one.truth == truth]
        for at, look in enumerate(LOOKS):
            answers = [one.answers[at] for one in own]
            rows.append((name, str(len(own)), str(look), *(str(answers.count(answer)) for answer in SAID)))
    return rows


def _neither(tried: Sequence[Tried]) -> str:
    others = sum(one.truth == "neither" for one in tried)
    return f"{plural(others, 'change')} more, neither a loss nor better by 1%, not counted here"
