"""From rows of judgments and a catalogue to a data set: what every format settles alike."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from relevance.datasets.source import MAX_GRADE, parsed_grade, simplest
from relevance.datasets.tables import BLANK_QUERY
from relevance.errors import InputError
from relevance.files import quoted, shown
from relevance.records import Catalogue, Dataset, Judgments, Queries
from relevance.text import plural, some

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from relevance.datasets.source import Source
    from relevance.datasets.tables import Notes, Table

JUDGED = ("query", "product", "grade")


def query_id(term: str) -> str:
    """The id of a query in a file that gives it none: `q` and 12 hex digits of the sha256 of its text in UTF-8."""
    return f"q{hashlib.sha256(term.encode()).hexdigest()[:12]}"


def graded(
    table: Table, gains: Mapping[str, float], notes: Notes, *, otherwise: str = "", below_zero: bool = False
) -> Table:
    """The table with the labels of its column `grade` made numbers: by `gains`, or where there are none as written.

    Grades below 0 are read as 0 where that is asked for: trec_eval takes them as not relevant.
    """
    if gains:
        table.require("grade", gains.__contains__, some(list(gains), 20))
        return table.mapped("grade", gains.__getitem__)

    def is_grade(label: str) -> bool:
        grade = parsed_grade(label)
        return grade is not None and (below_zero or grade >= 0)

    decimal_comma = any(re.fullmatch(r"\d+,\d+", label) for label in set(table.frame["grade"]))
    hint = " (decimals with a point: 2.5)" if decimal_comma else ""
    table.require("grade", is_grade, f"a number from 0 to {MAX_GRADE:,}{hint}{otherwise}")
    below = sum(label.startswith("-") and (parsed_grade(label) or 0) < 0 for label in table.frame["grade"])
    notes.add(table.name, below, "grade is below 0 and read as 0", "grades are below 0 and read as 0")
    return table.mapped("grade", lambda label: max(0, parsed_grade(label) or 0))


def mean_of_raters(table: Table, notes: Notes) -> Table:
    """One row for each query and product, its grade the mean of its raters' (column `rater`)."""
    rows, _ = once(table, ["query", "product", "rater"], "grade")
    means = rows.assign(grade=rows.groupby(["query", "product"], sort=False)["grade"].transform("mean"))
    first = means.drop_duplicates(["query", "product"])
    if len(first) < len(rows):
        notes.append(f"{table.name}: grades are the means of {plural(rows['rater'].nunique(), 'rater')}' ratings")
    return replace(table, frame=first.reset_index(drop=True), lines=[table.lines[row] for row in first.index])


def once(table: Table, key: list[str], value: str, *, otherwise: str = "") -> tuple[pd.DataFrame, int]:
    """The first row of each key, indexed by the row of the table, and how many rows repeat one."""
    frame, names = table.frame, table.names
    repeated = frame.duplicated(key).to_numpy()
    conflicts = repeated & ~frame.duplicated([*key, value]).to_numpy()
    if conflicts.any():
        row = int(conflicts.argmax())
        first = int((frame[key] == frame[key].iloc[row]).all(axis=1).to_numpy().argmax())
        lines = f"{table.file.unit}s {table.lines[first]} and {table.lines[row]}, column {names[value]}"
        values = " and ".join(quoted(str(frame[value].iloc[at])) for at in (first, row))
        same = ", ".join(f"{names[column]} {quoted(frame[column].iloc[row])}" for column in key)
        problem = f"found {values} for the same {same}; allowed: one value{otherwise}"
        raise InputError(f"{shown(table.file.path)}, {lines}: {problem}")
    return frame[~repeated], int(repeated.sum())


def judged(  # noqa: PLR0913 - what formats differ in has names
    source: Source,
    table: Table,
    catalogue: Catalogue | None,
    notes: Notes,
    *,
    relevant_from: float = 1,
    grade: Callable[[Any], float] | None = None,
    texts: Mapping[str, str] | None = None,
    texts_name: str = "",
    several: str = "",
) -> Dataset:
    """The data set of the judgments of a table.

    Args:
        source: says what a judgment of an unknown product is, of which products the catalogue is made, and the lowest
            relevant grade.
        table: columns `query`, `product` and `grade`, checked.
        catalogue: of the files; None: they have none, and the products are those of `source.over`.
        notes: of what was met before; get what is met here.
        relevant_from: the lowest relevant grade of the format.
        grade: the grade of a value of the column `grade`; None: it is one.
        texts: the text of each query by id, where the judgments name queries by id; None where they hold the text.
        texts_name: the file of these queries.
        several: what is allowed beside one grade of a query and a product, for the message.
    """
    if texts is None:
        table.require("query", str.strip, BLANK_QUERY)
    else:
        table.require("query", texts.__contains__, f"the id of one of the {len(texts):,} queries of {texts_name}")
    if source.over is not None:
        catalogue = catalogue_over(catalogue, source.over, notes)
    assert catalogue is not None, "a data set without products, and no index whose products they are"  # noqa: S101
    rows, repeated = once(table, ["query", "product"], "grade", otherwise=several)
    notes.add(table.name, repeated, "judgment is repeated and counts once", "judgments are repeated and count once")
    products = pd.Index(catalogue.ids, dtype=object).get_indexer(pd.Index(rows["product"]))
    known = products >= 0
    if not known.all():
        _drop(table, rows, known, source, notes)
        rows, products = rows[known], products[known]
    terms = list(dict.fromkeys(rows["query"]))
    ids = {term: term for term in terms} if texts is not None else _query_ids(table, terms)
    queries = Queries(
        pd.DataFrame({"id": list(ids.values()), "text": [texts[one] if texts else one for one in ids]}, dtype=object)
    )
    codes = {identifier: code for code, identifier in enumerate(queries.ids)}
    judgments = Judgments(
        rows["query"].map({term: codes[identifier] for term, identifier in ids.items()}).to_numpy(np.int64),
        products,
        np.array([simplest(one) for one in (rows["grade"].map(grade) if grade else rows["grade"])]),
        relevant_from=source.relevant_from or relevant_from,
    )
    _note_similar(table.name if texts is None else texts_name, queries.texts, notes)
    unjudged = 0 if texts is None else len(texts) - table.frame["query"].nunique()
    notes.add(texts_name, unjudged, "query without judgments is left out", "queries without judgments are left out")
    return Dataset(source.name, catalogue, queries, judgments, tuple(notes))


