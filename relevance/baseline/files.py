"""Baseline files: `DATASET.json`, or `DATASET.json.gz` above 1 MB; written whole or not at all, read with bounds.

A file is a snapshot as JSON, one line a query, so that a diff shows what changed. Its checksum is over the content, not
the bytes: another line end or indentation is the same baseline, another value is a hand-edited one. It guards against
accidents; whoever wants to forge a baseline can make its checksum too.

Where both forms lie side by side the plain one counts. So an update has one moment at which it happens: the plain file
gets its new content, or it goes away and the packed one, complete by then, takes its place. Whenever a run is killed,
what is read is the old baseline or the new one.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, get_args

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

from relevance.baseline.acceptance import MOST_ENTRIES, Acceptance, Accepted, Overridden
from relevance.baseline.seen import ProductsSeen, bytes_of
from relevance.baseline.snapshot import DatasetIdentity, Measurement, Snapshot
from relevance.errors import InputError
from relevance.evaluation import Metric, parse
from relevance.files import MIB, is_lfs_pointer, open_bytes, parse_json, quoted, shown, write_file
from relevance.text import some

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import ErrorDetails

SNAPSHOT = "baseline.json"
"""The session as a baseline in a folder of results."""

SCHEMA = 3
"""Version of the layout: what was written by a newer one is refused. Version 1 has no more than `_Document1`, version 2
no log; a file without a log is still written as that."""

_WITHOUT_LOG = 2

_KEPT_1 = 10
"""So many hits of a query a file of version 1 keeps."""

CHECKSUM = "sha256"
"""The key of the checksum."""

PACKED_FROM_BYTES = 1_000_000
MAX_BYTES = 256 * MIB
MAX_VALUES = 20_000_000
"""Of a document: numbers, texts and lists; some 1.2 million rows. Parsed, each takes 100 bytes and more."""

MAX_SEEN_BYTES = 36_000_000
"""Of `products_seen`: 20 million products."""

_TIME_DIGITS = 6
_FEWEST_BUILDS = 2
_LONGEST = 4_000
_SPREAD = 3
"""Tables down to this depth have a line for each of their keys; what is deeper stands on one line."""
_BELOW = 2**53
_DEEPEST = 50
_MOST_NAMES = 1_000
_MOST_IN_A_TABLE = 1_000_000
_SHOWN = 40
_RESTORE = "restore it (git checkout), or move it away and write a new one with --update-baseline"


# The document as a typed record


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


def _query(value: object) -> object:
    """Text, grades and parameters; the parameters are left out where there are none."""
    if not isinstance(value, list | tuple) or len(value) not in (2, 3):
        raise PydanticCustomError("allowed", "a list of text and grades")
    return (*value, {})[:3]


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
    values = 0
    for _ in range(_DEEPEST):
        level = [one for value in level for one in (value.values() if isinstance(value, dict) else value)]
        values += len(level)
        if values > _MOST_IN_A_TABLE:
            raise _problem(f"more than {_MOST_IN_A_TABLE:,} values; allowed: so many at most")
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return table
    raise _problem(f"nested more than {_DEEPEST} deep; allowed: tables that are not")


def _few(table: dict[str, Any]) -> dict[str, Any]:
    if len(table) > _MOST_NAMES:
        raise _problem(f"{len(table):,} names; allowed: at most {_MOST_NAMES:,}")
    return table


def _logged(log: list[_Entry]) -> list[_Entry]:
    if not 0 < len(log) <= MOST_ENTRIES:
        raise _problem(f"{len(log):,} entries; allowed: 1 to {MOST_ENTRIES}")
    return log


def _once(hits: list[str]) -> list[str]:
    if len(set(hits)) < len(hits):
        raise PydanticCustomError("allowed", "product ids, each once")
    return hits


def _distinct(tags: list[str]) -> list[str]:
    if not tags or len(set(tags)) < len(tags):
        raise PydanticCustomError("allowed", "tags, each once")
    return tags


def _several(builds: list[float]) -> list[float]:
    if len(builds) < _FEWEST_BUILDS:
        raise PydanticCustomError("allowed", f"{_FEWEST_BUILDS} numbers from 0 to 1 or more")
    return builds


def _seen(value: object) -> ProductsSeen:
    if isinstance(value, ProductsSeen):
        return value
    with suppress(ValueError):
        if isinstance(value, str):
            return ProductsSeen.decoded(value)
    raise PydanticCustomError("allowed", "bits in base64, or null")


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
_Seconds = Annotated[
    Annotated[float, Field(ge=1e-9, allow_inf_nan=False)] | None, _Allowed("1e-9 seconds or more, or null")
]
_Share = Annotated[float, Field(ge=0, le=1), _Allowed("a number from 0 to 1")]
_StrategyName = Annotated[str, Field(pattern="^[a-z0-9_]+$"), _Allowed("lower-case letters, digits and underscores")]
_Table = Annotated[dict[str, Any], AfterValidator(_shallow)]
_Query = Annotated[
    tuple[_Text, dict[str, _Grade], _Table],
    BeforeValidator(_query),
    PlainSerializer(lambda query: query if query[2] else query[:2]),
]
_Row = Annotated[
    tuple[list[_Share], Annotated[list[_Text], AfterValidator(_once)]],
    _pair("a list of two lists, metrics and hits"),
]
_Depth = Annotated[int, Field(ge=1, le=1_000), _Allowed("a whole number from 1 to 1,000")]
_Seen = Annotated[ProductsSeen, PlainValidator(_seen), PlainSerializer(ProductsSeen.encoded)]
_Time = Annotated[
    str, Field(pattern=r"^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z$"), _Allowed("a time, 2026-11-28T18:30:00Z")
]
_Line = Annotated[str, Field(max_length=_LONGEST), _Allowed(f"a text of at most {_LONGEST:,} characters")]
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
    rebuilds: dict[_Text, Annotated[list[_Share], AfterValidator(_several)]] = {}
    metrics: list[_MetricName]
    rows: dict[str, _Row]


class _Accepted(_Record):
    verdict: Annotated[Overridden, _Allowed(", ".join(get_args(Overridden)))]
    fails: Annotated[bool, _Allowed("true or false")]
    before: Annotated[_Share | None, _Allowed("a number from 0 to 1, or null")]
    after: Annotated[_Share | None, _Allowed("a number from 0 to 1, or null")]
    scores_sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$"), _Allowed("64 hex digits, or an empty text")]


class _Entry(_Record):
    when: _Time
    by: _Line
    reason: _Line
    metric: _Line
    data: _Line
    strategies: Annotated[dict[_StrategyName, _Accepted], AfterValidator(_few)]


class _Document1(_Record):
    """What stands in a file of version 1 beside its schema and checksum."""

    dataset: _Dataset
    relevant_from: _Limit
    engine: _Engine
    models: Annotated[dict[str, _Table], AfterValidator(_few)]
    versions: Annotated[dict[str, _Text], AfterValidator(_few)]
    calibration_s: _Seconds
    queries: Annotated[dict[str, _Query], AfterValidator(_ascending)]
    strategies: dict[_StrategyName, _Strategy]


class _Document2(_Document1):
    """What stands in a file of version 2."""

    kept: _Depth
    weights: dict[str, _Grade]
    tags: dict[str, Annotated[list[_Text], AfterValidator(_distinct)]]
    gate: _Table
    products_seen: _Seen | None


class _Document(_Document2):
    """What stands in a file beside its schema and checksum."""

    log: Annotated[list[_Entry], AfterValidator(_logged)]


class MalformedError(ValueError):
    """What is wrong with a document: its place, what was found there, and what is allowed."""


_CONTAINERS = {"dict_type": "a table", "model_type": "a table", "list_type": "a list"}
_TABLES: Mapping[str, type[BaseModel]] = {
    "dataset": _Dataset,
    "engine": _Engine,
    "log": _Entry,
    "strategies": _Strategy,
}
_OF_ACCEPTED = len(("log", 0, "strategies", "own", "fails"))
_COLUMNS = {"queries": ("text", "grades", "params"), "rows": ("metrics", "hits")}


def _malformed(error: ErrorDetails) -> MalformedError:
    path, kind = error["loc"], error["type"]
    where = _place(path)
    if kind in ("missing", "extra_forbidden"):
        table = _TABLES[str(path[0])] if len(path) > 1 else _Document
        table = _Accepted if table is _Entry and len(path) == _OF_ACCEPTED else table
        problem = "is missing" if kind == "missing" else "is not known"
        return MalformedError(f"{where[:_SHOWN]!r} {problem}; allowed: {', '.join(table.model_fields)}")
    if kind == "problem":
        return MalformedError(f"{where}: {error['msg']}")
    if path[-1] == "[key]":
        where = f"{_place(path[:-2])}: a name"
    return MalformedError(f"{where} is {_short(error['input'])}; allowed: {_CONTAINERS.get(kind, error['msg'])}")


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


# Writing


def document_text(snapshot: Snapshot) -> str:
    """The whole file: equal snapshots give equal texts, whatever was measured first."""
    document = (_Document if snapshot.log else _Document2).model_validate(
        {
            "dataset": asdict(snapshot.dataset),
            "relevant_from": snapshot.relevant_from,
            "engine": dict(snapshot.engine),
            "models": {name: dict(model) for name, model in sorted(snapshot.models.items())},
            "versions": dict(sorted(snapshot.versions.items())),
            "calibration_s": _rounded(snapshot.calibration_s),
            "kept": snapshot.kept,
            "gate": dict(snapshot.gate),
            "products_seen": snapshot.products_seen,
            "weights": {query: one for query, one in zip(snapshot.queries, snapshot.weights, strict=False) if one != 1},
            "tags": {query: list(one) for query, one in zip(snapshot.queries, snapshot.tags, strict=False) if one},
            "queries": {
                query: (text, dict(sorted(grades.items())), dict(params))
                for query, (text, grades, params) in snapshot.judged().items()
            },
            "strategies": {
                name: {
                    "definition": dict(measured.definition),
                    "scores_sha256": measured.scores_sha256,
                    "run_time_s": _rounded(measured.run_time_s),
                    "rounds": measured.rounds,
                    "rebuilds": {name: list(values) for name, values in measured.rebuilds.items()},
                    "metrics": list(measured.metrics),
                    "rows": _rows(measured, snapshot.queries),
                }
                for name, measured in sorted(snapshot.strategies.items())
            },
            **({"log": [asdict(entry) for entry in snapshot.log]} if snapshot.log else {}),
        }
    )
    parts = document.model_dump()
    for strategy in parts["strategies"].values():
        if not strategy["rebuilds"]:
            del strategy["rebuilds"]
    long = {name: parts.pop(name) for name in ("queries", "strategies")}  # last, below what a person looks for
    schema = SCHEMA if snapshot.log else _WITHOUT_LOG
    content = {"schema": schema, **parts, **long}
    head: dict[str, object] = {"schema": schema, CHECKSUM: checksum(content)}
    return _laid_out(head | content, depth=0) + "\n"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, _TIME_DIGITS)


def _rows(measured: Measurement, queries: tuple[str, ...]) -> dict[str, tuple[list[float], list[str]]]:
    values = np.column_stack([np.empty((len(queries), 0)), *measured.metrics.values()]).tolist()
    return {query: (row, list(hits)) for query, row, hits in zip(queries, values, measured.hits, strict=True)}


def checksum(content: Mapping[str, object]) -> str:
    """SHA-256 of a document without its checksum, whatever the order of its keys."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _laid_out(value: object, *, depth: int) -> str:
    if depth == 1 and isinstance(value, list):  # the log: an entry a line
        return "[\n" + ",\n".join(f"    {_laid_out(one, depth=_SPREAD + 1)}" for one in value) + "\n  ]"
    if depth > _SPREAD or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    margin = "  " * depth
    lines = (f"{margin}  {json.dumps(key)}: {_laid_out(one, depth=depth + 1)}" for key, one in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{margin}}}"


