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
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from relevance.baseline.snapshot import DIGITS
from relevance.errors import InputError, unknown
from relevance.evaluation import LABELS
from relevance.files import read_toml
from relevance.significance import SAME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from relevance.evaluation import Evaluation, Metric
    from relevance.records import Dataset

GATED: Mapping[str, Metric] = MappingProxyType({label: LABELS[label] for label in ("MRR", "MAP", "NDCG")})
"""The metrics that can have a floor, by the names that people use."""

MARGIN = 0.005
"""How far below the measured mean a suggested floor lies: more than another processor's rounding moves a mean."""

_SHOWN_QUERIES = 5
_PREFIX = re.compile("[0-9a-f]{8,64}")


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
    """A query that pulls a mean below its floor: the metric's value, and that of the baseline where it fell since."""

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


def read_floors(
    path: Path, *, datasets: Collection[str], strategies: Collection[str]
) -> Mapping[tuple[str, str], Floors]:
    """Read a file of floors: (data set, strategy) to floors.

    Raises:
        InputError: the file cannot be read or is not TOML, or names an unknown data set, strategy or metric, or a floor
            is no number from 0 to 1. The whole file is checked, whatever is going to run.
    """
    floors = {}
    for dataset, tables in _entries(read_toml(path, "a file of floors"), f"{path}", "data set", datasets):
        for strategy, table in _entries(tables, f"{path} [{dataset}]", "strategy", strategies):
            floors[dataset, strategy] = _floors(table, f"{path} [{dataset}.{strategy}]")
    return MappingProxyType(floors)


def _entries(table: object, where: str, what: str, allowed: Collection[str]) -> Iterator[tuple[str, Any]]:
    if not isinstance(table, dict):
        raise InputError(f"{where}: expected a table, found {table!r}")
    for name, value in table.items():
        if name not in allowed:
            raise InputError(f"{where}: {unknown(what, name, allowed)}")
        yield name, value


def _floors(table: Any, where: str) -> Floors:
    values = dict(_entries(table, where, "floor", (*GATED, "corpus")))
    corpus = values.pop("corpus", "")
    means = {}
    for label, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise InputError(f"{where} {label} = {value!r}; allowed: a number from 0 to 1")
        means[label] = float(value)
    if not means:
        raise InputError(f"{where}: no floor; at least one of {', '.join(GATED)} is needed")
    if not isinstance(corpus, str) or ("corpus" in table and not _PREFIX.fullmatch(corpus)):
        raise InputError(f"{where} corpus = {corpus!r}; allowed: the first 8 or more hex digits of the corpus hash")
    return Floors(MappingProxyType(means), corpus, where)


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
    queries = [
        Lost(ids[code], texts[code], value) for code, value in zip(evaluation.queries, values.tolist(), strict=True)
    ]
    known = [(before[one.query], one) for one in queries if one.query in before]
    fallen = [replace(one, before=old) for old, one in known if old - round(one.value, DIGITS) > SAME]
    if fallen:
        fallen.sort(key=lambda one: (one.value - before[one.query], one.query))
        return tuple(fallen[:_SHOWN_QUERIES])
    relevant = dataset.judgments.grades >= dataset.judgments.relevant_from
    to_find = np.bincount(dataset.judgments.queries[relevant], minlength=len(dataset.queries))[evaluation.queries]
    return tuple(queries[at] for at in np.lexsort((-to_find, values))[:_SHOWN_QUERIES].tolist())


def suggest(dataset: Dataset, evaluations: Mapping[str, Evaluation]) -> str:
    """A snippet of TOML with floors `MARGIN` below what was measured, rounded down to three digits."""
    tables = []
    for strategy, evaluation in evaluations.items():
        lines = [f"[{dataset.name}.{strategy}]"]
        for label, metric in GATED.items():
            floor = max(0.0, math.floor((evaluation.mean(metric) - MARGIN) * 1000) / 1000)
            lines.append(f"{label} = {floor:.3f}")
        tables.append("\n".join(lines))
    return "\n\n".join(tables) + "\n"
