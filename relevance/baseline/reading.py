"""From a parsed document to a snapshot: every value is checked, since a file may come from anywhere."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from relevance.baseline.snapshot import DatasetMark, Measured, Snapshot
from relevance.errors import InputError
from relevance.evaluation import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

__all__ = ["MalformedError", "snapshot_from"]

_HASH = re.compile("[0-9a-f]{64}")
_NAME = re.compile("[a-z0-9_]+")
_MOST_WHOLE = 2**53
_SHOWN = 40


class MalformedError(ValueError):
    """What is wrong with a document: its place, what was found there, and what is allowed."""


def _fail(where: str, value: object, allowed: str) -> NoReturn:
    text = repr(value)
    raise MalformedError(f"{where} is {text if len(text) <= _SHOWN else f'{text[:_SHOWN]}…'}; allowed: {allowed}")


def _table(value: object, where: str) -> dict[str, Any]:
    return value if isinstance(value, dict) else _fail(where, value, "a table")


def _text(value: object, where: str) -> str:
    return value if isinstance(value, str) else _fail(where, value, "a text")


def _hash(value: object, where: str) -> str:
    return value if isinstance(value, str) and _HASH.fullmatch(value) else _fail(where, value, "64 hex digits")


def _whole(value: object, where: str, lowest: int) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool) and lowest <= value < _MOST_WHOLE
    return value if whole and isinstance(value, int) else _fail(where, value, f"a whole number of {lowest} or more")


def _seconds(value: object, where: str) -> float | None:
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
    return (
        float(value) if number and isinstance(value, int | float) else _fail(where, value, "seconds above 0, or null")
    )


class _Table:
    """A table whose keys are exactly those that are named."""

    def __init__(self, value: object, where: str, keys: tuple[str, ...]) -> None:
        self.values, self.where = _table(value, where or "the file"), where
        if set(self.values) != set(keys):
            odd = min(set(self.values) ^ set(keys))
            problem = "is not known" if odd in self.values else "is missing"
            raise MalformedError(f"{self.at(odd)[:_SHOWN]!r} {problem}; allowed: {', '.join(keys)}")

    def at(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def __getitem__(self, key: str) -> tuple[Any, str]:
        """The value and its place."""
        return self.values[key], self.at(key)


_KEYS = ("dataset", "relevant_from", "engine", "models", "versions", "calibration_s", "queries", "strategies")


def snapshot_from(content: Mapping[str, object]) -> Snapshot:
    """The snapshot of a document without schema and checksum.

    Raises:
        MalformedError: a key is missing or not known, a value is not of its kind or out of range, or rows and queries
            differ.
    """
    top = _Table(content, "", _KEYS)
    queries, texts, grades = _queries(*top["queries"])
    engine = _Table(*top["engine"], ("name", "version", "facts"))
    strategies, _ = top["strategies"]
    return Snapshot(
        dataset=_dataset(*top["dataset"]),
        queries=queries,
        texts=texts,
        grades=grades,
        relevant_from=_whole(*top["relevant_from"], 1),
        strategies=MappingProxyType(
            {name: _measured(name, one, queries) for name, one in _table(strategies, "strategies").items()}
        ),
        engine=MappingProxyType(
            {
                "name": _text(*engine["name"]),
                "version": _text(*engine["version"]),
                "facts": _table(*engine["facts"]),
            }
        ),
        models=MappingProxyType(
            {name: _table(one, f"models.{name}") for name, one in _table(*top["models"]).items()},
        ),
        versions=MappingProxyType(
            {name: _text(one, f"versions.{name}") for name, one in _table(*top["versions"]).items()}
        ),
        calibration_s=_seconds(*top["calibration_s"]),
    )


def _dataset(value: object, where: str) -> DatasetMark:
    table = _Table(value, where, ("name", "products", "corpus", "queries", "judgments"))
    return DatasetMark(
        name=_text(*table["name"]),
        corpus=_hash(*table["corpus"]),
        queries=_hash(*table["queries"]),
        judgments=_hash(*table["judgments"]),
        products=_whole(*table["products"], 0),
    )


_Grades = tuple[tuple[str, ...], tuple[str, ...], tuple["Mapping[str, int]", ...]]


def _queries(value: object, where: str) -> _Grades:
    table = _table(value, where)
    if not table:
        raise MalformedError("queries: there is none; allowed: one or more")
    ids = tuple(table)
    unsorted = next((right for left, right in pairwise(ids) if left >= right), None)
    if unsorted is not None:
        raise MalformedError(f"queries: {unsorted[:_SHOWN]!r} stands too late; allowed: ids in ascending order")
    texts, grades = [], []
    for query, row in table.items():
        at = f"queries.{query}"
        if not isinstance(row, list) or len(row) != 2:  # noqa: PLR2004 - a pair
            _fail(at, row, "a list of text and grades")
        texts.append(_text(row[0], f"{at} text"))
        judged = _table(row[1], f"{at} grades")
        grades.append({product: _whole(grade, f"{at} {product}", 0) for product, grade in judged.items()})
    return ids, tuple(texts), tuple(grades)


_MEASURED = ("definition", "scores_sha256", "run_time_s", "rounds", "metrics", "rows")


def _measured(name: str, value: object, queries: tuple[str, ...]) -> Measured:
    if not _NAME.fullmatch(name):
        _fail("strategies: a name", name, "lower-case letters, digits and underscores")
    table = _Table(value, f"strategies.{name}", _MEASURED)
    names, where = table["metrics"]
    try:
        metrics = (
            [parse(_text(one, where)) for one in names] if isinstance(names, list) else _fail(where, names, "a list")
        )
    except InputError as error:
        raise MalformedError(f"{where}: {error}") from None
    rows, where = table["rows"]
    if tuple(_table(rows, where)) != queries:
        raise MalformedError(f"{where}: other queries than those of the file; allowed: the same, in the same order")
    values, hits = _columns(rows, where, len(metrics))
    return Measured(
        definition=MappingProxyType(_table(*table["definition"])),
        metrics=MappingProxyType({metric: values[:, column] for column, metric in enumerate(metrics)}),
        hits=hits,
        scores_sha256=_hash(*table["scores_sha256"]),
        run_time_s=_seconds(*table["run_time_s"]),
        rounds=_whole(*table["rounds"], 0),
    )


def _columns(
    rows: Mapping[str, object], where: str, metrics: int
) -> tuple[npt.NDArray[np.float64], tuple[tuple[str, ...], ...]]:
    """Values of shape (queries, metrics), and the hits of each query."""
    values, hits = np.empty((len(rows), metrics), dtype=np.float64), []
    for at, (query, row) in enumerate(rows.items()):
        if not isinstance(row, list) or len(row) != 2 or not all(isinstance(part, list) for part in row):  # noqa: PLR2004
            _fail(f"{where}.{query}", row, "a list of two lists, metrics and hits")
        numbers, products = row
        if len(numbers) != metrics or not all(map(_is_share, numbers)):
            _fail(f"{where}.{query} metrics", numbers, f"{metrics} numbers from 0 to 1")
        if not all(isinstance(one, str) for one in products) or len(set(products)) < len(products):
            _fail(f"{where}.{query} hits", products, "product ids, each once")
        values[at] = numbers
        hits.append(tuple(products))
    values.flags.writeable = False
    return values, tuple(hits)


def _is_share(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1  # type: ignore[operator]  # a number