def write_baseline(snapshot: Snapshot, folder: Path, *, name: str = "") -> Path:
    """Write a file into `folder`, and remove its other form; the path.

    Args:
        snapshot: its content.
        folder: made where it is not there.
        name: of the file, without `.json`; "" is that of the snapshot's data set.

    Raises:
        OSError: the folder cannot be written; what was there is untouched.
        InputError: the baseline is too large to be read again.
    """
    plain = folder / f"{name or snapshot.dataset.name}.json"
    packed = folder / f"{plain.name}.gz"
    content = document_text(snapshot).encode("utf-8")
    sizes = (
        (len(content), MAX_BYTES, "bytes"),
        (_value_count(content), MAX_VALUES, "values"),
        (len(snapshot.products_seen or ""), MAX_SEEN_BYTES, "bytes of products_seen"),
    )
    for size, most, what in sizes:
        if size > most:
            raise InputError(f"{plain}: {size:,} {what}; allowed: at most {most:,}; choose fewer strategies")
    folder.mkdir(parents=True, exist_ok=True)
    if len(content) > PACKED_FROM_BYTES:
        write_file(packed, _gzipped(content))
        plain.unlink(missing_ok=True)
        return packed
    write_file(plain, content)
    packed.unlink(missing_ok=True)
    return plain


