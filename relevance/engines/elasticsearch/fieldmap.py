"""The field map of an index that exists, checked against the index's mapping."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relevance import text
from relevance.engines.elasticsearch.mapping import FieldPaths
from relevance.errors import InputError, unknown
from relevance.strategies import BASE, TEXT_FIELDS, VECTOR_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from relevance.engines import VectorField
    from relevance.engines.elasticsearch.settings import Settings
    from relevance.strategies import Strategy

_ID = "id"
_FIELDS, _VECTORS = "[elasticsearch.fields]", "[elasticsearch.vectors]"
_TEXT_TYPES = ("text", "match_only_text", "search_as_you_type", "keyword")
_COSINES = ("cosine", "dot_product")
"""Similarities whose score of vectors of unit length is the one of an index of ours."""
_FLOATS = ("float", "bfloat16")
_NAMED = 8


def some(names: Sequence[str], *, most: int = 3) -> str:
    """The first few of some names, quoted, and how many more there are."""
    return text.some([repr(name) for name in names], most)


@dataclass(frozen=True)
class IndexField:
    """A field of an index.

    Attributes:
        path: its full name; where an alias of a field was named, that of the field.
        settings: its part of the mapping.
        nested: path of the nested documents that it lies in; "" where it is the product's own.
    """

    path: str
    settings: Mapping[str, Any]
    nested: str = ""

    @property
    def type(self) -> str:
        """As the mapping calls it; "object" where it says nothing."""
        return str(self.settings.get("type", "object"))

    @property
    def vector_index(self) -> str:
        """Kind of a vector field's index; `default` where the mapping leaves it to the server."""
        return str(self.settings.get("index_options", {}).get("type", "default"))


def fields_of(mappings: Mapping[str, Any]) -> dict[str, IndexField]:
    """All fields of a mapping by full name: multi-fields too, aliases of fields as the fields that they stand for."""
    found = {field.path: field for field in _walked(mappings.get("properties", {}), "", "")}
    aliases = {path: str(field.settings.get("path")) for path, field in found.items() if field.type == "alias"}
    return found | {path: found[target] for path, target in aliases.items() if target in found}


def _walked(properties: Mapping[str, Any], prefix: str, nested: str) -> Iterator[IndexField]:
    for name, settings in properties.items():
        path = f"{prefix}{name}"
        yield IndexField(path, settings, nested)
        inside = path if settings.get("type") == "nested" else nested
        yield from _walked(settings.get("properties", {}), f"{path}.", inside)
        yield from _walked(settings.get("fields", {}), f"{path}.", nested)


