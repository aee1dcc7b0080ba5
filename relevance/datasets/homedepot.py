"""The layout of the Home Depot Product Search Relevance files, Latin-1 CSV; and the sample, own text in that layout."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from relevance.datasets.tables import (
    BLANK_QUERY,
    Attributes,
    Notes,
    csv_table,
    find,
    find_one,
    judged,
)
from relevance.errors import InputError
from relevance.files import input_errors, open_bytes, shown
from relevance.records import Catalogue, embedded_texts

if TYPE_CHECKING:
    from relevance.datasets import Source
    from relevance.datasets.tables import Table
    from relevance.files import TextFile
    from relevance.records import Dataset

_TRAIN, _TEST, _SOLUTION = "train.csv", "test.csv", "solution.csv"
PAIRS = (_TEST, _SOLUTION)
_DESCRIPTIONS, _ATTRIBUTES = "product_descriptions.csv", "attributes.csv"
# our column name -> theirs
_COLUMNS = {
    _TRAIN: {
        "id": "id", "product": "product_uid", "title": "product_title", "query": "search_term", "grade": "relevance",
    },
    _TEST: {"id": "id", "product": "product_uid", "title": "product_title", "query": "search_term"},
    _SOLUTION: {"id": "id", "relevance": "relevance", "usage": "Usage"},
    _DESCRIPTIONS: {"product": "product_uid", "description": "product_description"},
    _ATTRIBUTES: {"product": "product_uid", "name": "name", "value": "value"},
}  # fmt: skip
_RELEVANCE = "a decimal number from 1 to 3"
_IGNORED = "-1"

_PACKAGED_SAMPLE = Path(__file__).parent / "sample_files"
_CHECKED_OUT_SAMPLE = Path(__file__).parents[2] / "fixtures" / "sample"


def grade(relevance: float) -> int:
    """The grade, 0 to 2, of a mean rating from 1 (irrelevant) to 3 (highly relevant).

    The reference's rule, with Python's banker's rounding: a half goes to the even neighbour, so 1.5 and 2.5 both
    give 1.
    """
    return round(relevance) - 1


def sample_folder() -> Path:
    """Where the sample lies: in an installed package beside this module."""
    return _PACKAGED_SAMPLE if _PACKAGED_SAMPLE.is_dir() else _CHECKED_OUT_SAMPLE


def checked_out(name: str) -> Path | None:
    """Where a file beside the sample's lies; None in an installed package, which is no place for it."""
    return None if _PACKAGED_SAMPLE.is_dir() else _CHECKED_OUT_SAMPLE / name


def load(source: Source, folder: Path) -> Dataset:
    """Load the products and judgments of `train.csv`, with descriptions and attributes where these files are there.

    Products are those that train.csv names; of several titles of one, that of the row with the smallest id counts. A
    query is a distinct search term.
    """
    notes = Notes()
    train = _table(find_one(folder, _TRAIN, encoding="Latin-1"), notes)
    train.require("grade", _is_relevance, _RELEVANCE)
    train = _with_row_ids(train.mapped("grade", float))
    return judged(source, train, _catalogue(folder, train, notes), notes, grade=grade)


def load_pairs(_: Source, folder: Path) -> pd.DataFrame:
    """Load the rated pairs of `test.csv` and `solution.csv`, for fine-tuning; ignored ones (relevance -1) are left out.

    Returns:
        Columns `query`, `product` (id), `title`, `text` (the product's whole text, as far as the files give it), all
        text, and `relevance` (float, 1 to 3), ordered by the pair's id.
    """
    test, solution = (_table(find_one(folder, name, encoding="Latin-1"), Notes()) for name in PAIRS)
    test.require("query", str.strip, BLANK_QUERY)
    solution.require(
        "relevance", lambda text: text == _IGNORED or _is_relevance(text), f"{_RELEVANCE}, or -1 (ignored)"
    )
    test, solution = _with_row_ids(test), _with_row_ids(solution.mapped("relevance", float))
    for table, other in ((test, solution), (solution, test)):
        table.refuse("id", ~table.frame["id"].isin(other.frame["id"]), f"an id of {other.name}")
    pairs = test.frame.drop_duplicates("id").merge(solution.frame.drop_duplicates("id"), on="id").sort_values("id")
    scored = pairs[pairs["relevance"] != float(_IGNORED)]
    scored = scored[["query", "product", "title", "relevance"]].reset_index(drop=True)
    catalogue = _catalogue(folder, test, Notes())
    texts = dict(zip(catalogue.ids, embedded_texts(catalogue, "whole"), strict=True))
    scored.insert(3, "text", scored["product"].map(texts))
    return scored


