"""JSON documents taken apart: the values of each field, and nested objects as documents of their own."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from relevance.engines.embedded.bodies.hits import Ints
    from relevance.schema import Field, Schema


_PLAIN = (str, int, float)


@dataclass
class Values:
    """The values of a field in the order in which documents hold them; several of one document stand together."""

    docs: array[int] = field(default_factory=lambda: array("i"))
    values: list[Any] = field(default_factory=list)
    has_null: bool = False

    def add(self, doc: int, value: Any) -> None:
        """Add a value of a document."""
        self.docs.append(doc)
        self.values.append(value)
        if value is None:
            self.has_null = True

    def filled(self, null: Any = None) -> tuple[npt.NDArray[np.int32], list[Any]]:
        """Documents and values; what stands for null where the field says so, else without it."""
        docs, values = np.array(self.docs, dtype=np.int32), self.values
        if self.has_null:
            values = [null if value is None else value for value in values]
            kept = [at for at, value in enumerate(values) if value is not None]
            docs, values = docs[kept], [values[at] for at in kept]
        return docs, values


@dataclass(eq=False)
class Documents:
    """The documents of all levels: products, and the nested objects of each path.

    Attributes:
        parents: for the path of nested objects, which document of the level around it holds each; "": products.
        values: by the place where documents hold them; fields that others are copied to are among them.
        unmapped: places of values that the mapping does not name.
        columns: fields that are indexed, of all indices that share the documents, as long as one of them has it.
    """

    parents: dict[str, Ints]
    values: dict[str, Values]
    unmapped: set[str]
    columns: WeakValueDictionary[str, Any] = field(default_factory=WeakValueDictionary)


def shape_of(schema: Schema) -> str:
    """What of a mapping decides how documents are taken apart: not how values are read."""
    places = [_shape(path, fields) for path, fields in schema.sources.items()]
    return repr((places, schema.objects, dict(schema.nested), schema.disabled))


def _shape(path: str, fields: Sequence[Field]) -> tuple[object, ...]:
    copied = [one.copy_to for one in fields if one.path == path]
    first = fields[0]
    return path, first.nested, copied, first.type == "dense_vector", all(one.is_stored for one in fields)


def read_documents(documents: Iterable[Mapping[str, Any]], schema: Schema) -> Documents:
    """Take documents apart, in their order."""
    return _Reader(schema).read(documents)


class _Place(dict[str, "_Place"]):
    """A place where documents hold something, and those below it, by name.

    Attributes:
        kept: the values that what stands here goes to, and the path of their level; the field's own come first.
        is_vector: whether a list is one value.
        owners: of nested objects: the documents that hold them; else None.
        around: of nested objects: the path of the level around them.
    """

    def __init__(self, path: str, reader: _Reader) -> None:
        super().__init__()
        schema, values = reader.schema, reader.values
        self.path, self._reader = path, reader
        fields = schema.sources.get(path, ())
        targets = [schema.fields[name] for one in fields if one.path == path for name in one.copy_to]
        own = [(values[path], fields[0].nested)] if fields else []
        self.kept = [*own, *((values[one.path], one.nested) for one in targets)]
        self.is_vector = bool(fields) and fields[0].type == "dense_vector"
        self.is_disabled = path in schema.disabled or (bool(fields) and all(one.is_stored for one in fields))
        self.is_container = path in schema.objects or path in schema.nested
        self.owners, self.around = reader.owners.get(path), schema.nested.get(path, "")

    def __missing__(self, name: str) -> _Place:
        self[name] = place = _Place(f"{self.path}.{name}" if self.path else name, self._reader)
        return place


class _Reader:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.values = {path: Values() for path in schema.sources}
        self.owners = {path: array("i") for path in schema.nested}
        self._unmapped: set[str] = set()

    def read(self, documents: Iterable[Mapping[str, Any]]) -> Documents:
        count, root = 0, _Place("", self)
        for document in documents:
            numbers = {"": count}
            for name, value in document.items():
                self._read(root[name], value, numbers)
            count += 1
        parents = {path: np.array(held, dtype=np.int64) for path, held in self.owners.items()}
        return Documents({"": np.arange(count), **parents}, self.values, self._unmapped)

    def _read(self, place: _Place, value: Any, numbers: dict[str, int]) -> None:
        """Keep a value; `numbers` are those of the document and of the nested objects around it, by their paths."""
        if place.is_disabled:
            return
        if not isinstance(value, _PLAIN) and isinstance(value, Mapping):  # the first test is the faster one
            if place.owners is not None:
                place.owners.append(numbers[place.around])
                numbers = {**numbers, place.path: len(place.owners) - 1}
            for name, one in value.items():
                self._read(place[name], one, numbers)
        elif isinstance(value, list | tuple) and not place.is_vector:
            for one in value:
                self._read(place, one, numbers)
        elif place.kept:
            for held, level in place.kept if value is not None else place.kept[:1]:
                held.add(numbers[level], value)
        elif value is not None and not place.is_container:
            self._unmapped.add(place.path)
