"""Vectors on disk under a key made of what produced them: model, prompt, truncation, text, ….

A store is the folder of one (model, prompt, truncation). It holds shards, which are written whole and never changed, so
runs that share it need no lock: each adds files, and a reader that loses one to a merge lists the folder anew. Runs
that encode one text at once leave two vectors of it, equal but for float noise; every later run takes the same one.

A shard, little-endian: a header of 64 bytes (magic, rows, dimensions, sha256 of those and of the index), the index (one
record a row: digest of the text, its length in tokens, CRC-32 of its vector; ascending by digest), then the vectors as
float32. It is read by memory map: a run that needs few vectors of a large file reads and checks only those.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs

from relevance.errors import CouldNotRunError, InputError
from relevance.files import replacing
from relevance.records import Vectors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings.model import Model, Side

    _Floats = npt.NDArray[np.float32]
    _Ints = npt.NDArray[np.int64]

SUFFIX = ".vectors"
_KEY_VERSION = 1
_MAGIC = b"relevance-vec-1\n"
_COUNTS = struct.Struct("<16sII")
_HEADER_BYTES = 64
_INDEX = np.dtype([("digest", "V16"), ("tokens", "<u4"), ("crc", "<u4")])
_ROWS_AT_ONCE = 4096
_RELISTINGS = 20
# a row that is not wanted is still compared with every query
_MAPPED_FROM = 0.9


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
        raise _not_writable(path, str(error.strerror or error)) from None


def _not_writable(folder: Path, problem: str) -> InputError:
    return InputError(f"cache folder {folder}: {problem}; allowed: a folder that can be written to")


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


def open_store(cache_dir: Path, model: Model, side: Side) -> Store:
    """The store of a model's vectors of queries, or of products' texts."""
    key: list[object] = [_KEY_VERSION, model.fingerprint, model.prompt(side), model.max_tokens, model.dimensions]
    # what few models have is in the key of those alone
    rare: dict[str, object] = {} if model.similarity == "cosine" else {"similarity": model.similarity}
    if model.revision is not None:
        rare["revision"] = model.revision
    if model.trust_remote_code:  # such code may treat the sides differently, beside their prompts
        rare["trust_remote_code"] = side
    text = json.dumps([*key, rare] if rare else key)
    folder = cache_dir / "embeddings" / hashlib.sha256(text.encode()).hexdigest()[:32]
    return Store(folder, width=model.dimensions)


class _DamagedError(Exception):
    """A file that does not hold what was written to it; the problem in a few words."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(problem)
        self.path = path


@dataclass(frozen=True, eq=False)
class _Shard:
    path: Path
    index: npt.NDArray[Any]
    vectors: _Floats

    def read(self, rows: _Ints) -> _Floats:
        vectors = np.asarray(self.vectors[rows], dtype=np.float32)
        if _checksums(vectors) != self.index["crc"][rows].tolist():
            raise _DamagedError(self.path, "a vector does not match its checksum")
        return vectors


def _checksums(vectors: _Floats) -> list[int]:
    return [zlib.crc32(row) for row in np.ascontiguousarray(vectors)]


def _open_shard(path: Path, width: int) -> _Shard:
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        if len(header) != _HEADER_BYTES or not header.startswith(_MAGIC):
            raise _DamagedError(path, "no header")
        _, rows, dimensions = _COUNTS.unpack_from(header)
        start = _HEADER_BYTES + rows * _INDEX.itemsize
        size = os.fstat(file.fileno()).st_size
        if dimensions != width or rows < 1 or size != start + rows * width * 4:
            raise _DamagedError(path, f"{size} bytes are not {rows} vectors of {width} dimensions")
        index = file.read(rows * _INDEX.itemsize)
        if hashlib.sha256(header[: _COUNTS.size] + index).digest() != header[_COUNTS.size : _COUNTS.size + 32]:
            raise _DamagedError(path, "the index does not match its checksum")
        vectors = np.memmap(file, dtype="<f4", mode="r", offset=start, shape=(rows, width))
    return _Shard(path, np.frombuffer(index, dtype=_INDEX), vectors)


