"""Files: users' are read with bounds and strictly, ours are written whole or not at all.

Whatever is wrong with a user's file is an `InputError` of one line that names file and place. Every reader unpacks gzip
and refuses the pointer that Git LFS has left where a file should be.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import math
import os
import re
import secrets
import tempfile
import tomllib
import zipfile
import zlib
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Literal, NoReturn

from relevance.errors import CouldNotRunError, InputError
from relevance.text import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from _typeshed import WriteableBuffer

MIB = 2**20
MAX_BYTES = 4 * 2**30  # of a data file, unpacked
# A packed file that unpacks to more than both, bytes and times its own size, is refused: by what comes out, whatever it
# says of itself.
BOMB_FROM_BYTES, BOMB_RATIO = 64 * MIB, 200
MAX_LINE_BYTES = 2**24
MAX_FIELD_CHARACTERS = 2**24

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_GZIP, _ZIP = b"\x1f\x8b", b"PK"
_UTF8_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_BUFFER = 2**18
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack a block of any size at once
_ROWS_AT_ONCE = 512  # few enough to stay in the processor's cache
_SHOWN = 60


# Values and paths in errors


def quoted(value: str) -> str:
    """A value as errors show it: quoted, on one line, cut to about 60 characters."""
    text = repr(value[: _SHOWN + 1])
    return text if len(text) <= _SHOWN + 2 else f"{text[:_SHOWN]}…"


def shown(path: Path) -> str:
    """A path as errors show it, on one line."""
    return str(path) if str(path).isprintable() else repr(str(path))


@contextmanager
def input_errors(path: Path, expected: str = "") -> Iterator[None]:
    """Turn whatever opening, reading and unpacking a file can raise into an `InputError` of one line.

    `expected` says what should be there, for the message: `a baseline`.
    """
    try:
        yield
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise _unreadable(path, expected, " ".join(str(error).split()), error) from error
    except OSError as error:
        raise _unreadable(path, expected, error.strerror, error) from error


def _unreadable(path: Path, expected: str, reason: str | None, error: Exception) -> InputError:
    reason = reason or type(error).__name__
    if expected:
        return InputError(f"{shown(path)}: cannot be read ({reason}); {expected} is expected there")
    return InputError(f"{shown(path)} cannot be read: {reason}")


# Bytes


def is_lfs_pointer(path: Path) -> bool:
    """Whether a file is a pointer of Git LFS; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(_LFS_POINTER)) == _LFS_POINTER
    except OSError:
        return False


def refuse_lfs_pointer(path: Path) -> None:
    """Refuse a pointer of Git LFS, and say what to do."""
    if is_lfs_pointer(path):
        raise _lfs_pointer_error(path)


