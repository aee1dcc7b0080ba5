"""One file of cached vectors: immutable, read by memory map, every vector under a checksum of its own.

Layout, little-endian: a header of 64 bytes (magic, rows, dimensions, sha256 of those and of the index), the index (one
record a row: digest of the text, its length in tokens, CRC-32 of its vector; ascending by digest), then the vectors
as float32, rows by dimensions. A run that needs few vectors of a large file reads and checks only those.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.errors import InputError
from relevance.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["INDEX", "SUFFIX", "DamagedFileError", "Shard", "make_index", "open_shard", "write_shard"]

SUFFIX = ".vectors"

_MAGIC = b"relevance-vec-1\n"
_COUNTS = struct.Struct("<16sII")
_HEADER_BYTES = 64
_ROWS_AT_ONCE = 4096
INDEX = np.dtype([("digest", "V16"), ("tokens", "<u4"), ("crc", "<u4")])
"""The record of a row."""


class DamagedFileError(InputError):
    """A cache file that does not hold what was written to it.

    Attributes:
        path: of the file.
        problem: in a few words.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: damaged cache file ({problem}); delete it, what it held is then computed again")
        self.path = path
        self.problem = problem


def _row_checksums(block: npt.NDArray[np.float32]) -> list[int]:
    width = block.shape[1] * block.itemsize
    view = np.ascontiguousarray(block).data.cast("B")
    return [zlib.crc32(view[start : start + width]) for start in range(0, len(view), width)]


def make_index(digests: Sequence[bytes], tokens: Sequence[int], vectors: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """The index records of rows whose digests ascend."""
    index = np.zeros(len(digests), dtype=INDEX)
    index["digest"] = np.frombuffer(b"".join(digests), dtype=INDEX["digest"])
    index["tokens"] = tokens
    index["crc"] = _row_checksums(vectors)
    return index


def write_shard(
    folder: Path, index: npt.NDArray[Any], blocks: Iterable[npt.NDArray[np.float32]], *, width: int
) -> Path:
    """Write a shard under a name made of its content; equal content written twice is one file.

    Args:
        folder: where to.
        index: the records of `make_index`, one row or more.
        blocks: the vectors in the order of the index, in pieces of shape (rows of the piece, width).
        width: dimensions of a vector.
    """
    counts = _COUNTS.pack(_MAGIC, len(index), width)
    checksum = hashlib.sha256(counts + index.tobytes()).digest()
    path = folder / f"{checksum[:16].hex()}{SUFFIX}"
    with replacing(path) as file:
        file.write((counts + checksum).ljust(_HEADER_BYTES, b"\0"))
        file.write(index.tobytes())
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype="<f4").tobytes())
    return path


@dataclass(frozen=True, eq=False)
class Shard:
    """An open shard.

    Attributes:
        path: its file, which may meanwhile be gone.
        index: records (digest, tokens, crc), ascending by digest.
        vectors: shape (rows, dimensions), float32, a read-only memory map.
    """

    path: Path
    index: npt.NDArray[Any]
    vectors: npt.NDArray[np.float32]

    def read(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Vectors of some rows, checked against their checksums.

        Raises:
            DamagedFileError: a vector is not the one that was written.
        """
        block = np.asarray(self.vectors[rows], dtype=np.float32)
        if not self._sound(block, rows).all():
            raise DamagedFileError(self.path, "a vector does not match its checksum")
        return block

    def sound_rows(self) -> npt.NDArray[np.int64]:
        """The rows whose vectors are those that were written."""
        pieces = np.array_split(np.arange(len(self.index)), -(-len(self.index) // _ROWS_AT_ONCE))
        return np.concatenate([rows[self._sound(np.asarray(self.vectors[rows]), rows)] for rows in pieces])

    def _sound(self, block: npt.NDArray[np.float32], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        return np.asarray(np.array(_row_checksums(block)) == self.index["crc"][rows], dtype=np.bool_)


def open_shard(path: Path, *, width: int) -> Shard:
    """Open a shard and check its index.

    Raises:
        FileNotFoundError: the file is gone; another run merged it into a larger one.
        DamagedFileError: the file is damaged or cut short.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        if len(header) != _HEADER_BYTES or not header.startswith(_MAGIC):
            raise DamagedFileError(path, "no header")
        _, rows, found_width = _COUNTS.unpack(header[: _COUNTS.size])
        start = _HEADER_BYTES + rows * INDEX.itemsize
        size = os.fstat(file.fileno()).st_size
        if found_width != width or rows < 1 or size != start + rows * width * 4:
            raise DamagedFileError(path, f"{size} bytes are not {rows} vectors of {width} dimensions")
        raw = file.read(rows * INDEX.itemsize)
        if hashlib.sha256(header[: _COUNTS.size] + raw).digest() != header[_COUNTS.size : _COUNTS.size + 32]:
            raise DamagedFileError(path, "the index does not match its checksum")
        vectors = np.memmap(file, dtype="<f4", mode="r", offset=start, shape=(rows, width))
    return Shard(path, np.frombuffer(raw, dtype=INDEX), vectors)
