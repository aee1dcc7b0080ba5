"""What every format shares: finding files, reading them as tables, and the data set that is made of tables.

What is wrong with several rows of a file is one error: the first is its line, the next four are its details.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import zipfile
from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from relevance.errors import InputError
from relevance.files import (
    TextFile,
    input_errors,
    member_path,
    parse_json,
    quoted,
    refuse_lfs_pointer,
    shown,
    zip_members,
)
from relevance.records import Catalogue, Dataset, Judgments, Queries
from relevance.text import plural, some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.datasets import Source

ID_RULE = "an id: one or more printable characters without white space"
BLANK_QUERY = "a query of at least one character that is not white space"
KNOWN_PRODUCT = "the id of a product of the data set, or unknown_products = drop"
JUDGED = ("query", "product", "grade")
MAX_GRADE = 999_999_999
OVERLAY, ASKED, QUERY_OVERLAY = "judgments.overlay.csv", "judgments.asked.csv", "queries.overlay.csv"
"""Files of ours beside those of a data set: what is judged since, in which order it is asked, what queries count."""

_RECURRING = {*JUDGED, "rater", "name", "value"}  # columns whose texts recur by the million
_FAULTS_SHOWN = 5
_NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?")


def is_id(text: str) -> bool:
    """Whether a text follows `ID_RULE`: printable characters hold no white space but the space."""
    return bool(text) and text.isprintable() and " " not in text


def simplest(value: float) -> float:
    """The number as an int where it is whole: it is hashed and printed as one."""
    return int(value) if value == int(value) else float(value)


def parsed_grade(text: str) -> float | None:
    """The grade that a text says (`3`, `3.0`, `0.37`; below 0 too), None where it says none."""
    if not _NUMBER.fullmatch(text) or not abs(float(text)) <= MAX_GRADE:
        return None
    return simplest(float(text))


class Notes(list[str]):
    """What a loader met and settled by rule, a line each."""

    def add(self, where: str, count: int, one: str, many: str) -> None:
        """Add what a file holds `count` times, if it does."""
        if count:
            self.append(f"{where}: {plural(count, one, many)}")

    def mark(self, file: TextFile) -> None:
        """Add that spreadsheets have put a byte order mark at the start of a file, if they have."""
        if file.has_mark():
            self.append(f"{file.path.name}: the byte order mark at its start is skipped")

    def unused(self, file: TextFile, names: Iterable[str], hint: str = "") -> None:
        """Add the columns or keys that mean nothing to us: one of them may be a slip of the pen."""
        unused = [quoted(name)[1:-1] if name.strip() else "a column without a name" for name in names]
        if unused:
            self.append(f"{file.path.name}: not used: {some(unused, 5)}{hint}")


# Files


def find(folder: Path, name: str, encoding: Literal["UTF-8", "Latin-1"] = "UTF-8") -> TextFile | None:
    """A file under its name, or packed: as `products.csv.zip`, as `products.csv.gz`, or in `products.zip`."""
    stem = folder / f"{name.rpartition('.')[0]}.zip"
    with input_errors(folder):
        paths = (folder / f"{name}{end}" for end in ("", ".zip", ".gz"))
        there = [path for path in paths if os.path.lexists(path)]
        if stem.is_file():
            refuse_lfs_pointer(stem)
            with zipfile.ZipFile(stem) as archive:
                there += [stem for member in zip_members(archive) if member_path(member).name == name]
    if len(there) > 1:
        both = " and ".join(path.name for path in there)
        raise InputError(f"{shown(folder)} has both {both}; only one of them may be there")
    if there and not there[0].is_file():
        raise InputError(f"{shown(there[0])} is not a file")
    return TextFile(there[0], name, encoding) if there else None


def find_one(folder: Path, *names: str, encoding: Literal["UTF-8", "Latin-1"] = "UTF-8") -> TextFile:
    """The one file of these names that is there, plain or packed."""
    there = [file for name in names if (file := find(folder, name, encoding))]
    if len(there) == 1:
        return there[0]
    either = f"one of {' and '.join(names)}" if len(names) > 1 else names[0]
    if there:
        both = " and ".join(file.path.name for file in there)
        raise InputError(f"{shown(folder)} has {both}; only {either} may be there")
    stems = {name.partition(".")[0] for name in names}
    similar = sorted(path.name for path in folder.iterdir() if path.name.partition(".")[0] in stems)
    instead = f", but {some(list(map(quoted, similar)), 3)}" if similar else ""
    missing = " and no ".join(names)
    raise InputError(f"{shown(folder)} has no {missing}{instead}; {either} is needed, plain or as .zip or .gz")


# Tables


def one_error(faults: Iterable[InputError], count: int) -> InputError:
    """One error for what is wrong with several rows; `faults` are at least the first of them."""
    first, *others = (str(fault) for fault, _ in zip(faults, range(_FAULTS_SHOWN), strict=False))
    more = [f"and {count - _FAULTS_SHOWN:,} more"] if count > _FAULTS_SHOWN else []
    return InputError(first, details=[*others, *more])


class Faults:
    """What is wrong with the rows of a file, told as one error."""

    def __init__(self) -> None:
        self.count = 0
        self._shown: list[InputError] = []

    def add(self, fault: InputError) -> None:
        """Count what is wrong with a row."""
        self.count += 1
        if self.count <= _FAULTS_SHOWN:
            self._shown.append(fault)

    def raise_all(self) -> None:
        """Raise them, if there are any."""
        if self.count:
            raise one_error(self._shown, self.count)


@dataclass(frozen=True, eq=False)
class Table:
    """Rows that were read.

    Attributes:
        file: that they come from.
        frame: its columns by our names, all text (an empty field is ""), without blank rows.
        lines: the line of the file on which each row begins; the first is line 1.
        names: our column name -> the file's own, for messages.
        at: what messages say before such a name.
    """

    file: TextFile
    frame: pd.DataFrame
    lines: Sequence[int]
    names: Mapping[str, str]
    at: str = "column "

    @property
    def name(self) -> str:
        """The file's name, as notes show it."""
        return self.file.path.name

    def mapped(self, column: str, function: Callable[[str], object]) -> Table:
        """The table with one column mapped, each distinct value once."""
        values = {value: function(value) for value in dict.fromkeys(self.frame[column].tolist())}
        return replace(self, frame=self.frame.assign(**{column: self.frame[column].map(values)}))

    def where(self, kept: npt.NDArray[np.bool_] | pd.Series[bool]) -> Table:
        """The table of some of the rows."""
        rows = np.flatnonzero(kept).tolist()
        return replace(self, frame=self.frame.iloc[rows].reset_index(drop=True), lines=[self.lines[at] for at in rows])

    def refuse_empty(self, which: str = "") -> None:
        """Refuse a table without rows."""
        if self.frame.empty:
            raise InputError(f"{shown(self.file.path)} has no rows{which}; allowed: one row or more")

    def refuse(self, column: str, wrong: npt.NDArray[np.bool_] | pd.Series[bool], allowed: str) -> None:
        """Refuse the fields of a column in the rows that are wrong."""
        self._refuse(column, wrong, lambda row: f"{quoted(str(self.frame[column].iloc[row]))}; allowed: {allowed}")

    def require(self, column: str, accepts: Callable[[str], object], allowed: str) -> None:
        """Refuse the fields of a column that are not accepted; each distinct value is looked at once."""
        values = dict.fromkeys(self.frame[column].tolist())
        if wrong := [value for value in values if not accepts(value)]:
            self.refuse(column, self.frame[column].isin(wrong), allowed)

    def require_ids(self, column: str, *, unique: bool = False) -> None:
        """Check that a column holds ids, see `is_id`, and each of them once if it has to be unique."""
        self.require(column, is_id, ID_RULE)
        ids = self.frame[column]
        if unique and (again := ids.duplicated()).any():
            first = dict(zip(reversed(ids.tolist()), reversed(self.lines), strict=True))
            allowed = "allowed: an id once"
            self._refuse(column, again, lambda row: f"{quoted(ids[row])} again (line {first[ids[row]]}); {allowed}")

    def _refuse(self, column: str, wrong: npt.NDArray[np.bool_] | pd.Series[bool], found: Callable[[int], str]) -> None:
        rows = np.flatnonzero(wrong).tolist()
        at = f"{self.at}{self.names[column]}"
        if rows:
            faults = (self.file.fault(self.lines[row], f"found {found(row)}", at=at) for row in rows)
            raise one_error(faults, len(rows))

    def once(self, key: list[str], value: str, *, otherwise: str = "") -> tuple[pd.DataFrame, int]:
        """The first row of each key, indexed by the row of the table, and how many rows repeat one."""
        frame, unit = self.frame, self.file.unit
        repeated = frame.duplicated(key).to_numpy()
        conflicts = np.flatnonzero(repeated & ~frame.duplicated([*key, value]).to_numpy()).tolist()

        def fault(row: int) -> InputError:
            first = int((frame[key] == frame[key].iloc[row]).all(axis=1).to_numpy().argmax())
            lines = f"{unit}s {self.lines[first]} and {self.lines[row]}, column {self.names[value]}"
            values = " and ".join(quoted(str(frame[value].iloc[at])) for at in (first, row))
            same = ", ".join(f"{self.names[column]} {quoted(frame[column].iloc[row])}" for column in key)
            problem = f"found {values} for the same {same}; allowed: one value{otherwise}"
            return InputError(f"{shown(self.file.path)}, {lines}: {problem}")

        if conflicts:
            raise one_error(map(fault, conflicts), len(conflicts))
        return frame[~repeated], int(repeated.sum())


