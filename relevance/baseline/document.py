"""A snapshot as a JSON document, and back: one line a query, so that a person sees in a diff what changed.

The checksum is over the content, not the bytes: another line end or indentation is the same baseline, another value is
a hand-edited one. It guards against accidents; whoever wants to forge a baseline can make its checksum too.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relevance.baseline.snapshot import Measured, Snapshot

__all__ = ["CHECKSUM", "SCHEMA", "TIME_DIGITS", "checksum", "document_text"]

SCHEMA = 1
"""Version of the layout: what was written by a newer one is refused."""

CHECKSUM = "sha256"
"""The key of the checksum."""

TIME_DIGITS = 6
"""Decimals of seconds."""

_SPREAD = 3
"""Tables down to this depth have a line for each of their keys; what is deeper stands on one line."""


def document_text(snapshot: Snapshot) -> str:
    """The whole file: equal snapshots give equal texts."""
    content = _content(snapshot)
    head: dict[str, object] = {"schema": SCHEMA, CHECKSUM: checksum({"schema": SCHEMA} | content)}
    return _laid_out(head | content, depth=0) + "\n"


def checksum(content: Mapping[str, object]) -> str:
    """SHA-256 of a document without its checksum, whatever the order of its keys."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _content(snapshot: Snapshot) -> dict[str, object]:
    dataset = snapshot.dataset
    return {
        "dataset": {
            "name": dataset.name,
            "products": dataset.products,
            "corpus": dataset.corpus,
            "queries": dataset.queries,
            "judgments": dataset.judgments,
        },
        "relevant_from": snapshot.relevant_from,
        "engine": dict(snapshot.engine),
        "models": {name: dict(snapshot.models[name]) for name in sorted(snapshot.models)},
        "versions": {name: snapshot.versions[name] for name in sorted(snapshot.versions)},
        "calibration_s": _seconds(snapshot.calibration_s),
        "queries": {
            query: [text, {product: grades[product] for product in sorted(grades)}]
            for query, text, grades in zip(snapshot.queries, snapshot.texts, snapshot.grades, strict=True)
        },
        "strategies": {
            name: _strategy(snapshot.strategies[name], snapshot.queries) for name in sorted(snapshot.strategies)
        },
    }


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, TIME_DIGITS)


def _strategy(measured: Measured, queries: tuple[str, ...]) -> dict[str, object]:
    columns = [values.tolist() for values in measured.metrics.values()]
    values = zip(*columns, strict=True) if columns else (() for _ in queries)
    return {
        "definition": dict(measured.definition),
        "scores_sha256": measured.scores_sha256,
        "run_time_s": _seconds(measured.run_time_s),
        "rounds": measured.rounds,
        "metrics": [str(metric) for metric in measured.metrics],
        "rows": {
            query: [list(row), list(hits)] for query, row, hits in zip(queries, values, measured.hits, strict=True)
        },
    }


def _laid_out(value: Any, *, depth: int) -> str:
    if depth > _SPREAD or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    margin = "  " * depth
    lines = (f"{margin}  {json.dumps(key)}: {_laid_out(one, depth=depth + 1)}" for key, one in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{margin}}}"
