"""What an index of ours says of itself, in its `_meta`: what it holds, whether it is complete, who made it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.engines.elasticsearch.owner import Owner

if TYPE_CHECKING:
    from relevance.engines.base import VectorField
    from relevance.records import Catalogue, Vectors

__all__ = ["PATTERN", "PREFIX", "Mark", "content_of"]

PREFIX = "relevance-"
PATTERN = f"{PREFIX}*"
_KEY = "relevance"
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Mark:
    """What is written into an index.

    Attributes:
        name: of the index; a copy of it under another name is not ours.
        content: hash of all that is in it.
        products: how many it holds when it is complete.
        kept: whether it should outlive the run that made it.
        complete: written last.
        operations: how many writes it has seen when it is complete; more of them have changed it.
        token: of the run that made it.
        version: of the package that made it.
        made: when, in seconds since 1970.
        owner: the process that made it.
    """

    name: str
    content: str
    products: int
    kept: bool
    token: str
    version: str
    made: float
    owner: Owner
    complete: bool = False
    operations: int = 0

    def as_meta(self) -> dict[str, Any]:
        """The `_meta` of a mapping."""
        made = datetime.fromtimestamp(self.made, UTC).isoformat(timespec="seconds")
        return {_KEY: {**vars(self), "made": made, "owner": self.owner.as_json()}}

    @classmethod
    def read(cls, name: str, mappings: object) -> Mark | None:
        """The mark in the mappings of an index of that name; None where it is not ours."""
        meta = mappings.get("_meta") if isinstance(mappings, Mapping) else None
        found = meta.get(_KEY) if isinstance(meta, Mapping) else None
        if not isinstance(found, Mapping) or found.get("name") != name:
            return None
        return cls(
            name=name,
            content=str(found.get("content")),
            products=_whole(found.get("products")),
            kept=found.get("kept") is True,
            token=str(found.get("token")),
            version=str(found.get("version")),
            made=_seconds(found.get("made")),
            owner=Owner.read(found.get("owner")),
            complete=found.get("complete") is True,
            operations=_whole(found.get("operations")),
        )


def content_of(catalogue: Catalogue, vectors: Mapping[VectorField, Vectors], body: Mapping[str, Any]) -> str:
    """Hash of all that an index holds: the products, their vectors in their order, settings and mappings.

    How vectors lie in their matrices does not enter, nor rows that belong to no product.
    """
    digest = hashlib.sha256(json.dumps([catalogue.sha256, body], sort_keys=True).encode())
    for (model, name), found in sorted(vectors.items(), key=lambda item: item[0]):
        digest.update(json.dumps([model, name, found.matrix.shape[1]]).encode())
        for start in range(0, len(found.rows), _ROWS_AT_ONCE):
            rows = found.rows[start : start + _ROWS_AT_ONCE]
            there = rows >= 0
            digest.update(np.packbits(there).tobytes())
            digest.update(found.matrix[rows[there]].astype("<f4", copy=False).tobytes())
    return digest.hexdigest()


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else -1


def _seconds(value: object) -> float:
    """Of a time as it was written; the end of time where there is none, so that nothing is ever too old."""
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError):
        return float("inf")
