"""The layout of the Home Depot Product Search Relevance files, Latin-1 CSV; and the sample, own text in that layout."""

from __future__ import annotations

import codecs
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from relevance.datasets.judged import judged, once
from relevance.datasets.tables import BLANK_QUERY, collected, existing_folder, find, find_one, note, selected_rows
from relevance.errors import InputError
from relevance.fields import embedded_texts
from relevance.files import input_errors, open_bytes, shown
from relevance.records import Catalogue

if TYPE_CHECKING:
    from relevance.datasets.source import Source
    from relevance.datasets.tables import Table
    from relevance.files import TextFile
    from relevance.records import Dataset

_TRAIN, _TEST, _SOLUTION = "train.csv", "test.csv", "solution.csv"
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


def load(source: Source) -> Dataset:
    """Load the products and judgments of `train.csv`, with descriptions and attributes where these files are there.

    Products are those that train.csv names; of several titles of one, that of the row with the smallest id counts. A
    query is a distinct search term.

    Raises:
        InputError: the folder or a file cannot be read, or holds what is not allowed.
    """
    source.refuse_unused()
    folder = existing_folder(source)
    train = _table(_file(folder, _TRAIN))
    train.require_ids("product")
    train.require("grade", _is_relevance, _RELEVANCE)
    train = _with_row_ids(train.mapped("grade", float))
    catalogue, notes = _catalogue(folder, train)
    return judged(source, train, catalogue, grade=grade, notes=(*_blank_rows(train), *notes))


def load_sample(source: Source) -> Dataset:
    """Load the sample that comes with the package.

    Raises:
        InputError: a path is given; the sample is one and the same everywhere.
    """
    return load(_sample(source))


def load_sample_pairs(source: Source) -> pd.DataFrame:
    """Load the sample's rated pairs; see `load_pairs`."""
    return load_pairs(_sample(source))


def _sample(source: Source) -> Source:
    if source.path is not None:
        raise InputError(f"data set {source.name!r} takes no path, found {shown(source.path)}; allowed: sample")
    return replace(source, path=_PACKAGED_SAMPLE if _PACKAGED_SAMPLE.is_dir() else _CHECKED_OUT_SAMPLE)


def load_pairs(source: Source) -> pd.DataFrame:
    """Load the rated pairs of `test.csv` and `solution.csv`, for fine-tuning; ignored ones (relevance -1) are left out.

    Returns:
        Columns `query`, `product` (id), `title`, `text` (the product's whole text, as far as the files give it), all
        text, and `relevance` (float, 1 to 3), ordered by the pair's id.

    Raises:
        InputError: the folder or a file cannot be read, or holds what is not allowed; an id is in one file only.
    """
    folder = existing_folder(source)
    test, solution = _table(_file(folder, _TEST)), _table(_file(folder, _SOLUTION))
    test.require_ids("product")
    test.require("query", str.strip, BLANK_QUERY)
    solution.require(
        "relevance", lambda text: text == _IGNORED or _is_relevance(text), f"{_RELEVANCE}, or -1 (ignored)"
    )
    test, solution = _with_row_ids(test), _with_row_ids(solution.mapped("relevance", float))
    _refuse_unmatched(test, solution)
    _refuse_unmatched(solution, test)
    pairs = test.frame.drop_duplicates("id").merge(solution.frame.drop_duplicates("id"), on="id").sort_values("id")
    scored = pairs[pairs["relevance"] != float(_IGNORED)]
    scored = scored[["query", "product", "title", "relevance"]].reset_index(drop=True)
    catalogue, _ = _catalogue(folder, test)
    texts = dict(zip(catalogue.ids, embedded_texts(catalogue, "whole"), strict=True))
    scored.insert(3, "text", scored["product"].map(texts))
    return scored


def has_pairs(source: Source) -> bool:
    """Whether one of the files of pairs is there; `load_pairs` says which is missing.

    Raises:
        InputError: the folder cannot be read.
    """
    folder = existing_folder(source)
    return any(find(folder, name) for name in (_TEST, _SOLUTION))


