"""The layout of the Home Depot Product Search Relevance files: Latin-1 CSV, each plain or zipped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from relevance.datasets.files import existing_folder, located, read_optional, read_required, shown
from relevance.datasets.judged import JudgedColumns, Rules, judged, note, once
from relevance.datasets.source import refuse_unused
from relevance.datasets.tables import parse_table
from relevance.errors import InputError
from relevance.fields import embedded_texts
from relevance.records import Catalogue, Dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from relevance.datasets.files import TextFile
    from relevance.datasets.source import Source
    from relevance.datasets.tables import Table

__all__ = ["grade", "has_pairs", "load", "load_pairs"]

_COLUMNS = {
    "train.csv": ("id", "product_uid", "product_title", "search_term", "relevance"),
    "test.csv": ("id", "product_uid", "product_title", "search_term"),
    "solution.csv": ("id", "relevance", "Usage"),
    "product_descriptions.csv": ("product_uid", "product_description"),
    "attributes.csv": ("product_uid", "name", "value"),
}
_RELEVANCE = "a decimal number from 1 to 3"
_IGNORED = -1.0


def grade(relevance: float) -> int:
    """The grade, 0 to 2, of a mean rating from 1 (irrelevant) to 3 (highly relevant).

    The reference's rule, with Python's banker's rounding: a half goes to the even neighbour, so 1.5 and 2.5 both
    give 1.
    """
    return round(relevance) - 1


def load(source: Source) -> Dataset:
    """Load the products and judgments of `train.csv`, with descriptions and attributes where these files are there.

    Products are those that train.csv names; of several titles of one, that of the row with the smallest id counts. A
    query is a distinct search term.

    Raises:
        InputError: the folder or a file cannot be read, or holds what is not allowed.
    """
    refuse_unused(source)
    folder = existing_folder(source)
    train, train_notes = _train(folder)
    catalogue, catalogue_notes = _catalogue(folder, train)
    columns = JudgedColumns("search_term", "product_uid", "relevance")
    rules = Rules(grade, source.relevant_from or 1, source)
    catalogue, queries, judgments, judged_notes = judged(train, columns, catalogue, rules)
    return Dataset(source.name, catalogue, queries, judgments, (*train_notes, *judged_notes, *catalogue_notes))


def load_pairs(source: Source) -> pd.DataFrame:
    """Load the rated pairs of `test.csv` and `solution.csv`, for fine-tuning; ignored ones (relevance -1) are left out.

    Returns:
        Columns `query`, `product` (id), `title`, `text` (the product's whole text, as far as the files give it), all
        text, and `relevance` (float, 1 to 3), ordered by the pair's id.

    Raises:
        InputError: the folder or a file cannot be read, or holds what is not allowed; an id is in one file only.
    """
    folder = existing_folder(source)
    test, solution = _table(folder, "test.csv", check=_refuse_utf8), _table(folder, "solution.csv")
    test.require_ids("product_uid")
    test.require("search_term", str.strip, "a query of at least one character that is not white space")
    solution.require("relevance", lambda text: text == "-1" or _is_relevance(text), f"{_RELEVANCE}, or -1 (ignored)")
    test, solution = _with_row_ids(test), _with_row_ids(solution.mapped("relevance", float))
    _refuse_unmatched(test, solution)
    _refuse_unmatched(solution, test)
    pairs = test.frame.drop_duplicates("id").merge(solution.frame.drop_duplicates("id"), on="id").sort_values("id")
    scored = pairs[pairs["relevance"] != _IGNORED]
    names = {"search_term": "query", "product_uid": "product", "product_title": "title", "relevance": "relevance"}
    found = scored[list(names)].rename(columns=names).reset_index(drop=True)
    catalogue, _ = _catalogue(folder, test)
    texts = dict(zip(catalogue.ids, embedded_texts(catalogue, "whole"), strict=True))
    found.insert(3, "text", found["product"].map(texts))
    return found


def has_pairs(source: Source) -> bool:
    """Whether one of the files of pairs is there; `load_pairs` says which is missing.

    Raises:
        InputError: the folder cannot be read.
    """
    folder = existing_folder(source)
    return any(located(folder, name) for name in ("test.csv", "solution.csv"))


def _table(folder: Path, name: str, *, check: Callable[[TextFile], None] | None = None) -> Table:
    file = read_required(folder, name, encoding="Latin-1")
    table = parse_table(file, _COLUMNS[name])
    if check:
        check(file)
    return table


def _is_relevance(text: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) is not None and 1 <= float(text) <= 3  # noqa: PLR2004 - the scale


def _refuse_utf8(file: TextFile) -> None:
    """Latin-1 reads any bytes; text that is well-formed UTF-8 and not ASCII would be read as something else."""
    if file.content.isascii():
        return
    try:
        file.content.decode("utf-8")
    except UnicodeDecodeError:
        return
    raise InputError(f"{shown(file.path)} is encoded in UTF-8; allowed: Latin-1")


def _with_row_ids(table: Table) -> Table:
    """Check the ids of a file's rows and make them numbers."""
    table.require("id", re.compile(r"[0-9]{1,18}").fullmatch, "a whole number of at most 18 digits")
    table = table.mapped("id", int)
    conflicts = (table.frame.duplicated("id") & ~table.frame.duplicated()).to_numpy()
    if conflicts.any():
        raise table.fault(int(conflicts.argmax()), "id", "an id that no other row has")
    return table


def _refuse_unmatched(table: Table, other: Table) -> None:
    unmatched = ~table.frame["id"].isin(other.frame["id"]).to_numpy()
    if unmatched.any():
        raise table.fault(int(unmatched.argmax()), "id", f"an id of {other.name}")


def _train(folder: Path) -> tuple[Table, tuple[str, ...]]:
    table = _table(folder, "train.csv", check=_refuse_utf8)
    table.require_ids("product_uid")
    table.require("relevance", _is_relevance, _RELEVANCE)
    return _with_row_ids(table.mapped("relevance", float)), _blank_rows(table)


def _blank_rows(table: Table) -> tuple[str, ...]:
    return note(table.name, table.blank_rows, "blank row is skipped", "blank rows are skipped")


def _catalogue(folder: Path, train: Table) -> tuple[Catalogue, tuple[str, ...]]:
    titles = train.frame[["product_uid", "product_title"]]
    distinct = titles.drop_duplicates()["product_uid"]
    doubled = int(distinct[distinct.duplicated()].nunique())
    rule = "titles: that of the row with the smallest id counts"
    title_notes = note(train.name, doubled, f"product has several {rule}", f"products have several {rule}")
    by_id = train.frame.sort_values("id").drop_duplicates("product_uid")
    descriptions, description_notes = _descriptions(folder, by_id["product_uid"])
    attributes, attribute_notes = _attributes(folder, by_id["product_uid"])
    products = {"id": by_id["product_uid"], "title": by_id["product_title"], "description": descriptions}
    notes = (*title_notes, *description_notes, *attribute_notes)
    return Catalogue(pd.DataFrame(products), attributes), notes


def _descriptions(folder: Path, products: pd.Series[str]) -> tuple[pd.Series[str], tuple[str, ...]]:
    """The description of each product, "" where it has none."""
    file = read_optional(folder, "product_descriptions.csv", encoding="Latin-1")
    if file is None:
        return products.map(lambda _: ""), ("no product_descriptions.csv: products have no description",)
    table = parse_table(file, _COLUMNS["product_descriptions.csv"])
    table.require_ids("product_uid")
    rows, repeated = once(table, ["product_uid"], "product_description")
    by_product = dict(zip(rows["product_uid"], rows["product_description"], strict=True))
    others = len(by_product) - len(by_product.keys() & set(products))
    notes = (
        *_blank_rows(table),
        *note(table.name, repeated, "row is repeated and counts once", "rows are repeated and count once"),
        *_of_others(table, others),
    )
    return products.map(lambda product: by_product.get(product, "")), notes


def _attributes(folder: Path, products: pd.Series[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The attributes of the products, columns `id`, `name`, `value`; a null value is ""."""
    file = read_optional(folder, "attributes.csv", encoding="Latin-1")
    if file is None:
        nothing = pd.DataFrame({"id": [], "name": [], "value": []}, dtype=object)
        return nothing, ("no attributes.csv: products have no attributes",)
    table = parse_table(file, _COLUMNS["attributes.csv"])
    table.require_ids("product_uid")
    known = set(products)
    owners = table.mapped("product_uid", lambda uid: _owner(uid, known)).frame.rename(columns={"product_uid": "id"})
    attributes = owners[owners["id"].notna()]
    return attributes, (*_blank_rows(table), *_of_others(table, len(owners) - len(attributes)))


def _owner(uid: str, products: set[str]) -> str | None:
    """The product that an attribute belongs to: the original file writes some numbers as 100001.0."""
    if uid not in products and re.fullmatch(r"[0-9]+\.0", uid):
        uid = uid.removesuffix(".0")
    return uid if uid in products else None


def _of_others(table: Table, count: int) -> tuple[str, ...]:
    rule = "of products that train.csv does not name"
    return note(table.name, count, f"row {rule} is ignored", f"rows {rule} are ignored")