def _lfs_pointer_error(path: Path) -> InputError:
    return InputError(f"{shown(path)} is a Git LFS pointer, not the file; run git lfs pull")


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits.

    Raises:
        InputError: it is a pointer of Git LFS.
        OSError: it cannot be read.
    """
    refuse_lfs_pointer(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Bounded(io.RawIOBase):
    """What comes out of a stream, with an error where that is too much."""

    def __init__(self, stream: Any, path: Path, most: int, expected: str = "") -> None:
        self._stream, self._most, self._count = stream, most, 0
        self._too_large = f"{shown(path)} holds more than {most:,} bytes, the most that is read from such a file"
        if expected:
            self._too_large = f"{shown(path)}: larger than {most:,} bytes, which {expected} never is"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        count: int = self._stream.readinto(buffer)
        self._count += count
        if self._count > self._most:
            raise InputError(self._too_large)
        return count


class _LineFeeds(_Bounded):
    """The same, with the line ends of old Macs, a carriage return each, made line feeds."""

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        count = super().readinto(buffer)
        view = memoryview(buffer)
        view[:count] = bytes(view[:count]).replace(b"\r", b"\n")
        return count


@contextmanager
def open_bytes(
    path: Path, *, most_bytes: int = MAX_BYTES, member: str = "", expected: str = ""
) -> Iterator[io.BufferedReader]:
    """The bytes of a file, unpacked where it is gzip or zip.

    Args:
        path: the file.
        most_bytes: how many bytes may come out.
        member: the name of the one file that a zip file holds; folders in it and what macOS and Windows add do not
            count. "": zip files are not unpacked.
        expected: what it should be, for messages: `a search template`.

    Raises:
        InputError: it is a pointer of Git LFS, a zip file holds something else, or more bytes come out than allowed.
        OSError: it cannot be read; `input_errors` makes one line of that and of what unpacking raises.
    """
    with path.open("rb") as file:
        head = file.peek(len(_LFS_POINTER))
        if head.startswith(_LFS_POINTER):
            raise _lfs_pointer_error(path)
        most = min(most_bytes, max(BOMB_FROM_BYTES, BOMB_RATIO * os.fstat(file.fileno()).st_size))
        if member and (head.startswith(_ZIP) or path.suffix == ".zip"):
            with zipfile.ZipFile(file) as archive, archive.open(_only_member(archive, path, member)) as stream:
                yield io.BufferedReader(_Bounded(stream, path, most, expected), _BUFFER)
        elif head.startswith(_GZIP) or path.suffix == ".gz":
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield io.BufferedReader(_Bounded(unpacked, path, most, expected), _BUFFER)
        else:
            yield io.BufferedReader(_Bounded(file, path, most_bytes, expected), _BUFFER)


def zip_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files in an archive, without what macOS and Windows add to it."""

    def is_added(name: str) -> bool:
        return name.startswith("._") or name in {".DS_Store", "Thumbs.db", "desktop.ini"}

    return [one for one in archive.infolist() if not one.is_dir() and not is_added(member_path(one).name)]


def member_path(member: zipfile.ZipInfo) -> PurePosixPath:
    """Where a file stands in its archive; some tools for Windows write backslashes."""
    return PurePosixPath(member.filename.replace("\\", "/"))


def _only_member(archive: zipfile.ZipFile, path: Path, name: str) -> zipfile.ZipInfo:
    members = zip_members(archive)
    if [member_path(member).name for member in members] != [name]:
        inside = some([quoted(member.filename) for member in members], 3) or "no file"
        raise InputError(f"{shown(path)} holds {inside}; allowed: just {name}")
    if members[0].flag_bits & 1:
        raise InputError(f"{shown(path)} is encrypted; allowed: a zip file without a password")
    if members[0].compress_type not in _METHODS:
        raise InputError(f"{shown(path)} is packed by method {members[0].compress_type}; allowed: stored, deflated")
    return members[0]


def read_bytes(path: Path, expected: str, *, most_bytes: int = MIB, member: str = "") -> bytes:
    """Read a whole file, see `open_bytes`; whatever is wrong with it is an InputError."""
    with (
        input_errors(path, expected),
        open_bytes(path, most_bytes=most_bytes, member=member, expected=expected) as stream,
    ):
        return stream.read()


def _read_text(path: Path, expected: str, language: str, **bounds: Any) -> str:
    """The text of a file; a byte order mark in front, as Windows' editors write it, is skipped."""
    try:
        return read_bytes(path, expected, **bounds).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{shown(path)}: byte {error.start} is not UTF-8; {language} is UTF-8") from None


# JSON


class Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise ValueError(f"the key {quoted(twice)} stands twice in one object")
    return value


def _float(text: str) -> float:
    if math.isinf(value := float(text)):
        raise ValueError(f"the number {text[:_SHOWN]} is out of range")
    return value


_STRICT: Mapping[str, Any] = {"parse_constant": _refuse_constant, "object_pairs_hook": _object}
_DECODER = json.JSONDecoder(parse_float=_float, **_STRICT)
_EXACT_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, **_STRICT)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class TooDeepError(ValueError):
    """JSON of more levels than are read."""


