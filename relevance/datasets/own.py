"""Format `files`, the data set of one's own: products, queries, judgments and pairs in a folder.

- `products.jsonl` (an object a line: id, title, description, attributes as an object) or `products.csv` (columns id,
  title, description, attr_*); `products.ndjson` and `products.tsv` are the same. An id is text without white space; in
  JSON a whole number is taken as it is written. A description may be missing. An attribute keeps its name (in CSV the
  whole name of its column); a list of values is an attribute each; null, and in CSV an empty field, is none. Where the
  configuration has fields of one's own, keys and columns are id and these, see `documents`.
- `judgments.csv` (columns query, product, grade; with a column rater the mean of the raters' grades counts), a Quepid
  export (`case_*_judgements.csv`: query, docid, rating; rows without a rating are left out) or a TREC `qrels.txt`
  (query, 0, product, grade; separated by white space; grades below 0 are read as 0).
- `queries.tsv` (id, tab, text), `queries.csv` (columns id, text) or `queries.jsonl` (an object a line: id, text):
  judgments name queries by id. Without it judgments.csv holds their text. Further columns, which a first line names in
  `queries.tsv`, too, and further keys or the entries of an object `params` are the queries' parameters; but `weight`
  says how much a query counts (a number of 0 or more, 1 where it is empty), and `tags` what it is (`brand|size`).
  A cell is text, or a JSON list; an empty one, in JSON null, is none. What JSON has keeps its type.
- `pairs.tsv` (query text, tab, product, optionally tab and relevance from 1 to 3; no header), for fine-tuning.

Everything is UTF-8, plain, as `NAME.gz` or in a zip file; a byte order mark and line ends of any system are tolerated.
CSV may have semicolons or tabs between its columns, and fields of the tab-separated files may be in CSV's quotes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from relevance.bodies import NAME_RULE, is_name
from relevance.datasets.marks import MARKS, Mark, json_mark, marks_of
from relevance.datasets.tables import (
    ASKED,
    BLANK_QUERY,
    ID_RULE,
    JUDGED,
    KNOWN_PRODUCT,
    OVERLAY,
    QUERY_OVERLAY,
    Attributes,
    Faults,
    Notes,
    catalogue_of,
    csv_fields,
    csv_table,
    delimiter_of,
    find,
    find_one,
    graded,
    is_id,
    is_list,
    judged,
    list_of,
    parsed_grade,
    query_texts,
    separated_by,
    table_of,
)
from relevance.errors import InputError, unknown
from relevance.fields import NAME_VALUE
from relevance.files import Number, input_errors, json_kind, parse_json, quoted
from relevance.numerals import plain_decimal
from relevance.records import Catalogue, joined, query_label
from relevance.schema import DECIMALS, INTEGERS, Schema
from relevance.text import plural, some
from relevance.values import allowed_of, check_value, refuses_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from relevance.datasets import Source
    from relevance.datasets.tables import Table
    from relevance.fields import ProductFields
    from relevance.files import TextFile
from relevance.records import Dataset

JSON_LINES, CSV = "products.jsonl", "products.csv"
_JSON = (JSON_LINES, "products.ndjson")
_PRODUCTS = (JSON_LINES, CSV, "products.ndjson", "products.tsv")
QRELS, JUDGMENTS, QUERIES, PAIRS = "qrels.txt", "judgments.csv", "queries.tsv", "pairs.tsv"
QUERIES_CSV, QUERIES_JSON = "queries.csv", "queries.jsonl"
_ASKED = (QUERIES, QUERIES_CSV, QUERIES_JSON)
_FILES = (*_PRODUCTS, *_ASKED, QRELS, JUDGMENTS, PAIRS)
_QUEPID = "case_*_judgements.csv"
_QUEPID_COLUMNS = {"query": "query", "product": "docid", "grade": "rating"}
_PRODUCT = ("id", "title", "description")
_QUERY = ("id", "text")
_PARAMS = "params"
_ATTRIBUTE_PREFIX = "attr_"
_HEADERS = {"id", "query", "query_id", "qid", "text", "query_text"}
_HIGHEST_RELEVANCE = 3
_DEEPEST = 20
_MISSING = object()
_WHOLE = re.compile(r"-?[0-9]{1,19}").fullmatch
_FORMULA = tuple("=+-@")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_TAB_FIELD = re.compile(rf"({_QUOTED.pattern}|[^\t]*)\t")


def load(source: Source, folder: Path) -> Dataset:
    """Load all products, judged or not, and the queries that are judged; over an index there may be no products."""
    offered = None
    if source.over is None or any(find(folder, name) for name in _PRODUCTS):
        offered = find_one(folder, *_PRODUCTS)
    with input_errors(folder):
        exported = sorted(path.name for path in folder.glob(_QUEPID))
    rated = find_one(folder, QRELS, JUDGMENTS, *exported)
    asked = find_one(folder, *_ASKED) if any(find(folder, name) for name in _ASKED) else None
    columns = ["id", *source.fields.properties]
    if source.fields.body is None:
        columns = [*_PRODUCT, *(() if offered and offered.name not in _JSON else ("attributes",))]
    columns += [] if rated.name == QRELS else [*JUDGED, "rater"]
    if mistaken := next((ours for ours in source.columns if ours not in columns), None):
        raise source.refusal(f"columns: {unknown('column', mistaken, columns)}")
    if mistaken := next((name for name in source.separators if name not in source.fields.properties), None):
        raise source.refusal(f"separators: {unknown('field', mistaken, source.fields.properties)}")
    notes = Notes()
    texts, params, marks = (None, None, None) if asked is None else _queries(asked, notes)
    table = _judgments(source, rated, notes, by_id=texts is not None)
    catalogue = None if offered is None else _products(offered, source, notes)
    if offered is None:
        notes.append(f"no {JSON_LINES} and no {CSV}: products have no title here")
    _note_others(folder, notes)
    several = "" if rated.name == QRELS else ", or a column rater that names who gave each"
    name = "" if asked is None else asked.name
    return judged(
        source,
        table,
        catalogue,
        notes,
        texts=texts,
        texts_name=name,
        params=params,
        marks=marks,
        several=several,
    )


def load_pairs(source: Source, folder: Path) -> pd.DataFrame:
    """Load the pairs of `pairs.tsv`; a pair without a relevance has the highest, 3.

    Returns:
        Columns `query`, `product` (id), `title` (all text; "" for a product that is not there, where that is allowed)
        and `relevance` (float, 1 to 3), in the order of the file.
    """
    file = find_one(folder, PAIRS)
    table = _tab_table(
        file, ("query", "product", "relevance"), 2, "query text, product[, relevance], separated by tabs", []
    )
    table.refuse_empty()
    table.require("query", str.strip, BLANK_QUERY)
    table.require_ids("product")
    table.require("relevance", _is_relevance, f"a number from 1 to {_HIGHEST_RELEVANCE}, or nothing")
    catalogue = _products(find_one(folder, *_PRODUCTS), source, Notes())
    titles = dict(zip(catalogue.ids, catalogue.titles, strict=True))
    if source.unknown_products == "error":
        table.require("product", titles.__contains__, KNOWN_PRODUCT)
    pairs = table.frame
    # a product that is gone has no title: what trains on the pairs leaves those out, and counts them
    return pairs[["query", "product"]].assign(
        title=pairs["product"].map(lambda product: titles.get(product, "")),
        relevance=pairs["relevance"].map(lambda text: float(text or _HIGHEST_RELEVANCE)).astype(float),
    )


def _is_relevance(text: str) -> bool:
    value = parsed_grade(text)
    return not text or (value is not None and 1 <= value <= _HIGHEST_RELEVANCE)


def _note_others(folder: Path, notes: Notes) -> None:
    """Files that are called like ours and are none: somebody may think that they are read."""
    read = {file.path for name in (*_FILES, OVERLAY, QUERY_OVERLAY, ASKED) if (file := find(folder, name))}
    stems = {name.partition(".")[0] for name in _FILES}
    others = [
        quoted(path.name)[1:-1]
        for path in sorted(folder.iterdir())
        if path.name.partition(".")[0].lower() in stems and path not in read and path.is_file()
    ]
    if others:
        notes.append(f"not read: {some(others, 5)}; allowed: {', '.join(_FILES)}")


# Products


def _products(file: TextFile, source: Source, notes: Notes) -> Catalogue:
    columns = source.columns
    if source.fields.body is not None:
        separators = {**source.fields.separators, **source.separators}
        return documents(file, source.fields, {**source.fields.columns, **columns}, notes, separators)
    if file.name in _JSON:
        return object_products(file, [columns.get(ours, ours) for ours in (*_PRODUCT, "attributes")], notes)
    notes.mark(file)
    names = {ours: columns.get(ours, ours) for ours in _PRODUCT}
    delimiter, header, rows = _columns_of(file)
    # a description may be missing, but not one that the configuration names
    needed = [theirs for ours, theirs in names.items() if ours != "description" or ours in columns]
    if not {*needed} <= {*header}:
        optional = ", ".join([theirs for theirs in names.values() if theirs not in needed] + [f"{_ATTRIBUTE_PREFIX}*"])
        allowed = f"needed: {', '.join(needed)}; optional: {optional}; {separated_by(delimiter)}"
        raise file.fault(1, f"found columns {quoted(', '.join(header))}; {allowed}")
    places = [header.index(name) if name in header else -1 for name in names.values()]
    of_attributes = [
        (at, name) for at, name in enumerate(header) if name.startswith(_ATTRIBUTE_PREFIX) and at not in places
    ]
    attributes = Attributes()
    fields_of = csv_fields(file, header, places)

    def read(line: int, row: list[str]) -> list[str]:
        fields = fields_of(line, row)
        if not is_id(fields[0]):  # here, where a row of another length does not hide it
            raise file.fault(line, f"found {quoted(fields[0])}; allowed: {ID_RULE}", at=names["id"])
        attributes.add(fields[0], ((name, row[at]) for at, name in of_attributes if row[at]))
        return fields

    catalogue = catalogue_of(table_of(file, names, rows, read, at=""), attributes)
    used = {*places, *(at for at, _ in of_attributes)}
    hint = f"; attributes are columns called {_ATTRIBUTE_PREFIX}*"
    notes.unused(file, [name for at, name in enumerate(header) if at not in used], hint)
    return catalogue


def _columns_of(file: TextFile) -> tuple[str, list[str], Iterator[tuple[int, list[str]]]]:
    """What separates the columns of a file of products, its header, and its rows."""
    delimiter = "\t" if file.name.endswith(".tsv") else delimiter_of(file)
    rows = file.rows(delimiter)
    _, header = next(rows)
    if twice := next((name for at, name in enumerate(header) if name.strip() and name in header[:at]), None):
        raise file.fault(1, f"found the column {quoted(twice)} twice; allowed: once")
    return delimiter, header, rows


def object_products(
    file: TextFile, keys: Sequence[str], notes: Notes, *, titled: bool = True, what: str = "product"
) -> Catalogue:
    """Products from JSON lines; `keys`: what these call id, title (which may be optional), description, attributes."""
    notes.mark(file)
    key_id, key_title, key_description, key_attributes = keys
    attributes = Attributes()
    seen: dict[str, None] = {}

    def read(line: int, value: dict[str, object]) -> tuple[str, str, str]:
        record = JsonRecord(file, line, value)
        identifier, title = record.identifier(key_id), record.text(key_title, required=titled)
        description = record.text(key_description, required=False)
        attributes.add(identifier, record.attributes(key_attributes))
        if not value.keys() <= seen.keys():
            seen.update(dict.fromkeys(value))
        return identifier, title, description

    table = table_of(file, dict(zip(_PRODUCT, keys, strict=False)), file.json_lines(), read, at="")
    catalogue = catalogue_of(table, attributes, what=what)
    hint = f"; attributes are entries of the object {quoted(key_attributes)}"
    notes.unused(file, [key for key in seen if key not in keys], hint)
    return catalogue


# products with fields of one's own

_TEXTS = {"text", "keyword", "match_only_text", "search_as_you_type", "wildcard", "constant_keyword", "ip", "version"}
_NUMBERS = {*INTEGERS, *DECIMALS, "scaled_float"}


def documents(
    file: TextFile,
    fields: ProductFields,
    columns: Mapping[str, str],
    notes: Notes,
    separators: Mapping[str, str] = MappingProxyType({}),
) -> Catalogue:
    """Products with the fields of a mapping, as JSON documents that an index takes.

    Of JSON, values keep their types; a number in a field of text is taken as it is written. Of CSV, fields are read by
    the type that the mapping gives them; a list, and what has fields inside, is JSON.

    Args:
        file: one of `products.*`.
        fields: what fields there are.
        columns: what the file calls them, and `id`, where it has another name.
        notes: get what the file has beside them.
        separators: of CSV, what stands between the values of a field that has several.
    """
    notes.mark(file)
    products = _Products(file, fields, columns, separators)
    seen: dict[str, None] = {}
    faults = Faults()
    for line, values, is_text in _objects(file, products.names, seen):
        try:
            products.take(line, values, is_text=is_text)
        except InputError as fault:
            faults.add(fault)
    faults.raise_all()
    found = products.found
    if not found:
        raise file.fault(1, "found no product; allowed: one or more")
    unused = [name for name in seen if name not in products.names.values()]
    notes.unused(file, [*unused, *sorted(products.missing)], "; the mapping does not have them")
    return Catalogue.of_documents(list(found), list(found.values()), fields)


_MOST_NESTED = 10_000


def _objects(
    file: TextFile, names: Mapping[str, str], seen: dict[str, None]
) -> Iterator[tuple[int, dict[str, Any], bool]]:
    """The products as objects with their lines, and whether all values are texts; `seen` gets the keys."""
    if file.name in _JSON:
        for line, value in file.json_lines():
            seen.update(dict.fromkeys(value))
            yield line, value, False
        return
    delimiter, header, rows = _columns_of(file)
    seen.update(dict.fromkeys(header))
    if names["id"] not in header:
        allowed = f"needed: {names['id']}; {separated_by(delimiter)}"
        raise file.fault(1, f"found columns {quoted(', '.join(header))}; {allowed}")
    fields_of = csv_fields(file, header, list(range(len(header))))
    for line, row in rows:
        yield line, {name: text for name, text in zip(header, fields_of(line, row), strict=True) if text}, True


def _parsed(text: str, options: Mapping[str, Any], separator: str = "") -> Any:
    """A field of CSV: JSON where it has to be, or is a list; a list where it has a separator; else the text."""
    if text.startswith(("[", "{")) or "properties" in options:
        with suppress(ValueError):
            value = parse_json(text, exact_numbers=True)
            if isinstance(value, list) or "properties" in options or options.get("type") == "flattened":
                return value
    if separator and "properties" not in options:
        return [_parsed(part.strip(), options) for part in text.split(separator) if part.strip()]
    if options.get("type") == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    is_number = options.get("type") in _NUMBERS
    return Number(text) if is_number else text


def _pairs(value: Any) -> Any:
    """Names and values as small documents, each with its text; a list of such documents gets the texts."""
    if isinstance(value, Mapping):
        value = [
            {"name": name, "value": one}
            for name, entry in value.items()
            for one in (entry if isinstance(entry, list) else [entry])
            if one is not None
        ]
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        return value
    texts = [joined(*(_plain(one.get(part, "")) for part in ("name", "value"))) for one in value]
    return [{**one, NAME_VALUE: text} for one, text in zip(value, texts, strict=True) if text]


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class _MisfitError(Exception):
    """A value that its field does not take, and what is allowed; it never leaves this module."""

    def __init__(self, value: object, allowed: str) -> None:
        super().__init__(allowed)
        self.value, self.allowed = value, allowed


class _Products:
    """Takes the products of a file.

    Attributes:
        names: what the file calls the fields, and `id`.
        found: the documents by id.
        missing: names inside of fields that the mapping does not have.
        nested: how many nested objects the product has that is being read.
    """

    def __init__(
        self, file: TextFile, fields: ProductFields, columns: Mapping[str, str], separators: Mapping[str, str]
    ) -> None:
        self.names = {name: columns.get(name, name) for name in ("id", *fields.properties)}
        self.found: dict[str, dict[str, Any]] = {}
        self.missing: set[str] = set()
        self.nested = 0
        self._file, self._properties, self._separators = file, fields.properties, separators
        schema = Schema.of(fields.body or {})
        self._readers = {name: _FieldReader(name, options, schema, self) for name, options in fields.properties.items()}
        self._pairs = {name for name in self._readers if name in fields.text and fields.text[name].nested == name}
        self._most = schema.limit("nested_objects", _MOST_NESTED)
        self._lines: dict[str, int] = {}

    def take(self, line: int, values: dict[str, Any], *, is_text: bool) -> None:
        """Take a product.

        Args:
            line: where it stands.
            values: by the file's names.
            is_text: whether these are texts of CSV.
        """
        record = JsonRecord(self._file, line, values)
        identifier = record.identifier(self.names["id"])
        if identifier in self._lines:
            raise record.fault(self.names["id"], identifier, f"an id once (line {self._lines[identifier]})")
        self._lines[identifier] = line
        self.found[identifier] = document = {}
        self.nested = 0
        for name, reader in self._readers.items():
            value = values.get(self.names[name])
            if value is None:
                continue
            if is_text:
                value = _parsed(value, self._properties[name], self._separators.get(name, ""))
            try:
                document[name] = reader.read(_pairs(value) if name in self._pairs else value)
            except _MisfitError as misfit:
                at = f"{'column' if is_text else 'key'} {quoted(self.names[name])}"
                found = described(misfit.value)
                raise self._file.fault(line, f"found {found}; allowed: {misfit.allowed}", at=at) from None
        if self.nested > self._most:
            allowed = f"{self._most:,}, or more by the setting index.mapping.nested_objects.limit"
            raise self._file.fault(line, f"found {self.nested:,} nested objects; allowed: {allowed}")


class _FieldReader:
    """Reads the values of a field as its type takes them; nulls, and what the mapping does not have, are left out.

    Args:
        path: of the field.
        options: its mapping.
        schema: all fields.
        products: get what is met.
    """

    def __init__(self, path: str, options: Mapping[str, Any], schema: Schema, products: _Products) -> None:
        self._path, self._options, self._products = path, options, products
        self._kind = options.get("type", "object")
        self._inside = None
        if "properties" in options:
            inside = options["properties"].items()
            self._inside = {name: _FieldReader(f"{path}.{name}", one, schema, products) for name, one in inside}
        self._checked = [one for one in schema.receiving(path) if refuses_values(one)]
        self._known: set[str] = set()  # texts that were checked: dates above all

    def read(self, value: Any) -> Any:
        """Give a value as the index takes it, numbers made of how they are written.

        Raises:
            _MisfitError: it is of another type.
        """
        kind = self._kind
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list):
            if kind == "dense_vector":
                return _vector(value, self._options)
            return [self.read(one) for one in value if one is not None]
        if self._inside is not None:
            raise _MisfitError(value, "an object, or a list of them")
        taken: Any
        if kind in _TEXTS:
            taken = value if type(value) is str else _plain(value)
        else:
            taken = _number(value) if kind in _NUMBERS or isinstance(value, Number) else value
        if taken is None:
            raise _MisfitError(value, f"a number, for the type {kind}")
        if self._checked and not (isinstance(taken, str) and taken in self._known):
            self._check(taken, value)
        return taken

    def _object(self, value: dict[str, Any]) -> dict[str, Any]:
        if self._kind in _TEXTS or self._kind in _NUMBERS or self._kind in ("boolean", "date"):
            raise _MisfitError(value, f"a value of type {self._kind}")
        if self._inside is None:
            return {name: self.read(one) for name, one in value.items() if one is not None}
        if self._kind == "nested":
            self._products.nested += 1
        taken = {}
        for name, one in value.items():
            reader = self._inside.get(name)
            if reader is None:
                self._products.missing.add(f"{self._path}.{name}")
            elif one is not None:
                taken[name] = reader.read(one)
        return taken

    def _check(self, taken: Any, value: object) -> None:
        """Refuse what the field, one of its multi-fields, or one that it is copied to does not take."""
        for one in self._checked:
            try:
                check_value(one, taken)
            except InputError:
                which = "" if one.path == self._path else f" of the field {one.path!r}"
                raise _MisfitError(value, f"{allowed_of(one)}, for the type {one.kind}{which}") from None
        if isinstance(taken, str):
            self._known.add(taken)


def _vector(values: list[Any], options: Mapping[str, Any]) -> list[float]:
    numbers = [_number(one) if isinstance(one, Number) else None for one in values]
    dims = int(options.get("dims") or len(numbers))
    if None in numbers or len(numbers) != dims:
        raise _MisfitError(values, f"{dims:,} numbers, for the type dense_vector")
    if options.get("similarity", "cosine") == "cosine" and options.get("index", True) and not any(numbers):
        raise _MisfitError(values, "numbers that are not all 0, for the similarity cosine")
    return [float(one) for one in numbers if one is not None]


def _number(value: Any) -> float | None:
    """The number that a value writes; None where it writes none."""
    text = str(value)
    if _WHOLE(text):
        return int(text)
    try:
        number = plain_decimal(text.strip())
    except ValueError:
        return None
    return number if math.isfinite(number) else None


# JSON objects


@dataclass(frozen=True)
class JsonRecord:
    """A JSON object of a file, and where it stands."""

    file: TextFile
    line: int
    value: Any

    def fault(self, key: str, value: object, allowed: str) -> InputError:
        """The error for the value of a key."""
        return self.file.fault(self.line, f"found {described(value)}; allowed: {allowed}", at=f"key {quoted(key)}")

    def identifier(self, key: str) -> str:
        """An id: text, or a whole number, which is taken as it is written."""
        value = self.value.get(key, _MISSING)
        whole = isinstance(value, Number) and value.lstrip("-").isdecimal()
        if not whole and (not isinstance(value, str) or isinstance(value, Number) or not is_id(value)):
            raise self.fault(key, value, f"{ID_RULE}, or a whole number")
        return str(value)

    def text(self, key: str, *, required: bool) -> str:
        """Text; "" where it may be missing and is, or is null."""
        value = self.value.get(key, _MISSING)
        if not required and (value is _MISSING or value is None):
            return ""
        if not isinstance(value, str) or isinstance(value, Number):
            raise self.fault(key, value, "text")
        return value

    def scalar(self, key: str, value: object) -> str:
        """Text as it is, a number as it is written, `true` or `false`."""
        if isinstance(value, bool | str):
            return _plain(value)
        raise self.fault(key, value, "text, a number, true, false, or a list of them")

    def attributes(self, key: str) -> Iterator[tuple[str, str]]:
        """Name and value of an object's entries, in order; each value of a list is one, null is none."""
        value = self.value.get(key)
        if value is None:
            return
        if not isinstance(value, dict):
            raise self.fault(key, value, "an object of names and values")
        for name, entry in value.items():
            for one in entry if isinstance(entry, list) else (entry,):
                if one is not None:
                    yield name, self.scalar(f"{key}.{name}", one)


