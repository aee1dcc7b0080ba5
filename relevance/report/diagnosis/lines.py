"""A diagnosis on the terminal, short: in the text of a test that fails, and in the summary."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from relevance.report.diagnosis.words import grade, leg_words, moved, newcomer_words, queries_words, segment_words
from relevance.report.terminal import Line
from relevance.text import fitted, one_line, printable_lines, some

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relevance.diagnosis import Diagnosis, Hit, SideBySide, StrategyDiagnosis

__all__ = ["diagnosis_failure", "diagnosis_lines"]

_SHOWN = 3
_RANKS = 5
_QUERY, _TITLE, _MOVED = 60, 34, 7


def diagnosis_failure(strategy: str, diagnoses: Sequence[Diagnosis]) -> str:
    """Which queries a strategy lost, and what stood there and stands there now; "" where it failed nowhere.

    With several baselines, that of the first in which the strategy failed.
    """
    for diagnosis in diagnoses:
        why = diagnosis.of(strategy)
        if why is not None and why.status == "fail":
            return printable_lines("\n".join(f"  {line}" for line in _failure(why, diagnosis)))
    return ""


def _failure(why: StrategyDiagnosis, diagnosis: Diagnosis) -> Iterator[str]:
    yield queries_words(why)
    yield from _lost(why)
    if why.rankings:
        yield from _ranking(why.rankings[0])
    if why.newly_empty:
        yield f"newly without hits: {some([_quoted(text) for text in why.newly_empty], _SHOWN)}"
    yield from (line for line in (leg_words(why), newcomer_words(diagnosis, why.strategy)) if line)
    yield from (segment_words(one, why) for one in why.segments if one.worse)


def _lost(why: StrategyDiagnosis) -> Iterator[str]:
    for one in why.lost[:_SHOWN]:
        yield f"  {one.before:.4f} → {one.after:.4f}  {_quoted(one.text)} ({one_line(one.query)})"
    if len(why.lost) > _SHOWN:
        yield f"  and {len(why.lost) - _SHOWN:,} more"


def _quoted(text: str) -> str:
    return f"'{fitted(one_line(text), _QUERY).rstrip()}'"


def _ranking(found: SideBySide) -> Iterator[str]:
    """The first hits of both sides, a line a rank."""
    left = fitted("before", _TITLE + _MOVED + 5)
    yield f"first hits of {_quoted(found.change.text)}, with grades (- is not judged):"
    yield f"      {left}  now"
    for rank, (was, has) in enumerate(zip_longest(found.before[:_RANKS], found.after[:_RANKS]), 1):
        yield f"  {rank:>2}  {_hit(was, now=False)}  {_hit(has, now=True)}".rstrip()


def _hit(hit: Hit | None, *, now: bool) -> str:
    if hit is None:
        return " " * (_TITLE + _MOVED + 5)
    title = one_line(hit.title) if hit.title else one_line(hit.product)
    return f"[{grade(hit)}] {fitted(title, _TITLE)} {fitted(moved(hit, now=now), _MOVED)}"


def diagnosis_lines(diagnosis: Diagnosis) -> list[Line]:
    """For the summary: a line a strategy with its worst query, and the segments that fell further than the rest."""
    lines = []
    for why in diagnosis.strategies:
        mark = "bad" if why.status == "fail" else "warn"
        worst = f"; worst: {_quoted(why.lost[0].text)}" if why.lost else ""
        lines.append(Line(f"  {why.strategy}: {queries_words(why)}{worst}", mark))
        if why.status != "fail":  # the test that failed says it of the others
            said = (leg_words(why), newcomer_words(diagnosis, why.strategy))
            lines += [Line(f"    {text}") for text in said if text]
        lines += [Line(f"    WARN: {segment_words(one, why)}", "warn") for one in why.segments if one.worse]
    return lines + [Line(f"  note: {note}", "warn") for note in diagnosis.notes]
