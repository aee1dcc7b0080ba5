"""Where a product's texts and vectors lie in an index: ours, or the field map of one that exists."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relevance.fields import TEXT_FIELDS
from relevance.strategies import BASE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from relevance.engines.base import VectorField

__all__ = ["FieldPaths", "own_paths", "vector_path"]

_TEXT = {
    "title": "product_title",
    "description": "product_description",
    "attributes": "product_attributes.name_value",
}


@dataclass(frozen=True)
class FieldPaths:
    """Fields of an index.

    Attributes:
        id: keyword field of the product's id.
        text: of a text field of ours -> the index's field.
        nested: of a text field of ours that is nested -> the path of its nested documents.
        vectors: of (model, vector field) -> the index's dense_vector field.
    """

    id: str
    text: Mapping[str, str]
    nested: Mapping[str, str] = field(default_factory=dict)
    vectors: Mapping[VectorField, str] = field(default_factory=dict)


def vector_path(model: str, name: str) -> str:
    """The field of a vector in an index of ours."""
    return f"{name}_vector" if model == BASE else f"{name}_vector_{model}"


def own_paths(vectors: Iterable[VectorField]) -> FieldPaths:
    """The fields of an index that we make."""
    return FieldPaths(
        id="product_uid",
        text={name: _TEXT[name] for name in TEXT_FIELDS},
        nested={"attributes": "product_attributes"},
        vectors={key: vector_path(*key) for key in vectors},
    )