def _drop(table: Table, rows: pd.DataFrame, known: npt.NDArray[np.bool_], source: Source, notes: Notes) -> None:
    """Note the judgments whose product is not in the catalogue; an InputError where they may not be dropped."""
    dropped = rows[~known]
    others = plural(dropped["product"].nunique(), "product")
    if not known.any() and source.over is not None:
        theirs = f"they are of {_some_ids(dropped['product'])}, the index has {_some_ids(source.over)}"
        allowed = "allowed: judgments of its products; id of [elasticsearch.fields] names the field of their ids"
        raise InputError(f"{shown(table.file.path)}: no judgment is of a product of the index: {theirs}; {allowed}")
    if source.unknown_products == "error" and source.over is not None:
        of = f"{plural(len(dropped), 'judgment is', 'judgments are')} of {others} that the index does not have"
        allowed = "allowed: judgments of its products, or --unknown-products drop"
        raise InputError(f"{shown(table.file.path)}: {of}: {_some_ids(dropped['product'])}; {allowed}")
    if source.unknown_products == "error":
        allowed = "the id of a product of the data set, or unknown_products = drop"
        raise table.fault(int(dropped.index[0]), "product", allowed)
    if not known.any():
        raise InputError(f"{shown(table.file.path)}: no judgment is of a product of the data set; allowed: one or more")
    of = f"{plural(dropped['product'].nunique(), 'product that is', 'products that are')} gone"
    notes.add(table.name, len(dropped), f"judgment of {of} is dropped", f"judgments of {of} are dropped")
    lost = len(set(dropped["query"]) - set(rows["query"][known]))
    one, many = "query loses all its judgments and is dropped", "queries lose all theirs and are dropped"
    notes.add(table.name, lost, one, many)


def _some_ids(ids: Sequence[str] | pd.Series[str]) -> str:
    return some([repr(identifier) for identifier in dict.fromkeys(ids)], 3)


def _note_similar(where: str, texts: Sequence[str], notes: Notes) -> None:
    """Queries that a search engine would not tell apart count several times in every mean."""
    first: dict[str, str] = {}
    plain = {text: " ".join(text.split()).casefold() for text in sorted(texts)}
    pairs = [(other, text) for text, key in plain.items() if (other := first.setdefault(key, text)) != text]
    if pairs:
        what = f"in white space or case only ({' and '.join(map(quoted, pairs[0]))})"
        notes.add(where, len(pairs), f"query differs from another {what}", f"queries differ from others {what}")


def _query_ids(table: Table, terms: Sequence[str]) -> dict[str, str]:
    ids = {term: query_id(term) for term in terms}
    terms_by_id: dict[str, str] = {}
    for term, identifier in ids.items():
        other = terms_by_id.setdefault(identifier, term)
        if other != term:
            both = f"{quoted(other)} and {quoted(term)} have the same id {identifier}"
            raise InputError(f"{shown(table.file.path)}: the queries {both}; allowed: one query an id")
    return ids


def catalogue_over(catalogue: Catalogue | None, products: Sequence[str], notes: Notes) -> Catalogue:
    """The catalogue of exactly the products of an index that exists, with the texts that the files, if any, have."""
    wanted = pd.DataFrame({"id": list(products)}, dtype=object)
    if catalogue is None:
        empty = pd.DataFrame({"id": [], "name": [], "value": []}, dtype=object)
        return Catalogue(wanted.assign(title="", description=""), empty)
    texts, attributes = catalogue.products, catalogue.attributes
    attributes.insert(0, "id", texts["id"].to_numpy()[attributes["product"]])
    lacking = int((~wanted["id"].isin(texts["id"])).sum())
    if lacking:
        which = plural(lacking, "product of the index is", "products of the index are")
        notes.append(f"{which} not in the files: no title here")
    if left_out := len(catalogue) - (len(wanted) - lacking):
        which = plural(left_out, "product of the files is", "products of the files are")
        notes.append(f"{which} not in the index: left out")
    kept = attributes[attributes["id"].isin(wanted["id"])]
    return Catalogue(wanted.merge(texts, on="id", how="left").fillna(""), kept[["id", "name", "value"]])
