"""Format `files`, the data set of one's own: products, queries, judgments and pairs in a folder.

- `products.jsonl` (an object a line: id, title, description, attributes as an object) or `products.csv` (columns id,
  title, description, attr_*). An id is text without white space; in JSON a whole number is taken as it is written. A
  description may be missing. An attribute keeps its name (in CSV the whole name of its column); a list of values is
  an attribute each; null, and in CSV an empty field, is none.
- `judgments.csv` (columns query, product, grade; with a column rater the mean of the raters' grades counts), a Quepid
  export (`case_*_judgements.csv`: query, docid, rating; rows without a rating are left out) or a TREC `qrels.txt`
  (query, 0, product, grade; separated by white space; grades below 0 are read as 0).
- `queries.tsv` (id, tab, text; no header): judgments name queries by id. Without it judgments.csv holds their text.
- `pairs.tsv` (query text, tab, product, optionally tab and relevance from 1 to 3; no header), for fine-tuning.

Everything is UTF-8, plain, as `NAME.gz` or in a zip file; a byte order mark and line ends of any system are tolerated.
CSV may have semicolons or tabs between its columns, and fields of the tab-separated files may be in CSV's quotes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from relevance.datasets.judged import JUDGED, graded, judged, mean_of_raters
from relevance.datasets.source import parsed_grade
from relevance.datasets.tables import (
    BLANK_QUERY,
    JsonRecord,
    Notes,
    catalogue_of,
    collected,
    delimiter_of,
    existing_folder,
    find,
    find_one,
    query_texts,
    selected_rows,
    separated_by,
)
from relevance.errors import InputError, unknown
from relevance.files import input_errors, quoted
from relevance.text import plural, some

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from relevance.datasets.source import Source
    from relevance.datasets.tables import Product, Table
    from relevance.files import TextFile
    from relevance.records import Catalogue, Dataset

JSON_LINES, CSV = "products.jsonl", "products.csv"
QRELS, JUDGMENTS, QUERIES, PAIRS = "qrels.txt", "judgments.csv", "queries.tsv", "pairs.tsv"
_FILES = (JSON_LINES, CSV, QUERIES, QRELS, JUDGMENTS, PAIRS)
_QUEPID = "case_*_judgements.csv"
_QUEPID_COLUMNS = {"query": "query", "product": "docid", "grade": "rating"}
_ATTRIBUTE_PREFIX = "attr_"
_HEADERS = {"id", "query", "query_id", "qid", "text", "query_text"}
_HIGHEST_RELEVANCE = 3
_FORMULA = tuple("=+-@")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_TAB_FIELD = re.compile(rf"({_QUOTED.pattern}|[^\t]*)\t")


def load(source: Source) -> Dataset:
    """Load all products, judged or not, and the queries that are judged; over an index there may be no products."""
    source.refuse_unused("columns", "gains")
    folder = existing_folder(source)
    offered = _product_file(source, folder)
    with input_errors(folder):
        exported = sorted(path.name for path in folder.glob(_QUEPID))
    rated = find_one(folder, QRELS, JUDGMENTS, *exported)
    _check_columns(source, offered, rated)
    asked = find(folder, QUERIES)
    notes = Notes()
    texts = None if asked is None else _queries(asked, notes)
    table = _judgments(source, rated, notes, by_id=texts is not None)
    catalogue = None if offered is None else _products(offered, source.columns, notes)
    if offered is None:
        notes.append(f"no {JSON_LINES} and no {CSV}: products have no title here")
    _note_others(folder, notes)
    several = "" if rated.name == QRELS else ", or a column rater that names who gave each"
    return judged(source, table, catalogue, notes, texts=texts, texts_name=QUERIES, several=several)


def load_pairs(source: Source) -> pd.DataFrame:
    """Load the pairs of `pairs.tsv`; a pair without a relevance has the highest, 3.

    Returns:
        Columns `query`, `product` (id), `title` (all text) and `relevance` (float, 1 to 3), in the order of the file.
    """
    source.refuse_unused("columns", "gains")
    folder = existing_folder(source)
    file = find_one(folder, PAIRS)
    names = {name: name for name in ("query", "product", "relevance")}
    table = collected(file, names, _tab_rows(file, 2, 3, "query text, product[, relevance]", []))
    table.require("query", str.strip, BLANK_QUERY)
    table.require_ids("product")
    table.require("relevance", _is_relevance, f"a number from 1 to {_HIGHEST_RELEVANCE}, or nothing")
    catalogue = _products(find_one(folder, JSON_LINES, CSV), source.columns, Notes())
    titles = dict(zip(catalogue.ids, catalogue.products["title"], strict=True))
    known = table.frame["product"].isin(titles).to_numpy()
    if source.unknown_products == "error" and not known.all():
        allowed = "the id of a product of the data set, or unknown_products = drop"
        raise table.fault(int((~known).argmax()), "product", allowed)
    pairs = table.frame[known].reset_index(drop=True)
    relevance = pairs["relevance"].map(lambda text: float(text or _HIGHEST_RELEVANCE))
    return pairs[["query", "product"]].assign(title=pairs["product"].map(titles), relevance=relevance.astype(float))


def has_pairs(source: Source) -> bool:
    """Whether `pairs.tsv` is there."""
    return find(existing_folder(source), PAIRS) is not None


def _is_relevance(text: str) -> bool:
    value = parsed_grade(text)
    return not text or (value is not None and 1 <= value <= _HIGHEST_RELEVANCE)


def _check_columns(source: Source, offered: TextFile | None, rated: TextFile) -> None:
    """Refuse a column name that nothing in this folder would look up."""
    of_products = ["id", "title", "description"] + ([] if offered and offered.name == CSV else ["attributes"])
    allowed = of_products + ([] if rated.name == QRELS else [*JUDGED, "rater"])
    for ours in source.columns:
        if ours not in allowed:
            raise InputError(f"data set {source.name!r}: columns: {unknown('column', ours, allowed)}")


def _note_others(folder: Path, notes: Notes) -> None:
    """Files that are called like ours and are none: somebody may think that they are read."""
    read = {file.path for name in _FILES if (file := find(folder, name))}
    stems = {name.partition(".")[0] for name in _FILES}
    others = [
        quoted(path.name)[1:-1]
        for path in sorted(folder.iterdir())
        if path.name.partition(".")[0].lower() in stems and path not in read and path.is_file()
    ]
    if others:
        notes.append(f"not read: {some(others, 5)}; allowed: {', '.join(_FILES)}")


# Products


def _product_file(source: Source, folder: Path) -> TextFile | None:
    if source.over is None or any(find(folder, name) for name in (JSON_LINES, CSV)):
        return find_one(folder, JSON_LINES, CSV)
    return None


def _products(file: TextFile, columns: Mapping[str, str], notes: Notes) -> Catalogue:
    if file.name == JSON_LINES:
        keys = [columns.get(ours, ours) for ours in ("id", "title", "description", "attributes")]
        return object_products(file, keys, notes)
    notes.mark(file)
    names = {ours: columns.get(ours, ours) for ours in ("id", "title", "description")}
    delimiter = delimiter_of(file)
    rows = file.rows(delimiter)
    _, header = next(rows)
    _check_header(file, header, columns, names, delimiter)
    at = [header.index(name) if name in header else -1 for name in names.values()]
    attributes = [
        (place, name) for place, name in enumerate(header) if name.startswith(_ATTRIBUTE_PREFIX) and place not in at
    ]

    def products() -> Iterator[Product]:
        for line, fields in rows:
            identifier, title, description = (fields[place] if place >= 0 else "" for place in at)
            yield line, identifier, title, description, [(name, fields[n]) for n, name in attributes if fields[n]]

    catalogue = catalogue_of(file, names["id"], products())
    used = {*at, *(place for place, _ in attributes)}
    notes.unused(file, [name for place, name in enumerate(header) if place not in used])
    return catalogue


def object_products(
    file: TextFile, keys: Sequence[str], notes: Notes, *, titled: bool = True, what: str = "product"
) -> Catalogue:
    """Products from JSON lines; `keys`: what these call id, title (which may be optional), description, attributes."""
    notes.mark(file)
    key_id, key_title, key_description, key_attributes = keys
    seen: dict[str, None] = {}

    def products() -> Iterator[Product]:
        for line, value in file.json_lines():
            record = JsonRecord(file, line, value)
            identifier, title = record.identifier(key_id), record.text(key_title, required=titled)
            description = record.text(key_description, required=False)
            yield line, identifier, title, description, record.attributes(key_attributes)
            if not value.keys() <= seen.keys():
                seen.update(dict.fromkeys(value))

    catalogue = catalogue_of(file, key_id, products(), what=what)
    notes.unused(file, [key for key in seen if key not in keys])
    return catalogue


def _check_header(
    file: TextFile, header: list[str], columns: Mapping[str, str], names: Mapping[str, str], delimiter: str
) -> None:
    if twice := next((name for at, name in enumerate(header) if name.strip() and name in header[:at]), None):
        raise file.fault(1, f"found the column {quoted(twice)} twice; allowed: once")
    # a description may be missing, but not one that the configuration names
    needed = [theirs for ours, theirs in names.items() if ours != "description" or ours in columns]
    if not {*needed} <= {*header}:
        optional = ", ".join([theirs for theirs in names.values() if theirs not in needed] + [f"{_ATTRIBUTE_PREFIX}*"])
        allowed = f"needed: {', '.join(needed)}; optional: {optional}; {separated_by(delimiter)}"
        raise file.fault(1, f"found columns {quoted(', '.join(header))}; {allowed}")


# Queries


def _queries(file: TextFile, notes: Notes) -> dict[str, str]:
    """The text of each query by id."""

    def rows() -> Iterator[tuple[int, str, str]]:
        for line, (identifier, text) in _tab_rows(file, 2, 2, "id, text", unquoted):
            if line == 1 and {identifier.lower(), text.lower()} <= _HEADERS:
                raise file.fault(1, f"found a header ({identifier}, {text}); allowed: queries from the first line on")
            yield line, identifier, text

    notes.mark(file)
    unquoted: list[int] = []
    texts = query_texts(file, rows(), ("id", "text"))
    name, rule = file.path.name, "in CSV quotes"
    notes.add(name, len(unquoted), f"field {rule} is read without them", f"fields {rule} are read without them")
    doubled = len(texts) - len(set(texts.values()))
    notes.add(QUERIES, doubled, "query has the text of another", "queries have the text of another")
    return texts


def _tab_rows(
    file: TextFile, least: int, most: int, columns: str, unquoted: list[int]
) -> Iterator[tuple[int, list[str]]]:
    """Lines split at tabs, `most` fields each, and empty ones where there are fewer; empty lines are left out.

    A field in CSV's quotes, as spreadsheets save it, loses them, and its line goes to `unquoted`. A quote anywhere else
    is a quote.
    """
    for number, line in enumerate(file.lines(), start=1):
        text = line.removesuffix("\n").removesuffix("\r")
        fields = _TAB_FIELD.findall(f"{text}\t") if '"' in text else text.split("\t")
        if fields == [""]:
            continue
        if not least <= len(fields) <= most:
            problem = f"found {plural(len(fields), 'column')} in {quoted(line)}"
            raise file.fault(number, f"{problem}; allowed: {columns}, separated by tabs")
        for at, field in enumerate(fields):
            if _QUOTED.fullmatch(field):
                fields[at] = field[1:-1].replace('""', '"')
                unquoted.append(number)
        yield number, fields + [""] * (most - len(fields))


# Judgments


def _judgments(source: Source, file: TextFile, notes: Notes, *, by_id: bool) -> Table:
    """Columns `query` (id or text), `product` and `grade`."""
    notes.mark(file)
    if file.name != QRELS:
        table = _csv_judgments(source, file, notes)
    elif by_id:
        table = collected(file, {name: name for name in JUDGED}, _qrels(file))
    else:
        raise file.fault(1, f"names queries by id, and there is no {QUERIES}; {QUERIES} is needed")
    table.require_ids("product")
    words = ", or words that each have a grade in gains"
    table = graded(table, source.gains, notes, otherwise=words, below_zero=file.name == QRELS)
    return mean_of_raters(table, notes) if "rater" in table.frame else table


def _qrels(file: TextFile) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(file.lines(), start=1):
        fields = line.split()
        if len(fields) not in {0, 4}:
            problem = f"found {plural(len(fields), 'column')} in {quoted(line)}"
            raise file.fault(number, f"{problem}; allowed: query, 0, product, grade, separated by white space")
        if fields:
            yield number, [fields[0], fields[2], fields[3]]


def _csv_judgments(source: Source, file: TextFile, notes: Notes) -> Table:
    delimiter = delimiter_of(file)
    _, header = next(file.rows(delimiter))
    ours = {name: source.columns.get(name, name) for name in (*JUDGED, "rater")}
    from_quepid = not source.columns.keys() & ours.keys() and {*_QUEPID_COLUMNS.values()} <= {*header}
    names = _QUEPID_COLUMNS if from_quepid else ours
    if "rater" not in source.columns and "rater" not in header:
        names = {name: theirs for name, theirs in names.items() if name != "rater"}
    rows = selected_rows(file, list(names.values()), delimiter)
    unrated: list[int] = []
    guarded: list[int] = []
    table = collected(file, names, _from_quepid(rows, unrated, guarded) if from_quepid else rows)
    name, guard = file.path.name, "a space in front of = + - or @, which Quepid puts there: left out"
    notes.add(name, len(unrated), "row without a rating is left out", "rows without a rating are left out")
    notes.add(name, len(guarded), f"field has {guard}", f"fields have {guard}")
    notes.unused(file, [column for column in header if column not in names.values()])
    return table


def _from_quepid(
    rows: Iterator[tuple[int, list[str]]], unrated: list[int], guarded: list[int]
) -> Iterator[tuple[int, list[str]]]:
    """Leave out what nobody has rated, and the space that keeps spreadsheets from running a text.

    The lines of both go to the lists.
    """
    for line, (*texts, rating) in rows:
        if not rating:
            unrated.append(line)
            continue
        for at, text in enumerate(texts):
            if text.startswith(" ") and text[1:].startswith(_FORMULA):
                texts[at] = text[1:]
                guarded.append(line)
        yield line, [*texts, rating]