def parse_json(text: str, *, exact_numbers: bool = False, most_values: int | None = None) -> Any:
    """Parse strict JSON: no key twice in an object, no NaN or infinity, no half of a surrogate pair.

    Args:
        text: one value.
        exact_numbers: numbers stay as they are written, as `Number`.
        most_values: how many values it may hold, counted before it is parsed: empty lists take 28 times the memory of
            their text.

    Raises:
        ValueError: it is something else, in one line; of a JSONDecodeError `lineno` and `colno` are the place.
    """
    if most_values is not None and text.count(",") + text.count("[") + text.count("{") > most_values:
        raise ValueError(f"it holds more than {most_values:,} values")
    try:
        value = (_EXACT_DECODER if exact_numbers else _DECODER).decode(text)
    except RecursionError:
        raise TooDeepError("it is nested too deeply") from None
    except ValueError as error:
        if "integer string conversion" in str(error):
            raise ValueError("a number has too many digits") from None
        raise
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("half a surrogate pair; allowed: Unicode characters") from None
    return value


def json_kind(value: object) -> str:
    """What messages call a JSON value: `a list`, `a number`."""
    kinds: dict[type, str] = {
        dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null",
    }  # fmt: skip
    return kinds.get(type(value), "a number")


def read_json(
    path: Path, expected: str, *, most_values: int | None = None, exact_numbers: bool = False, **bounds: Any
) -> Any:
    """Read a JSON file, see `read_bytes` and `parse_json`; a byte order mark in front is skipped.

    Raises:
        InputError: it cannot be read, or is not strict JSON in UTF-8.
    """
    text = _read_text(path, expected, "JSON", **bounds)
    try:
        return parse_json(text, exact_numbers=exact_numbers, most_values=most_values)
    except TooDeepError as error:
        raise InputError(f"{shown(path)}: {error}; allowed: 100 objects and lists inside each other") from None
    except ValueError as error:
        raise InputError(f"{shown(path)}: not JSON: {error}") from None


def read_json_object(path: Path, expected: str, **bounds: Any) -> dict[str, Any]:
    """Read a file that holds one JSON object; see `read_json`."""
    value = read_json(path, expected, **bounds)
    if not isinstance(value, dict):
        raise InputError(f"{shown(path)}: not a JSON object, but {json_kind(value)}; {expected} is expected there")
    return value


def read_json_list(path: Path, expected: str, **bounds: Any) -> list[Any]:
    """Read a file that holds one JSON list; see `read_json`."""
    value = read_json(path, expected, **bounds)
    if not isinstance(value, list):
        raise InputError(f"{shown(path)}: not a JSON list, but {json_kind(value)}; {expected} is expected there")
    return value


# TOML


def read_toml(path: Path, expected: str) -> dict[str, object]:
    """Read a TOML file, see `read_bytes`; a byte order mark in front is skipped."""
    text = _read_text(path, expected, "TOML").replace("\r\n", "\n")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError of int's
        problem = str(error).replace("at end of document", f"at line {text.count(chr(10)) + 1}, the end")
        raise InputError(f"{shown(path)}: not TOML: {problem}") from None


# Text, CSV and JSON lines


