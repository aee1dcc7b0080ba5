"""From rows of judgments to `Queries` and `Judgments`: what every data set settles alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from relevance.datasets.files import found, shown
from relevance.datasets.over import laid_over, some
from relevance.errors import InputError
from relevance.records import Catalogue, Judgments, Queries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from relevance.datasets.source import Source
    from relevance.datasets.tables import Table

__all__ = ["Judged", "JudgedColumns", "Rules", "judged", "note", "once", "query_id"]


@dataclass(frozen=True)
class JudgedColumns:
    """The columns of a table of judgments: the query's id or text, the product's id, the judgment's value."""

    query: str
    product: str
    value: str


@dataclass(frozen=True)
class Rules:
    """How a table of judgments is read.

    Attributes:
        grade: the grade of a checked value.
        relevant_from: the lowest grade that counts as relevant.
        source: says what a judgment of an unknown product is, and of which products the catalogue is made.
        texts: the text of each query by id, where the judgments name queries by id; None where they hold the text.
        texts_name: the file of these queries.
    """

    grade: Callable[[Any], int]
    relevant_from: int
    source: Source
    texts: Mapping[str, str] | None = None
    texts_name: str = ""


Judged = tuple[Catalogue, Queries, Judgments, tuple[str, ...]]


def query_id(term: str) -> str:
    """The id of a query in a file that gives it none: `q` and 12 hex digits of the sha256 of its text in UTF-8."""
    return f"q{hashlib.sha256(term.encode()).hexdigest()[:12]}"


def judged(table: Table, columns: JudgedColumns, catalogue: Catalogue | None, rules: Rules) -> Judged:
    """The catalogue, the queries that a table of checked values judges, its judgments, and notes.

    The catalogue is that of the files, or of the products of `Source.over`; then the files may have none (None).

    Raises:
        InputError: an empty query, two queries with one id, a query that is not known, a product that is not in the
            catalogue (unless these are dropped), two judgments of a query and a product that disagree, or no judgment
            that is left.
    """
    if rules.texts is None:
        table.require(columns.query, str.strip, "a query of at least one character that is not white space")
    else:
        allowed = f"the id of one of the {len(rules.texts):,} queries of {rules.texts_name}"
        table.require(columns.query, rules.texts.__contains__, allowed)
    catalogue, laid = _settled(catalogue, rules.source)
    rows, repeated = once(table, [columns.query, columns.product], columns.value)
    products = pd.Index(catalogue.ids, dtype=object).get_indexer(pd.Index(rows[columns.product]))
    known = products >= 0
    gone: tuple[str, ...] = ()
    if not known.all():
        if rules.source.over is not None:
            _refuse_others(table, rows[columns.product], known, rules.source)
        gone = _gone(table, columns, rows, known, rules)
        rows, products = rows[known], products[known]
    ids = _query_ids(table, rows[columns.query].tolist(), rules.texts)
    texts = [key if rules.texts is None else rules.texts[key] for key in ids]
    queries = Queries(pd.DataFrame({"id": list(ids.values()), "text": texts}, dtype=object))
    ranks = {identifier: code for code, identifier in enumerate(queries.ids)}
    codes = rows[columns.query].map({key: ranks[identifier] for key, identifier in ids.items()}).to_numpy(np.int64)
    grades = rows[columns.value].map(rules.grade).to_numpy(np.int64)
    judgments = Judgments(codes, products, grades, relevant_from=rules.relevant_from)
    notes = note(table.name, repeated, "judgment is repeated and counts once", "judgments are repeated and count once")
    unjudged = _unjudged(rules, table.frame[columns.query].nunique())
    return catalogue, queries, judgments, (*laid, *notes, *gone, *unjudged)


def _settled(catalogue: Catalogue | None, source: Source) -> tuple[Catalogue, tuple[str, ...]]:
    if source.over is not None:
        return laid_over(catalogue, source.over)
    if catalogue is None:
        raise ValueError("a data set without products, and no index whose products they are")
    return catalogue, ()


def _refuse_others(table: Table, products: pd.Series[str], known: npt.NDArray[np.bool_], source: Source) -> None:
    """Refuse judgments of products that the index does not have, where they may not be dropped or all are such."""
    others = list(dict.fromkeys(products[~known]))
    if not known.any():
        theirs = f"they are of {some(others)}, the index has {some(source.over or ())}"
        allowed = "allowed: judgments of its products; id of [elasticsearch.fields] names the field of their ids"
        raise InputError(f"{shown(table.path)}: no judgment is of a product of the index: {theirs}; {allowed}")
    if source.unknown_products == "error":
        judgments, which = int((~known).sum()), f"{len(others):,} product{'' if len(others) == 1 else 's'}"
        of = f"{judgments:,} {'judgment is' if judgments == 1 else 'judgments are'} of {which}"
        allowed = "allowed: judgments of its products, or --unknown-products drop"
        raise InputError(f"{shown(table.path)}: {of} that the index does not have: {some(others)}; {allowed}")


def _gone(
    table: Table, columns: JudgedColumns, rows: pd.DataFrame, known: npt.NDArray[np.bool_], rules: Rules
) -> tuple[str, ...]:
    """Notes of the judgments whose product is not in the catalogue; InputError where they may not be dropped."""
    if rules.source.unknown_products == "error":
        row = int(rows.index[int(np.argmin(known))])
        raise table.fault(row, columns.product, "the id of a product of the data set, or unknown_products = drop")
    if not known.any():
        raise InputError(f"{shown(table.path)}: no judgment is of a product of the data set; allowed: one or more")
    dropped = rows[~known]
    products = dropped[columns.product].nunique()
    of = f"{products:,} product{' that is' if products == 1 else 's that are'} gone"
    lost = len(set(dropped[columns.query]) - set(rows[columns.query][known]))
    return (
        *note(table.name, len(dropped), f"judgment of {of} is dropped", f"judgments of {of} are dropped"),
        *note(
            table.name, lost, "query loses all its judgments and is dropped", "queries lose all theirs and are dropped"
        ),
    )


def _unjudged(rules: Rules, asked: int) -> tuple[str, ...]:
    """A note of the queries that have a text and no judgment."""
    count = len(rules.texts) - asked if rules.texts is not None else 0
    return note(
        rules.texts_name, count, "query without judgments is left out", "queries without judgments are left out"
    )


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
        lines = f"{table.unit}s {table.line(first)} and {table.line(row)}"
        values = " and ".join(found(str(frame[value].iloc[at])) for at in (first, row))
        same = ", ".join(f"{column} {found(frame[column].iloc[row])}" for column in key)
        where = f"{shown(table.path)}, {lines}, column {value}"
        raise InputError(f"{where}: found {values} for the same {same}; allowed: one value")
    return frame[~repeated], int(repeated.sum())


def note(where: str, count: int, one: str, many: str) -> tuple[str, ...]:
    """A note of what a file or folder holds `count` times, or none."""
    return (f"{where}: {count:,} {one if count == 1 else many}",) if count else ()


def _query_ids(table: Table, terms: list[str], texts: Mapping[str, str] | None) -> dict[str, str]:
    """The id of each distinct term; a term that is an id already is its own."""
    if texts is not None:
        return {term: term for term in terms}
    ids = {term: query_id(term) for term in dict.fromkeys(terms)}
    terms_by_id: dict[str, str] = {}
    for term, identifier in ids.items():
        other = terms_by_id.setdefault(identifier, term)
        if other != term:
            both = f"{found(other)} and {found(term)}"
            where = shown(table.path)
            raise InputError(f"{where}: the queries {both} have the same id {identifier}; allowed: one query an id")
    return ids
