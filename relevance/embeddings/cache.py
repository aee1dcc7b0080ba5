"""Vectors on disk under a key made of what produced them: model, prompt, truncation, text.

A store is the folder of one (model, prompt, truncation). It holds immutable shards, so runs that share it need no lock:
each adds files, and a reader that loses one to a merge lists the folder anew. Runs that encode one text at once leave
two vectors of it, equal but for float noise; every later run takes the same one.

A shard is one file, immutable, read by memory map, every vector under a checksum of its own. Little-endian: a header
of 64 bytes (magic, rows, dimensions, sha256 of those and of the index), the index (one record a row: digest of the
text, its length in tokens, CRC-32 of its vector; ascending by digest), then the vectors as float32, rows by dimensions.
A run that needs few vectors of a large file reads and checks only those.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import struct
import tempfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs

from relevance.errors import CouldNotRunError, InputError
from relevance.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings.model import Model

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


_MAPPED_FROM = 0.9
"""Share of a file's rows that has to be wanted: a row that is not wanted is still compared with every query."""


@dataclass(frozen=True, eq=False)
class StoredVectors:
    """Vectors of texts.

    Attributes:
        matrix: shape (texts or more, dimensions), float32; a read-only memory map where one file holds hardly more.
        rows: shape (texts,), the row of each text.
        tokens: shape (texts,), lengths in tokens.
    """

    matrix: npt.NDArray[np.float32]
    rows: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]