def _gzipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    # no name and no time: equal content gives equal bytes
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        file.write(content)
    return packed.getvalue()


# Reading


def find_baseline(folder: Path, name: str) -> Path | None:
    """The file of a data set, None where there is none; the plain form before the packed one."""
    forms = (folder / f"{name}.json", folder / f"{name}.json.gz")
    return next((path for path in forms if os.path.lexists(path)), None)


def read_baseline(path: Path, *, named: str = "", expected: str = "a file of --update-baseline") -> Snapshot:
    """Read a file, plain or packed, whatever its name.

    Args:
        path: the file.
        named: what messages call it; "" is its path.
        expected: what may be there, for messages.

    Raises:
        InputError: it cannot be read, is something else, is damaged or truncated, was changed by hand, or was written
            by a newer version.
    """
    name = named or shown(path)
    try:
        return _snapshot(_content(_document(_unpacked(path))))
    except OSError as error:
        if path.is_symlink() and not path.exists():
            there = f"is a link to {path.readlink()}, which is not there"
            raise InputError(f"{name}: {there}; restore that file, or remove the link") from None
        raise InputError(f"{name}: cannot be read ({error.strerror or error}); a baseline is expected there") from None
    except MemoryError:
        raise InputError(f"{name}: there is not enough memory to read it") from None
    except _SomethingElseError as error:
        raise InputError(f"{name}: {error}, not a baseline; {expected} is expected there") from None
    except MalformedError as error:
        raise InputError(f"{name}: {error}") from None


