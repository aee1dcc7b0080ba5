"""What the loaders share: finding files, tables of judgments, and the records that are built row by row."""

from __future__ import annotations

import os
import sys
import zipfile
from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from relevance.errors import InputError
from relevance.files import (
    Number,
    TextFile,
    input_errors,
    is_lfs_pointer,
    json_kind,
    lfs_pointer_error,
    member_path,
    quoted,
    shown,
    zip_members,
)
from relevance.records import Catalogue
from relevance.text import plural, some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from relevance.datasets.source import Source

ID_RULE = "an id: one or more printable characters without white space"
BLANK_QUERY = "a query of at least one character that is not white space"

_MISSING = object()


def is_id(text: str) -> bool:
    """Whether a text follows `ID_RULE`: printable characters hold no white space but the space."""
    return bool(text) and text.isprintable() and " " not in text


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

    def unused(self, file: TextFile, names: Iterable[str]) -> None:
        """Add the columns or keys that mean nothing to us: one of them may be a slip of the pen."""
        unused = [quoted(name)[1:-1] if name.strip() else "a column without a name" for name in names]
        if unused:
            self.append(f"{file.path.name}: not used: {some(unused, 5)}")


def described(value: object) -> str:
    """A JSON value as errors show it."""
    if value is _MISSING:
        return "nothing"
    if isinstance(value, Number):
        return f"the number {quoted(value)[1:-1]}"
    if isinstance(value, str):
        return quoted(value)
    return str(value).lower() if isinstance(value, bool) else json_kind(value)


# Files


def existing_folder(source: Source) -> Path:
    """The folder of a data set."""
    path = source.path
    if path is None:
        raise InputError(f"data set {source.name!r} needs the folder of its files; allowed: {source.format}:DIR")
    with input_errors(path):
        if not path.exists():
            raise InputError(f"data set {source.name!r}: there is no folder {shown(path)}")
        if not path.is_dir():
            raise InputError(f"data set {source.name!r}: {shown(path)} is not a folder")
    return path


def find(folder: Path, name: str, encoding: Literal["UTF-8", "Latin-1"] = "UTF-8") -> TextFile | None:
    """A file under its name, or packed: as `products.csv.zip`, as `products.csv.gz`, or in `products.zip`."""
    stem = folder / f"{name.rpartition('.')[0]}.zip"
    with input_errors(folder):
        paths = (folder / f"{name}{end}" for end in ("", ".zip", ".gz"))
        there = [path for path in paths if os.path.lexists(path)]
        if stem.is_file():
            if is_lfs_pointer(stem):
                raise lfs_pointer_error(stem)
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


@dataclass(frozen=True, eq=False)
class Table:
    """Rows that were read.

    Attributes:
        file: that they come from.
        frame: its columns by our names, all text (an empty field is ""), without blank rows.
        lines: the line of the file on which each row begins; the first is line 1.
        names: our column name -> the file's own, for messages.
    """

    file: TextFile
    frame: pd.DataFrame
    lines: Sequence[int]
    names: Mapping[str, str]

    @property
    def name(self) -> str:
        """The file's name, as notes show it."""
        return self.file.path.name

    def mapped(self, column: str, function: Callable[[str], object]) -> Table:
        """The table with one column mapped, each distinct value once."""
        values = {value: function(value) for value in dict.fromkeys(self.frame[column].tolist())}
        return replace(self, frame=self.frame.assign(**{column: self.frame[column].map(values)}))

    def fault(self, row: int, column: str, allowed: str) -> InputError:
        """The error for a field."""
        problem = f"found {quoted(str(self.frame[column].iloc[row]))}; allowed: {allowed}"
        return self.file.fault(self.lines[row], problem, at=f"column {self.names[column]}")

    def require(self, column: str, accepts: Callable[[str], object], allowed: str) -> None:
        """Check each distinct value of a column; the first row that has one that is not accepted is named."""
        for value in dict.fromkeys(self.frame[column].tolist()):
            if not accepts(value):
                raise self.fault(int((self.frame[column] == value).to_numpy().argmax()), column, allowed)

    def require_ids(self, column: str) -> None:
        """Check that a column holds ids, see `is_id`."""
        self.require(column, is_id, ID_RULE)


