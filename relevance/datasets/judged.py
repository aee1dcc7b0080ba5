"""From rows of judgments to `Queries` and `Judgments`: what every data set settles alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from relevance.datasets.files import found, shown
from relevance.errors import InputError
from relevance.records import Judgments, Queries

if TYPE_CHECKING:
    from collections.abc import Callable

    from relevance.datasets.tables import Table
    from relevance.records import Catalogue

__all__ = ["JudgedColumns", "judged", "note", "once", "query_id"]


@dataclass(frozen=True)
class JudgedColumns:
    """The columns of a table of judgments: the query's text, the product's id, the judgment's value."""

    query: str
    product: str
    value: str


def query_id(term: str) -> str:
    """The id of a query in a file that gives it none: `q` and 12 hex digits of the sha256 of its text in UTF-8."""
    return f"q{hashlib.sha256(term.encode()).hexdigest()[:12]}"


def judged(
    table: Table, columns: JudgedColumns, catalogue: Catalogue, grade: Callable[[float], int]
) -> tuple[Queries, Judgments, tuple[str, ...]]:
    """The queries and judgments of a table whose values are checked numbers, and notes.

    Raises:
        InputError: an empty query, two queries with one id, a product that is not in the catalogue, or two judgments
            of a query and a product that disagree.
    """
    table.require(columns.query, str.strip, "a query of at least one character that is not white space")
    rows, repeated = once(table, [columns.query, columns.product], columns.value)
    products = pd.Index(catalogue.ids, dtype=object).get_indexer(pd.Index(rows[columns.product]))
    if products.min() < 0:
        row = int(rows.index[int(np.argmin(products))])
        raise table.fault(row, columns.product, f"the id of one of the {len(catalogue):,} products of the data set")
    ids = _query_ids(table, rows[columns.query].tolist())
    queries = Queries(pd.DataFrame({"id": list(ids.values()), "text": list(ids)}, dtype=object))
    codes = {text: code for code, text in enumerate(queries.texts)}
    judgments = Judgments(
        rows[columns.query].map(codes).to_numpy(np.int64), products, rows[columns.value].map(grade).to_numpy(np.int64)
    )
    notes = note(table.name, repeated, "judgment is repeated and counts once", "judgments are repeated and count once")
    return queries, judgments, notes


def once(table: Table, key: list[str], value: str) -> tuple[pd.DataFrame, int]:
    """The first row of each key, indexed by the row of the table, and how many rows repeat one.

    Raises:
        InputError: two rows with one key have different values; both lines are named.
    """
    frame = table.frame
    repeated = frame.duplicated(key).to_numpy()
    conflicts = repeated & ~frame.duplicated([*key, value]).to_numpy()
    if conflicts.any():
        row = int(conflicts.argmax())
        first = int((frame[key] == frame[key].iloc[row]).all(axis=1).to_numpy().argmax())
        lines = f"lines {table.line(first)} and {table.line(row)}"
        values = " and ".join(found(str(frame[value].iloc[at])) for at in (first, row))
        same = ", ".join(f"{column} {found(frame[column].iloc[row])}" for column in key)
        where = f"{shown(table.file.path)}, {lines}, column {value}"
        raise InputError(f"{where}: found {values} for the same {same}; allowed: one value")
    return frame[~repeated], int(repeated.sum())


def note(where: str, count: int, one: str, many: str) -> tuple[str, ...]:
    """A note of what a file or folder holds `count` times, or none."""
    return (f"{where}: {count:,} {one if count == 1 else many}",) if count else ()


def _query_ids(table: Table, terms: list[str]) -> dict[str, str]:
    """The id of each distinct term."""
    ids = {term: query_id(term) for term in dict.fromkeys(terms)}
    terms_by_id: dict[str, str] = {}
    for term, identifier in ids.items():
        other = terms_by_id.setdefault(identifier, term)
        if other != term:
            both = f"{found(other)} and {found(term)}"
            where = shown(table.file.path)
            raise InputError(f"{where}: the queries {both} have the same id {identifier}; allowed: one query an id")
    return ids
