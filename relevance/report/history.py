"""Numbers by commit: lines for a terminal, a page and JSON. Data in, texts out."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.history import drift, levels, steps
from relevance.report.page import html_page
from relevance.report.page.session import commit_of, course_of
from relevance.report.results import rounded
from relevance.text import Line, narrow_table, one_line, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.baseline import Acceptance
    from relevance.gate import Limits
    from relevance.history import Version

_BARS = "▁▂▃▄▅▆▇█"
_MOST_BARS, _FEWEST_BARS = 60, 8
_MOST_SUBJECT = 60
_NOTHING = 5e-7


def history_lines(
    versions: Sequence[Version], strategies: Sequence[str], limits: Limits, *, columns: int | None = None
) -> Iterator[Line]:
    """A part for each strategy: its course as bars, and a row for each version at which it moved.

    Args:
        versions: by time.
        strategies: those to show.
        limits: with the metric that is shown, and what counts as drift.
        columns: of the terminal; None: any number.
    """
    for name in strategies:
        yield Line("")
        yield from _strategy_lines([one for one in versions if name in one.values], name, str(limits.leading), columns)
    if drifted := _drifted(versions, strategies, limits):
        yield Line("")
        yield from (Line(text, "bad") for text in drifted)


def _drifted(versions: Sequence[Version], strategies: Sequence[str], limits: Limits) -> list[str]:
    return [one.line for one in drift(versions, limits) if one.strategy in strategies]


_GIVEN_UP = ("levels", "of", "change", "date")
"""Columns that go, until a terminal has room for the others."""


def _strategy_lines(versions: Sequence[Version], name: str, metric: str, columns: int | None) -> Iterator[Line]:
    values = levels(versions, name)
    numbers = values.tolist()
    change = f" ({numbers[-1] / numbers[0] - 1:+.1%})" if numbers[0] else ""
    start, end = f"{name}  {metric}  ", f"  {numbers[0]:.4f} → {numbers[-1]:.4f}{change}"
    room = _MOST_BARS if columns is None else min(_MOST_BARS, max(_FEWEST_BARS, columns - len(start) - len(end)))
    yield Line(f"{start}{_bars(numbers[-room:])}{end}", "head")
    found = {one.at: one for one in steps(values)}
    heads = {"commit": "commit", "date": "date", "of": "of", "mean": metric, "change": "change"}
    heads |= dict.fromkeys(("step", "levels", "subject"), "")
    rows, marks, passed_over = [heads], [""], 0
    for at, (version, value) in enumerate(zip(versions, numbers, strict=True)):
        moved = at > 0 and abs(value - numbers[at - 1]) > _NOTHING
        if not moved and 0 < at < len(versions) - 1:
            passed_over += 1
            continue
        commit, step = version.commit, found.get(at)
        fell = step is not None and step.after < step.before
        rows.append(
            {
                "commit": commit.label,
                "date": commit.time.date().isoformat(),
                "of": "baseline" if version.accepted else "session",
                "mean": f"{value:.4f}",
                "change": f"{value / numbers[at - 1] - 1:+.1%}" if moved and numbers[at - 1] else "",
                "step": "" if step is None else f"◀ {'fell' if fell else 'rose'} by {abs(step.relative):.1%}",
                "levels": "" if step is None else f"{step.before:.4f} → {step.after:.4f}",
                "subject": one_line(commit.subject, _MOST_SUBJECT),
            }
        )
        marks.append("" if step is None else "bad" if fell else "good")
    table = {key: [row[key] for row in rows] for key in heads}
    left_out = [key for key in ("step", "levels") if not any(table[key])]
    table = {key: cells for key, cells in table.items() if key not in left_out}
    room_of_table = None if columns is None else columns - 2
    lines = narrow_table(table, _GIVEN_UP, room_of_table, right=("mean", "change"), cut="subject")
    yield from (Line(f"  {text}", mark) for text, mark in zip(lines, marks, strict=True))
    if passed_over:
        yield Line(f"  {plural(passed_over, 'version')} between, in which it did not move")


def _bars(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1))] for value in values)


# The page, and what it shows as JSON


def history_files(  # noqa: PLR0913 - by name
    versions: Sequence[Version],
    strategies: Sequence[str],
    limits: Limits,
    *,
    log: Sequence[Acceptance] = (),
    dataset: str,
    of: Sequence[str],
) -> Mapping[str, str]:
    """All files of the folder, by name.

    Args:
        versions: by time, one or more.
        strategies: those to show.
        limits: with the metric that is shown, and what counts as drift.
        log: what was accepted by hand, the oldest first.
        dataset: its name.
        of: where the versions come from, a line each.
    """
    courses = {name: course_of(versions, name) for name in strategies}
    document = rounded(
        {
            "metric": str(limits.leading),
            "dataset": dataset,
            "sources": list(of),
            "versions": [_version(versions, at, courses) for at in range(len(versions))],
            "strategies": {name: {"values": values, "steps": _steps(values)} for name, values in courses.items()},
            "drift": _drifted(versions, strategies, limits),
            "accepted": [_entry(one, versions) for one in log],
        }
    )
    return {
        "report.html": html_page("history", f"History of {dataset}", {"results": document}),
        "history.json": json.dumps(document, indent=1, allow_nan=False) + "\n",
    }


def _version(versions: Sequence[Version], at: int, courses: Mapping[str, Sequence[float | None]]) -> dict[str, Any]:
    """A version beside the one before it: what moved, which strategies and queries came and went."""
    own, before = versions[at], versions[at - 1] if at else None
    moved = {}
    for name, values in courses.items():
        value, earlier = values[at], [one for one in values[:at] if one is not None]
        if value is not None and earlier and abs(value - earlier[-1]) > _NOTHING:
            moved[name] = value - earlier[-1]
    shared = len(np.intersect1d(own.keys, before.keys, assume_unique=True)) if before else len(own.keys)
    return {
        **commit_of(own),
        "queries": len(own.keys),
        "queries_new": len(own.keys) - shared,
        "queries_gone": len(before.keys) - shared if before else 0,
        "strategies_new": [name for name in courses if before and name in own.values and name not in before.values],
        "strategies_gone": [name for name in courses if before and name in before.values and name not in own.values],
        "moved": moved,
    }


def _steps(values: Sequence[float | None]) -> list[dict[str, Any]]:
    """The change points of a course, each with the number of its version."""
    measured = [(at, value) for at, value in enumerate(values) if value is not None]
    found = steps(np.array([value for _, value in measured]))
    return [{"version": measured[one.at][0], "before": one.before, "after": one.after} for one in found]


def _entry(entry: Acceptance, versions: Sequence[Version]) -> dict[str, Any]:
    """What was accepted, and the number of the version that was committed with it: the next one; None for none."""
    when = datetime.fromisoformat(entry.when)
    later = (at for at, one in enumerate(versions) if one.accepted and one.commit.time >= when)
    return {**asdict(entry), "version": next(later, None)}
