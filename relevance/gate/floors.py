"""Floors: what a strategy must reach, and the verdict on what it reached, as data.

The file of floors is TOML, one table `[DATASET.STRATEGY]` with `MRR`, `MAP`, `NDCG` (each the lowest mean that passes)
and, if wanted, `corpus = "<first digits of the corpus hash>"`: another corpus under the same name is then not gated.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from relevance.errors import InputError, unknown
from relevance.evaluation import LABELS
from relevance.files import read_toml

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from relevance.evaluation import Evaluation, Metric
    from relevance.records import Dataset

__all__ = ["GATED", "Floors", "Lost", "Shortfall", "Verdict", "judge", "read_floors", "suggest"]

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
        corpus: first digits of the corpus hash that the floors belong to, or "" for any corpus.
        where: file and table, for messages.
    """

    means: Mapping[str, float]
    corpus: str
    where: str


@dataclass(frozen=True)
class Lost:
    """A query that pulls a mean below its floor."""

    query: str
    text: str
    value: float


@dataclass(frozen=True)
class Shortfall:
    """A mean below its floor, and the queries that contribute most to the difference."""

    label: str
    value: float
    floor: float
    queries: tuple[Lost, ...]


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one strategy."""

    status: Literal["pass", "fail", "not_gated"]
    reasons: tuple[str, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    floors: Floors | None = None


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
    found = {}
    for dataset, tables in read_toml(path, "a file of floors").items():
        _known(dataset, datasets, "data set", f"{path}")
        for strategy, table in _table(tables, f"{path} [{dataset}]").items():
            _known(strategy, strategies, "strategy", f"{path} [{dataset}]")
            where = f"{path} [{dataset}.{strategy}]"
            found[dataset, strategy] = _floors_of(_table(table, where), where)
    return MappingProxyType(found)


def _worst(metric: Metric, evaluation: Evaluation, dataset: Dataset) -> tuple[Lost, ...]:
    """The queries that contribute most to a shortfall: the lowest values, among equal ones those with most to find."""
    values = evaluation.per_query[metric]
    relevant = dataset.judgments.grades >= dataset.judgments.relevant_from
    to_find = np.bincount(dataset.judgments.queries[relevant], minlength=len(dataset.queries))[evaluation.queries]
    order = np.lexsort((-to_find, values))[:_SHOWN_QUERIES]
    codes = evaluation.queries[order].tolist()
    ids, texts = dataset.queries.ids, dataset.queries.texts
    return tuple(Lost(ids[code], texts[code], value) for code, value in zip(codes, values[order].tolist(), strict=True))


def judge(evaluation: Evaluation, floors: Floors | None, dataset: Dataset) -> Verdict:
    """Compare the means of a strategy with its floors; a mean that equals its floor passes."""
    if floors is None:
        return Verdict("not_gated", ("no floors for this strategy on this data set",))
    corpus = dataset.catalogue.sha256
    if not corpus.startswith(floors.corpus):
        reason = f"floors are for corpus {floors.corpus}, this is {corpus[: len(floors.corpus)]}"
        return Verdict("not_gated", (reason,), floors=floors)
    means = {label: evaluation.mean(GATED[label]) for label in floors.means}
    shortfalls = tuple(
        Shortfall(label, means[label], floor, _worst(GATED[label], evaluation, dataset))
        for label, floor in floors.means.items()
        if means[label] < floor
    )
    reasons = tuple(f"{short.label} {short.value:.4f} is below its floor {short.floor:.4f}" for short in shortfalls)
    return Verdict("fail" if shortfalls else "pass", reasons, shortfalls, floors)


def suggest(dataset: Dataset, evaluations: Mapping[str, Evaluation]) -> str:
    """A snippet of TOML with floors `MARGIN` below what was measured, rounded down to three digits."""
    tables = []
    for strategy, evaluation in evaluations.items():
        floors = {
            label: max(0.0, math.floor((evaluation.mean(metric) - MARGIN) * 1000) / 1000)
            for label, metric in GATED.items()
        }
        lines = [f"{label} = {floor:.3f}" for label, floor in floors.items()]
        corpus = f'corpus = "{dataset.catalogue.sha256[:12]}"'
        tables.append("\n".join([f"[{dataset.name}.{strategy}]", *lines, corpus]))
    return "\n\n".join(tables) + "\n"