def _table(file: TextFile, notes: Notes) -> Table:
    """The rows of one of the files, the ids of its products checked."""
    if file.name in {_TRAIN, _TEST}:
        _refuse_utf8(file)
    blank: list[int] = []
    table = csv_table(file, _COLUMNS[file.name], ",", only=True, blank=blank)
    table.refuse_empty()
    notes.add(table.name, len(blank), "blank row is skipped", "blank rows are skipped")
    if "product" in table.frame:
        table.require_ids("product")
    return table


def _is_relevance(text: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) is not None and 1 <= float(text) <= 3  # noqa: PLR2004 - the scale


def _refuse_utf8(file: TextFile) -> None:
    """Latin-1 reads any bytes; text that is well-formed UTF-8 and not ASCII would be read as something else."""
    with input_errors(file.path), open_bytes(file.path, member=file.name) as stream, suppress(UnicodeDecodeError):
        text = io.TextIOWrapper(stream, "utf-8", newline="")
        ascii_only = [piece.isascii() for piece in iter(partial(text.read, 2**18), "")]
        if not all(ascii_only):
            raise InputError(f"{shown(file.path)} is encoded in UTF-8; allowed: Latin-1")


def _with_row_ids(table: Table) -> Table:
    """Check the ids of a file's rows and make them numbers."""
    table.require("id", re.compile(r"[0-9]{1,18}").fullmatch, "a whole number of at most 18 digits")
    table = table.mapped("id", int)
    conflicts = table.frame.duplicated("id") & ~table.frame.duplicated()
    table.refuse("id", conflicts, "an id that no other row has")
    return table


def _catalogue(folder: Path, train: Table, notes: Notes) -> Catalogue:
    distinct = train.frame[["product", "title"]].drop_duplicates()["product"]
    doubled = int(distinct[distinct.duplicated()].nunique())
    rule = "titles: that of the row with the smallest id counts"
    notes.add(train.name, doubled, f"product has several {rule}", f"products have several {rule}")
    by_id = train.frame.sort_values("id").drop_duplicates("product")
    products = by_id[["product", "title"]].rename(columns={"product": "id"})
    others = f"of products that {_TRAIN} does not name"

    descriptions: dict[str, str] = {}
    if file := find(folder, _DESCRIPTIONS, "Latin-1"):
        table = _table(file, notes)
        rows, repeated = table.once(["product"], "description")
        notes.add(table.name, repeated, "row is repeated and counts once", "rows are repeated and count once")
        descriptions = dict(zip(rows["product"], rows["description"], strict=True))
        unnamed = len(descriptions.keys() - set(products["id"]))
        notes.add(table.name, unnamed, f"row {others} is ignored", f"rows {others} are ignored")
    else:
        notes.append(f"no {_DESCRIPTIONS}: products have no description")
    products["description"] = [descriptions.get(product, "") for product in products["id"]]

    attributes = pd.DataFrame(Attributes(), dtype=object)
    if file := find(folder, _ATTRIBUTES, "Latin-1"):
        table = _table(file, notes)
        owners = table.mapped("product", partial(_owner, set(products["id"]))).frame
        attributes = owners[owners["product"].notna()].rename(columns={"product": "id"})
        unnamed = len(owners) - len(attributes)
        notes.add(table.name, unnamed, f"row {others} is ignored", f"rows {others} are ignored")
    else:
        notes.append(f"no {_ATTRIBUTES}: products have no attributes")
    return Catalogue(products, attributes)


def _owner(products: set[str], uid: str) -> str | None:
    """The product that an attribute belongs to; the original file writes some numbers as 100001.0."""
    if uid not in products and re.fullmatch(r"[0-9]+\.0", uid):
        uid = uid.removesuffix(".0")
    return uid if uid in products else None
