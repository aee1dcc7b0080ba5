"""A session as one comment on a pull request: the verdict first, what is worse, and the queries that tell it.

What sites make of a comment is more than Markdown: they notify whoever stands behind an @, and link numbers behind a #.
So beside what every page escapes, these signs lose their meaning here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from relevance.diagnosis import named
from relevance.gate import ANSWERS, worst
from relevance.report.pages import page
from relevance.report.terminal import answer_words, differences_of, ordered_findings
from relevance.text import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.diagnosis import Diagnosis, StrategyDiagnosis
    from relevance.evaluation import Metric
    from relevance.gate import Comparison, Finding

COMMENT = "comment.md"
"""The file, in a folder of results and beside a diagnosis."""

MOST_BYTES = 60_000
"""GitHub takes 65,536 characters, and who posts it may add a line."""

# how many of each are shown: the first that leaves the comment short enough counts
_LEVELS: Sequence[Mapping[str, int]] = (
    {"rows": 50, "reasons": 20, "differs": 10, "details": 8},
    {"rows": 20, "reasons": 8, "differs": 5, "details": 2},
    {"rows": 10, "reasons": 3, "differs": 2, "details": 0},
)
_NAME, _NAMED = 60, 3

# what a site looks for in the text that Markdown has made, GitHub and GitLab: mentions, numbers of issues and of merge
# requests, labels, milestones, epics, snippets. An entity such as &#36; is no number.
_REFERENCE = re.compile(
    r"""\\@|(?<![A-Za-z0-9_])@(?=\w)|(?<!&)\#(?=\w)|[!%~](?=["\w])|&amp;(?=\d)|&\#36;(?=\d)|(?<=\bGH)-(?=\d)""",
    re.IGNORECASE,
)
_NO_SPACE = "&#8203;"


@dataclass(frozen=True)
class _Row:
    """A strategy in which something changed: its leading metric, and the answer over all measures."""

    finding: Finding
    sign: str
    words: str


@dataclass(frozen=True)
class _Compared:
    """What is shown of a comparison.

    Attributes:
        counts: how many strategies became what: `1 loss, 2 better, 8 unchanged`.
        rows: the worst first.
        reasons: of each strategy that is worse the worst finding, with the other measures of the same answer.
        same: names of the strategies of which no query changed.
        whys: the strategies that lost queries, in the order of the rows.
    """

    comparison: Comparison
    queries: int
    counts: str
    rows: Sequence[_Row]
    reasons: Sequence[tuple[Finding, Sequence[str]]]
    same: Sequence[str]
    whys: Sequence[StrategyDiagnosis]

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to read."""
        one = self.comparison
        news = self.rows or self.reasons or one.fails() or one.alarms or one.proposed
        return not news and bool(self.same)


def comment(
    dataset: str,
    comparisons: Sequence[Comparison],
    diagnoses: Sequence[Diagnosis],
    *,
    leading: Metric,
    failed: Sequence[str] = (),
) -> str:
    """The text of the comment; of a session in which nothing changed one line behind the mark.

    The first line is a mark that a page does not show: who posts it finds the comment of before by it.

    Args:
        dataset: its name.
        comparisons: one for each baseline.
        diagnoses: why, in the same order; none where none could be made.
        leading: the metric of the table.
        failed: what failed that no comparison says, a line each.
    """
    said = {f"{one.baseline}: {problem}" for one in comparisons for problem in one.problems}
    comparisons = [replace(one, baseline=_label(one.baseline)) for one in comparisons]
    compared = [_compared(one, why, str(leading)) for one, why in zip_longest(comparisons, diagnoses) if one]
    failed = [line for line in dict.fromkeys(failed) if line not in said]
    fails = bool(failed) or any(one.fails() for one in comparisons)
    answer = worst(one.answer() for one in comparisons)
    quiet = bool(compared) and not failed and all(one.is_quiet for one in compared)
    values = {
        "dataset": shortened(dataset, _NAME),
        "quiet": quiet,
        "sign": "❌" if fails else ANSWERS[answer].sign if compared else "❔",
        "verdict": _verdict(comparisons, fails=fails),
        "failed": failed,
        "compared": compared,
        "metric": str(leading),
        "accept": _to_accept(comparisons),
    }
    name = "-".join(re.findall(r"[\w.]+", dataset))[:_NAME]  # nothing of it ends the mark
    mark = f"<!-- relevance {name} -->\n"
    text = ""
    for level in _LEVELS:
        text = mark + harmless(page("comment", **values, **level))
        if len(text.encode()) <= MOST_BYTES:
            break
    return text


def _label(baseline: str) -> str:
    """What a baseline is called: of a file elsewhere its name, since where a machine keeps it is nobody's business."""
    return Path(baseline).name if Path(baseline).is_absolute() else baseline


