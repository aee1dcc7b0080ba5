"""Which text of a product a text field or an embedded text sees."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relevance.records import Catalogue

TEXT_FIELDS = ("title", "description", "attributes")
"""Fields that a match clause can name; `attributes` is nested: each attribute is a small document of its own."""

VECTOR_FIELDS = ("title", "description", "attributes", "whole")
"""Texts of a product that can be embedded; `whole` is title, description and attributes in one text."""


def _joined(*parts: str) -> str:
    """Join the parts that hold more than white space by one space."""
    return " ".join(part for part in parts if part.strip())


def attribute_text(name: str, value: str) -> str:
    """Join an attribute as "name value", or give the one of them that holds more than white space; else ""."""
    return _joined(name, value)


def attribute_texts(catalogue: Catalogue) -> list[str]:
    """Give the text of each attribute, in the order of `catalogue.attributes`."""
    attributes = catalogue.attributes
    return list(map(attribute_text, attributes["name"], attributes["value"]))


def _attributes_of_products(catalogue: Catalogue) -> list[str]:
    texts = attribute_texts(catalogue)
    return [_joined(*texts[start:end]) for start, end in pairwise(catalogue.attribute_offsets.tolist())]


def embedded_texts(catalogue: Catalogue, field: str) -> list[str]:
    """Give the text of a vector field for every product, in the order of their codes; "" where a product has none.

    Raises:
        KeyError: `field` is not one of `VECTOR_FIELDS`.
    """
    products = catalogue.products
    if field in {"title", "description"}:
        return [_joined(text) for text in products[field]]
    attributes = _attributes_of_products(catalogue)
    if field == "attributes":
        return attributes
    if field == "whole":
        columns = (products["title"], products["description"], attributes)
        return [_joined(*parts) for parts in zip(*columns, strict=True)]
    raise KeyError(field)
