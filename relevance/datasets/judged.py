"""From rows of judgments and a catalogue to a data set: what every format settles alike."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from relevance.datasets.source import MAX_GRADE, parsed_grade, simplest
from relevance.datasets.tables import BLANK_QUERY, note
from relevance.errors import InputError
from relevance.files import quoted, shown
from relevance.records import Catalogue, Dataset, Judgments, Queries
from relevance.text import plural, some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt

    from relevance.datasets.source import Source
    from relevance.datasets.tables import Table

GRADE = f"a number from 0 to {MAX_GRADE:,}"
JUDGED = ("query", "product", "grade")


def query_id(term: str) -> str:
    """The id of a query in a file that gives it none: `q` and 12 hex digits of the sha256 of its text in UTF-8."""
    return f"q{hashlib.sha256(term.encode()).hexdigest()[:12]}"


def graded(
    table: Table, gains: Mapping[str, float], *, otherwise: str = "", below_zero: bool = False
) -> tuple[Table, tuple[str, ...]]:
    """The table with the labels of its column `grade` made numbers, and notes.

    Args:
        table: with a column `grade`.
        gains: label -> grade; where it is empty labels are numbers.
        otherwise: what is allowed beside numbers, for the message.
        below_zero: whether grades below 0 are read as 0 and counted, as trec_eval takes them: not relevant.

    Raises:
        InputError: a label is not among the gains, or is no number that is allowed.
    """
    if gains:
        table.require("grade", gains.__contains__, some(list(gains), 20))
        return table.mapped("grade", gains.__getitem__), ()
    lowest = -MAX_GRADE if below_zero else 0

    def is_grade(label: str) -> bool:
        value = parsed_grade(label)
        return value is not None and value >= lowest

    table.require("grade", is_grade, f"{GRADE}{otherwise}")
    table = table.mapped("grade", lambda label: parsed_grade(label) or 0)
    below = table.frame["grade"] < 0
    if not below.any():
        return table, ()
    frame = table.frame.assign(grade=table.frame["grade"].where(~below, 0))
    count = int(below.sum())
    return replace(table, frame=frame), note(
        table.name, count, "grade is below 0 and read as 0", "grades are below 0 and read as 0"
    )


def mean_of_raters(table: Table) -> tuple[Table, tuple[str, ...]]:
    """One row for each query and product, its grade the mean of its raters' (column `rater`); and a note.

    Raises:
        InputError: one rater has given a product of a query two grades.
    """
    once(table, ["query", "product", "rater"], "grade")
    rows = table.frame.drop_duplicates(["query", "product", "rater"])
    means = rows.groupby(["query", "product"], sort=False)["grade"].mean()
    first = table.frame.drop_duplicates(["query", "product"])
    grades = [simplest(means[query, product]) for query, product in zip(first["query"], first["product"], strict=True)]
    several = len(rows) - len(first)
    frame = first.assign(grade=pd.Series(grades, index=first.index, dtype=object)).reset_index(drop=True)
    raters = plural(table.frame["rater"].nunique(), "rater")
    notes = (f"{table.name}: grades are the means of {raters}' ratings",) if several else ()
    return replace(table, frame=frame, lines=[table.lines[row] for row in first.index]), notes


def once(table: Table, key: list[str], value: str, *, otherwise: str = "") -> tuple[pd.DataFrame, int]:
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
        lines = f"{table.unit}s {table.lines[first]} and {table.lines[row]}"
        values = " and ".join(quoted(str(frame[value].iloc[at])) for at in (first, row))
        names = table.names
        same = ", ".join(f"{names.get(column, column)} {quoted(frame[column].iloc[row])}" for column in key)
        where = f"{shown(table.path)}, {lines}, column {names.get(value, value)}"
        raise InputError(f"{where}: found {values} for the same {same}; allowed: one value{otherwise}")
    return frame[~repeated], int(repeated.sum())


def judged(  # noqa: PLR0913 - what formats differ in has names
    source: Source,
    table: Table,
    catalogue: Catalogue | None,
    *,
    relevant_from: float = 1,
    grade: Callable[[Any], float] | None = None,
    texts: Mapping[str, str] | None = None,
    texts_name: str = "",
    several: str = "",
    notes: Iterable[str] = (),
) -> Dataset:
    """The data set of the judgments of a table.

    Args:
        source: says what a judgment of an unknown product is, of which products the catalogue is made, and the lowest
            relevant grade.
        table: columns `query`, `product` and `grade`, checked.
        catalogue: of the files; None: they have none, and the products are those of `source.over`.
        relevant_from: the lowest relevant grade of the format.
        grade: the grade of a value of the column `grade`; None: it is one.
        texts: the text of each query by id, where the judgments name queries by id; None where they hold the text.
        texts_name: the file of these queries.
        several: what is allowed beside one grade of a query and a product, for the message.
        notes: of what was met before.

    Raises:
        InputError: an empty query, two queries with one id, a query that is not known, a product that is not in the
            catalogue (unless these are dropped), two judgments of a query and a product that disagree, or no judgment
            that is left.
    """
    if texts is None:
        table.require("query", str.strip, BLANK_QUERY)
    else:
        table.require("query", texts.__contains__, f"the id of one of the {len(texts):,} queries of {texts_name}")
    over_notes: tuple[str, ...] = ()
    if source.over is not None:
        catalogue, over_notes = catalogue_over(catalogue, source.over)
    if catalogue is None:
        raise ValueError("a data set without products, and no index whose products they are")
    rows, repeated = once(table, ["query", "product"], "grade", otherwise=several)
    products = pd.Index(catalogue.ids, dtype=object).get_indexer(pd.Index(rows["product"]))
    known = products >= 0
    gone: tuple[str, ...] = ()
    if not known.all():
        gone = _dropped(table, rows, known, source)
        rows, products = rows[known], products[known]
    ids = _query_ids(table, rows["query"].tolist(), texts)
    queries = Queries(
        pd.DataFrame({"id": list(ids.values()), "text": [texts[key] if texts else key for key in ids]}, dtype=object)
    )
    ranks = {identifier: code for code, identifier in enumerate(queries.ids)}
    codes = rows["query"].map({key: ranks[identifier] for key, identifier in ids.items()}).to_numpy(np.int64)
    grades = [simplest(value) for value in (rows["grade"].map(grade) if grade else rows["grade"]).tolist()]
    lowest = relevant_from if source.relevant_from is None else source.relevant_from
    judgments = Judgments(codes, products, np.array(grades), relevant_from=lowest)
    all_notes = (
        *notes,
        *over_notes,
        *note(table.name, repeated, "judgment is repeated and counts once", "judgments are repeated and count once"),
        *gone,
        *_similar(table.name if texts is None else texts_name, queries.texts),
        *_unjudged(texts, texts_name, table),
    )
    return Dataset(source.name, catalogue, queries, judgments, all_notes)


def _dropped(table: Table, rows: pd.DataFrame, known: npt.NDArray[np.bool_], source: Source) -> tuple[str, ...]:
    """Notes of the judgments whose product is not in the catalogue; InputError where they may not be dropped."""
    if source.over is not None:
        _refuse_others(table, rows["product"], known, source)
    elif source.unknown_products == "error":
        row = int(rows.index[int(np.argmin(known))])
        raise table.fault(row, "product", "the id of a product of the data set, or unknown_products = drop")
    elif not known.any():
        raise InputError(f"{shown(table.path)}: no judgment is of a product of the data set; allowed: one or more")
    dropped = rows[~known]
    of = plural(dropped["product"].nunique(), "product that is", "products that are")
    lost = len(set(dropped["query"]) - set(rows["query"][known]))
    return (
        *note(table.name, len(dropped), f"judgment of {of} gone is dropped", f"judgments of {of} gone are dropped"),
        *note(
            table.name, lost, "query loses all its judgments and is dropped", "queries lose all theirs and are dropped"
        ),
    )


def _refuse_others(table: Table, products: pd.Series[str], known: npt.NDArray[np.bool_], source: Source) -> None:
    """Refuse judgments of products that the index does not have, where they may not be dropped or all are such."""
    others = _some_ids(list(dict.fromkeys(products[~known])))
    if not known.any():
        theirs = f"they are of {others}, the index has {_some_ids(source.over or ())}"
        allowed = "allowed: judgments of its products; id of [elasticsearch.fields] names the field of their ids"
        raise InputError(f"{shown(table.path)}: no judgment is of a product of the index: {theirs}; {allowed}")
    if source.unknown_products == "error":
        which = plural(products[~known].nunique(), "product")
        of = f"{plural(int((~known).sum()), 'judgment is', 'judgments are')} of {which}"
        allowed = "allowed: judgments of its products, or --unknown-products drop"
        raise InputError(f"{shown(table.path)}: {of} that the index does not have: {others}; {allowed}")


def _some_ids(ids: Sequence[str]) -> str:
    return some(list(map(repr, ids)), 3)


def _similar(where: str, texts: Sequence[str]) -> tuple[str, ...]:
    """A note of the queries that a search engine would not tell apart: they count several times in every mean."""
    first: dict[str, str] = {}
    pairs = [
        (other, text)
        for text in sorted(set(texts))
        if (other := first.setdefault(re.sub(r"\s+", " ", text.strip()).casefold(), text)) != text
    ]
    example = f"({' and '.join(map(quoted, pairs[0]))})" if pairs else ""
    one = f"query differs from another in white space or case only {example}"
    return note(where, len(pairs), one, f"queries differ from others in white space or case only {example}")


def _unjudged(texts: Mapping[str, str] | None, texts_name: str, table: Table) -> tuple[str, ...]:
    count = 0 if texts is None else len(texts) - table.frame["query"].nunique()
    return note(texts_name, count, "query without judgments is left out", "queries without judgments are left out")


def _query_ids(table: Table, terms: list[str], texts: Mapping[str, str] | None) -> dict[str, str]:
    """The id of each distinct term; a term that is an id already is its own."""
    if texts is not None:
        return {term: term for term in terms}
    ids = {term: query_id(term) for term in dict.fromkeys(terms)}
    terms_by_id: dict[str, str] = {}
    for term, identifier in ids.items():
        other = terms_by_id.setdefault(identifier, term)
        if other != term:
            both = f"{quoted(other)} and {quoted(term)}"
            where = shown(table.path)
            raise InputError(f"{where}: the queries {both} have the same id {identifier}; allowed: one query an id")
    return ids


def catalogue_over(catalogue: Catalogue | None, products: Sequence[str]) -> tuple[Catalogue, tuple[str, ...]]:
    """The catalogue of exactly the products of an index that exists, with the texts that the files have; and notes.

    Args:
        catalogue: of the data set's files; None: there is no file of products.
        products: ids, each once.

    Raises:
        InputError: an id occurs twice.
    """
    wanted = pd.DataFrame({"id": list(products)}, dtype=object)
    if catalogue is None:
        empty = pd.DataFrame({"id": [], "name": [], "value": []}, dtype=object)
        return Catalogue(wanted.assign(title="", description=""), empty), ()
    texts = catalogue.products
    frame = wanted.merge(texts, on="id", how="left").fillna("")
    attributes = catalogue.attributes
    attributes.insert(0, "id", texts["id"].to_numpy()[attributes["product"]])
    attributes = attributes[attributes["id"].isin(wanted["id"])]
    lacking = int((~wanted["id"].isin(texts["id"])).sum())
    left_out = len(catalogue) - (len(wanted) - lacking)
    notes = []
    if lacking:
        which = plural(lacking, "product of the index is", "products of the index are")
        notes.append(f"{which} not in the files: no title here")
    if left_out:
        which = plural(left_out, "product of the files is", "products of the files are")
        notes.append(f"{which} not in the index: left out")
    return Catalogue(frame, attributes[["id", "name", "value"]]), tuple(notes)
