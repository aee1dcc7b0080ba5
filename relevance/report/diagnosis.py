"""A diagnosis as text: the words that all its forms share, lines for the terminal, JSON, and CSV of what to judge."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import zip_longest
from typing import TYPE_CHECKING

from relevance.files import csv_text
from relevance.report.comparison import attributes, rounded
from relevance.report.terminal import Line
from relevance.text import fitted, one_line, plural, printable, some

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.diagnosis import Diagnosis, Hit, Segment, SideBySide, StrategyDiagnosis
    from relevance.gate import Finding

SCHEMA = 1
"""Version of the layout of `diagnosis.json`."""

_SHOWN = 3
_RANKS = 5
_QUERY, _TITLE, _MOVED = 60, 34, 7
_HIT = _TITLE + _MOVED + len("[0]  ")


def fell(relative: float | None) -> str:
    """What a relative drop is called: `fell by 3.1%`."""
    if relative is None:
        return "was 0 before"
    return f"{'fell' if relative >= 0 else 'rose'} by {abs(relative):.1%}"


def change_words(finding: Finding) -> str:
    """What a measure did, whichever way is worse: `fell by 3.1%`; "" where nothing is relative to 0."""
    if finding.relative is None:
        return ""
    return fell(abs(finding.relative) if finding.after <= finding.before else -abs(finding.relative))


def queries_words(why: StrategyDiagnosis) -> str:
    """How many queries were won and lost, by which metric."""
    counts = f"{len(why.lost):,} lost, {len(why.won):,} won, {why.unchanged:,} unchanged"
    judged = "" if why.judged is None else f"; hits with a judgment {why.judged[0]:.0%} → {why.judged[1]:.0%}"
    return f"queries by {why.metric}: {counts}{judged}"


def grade(hit: Hit) -> str:
    """The grade of a hit, `-` for one without a judgment."""
    return "-" if hit.grade is None else f"{hit.grade:g}"


def moved(hit: Hit, *, now: bool) -> str:
    """What became of a hit beside the other ranking; "" where it is at the same place."""
    if hit.mark == "moved":
        return f"{'was' if now else 'now'} {hit.other_rank}"
    return "" if hit.mark == "same" else hit.mark


def leg_words(why: StrategyDiagnosis) -> str:
    """The legs of a strategy that combines several, on the queries that it lost; "" for others."""
    if not why.legs:
        return ""

    def number(value: float | None) -> str:
        return "?" if value is None else f"{value:.4f}"

    numbers = ", ".join(f"{leg.leg} {number(leg.before)} → {number(leg.after)}" for leg in why.legs)
    return f"legs on the {plural(len(why.lost), 'lost query')}: {numbers}; {why.legs_note}"


def segment_words(segment: Segment, why: StrategyDiagnosis) -> str:
    """A segment that fell further than all queries together."""
    whole = (why.before - why.after) / why.before if why.before > 0 else None
    sure = "" if segment.adjusted_p is None else f", adjusted p {segment.adjusted_p:.2g}"
    return (
        f"{why.metric} {fell(segment.relative)} on queries of one kind ({segment.name}, {segment.queries:,}), "
        f"{fell(whole)} on all{sure}"
    )


def newcomer_words(diagnosis: Diagnosis, strategy: str) -> str:
    """How many new hits of a strategy nobody has judged; "" where there is none."""
    own = [one for one in diagnosis.newcomers if one.strategy == strategy]
    if not own:
        return ""
    deciding = sum(one.could_change_verdict for one in own)
    which = "it" if len(own) == 1 else f"{deciding:,} of them"
    could = f"; judging {which} could change the verdict" if deciding else ""
    return f"{plural(len(own), 'new hit has', 'new hits have')} no judgment{could}"


def diagnosis_failure(strategy: str, diagnoses: Sequence[Diagnosis]) -> str:
    """Which queries a strategy lost, and what stood there and stands there now; "" where it failed nowhere.

    With several baselines, that of the first in which the strategy failed.
    """
    for diagnosis in diagnoses:
        why = diagnosis.of(strategy)
        if why is not None and why.status == "fail":
            return "\n".join(printable(f"  {line}") for line in _failure(why, diagnosis))
    return ""


def _failure(why: StrategyDiagnosis, diagnosis: Diagnosis) -> Iterator[str]:
    yield queries_words(why)
    for one in why.lost[:_SHOWN]:
        yield f"  {one.before:.4f} → {one.after:.4f}  {_quoted(one.text)} ({one_line(one.query)})"
    if len(why.lost) > _SHOWN:
        yield f"  and {len(why.lost) - _SHOWN:,} more"
    if why.rankings:
        yield from _first_hits(why.rankings[0])
    if why.newly_empty:
        yield f"newly without hits: {some([_quoted(text) for text in why.newly_empty], _SHOWN)}"
    yield from filter(None, (leg_words(why), newcomer_words(diagnosis, why.strategy)))
    yield from (segment_words(one, why) for one in why.segments if one.worse)


def _quoted(text: str) -> str:
    return f"'{fitted(one_line(text), _QUERY).rstrip()}'"


def _first_hits(ranking: SideBySide) -> Iterator[str]:
    """The first hits of both sides, a line a rank."""
    yield f"first hits of {_quoted(ranking.change.text)}, with grades (- is not judged):"
    yield f"      {fitted('before', _HIT)}  now"
    for rank, (before, after) in enumerate(zip_longest(ranking.before[:_RANKS], ranking.after[:_RANKS]), 1):
        yield f"  {rank:>2}  {_hit_words(before, now=False)}  {_hit_words(after, now=True)}".rstrip()


def _hit_words(hit: Hit | None, *, now: bool) -> str:
    if hit is None:
        return " " * _HIT
    return f"[{grade(hit)}] {fitted(one_line(hit.title or hit.product), _TITLE)} {fitted(moved(hit, now=now), _MOVED)}"


def diagnosis_lines(diagnosis: Diagnosis) -> list[Line]:
    """For the summary: a line a strategy with its worst query, and the segments that fell further than the rest."""
    lines = []
    for why in diagnosis.strategies:
        mark = "bad" if why.status == "fail" else "warn"
        worst = f"; worst: {_quoted(why.lost[0].text)}" if why.lost else ""
        lines.append(Line(f"  {why.strategy}: {queries_words(why)}{worst}", mark))
        if why.status != "fail":  # the test that failed says it of the others
            words = (leg_words(why), newcomer_words(diagnosis, why.strategy))
            lines += [Line(f"    {text}") for text in words if text]
        lines += [Line(f"    WARN: {segment_words(one, why)}", "warn") for one in why.segments if one.worse]
    return lines + [Line(f"  note: {note}", "warn") for note in diagnosis.notes]


def diagnosis_json(diagnoses: Sequence[Diagnosis]) -> str:
    """All diagnoses, one a baseline; a query or a hit on one line. The hits to judge are in `to_judge.csv` alone."""
    baselines = [
        {
            "baseline": one.baseline,
            "changed": list(one.differs),
            "notes": list(one.notes),
            "strategies": [_why_json(why, one) for why in one.strategies],
        }
        for one in diagnoses
    ]
    return _laid_out({"schema": SCHEMA, "baselines": baselines}, "") + "\n"


def _laid_out(value: object, margin: str) -> str:
    """Tables and lists of tables have a line an entry; what holds no table stands on one line."""
    inner = f"{margin}  "
    if isinstance(value, dict) and any(isinstance(one, dict | list) for one in value.values()):
        rows = [f"{inner}{json.dumps(key)}: {_laid_out(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{margin}}}"
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        return "[\n" + ",\n".join(f"{inner}{_laid_out(one, inner)}" for one in value) + f"\n{margin}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _why_json(why: StrategyDiagnosis, diagnosis: Diagnosis) -> Mapping[str, object]:
    deciding = [one.could_change_verdict for one in diagnosis.newcomers if one.strategy == why.strategy]
    means = ("before", "after", "relative", "adjusted_p")
    return {
        **rounded(attributes(why, "strategy", "status", "measures", "metric", "before", "after", "judged")),
        "queries": {"won": len(why.won), "lost": len(why.lost), "unchanged": why.unchanged},
        "lost": [rounded(asdict(one)) for one in why.lost],
        "won": [rounded(asdict(one)) for one in why.won],
        "newly_empty": list(why.newly_empty),
        "rankings": [
            {
                **attributes(one.change, "query", "text"),
                "before": [asdict(hit) for hit in one.before],
                "after": [asdict(hit) for hit in one.after],
            }
            for one in why.rankings
        ],
        "legs": [
            {**rounded(attributes(leg, "leg", "before", "after")), "told_by": leg.source or None, "lost_most": leg.lost}
            for leg in why.legs
        ],
        "legs_note": why.legs_note,
        "segments": [
            {"segment": one.name, **rounded(attributes(one, "queries", *means, "worse"))} for one in why.segments
        ],
        "to_judge": {"hits": len(deciding), "could_change_verdict": sum(deciding)},
    }


def to_judge_csv(diagnoses: Sequence[Diagnosis]) -> str:
    """New hits without a judgment, a row each; one that is new beside several baselines stands where it is first."""
    rows: dict[tuple[str, str, str], tuple[str | int, ...]] = {}
    for diagnosis in diagnoses:
        for one in diagnosis.newcomers:
            row = (one.text, one.product, one.title or "", one.rank, one.strategy, one.query)
            rows.setdefault((one.strategy, one.query, one.product), (*row, int(one.could_change_verdict)))
    head = ("query", "product", "title", "rank", "strategy", "query_id", "could_change_verdict")
    deciding_first = sorted(rows.values(), key=lambda row: -int(row[-1]))
    return csv_text(head, deciding_first)
