"""Reading a data set's files: plain or zipped, in bounded memory, in the encoding they must have."""

from __future__ import annotations

import io
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal, TextIO

from relevance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from relevance.datasets.source import Source

__all__ = [
    "Encoding",
    "TextFile",
    "existing_folder",
    "found",
    "input_errors",
    "located",
    "opened",
    "read_optional",
    "read_required",
    "shown",
    "too_large",
]

MAX_BYTES = 4 * 2**30
"""The largest file that is read, unpacked."""
BOMB_FROM_BYTES = 64 * 2**20
BOMB_RATIO = 200
"""A zip file that unpacks to more than `BOMB_FROM_BYTES` and to more than `BOMB_RATIO` times its size is refused;
both are checked on the bytes that come out, whatever the file says of itself."""

_CHUNK_BYTES = 2**20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack a block of any size at once
_BYTE_ORDER_MARKS = {"UTF-8": b"\xef\xbb\xbf", "UTF-16": b"\xff\xfe", "UTF-16 (big-endian)": b"\xfe\xff"}
_SHOWN_CHARACTERS = 60

Encoding = Literal["Latin-1", "UTF-8"]


@dataclass(frozen=True)
class TextFile:
    """A file that was read.

    Attributes:
        path: where it lies: the zip file, if it came from one.
        content: its bytes, unpacked; they are text in `encoding`.
        encoding: how they are read.
    """

    path: Path
    content: bytes
    encoding: Encoding

    @property
    def text(self) -> str:
        """The whole text."""
        return self.content.decode(self.encoding)

    def lines(self) -> TextIO:
        """The text line by line, line ends as they are; a large file never lies in memory as characters."""
        return io.TextIOWrapper(io.BytesIO(self.content), encoding=self.encoding, newline="")


def found(value: str) -> str:
    """A value as errors show it: quoted, on one line, cut to about 60 characters."""
    text = repr(value[: _SHOWN_CHARACTERS + 1])
    return text if len(text) <= _SHOWN_CHARACTERS + 2 else f"{text[:_SHOWN_CHARACTERS]}…"


def shown(path: Path) -> str:
    """A path as errors show it, on one line."""
    return str(path) if str(path).isprintable() else repr(str(path))


def existing_folder(source: Source) -> Path:
    """The folder of a data set.

    Raises:
        InputError: none is given, or it is not a folder that is there.
    """
    path = source.path
    if path is None:
        raise InputError(f"data set {source.name!r} needs the folder of its files; allowed: {source.format}:DIR")
    with input_errors(path):
        if not path.exists():
            raise InputError(f"data set {source.name!r}: there is no folder {shown(path)}")
        if not path.is_dir():
            raise InputError(f"data set {source.name!r}: {shown(path)} is not a folder")
    return path


def read_required(folder: Path, name: str, *, encoding: Encoding) -> TextFile:
    """Read a file that must be there; see `read_optional`."""
    file = read_optional(folder, name, encoding=encoding)
    if file is None:
        raise InputError(f"{shown(folder)} has neither {name} nor {name}.zip; one of them is needed")
    return file


def read_optional(folder: Path, name: str, *, encoding: Encoding) -> TextFile | None:
    """Read `name` or `name.zip` (a zip file that holds just `name`); None where neither is there.

    Raises:
        InputError: both are there; the file cannot be read or unpacked; it is larger than allowed; it is in another
            encoding; it holds a NUL byte.
    """
    path = located(folder, name)
    if path is None:
        return None
    with input_errors(path), opened(path, name) as (stream, most):
        content = _read_at_most(stream, most, path)
    file = TextFile(path, content, encoding)
    _refuse_other_encodings(file)
    return file


def located(folder: Path, name: str) -> Path | None:
    """The path of `name` or of `name.zip`; None where neither is there.

    Raises:
        InputError: both are there, or it is no file.
    """
    plain, zipped = folder / name, folder / f"{name}.zip"
    with input_errors(folder):
        there = [path for path in (plain, zipped) if path.exists() or path.is_symlink()]
    if not there:
        return None
    if len(there) > 1:
        raise InputError(f"{shown(folder)} has both {name} and {name}.zip; only one of them may be there")
    path = there[0]
    with input_errors(path):
        if not path.is_file():
            raise InputError(f"{shown(path)} is not a file")
    return path


@contextmanager
def input_errors(path: Path) -> Iterator[None]:
    """Turn whatever reading a file or unpacking a zip file can raise into an error of one line."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{shown(path)} cannot be read: {error.strerror or type(error).__name__}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{shown(path)} cannot be read: {reason}") from error


@contextmanager
def opened(path: Path, name: str) -> Iterator[tuple[IO[bytes], int]]:
    """The bytes of a file that `located` found, unpacked, and how many of them may be read at most."""
    if path.name == name:
        with path.open("rb") as stream:
            yield stream, MAX_BYTES
        return
    with zipfile.ZipFile(path) as archive:
        member = _only_member(archive, path, name)
        most = min(MAX_BYTES, max(BOMB_FROM_BYTES, BOMB_RATIO * path.stat().st_size))
        with archive.open(member) as stream:
            yield stream, most


def _only_member(archive: zipfile.ZipFile, path: Path, name: str) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if [member.filename for member in members] != [name]:
        inside = ", ".join(found(member.filename) for member in members[:3]) or "no file"
        more = f" and {len(members) - 3} more" if len(members) > 3 else ""  # noqa: PLR2004 - as many as are named
        raise InputError(f"{shown(path)} holds {inside}{more}; allowed: just {name}")
    if members[0].flag_bits & 1:
        raise InputError(f"{shown(path)} is encrypted; allowed: a zip file without a password")
    if members[0].compress_type not in _METHODS:
        raise InputError(f"{shown(path)} is packed by method {members[0].compress_type}; allowed: stored, deflated")
    return members[0]


def too_large(path: Path, most: int) -> InputError:
    """The error for a file that holds more than `most` bytes."""
    return InputError(f"{shown(path)} holds more than {most:,} bytes, the most that is read from such a file")


def _read_at_most(stream: IO[bytes], most: int, path: Path) -> bytes:
    pieces, size = [], 0
    while piece := stream.read(_CHUNK_BYTES):
        size += len(piece)
        if size > most:
            raise too_large(path, most)
        pieces.append(piece)
    return b"".join(pieces)


def _refuse_other_encodings(file: TextFile) -> None:
    where, content, encoding = shown(file.path), file.content, file.encoding
    for other, mark in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            raise InputError(f"{where} begins with the byte order mark of {other}; allowed: {encoding} without one")
    if (at := content.find(b"\0")) >= 0:
        raise InputError(f"{where}, line {_line(content, at)}: found a NUL byte; allowed: {encoding} text")
    if encoding == "UTF-8":  # any bytes are Latin-1
        try:
            content.decode(encoding)
        except UnicodeDecodeError as error:
            found_byte = f"line {_line(content, error.start)}: found byte 0x{content[error.start]:02x}"
            raise InputError(f"{where}, {found_byte}, which is not {encoding}; allowed: {encoding} text") from error


def _line(content: bytes, at: int) -> int:
    return content.count(b"\n", 0, at) + 1