class _SomethingElseError(MalformedError):
    """What a file is instead."""


def _damaged(problem: str) -> NoReturn:
    raise MalformedError(f"damaged baseline ({problem}); {_RESTORE}")


def _unpacked(path: Path) -> bytes:
    if path.is_dir():
        raise _SomethingElseError(f"is {_folder_kind(path)}")
    if path.exists() and not path.is_file():
        raise _SomethingElseError("is no file")
    if is_lfs_pointer(path):
        raise MalformedError("is a Git LFS pointer, not the baseline itself; run git lfs pull")
    try:
        with open_bytes(path, most_bytes=MAX_BYTES) as stream:
            raw = stream.read()
    except InputError as error:  # it names the path in full
        raise MalformedError(str(error).removeprefix(shown(path)).lstrip(": ")) from None
    except EOFError:
        _damaged("the packed file ends too early")
    except (gzip.BadGzipFile, zlib.error) as error:
        _damaged(f"gzip: {error}")
    if not raw:
        _damaged("it is empty")
    return raw


def _document(raw: bytes) -> dict[str, object]:
    if raw.startswith(b"<<<<<<< ") or b"\n<<<<<<< " in raw:
        raise MalformedError(
            "has marks of a merge conflict; take one side (git checkout --ours or --theirs), "
            "then run pytest with --update-baseline"
        )
    if kind := _file_kind(raw):
        raise _SomethingElseError(f"is {kind}")
    values = _value_count(raw)
    if values > MAX_VALUES:  # empty lists take 28 times the memory of their text
        raise MalformedError(f"holds {values:,} values; allowed: at most {MAX_VALUES:,}")
    try:
        document = parse_json(raw.decode("utf-8-sig"))
    except ValueError as error:
        if raw.lstrip().startswith(b"{") and b'"schema"' not in raw[:_BEGINNING]:  # ours begin with it
            begins = raw[:40].decode("utf-8-sig", errors="replace")
            raise _SomethingElseError(f"is a text that begins with {quoted(begins)}") from None
        problem = f"byte {error.start} is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"not JSON: {error}"
        _damaged(problem)
    if not isinstance(document, dict) or "schema" not in document or CHECKSUM not in document:
        raise _SomethingElseError(f"is {_document_kind(document)}")
    return document