@dataclass(frozen=True)
class TextFile:
    """A text file that is read line by line: a large one never lies in memory, neither as bytes nor as characters.

    Attributes:
        path: where it lies: the packed file, if it is packed.
        name: its own name, which it must have inside a zip file; "": it is no zip file.
        encoding: how its bytes are read.
        unit: what errors count.
    """

    path: Path
    name: str = ""
    encoding: Literal["UTF-8", "Latin-1"] = "UTF-8"
    unit: str = "line"

    def fault(self, line: int, problem: str, *, at: str = "") -> InputError:
        """The error for a line, or for a place in it; the first is line 1."""
        return InputError(f"{shown(self.path)}, {self.unit} {line}{at and ', '}{at}: {problem}")

    def has_mark(self) -> bool:
        """Whether a byte order mark stands in front, as spreadsheets write it; it is skipped."""
        with self._opened() as stream:
            return stream.peek(len(_UTF8_MARK)).startswith(_UTF8_MARK)

    def lines(self) -> Iterator[str]:
        """The lines with their ends (line feed, CR LF, or CR alone), without a byte order mark.

        Raises:
            InputError: the file cannot be read or is too large, is a pointer of Git LFS, a line is too long, is not in
                the encoding or holds a NUL byte.
        """
        with self._opened() as stream:
            head = stream.peek(_BUFFER)
            source = stream
            if b"\r" in head and b"\n" not in head:
                source = io.BufferedReader(_LineFeeds(stream, self.path, MAX_BYTES), _BUFFER)
            for number, content in enumerate(iter(partial(source.readline, MAX_LINE_BYTES + 1), b""), start=1):
                yield self._decoded(number, content)

    def rows(self, delimiter: str, *, blank: list[int] | None = None) -> Iterator[tuple[int, list[str]]]:
        """The rows of a CSV file, the header first, each with the line on which it begins; blank rows are left out.

        Fields may be in double quotes, a quote inside as two. Fields and quotes are as strict as `csv`'s `strict`.

        Args:
            delimiter: what stands between fields.
            blank: gets the lines of the rows that are left out.

        Raises:
            InputError: as for `lines`; there is no header, or its quotes are wrong.
        """
        reader = csv.reader(self.lines(), delimiter=delimiter, strict=True)
        line, problem = 1, None
        rows: list[tuple[int, list[str]]] = [(0, [])]
        while rows and not problem:
            rows = []
            # the library's limit of 131,072 characters holds for the whole process: it is ours only in here
            limit = csv.field_size_limit(MAX_FIELD_CHARACTERS)
            try:
                for fields in islice(reader, _ROWS_AT_ONCE):
                    rows.append((line, fields))
                    line = reader.line_num + 1
            except InputError as error:  # the rows before it come first
                problem = error
            except csv.Error as error:
                problem = self.fault(line, f'{_in_our_words(error)}; allowed: fields in "quotes", a quote inside as ""')
            finally:
                csv.field_size_limit(limit)
            if (line == 1 and not problem) or rows[:1] == [(1, [])]:
                where = "is empty or begins with an empty line"
                raise InputError(f"{shown(self.path)} {where}; allowed: a line of column names")
            for number, fields in rows:
                if any(fields):
                    yield number, fields
                elif blank is not None:
                    blank.append(number)
        if problem:
            raise problem

    def json_lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The objects of a file that has one a line, each with its line, numbers as `Number`; empty lines are left out.

        Raises:
            InputError: as for `lines`; a line is no JSON object (`parse_json` says how strict that is).
        """
        allowed = "allowed: one JSON object a line"
        for number, line in enumerate(self.lines(), start=1):
            if line.isspace():
                continue
            try:
                value = parse_json(line.rstrip("\r\n"), exact_numbers=True)
            except json.JSONDecodeError as error:
                if line.startswith("["):  # a JSON list spread over lines, the commonest mistake
                    raise self.fault(number, f"found the start of a list; {allowed}") from None
                raise self.fault(number, f"{error.msg}; {allowed}", at=f"column {error.colno}") from None
            except ValueError as error:
                raise self.fault(number, f"{error}; {allowed}") from None
            if not isinstance(value, dict):
                raise self.fault(number, f"found {json_kind(value)}; {allowed}")
            yield number, value

    @contextmanager
    def _opened(self) -> Iterator[io.BufferedReader]:
        with input_errors(self.path), open_bytes(self.path, member=self.name) as stream:
            yield stream

    def _decoded(self, number: int, content: bytes) -> str:
        if number == 1 and content.startswith(_UTF16_MARKS):
            raise InputError(f"{shown(self.path)} begins with the byte order mark of UTF-16; allowed: {self.encoding}")
        if number == 1 and content.startswith(_UTF8_MARK):
            if self.encoding != "UTF-8":
                raise InputError(
                    f"{shown(self.path)} begins with the byte order mark of UTF-8; allowed: {self.encoding}"
                )
            content = content.removeprefix(_UTF8_MARK)
        if len(content) > MAX_LINE_BYTES:
            raise self.fault(number, f"holds more than {MAX_LINE_BYTES:,} bytes; allowed: lines of at most as many")
        if b"\0" in content:
            raise self.fault(number, f"found a NUL byte; allowed: {self.encoding} text")
        try:
            return content.decode(self.encoding)
        except UnicodeDecodeError as error:
            byte = f"found byte 0x{content[error.start]:02x}, which is not {self.encoding}"
            way = "spreadsheets save it as CSV UTF-8"
            raise self.fault(number, f"{byte}; allowed: {self.encoding} text, {way}") from None


def _in_our_words(error: csv.Error) -> str:
    text = str(error)
    if "field limit" in text:
        return f"a field holds more than {MAX_FIELD_CHARACTERS:,} characters, or the quote in front of it is not closed"
    if "unexpected end" in text:
        return "a quote in front of a field is not closed"
    carriage_return = "found a carriage return inside a field without quotes"
    return carriage_return if "new-line" in text else "found text behind a field's closing quote"


_FORMULA = tuple("=+-@＝＋－＠\t\r\n'")  # noqa: RUF001 - the full-width forms are meant


def csv_text(head: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> str:
    """CSV that a spreadsheet shows and never runs: a head line and the rows, with commas and line feeds.

    Spreadsheets run a cell that begins like a formula, and what customers typed is in these files. So a text cell that
    begins with one of `= + - @` (full-width forms too), a tab, a line end or an apostrophe gets an apostrophe in front;
    taking one off gives the text back. Numbers are numbers, floats with six decimals; None is an empty cell.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: str | float | None) -> str:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def plain_text(cell: str) -> str:
    """Take off the apostrophe that `csv_text` puts in front of a text."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


# Writing

TEMPORARY = ".relevance-tmp"
STALE_S = 3600  # a temporary file that is so much older than the one being written belongs to no living run


def unwritable(folder: Path) -> str:
    """Why no file can be written into a folder, or into the nearest one above it that is there; "" where one can."""
    place = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=place):  # who may do what, only the system knows: roots, read-only disks
            return ""
    except OSError as error:
        return f"{place}: {error.strerror or error}"


@contextmanager
def writing(name: str) -> Iterator[None]:
    """Make one line of what keeps a block from writing what people call so.

    Raises:
        CouldNotRunError: it could not be written.
    """
    try:
        yield
    except OSError as error:
        raise CouldNotRunError(f"{name}: not written: {error.strerror or error}") from None


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which appears under its name whole and on the disk, or not at all.

    Temporary files that killed runs have left in the folder go away.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}{TEMPORARY}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        now = temporary.stat().st_mtime
        for other in path.parent.glob(f".*{TEMPORARY}"):
            with suppress(OSError):  # another run may be removing it
                if other.is_file() and now - other.stat().st_mtime > STALE_S:
                    other.unlink()
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_file(path: Path, content: str | bytes) -> None:
    """Give a file its content in one step: it is the old one or the new one, whole. Text is written as UTF-8.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    with replacing(path) as file:
        file.write(content if isinstance(content, bytes) else content.encode())


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[bool]:
    """Lock a folder until the block or the process ends; whether this process has it, and not another one.

    Some systems and file systems have no locks: then nobody has one. `wait`: until others have let go of it.
    """
    try:
        import fcntl  # noqa: PLC0415 - not on Windows

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        have_lock = True
    except OSError:
        have_lock = False
    try:
        yield have_lock
    finally:
        os.close(handle)