def described(value: object) -> str:
    """A JSON value as errors show it."""
    if value is _MISSING:
        return "nothing"
    if isinstance(value, Number):
        return f"the number {quoted(value)[1:-1]}"
    if isinstance(value, str):
        return quoted(value)
    return str(value).lower() if isinstance(value, bool) else json_kind(value)


# Queries

_Params = dict[str, dict[str, Any]]
"""The parameters of each query by its id."""

_Asked = tuple[dict[str, str], _Params, Mapping[str, Mark]]
"""The text of each query by id, its parameters, its weight and tags."""


def _queries(file: TextFile, notes: Notes) -> _Asked:
    notes.mark(file)
    read = {QUERIES: _tab_queries, QUERIES_CSV: _csv_queries, QUERIES_JSON: _json_queries}
    texts, params, marks = read[file.name](file, notes)
    doubled = len(texts) - len(set(map(query_label, texts.values(), params.values())))
    notes.add(file.name, doubled, "query has the text of another", "queries have the text of another")
    return texts, params, marks


def _tab_queries(file: TextFile, notes: Notes) -> _Asked:
    unquoted: list[int] = []
    head = [name.strip('"') for name in _tab_fields(next(file.lines(), ""))]
    headed = [name.lower() for name in head[:2]] == [*_QUERY]
    names = (*_QUERY, *_param_names(file, head[2:])) if headed else _QUERY
    columns = f"{', '.join(names)}, separated by tabs"
    columns += "" if headed else f"; further ones need a first line {', '.join(_QUERY)}, NAME, …"
    table = _tab_table(file, names, 2, columns, unquoted, at="", headed=headed)
    if table.lines and table.lines[0] == 1 and {field.lower() for field in table.frame.iloc[0]} <= _HEADERS:
        header = ", ".join(table.frame.iloc[0])
        raise file.fault(1, f"found a header ({header}); allowed: queries from the first line on, or below id, text")
    rule = "in CSV quotes"
    notes.add(table.name, len(unquoted), f"field {rule} is read without them", f"fields {rule} are read without them")
    return query_texts(table), _cells(table), marks_of(table)