class _Directory:
    """Where the vector of each text is; of two the one with the lower checksum, which no merge can change.

    `index` has the records of all texts, ascending by digest; a place is a row of it.
    """

    def __init__(self, shards: Sequence[_Shard], width: int) -> None:
        self._shards, self._width = shards, width
        index = np.concatenate([np.zeros(0, dtype=_INDEX), *(shard.index for shard in shards)])
        # as bytes of equal length, whose padding says nothing; records themselves have no order
        digests = np.ascontiguousarray(index["digest"]).view("S16")
        order = np.lexsort((index["crc"], digests))
        first = np.ones(len(order), dtype=np.bool_)
        first[1:] = digests[order][1:] != digests[order][:-1]
        held = order[first]
        self.index, self._digests = index[held], digests[held]
        sizes = np.array([len(shard.index) for shard in shards], dtype=np.int64)
        self._shard = np.repeat(np.arange(len(sizes)), sizes)[held]
        self._row = held - (np.cumsum(sizes) - sizes)[self._shard]

    def places(self, digests: Sequence[bytes]) -> _Ints:
        """The place of each text, -1 where it has none."""
        wanted = np.frombuffer(b"".join(digests), dtype="S16")
        if not len(self._digests):
            return np.full(len(wanted), -1, dtype=np.int64)
        near = np.minimum(np.searchsorted(self._digests, wanted), len(self._digests) - 1)
        return np.where(self._digests[near] == wanted, near, -1)

    def vectors(self, places: _Ints) -> Vectors:
        """Checked; as they lie on disk where one file holds hardly more."""
        used = np.unique(self._shard[places])
        if len(used) == 1 and len(places) >= _MAPPED_FROM * len(self._shards[used[0]].index):
            shard, rows = self._shards[used[0]], self._row[places]
            for piece in _pieces(rows):
                shard.read(piece)
            return Vectors(shard.vectors, rows)
        return Vectors(self.copied(places), np.arange(len(places)))

    def copied(self, places: _Ints) -> _Floats:
        """Copied piece by piece: at no time does memory hold the vectors twice."""
        vectors = np.empty((len(places), self._width), dtype=np.float32)
        shards = self._shard[places]
        for number in np.unique(shards):
            for piece in _pieces(np.flatnonzero(shards == number)):
                vectors[piece] = self._shards[number].read(self._row[places[piece]])
        return vectors


def _pieces(rows: _Ints) -> Iterator[_Ints]:
    return (rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE))