def table_of(
    file: TextFile,
    names: Mapping[str, str],
    rows: Iterable[tuple[int, Any]],
    read: Callable[[int, Any], Sequence[str] | None],
    *,
    at: str = "column ",
) -> Table:
    """The table of rows, which come one by one with their lines.

    `read` gives the fields of a row in the order of `names`, None for one that does not count.
    """
    lines = array("q")
    columns: list[list[str]] = [[] for _ in names]
    recurring = [name in _RECURRING for name in names]
    faults = Faults()
    try:
        for line, row in rows:
            try:
                fields = read(line, row)
            except InputError as fault:
                faults.add(fault)
                continue
            if fields is None:
                continue
            lines.append(line)
            for column, text, recurs in zip(columns, fields, recurring, strict=True):
                column.append(sys.intern(text) if recurs else text)
    except InputError as end:  # of what can be read: it comes last
        if not faults.count:
            raise
        faults.add(end)
    faults.raise_all()
    # Python's own strings, whatever pandas would infer: rows are walked in Python, and ids sort by code point
    return Table(file, pd.DataFrame(dict(zip(names, columns, strict=True)), dtype=object), lines, names, at)


def csv_table(  # noqa: PLR0913 - what the formats' files differ in
    file: TextFile,
    names: Mapping[str, str],
    delimiter: str,
    *,
    only: bool = False,
    blank: list[int] | None = None,
    at: str = "column ",
) -> Table:
    """The table of some columns of a CSV file.

    Args:
        file: with a line of column names.
        names: our column name -> the file's own.
        delimiter: what stands between fields.
        only: whether the file may have no other columns.
        blank: gets the lines of blank rows, which are left out.
        at: see `Table`.
    """
    rows = file.rows(delimiter, blank=blank)
    _, header = next(rows)
    if any(header.count(name) != 1 for name in names.values()) or (only and len(header) > len(names)):
        among = "" if only else " among them"
        expected = f"expected{among}: {', '.join(names.values())}, {separated_by(delimiter)}"
        raise file.fault(1, f"found columns {quoted(', '.join(header))}; {expected}")
    return table_of(file, names, rows, csv_fields(file, header, [header.index(one) for one in names.values()]), at=at)