def _csv_queries(file: TextFile, _: Notes) -> _Asked:
    delimiter = delimiter_of(file)
    _line, header = next(file.rows(delimiter))
    if not {*_QUERY} <= {*header}:
        allowed = f"needed: {', '.join(_QUERY)}; others are parameters; {separated_by(delimiter)}"
        raise file.fault(1, f"found columns {quoted(', '.join(header))}; {allowed}")
    names = (*_QUERY, *_param_names(file, [name for name in header if name not in _QUERY]))
    table = csv_table(file, {name: name for name in names}, delimiter)
    return query_texts(table), _cells(table), marks_of(table)


def _json_queries(file: TextFile, _: Notes) -> _Asked:
    rows: list[dict[str, Any]] = []
    marks: list[Mark] = []

    def read(line: int, value: dict[str, Any]) -> tuple[str, str]:
        record = JsonRecord(file, line, value)
        of_query = record.identifier("id"), record.text("text", required=True)
        inner = value.get(_PARAMS)
        if inner is not None and not isinstance(inner, dict):
            raise record.fault(_PARAMS, inner, "an object of names and values")
        params = {name: one for name, one in value.items() if name not in (*_QUERY, *MARKS, _PARAMS)}
        marks.append(json_mark(value, record.fault))
        if twice := next((name for name in inner or {} if name in params), None):
            raise record.fault(twice, params[twice], f"the parameter once, here or in {_PARAMS}")
        rows.append({name: _typed(record, name, one) for name, one in {**params, **(inner or {})}.items()})
        return of_query

    table = table_of(file, {name: name for name in _QUERY}, file.json_lines(), read, at="")
    texts = query_texts(table)
    return texts, dict(zip(texts, rows, strict=True)), dict(zip(texts, marks, strict=True))


