"""What the page of a tuning holds: the values that won, their worth on the other queries, all that was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relevance.evaluation import NDCG10
from relevance.report.page import html_page
from relevance.tuning import value_text
from relevance.tuning.search import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relevance.records import Dataset
    from relevance.tuning import Outcome, Parameter, Tuning

_DIGITS = 12  # so that four and six decimals are those of the other files


def tuned_page(payload: Mapping[str, Any]) -> str:
    """Give the page; `tuned.js` says what the payload holds."""
    return html_page("tuned", f"{payload['noun']} of {payload['strategy']}: {payload['dataset']}", payload)


def tuned_payload(
    tuning: Tuning, dataset: Dataset, *, marks: Mapping[Any, str], **words: str | list[str] | None
) -> dict[str, Any]:
    """What the page holds, as JSON values: numbers as in the CSV files; `words` are sentences and the snippet."""
    space, interval = tuning.space, tuning.interval
    today, winner = space.todays(), tuning.winner.combination
    ids, texts = dataset.queries.ids, dataset.queries.labels
    held_out = zip(tuning.split.held_out.tolist(), *tuning.held_out.tolist(), strict=True)
    return {
        "dataset": dataset.name,
        "strategy": space.today.name,
        "noun": space.noun,
        "answer": _answer(tuning),
        "trials": tuning.trials,
        "metrics": [metric.label for metric in METRICS],
        "parameters": [
            _parameter(one, today[at], winner[at], is_idle=one.name in tuning.idle)
            for at, one in enumerate(space.parameters)
        ],
        "means": {
            "today": (_rounded(tuning.today[NDCG10]), _rounded(tuning.held_out[0].mean())),
            "winner": (_rounded(tuning.winner.means[NDCG10]), _rounded(tuning.held_out[1].mean())),
        },
        "interval": {
            "difference": _rounded(interval.difference),
            "ends": (_rounded(interval.low), _rounded(interval.high)),
            "level": interval.confidence,
            "queries": interval.queries,
        },
        "tuned_on": len(tuning.split.tuning),
        "outcomes": [_outcome(one, marks.get(one.combination, "")) for one in tuning.ranked],
        "held_out": [
            (ids[code], texts[code], *map(_rounded, (before, after, after - before)))
            for code, before, after in held_out
        ],
        **words,
    }


def _answer(tuning: Tuning) -> str:
    """In a word what is to be done."""
    if tuning.falls_short:
        return "short"
    if tuning.keeps_today:
        return "today"
    if not tuning.interval.excludes_zero:
        return "open"
    return "better" if tuning.interval.low > 0 else "worse"


def _parameter(one: Parameter, today: Any, winner: Any, *, is_idle: bool) -> dict[str, Any]:
    numbers = one.choices if one.is_number else None
    return {
        "name": one.name,
        "title": one.title,
        "choices": [value_text(value) for value in one.choices],
        "numbers": numbers,  # null where its values have no order
        "any_between": one.any_between,
        "is_ratio": one.is_ratio,
        "today": value_text(today),
        "winner": value_text(winner),
        "is_idle": is_idle,
    }


def _outcome(one: Outcome, mark: str) -> dict[str, Any]:
    numbers = [value if isinstance(value, int | float) else None for value in one.combination]
    same = "" if one.same_as == one.combination else "/".join(map(value_text, one.same_as))
    return {
        "values": [value_text(value) for value in one.combination],
        "numbers": numbers,
        "means": [_rounded(one.means[metric]) for metric in METRICS],
        "ranks_as": same,
        "mark": mark,
    }


def _rounded(value: float) -> float:
    return round(float(value), _DIGITS)
