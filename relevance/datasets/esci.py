"""The layout of the Shopping Queries Dataset (ESCI): two parquet files, of examples and of products.

Read are all products of the locale `us` and the judgments of its smaller version's test split, which is the ranking
task. The labels are E (exact, 3), S (substitute, 2), C (complement, 1) and I (irrelevant, 0) unless `gains` says
otherwise; the paper's gains 1, 0.1, 0.01 and 0 are, as whole numbers, {E = 100, S = 10, C = 1, I = 0}: nDCG depends on
their ratios only. Unless `relevant_from` says otherwise, a product counts as relevant from the grade of S on: a
complement is not what was asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from relevance.datasets.files import existing_folder, found, input_errors, located, shown
from relevance.datasets.grades import gains_of, graded
from relevance.datasets.judged import JudgedColumns, Rules, judged
from relevance.datasets.products import ProductColumns
from relevance.datasets.source import refuse_unused
from relevance.datasets.tables import ID_RULE, collected, is_id
from relevance.errors import CouldNotRunError, InputError
from relevance.records import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from relevance.datasets.source import Source
    from relevance.records import Catalogue

__all__ = ["GAINS", "load"]

GAINS = {"E": 3, "S": 2, "C": 1, "I": 0}
_EXAMPLES, _PRODUCTS = "shopping_queries_dataset_examples.parquet", "shopping_queries_dataset_products.parquet"
_LOCALE, _SMALL, _SPLIT = "us", "1", "test"
_WHICH = f"locale {_LOCALE}, small version, split {_SPLIT}"
_JUDGED = ("query_id", "product_id", "esci_label")
_BATCH = 8_192


def load(source: Source) -> Dataset:
    """Load the products and judgments of the ranking task.

    Raises:
        InputError: the folder or a file cannot be read, or holds what is not allowed.
        CouldNotRunError: pyarrow is not installed.
    """
    refuse_unused(source, "gains")
    gains = gains_of(source, GAINS)
    folder = existing_folder(source)
    examples, products = _file(folder, _EXAMPLES), _file(folder, _PRODUCTS)
    texts: dict[str, str] = {}
    table = collected(examples, _JUDGED, _examples(examples, texts), unit="row", which=f" of {_WHICH}")
    table.require_ids("product_id")
    table = graded(table, "esci_label", gains)
    rules = Rules(int, source.relevant_from or max(1, gains["S"]), source, texts, examples.name)
    catalogue, queries, judgments, notes = judged(table, JudgedColumns(*_JUDGED), _catalogue(products), rules)
    return Dataset(source.name, catalogue, queries, judgments, (f"{table.name}: {_WHICH}", *notes))


def _file(folder: Path, name: str) -> Path:
    path = located(folder, name)
    if path is None or path.name != name:
        raise InputError(f"{shown(folder)} has no {name}; it is needed as it was published")
    return path


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Rows of some columns with their number, from 1; values as text, null as ""."""
    parquet = _pyarrow("pyarrow.parquet")
    with input_errors(path), parquet.ParquetFile(path) as file:
        if missing := [name for name in columns if name not in file.schema_arrow.names]:
            there = ", ".join(file.schema_arrow.names)
            raise InputError(f"{shown(path)}: found columns {found(there)}; missing: {', '.join(missing)}")
        before = 0
        for batch in file.iter_batches(batch_size=_BATCH, columns=list(columns)):
            lists = [batch.column(name).to_pylist() for name in columns]
            for number, values in enumerate(zip(*lists, strict=True), start=before + 1):
                yield number, ["" if value is None else str(value) for value in values]
            before += batch.num_rows


def _pyarrow(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CouldNotRunError("format 'esci' needs pyarrow; pip install relevance-benchmarks[esci]") from error


def _examples(path: Path, texts: dict[str, str]) -> Iterator[tuple[int, list[str]]]:
    """Query id, product id and label of the rows that count; the texts of their queries go to `texts`."""
    columns = ("query", *_JUDGED, "product_locale", "small_version", "split")
    for row, (text, query, product, label, *which) in _rows(path, columns):
        if which != [_LOCALE, _SMALL, _SPLIT]:
            continue
        where = f"{shown(path)}, row {row}"
        if not is_id(query) or not text.strip():
            raise InputError(f"{where}: found query_id {found(query)}, query {found(text)}; allowed: an id and a text")
        if texts.setdefault(query, text) != text:
            raise InputError(f"{where}: found {found(text)}, another text of query {query}; allowed: one text an id")
        yield row, [query, product, label]


def _catalogue(path: Path) -> Catalogue:
    columns = ("product_locale", "product_id", "product_title", "product_description")
    others = ("product_brand", "product_color", "product_bullet_point")
    made = ProductColumns()
    for row, (locale, identifier, title, description, *rest) in _rows(path, (*columns, *others)):
        if locale != _LOCALE:
            continue
        if not is_id(identifier):
            raise InputError(f"{shown(path)}, row {row}: found product_id {found(identifier)}; allowed: {ID_RULE}")
        if earlier := made.line_of(identifier):
            raise InputError(f"{shown(path)}, row {row}: found {identifier} again (row {earlier}); allowed: an id once")
        made.add(row, identifier, title, description, attributes=_attributes(*rest))
    if not len(made):
        raise InputError(f"{shown(path)}: found no product of the locale {_LOCALE}; allowed: one or more")
    return made.catalogue()


def _attributes(brand: str, colour: str, bullet_points: str) -> Iterator[tuple[str, str]]:
    if brand:
        yield "brand", brand
    if colour:
        yield "color", colour
    for point in bullet_points.splitlines():
        if point.strip():
            yield "bullet point", point.strip()