class Directory:
    """Where each text's vector is; of two vectors the one with the lower checksum, which no merge can change.

    Args:
        shards: open shards.
        width: dimensions of a vector.
    """

    def __init__(self, shards: Sequence[Shard], *, width: int) -> None:
        self._shards = tuple(shards)
        self._width = width
        index = np.concatenate([np.zeros(0, dtype=INDEX), *(shard.index for shard in shards)])
        # as bytes of equal length, whose padding says nothing; records themselves have no order
        digests = np.ascontiguousarray(index["digest"]).view("S16")
        order = np.lexsort((index["crc"], digests))
        ascending = digests[order]
        first = np.ones(len(order), dtype=np.bool_)
        first[1:] = ascending[1:] != ascending[:-1]
        held = order[first]
        self._digests = ascending[first]
        self.index: npt.NDArray[Any] = index[held]
        """The records of all texts, ascending by digest."""
        sizes = np.array([len(shard.index) for shard in shards], dtype=np.int64)
        self._shard = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)[held]
        self._row = held - (np.cumsum(sizes) - sizes)[self._shard]

    def holds(self, digests: Sequence[bytes]) -> npt.NDArray[np.bool_]:
        """Shape (digests,): which texts have a vector."""
        return self._places(digests) >= 0

    def read(self, digests: Sequence[bytes]) -> StoredVectors:
        """The vectors of texts, checked; they are not copied where they can be used as they lie on disk.

        Raises:
            DamagedFileError: a vector is damaged.
            KeyError: a text is not there.
        """
        places = self._places(digests)
        if places.min(initial=0) < 0:
            raise KeyError(digests[int(np.argmin(places))])
        tokens = self.index["tokens"][places].astype(np.int64)
        used = np.unique(self._shard[places])
        if len(used) == 1 and len(places) >= _MAPPED_FROM * len(self._shards[used[0]].index):
            shard, rows = self._shards[used[0]], self._row[places]
            for piece in _pieces(rows):
                shard.read(piece)
            return StoredVectors(shard.vectors, rows, tokens)
        return StoredVectors(self._gathered(places), np.arange(len(places)), tokens)

    def blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        """The vectors of all texts in the order of `index`, piece by piece."""
        return (self._gathered(piece) for piece in _pieces(np.arange(len(self._digests))))

    def _places(self, digests: Sequence[bytes]) -> npt.NDArray[np.int64]:
        """Shape (digests,): the row of each in `index`, -1 where it has none."""
        wanted = np.frombuffer(b"".join(digests), dtype=self._digests.dtype)
        places = np.searchsorted(self._digests, wanted)
        if not len(self._digests):
            return np.full(len(wanted), -1, dtype=np.int64)
        near = np.minimum(places, len(self._digests) - 1)
        return np.where(self._digests[near] == wanted, near, -1)

    def _gathered(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Copied piece by piece: at no time does memory hold the vectors twice."""
        vectors = np.empty((len(places), self._width), dtype=np.float32)
        shards = self._shard[places]
        for number in np.unique(shards):
            for piece in _pieces(np.flatnonzero(shards == number)):
                vectors[piece] = self._shards[number].read(self._row[places[piece]])
        return vectors


def _pieces(rows: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    return (rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE))


_FORMAT = 1
_MAX_SHARDS = 16
_RELISTINGS = 20
_QUERY_TIME = "query_time.json"
_ASIDE = ".damaged"


def default_cache_dir() -> Path:
    """The user's cache folder for this package."""
    return platformdirs.user_cache_path("relevance")


def check_cache_dir(path: Path) -> None:
    """Make the cache folder where it is missing; one that can only be read may hold all that is needed.

    Raises:
        InputError: it is no folder, or can neither be read nor made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        next(path.iterdir(), None)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cache folder {path}: {reason}; allowed: a folder that can be written to") from None


def text_digest(text: str) -> bytes:
    """16 bytes that stand for a text.

    Raises:
        InputError: the text holds half a surrogate pair and is no Unicode text.
    """
    try:
        return hashlib.sha256(text.encode("utf-8")).digest()[:16]
    except UnicodeEncodeError as error:
        where = f"position {error.start} of {text[:40]!r}"
        raise InputError(f"a text cannot be encoded: half a surrogate pair at {where}; allowed: Unicode text") from None


def open_store(cache_dir: Path, model: Model, prompt: str) -> Store:
    """The store of a model's vectors under one prompt and the model's truncation; its folder is made when needed."""
    key = json.dumps([_FORMAT, model.fingerprint, prompt, model.max_tokens, model.dimensions])
    folder = cache_dir / "embeddings" / hashlib.sha256(key.encode()).hexdigest()[:32]
    return Store(folder, width=model.dimensions)


@dataclass(frozen=True)
class QueryTime:
    """How long it takes to encode one query.

    Attributes:
        milliseconds: the median of single queries.
        device: on which it was measured.
        busy: whether others used the machine meanwhile, or nobody looked, so that it may be too long.
    """

    milliseconds: float
    device: str
    busy: bool = False


class Store:
    """The vectors of one model, prompt and truncation.

    A damaged file is set aside, what can be read of it is kept, and the rest counts as missing.

    Args:
        folder: of its files; may be missing.
        width: dimensions of a vector.

    Attributes:
        notes: on damaged files, a line each.
    """

    def __init__(self, folder: Path, *, width: int) -> None:
        self.folder = folder
        self.width = width
        self.notes: list[str] = []
        self._unusable: set[str] = set()
        self._shards: dict[str, Shard] = {}
        self._directory = Directory([], width=width)

    def refresh(self) -> None:
        """See what is there now.

        Raises:
            InputError: a file cannot be read.
            CouldNotRunError: files keep disappearing.
        """
        for _ in range(_RELISTINGS):
            with contextlib.suppress(FileNotFoundError):
                names = sorted({path.name for path in self.folder.glob(f"*{SUFFIX}")} - self._unusable)
                if names != list(self._shards):
                    shards = {name: self._opened(name) for name in names}
                    self._shards = {name: shard for name, shard in shards.items() if shard is not None}
                    self._directory = Directory(list(self._shards.values()), width=self.width)
                return
        raise CouldNotRunError(f"{self.folder}: files of the cache disappear while they are read")

    def _opened(self, name: str) -> Shard | None:
        try:
            return self._shards.get(name) or open_shard(self.folder / name, width=self.width)
        except FileNotFoundError:
            raise
        except DamagedFileError as error:
            self._set_aside(error)
            return None
        except OSError as error:
            raise InputError(f"{self.folder / name}: {error.strerror or error}; allowed: a readable file") from None

    def repair(self, error: DamagedFileError) -> None:
        """Set a shard aside in which a vector is damaged; the others of it are kept."""
        shard = self._shards.get(error.path.name)
        if shard is not None:
            rows = shard.sound_rows()
            with contextlib.suppress(OSError):
                if len(rows):
                    write_shard(self.folder, shard.index[rows], [shard.vectors[rows]], width=self.width)
        self._set_aside(error)
        self._directory = Directory(list(self._shards.values()), width=self.width)

    def _set_aside(self, error: DamagedFileError) -> None:
        self._shards.pop(error.path.name, None)
        self._unusable.add(error.path.name)
        aside = error.path.with_name(f"{error.path.name}{_ASIDE}")
        done = "passed over"
        with contextlib.suppress(OSError):  # the folder may only be read, or another run was first
            error.path.replace(aside)
            self._unusable.discard(error.path.name)
            done = f"set aside as {aside.name}"
        self.notes.append(f"damaged cache file ({error.problem}), {done}; what it held is computed again: {error.path}")

    def check_writable(self, missing: str) -> None:
        """Make the folder, and try that a file can be written there.

        Args:
            missing: what has to be written, for the error.

        Raises:
            InputError: nothing can be written; the line says what is missing.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            reason = f"{error.strerror or error}, and {missing} not there"
            raise InputError(
                f"cache folder {self.folder}: {reason}; allowed: a folder that can be written to"
            ) from None

    def holds(self, digests: Sequence[bytes]) -> npt.NDArray[np.bool_]:
        """Shape (texts,): which texts have a vector, as of the last `refresh`."""
        return self._directory.holds(digests)

    def read(self, digests: Sequence[bytes]) -> StoredVectors:
        """Vectors, and lengths in tokens, of texts that the store holds.

        Raises:
            DamagedFileError: a vector is damaged; see `repair`.
            KeyError: a text is not there.
        """
        return self._directory.read(digests)

    def add(self, digests: Sequence[bytes], tokens: Sequence[int], vectors: npt.NDArray[np.float32]) -> Path:
        """Write one shard; the texts count as held from the next `refresh` on.

        Raises:
            CouldNotRunError: the file cannot be written.
        """
        order = sorted(range(len(digests)), key=digests.__getitem__)
        matrix = vectors[order]
        index = make_index([digests[at] for at in order], [tokens[at] for at in order], matrix)
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            return write_shard(self.folder, index, [matrix], width=self.width)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CouldNotRunError(f"cache folder {self.folder}: cannot write ({error.strerror or error})") from None

    def compact(self) -> None:
        """Keep the number of files small, see `_mergeable`.

        Raises:
            CouldNotRunError: the merged file cannot be written.
        """
        self.refresh()
        small = _mergeable(list(self._shards.values()))
        if len(self._shards) <= _MAX_SHARDS or not small:
            return
        merged = Directory(small, width=self.width)
        try:
            with self._writing():
                path = write_shard(self.folder, merged.index, merged.blocks(), width=self.width)
                for shard in small:
                    if shard.path != path:
                        shard.path.unlink(missing_ok=True)
        except DamagedFileError as error:
            self.repair(error)
            return
        self.refresh()

    def query_time(self) -> QueryTime | None:
        """The time to encode one query, where it was recorded; a damaged record is none."""
        try:
            with (self.folder / _QUERY_TIME).open("rb") as file:
                record = json.loads(file.read(4096))
            time_ = QueryTime(float(record["p50_ms"]), str(record["device"]), record.get("busy") is not False)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return time_ if math.isfinite(time_.milliseconds) else None

    def record_query_time(self, measured: QueryTime) -> None:
        """Keep the time to encode one query with the vectors, where the folder can be written."""
        record = {"p50_ms": measured.milliseconds, "device": measured.device, "busy": measured.busy}
        with contextlib.suppress(OSError), replacing(self.folder / _QUERY_TIME) as file:
            file.write(json.dumps(record).encode())


def _mergeable(shards: list[Shard]) -> list[Shard]:
    """The smallest shards, up to the last that is no larger than all smaller ones together.

    So their number, and how often a vector is copied in its life, grow with the logarithm of the vectors, and what one
    long run writes ends up in one file.
    """
    ascending = sorted(shards, key=lambda shard: (len(shard.index), shard.path.name))
    sizes = np.array([len(shard.index) for shard in ascending], dtype=np.int64)
    close = np.flatnonzero(sizes <= np.cumsum(sizes) - sizes)
    small = ascending[: close.max(initial=-1) + 1]
    return sorted(small, key=lambda shard: shard.path.name)