def csv_fields(file: TextFile, header: list[str], places: list[int]) -> Callable[[int, list[str]], list[str]]:
    """What reads some fields of a row, and refuses one that is longer or shorter than the header; no place: ""."""
    width = len(header)

    def read(line: int, fields: list[str]) -> list[str]:
        if len(fields) != width:
            raise file.fault(line, f"found {plural(len(fields), 'field')}; allowed: {width}, as in the header")
        return [fields[at] if at >= 0 else "" for at in places]

    return read


def delimiter_of(file: TextFile) -> str:
    """What separates the columns of a CSV file: commas, or what spreadsheets of some countries write instead."""
    header = next(file.lines(), "")
    return "," if "," in header else next((one for one in ";\t" if one in header), ",")


def is_list(text: str) -> bool:
    """Whether a cell looks like a JSON list."""
    return text.startswith("[") and text.endswith("]")


def list_of(text: str) -> list[Any] | None:
    """The JSON list that a cell holds; None for a text of another kind."""
    try:
        value = parse_json(text)
    except ValueError:
        return None
    return value if isinstance(value, list) else None


def separated_by(delimiter: str) -> str:
    """What a message calls a delimiter: `separated by commas`."""
    return "separated by " + {",": "commas", "\t": "tabs", ";": "semicolons"}[delimiter]


