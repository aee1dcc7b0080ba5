"""The layouts of published data sets: BEIR, WANDS, ESCI and Chorus.

- `beir`: `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv` with a header; of several splits `test.tsv` is read. A
  document's `title` and `text` are the title and description of a product, its `metadata`, an object, the attributes.
  Grades below 0 are read as 0. As in BEIR's own evaluation a hit with the query's own id is left out.
- `wands`: `product.csv`, `query.csv` and `label.csv`, with tabs between columns and fields quoted as in CSV. Attributes
  are a product's class, its category hierarchy and its features (`name : value|name:value`).
- `esci`: two parquet files, of examples and of products. Read are all products of the locale `us` and the judgments of
  its smaller version's test split, which is the ranking task. The paper's gains are 1.0, 0.1, 0.01 and 0. A product
  counts as relevant from the grade of S on: a complement is not what was asked for.
- `chorus`: four JSON lists of products (o19s/chorus) and a rated query set. A description is the `short_description`,
  attributes are the keys that begin with `attr_`, values as JSON writes them (`6.0`, `true`).
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.datasets.judged import graded, judged
from relevance.datasets.own import object_products
from relevance.datasets.tables import (
    JsonRecord,
    Notes,
    catalogue_of,
    collected,
    described,
    existing_folder,
    find,
    find_one,
    is_id,
    query_texts,
    read_table,
    selected_rows,
)
from relevance.errors import CouldNotRunError, InputError
from relevance.files import (
    MIB,
    TextFile,
    input_errors,
    is_lfs_pointer,
    lfs_pointer_error,
    quoted,
    read_json_list,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from relevance.datasets.source import Source
    from relevance.datasets.tables import Product
    from relevance.records import Dataset


# BEIR

_CORPUS, _QUERIES, _QRELS, _SPLIT = "corpus.jsonl", "queries.jsonl", "qrels", "test.tsv"
_BEIR_KEYS = ("_id", "title", "text", "metadata")
_BEIR_COLUMNS = {"query": "query-id", "product": "corpus-id", "grade": "score"}


def load_beir(source: Source) -> Dataset:
    """Load the whole corpus and the queries that the split judges; over an index there may be no corpus."""
    source.refuse_unused()
    folder = existing_folder(source)
    corpus = find_one(folder, _CORPUS) if source.over is None else find(folder, _CORPUS)
    asked, rated = find_one(folder, _QUERIES), _split(folder / _QRELS)
    table = read_table(rated, _BEIR_COLUMNS, "\t", only=True)
    table.require_ids("product")
    notes = Notes()
    catalogue = None if corpus is None else object_products(corpus, _BEIR_KEYS, notes, titled=False, what="document")
    if corpus is None:
        notes.append(f"no {_CORPUS}: products have no title here")
    notes.mark(asked)
    notes.mark(rated)
    table = graded(table, {}, notes, below_zero=True)
    records = (JsonRecord(asked, line, value) for line, value in asked.json_lines())
    rows = ((one.line, one.identifier("_id"), one.text("text", required=True)) for one in records)
    texts = query_texts(asked, rows, ("_id", "text"))
    dataset = judged(source, table, catalogue, notes, texts=texts, texts_name=_QUERIES)
    # ArguAna's queries are documents: of each its own is left out, as BEIR's evaluation does in every data set
    codes = {identifier: code for code, identifier in enumerate(dataset.catalogue.ids)}
    own = np.array([codes.get(identifier, -1) for identifier in dataset.queries.ids], dtype=np.int64)
    if (own < 0).all():
        return dataset
    one = "query has the id of a document, which is left out of its hits"
    many = "queries have the id of a document, which is left out of their hits"
    notes.add(_QUERIES, int((own >= 0).sum()), one, many)
    return replace(dataset, own_products=own, notes=tuple(notes))


def _split(folder: Path) -> TextFile:
    """The file of judgments: `test.tsv`, or the only one."""
    if file := find(folder, _SPLIT):
        return file
    with input_errors(folder):
        names = {f"{path.name.partition('.tsv')[0]}.tsv" for path in folder.iterdir() if ".tsv" in path.name}
    if len(names) != 1:
        there = ", ".join(sorted(names)) or "no file .tsv"
        raise InputError(f"{shown(folder)} has {there}; allowed: {_SPLIT} among others, or one file .tsv")
    return find_one(folder, *names)


# WANDS

WANDS_GAINS = {"Exact": 2, "Partial": 1, "Irrelevant": 0}
_WANDS_PRODUCTS, _WANDS_QUERIES, _WANDS_LABELS = "product.csv", "query.csv", "label.csv"
_WANDS_COLUMNS = (
    "product_id",
    "product_name",
    "product_description",
    "product_class",
    "category hierarchy",
    "product_features",
)


def load_wands(source: Source) -> Dataset:
    """Load all products and the queries that are judged."""
    source.refuse_unused("gains")
    gains = source.gains_of(WANDS_GAINS)
    folder = existing_folder(source)
    offered, asked, rated = (find_one(folder, name) for name in (_WANDS_PRODUCTS, _WANDS_QUERIES, _WANDS_LABELS))
    table = read_table(rated, {"query": "query_id", "product": "product_id", "grade": "label"}, "\t")
    table.require_ids("product")
    notes = Notes()
    for file in (offered, asked, rated):
        notes.mark(file)
    table = graded(table, gains, notes)
    rows = ((line, one, text) for line, (one, text) in selected_rows(asked, ("query_id", "query"), "\t"))
    texts = query_texts(asked, rows, ("column query_id", "column query"))
    catalogue = catalogue_of(offered, "column product_id", _wands_products(offered))
    return judged(source, table, catalogue, notes, texts=texts, texts_name=_WANDS_QUERIES)


def _wands_products(file: TextFile) -> Iterator[Product]:
    for line, (identifier, title, description, *others) in selected_rows(file, _WANDS_COLUMNS, "\t"):
        yield line, identifier, title, description, _wands_attributes(*others)


def _wands_attributes(product_class: str, hierarchy: str, features: str) -> Iterator[tuple[str, str]]:
    if product_class:
        yield "class", product_class
    if hierarchy:
        yield "category", hierarchy
    for feature in features.split("|"):
        name, _, value = feature.partition(":")
        if feature.strip():
            yield name.strip(), value.strip()


# ESCI

ESCI_GAINS = {"E": 3, "S": 2, "C": 1, "I": 0}
_EXAMPLES, _ESCI_PRODUCTS = "shopping_queries_dataset_examples.parquet", "shopping_queries_dataset_products.parquet"
_LOCALE, _SMALL, _TEST = "us", "1", "test"
_WHICH = f"locale {_LOCALE}, small version, split {_TEST}"
_ESCI_COLUMNS = {"query": "query_id", "product": "product_id", "grade": "esci_label"}


def load_esci(source: Source) -> Dataset:
    """Load the products and judgments of the ranking task."""
    source.refuse_unused("gains")
    gains = source.gains_of(ESCI_GAINS)
    folder = existing_folder(source)
    examples, offered = _parquet_file(folder, _EXAMPLES), _parquet_file(folder, _ESCI_PRODUCTS)
    texts: dict[str, str] = {}
    table = collected(examples, _ESCI_COLUMNS, _examples(examples, texts), which=f" of {_WHICH}")
    table.require_ids("product")
    notes = Notes([f"{table.name}: {_WHICH}"])
    table = graded(table, gains, notes)
    what = f"product of the locale {_LOCALE}"
    catalogue = catalogue_of(offered, "product_id", _esci_products(offered), what=what)
    lowest, name = gains["S"] or 1, examples.path.name
    return judged(source, table, catalogue, notes, relevant_from=lowest, texts=texts, texts_name=name)


def _parquet_file(folder: Path, name: str) -> TextFile:
    if not (folder / name).is_file():
        raise InputError(f"{shown(folder)} has no {name}; it is needed as it was published")
    if is_lfs_pointer(folder / name):
        raise lfs_pointer_error(folder / name)
    return TextFile(folder / name, unit="row")


def _parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Rows of some columns with their number, from 1; values as text, null as ""."""
    parquet = _pyarrow("pyarrow.parquet")
    with input_errors(path), parquet.ParquetFile(path) as file:
        if missing := [name for name in columns if name not in file.schema_arrow.names]:
            there = quoted(", ".join(file.schema_arrow.names))
            raise InputError(f"{shown(path)}: found columns {there}; missing: {', '.join(missing)}")
        before = 0
        for batch in file.iter_batches(batch_size=8_192, columns=list(columns)):
            lists = [batch.column(name).to_pylist() for name in columns]
            for number, values in enumerate(zip(*lists, strict=True), start=before + 1):
                yield number, ["" if value is None else str(value) for value in values]
            before += batch.num_rows