def collected(
    file: TextFile, names: Mapping[str, str], rows: Iterable[tuple[int, Sequence[str]]], *, which: str = ""
) -> Table:
    """The table of rows, which come one by one with their lines; their fields stand in the order of `names`."""
    lines = array("q")
    columns: list[list[str]] = [[] for _ in names]
    for line, fields in rows:
        lines.append(line)
        for column, text in zip(columns, fields, strict=True):
            column.append(sys.intern(text))  # ids and grades recur by the million
    if not lines:
        raise InputError(f"{shown(file.path)} has no rows{which}; allowed: one row or more")
    # Python's own strings, whatever pandas would infer: rows are walked in Python, and ids sort by code point
    frame = pd.DataFrame(dict(zip(names, columns, strict=True)), dtype=object)
    return Table(file, frame, lines, names)


def read_table(
    file: TextFile, names: Mapping[str, str], delimiter: str, *, only: bool = False, blank: list[int] | None = None
) -> Table:
    """The table of some columns of a file with a header, see `selected_rows`; `names`: ours -> theirs."""
    return collected(file, names, selected_rows(file, list(names.values()), delimiter, only=only, blank=blank))


def delimiter_of(file: TextFile) -> str:
    """What separates the columns of a CSV file: commas, or what spreadsheets of some countries write instead."""
    header = next(file.lines(), "")
    return "," if "," in header else next((one for one in ";\t" if one in header), ",")


def separated_by(delimiter: str) -> str:
    """What a message calls a delimiter: `separated by commas`."""
    return "separated by " + {",": "commas", "\t": "tabs", ";": "semicolons"}[delimiter]


def selected_rows(
    file: TextFile, columns: Sequence[str], delimiter: str, *, only: bool = False, blank: list[int] | None = None
) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file with a header: the fields of some columns in the order in which these are named."""
    rows = file.rows(delimiter, blank=blank)
    _, header = next(rows)
    if any(header.count(name) != 1 for name in columns) or (only and len(header) > len(columns)):
        among = "" if only else " among them"
        expected = f"expected{among}: {', '.join(columns)}, {separated_by(delimiter)}"
        raise file.fault(1, f"found columns {quoted(', '.join(header))}; {expected}")
    places = [header.index(name) for name in columns]
    for line, fields in rows:
        yield line, [fields[at] for at in places]


# Records


Product = tuple[int, str, str, str, "Iterable[tuple[str, str]]"]
"""Line, id, title, description, and name and value of each attribute."""


def catalogue_of(file: TextFile, id_name: str, rows: Iterable[Product], *, what: str = "product") -> Catalogue:
    """The catalogue of rows of a file, which calls an id `id_name`; they come one by one, none stays as an object."""
    lines: dict[str, int] = {}
    titles: list[str] = []
    descriptions: list[str] = []
    attributes: dict[str, list[str]] = {"id": [], "name": [], "value": []}
    for line, identifier, title, description, pairs in rows:
        _refuse_id(file, line, id_name, identifier, lines)
        lines[identifier] = line
        titles.append(title)
        descriptions.append(description)
        for name, value in pairs:
            attributes["id"].append(identifier)
            attributes["name"].append(sys.intern(name))
            attributes["value"].append(sys.intern(value))
    if not lines:
        raise file.fault(1, f"found no {what}; allowed: one or more")
    products = {"id": list(lines), "title": titles, "description": descriptions}
    frames = pd.DataFrame(products, dtype=object), pd.DataFrame(attributes, dtype=object)
    lines.clear()
    for column in (*products.values(), *attributes.values()):
        column.clear()  # the frames have pointers of their own
    return Catalogue(*frames)


def query_texts(file: TextFile, rows: Iterable[tuple[int, str, str]], names: tuple[str, str]) -> dict[str, str]:
    """The text of each query by id, from rows of line, id and text; `names`: what the file calls these two."""
    texts: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, identifier, text in rows:
        _refuse_id(file, line, names[0], identifier, lines)
        if not text.strip():
            problem = f"found {quoted(text)}; allowed: a query that is not only white space"
            raise file.fault(line, problem, at=names[1])
        texts[identifier], lines[identifier] = text, line
    return texts


def _refuse_id(file: TextFile, line: int, name: str, identifier: str, lines: Mapping[str, int]) -> None:
    if not is_id(identifier):
        raise file.fault(line, f"found {quoted(identifier)}; allowed: {ID_RULE}", at=name)
    if identifier in lines:
        again = f"found {quoted(identifier)} again (line {lines[identifier]}); allowed: an id once"
        raise file.fault(line, again, at=name)


@dataclass(frozen=True)
class JsonRecord:
    """A JSON object of a file, and where it stands."""

    file: TextFile
    line: int
    value: Any

    def fault(self, key: str, value: object, allowed: str) -> InputError:
        """The error for the value of a key."""
        at = f"key {quoted(key)}" if key else ""
        return self.file.fault(self.line, f"found {described(value)}; allowed: {allowed}", at=at)

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
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return str(value)
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