# Products, queries, judgments


class Attributes(dict[str, list[str]]):
    """The attributes of products, column by column, as they are met."""

    def __init__(self) -> None:
        super().__init__(id=[], name=[], value=[])

    def add(self, identifier: str, pairs: Iterable[tuple[str, str]]) -> None:
        """Add name and value of each attribute of a product."""
        for name, value in pairs:
            self["id"].append(identifier)
            self["name"].append(sys.intern(name))
            self["value"].append(sys.intern(value))


def catalogue_of(table: Table, attributes: Attributes, *, what: str = "product") -> Catalogue:
    """The catalogue of products, columns `id`, `title`, `description`, and their attributes, which are used up."""
    if table.frame.empty:
        raise table.file.fault(1, f"found no {what}; allowed: one or more")
    table.require_ids("id", unique=True)
    frame = pd.DataFrame(attributes, dtype=object)
    attributes.clear()  # the frame has pointers of its own
    return Catalogue(table.frame, frame)


def query_texts(table: Table) -> dict[str, str]:
    """The text of each query by id, of columns `id` and `text`."""
    table.require_ids("id", unique=True)
    table.require("text", str.strip, "a query that is not only white space")
    return dict(zip(table.frame["id"], table.frame["text"], strict=True))


def query_id(term: str) -> str:
    """The id of a query in a file that gives it none: `q` and 12 hex digits of the sha256 of its text in UTF-8."""
    return f"q{hashlib.sha256(term.encode()).hexdigest()[:12]}"


