"""JSON documents taken apart: the values of each field, and nested objects as documents of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from relevance.engines.embedded.bodies.hits import Ints
    from relevance.schema import Schema


@dataclass
class Values:
    """The values of a field in the order in which documents hold them; several of one document stand together."""

    docs: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)


@dataclass
class Documents:
    """The documents of all levels: products, and the nested objects of each path.

    Attributes:
        parents: for the path of nested objects, which document of the level around it holds each; "": products.
        values: by the place where documents hold them; fields that others are copied to are among them.
        unmapped: places of values that the mapping does not name.
    """

    parents: dict[str, Ints]
    values: dict[str, Values]
    unmapped: set[str]


def read_documents(documents: Iterable[Mapping[str, Any]], schema: Schema) -> Documents:
    """Take documents apart, in their order."""
    return _Reader(schema).read(documents)


class _Reader:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._targets = {
            path: [schema.fields[target] for one in fields for target in one.copy_to if one.path == path]
            for path, fields in schema.sources.items()
        }
        self._values = {path: Values() for path in schema.sources}
        self._parents: dict[str, list[int]] = {path: [] for path in schema.nested}
        self._containers = {*schema.objects, *schema.nested}
        self._unmapped: set[str] = set()

    def read(self, documents: Iterable[Mapping[str, Any]]) -> Documents:
        count = 0
        for document in documents:
            self._object(document, "", {"": count})
            count += 1
        parents = {path: np.array(held, dtype=np.int64) for path, held in self._parents.items()}
        return Documents({"": np.arange(count), **parents}, self._values, self._unmapped)

    def _object(self, value: Mapping[str, Any], prefix: str, numbers: dict[str, int]) -> None:
        for key, child in value.items():
            self._value(prefix + key, child, numbers)

    def _value(self, path: str, value: Any, numbers: dict[str, int]) -> None:
        """Keep a value; `numbers` are those of the document and of the nested objects around it, by their paths."""
        fields = self._schema.sources.get(path)
        if path in self._schema.disabled or (fields and fields[0].is_stored):
            return
        if isinstance(value, Mapping):
            if path in self._parents:
                held = self._parents[path]
                held.append(numbers[self._schema.nested[path]])
                numbers = {**numbers, path: len(held) - 1}
            self._object(value, f"{path}.", numbers)
            return
        if isinstance(value, list | tuple) and not (fields and fields[0].type == "dense_vector"):
            for one in value:
                self._value(path, one, numbers)
            return
        if fields is None:
            if value is not None and path not in self._containers:
                self._unmapped.add(path)
            return
        self._keep(path, fields[0].nested, value, numbers)
        for target in self._targets[path] if value is not None else ():
            self._keep(target.path, target.nested, value, numbers)

    def _keep(self, path: str, nested: str, value: Any, numbers: dict[str, int]) -> None:
        held = self._values[path]
        held.docs.append(numbers[nested])
        held.values.append(value)