def _value_count(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def _content(document: Mapping[str, object]) -> dict[str, object]:
    """What stands in it beside schema and checksum."""
    schema = document["schema"]
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
        _damaged(f"schema {str(schema)[:20]!r}")
    if schema > SCHEMA:
        raise MalformedError(
            f"schema {_short(schema)}, this version reads {SCHEMA}; a newer relevance wrote it: update relevance"
        )
    content = {key: value for key, value in document.items() if key != CHECKSUM}
    try:
        actual = checksum(content)
    except RecursionError:
        _damaged("nested too deeply")
    if actual != document[CHECKSUM]:
        raise MalformedError(
            "changed by hand (its checksum is another); undo the change (git diff shows it), or move the file away "
            "and write a new one with --update-baseline"
        )
    return content


def _snapshot(content: Mapping[str, object]) -> Snapshot:
    document = {key: value for key, value in content.items() if key != "schema"}
    try:
        if content["schema"] == SCHEMA:
            record: _Document2 = _Document.model_validate(document)
        elif content["schema"] == _WITHOUT_LOG:
            record = _Document2.model_validate(document)
        else:
            of_version_1 = _Document1.model_validate(document).__dict__
            record = _Document2.model_construct(
                **of_version_1, kept=_KEPT_1, weights={}, tags={}, gate={}, products_seen=None
            )
    except ValidationError as error:
        raise _malformed(error.errors(include_url=False)[0]) from None
    queries = tuple(record.queries)
    for name, table in (("weights", record.weights), ("tags", record.tags)):
        if unknown := next((query for query in table if query not in record.queries), None):
            raise MalformedError(f"{name}.{unknown[:_SHOWN]}: no query of the file; allowed: its queries")
    size = 0 if record.products_seen is None else len(record.products_seen)
    most = min(bytes_of(record.dataset.products), MAX_SEEN_BYTES)
    if size > most:
        allowed = f"at most {most:,}, for {record.dataset.products:,} products"
        raise MalformedError(f"products_seen has {size:,} bytes; allowed: {allowed}")
    params = tuple(one for _, _, one in record.queries.values())
    return Snapshot(
        dataset=DatasetIdentity(**record.dataset.model_dump()),
        queries=queries,
        texts=tuple(text for text, _, _ in record.queries.values()),
        grades=tuple(grades for _, grades, _ in record.queries.values()),
        params=params if any(params) else (),
        relevant_from=record.relevant_from,
        strategies={
            name: _measurement(f"strategies.{name}.rows", one, queries, record.kept)
            for name, one in record.strategies.items()
        },
        engine=record.engine.model_dump(),
        models=record.models,
        versions=record.versions,
        calibration_s=record.calibration_s,
        kept=record.kept,
        weights=tuple(record.weights.get(query, 1) for query in queries) if record.weights else (),
        tags=tuple(tuple(record.tags.get(query, ())) for query in queries) if record.tags else (),
        gate=record.gate,
        products_seen=record.products_seen,
        log=tuple(map(_acceptance, record.log)) if isinstance(record, _Document) else (),
    )


def _acceptance(entry: _Entry) -> Acceptance:
    strategies = {name: Accepted(**one.model_dump()) for name, one in entry.strategies.items()}
    return Acceptance(**entry.model_dump(exclude={"strategies"}), strategies=strategies)


def _measurement(where: str, strategy: _Strategy, queries: tuple[str, ...], kept: int) -> Measurement:
    if tuple(strategy.rows) != queries:
        raise MalformedError(f"{where}: other queries than those of the file; allowed: the same, in the same order")
    size = len(strategy.metrics)
    for query, (row, hits) in strategy.rows.items():
        if len(row) != size:
            raise MalformedError(f"{where}.{query} metrics is {_short(row)}; allowed: {size} numbers from 0 to 1")
        if len(hits) > kept:
            raise MalformedError(f"{where}.{query} hits: {len(hits):,}; allowed: {kept} at most")
    values = np.array([row for row, _ in strategy.rows.values()], dtype=np.float64).reshape(len(queries), size)
    values.flags.writeable = False
    return Measurement(
        definition=strategy.definition,
        metrics=dict(zip(strategy.metrics, values.T, strict=True)),
        hits=tuple(tuple(hits) for _, hits in strategy.rows.values()),
        scores_sha256=strategy.scores_sha256,
        run_time_s=strategy.run_time_s,
        rounds=strategy.rounds,
        rebuilds={name: tuple(numbers) for name, numbers in strategy.rebuilds.items()},
    )


# What else people name: the wrong file of a run, or another tool's

_BEGINNING = 4096
_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF file",
    b"\x89PNG": "a picture",
    b"(\xb5/\xfd": "a file packed by Zstandard",
    b"\xfd7zXZ": "a file packed by xz",
    b"BZh": "a file packed by bzip2",
}
_TEXTS = {
    r"\{.*\}\s*\n\s*\{": "a file of JSON lines",
    r"\{|$|\0": "",
    r"\[": "a JSON list",
    r"<!doctype|<html|<\?xml": "a web page or XML",
    r"\S+[ \t]+Q0[ \t]+\S+[ \t]+\d+[ \t]+\S+[ \t]+\S+\s*(\n|$)": "a TREC run",
    r"\S+[ \t]+(0|Q0)[ \t]+\S+[ \t]+-?\d+\s*(\n|$)": "a file of TREC judgments (qrels)",
    r"[^\n,]*,[^\n]*\n[^\n,]*,|[^\n\t]*\t[^\n]*\n[^\n\t]*\t": "a table in text (CSV)",
}
"""By what the text begins with; the first that fits, "" where that may be a baseline."""

