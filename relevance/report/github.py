"""A session as Markdown for the page that a CI job shows: short, whole sentences, at most so many bytes."""

from __future__ import annotations

import html
from itertools import zip_longest
from typing import TYPE_CHECKING

from relevance.gate import GATED
from relevance.report.diagnosis.page import changed_section, lost_table
from relevance.report.diagnosis.words import leg_words, newcomer_words, queries_words, segment_words
from relevance.text import markdown, markdown_code, markdown_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.diagnosis import Diagnosis, StrategyDiagnosis
    from relevance.gate import Comparison
    from relevance.suite import Result, Suite

__all__ = ["job_summary"]

_LOST, _DETAILED, _LINES = 5, 10, 30
_SIGNS = {"pass": "✅ pass", "warn": "⚠️ warn", "fail": "❌ fail", "not_gated": "not gated"}


def job_summary(
    suite: Suite, comparisons: Sequence[Comparison], diagnoses: Sequence[Diagnosis], failed: Sequence[str]
) -> str:
    """The session: means, verdicts, and for each baseline what is worse and through which queries.

    Args:
        suite: has measured one strategy or more.
        comparisons: one a baseline.
        diagnoses: of these, in the same order; none where they could not be made.
        failed: what failed that is no strategy's, a line each.
    """
    results = list(suite.results.values())
    statuses = [one.verdict.status for one in results] + [one.status() for one in comparisons]
    whole = "fail" if failed or "fail" in statuses else "warn" if "warn" in statuses else "pass"
    lines = [f"## relevance: {markdown(suite.plan.dataset.name)}: {_SIGNS[whole]}", ""]
    lines += markdown_table(
        ("strategy", *GATED, "time (s)", "floors", "baseline"), [_row(one, comparisons) for one in results]
    )
    lines += _listed([f"❌ {markdown(line)}" for line in failed])
    for comparison, diagnosis in zip_longest(comparisons, diagnoses):
        lines += _compared(comparison, diagnosis)
    return "\n".join(lines) + "\n\n"


def _row(result: Result, comparisons: Sequence[Comparison]) -> list[str]:
    name = result.strategy.name
    means = [f"{result.evaluation.mean(metric):.4f}" for metric in GATED.values()]
    seconds = f"{result.timing.run_time_s:.3f}" if result.timing else ""
    known = [one for one in comparisons if any(found.strategy == name for found in one.findings)]
    beside = ", ".join(dict.fromkeys(_SIGNS[one.status(name)] for one in known)) or "not compared"
    return [markdown_code(name), *means, seconds, _SIGNS[result.verdict.status], beside]


def _listed(lines: Sequence[str]) -> list[str]:
    more = [f"- and {len(lines) - _LINES:,} more"] if len(lines) > _LINES else []
    return ["", *(f"- {line}" for line in lines[:_LINES]), *more] if lines else []


def _compared(comparison: Comparison, diagnosis: Diagnosis | None) -> list[str]:
    worse = [one for one in comparison.findings if one.status != "pass"]
    better = [one for one in comparison.findings if one.improved and one.status == "pass"]
    lines = ["", f"### Compared with {markdown_code(comparison.baseline)}"]
    said = [(_SIGNS[one.status], one) for one in sorted(worse, key=lambda one: one.status != "fail")]
    said += [("better", one) for one in better]
    lines += _listed(
        [
            f"{sign}: {markdown_code(one.strategy)} {markdown(one.measure)} {markdown(': '.join(one.reasons[:2]))}"
            for sign, one in said
        ]
    ) or ["", "Nothing is worse."]
    if worse:
        lines += changed_section(comparison)
    lines += _listed([markdown(note) for note in comparison.notes])
    for why in diagnosis.strategies[:_DETAILED] if diagnosis else ():
        lines += _strategy(why, diagnosis) if diagnosis else []
    return lines


def _strategy(why: StrategyDiagnosis, diagnosis: Diagnosis) -> list[str]:
    words = (queries_words(why), leg_words(why), newcomer_words(diagnosis, why.strategy))
    said = [markdown(one) for one in words if one]
    said += [f"⚠️ {markdown(segment_words(one, why))}" for one in why.segments if one.worse]
    head = f"<details><summary>{html.escape(why.strategy)}: the queries that were lost</summary>"
    lost = ["", *lost_table(why.lost[:_LOST], why.metric)] if why.lost else []
    return ["", head, *_listed(said), *lost, "", "</details>"]
