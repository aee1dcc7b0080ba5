"""A diagnosis as a page of Markdown; what users and shops have written is escaped."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from relevance.report.diagnosis.words import (
    fell,
    grade,
    moved,
    newcomer_words,
    queries_words,
    segment_words,
)
from relevance.text import markdown, markdown_code, markdown_table, plural, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.diagnosis import Diagnosis, Hit, QueryChange, SideBySide, StrategyDiagnosis
    from relevance.gate import Comparison, Finding

__all__ = ["changed_section", "diagnosis_page", "findings_table", "lost_table"]

_QUERIES, _WON, _NEWCOMERS, _EMPTY = 20, 5, 20, 20
_TEXT = 80
_ARROW = "before → now"


def diagnosis_page(comparisons: Sequence[Comparison], diagnoses: Sequence[Diagnosis]) -> str:
    """The whole page, a part for each baseline.

    Args:
        comparisons: one a baseline.
        diagnoses: of these, in the same order.
    """
    lines = ["# Diagnosis"]
    for comparison, diagnosis in zip(comparisons, diagnoses, strict=True):
        lines += ["", f"## Compared with {markdown_code(comparison.baseline)}: {comparison.status()}"]
        lines += changed_section(comparison)
        if not diagnosis.strategies:
            lines += ["", "No strategy is worse; there is nothing to explain."]
        for why in diagnosis.strategies:
            findings = [one for one in comparison.findings if one.strategy == why.strategy]
            lines += ["", f"### {markdown_code(why.strategy)}: {why.status}", "", *findings_table(findings)]
            lines += _strategy(why, diagnosis)
        lines += _notes((*comparison.notes, *diagnosis.notes))
    return "\n".join(lines) + "\n"


def changed_section(comparison: Comparison) -> list[str]:
    """What else changed between baseline and now."""
    if not comparison.differs:
        return ["", "Nothing else changed: strategies, models, engine and packages are those of the baseline."]
    return ["", "What changed since:", "", *(f"- {markdown(line)}" for line in comparison.differs)]


def _notes(notes: Sequence[str]) -> list[str]:
    return ["", "Notes:", "", *(f"- {markdown(note)}" for note in notes)] if notes else []


def findings_table(findings: Sequence[Finding]) -> list[str]:
    """A row a finding: numbers, how sure, and what the gate says."""
    rows = [
        (
            markdown(one.measure),
            f"{one.before:.4f} → {one.after:.4f}",
            "" if one.relative is None else fell(one.relative),
            "" if one.p is None else f"{one.p:.2g}",
            "" if one.adjusted_p is None else f"{one.adjusted_p:.2g}",
            "better" if one.improved and one.status == "pass" else one.status,
        )
        for one in findings
    ]
    return markdown_table(("measure", _ARROW, "", "p", "adjusted p", "verdict"), rows)


def _strategy(why: StrategyDiagnosis, diagnosis: Diagnosis) -> list[str]:
    lines = ["", f"Q{queries_words(why)[1:]}."]
    for title, changes, most in (("Lost most", why.lost, _QUERIES), ("Won most", why.won, _WON)):
        if changes:
            lines += ["", f"{title} ({min(len(changes), most)} of {len(changes):,}):", ""]
            lines += lost_table(changes[:most], why.metric)
    if why.newly_empty:
        lines += ["", f"{plural(len(why.newly_empty), 'query')} newly without hits:", ""]
        lines += [f"- {_text(text)}" for text in why.newly_empty[:_EMPTY]]
    for one in why.rankings:
        lines += _ranking(one, why.metric)
    return [*lines, *_legs(why), *_segments(why), *_newcomers(diagnosis, why.strategy)]


def _text(text: str) -> str:
    return markdown(shortened(" ".join(text.split()), _TEXT)) or "(empty)"


def lost_table(changes: Sequence[QueryChange], metric: str) -> list[str]:
    """A row a query: its text, its id and the metric on both sides."""
    rows = [(_text(one.text), _text(one.query), f"{one.before:.4f} → {one.after:.4f}") for one in changes]
    return markdown_table(("query", "id", f"{metric} {_ARROW}"), rows, left=2)


def _ranking(found: SideBySide, metric: str) -> list[str]:
    change = found.change
    rows = [
        (str(rank), *_hit(was, now=False), *_hit(has, now=True))
        for rank, (was, has) in enumerate(zip_longest(found.before, found.after), 1)
    ]
    head = ("rank", "before", "grade", "", "now", "grade", "")
    return [
        "",
        f"#### {_text(change.text)}",
        "",
        f"{metric} {change.before:.4f} → {change.after:.4f}; a grade of - is a hit that nobody has judged.",
        "",
        *markdown_table(head, rows, left=len(head)),
    ]


def _hit(hit: Hit | None, *, now: bool) -> tuple[str, str, str]:
    if hit is None:
        return "", "", ""
    title = f"{_text(hit.title)} ({_text(hit.product)})" if hit.title else _text(hit.product)
    return title, grade(hit), moved(hit, now=now)


def _legs(why: StrategyDiagnosis) -> list[str]:
    if not why.legs:
        return []

    def number(value: float | None) -> str:
        return "not known" if value is None else f"{value:.4f}"

    rows = [
        (
            markdown_code(leg.leg),
            f"{number(leg.before)} → {number(leg.after)}",
            markdown_code(leg.source) if leg.source else "",
        )
        for leg in why.legs
    ]
    head = ("leg by itself", f"{why.metric} {_ARROW}", "told by")
    intro = f"The legs on the {plural(len(why.lost), 'query')} that were lost ({markdown(why.legs_note)}):"
    return ["", intro, "", *markdown_table(head, rows)]


def _segments(why: StrategyDiagnosis) -> list[str]:
    if not why.segments:
        return []
    rows = [
        (
            f"**{markdown(one.name)}**" if one.worse else markdown(one.name),
            f"{one.queries:,}",
            f"{one.before:.4f} → {one.after:.4f}",
            fell(one.relative),
            "" if one.adjusted_p is None else f"{one.adjusted_p:.2g}",
        )
        for one in why.segments
    ]
    worse = [f"- warning: {markdown(segment_words(one, why))}" for one in why.segments if one.worse]
    head = ("queries of one kind", "queries", f"{why.metric} {_ARROW}", "", "adjusted p")
    return ["", "Kinds of queries:", "", *markdown_table(head, rows), *([""] if worse else []), *worse]


def _newcomers(diagnosis: Diagnosis, strategy: str) -> list[str]:
    own = [one for one in diagnosis.newcomers if one.strategy == strategy]
    if not own:
        return []
    rows = [
        (
            _text(one.text),
            f"{_text(one.title)} ({_text(one.product)})" if one.title else _text(one.product),
            "yes" if one.could_change_verdict else "",
            str(one.rank),
        )
        for one in own[:_NEWCOMERS]
    ]
    said = f"{newcomer_words(diagnosis, strategy)} (all of them: [to_judge.csv](to_judge.csv)):"
    return ["", said, "", *markdown_table(("query", "product", "could change the verdict", "rank"), rows, left=3)]
