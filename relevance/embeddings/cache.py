"""Vectors on disk under a key made of what produced them: model, prompt, truncation, text, ….

A store is the folder of one (model, prompt, truncation). A run that encodes appends to a part of its own, so that runs
which share a store need no lock, and what was encoded before an interrupt or a kill is there. Runs that encode one text
at once leave two vectors of it, equal but for float noise; every later run takes the same one.

A part is two files: `NAME.vectors`, float32 little-endian, read by memory map; and `NAME.index`, a record for each of
them: digest of the text, its length in tokens, and a CRC-32 of both and the vector. A row that does not match it is no
row. While a part is written, and where its run was killed, the index is `NAME.growing`: it is read, and never merged.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs

from relevance.errors import CouldNotRunError, InputError
from relevance.files import write_file
from relevance.records import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings.model import Model, Side

    _Floats = npt.NDArray[np.float32]
    _Ints = npt.NDArray[np.int64]
    _Add = Callable[[Sequence[bytes], Sequence[int], _Floats], None]

SUFFIX, _GROWING, _VECTORS = ".index", ".growing", ".vectors"
_KEY_VERSION = 2
_RECORD = np.dtype([("digest", "V16"), ("tokens", "<u4"), ("crc", "<u4")])
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
        problem = error.strerror or error
        raise InputError(f"cache folder {path}: {problem}; allowed: a folder that can be written to") from None


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
    """The store of a model's vectors of queries, or of products' texts; a model that cuts them has them whole."""
    model = model.whole
    # code of a model's own may treat the sides differently, beside their prompts
    trusted = side if model.trust_remote_code else None
    decisive = (model.fingerprint, model.prompt(side), model.max_tokens, model.dimensions, model.similarity)
    key = json.dumps([_KEY_VERSION, *decisive, model.revision, trusted])
    return Store(cache_dir / "embeddings" / hashlib.sha256(key.encode()).hexdigest()[:32], width=model.dimensions)


@dataclass(frozen=True, eq=False)
class _Part:
    path: Path
    index: npt.NDArray[Any]
    vectors: _Floats


def _checksums(index: npt.NDArray[Any], vectors: _Floats) -> npt.NDArray[np.uint32]:
    records = index.tobytes()
    starts = range(0, len(records), _RECORD.itemsize)
    heads = (records[start : start + _RECORD.itemsize - 4] for start in starts)  # all but the checksum itself
    rows = zip(heads, np.ascontiguousarray(vectors, dtype="<f4"), strict=True)
    return np.array([zlib.crc32(row, zlib.crc32(head)) for head, row in rows], dtype=np.uint32)


class _Rows:
    """Where the vector of each text is; of two the one with the lower checksum, which no merge can change.

    `index` has the records of all texts, ascending by digest; a place is a row of it.
    """

    def __init__(self, parts: Sequence[_Part], width: int) -> None:
        self._parts, self._width = parts, width
        index = np.concatenate([np.zeros(0, dtype=_RECORD), *(part.index for part in parts)])
        # as bytes of equal length, whose padding says nothing; records themselves have no order
        digests = np.ascontiguousarray(index["digest"]).view("S16")
        order = np.lexsort((index["crc"], digests))
        first = np.ones(len(order), dtype=np.bool_)
        first[1:] = digests[order][1:] != digests[order][:-1]
        first &= digests[order] != b""  # forgotten
        held = order[first]
        self.index, self._digests = index[held], digests[held]
        sizes = np.array([len(part.index) for part in parts], dtype=np.int64)
        self._part = np.repeat(np.arange(len(sizes)), sizes)[held]
        self._row = held - (np.cumsum(sizes) - sizes)[self._part]

    def places(self, digests: Sequence[bytes]) -> _Ints:
        """The place of each text, -1 where it has none."""
        wanted = np.frombuffer(b"".join(digests), dtype="S16")
        if not len(self._digests):
            return np.full(len(wanted), -1, dtype=np.int64)
        near = np.minimum(np.searchsorted(self._digests, wanted), len(self._digests) - 1)
        return np.where(self._digests[near] == wanted, near, -1)

    def damaged(self, places: _Ints) -> Iterator[tuple[_Part, _Ints]]:
        """The rows among these places that do not match their checksums, part by part."""
        for number in np.unique(self._part[places]):
            part, rows = self._parts[number], self._row[places[self._part[places] == number]]
            wrong = [
                piece[_checksums(part.index[piece], part.vectors[piece]) != part.index["crc"][piece]]
                for piece in _pieces(rows)
            ]
            if len(bad := np.concatenate(wrong)):
                yield part, bad

    def vectors(self, places: _Ints) -> Vectors:
        """As they lie on disk where one file holds hardly more."""
        used = np.unique(self._part[places])
        if len(used) == 1 and len(places) >= _MAPPED_FROM * len(self._parts[used[0]].index):
            return Vectors(self._parts[used[0]].vectors, self._row[places])
        return Vectors(self.copied(places), np.arange(len(places)))

    def copied(self, places: _Ints) -> _Floats:
        """Copied piece by piece: at no time does memory hold the vectors twice."""
        vectors = np.empty((len(places), self._width), dtype=np.float32)
        parts = self._part[places]
        for number in np.unique(parts):
            for piece in _pieces(np.flatnonzero(parts == number)):
                vectors[piece] = self._parts[number].vectors[self._row[places[piece]]]
        return vectors


def _pieces(rows: _Ints) -> Iterator[_Ints]:
    return (rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE))


class Store:
    """The vectors of one model, prompt and truncation, by digests of the texts.

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
        self._parts: dict[tuple[str, int], _Part] = {}
        self._rows = _Rows((), width)

    @property
    def held(self) -> int:
        """How many texts had a vector when the folder was last looked at."""
        return len(self._rows.index)

    def clear(self) -> None:
        """Remove all that is there; what another run writes meanwhile stays."""
        for index, _ in [*self._parts]:
            place = self.folder / index
            if place.suffix == SUFFIX:
                place.unlink(missing_ok=True)
                place.with_suffix(_VECTORS).unlink(missing_ok=True)
        self._refresh()

    def missing(self, digests: Sequence[bytes]) -> list[bytes]:
        """Those of the texts that have no vector now, in their order.

        Raises:
            InputError: a file cannot be read.
            CouldNotRunError: files keep disappearing.
        """
        self._refresh()
        places = self._rows.places(digests).tolist()
        return [digest for digest, place in zip(digests, places, strict=True) if place < 0]

    def read(self, digests: Sequence[bytes]) -> tuple[Vectors, _Ints] | None:
        """The vectors of texts and their lengths in tokens; None where one is not there, or damaged: it is missing."""
        places = self._rows.places(digests)
        if places.min(initial=0) < 0:
            return None
        damaged = list(self._rows.damaged(places))
        for part, rows in damaged:
            self._forget(part, rows)
        if damaged:
            return None
        return self._rows.vectors(places), self._rows.index["tokens"][places].astype(np.int64)

    @contextmanager
    def adding(self) -> Iterator[_Add]:
        """A function that writes digests, lengths in tokens and vectors, which is there from then on.

        Raises:
            CouldNotRunError: it cannot be written.
        """
        growing = self.folder / f"{secrets.token_hex(8)}{_GROWING}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with growing.with_suffix(_VECTORS).open("ab") as vectors_file, growing.open("ab") as index_file:

                def add(digests: Sequence[bytes], tokens: Sequence[int], vectors: _Floats) -> None:
                    index = np.zeros(len(digests), dtype=_RECORD)
                    index["digest"] = np.frombuffer(b"".join(digests), dtype="V16")
                    index["tokens"] = tokens
                    index["crc"] = _checksums(index, vectors)
                    for file, array in ((vectors_file, vectors.astype("<f4", copy=False)), (index_file, index)):
                        file.write(array.tobytes())
                        file.flush()

                yield add
        except OSError as error:
            raise CouldNotRunError(f"cache folder {self.folder}: cannot write ({error.strerror or error})") from None
        finally:
            with suppress(OSError):
                if growing.stat().st_size:
                    growing.rename(growing.with_suffix(SUFFIX))
                else:
                    growing.unlink()
                    growing.with_suffix(_VECTORS).unlink()

    def compact(self) -> None:
        """Merge small parts, see `_mergeable`.

        Raises:
            CouldNotRunError: the merged part cannot be written.
        """
        self._refresh()
        small = _mergeable(part for part in self._parts.values() if part.path.suffix == SUFFIX)
        if len(small) < 2:  # noqa: PLR2004 - one alone is merged already
            return
        merged = _Rows(small, self.width)
        with self.adding() as add:
            for places in _pieces(np.arange(len(merged.index))):
                index, vectors = merged.index[places], merged.copied(places)
                sound = _checksums(index, vectors) == index["crc"]
                add([digest.tobytes() for digest in index["digest"][sound]], index["tokens"][sound], vectors[sound])
        for part in small:
            for path in (part.path, part.path.with_suffix(_VECTORS)):
                path.unlink(missing_ok=True)

    def _refresh(self) -> None:
        for _ in range(_RELISTINGS):
            with suppress(FileNotFoundError):  # another run has merged it into a larger one
                paths = sorted(path for suffix in (SUFFIX, _GROWING) for path in self.folder.glob(f"*{suffix}"))
                names = [(path.name, path.stat().st_size) for path in paths]
                if names != list(self._parts):
                    opened = (
                        (self._parts.get(name) or self._opened(path)) for name, path in zip(names, paths, strict=True)
                    )
                    self._parts = dict(zip(names, opened, strict=True))
                    self._rows = _Rows(list(self._parts.values()), self.width)
                return
        raise CouldNotRunError(f"{self.folder}: files of the cache disappear while they are read")

    def _opened(self, path: Path) -> _Part:
        place = path.with_suffix(_VECTORS)
        try:
            records = path.read_bytes()
            rows = len(records) // _RECORD.itemsize
            if place.exists():
                rows = min(rows, place.stat().st_size // (4 * self.width))
            elif path.exists():  # else both are gone
                rows = 0
            vectors: Any = np.empty((0, self.width), dtype=np.float32)
            if rows:
                vectors = np.memmap(place, dtype="<f4", mode="r", shape=(rows, self.width))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}; allowed: a readable file") from None
        return _Part(path, np.frombuffer(bytearray(records), dtype=_RECORD, count=rows), vectors)

    def _forget(self, part: _Part, rows: _Ints) -> None:
        """Take the digests of damaged rows away, on disk too where no other run writes the file."""
        part.index["digest"][rows] = np.void(bytes(16))
        self._rows = _Rows(list(self._parts.values()), self.width)
        if part.path.suffix == SUFFIX:
            with suppress(OSError):  # a folder that can only be read is enough
                write_file(part.path, part.index.tobytes())
        self.notes.append(f"{part.path}: {len(rows):,} damaged, computed again where they are needed")


def _mergeable(parts: Iterable[_Part]) -> list[_Part]:
    """The smallest parts, up to the last that is no larger than all smaller ones together.

    So their number, and how often a vector is copied in its life, grow with the logarithm of the vectors, and what one
    long run writes stays in one file.
    """
    ascending = sorted(parts, key=lambda part: (len(part.index), part.path.name))
    sizes = np.array([len(part.index) for part in ascending], dtype=np.int64)
    close = np.flatnonzero(sizes <= np.cumsum(sizes) - sizes)
    return ascending[: close.max(initial=-1) + 1]