def _file(folder: Path, name: str) -> TextFile:
    file = find_one(folder, name, encoding="Latin-1")
    if name in {_TRAIN, _TEST}:
        _refuse_utf8(file)
    return file


def _table(file: TextFile) -> Table:
    columns, blank = _COLUMNS[file.name], list[int]()
    rows = selected_rows(file, list(columns.values()), ",", only=True, blank=blank)
    return replace(collected(file.path, columns, rows), blank=len(blank))


def _is_relevance(text: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) is not None and 1 <= float(text) <= 3  # noqa: PLR2004 - the scale


def _refuse_utf8(file: TextFile) -> None:
    """Latin-1 reads any bytes; text that is well-formed UTF-8 and not ASCII would be read as something else."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    ascii_only = True
    with input_errors(file.path), open_bytes(file.path, member=file.name) as stream:
        try:
            while piece := stream.read(2**18):
                ascii_only = ascii_only and piece.isascii()
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return
    if not ascii_only:
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


def _blank_rows(table: Table) -> tuple[str, ...]:
    return note(table.name, table.blank, "blank row is skipped", "blank rows are skipped")


def _catalogue(folder: Path, train: Table) -> tuple[Catalogue, tuple[str, ...]]:
    distinct = train.frame[["product", "title"]].drop_duplicates()["product"]
    doubled = int(distinct[distinct.duplicated()].nunique())
    rule = "titles: that of the row with the smallest id counts"
    title_notes = note(train.name, doubled, f"product has several {rule}", f"products have several {rule}")
    by_id = train.frame.sort_values("id").drop_duplicates("product")
    descriptions, description_notes = _descriptions(folder, by_id["product"])
    attributes, attribute_notes = _attributes(folder, set(by_id["product"]))
    products = pd.DataFrame({"id": by_id["product"], "title": by_id["title"], "description": descriptions})
    return Catalogue(products, attributes), (*title_notes, *description_notes, *attribute_notes)


def _descriptions(folder: Path, products: pd.Series[str]) -> tuple[pd.Series[str], tuple[str, ...]]:
    """The description of each product, "" where it has none."""
    file = find(folder, _DESCRIPTIONS, "Latin-1")
    if file is None:
        return products.map(lambda _: ""), (f"no {_DESCRIPTIONS}: products have no description",)
    table = _table(file)
    table.require_ids("product")
    rows, repeated = once(table, ["product"], "description")
    by_product = dict(zip(rows["product"], rows["description"], strict=True))
    others = len(by_product.keys() - set(products))
    notes = (
        *_blank_rows(table),
        *note(table.name, repeated, "row is repeated and counts once", "rows are repeated and count once"),
        *_of_others(table, others),
    )
    return products.map(lambda product: by_product.get(product, "")), notes


def _attributes(folder: Path, products: set[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The attributes of the products, columns `id`, `name`, `value`; a null value is ""."""
    file = find(folder, _ATTRIBUTES, "Latin-1")
    if file is None:
        nothing = pd.DataFrame({"id": [], "name": [], "value": []}, dtype=object)
        return nothing, (f"no {_ATTRIBUTES}: products have no attributes",)

    def owner(uid: str) -> str | None:
        """The original file writes some numbers as 100001.0."""
        if uid not in products and re.fullmatch(r"[0-9]+\.0", uid):
            uid = uid.removesuffix(".0")
        return uid if uid in products else None

    table = _table(file)
    table.require_ids("product")
    owners = table.mapped("product", owner).frame.rename(columns={"product": "id"})
    attributes = owners[owners["id"].notna()]
    return attributes, (*_blank_rows(table), *_of_others(table, len(owners) - len(attributes)))


def _of_others(table: Table, count: int) -> tuple[str, ...]:
    rule = f"of products that {_TRAIN} does not name"
    return note(table.name, count, f"row {rule} is ignored", f"rows {rule} are ignored")
