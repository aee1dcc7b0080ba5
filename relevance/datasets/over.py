"""The catalogue of an index that exists: its products, with the texts that the data set's files have of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from relevance.records import Catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["laid_over", "some"]

_SHOWN = 3


def laid_over(catalogue: Catalogue | None, products: Sequence[str]) -> tuple[Catalogue, tuple[str, ...]]:
    """The catalogue of exactly these products, and notes.

    Args:
        catalogue: of the data set's files; None: there is no file of products.
        products: ids, each once.

    Returns:
        Titles, descriptions and attributes as the files have them; "" and none for products that they lack.

    Raises:
        InputError: an id occurs twice.
    """
    wanted = list(products)
    if catalogue is None:
        return _catalogue(wanted, [""] * len(wanted), [""] * len(wanted), []), ()
    codes = {identifier: code for code, identifier in enumerate(catalogue.ids)}
    rows = [codes.get(identifier, -1) for identifier in wanted]
    titles, descriptions = (
        [texts[row] if row >= 0 else "" for row in rows]
        for texts in (catalogue.products[name].tolist() for name in ("title", "description"))
    )
    known = set(wanted)
    attributes = (
        (catalogue.ids[code], name, value)
        for code, name, value in catalogue.attributes.itertuples(index=False, name=None)
        if catalogue.ids[code] in known
    )
    lacking = rows.count(-1)
    notes = _notes(lacking=lacking, left_out=len(catalogue) - (len(wanted) - lacking))
    return _catalogue(wanted, titles, descriptions, attributes), notes


def _catalogue(
    ids: list[str], titles: list[str], descriptions: list[str], attributes: Iterable[tuple[str, str, str]]
) -> Catalogue:
    products = pd.DataFrame({"id": ids, "title": titles, "description": descriptions}, dtype=object)
    return Catalogue(products, pd.DataFrame(attributes, columns=["id", "name", "value"], dtype=object))


def _notes(*, lacking: int, left_out: int) -> tuple[str, ...]:
    notes = []
    if lacking:
        which = "1 product of the index is" if lacking == 1 else f"{lacking:,} products of the index are"
        notes.append(f"{which} not in the files: no title here")
    if left_out:
        which = "1 product of the files is" if left_out == 1 else f"{left_out:,} products of the files are"
        notes.append(f"{which} not in the index: left out")
    return tuple(notes)


def some(ids: Sequence[str]) -> str:
    """The first few of some ids, quoted, and how many more there are."""
    more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
    return ", ".join(map(repr, ids[:_SHOWN])) + more
