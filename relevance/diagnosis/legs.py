"""Which leg of a strategy that combines several has lost.

A snapshot holds the hits of whole strategies. The leg of one is told by another strategy of the same snapshot that is
this leg alone: `textsearch_boosted` tells the text leg of `rrf`. Where there is none, the leg can be searched again
now, but what it returned when the baseline was made is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from relevance.diagnosis.record import LegChange
from relevance.significance import SAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from relevance.baseline import Snapshot
    from relevance.diagnosis.record import QueryChange
    from relevance.diagnosis.sides import Sides
    from relevance.evaluation import Metric

    _Floats = npt.NDArray[np.float64]

__all__ = ["LegValues", "Part", "leg_changes", "legs_without_strategy", "parts"]

_SEVERAL = 2

LegValues = Mapping[str, Mapping["Metric", "_Floats"]]
"""By name of a leg that was searched for the diagnosis: metrics of shape (judged queries of the session,)."""


@dataclass(frozen=True)
class Part:
    """One leg of a strategy, or one kind of clause of those whose scores are added.

    Attributes:
        name: `text`, or `vector` and its field.
        text: (text field, boost) of the text leg.
        vector: the field of a vector leg, "" for the text leg.
        model: of the vector leg.
        candidates: of the vector leg; 0 where the definition has none.
    """

    name: str
    text: tuple[tuple[str, float], ...] = ()
    vector: str = ""
    model: str = ""
    candidates: int = 0


def parts(definition: Mapping[str, object]) -> tuple[Part, ...]:
    """The legs of a strategy's definition, none for a raw template.

    A vector's boost is left out: alone it changes no ranking. A definition may come from a file: what is not as it
    should be is no leg.
    """
    text, vectors = _boosts(definition.get("text")), _boosts(definition.get("vectors"))
    candidates, model = definition.get("candidates"), definition.get("model")
    number = candidates if isinstance(candidates, int) else 0
    found = [Part("text", text=tuple(sorted(text.items())))] if text else []
    found += [
        Part(f"vector {name}", vector=name, model=model if isinstance(model, str) else "", candidates=number)
        for name in vectors
    ]
    return tuple(found)


def _boosts(value: object) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): float(boost) for name, boost in value.items() if isinstance(boost, int | float)}


def _alone(snapshot: Snapshot, part: Part) -> str:
    """The strategy of a snapshot that is this leg and nothing else, "" where there is none."""
    for name, measured in snapshot.strategies.items():
        if parts(measured.definition) == (part,):
            return name
    return ""


def _named(snapshot: Snapshot, strategy: str) -> Mapping[str, Part]:
    """The legs of a strategy by name."""
    return {part.name: part for part in parts(snapshot.strategies[strategy].definition)}


def legs_without_strategy(snapshot: Snapshot, strategy: str) -> tuple[Part, ...]:
    """Of a strategy that combines several, the legs that no strategy of the snapshot is alone."""
    found = parts(snapshot.strategies[strategy].definition)
    return tuple(part for part in found if not _alone(snapshot, part)) if len(found) > 1 else ()


@dataclass(frozen=True, eq=False)
class _Lost:
    """What the legs are asked: a strategy, and the rows of the queries that it lost."""

    before: Snapshot
    now: Snapshot
    sides: Sides
    rows: npt.NDArray[np.int64]


def leg_changes(
    before: Snapshot, now: Snapshot, sides: Sides, lost: Sequence[QueryChange], searched: LegValues
) -> tuple[tuple[LegChange, ...], str]:
    """The legs of a strategy on the queries that it lost, and what they say in one line.

    Args:
        before: the baseline, aligned.
        now: the session, aligned.
        sides: of the strategy.
        lost: by the strategy.
        searched: legs that were searched now, rows as in `now`.
    """
    old, new = _named(before, sides.strategy), _named(now, sides.strategy)
    if not lost or max(len(old), len(new)) < _SEVERAL:
        return (), ""
    row_of = {query: row for row, query in enumerate(sides.queries)}
    asked = _Lost(before, now, sides, np.array([row_of[one.query] for one in lost], dtype=np.int64))
    legs = [_change(name, asked, old.get(name), new.get(name), searched) for name in {**old, **new}]
    known = [leg for leg in legs if leg.drop is not None]
    worst = max(known, key=lambda leg: leg.drop or 0.0, default=None)
    if worst is not None and (worst.drop or 0.0) > SAME:
        legs = [replace(leg, lost=leg is worst) for leg in legs]
    return tuple(legs), _note(legs, gone=[name for name in old if name not in new])


def _change(name: str, asked: _Lost, old: Part | None, new: Part | None, searched: LegValues) -> LegChange:
    metric = asked.sides.metric
    told_before = _alone(asked.before, old) if old else ""
    told_now = _alone(asked.now, new) if new else ""
    was = _mean(asked.before.strategies[told_before].metrics.get(metric), asked.rows) if told_before else None
    has = _mean(asked.now.strategies[told_now].metrics.get(metric), asked.rows) if told_now else None
    if has is None and new and name in searched:
        has = _mean(searched[name].get(metric), asked.rows)
    drop = None if was is None or has is None else was - has if asked.sides.lower_is_worse else has - was
    return LegChange(name, was, has, drop, told_now)


def _mean(values: _Floats | None, rows: npt.NDArray[np.int64]) -> float | None:
    return None if values is None else float(values[rows].mean())


def _note(legs: Sequence[LegChange], gone: Sequence[str]) -> str:
    """What the legs say, no more than they do."""
    lost = next((leg.leg for leg in legs if leg.lost), "")
    unknown = [leg.leg for leg in legs if leg.drop is None and leg.leg not in gone]
    said = [f"no longer searched: {', '.join(gone)}"] if gone else []
    said += [f"the {lost} leg lost most"] if lost else []
    if not said and not unknown:
        said.append("no leg lost by itself: it is how they are combined")
    if unknown:
        said.append(f"not known of {', '.join(unknown)}: no strategy is this leg alone on both sides")
    return "; ".join(said)
