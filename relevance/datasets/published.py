"""The layouts of published data sets: BEIR, WANDS, ESCI and Chorus.

- `beir`: `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv` with a header; of several splits `test.tsv` is read. A
  document's `title` and `text` are the title and description of a product, its `metadata`, an object, the attributes.
  A query's `metadata` may hold its `weight` and `tags`. Grades below 0 are read as 0. As in BEIR's own evaluation a hit
  with the query's own id is left out.
- `wands`: `product.csv`, `query.csv` and `label.csv`, with tabs between columns and fields quoted as in CSV. Attributes
  are a product's class, its category hierarchy and its features (`name : value|name:value`).
- `esci`: two parquet files, of examples and of products. Read are all products of the locale `us` and the judgments of
  its smaller version's test split, which is the ranking task. The paper's gains are 1.0, 0.1, 0.01 and 0. A product
  counts as relevant from the grade of S on: a complement is not what was asked for.
- `chorus`: four JSON lists of products (o19s/chorus) and a rated query set. A description is the `short_description`,
  attributes are the keys that begin with `attr_`, values as JSON writes them (`6.0`, `true`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from relevance.datasets.marks import json_mark
from relevance.datasets.own import JsonRecord, described, object_products
from relevance.datasets.tables import (
    Attributes,
    Notes,
    catalogue_of,
    csv_table,
    find,
    find_one,
    graded,
    is_id,
    judged,
    query_texts,
    table_of,
)
from relevance.errors import InputError
from relevance.files import MIB, TextFile, input_errors, quoted, read_json_list, refuse_lfs_pointer, shown
from relevance.packages import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from relevance.datasets import Source
    from relevance.datasets.marks import Mark
    from relevance.records import Dataset


# BEIR

_CORPUS, _QUERIES, _QRELS, _SPLIT = "corpus.jsonl", "queries.jsonl", "qrels", "test.tsv"
_BEIR_KEYS = ("_id", "title", "text", "metadata")
_BEIR_COLUMNS = {"query": "query-id", "product": "corpus-id", "grade": "score"}


def load_beir(source: Source, folder: Path) -> Dataset:
    """Load the whole corpus and the queries that the split judges; over an index there may be no corpus."""
    corpus = find_one(folder, _CORPUS) if source.over is None else find(folder, _CORPUS)
    asked, rated = find_one(folder, _QUERIES), _split(folder / _QRELS)
    table = csv_table(rated, _BEIR_COLUMNS, "\t", only=True)
    notes = Notes()
    catalogue = None if corpus is None else object_products(corpus, _BEIR_KEYS, notes, titled=False, what="document")
    if corpus is None:
        notes.append(f"no {_CORPUS}: products have no title here")
    notes.mark(asked)
    notes.mark(rated)
    table = graded(table, {}, notes, below_zero=True)

    marks: list[Mark] = []

    def read(line: int, value: dict[str, object]) -> tuple[str, str]:
        record, facts = JsonRecord(asked, line, value), value.get("metadata")
        marks.append(json_mark(facts if isinstance(facts, dict) else {}, record.fault))
        return record.identifier("_id"), record.text("text", required=True)

    texts = query_texts(table_of(asked, {"id": "_id", "text": "text"}, asked.json_lines(), read, at=""))
    of_queries = dict(zip(texts, marks, strict=True))
    dataset = judged(source, table, catalogue, notes, texts=texts, texts_name=_QUERIES, marks=of_queries)
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
_WANDS_COLUMNS = {
    "id": "product_id",
    "title": "product_name",
    "description": "product_description",
    "class": "product_class",
    "hierarchy": "category hierarchy",
    "features": "product_features",
}


def load_wands(source: Source, folder: Path) -> Dataset:
    """Load all products and the queries that are judged."""
    gains = source.gains_of(WANDS_GAINS)
    offered, asked, rated = (find_one(folder, name) for name in (_WANDS_PRODUCTS, _WANDS_QUERIES, _WANDS_LABELS))
    table = csv_table(rated, {"query": "query_id", "product": "product_id", "grade": "label"}, "\t")
    notes = Notes()
    for file in (offered, asked, rated):
        notes.mark(file)
    table = graded(table, gains, notes)
    texts = query_texts(csv_table(asked, {"id": "query_id", "text": "query"}, "\t"))
    products = csv_table(offered, _WANDS_COLUMNS, "\t")
    attributes = Attributes()
    for identifier, *others in products.frame[["id", "class", "hierarchy", "features"]].itertuples(index=False):
        attributes.add(identifier, _wands_attributes(*others))
    catalogue = catalogue_of(products, attributes)
    return judged(source, table, catalogue, notes, texts=texts, texts_name=_WANDS_QUERIES)


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


def load_esci(source: Source, folder: Path) -> Dataset:
    """Load the products and judgments of the ranking task."""
    gains = source.gains_of(ESCI_GAINS)
    examples, offered = _parquet_file(folder, _EXAMPLES), _parquet_file(folder, _ESCI_PRODUCTS)
    texts: dict[str, str] = {}

    def example(row: int, fields: list[str]) -> list[str] | None:
        text, query, product, label, *which = fields
        if which != [_LOCALE, _SMALL, _TEST]:
            return None
        if not is_id(query) or not text.strip():
            problem = f"found query_id {quoted(query)}, query {quoted(text)}; allowed: an id and a text"
            raise examples.fault(row, problem)
        if texts.setdefault(query, text) != text:
            raise examples.fault(row, f"found {quoted(text)}, another text of query {query}; allowed: one text an id")
        return [query, product, label]

    columns = ("query", *_ESCI_COLUMNS.values(), "product_locale", "small_version", "split")
    table = table_of(examples, _ESCI_COLUMNS, _parquet_rows(examples.path, columns), example)
    table.refuse_empty(f" of {_WHICH}")
    notes = Notes([f"{table.name}: {_WHICH}"])
    table = graded(table, gains, notes)
    attributes = Attributes()

    def product(_: int, fields: list[str]) -> list[str] | None:
        locale, identifier, title, description, brand, colour, bullet_points = fields
        if locale != _LOCALE:
            return None
        named = [("brand", brand), ("color", colour)]
        named += [("bullet point", point.strip()) for point in bullet_points.splitlines()]
        attributes.add(identifier, [(name, value) for name, value in named if value])
        return [identifier, title, description]

    names = {name: f"product_{name}" for name in ("id", "title", "description")}
    others = ("brand", "color", "bullet_point")
    rows = _parquet_rows(offered.path, ["product_locale", *names.values(), *(f"product_{name}" for name in others)])
    products = table_of(offered, names, rows, product, at="")
    catalogue = catalogue_of(products, attributes, what=f"product of the locale {_LOCALE}")
    lowest, name = gains["S"] or 1, examples.path.name
    return judged(source, table, catalogue, notes, relevant_from=lowest, texts=texts, texts_name=name)


def _parquet_file(folder: Path, name: str) -> TextFile:
    if not (folder / name).is_file():
        raise InputError(f"{shown(folder)} has no {name}; it is needed as it was published")
    refuse_lfs_pointer(folder / name)
    return TextFile(folder / name, unit="row")


def _parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Rows of some columns with their number, from 1; values as text, null as ""."""
    require("format 'esci'", ("pyarrow",))
    from pyarrow import parquet  # noqa: PLC0415 - optional

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


