"""A baseline file as a typed record: a snapshot as JSON, one line a query, so that a diff shows what changed.

The checksum is over the content, not the bytes: another line end or indentation is the same baseline, another value is
a hand-edited one. It guards against accidents; whoever wants to forge a baseline can make its checksum too.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
)
from pydantic_core import PydanticCustomError, core_schema

from relevance.baseline.snapshot import DatasetIdentity, Measurement, Snapshot
from relevance.errors import InputError
from relevance.evaluation import Metric, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import ErrorDetails

SCHEMA = 1
"""Version of the layout: what was written by a newer one is refused."""

CHECKSUM = "sha256"
"""The key of the checksum."""

TIME_DIGITS = 6
"""Decimals of seconds."""

_SPREAD = 3
"""Tables down to this depth have a line for each of their keys; what is deeper stands on one line."""
_BELOW = 2**53
_DEEPEST = 50
_SHOWN = 40


class MalformedError(ValueError):
    """What is wrong with a document: its place, what was found there, and what is allowed."""


@dataclass(frozen=True)
class _Allowed:
    """What a message says is allowed, in the place of pydantic's own words."""

    words: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.custom_error_schema(handler(source), "allowed", custom_error_message=self.words)


def _problem(text: str) -> PydanticCustomError:
    return PydanticCustomError("problem", "{text}", {"text": text})


def _pair(words: str) -> BeforeValidator:
    """A list of two: tuples are strict otherwise, and JSON has none."""

    def check(value: object) -> tuple[object, ...]:
        if not isinstance(value, list | tuple) or len(value) != 2:  # noqa: PLR2004 - a pair
            raise PydanticCustomError("allowed", words)
        return tuple(value)

    return BeforeValidator(check)


def _integral(value: float) -> float:
    """Whole numbers as such: they are written without a point."""
    return int(value) if value.is_integer() else value


def _ascending(table: dict[str, Any]) -> dict[str, Any]:
    if not table:
        raise _problem("there is none; allowed: one or more")
    late = next((right for left, right in pairwise(table) if left >= right), None)
    if late is not None:
        raise _problem(f"{late[:_SHOWN]!r} stands too late; allowed: ids in ascending order")
    return table


def _shallow(table: dict[str, Any]) -> dict[str, Any]:
    """Tables of any content are compared by functions that call themselves."""
    level: list[Any] = [table]
    for _ in range(_DEEPEST):
        level = [one for value in level for one in (value.values() if isinstance(value, dict) else value)]
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return table
    raise _problem(f"nested more than {_DEEPEST} deep; allowed: tables that are not")


def _once(hits: list[str]) -> list[str]:
    if len(set(hits)) < len(hits):
        raise PydanticCustomError("allowed", "product ids, each once")
    return hits


def _metric(name: object) -> Metric:
    if isinstance(name, Metric):
        return name
    if not isinstance(name, str):
        raise PydanticCustomError("allowed", "a text")
    try:
        return parse(name)
    except InputError as error:
        raise _problem(str(error)) from None


_Text = Annotated[str, _Allowed("a text")]
_Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$"), _Allowed("64 hex digits")]
_Count = Annotated[int, Field(ge=0, lt=_BELOW), _Allowed("a whole number of 0 or more")]
_Grade = Annotated[float, Field(ge=0, lt=_BELOW), _Allowed("a number of 0 or more"), AfterValidator(_integral)]
_Limit = Annotated[float, Field(gt=0, lt=_BELOW), _Allowed("a number above 0"), AfterValidator(_integral)]
_Seconds = Annotated[Annotated[float, Field(gt=0, allow_inf_nan=False)] | None, _Allowed("seconds above 0, or null")]
_Share = Annotated[float, Field(ge=0, le=1), _Allowed("a number from 0 to 1")]
_StrategyName = Annotated[str, Field(pattern="^[a-z0-9_]+$"), _Allowed("lower-case letters, digits and underscores")]
_Table = Annotated[dict[str, Any], AfterValidator(_shallow)]
_Query = Annotated[tuple[_Text, dict[str, _Grade]], _pair("a list of text and grades")]
_Row = Annotated[
    tuple[list[_Share], Annotated[list[_Text], AfterValidator(_once)]],
    _pair("a list of two lists, metrics and hits"),
]
_MetricName = Annotated[Metric, PlainValidator(_metric), PlainSerializer(str)]


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Dataset(_Record):
    name: _Text
    products: _Count
    corpus: _Hash
    queries: _Hash
    judgments: _Hash


class _Engine(_Record):
    name: _Text
    version: _Text
    facts: _Table


class _Strategy(_Record):
    definition: _Table
    scores_sha256: _Hash
    run_time_s: _Seconds
    rounds: _Count
    metrics: list[_MetricName]
    rows: dict[str, _Row]


class BaselineFile(_Record):
    """What stands in a file beside its schema and checksum."""

    dataset: _Dataset
    relevant_from: _Limit
    engine: _Engine
    models: dict[str, _Table]
    versions: dict[str, _Text]
    calibration_s: _Seconds
    queries: Annotated[dict[str, _Query], AfterValidator(_ascending)]
    strategies: dict[_StrategyName, _Strategy]


