"""A catalogue that grows product by product: columns of text, no object a product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from relevance.records import Catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ProductColumns"]

_REMEMBERED = 100_000
"""How many distinct names and values are remembered, so that one that recurs is one text in memory."""


class ProductColumns:
    """The columns of a catalogue that is being read."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}
        self._titles: list[str] = []
        self._descriptions: list[str] = []
        self._owners: list[str] = []
        self._names: list[str] = []
        self._values: list[str] = []
        self._known: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def line_of(self, identifier: str) -> int | None:
        """The line on which a product stands; None if it is not there yet."""
        return self._lines.get(identifier)

    def add(
        self, line: int, identifier: str, title: str, description: str, *, attributes: Iterable[tuple[str, str]]
    ) -> None:
        """Add a product; its id is new."""
        self._lines[identifier] = line
        self._titles.append(title)
        self._descriptions.append(description)
        known = self._known
        if len(known) > _REMEMBERED:
            known.clear()
        for name, value in attributes:
            self._owners.append(identifier)
            self._names.append(known.setdefault(name, name))
            self._values.append(known.setdefault(value, value))

    def catalogue(self) -> Catalogue:
        """The catalogue of the products so far, which are handed over to it."""
        products = {"id": list(self._lines), "title": self._titles, "description": self._descriptions}
        attributes = {"id": self._owners, "name": self._names, "value": self._values}
        frames = pd.DataFrame(products, dtype=object), pd.DataFrame(attributes, dtype=object)
        self._known.clear()
        self._lines.clear()
        for column in (products["id"], *attributes.values(), self._titles, self._descriptions):
            column.clear()  # the frames have pointers of their own
        return Catalogue(*frames)