# Chorus

_CHORUS_PRODUCTS = ("1.json", "2.json", "3.json", "4.json")
_RATED, _RATINGS = "Broad_Query_Set_rated.csv", {"0": 0, "1": 1, "2": 2, "3": 3}
_CHORUS_PREFIX = "attr_"
_CHORUS_MOST = {"most_bytes": 256 * MIB, "most_values": 20_000_000}


def load_chorus(source: Source, folder: Path) -> Dataset:
    """Load all products, judged or not, and the rated queries; grades are the ratings, 0 to 3."""
    notes = Notes()
    files = [find_one(folder, name) for name in _CHORUS_PRODUCTS]
    attributes = Attributes()
    seen: dict[str, tuple[object, ...]] = {}
    repeated: list[int] = []

    def items() -> Iterator[tuple[int, JsonRecord]]:
        for file in files:
            expected = "a JSON list of products"
            values = read_json_list(file.path, expected, member=file.name, exact_numbers=True, **_CHORUS_MOST)
            for number, value in enumerate(values, start=1):
                yield number, JsonRecord(TextFile(file.path, unit="item"), number, value)

    def read(number: int, item: JsonRecord) -> tuple[str, str, str] | None:
        value = item.value
        if not isinstance(value, dict):
            raise item.file.fault(number, f"found {described(value)}; allowed: an object")
        identifier, title = item.identifier("id"), item.text("title", required=True)
        description = item.text("short_description", required="short_description" in value)
        pairs = [(key, item.scalar(key, value[key])) for key in value if key.startswith(_CHORUS_PREFIX)]
        if identifier in seen:
            if seen[identifier] != (title, description, pairs):
                raise item.fault("id", identifier, "an id that no other product has, unless both are equal")
            repeated.append(number)
            return None
        seen[identifier] = (title, description, pairs)
        attributes.add(identifier, pairs)
        return identifier, title, description

    names = {"id": "id", "title": "title", "description": "short_description"}
    catalogue = catalogue_of(table_of(files[0], names, items(), read, at=""), attributes)
    one, many = "product is repeated and counts once", "products are repeated and count once"
    notes.add("1.json to 4.json", len(repeated), one, many)
    rated = find_one(folder, _RATED)
    notes.mark(rated)
    table = csv_table(rated, {"query": "query", "product": "docid", "grade": "rating"}, ",", only=True)
    return judged(source, graded(table, _RATINGS, notes), catalogue, notes)