def _pyarrow(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CouldNotRunError("format 'esci' needs pyarrow; pip install relevance-benchmarks[esci]") from error


def _examples(file: TextFile, texts: dict[str, str]) -> Iterator[tuple[int, list[str]]]:
    """Query id, product id and label of the rows that count; the texts of their queries go to `texts`."""
    columns = ("query", *_ESCI_COLUMNS.values(), "product_locale", "small_version", "split")
    for row, (text, query, product, label, *which) in _parquet_rows(file.path, columns):
        if which != [_LOCALE, _SMALL, _TEST]:
            continue
        if not is_id(query) or not text.strip():
            problem = f"found query_id {quoted(query)}, query {quoted(text)}; allowed: an id and a text"
            raise file.fault(row, problem)
        if texts.setdefault(query, text) != text:
            raise file.fault(row, f"found {quoted(text)}, another text of query {query}; allowed: one text an id")
        yield row, [query, product, label]


def _esci_products(file: TextFile) -> Iterator[Product]:
    names = ("locale", "id", "title", "description", "brand", "color", "bullet_point")
    rows = _parquet_rows(file.path, [f"product_{name}" for name in names])
    for row, (locale, identifier, title, description, *others) in rows:
        if locale == _LOCALE:
            yield row, identifier, title, description, _esci_attributes(*others)


def _esci_attributes(brand: str, colour: str, bullet_points: str) -> Iterator[tuple[str, str]]:
    if brand:
        yield "brand", brand
    if colour:
        yield "color", colour
    for point in bullet_points.splitlines():
        if point.strip():
            yield "bullet point", point.strip()


# Chorus

_CHORUS_PRODUCTS = ("1.json", "2.json", "3.json", "4.json")
_RATINGS_FILE, _RATINGS = "Broad_Query_Set_rated.csv", ("0", "1", "2", "3")
_CHORUS_PREFIX = "attr_"
_CHORUS_MOST = {"most_bytes": 256 * MIB, "most_values": 20_000_000}


def load_chorus(source: Source) -> Dataset:
    """Load all products, judged or not, and the rated queries; grades are the ratings, 0 to 3."""
    source.refuse_unused()
    folder = existing_folder(source)
    notes = Notes()
    files = [find_one(folder, name) for name in _CHORUS_PRODUCTS]
    catalogue = catalogue_of(files[0], "id", _chorus_products(files, notes))
    rated = find_one(folder, _RATINGS_FILE)
    notes.mark(rated)
    table = read_table(rated, {"query": "query", "product": "docid", "grade": "rating"}, ",", only=True)
    table.require_ids("product")
    table.require("grade", _RATINGS.__contains__, ", ".join(_RATINGS))
    return judged(source, table.mapped("grade", int), catalogue, notes)


def _chorus_products(files: Sequence[TextFile], notes: Notes) -> Iterator[Product]:
    seen: dict[str, tuple[object, ...]] = {}
    repeated = 0
    for file in files:
        items = TextFile(file.path, unit="item")
        expected = "a JSON list of products"
        values = read_json_list(file.path, expected, member=file.name, exact_numbers=True, **_CHORUS_MOST)
        for number, value in enumerate(values, start=1):
            if not isinstance(value, dict):
                raise items.fault(number, f"found {described(value)}; allowed: an object")
            item = JsonRecord(items, number, value)
            identifier, title = item.identifier("id"), item.text("title", required=True)
            description = item.text("short_description", required="short_description" in value)
            attributes = tuple((key, item.scalar(key, value[key])) for key in value if key.startswith(_CHORUS_PREFIX))
            product = (title, description, attributes)
            if identifier not in seen:
                seen[identifier] = product
                yield number, identifier, *product
                continue
            if seen[identifier] != product:
                raise item.fault("id", identifier, "an id that no other product has, unless both are equal")
            repeated += 1
    notes.add(
        "1.json to 4.json", repeated, "product is repeated and counts once", "products are repeated and count once"
    )
