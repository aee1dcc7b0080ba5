"""Planted changes and what the gate said of them: lines for a terminal, a page in Markdown, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from relevance.mutation import banded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from relevance.gate import Finding
    from relevance.mutation import Mutation, Outcome, Outcomes

__all__ = ["MARK", "kinds_lines", "kinds_table", "mutation_files", "mutation_lines"]

MARK = "mutations.json"
"""The file that marks a folder as one of these."""

_HEAD = ("kind", "verdict", "by", "worst", "strategy", "p", "adjusted p", "floors", "what")
_NARROW = 8
"""Without what happened, where a terminal has no room for it."""


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:+.1f}%"


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}" if value >= 1e-4 else f"{value:.0e}"  # noqa: PLR2004 - zeros


def _row(outcome: Outcome, measure: str) -> tuple[str, ...]:
    """The cells of a line: a drop is shown as what it is, below 0."""
    worst = outcome.worst(measure)
    what = outcome.inapplicable or outcome.refused or outcome.kind.what
    name = outcome.kind.name + (f" ({outcome.seed})" if outcome.kind.group == "noise" else "")
    if worst is None:
        return (name, outcome.verdict, "", "", "", "", "", "", what)
    drop = None if worst.relative is None else -worst.relative
    floors = str(len(outcome.below_floors)) if outcome.below_floors else ""
    by = outcome.decided_by(measure)
    return (name, outcome.verdict, by, _share(drop), worst.strategy, _p(worst.p), _p(worst.adjusted_p), floors, what)


def mutation_lines(found: Outcomes, *, columns: int) -> list[str]:
    """A line for each change, the counts by size of the drop, and what all of it cost."""
    rows = [_HEAD, *(_row(one, found.measure) for one in found.outcomes)]
    wide = _aligned(rows)
    if max(map(len, wide), default=0) > columns:
        wide = _aligned([row[:_NARROW] for row in rows])
    return [*wide, "", *_band_lines(found), "", *_strength_lines(found), _cost(found)]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _band_lines(found: Outcomes) -> list[str]:
    bands = banded(found.outcomes, found.measure)
    head = (f"measured drop of {found.measure}", "fail", "warn", "pass")
    return _aligned([head, *((band.name, *map(str, band.counts)) for band in bands)])


def _strength_lines(found: Outcomes) -> list[str]:
    """The smallest drop that the findings of a strategy name: what these queries can show."""
    visible: dict[str, list[float]] = {}
    for one in found.outcomes:
        for finding in one.leading(found.measure):
            if finding.smallest_visible is not None:
                visible.setdefault(finding.strategy, []).append(finding.smallest_visible)
    if not visible:
        return []
    middle = {name: sorted(values)[len(values) // 2] for name, values in visible.items()}
    text = ", ".join(f"{name} {100 * value:.1f}%" for name, value in middle.items())
    return [f"smallest drop that these queries show four times of five, median over the changes: {text}", ""]


def _cost(found: Outcomes) -> str:
    planted = [one for one in found.outcomes if not one.inapplicable and one.kind.cost != "training"]
    legs = f"{found.searched:,} legs searched, {found.remembered:,} known"
    return (
        f"{len(planted)} changes without training took {found.seconds:.1f} s, the suite as it is {found.cold_s:.1f} s"
        f" (texts embedded or read from the cache, indexed, searched); {legs}"
    )


def kinds_lines(kinds: Iterable[Mutation]) -> list[str]:
    """For `--list`."""
    return _aligned([("kind", "group", "takes", "what"), *((k.name, k.group, k.cost, k.what) for k in kinds)])


def kinds_table(kinds: Iterable[Mutation]) -> list[str]:
    """The same in Markdown."""
    rows = [(f"`{kind.name}`", kind.group, kind.cost, kind.what) for kind in kinds]
    return _table([("kind", "group", "takes", "what"), *rows])


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]


def mutation_files(found: Outcomes, *, of: Sequence[str]) -> Mapping[str, str]:
    """All files of the folder, by name.

    Args:
        found: what came out.
        of: what was measured, a line each, as the terminal says it.
    """
    return {
        MARK: json.dumps(_document(found), indent=1, allow_nan=False) + "\n",
        "mutations.csv": _csv(found),
        "mutations.md": _page(found, of),
    }


def _page(found: Outcomes, of: Sequence[str]) -> str:
    bands = banded(found.outcomes, found.measure)
    lines = ["# What the gate would catch", "", "```", *of, "```", ""]
    lines += _table([_HEAD, *(_row(one, found.measure) for one in found.outcomes)])
    lines += ["", f"Changed strategies by their measured drop of {found.measure}:", ""]
    lines += _table([("drop", "fail", "warn", "pass"), *((band.name, *map(str, band.counts)) for band in bands)])
    lines += ["", *_strength_lines(found), _cost(found), ""]
    return "\n".join(lines)


def _findings(found: Outcomes) -> Iterable[tuple[Outcome, Finding]]:
    for one in found.outcomes:
        for finding in one.leading(found.measure):
            yield one, finding


def _csv(found: Outcomes) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ("kind", "group", "seed", "verdict", "strategy", "status", "before", "after", "drop", "p", "adjusted_p")
    )
    told = set()
    for one, finding in _findings(found):
        told.add(id(one))
        assert one.comparison is not None, "it has findings"  # noqa: S101 - for the types
        numbers = (finding.before, finding.after, finding.relative, finding.p, finding.adjusted_p)
        cells = ["" if number is None else f"{number:.6f}" for number in numbers]
        status = one.comparison.status(finding.strategy)
        writer.writerow((one.kind.name, one.kind.group, one.seed, one.verdict, finding.strategy, status, *cells))
    for one in found.outcomes:
        if id(one) not in told:
            writer.writerow((one.kind.name, one.kind.group, one.seed, one.verdict, *[""] * 7))
    return out.getvalue()


def _document(found: Outcomes) -> dict[str, object]:
    return {
        "measure": found.measure,
        "cold_s": found.cold_s,
        "seconds": found.seconds,
        "legs_searched": found.searched,
        "legs_known": found.remembered,
        "bands": {
            band.name: dict(zip(("fail", "warn", "pass"), band.counts, strict=True))
            for band in banded(found.outcomes, found.measure)
        },
        "mutations": [_entry(one, found.measure) for one in found.outcomes],
    }


def _entry(one: Outcome, measure: str) -> dict[str, object]:
    findings = [] if one.comparison is None else one.leading(measure)
    return {
        "kind": one.kind.name,
        "group": one.kind.group,
        "what": one.kind.what,
        "seed": one.seed,
        "verdict": one.verdict,
        "decided_by": one.decided_by(measure),
        "refused": one.refused,
        "not_applicable": one.inapplicable,
        "below_floors": list(one.below_floors),
        "changed": list(one.changed),
        "seconds": one.seconds,
        "strategies": [
            {
                "strategy": finding.strategy,
                "status": one.comparison.status(finding.strategy) if one.comparison else "pass",
                "before": finding.before,
                "after": finding.after,
                "relative": finding.relative,
                "p": finding.p,
                "adjusted_p": finding.adjusted_p,
                "smallest_visible": finding.smallest_visible,
            }
            for finding in findings
        ],
    }
