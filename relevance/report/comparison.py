"""A comparison with a baseline, as lines for a terminal, as JUnit properties and as a part of `results.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.report.terminal import Line
from relevance.text import plural, printable_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.gate import Comparison, Finding

__all__ = ["comparison_failure", "comparison_json", "comparison_lines", "comparison_properties"]

_DIGITS = 6
_MARKS = {"fail": ("FAIL", "bad"), "warn": ("WARN", "warn")}


def comparison_lines(comparison: Comparison) -> list[Line]:
    """What is not a pass, what became better, what else changed and what was not compared; a line each."""
    findings = comparison.findings
    worse = [_line(one, *_MARKS[status]) for status in _MARKS for one in findings if one.status == status]
    better = [_line(one, "better", "good") for one in findings if one.improved and one.status == "pass"]
    lines = [_head(comparison, quiet=not worse), *worse, *better]
    lines += [Line(f"  changed: {line}") for line in comparison.differs]
    return lines + [Line(f"  note: {line}", "warn") for line in comparison.notes]


def _head(comparison: Comparison, *, quiet: bool) -> Line:
    findings = comparison.findings
    if not findings:
        return Line(f"compared with {comparison.baseline}: nothing in common", "warn")
    strategies = len({one.strategy for one in findings})
    metrics = len({one.measure for one in findings if "@" in one.measure})
    counted = f"{plural(strategies, 'strategy')} × {plural(metrics, 'metric')}"  # noqa: RUF001
    end = ("nothing worse", "good") if quiet else (f"{comparison.status()}", "head")
    return Line(f"compared with {comparison.baseline}: {counted}, {end[0]}", end[1])


def _line(found: Finding, label: str, mark: str) -> Line:
    why = "" if found.status == "pass" else "".join(f": {reason}" for reason in found.reasons[1:2])
    return Line(f"{label}: {found.strategy}: {_said(found)}{why}", mark)


def _said(found: Finding) -> str:
    """The measure and what happened to it."""
    reason = found.reasons[0] if found.reasons else f"{found.before:.4f} -> {found.after:.4f}"
    return reason if reason.startswith(found.measure) else f"{found.measure} {reason}"


def comparison_failure(strategy: str, comparisons: Sequence[Comparison]) -> str:
    """Why a strategy fails: each failure and warning with all its reasons, and what else changed."""
    lines = []
    for comparison in comparisons:
        if comparison.status(strategy) != "fail":
            continue
        lines.append(f"{strategy}: worse than in {comparison.baseline}")
        for found in comparison.findings:
            if found.strategy == strategy and found.status != "pass":
                lines.append(f"  {_MARKS[found.status][0]}: {_said(found)}")
                lines += [f"    {reason}" for reason in found.reasons[1:]]
        lines += [f"  changed: {line}" for line in comparison.differs]
    return printable_lines("\n".join(lines))


def comparison_properties(strategy: str, comparisons: Sequence[Comparison]) -> Iterator[tuple[str, str]]:
    """Names and values for JUnit: before, after, the change and how sure; by file where there are several baselines."""
    for comparison in comparisons:
        where = f" ({comparison.baseline})" if len(comparisons) > 1 else ""
        yield f"status{where}", comparison.status(strategy)
        for found in comparison.findings:
            if found.strategy == strategy:
                numbers = (
                    ("before", found.before),
                    ("after", found.after),
                    ("relative", found.relative),
                    ("p", found.p),
                )
                for name, value in numbers:
                    if value is not None:
                        yield f"{found.measure} {name}{where}", f"{value:.{_DIGITS}g}"


def comparison_json(comparison: Comparison) -> Mapping[str, object]:
    """One entry of the part `comparison` of `results.json`."""
    return {
        "baseline": comparison.baseline,
        "status": comparison.status(),
        "changed": list(comparison.differs),
        "notes": list(comparison.notes),
        "findings": [_finding_json(one) for one in comparison.findings],
    }


def _finding_json(found: Finding) -> Mapping[str, object]:
    return {
        "strategy": found.strategy,
        "measure": found.measure,
        "status": found.status,
        "improved": found.improved,
        "before": _rounded(found.before),
        "after": _rounded(found.after),
        "relative": _rounded(found.relative),
        "interval": None if found.interval is None else [_rounded(bound) for bound in found.interval],
        "p": _rounded(found.p),
        "adjusted_p": _rounded(found.adjusted_p),
        "queries": found.queries,
        "queries_changed": found.changed,
        "smallest_visible": _rounded(found.smallest_visible),
        "reasons": list(found.reasons),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