def _param_names(file: TextFile, names: Sequence[str]) -> Sequence[str]:
    """The names of parameters in a first line, checked."""
    for at, name in enumerate(names):
        if not is_name(name):
            raise file.fault(1, f"found the column {quoted(name)}; allowed: {NAME_RULE}")
        if name in (*_QUERY, *names[:at]):
            raise file.fault(1, f"found the column {quoted(name)} twice; allowed: once")
    return names


def _cells(table: Table) -> _Params:
    """The parameters in the further columns of a table of queries: text, or JSON lists."""
    names = [name for name in table.names if name not in (*_QUERY, *MARKS)]
    for name in names:
        table.require(name, lambda text: not is_list(text) or list_of(text), "text, or a JSON list")
    columns = ([list_of(text) if is_list(text) else text for text in table.frame[name].tolist()] for name in names)
    rows = zip(*columns, strict=True) if names else ((),) * len(table.frame)
    filled = ({name: one for name, one in zip(names, row, strict=True) if one != ""} for row in rows)
    return dict(zip(table.frame["id"].tolist(), filled, strict=True))


def _typed(record: JsonRecord, name: str, value: Any) -> Any:
    """The value of a parameter, its numbers no longer as they are written."""
    if not is_name(name):
        raise record.file.fault(record.line, f"found the key {quoted(name)}; allowed: {NAME_RULE}")
    try:
        return _with_numbers(value, _DEEPEST)
    except ValueError as error:
        raise record.file.fault(record.line, str(error), at=f"key {quoted(name)}") from None


