"""The Chorus electronics catalogue (o19s/chorus): four JSON lists of products and a rated query set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from relevance.datasets.files import existing_folder, found, read_required, shown
from relevance.datasets.jsontext import DECODER, Number, described, lone_surrogate, scalar_text
from relevance.datasets.judged import JudgedColumns, Rules, judged, note
from relevance.datasets.source import refuse_unused
from relevance.datasets.tables import ID_RULE, is_id, parse_table
from relevance.errors import InputError
from relevance.records import Catalogue, Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relevance.datasets.files import TextFile
    from relevance.datasets.source import Source

__all__ = ["load"]

_PRODUCT_FILES = ("1.json", "2.json", "3.json", "4.json")
_RATINGS_FILE = "Broad_Query_Set_rated.csv"
_RATINGS = ("0", "1", "2", "3")
_ATTRIBUTE_PREFIX = "attr_"
_MISSING = object()


class _Product(NamedTuple):
    id: str
    title: str
    description: str
    attributes: tuple[tuple[str, str], ...]


def load(source: Source) -> Dataset:
    """Load all products, judged or not, and the rated queries.

    A product's description is its `short_description` ("" where it has none); its attributes are its keys that begin
    with `attr_`, in file order, values as JSON writes them (`6.0`, `true`), text without its quotes. Grades are the
    ratings, 0 to 3.

    Raises:
        InputError: the folder or a file cannot be read, or holds what is not allowed.
    """
    refuse_unused(source)
    folder = existing_folder(source)
    catalogue, notes = _catalogue(folder)
    table = parse_table(read_required(folder, _RATINGS_FILE, encoding="UTF-8"), ("query", "docid", "rating"))
    table.require_ids("docid")
    table.require("rating", _RATINGS.__contains__, ", ".join(_RATINGS))
    columns = JudgedColumns("query", "docid", "rating")
    rules = Rules(int, source.relevant_from or 1, source)
    catalogue, queries, judgments, judged_notes = judged(table.mapped("rating", int), columns, catalogue, rules)
    return Dataset(source.name, catalogue, queries, judgments, (*notes, *judged_notes))


def _catalogue(folder: Path) -> tuple[Catalogue, tuple[str, ...]]:
    products: dict[str, _Product] = {}
    repeated = 0
    for name in _PRODUCT_FILES:
        file = read_required(folder, name, encoding="UTF-8")
        for item in _items(file):
            product = item.product()
            repeated += product.id in products
            if product != products.setdefault(product.id, product):
                raise item.fault("id", product.id, "an id that no other product has, unless both are equal")
    frame = pd.DataFrame([product[:3] for product in products.values()], columns=_Product._fields[:3], dtype=object)
    attributes = [(product.id, *attribute) for product in products.values() for attribute in product.attributes]
    notes = note(
        "1.json to 4.json", repeated, "product is repeated and counts once", "products are repeated and count once"
    )
    return Catalogue(frame, pd.DataFrame(attributes, columns=["id", "name", "value"], dtype=object)), notes


@dataclass(frozen=True)
class _Item:
    """One item of a file's JSON list, and where it stands."""

    file: TextFile
    number: int
    value: Any

    def product(self) -> _Product:
        if not isinstance(self.value, dict):
            raise self.fault("", self.value, "an object")
        identifier = self._text("id")
        if not is_id(identifier):
            raise self.fault("id", identifier, ID_RULE)
        description = self._text("short_description") if "short_description" in self.value else ""
        names = [name for name in self.value if name.startswith(_ATTRIBUTE_PREFIX)]
        attributes = tuple((name, self._attribute(name)) for name in names)
        product = _Product(identifier, self._text("title"), description, attributes)
        self._refuse_surrogates(product)
        return product

    def fault(self, key: str, value: object, allowed: str) -> InputError:
        where = f"{shown(self.file.path)}, item {self.number}{f', key {found(key)}' if key else ''}"
        return InputError(f"{where}: found {described(value)}; allowed: {allowed}")

    def _text(self, key: str) -> str:
        value = self.value.get(key, _MISSING)
        if not isinstance(value, str) or isinstance(value, Number):
            raise self.fault(key, value, "text")
        return value

    def _attribute(self, name: str) -> str:
        text = scalar_text(self.value[name])
        if text is None:
            raise self.fault(name, self.value[name], "text, a number, true or false")
        return text

    def _refuse_surrogates(self, product: _Product) -> None:
        *texts, attributes = product
        lone = lone_surrogate([*texts, *(text for attribute in attributes for text in attribute)])
        if lone:
            raise self.fault("", lone, "Unicode characters, no lone surrogate")


def _items(file: TextFile) -> Iterator[_Item]:
    where = shown(file.path)
    try:
        values = DECODER.decode(file.text)
    except json.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{where}, {position}: {error.msg}; allowed: a JSON list of products") from error
    except ValueError as error:
        raise InputError(f"{where}: {error}; allowed: a JSON list of products") from error
    except RecursionError as error:
        raise InputError(f"{where} is nested too deeply; allowed: a JSON list of products") from error
    if not isinstance(values, list) or not values:
        raise InputError(f"{where}: found {described(values)}; allowed: a JSON list of one product or more")
    return (_Item(file, number, value) for number, value in enumerate(values, start=1))