_FOLDERS = {
    SNAPSHOT: f"a folder of results (its {SNAPSHOT} is one)",
    "results.json": f"a folder of results of an older version, without {SNAPSHOT}",
    "mutations.json": "a folder that relevance mutate has written",
    "diagnosis.json": "a folder that relevance compare has written",
    "combinations.csv": "a folder that relevance tune has written",
    "training.csv": "a folder that relevance finetune has written",
    "modules.json": "an embedding model",
    "model.safetensors": "an embedding model",
    "corpus.jsonl": "a BEIR data set",
    "products.csv": "a data set",
    "products.jsonl": "a data set",
    "relevance.toml": "a project (its baselines are in benchmarks/baselines)",
}
"""By a file that is in it."""


def _file_kind(raw: bytes) -> str:
    packed = next((kind for magic, kind in _MAGIC.items() if raw.startswith(magic)), "")
    if packed or raw[257:262] == b"ustar":
        return packed or "a tar archive"
    text = raw[:_BEGINNING].decode("utf-8-sig", errors="replace").lstrip()
    unknown = f"a text that begins with {quoted(text[:40])}"
    return next((kind for pattern, kind in _TEXTS.items() if re.match(pattern, text, re.IGNORECASE)), unknown)


def _document_kind(document: object) -> str:
    keys = set(document) if isinstance(document, dict) else set()
    if "not_run" in keys:
        return f"the results.json of a run ({SNAPSHOT} beside it is one)"
    if keys == {"schema", "strategies"}:
        return f"the per_query.json of a run ({SNAPSHOT} beside it is one)"
    if keys == {"schema", "baselines"}:
        return "the diagnosis.json of a comparison"
    return "JSON without schema or checksum"


def _folder_kind(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    for name, kind in _FOLDERS.items():
        if name in names:
            return kind
    runs = [name for name in names if name.endswith((".run", ".trec"))]
    documents = [name for name in names if name.endswith((".json", ".json.gz"))]
    if runs:
        return f"a folder of TREC runs ({some(runs, 3)})"
    if documents:
        return f"a folder; name one of its files ({some(documents, 3)})"
    return f"a folder with {some(names, 3)}" if names else "an empty folder"