def _with_numbers(value: Any, deepest: int) -> Any:
    if not deepest:
        raise ValueError(f"nested more than {_DEEPEST} deep; allowed: values that are not")
    if isinstance(value, Number):
        return parse_json(value)
    if isinstance(value, dict):
        return {key: _with_numbers(one, deepest - 1) for key, one in value.items()}
    return [_with_numbers(one, deepest - 1) for one in value] if isinstance(value, list) else value


def _tab_fields(line: str) -> list[str]:
    """The fields of a line, those in CSV's quotes as they are."""
    text = line.removesuffix("\n").removesuffix("\r")
    return _TAB_FIELD.findall(f"{text}\t") if '"' in text else text.split("\t")


def _tab_table(  # noqa: PLR0913 - what the files differ in
    file: TextFile,
    names: Sequence[str],
    least: int,
    columns: str,
    unquoted: list[int],
    *,
    at: str = "column ",
    headed: bool = False,
) -> Table:
    """Lines split at tabs, with empty fields where there are fewer than names; empty lines are left out.

    A field in CSV's quotes, as spreadsheets save it, loses them, and its line goes to `unquoted`. A quote anywhere else
    is a quote. Where the table is `headed`, the first line is none of its rows.
    """

    def read(number: int, line: str) -> list[str] | None:
        if (headed and number == 1) or not line.rstrip("\r\n"):
            return None
        fields = _tab_fields(line)
        if not least <= len(fields) <= len(names):
            problem = f"found {plural(len(fields), 'column')} in {quoted(line)}"
            raise file.fault(number, f"{problem}; allowed: {columns}")
        for place, field in enumerate(fields):
            if _QUOTED.fullmatch(field):
                fields[place] = field[1:-1].replace('""', '"')
                unquoted.append(number)
        return fields + [""] * (len(names) - len(fields))

    return table_of(file, {name: name for name in names}, enumerate(file.lines(), start=1), read, at=at)