def document_text(snapshot: Snapshot) -> str:
    """The whole file: equal snapshots give equal texts, whatever was measured first."""
    record = BaselineFile.model_validate(
        {
            "dataset": asdict(snapshot.dataset),
            "relevant_from": snapshot.relevant_from,
            "engine": dict(snapshot.engine),
            "models": {name: dict(model) for name, model in sorted(snapshot.models.items())},
            "versions": dict(sorted(snapshot.versions.items())),
            "calibration_s": _rounded(snapshot.calibration_s),
            "queries": {
                query: (text, dict(sorted(grades.items()))) for query, (text, grades) in snapshot.judged().items()
            },
            "strategies": {
                name: {
                    "definition": dict(measured.definition),
                    "scores_sha256": measured.scores_sha256,
                    "run_time_s": _rounded(measured.run_time_s),
                    "rounds": measured.rounds,
                    "metrics": list(measured.metrics),
                    "rows": _rows(measured, snapshot.queries),
                }
                for name, measured in sorted(snapshot.strategies.items())
            },
        }
    )
    content = {"schema": SCHEMA} | record.model_dump()
    head: dict[str, object] = {"schema": SCHEMA, CHECKSUM: checksum(content)}
    return _laid_out(head | content, depth=0) + "\n"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, TIME_DIGITS)


def _rows(measured: Measurement, queries: tuple[str, ...]) -> dict[str, tuple[list[float], list[str]]]:
    values = np.column_stack([np.empty((len(queries), 0)), *measured.metrics.values()]).tolist()
    return {query: (row, list(hits)) for query, row, hits in zip(queries, values, measured.hits, strict=True)}


def checksum(content: Mapping[str, object]) -> str:
    """SHA-256 of a document without its checksum, whatever the order of its keys."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _laid_out(value: object, *, depth: int) -> str:
    if depth > _SPREAD or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    margin = "  " * depth
    lines = (f"{margin}  {json.dumps(key)}: {_laid_out(one, depth=depth + 1)}" for key, one in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{margin}}}"


def snapshot_of_document(content: Mapping[str, object]) -> Snapshot:
    """The snapshot of a document without schema and checksum.

    Raises:
        MalformedError: a key is missing or not known, a value is not of its kind or out of range, or rows and queries
            differ.
    """
    try:
        record = BaselineFile.model_validate(content)
    except ValidationError as error:
        raise MalformedError(_line(error.errors(include_url=False)[0])) from None
    return Snapshot(
        dataset=DatasetIdentity(**record.dataset.model_dump()),
        queries=tuple(record.queries),
        texts=tuple(text for text, _ in record.queries.values()),
        grades=tuple(grades for _, grades in record.queries.values()),
        relevant_from=record.relevant_from,
        strategies={
            name: _measurement(f"strategies.{name}", one, list(record.queries))
            for name, one in record.strategies.items()
        },
        engine=record.engine.model_dump(),
        models=record.models,
        versions=record.versions,
        calibration_s=record.calibration_s,
    )


def _measurement(where: str, strategy: _Strategy, queries: list[str]) -> Measurement:
    if list(strategy.rows) != queries:
        raise MalformedError(
            f"{where}.rows: other queries than those of the file; allowed: the same, in the same order"
        )
    size = len(strategy.metrics)
    for query, (row, _) in strategy.rows.items():
        if len(row) != size:
            raise MalformedError(f"{where}.rows.{query} metrics is {_short(row)}; allowed: {size} numbers from 0 to 1")
    values = np.array([row for row, _ in strategy.rows.values()], dtype=np.float64).reshape(len(queries), size)
    values.flags.writeable = False
    return Measurement(
        definition=strategy.definition,
        metrics=dict(zip(strategy.metrics, values.T, strict=True)),
        hits=tuple(tuple(hits) for _, hits in strategy.rows.values()),
        scores_sha256=strategy.scores_sha256,
        run_time_s=strategy.run_time_s,
        rounds=strategy.rounds,
    )


_CONTAINERS = {"dict_type": "a table", "model_type": "a table", "list_type": "a list"}
_TABLES: Mapping[str, type[BaseModel]] = {"dataset": _Dataset, "engine": _Engine, "strategies": _Strategy}
_COLUMNS = {"queries": ("text", "grades"), "rows": ("metrics", "hits")}


def _line(error: ErrorDetails) -> str:
    """Where, what stands there, and what is allowed."""
    path, kind = error["loc"], error["type"]
    where = _place(path)
    if kind in ("missing", "extra_forbidden"):
        table = _TABLES[str(path[0])] if len(path) > 1 else BaselineFile
        problem = "is missing" if kind == "missing" else "is not known"
        return f"{where[:_SHOWN]!r} {problem}; allowed: {', '.join(table.model_fields)}"
    if kind == "problem":
        return f"{where}: {error['msg']}"
    if path[-1] == "[key]":
        where = f"{_place(path[:-2])}: a name"
    return f"{where} is {_short(error['input'])}; allowed: {_CONTAINERS.get(kind, error['msg'])}"


def _place(path: tuple[int | str, ...]) -> str:
    """`strategies.titles.rows.q2 metrics[0]`."""
    place = ""
    for at, key in enumerate(path):
        if isinstance(key, str):
            place += f".{key}" if place else key
        elif at >= 2 and path[at - 2] in _COLUMNS:  # noqa: PLR2004 - behind a name and a query id
            place += f" {_COLUMNS[str(path[at - 2])][key]}"
        else:
            place += f"[{key}]"
    return place


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