@dataclass(frozen=True)
class FieldMap:
    """The field map of the configuration, over the fields of an index.

    Attributes:
        index: its name, for errors.
        fields: all that the index has, by full name.
        names: `id` or a text field of ours -> the index's.
        vectors: of (model, vector field) -> the index's.
    """

    index: str
    fields: Mapping[str, IndexField]
    names: Mapping[str, str]
    vectors: Mapping[VectorField, str]

    @classmethod
    def of(cls, index: str, settings: Settings, mappings: Mapping[str, Any]) -> FieldMap:
        """The map of the settings.

        Raises:
            InputError: it names what is none of our fields.
        """
        for name in settings.fields:
            if name not in (_ID, *TEXT_FIELDS):
                raise InputError(f"{_FIELDS}: {unknown('field', name, (_ID, *TEXT_FIELDS))}")
        vectors = {_vector_field(name): path for name, path in settings.vectors.items()}
        return cls(index, fields_of(mappings), settings.fields, vectors)

    def paths(self, strategies: Sequence[Strategy]) -> FieldPaths:
        """Where the index has what the strategies need, and what else the map names.

        Raises:
            InputError: the map lacks a field, or names one that the index does not have or that cannot be it.
        """
        identifier = self._id()
        for strategy in strategies:
            self._refuse_lacking(strategy)
        text = {name: self._text(name) for name in TEXT_FIELDS if name in self.names}
        return FieldPaths(
            id=identifier.path,
            text={name: field.path for name, field in text.items()},
            nested={name: field.nested for name, field in text.items() if field.nested},
            vectors={key: self._vector(key).path for key in self.vectors},
        )

    def searched(self, strategies: Sequence[Strategy], dimensions: Mapping[str, int]) -> tuple[IndexField, ...]:
        """The vector fields that the strategies search.

        Args:
            strategies: those that will run; a raw template searches the fields of the index that it names.
            dimensions: of their models, by name.

        Raises:
            InputError: the vectors of a field cannot be those of its model.
        """
        found = {}
        for key, path in self.vectors.items():
            model, name = key
            if any(one.model == model and (name in one.vectors or one.names(path)) for one in strategies):
                found[key] = self._vector(key)
                self._check_vectors(key, found[key], dimensions.get(model))
        return tuple(found.values())

    def _id(self) -> IndexField:
        if _ID not in self.names:
            what = f"the keyword field of index {self.index!r} that holds a product's id"
            raise InputError(f"{_FIELDS} has no {_ID}; allowed: {_ID} = {what}")
        path = self.names[_ID]
        field = self._field(_FIELDS, _ID, path, ("keyword",))
        if field.settings.get("doc_values") is False:
            raise self._fault(_FIELDS, _ID, path, "has no doc_values", "a keyword field with doc_values")
        if field.nested:
            problem = f"lies in the nested documents of {field.nested!r}"
            raise self._fault(_FIELDS, _ID, path, problem, "a field of the product's own")
        return field

    def _text(self, name: str) -> IndexField:
        path = self.names[name]
        field = self._field(_FIELDS, name, path, _TEXT_TYPES)
        if field.settings.get("index") is False:
            raise self._fault(_FIELDS, name, path, "is not indexed (index: false)", "a field that can be searched")
        return field

    def _vector(self, key: VectorField) -> IndexField:
        return self._field(_VECTORS, _shown(key), self.vectors[key], ("dense_vector",))

    def _field(self, table: str, ours: str, path: str, types: Sequence[str]) -> IndexField:
        """The field of a name that the map gives; it has one of these types."""
        field = self.fields.get(path)
        if field is not None and field.type in types:
            return field
        there = [name for name, one in self.fields.items() if one.type in types]
        allowed = f"{', '.join(types)}; the index has {some(there, most=_NAMED) or 'none'}"
        if field is not None:
            raise self._fault(table, ours, path, f"is of type {field.type}", allowed)
        near = difflib.get_close_matches(path, there, n=1) or difflib.get_close_matches(path, self.fields, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise self._fault(table, ours, path, f"is not there{hint}", allowed)

    def _fault(self, table: str, ours: str, path: str, problem: str, allowed: str) -> InputError:
        return InputError(f"{table} {ours} = {path!r}: in index {self.index!r} it {problem}; allowed: {allowed}")

    def _refuse_lacking(self, strategy: Strategy) -> None:
        """Refuse a strategy that needs a field that the map does not have."""
        lacking = [("matches", _FIELDS, name) for name in strategy.text if name not in self.names]
        searched = [(strategy.model, name) for name in strategy.vectors]
        lacking += [("searches the vectors of", _VECTORS, _shown(key)) for key in searched if key not in self.vectors]
        for does, table, name in lacking:
            allowed = f"allowed: {name} = the field of index {self.index!r}, or strategies without it"
            raise InputError(f"strategy {strategy.name!r} {does} {name}, which {table} does not have; {allowed}")

    def _check_vectors(self, key: VectorField, field: IndexField, dimensions: int | None) -> None:
        settings, ours, path = field.settings, _shown(key), self.vectors[key]
        if settings.get("index") is False:
            raise self._fault(_VECTORS, ours, path, "is not indexed (index: false)", "a field that can be searched")
        if settings.get("element_type", "float") not in _FLOATS:
            problem = f"has vectors of element_type {settings['element_type']}"
            raise self._fault(_VECTORS, ours, path, problem, ", ".join(_FLOATS))
        dims = settings.get("dims")
        if dimensions is not None and dims != dimensions:
            problem = f"has {dims} dimensions" if dims else "has no vectors yet (no dims)"
            raise self._fault(_VECTORS, ours, path, problem, f"{dimensions}, as model {key[0]!r} has")


def similarity_notes(fields: Sequence[IndexField]) -> tuple[str, ...]:
    """A note of each vector field that scores otherwise than an index of ours does."""
    return tuple(
        f"vectors of {field.path!r} are compared by {similarity}: their scores are not those of cosine"
        " and weigh otherwise beside text"
        for field in fields
        if (similarity := field.settings.get("similarity", _COSINES[0])) not in _COSINES
    )


def _vector_field(name: str) -> VectorField:
    """(model, vector field) of `FIELD` or `MODEL.FIELD`."""
    model, dot, field = name.rpartition(".")
    if field not in VECTOR_FIELDS:
        raise InputError(f"{_VECTORS}: {unknown('vector field', name, VECTOR_FIELDS)}, or MODEL.FIELD")
    return (model if dot else BASE), field


def _shown(key: VectorField) -> str:
    model, name = key
    return name if model == BASE else f"{model}.{name}"
