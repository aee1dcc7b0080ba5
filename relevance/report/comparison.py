"""A comparison with a baseline, as lines for a terminal, as JUnit properties and as a part of `results.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relevance.report.terminal import Line
from relevance.text import plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.gate import Comparison, Finding

_DIGITS = 6
_MARKS = {"fail": ("FAIL", "bad"), "warn": ("WARN", "warn")}
_SHOWN_CHANGES = 20


def comparison_lines(comparison: Comparison) -> list[Line]:
    """What is not a pass, what became better, what else changed and what was not compared; a line each."""
    findings = comparison.findings
    worse = [_line(one, *_MARKS[status]) for status in _MARKS for one in findings if one.status == status]
    better = [_line(one, "better", "good") for one in findings if one.improved and one.status == "pass"]
    lines = [_head(comparison, quiet=not worse), *worse, *better, *map(Line, _changed(comparison))]
    return lines + [Line(f"  note: {note}", "warn") for note in comparison.notes]


def _head(comparison: Comparison, *, quiet: bool) -> Line:
    findings = comparison.findings
    if not findings:
        return Line(f"compared with {comparison.baseline}: nothing in common", "warn")
    strategies = plural(len({one.strategy for one in findings}), "strategy")
    metrics = plural(len({one.measure for one in findings if "@" in one.measure}), "metric")
    end, mark = ("nothing worse", "good") if quiet else (comparison.status(), "head")
    return Line(f"compared with {comparison.baseline}: {strategies} × {metrics}, {end}", mark)  # noqa: RUF001


def _line(finding: Finding, label: str, mark: str) -> Line:
    why = "" if finding.status == "pass" else "".join(f": {reason}" for reason in finding.reasons[1:2])
    return Line(f"{label}: {finding.strategy}: {_what_happened(finding)}{why}", mark)


def _what_happened(finding: Finding) -> str:
    reason = finding.reasons[0] if finding.reasons else f"{finding.before:.4f} -> {finding.after:.4f}"
    return reason if reason.startswith(finding.measure) else f"{finding.measure} {reason}"


def _changed(comparison: Comparison) -> list[str]:
    lines = [f"  changed: {line}" for line in comparison.differs[:_SHOWN_CHANGES]]
    more = len(comparison.differs) - _SHOWN_CHANGES
    return [*lines, f"  changed: and {more:,} more"] if more > 0 else lines


def comparison_failure(strategy: str, comparisons: Sequence[Comparison]) -> str:
    """Why a strategy fails: each failure and warning with all its reasons, and what else changed."""
    lines = []
    for comparison in comparisons:
        if comparison.status(strategy) != "fail":
            continue
        lines.append(f"{strategy}: worse than in {comparison.baseline}")
        for finding in comparison.findings:
            if finding.strategy == strategy and finding.status != "pass":
                lines.append(f"  {_MARKS[finding.status][0]}: {_what_happened(finding)}")
                lines += [f"    {reason}" for reason in finding.reasons[1:]]
        lines += _changed(comparison)
    return "\n".join(map(printable, lines))


def comparison_properties(strategy: str, comparisons: Sequence[Comparison]) -> Iterator[tuple[str, str]]:
    """Names and values for JUnit: before, after, the change and how sure; by file where there are several baselines."""
    for comparison in comparisons:
        where = f" ({comparison.baseline})" if len(comparisons) > 1 else ""
        yield f"status{where}", comparison.status(strategy)
        for finding in comparison.findings:
            if finding.strategy == strategy:
                for name in ("before", "after", "relative", "p"):
                    value = getattr(finding, name)
                    if value is not None:
                        yield f"{finding.measure} {name}{where}", f"{value:.{_DIGITS}g}"


def comparison_json(comparison: Comparison) -> Mapping[str, object]:
    """One entry of the part `comparison` of `results.json`."""
    return {
        "baseline": comparison.baseline,
        "status": comparison.status(),
        "changed": list(comparison.differs),
        "notes": list(comparison.notes),
        "findings": [_finding_json(one) for one in comparison.findings],
    }


def _finding_json(finding: Finding) -> Mapping[str, object]:
    effect = ("before", "after", "relative", "interval", "p", "adjusted_p", "queries")
    return {
        **rounded(attributes(finding, "strategy", "measure", "status", "improved", *effect)),
        "queries_changed": finding.changed,
        **rounded(attributes(finding, "smallest_visible", "reasons")),
    }


def attributes(record: object, *names: str) -> dict[str, Any]:
    """Some attributes of a record, for a JSON file."""
    return {name: getattr(record, name) for name in names}


def rounded(value: Any) -> Any:
    """A value as the JSON files have it, numbers with six decimals: beyond them is the rounding of the machine."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, tuple):
        return [rounded(one) for one in value]
    return round(value, _DIGITS) if isinstance(value, float) else value