def graded(
    table: Table, gains: Mapping[str, float], notes: Notes, *, otherwise: str = "", below_zero: bool = False
) -> Table:
    """A table of judgments, its ids of products checked, with the labels of its column `grade` made numbers.

    That is by `gains`, or where there are none as they are written. Grades below 0 are read as 0 where that is asked
    for: trec_eval takes them as not relevant.
    """
    table.refuse_empty()
    table.require_ids("product")
    if gains:
        table.require("grade", gains.__contains__, some(list(gains), 20))
        return table.mapped("grade", gains.__getitem__)
    labels = table.frame["grade"]
    grades = {label: parsed_grade(label) for label in dict.fromkeys(labels.tolist())}
    wrong = {label for label, grade in grades.items() if grade is None or (grade < 0 and not below_zero)}
    decimal_comma = any(re.fullmatch(r"\d+,\d+", label) for label in wrong)
    hint = " (decimals with a point: 2.5)" if decimal_comma else ""
    if any(re.search(r"\d[eE][-+]?\d{3}", label) for label in wrong):
        hint = " (an exponent of one or two digits: 1e-5)"
    table.refuse("grade", labels.isin(wrong), f"a number from 0 to {MAX_GRADE:,}{hint}{otherwise}")
    below = int(labels.map(lambda label: (grades[label] or 0) < 0).sum())
    notes.add(table.name, below, "grade is below 0 and read as 0", "grades are below 0 and read as 0")
    return table.mapped("grade", lambda label: max(0, grades[label] or 0))


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
    params: Mapping[str, Mapping[str, Any]] | None = None,
    marks: Mapping[str, tuple[float, tuple[str, ...]]] | None = None,
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
        params: their parameters by id, where that file has some.
        marks: their weights and tags by id, likewise.
        several: what is allowed beside one grade of a query and a product, for the message.
    """
    if texts is None:
        table.require("query", str.strip, BLANK_QUERY)
    else:
        table.require("query", texts.__contains__, f"the id of one of the {len(texts):,} queries of {texts_name}")
    if catalogue is not None:
        _note_untitled(catalogue, source.over, notes)
    if source.over is not None:
        catalogue = _catalogue_over(catalogue, source, source.over, notes)
    assert catalogue is not None, "a data set without products, and no index whose products they are"  # noqa: S101
    rows, repeated = table.once(["query", "product"], "grade", otherwise=several)
    notes.add(table.name, repeated, "judgment is repeated and counts once", "judgments are repeated and count once")
    products = pd.Index(catalogue.ids, dtype=object).get_indexer(pd.Index(rows["product"]))
    known = products >= 0
    if not known.all():
        _drop(table, rows, known, source, notes)
        rows, products = rows[known], products[known]
    ids = {term: term if texts is not None else query_id(term) for term in dict.fromkeys(rows["query"])}
    first: dict[str, str] = {}
    for term, identifier in ids.items():
        if (other := first.setdefault(identifier, term)) != term:
            both = f"{quoted(other)} and {quoted(term)} have the same id {identifier}"
            raise InputError(f"{shown(table.file.path)}: the queries {both}; allowed: one query an id")
    asked: dict[str, list[Any]] = {"id": list(ids.values()), "text": [texts[term] if texts else term for term in ids]}
    if params is not None:
        asked["params"] = [params[term] for term in ids]
    if marks is not None:
        asked["weight"], asked["tags"] = [marks[term][0] for term in ids], [marks[term][1] for term in ids]
        refuse_weightless(asked["weight"], texts_name)
    queries = Queries(pd.DataFrame(asked, dtype=object))
    codes = {identifier: code for code, identifier in enumerate(queries.ids)}
    judgments = Judgments(
        rows["query"].map({term: codes[identifier] for term, identifier in ids.items()}).to_numpy(np.int64),
        products,
        np.array([simplest(one) for one in (rows["grade"].map(grade) if grade else rows["grade"])]),
        relevant_from=source.relevant_from or relevant_from,
    )
    _note_similar(table.name if texts is None else texts_name, queries.labels, notes)
    unjudged = 0 if texts is None else len(texts) - table.frame["query"].nunique()
    notes.add(texts_name, unjudged, "query without judgments is left out", "queries without judgments are left out")
    return Dataset(source.name, catalogue, queries, judgments, tuple(notes))


def refuse_weightless(weights: Sequence[float], where: str) -> None:
    """Refuse weights of which none is above 0; `where` names their file."""
    if len(weights) and not any(weights):
        raise InputError(f"{where}: every judged query has a weight of 0; allowed: one at least above 0")


def _drop(table: Table, rows: pd.DataFrame, known: npt.NDArray[np.bool_], source: Source, notes: Notes) -> None:
    """Note the judgments whose product is not in the catalogue; an InputError where they may not be dropped."""
    dropped = rows[~known]
    number = dropped["product"].nunique()
    if not known.any() and source.over is not None:
        theirs = f"they are of {_some_ids(dropped['product'])}, the index has {_some_ids(source.over)}"
        allowed = "allowed: judgments of its products; id of [elasticsearch.fields] names the field of their ids"
        raise InputError(f"{shown(table.file.path)}: no judgment is of a product of the index: {theirs}; {allowed}")
    if source.unknown_products == "error" and source.over is not None:
        which = f"{plural(len(dropped), 'judgment is', 'judgments are')} of {plural(number, 'product')}"
        allowed = "allowed: judgments of its products, or --unknown-products drop"
        of = f"{which} that the index does not have: {_some_ids(dropped['product'])}"
        raise InputError(f"{shown(table.file.path)}: {of}; {allowed}")
    if source.unknown_products == "error":
        table.refuse("product", table.frame.index.isin(dropped.index), KNOWN_PRODUCT)
    if not known.any():
        raise InputError(f"{shown(table.file.path)}: no judgment is of a product of the data set; allowed: one or more")
    of = f"{plural(number, 'product that is', 'products that are')} gone"
    notes.add(table.name, len(dropped), f"judgment of {of} is dropped", f"judgments of {of} are dropped")
    lost = len(set(dropped["query"]) - set(rows["query"][known]))
    one, many = "query loses all its judgments and is dropped", "queries lose all theirs and are dropped"
    notes.add(table.name, lost, one, many)


def _some_ids(ids: Sequence[str] | pd.Series[str]) -> str:
    return some([repr(identifier) for identifier in dict.fromkeys(ids)], 3)


def _note_untitled(catalogue: Catalogue, searched: Sequence[str] | None, notes: Notes) -> None:
    """Products of the files that have no title, of those that are searched: no query finds them by one."""
    among = set(catalogue.ids if searched is None else searched)
    titles = zip(catalogue.ids, catalogue.titles, strict=True)
    if ids := [identifier for identifier, title in titles if identifier in among and not title.strip()]:
        none = f"no {catalogue.fields.title or 'title'}"
        notes.append(f"{plural(len(ids), 'product has', 'products have')} {none}: {_some_ids(ids)}")


def _note_similar(where: str, texts: Sequence[str], notes: Notes) -> None:
    """Queries that a search engine would not tell apart count several times in every mean."""
    first: dict[str, str] = {}
    plain = {text: " ".join(text.split()).casefold() for text in sorted(texts)}
    pairs = [(other, text) for text, key in plain.items() if (other := first.setdefault(key, text)) != text]
    if pairs:
        what = f"in white space or case only ({' and '.join(map(quoted, pairs[0]))})"
        notes.add(where, len(pairs), f"query differs from another {what}", f"queries differ from others {what}")


def _catalogue_over(catalogue: Catalogue | None, source: Source, products: Sequence[str], notes: Notes) -> Catalogue:
    """The catalogue of exactly the products of an index that exists, with the texts that the files, if any, have."""
    wanted = pd.DataFrame({"id": list(products)}, dtype=object)
    if catalogue is None:
        if source.fields.body is not None:
            return Catalogue.of_documents(products, [{}] * len(products), source.fields)
        return Catalogue(wanted.assign(title="", description=""), pd.DataFrame(Attributes(), dtype=object))
    lacking = int((~wanted["id"].isin(catalogue.ids)).sum())
    if lacking:
        which = plural(lacking, "product of the index is", "products of the index are")
        notes.append(f"{which} not in the files: no title here")
    if left_out := len(catalogue) - (len(wanted) - lacking):
        which = plural(left_out, "product of the files is", "products of the files are")
        notes.append(f"{which} not in the index: left out")
    if not catalogue.has_default_layout:
        documents = dict(zip(catalogue.ids, catalogue.documents(), strict=True))
        return Catalogue.of_documents(products, [documents.get(one, {}) for one in products], catalogue.fields)
    texts, attributes = catalogue.products, catalogue.attributes
    attributes.insert(0, "id", texts["id"].to_numpy()[attributes["product"]])
    kept = attributes[attributes["id"].isin(wanted["id"])]
    return Catalogue(wanted.merge(texts, on="id", how="left").fillna(""), kept[["id", "name", "value"]])
