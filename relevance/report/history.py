"""Numbers by commit for a person at a terminal. Data in, lines out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.history import drift, levels, steps
from relevance.text import one_line, plural, terminal_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relevance.gate import Limits
    from relevance.history import Version

_BARS = "▁▂▃▄▅▆▇█"
_MOST_BARS = 60
_MOST_SUBJECT = 60
_NOTHING = 5e-7


def history_lines(versions: Sequence[Version], strategies: Sequence[str], limits: Limits) -> Iterator[str]:
    """A part for each strategy: its course as bars, and a row for each version at which it moved.

    Args:
        versions: by time.
        strategies: those to show.
        limits: with the metric that is shown, and what counts as drift.
    """
    for name in strategies:
        yield ""
        yield from _strategy_lines([one for one in versions if name in one.values], name, str(limits.leading))
    if drifted := [one.line for one in drift(versions, limits) if one.strategy in strategies]:
        yield ""
        yield from drifted


def _strategy_lines(versions: Sequence[Version], name: str, metric: str) -> Iterator[str]:
    values = levels(versions, name)
    numbers = values.tolist()
    change = f" ({numbers[-1] / numbers[0] - 1:+.1%})" if numbers[0] else ""
    yield f"{name}  {metric}  {_bars(numbers[-_MOST_BARS:])}  {numbers[0]:.4f} → {numbers[-1]:.4f}{change}"
    marks = {
        one.at: f"◀ {'fell' if one.after < one.before else 'rose'} by {abs(one.relative):.1%}: "
        f"{one.before:.4f} → {one.after:.4f}"
        for one in steps(values)
    }
    rows, passed_over = [("commit", "date", "of", metric, "change", "", "")], 0
    for at, (version, value) in enumerate(zip(versions, numbers, strict=True)):
        moved = at > 0 and abs(value - numbers[at - 1]) > _NOTHING
        if not moved and 0 < at < len(versions) - 1:
            passed_over += 1
            continue
        commit = version.commit
        by = f"{value / numbers[at - 1] - 1:+.1%}" if moved and numbers[at - 1] else ""
        what = commit.label, commit.time.date().isoformat(), "baseline" if version.accepted else "session"
        subject = one_line(commit.subject, _MOST_SUBJECT)
        rows.append((*what, f"{value:.4f}", by, marks.get(at, ""), subject))
    yield from (f"  {line}" for line in terminal_table(rows, right=(3, 4)))
    if passed_over:
        yield f"  {plural(passed_over, 'version')} between, in which it did not move"


def _bars(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1))] for value in values)
