"""Floors: what a strategy must reach, and the verdict on what it reached, as data.

The file of floors is TOML, one table `[DATASET.STRATEGY]` with `MRR`, `MAP`, `NDCG`, each the lowest mean that passes.
With `corpus = "<first digits of the corpus hash>"` it says which corpus they were set for: on another one they hold all
the same, and a note says so. A product more or a word changed moves a mean little; what it moves is what they are for.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from relevance.baseline.snapshot import DIGITS
from relevance.errors import InputError, unknown
from relevance.evaluation import LABELS
from relevance.files import read_toml
from relevance.significance import SAME

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from relevance.evaluation import Evaluation, Metric
    from relevance.records import Dataset

GATED: Mapping[str, Metric] = MappingProxyType({label: LABELS[label] for label in ("MRR", "MAP", "NDCG")})
"""The metrics that can have a floor, by the names that people use."""

MARGIN = 0.005
"""How far below the measured mean a suggested floor lies: more than another processor's rounding moves a mean."""

_SHOWN_QUERIES = 5
_MIN_PREFIX = 8


@dataclass(frozen=True)
class Floors:
    """The floors of one strategy on one data set.

    Attributes:
        means: lowest passing mean by label (`MRR`, `MAP`, `NDCG`).
        corpus: first digits of the hash of the corpus that the floors were set for, or "" where the file does not say.
        where: file and table, for messages.
    """

    means: Mapping[str, float]
    corpus: str
    where: str


@dataclass(frozen=True)
class Lost:
    """A query that pulls a mean below its floor.

    Attributes:
        query: its id.
        text: what was asked.
        value: of the metric.
        before: its value in the baseline; None where the query is one of the lowest, and no baseline tells of more.
    """

    query: str
    text: str
    value: float
    before: float | None = None


@dataclass(frozen=True)
class Shortfall:
    """A mean below its floor, and some queries: those that fell furthest since the baseline, else the lowest."""

    label: str
    value: float
    floor: float
    queries: tuple[Lost, ...]


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one strategy.

    Attributes:
        status: whether all means reach their floors.
        reasons: why not, a line each.
        shortfalls: the means that do not.
        floors: None where there are none.
        notes: what else is to be known of the floors, a line each; the same for all strategies.
    """

    status: Literal["pass", "fail", "not_gated"]
    reasons: tuple[str, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    floors: Floors | None = None
    notes: tuple[str, ...] = ()


def _known(name: str, allowed: Collection[str], what: str, where: str) -> None:
    if name not in allowed:
        raise InputError(f"{where}: {unknown(what, name, allowed)}")


def _table(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a table, found {value!r}")
    return value


def _floor(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 or math.isnan(value):
        raise InputError(f"{where} = {value!r}; allowed: a number from 0 to 1")
    return float(value)


def _corpus(value: object, where: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(rf"[0-9a-f]{{{_MIN_PREFIX},64}}", value):
        raise InputError(f"{where} = {value!r}; allowed: the first {_MIN_PREFIX} or more hex digits of the corpus hash")
    return value


def _floors_of(table: dict[str, object], where: str) -> Floors:
    for key in table:
        _known(key, (*GATED, "corpus"), "floor", where)
    means = {key: _floor(value, f"{where} {key}") for key, value in table.items() if key != "corpus"}
    if not means:
        raise InputError(f"{where}: no floor; at least one of {', '.join(GATED)} is needed")
    corpus = _corpus(table["corpus"], f"{where} corpus") if "corpus" in table else ""
    return Floors(MappingProxyType(means), corpus, where)


def read_floors(
    path: Path, *, datasets: Collection[str], strategies: Collection[str]
) -> Mapping[tuple[str, str], Floors]:
    """Read a file of floors: (data set, strategy) to floors.

    Raises:
        InputError: the file cannot be read or is not TOML, or names an unknown data set, strategy or metric, or a floor
            is no number from 0 to 1. The whole file is checked, whatever is going to run.
    """
    floors = {}
    for dataset, tables in read_toml(path, "a file of floors").items():
        _known(dataset, datasets, "data set", f"{path}")
        for strategy, table in _table(tables, f"{path} [{dataset}]").items():
            _known(strategy, strategies, "strategy", f"{path} [{dataset}]")
            where = f"{path} [{dataset}.{strategy}]"
            floors[dataset, strategy] = _floors_of(_table(table, where), where)
    return MappingProxyType(floors)


def judge(
    evaluation: Evaluation,
    floors: Floors | None,
    dataset: Dataset,
    *,
    before: Mapping[Metric, Mapping[str, float]] = MappingProxyType({}),
) -> Verdict:
    """Compare the means of a strategy with its floors; a mean that equals its floor passes.

    Args:
        evaluation: of the strategy.
        floors: of the strategy.
        dataset: what it was measured on.
        before: what the baseline has of the strategy, by metric and query id; empty where there is none.
    """
    if floors is None:
        return Verdict("not_gated", ("no floors for this strategy on this data set",))
    means = {label: evaluation.mean(GATED[label]) for label in floors.means}
    shortfalls = tuple(
        Shortfall(label, means[label], floor, _worst(GATED[label], evaluation, dataset, before.get(GATED[label], {})))
        for label, floor in floors.means.items()
        if means[label] < floor
    )
    reasons = tuple(f"{short.label} {short.value:.4f} is below its floor {short.floor:.4f}" for short in shortfalls)
    actual = dataset.catalogue.sha256[: len(floors.corpus)]
    note = f"floors were set for corpus {floors.corpus}, this is {actual}; they hold all the same"
    notes = () if actual == floors.corpus else (note,)
    return Verdict("fail" if shortfalls else "pass", reasons, shortfalls, floors, notes)


def _worst(metric: Metric, evaluation: Evaluation, dataset: Dataset, before: Mapping[str, float]) -> tuple[Lost, ...]:
    """Those that fell furthest since the baseline, else the lowest, and of these the ones with most to find."""
    values = evaluation.per_query[metric]
    ids, texts = dataset.queries.ids, dataset.queries.texts
    named = [
        Lost(ids[code], texts[code], value) for code, value in zip(evaluation.queries, values.tolist(), strict=True)
    ]
    fallen = [replace(one, before=before.get(one.query)) for one in named]
    fallen = [one for one in fallen if one.before is not None and one.before - round(one.value, DIGITS) > SAME]
    if fallen:
        fallen.sort(key=lambda one: (one.value - (one.before or 0.0), one.query))
        return tuple(fallen[:_SHOWN_QUERIES])
    relevant = dataset.judgments.grades >= dataset.judgments.relevant_from
    to_find = np.bincount(dataset.judgments.queries[relevant], minlength=len(dataset.queries))[evaluation.queries]
    return tuple(named[at] for at in np.lexsort((-to_find, values))[:_SHOWN_QUERIES].tolist())


def suggest(dataset: Dataset, evaluations: Mapping[str, Evaluation]) -> str:
    """A snippet of TOML with floors `MARGIN` below what was measured, rounded down to three digits."""
    tables = []
    for strategy, evaluation in evaluations.items():
        floors = {
            label: max(0.0, math.floor((evaluation.mean(metric) - MARGIN) * 1000) / 1000)
            for label, metric in GATED.items()
        }
        lines = [f"{label} = {floor:.3f}" for label, floor in floors.items()]
        tables.append("\n".join([f"[{dataset.name}.{strategy}]", *lines]))
    return "\n\n".join(tables) + "\n"