def harmless(text: str) -> str:
    """Markdown of which a site makes neither mentions nor references."""
    return _REFERENCE.sub(lambda match: _broken(match[0]), text)


def _broken(sign: str) -> str:
    return f"{_NO_SPACE}-" if sign == "-" else f"{sign.removeprefix(chr(92))}{_NO_SPACE}"


def _verdict(comparisons: Sequence[Comparison], *, fails: bool) -> str:
    if not comparisons:
        return "failed, and compared with no baseline" if fails else "compared with no baseline"
    answer = worst(one.answer() for one in comparisons)
    if answer != "no loss":
        return f"{answer}, which fails here" if fails and answer != "loss" else answer
    if fails:
        return "failed"
    better = any(one.improved and not one.segment for each in comparisons for one in each.findings)
    return "better" if better else answer


def _to_accept(comparisons: Sequence[Comparison]) -> str:
    """The command that accepts what fails, but for the reason; "" where what fails is no strategy."""
    names = dict.fromkeys(finding.strategy for one in comparisons for finding in one.findings)
    failing = [name for name in names if any(one.fails(name) for one in comparisons)]
    options = "".join(f" --strategy {name}" for name in failing) if len(failing) <= _NAMED else ""
    return f"relevance accept{options}" if failing else ""


def _compared(comparison: Comparison, diagnosis: Diagnosis | None, leading: str) -> _Compared:
    of_all = {one.strategy: one for one in reversed(differences_of(comparison))}  # the first of each
    of_all |= {one.strategy: one for one in differences_of(comparison) if one.measure == leading}
    names = [*dict.fromkeys(one.strategy for one in comparison.findings)]
    changed = {one.strategy for one in comparison.findings if one.changed or one.answer != "no loss"}
    rows = [_row(comparison, of_all[name]) for name in names if name in changed and name in of_all]
    order = list(ANSWERS)
    worst_first = {
        row.finding.strategy: (
            not comparison.fails(row.finding.strategy),
            -order.index(comparison.answer(row.finding.strategy)),
            -(row.finding.relative or 0.0),
        )
        for row in rows
    }
    rows.sort(key=lambda row: worst_first[row.finding.strategy])
    same = [name for name in names if name not in changed]
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.words] = counts.get(row.words, 0) + 1
    if same:
        counts["unchanged"] = len(same)
    whys = {one.strategy: one for one in diagnosis.strategies} if diagnosis else {}
    return _Compared(
        comparison,
        max((one.queries for one in of_all.values()), default=0),
        ", ".join(f"{number:,} {words}" for words, number in counts.items()) or "Nothing in common",
        rows,
        _reasons(comparison),
        same,
        [whys[row.finding.strategy] for row in rows if row.finding.strategy in whys],
    )


def _reasons(comparison: Comparison) -> list[tuple[Finding, Sequence[str]]]:
    worse: dict[str, list[Finding]] = {}
    for finding in ordered_findings(comparison):
        if finding.answer != "no loss":
            worse.setdefault(finding.strategy, []).append(finding)
    return [
        (first, [named(one) for one in others if (one.answer, one.fails) == (first.answer, first.fails)])
        for first, *others in worse.values()
    ]


def _row(comparison: Comparison, finding: Finding) -> _Row:
    name = finding.strategy
    answer, fails = comparison.answer(name), comparison.fails(name)
    if answer == "no loss":
        better = any(one.improved and not one.segment for one in comparison.findings if one.strategy == name)
        return _Row(finding, "✅", "better" if better else answer_words(finding))
    words = f"{answer}, fails" if fails and answer != "loss" else answer
    return _Row(finding, "❌" if fails else ANSWERS[answer].sign, words)