# Judgments


def _judgments(source: Source, file: TextFile, notes: Notes, *, by_id: bool) -> Table:
    """Columns `query` (id or text), `product` and `grade`."""

    def trec_fields(number: int, line: str) -> list[str] | None:
        fields = line.split()
        if len(fields) not in {0, 4}:
            problem = f"found {plural(len(fields), 'column')} in {quoted(line)}"
            raise file.fault(number, f"{problem}; allowed: query, 0, product, grade, separated by white space")
        return [fields[0], *fields[2:]] if fields else None

    notes.mark(file)
    if file.name != QRELS:
        table = _csv_judgments(source, file, notes)
    elif by_id:
        table = table_of(file, {name: name for name in JUDGED}, enumerate(file.lines(), start=1), trec_fields)
    else:
        raise file.fault(1, f"names queries by id, and there is no {QUERIES}; {QUERIES} is needed")
    words = ", or words that each have a grade in gains"
    table = graded(table, source.gains, notes, otherwise=words, below_zero=file.name == QRELS)
    if "rater" not in table.frame:
        return table
    # one row for each query and product, its grade the mean of its raters'
    rows, repeated = table.once(["query", "product", "rater"], "grade")
    notes.add(table.name, repeated, "rating is repeated and counts once", "ratings are repeated and count once")
    means = rows.assign(grade=rows.groupby(["query", "product"], sort=False)["grade"].transform("mean"))
    first = means.drop_duplicates(["query", "product"])
    if len(first) < len(rows):
        notes.append(f"{table.name}: grades are the means of {plural(rows['rater'].nunique(), 'rater')}' ratings")
    return replace(table, frame=first.reset_index(drop=True), lines=[table.lines[row] for row in first.index])


