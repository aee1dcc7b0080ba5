"""UTF-8 files read line by line: a large one never lies in memory, neither as bytes nor as characters."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relevance.datasets.files import input_errors, located, opened, shown, too_large
from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["TextStream", "find_stream", "one_stream"]

MAX_LINE_BYTES = 2**24

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class TextStream:
    """A file of UTF-8 text, plain or zipped.

    Attributes:
        path: where it lies: the zip file, if it is packed.
        name: its own name.
    """

    path: Path
    name: str

    def fault(self, line: int, problem: str, *, at: str = "") -> InputError:
        """The error for a line, or for a place in it; the first is line 1."""
        return InputError(f"{shown(self.path)}, line {line}{at and ', '}{at}: {problem}")

    def notes(self) -> tuple[str, ...]:
        """What was tolerated: spreadsheets put a byte order mark at the start of their UTF-8."""
        with input_errors(self.path), opened(self.path, self.name) as (stream, _):
            marked = stream.read(len(_UTF8_MARK)) == _UTF8_MARK
        return (f"{self.path.name}: the byte order mark at its start is skipped",) if marked else ()

    def lines(self) -> Iterator[str]:
        """The lines with their ends, without a byte order mark.

        Raises:
            InputError: the file cannot be read or is too large, a line is too long, is not UTF-8 or holds a NUL byte.
        """
        with input_errors(self.path), opened(self.path, self.name) as (stream, most):
            number, size = 0, 0
            while content := stream.readline(MAX_LINE_BYTES + 1):
                number, size = number + 1, size + len(content)
                if size > most:
                    raise too_large(self.path, most)
                yield self._decoded(number, content)

    def rows(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        """The rows of a CSV file, the header first, each with the line on which it begins; blank rows are left out.

        Raises:
            InputError: as for `lines`; there is no header, its quotes are wrong, or a row has another number of fields.
        """
        reader = csv.reader(self.lines(), delimiter=delimiter, strict=True)
        line, width = 1, 0
        try:
            for fields in reader:
                width = width or len(fields)
                if not width:
                    break
                if any(fields):
                    if len(fields) != width:
                        raise self.fault(line, f"found {len(fields)} fields; allowed: {width}, as in the header")
                    yield line, fields
                line = reader.line_num + 1
        except csv.Error as error:
            allowed = 'allowed: CSV, fields in "quotes", a quote inside as ""'
            raise self.fault(line, f"{error}; {allowed}") from error
        if not width:
            raise InputError(
                f"{shown(self.path)} is empty or begins with an empty line; allowed: a line of column names"
            )

    def _decoded(self, number: int, content: bytes) -> str:
        if number == 1:
            if content.startswith(_UTF16_MARKS):
                raise InputError(f"{shown(self.path)} begins with the byte order mark of UTF-16; allowed: UTF-8")
            content = content.removeprefix(_UTF8_MARK)
        if len(content) > MAX_LINE_BYTES:
            raise self.fault(number, f"holds more than {MAX_LINE_BYTES:,} bytes; allowed: lines of at most as many")
        if b"\0" in content:
            raise self.fault(number, "found a NUL byte; allowed: UTF-8 text")
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            found_byte = f"found byte 0x{content[error.start]:02x}, which is not UTF-8"
            raise self.fault(number, f"{found_byte}; allowed: UTF-8 text") from error


def find_stream(folder: Path, name: str) -> TextStream | None:
    """The file `name` or `name.zip`; None where neither is there.

    Raises:
        InputError: both are there, or it is no file.
    """
    path = located(folder, name)
    return None if path is None else TextStream(path, name)


def one_stream(folder: Path, *names: str) -> TextStream:
    """The one file of these names that is there, plain or zipped.

    Raises:
        InputError: none is there, or several are.
    """
    there = [stream for name in names if (stream := find_stream(folder, name))]
    if len(there) == 1:
        return there[0]
    either = f"one of {' and '.join(names)}" if len(names) > 1 else names[0]
    if there:
        both = " and ".join(stream.path.name for stream in there)
        raise InputError(f"{shown(folder)} has {both}; only {either} may be there")
    raise InputError(f"{shown(folder)} has no {' and no '.join(names)}; {either} is needed, plain or as .zip")