class Store:
    """The vectors of one model, prompt and truncation, by digests of the texts.

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
        self._passed_over: set[str] = set()
        self._shards: dict[str, _Shard] = {}
        self._directory: _Directory | None = None

    def missing(self, digests: Sequence[bytes]) -> list[bytes]:
        """Those of the texts that have no vector now, in their order.

        Raises:
            InputError: a file cannot be read.
            CouldNotRunError: files keep disappearing.
        """
        places = self._refreshed().places(digests).tolist()
        return [digest for digest, place in zip(digests, places, strict=True) if place < 0]

    def read(self, digests: Sequence[bytes]) -> tuple[Vectors, _Ints] | None:
        """The vectors of texts of which none was `missing`, and their lengths in tokens.

        Returns:
            None where a vector is damaged: it is missing from now on.

        Raises:
            CouldNotRunError: a text is not there.
        """
        directory = self._directory or self._refreshed()
        places = directory.places(digests)
        if places.min(initial=0) < 0:
            raise CouldNotRunError(f"{self.folder}: files of the cache were deleted during the run")
        try:
            return directory.vectors(places), directory.index["tokens"][places].astype(np.int64)
        except _DamagedError as error:
            self._repair(error)
            return None

    def add(self, digests: Sequence[bytes], tokens: Sequence[int], vectors: _Floats) -> Path:
        """Write one shard.

        Raises:
            CouldNotRunError: the file cannot be written.
        """
        order = sorted(range(len(digests)), key=digests.__getitem__)
        index = np.zeros(len(order), dtype=_INDEX)
        index["digest"] = np.frombuffer(b"".join(digests[at] for at in order), dtype="V16")
        index["tokens"] = [tokens[at] for at in order]
        index["crc"] = _checksums(vectors[order])
        return self._write(index, [vectors[order]])

    def compact(self, pieces: Collection[Path] = ()) -> None:
        """Merge small shards, see `_mergeable`, and those of one run, whatever their sizes.

        Raises:
            CouldNotRunError: the merged file cannot be written.
        """
        self._refreshed()
        mergeable = {shard.path for shard in _mergeable(self._shards.values())} | set(pieces)
        small = [shard for shard in self._shards.values() if shard.path in mergeable]
        if len(small) < 2:  # noqa: PLR2004 - one alone is merged already
            return
        merged = _Directory(small, self.width)
        try:
            path = self._write(merged.index, map(merged.copied, _pieces(np.arange(len(merged.index)))))
        except _DamagedError as error:
            self._repair(error)
            return
        for shard in small:
            if shard.path != path:
                shard.path.unlink(missing_ok=True)

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
            raise _not_writable(self.folder, f"{error.strerror or error}, and {missing} not there") from None

    def _refreshed(self) -> _Directory:
        for _ in range(_RELISTINGS):
            with suppress(FileNotFoundError):  # another run has merged it into a larger one
                names = sorted({path.name for path in self.folder.glob(f"*{SUFFIX}")} - self._passed_over)
                if self._directory is None or names != list(self._shards):
                    opened = {name: self._opened(name) for name in names}
                    self._shards = {name: shard for name, shard in opened.items() if shard is not None}
                    self._directory = _Directory(list(self._shards.values()), self.width)
                return self._directory
        raise CouldNotRunError(f"{self.folder}: files of the cache disappear while they are read")

    def _opened(self, name: str) -> _Shard | None:
        try:
            return self._shards.get(name) or _open_shard(self.folder / name, self.width)
        except FileNotFoundError:
            raise
        except _DamagedError as error:
            self._set_aside(error)
            return None
        except OSError as error:
            raise InputError(f"{self.folder / name}: {error.strerror or error}; allowed: a readable file") from None

    def _repair(self, error: _DamagedError) -> None:
        """Set a shard aside in which a vector is damaged; the others of it are kept."""
        shard = self._shards[error.path.name]
        sound = np.flatnonzero(np.array(_checksums(shard.vectors)) == shard.index["crc"])
        if len(sound):
            with suppress(CouldNotRunError):
                self._write(shard.index[sound], [shard.vectors[sound]])
        self._set_aside(error)

    def _set_aside(self, error: _DamagedError) -> None:
        self._shards.pop(error.path.name, None)
        self._directory = None
        aside = error.path.with_name(f"{error.path.name}.damaged")
        try:
            error.path.replace(aside)
            done = f"set aside as {aside.name}"
        except OSError:  # the folder may only be read, or another run was first
            self._passed_over.add(error.path.name)
            done = "passed over"
        self.notes.append(f"damaged cache file ({error}), {done}; what it held is computed again: {error.path}")

    def _write(self, index: npt.NDArray[Any], blocks: Iterable[_Floats]) -> Path:
        """Write a shard under a name made of its content: equal content written twice is one file."""
        counts = _COUNTS.pack(_MAGIC, len(index), self.width)
        checksum = hashlib.sha256(counts + index.tobytes()).digest()
        path = self.folder / f"{checksum[:16].hex()}{SUFFIX}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                file.write((counts + checksum).ljust(_HEADER_BYTES, b"\0"))
                file.write(index.tobytes())
                for block in blocks:
                    file.write(np.ascontiguousarray(block, dtype="<f4").tobytes())
        except OSError as error:
            raise CouldNotRunError(f"cache folder {self.folder}: cannot write ({error.strerror or error})") from None
        return path


def _mergeable(shards: Iterable[_Shard]) -> list[_Shard]:
    """The smallest shards, up to the last that is no larger than all smaller ones together.

    So their number, and how often a vector is copied in its life, grow with the logarithm of the vectors, and what one
    long run writes ends up in one file.
    """
    ascending = sorted(shards, key=lambda shard: (len(shard.index), shard.path.name))
    sizes = np.array([len(shard.index) for shard in ascending], dtype=np.int64)
    close = np.flatnonzero(sizes <= np.cumsum(sizes) - sizes)
    return ascending[: close.max(initial=-1) + 1]