def _csv_judgments(source: Source, file: TextFile, notes: Notes) -> Table:
    delimiter = delimiter_of(file)
    _, header = next(file.rows(delimiter))
    ours = {name: source.columns.get(name, name) for name in (*JUDGED, "rater")}
    from_quepid = not source.columns.keys() & ours.keys() and {*_QUEPID_COLUMNS.values()} <= {*header}
    names = _QUEPID_COLUMNS if from_quepid else ours
    if "rater" not in source.columns and "rater" not in header:
        names = {name: theirs for name, theirs in names.items() if name != "rater"}
    table = csv_table(file, names, delimiter)
    if from_quepid:
        table = _from_quepid(table, notes)
    notes.unused(file, [column for column in header if column not in names.values()])
    return table


def _from_quepid(table: Table, notes: Notes) -> Table:
    """Leave out what nobody has rated, and the space that keeps spreadsheets from running a text."""
    rated = table.frame["grade"] != ""
    one, many = "row without a rating is left out", "rows without a rating are left out"
    notes.add(table.name, int((~rated).sum()), one, many)
    table = table.where(rated)
    guarded = 0
    for column in ("query", "product"):
        texts = table.frame[column]
        table = table.mapped(column, _without_guard)
        guarded += int((texts != table.frame[column]).sum())
    guard = "a space in front of = + - or @, which Quepid puts there: left out"
    notes.add(table.name, guarded, f"field has {guard}", f"fields have {guard}")
    return table


def _without_guard(text: str) -> str:
    return text[1:] if text.startswith(" ") and text[1:].startswith(_FORMULA) else text
