"""Vectors on disk under a key made of what produced them: model, prompt, truncation, text.

A store is the folder of one (model, prompt, truncation). It holds immutable shards, so runs that share it need no lock:
each adds files, and a reader that loses one to a merge lists the folder anew. Runs that encode one text at once leave
two vectors of it, equal but for float noise; every later run takes the same one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import platformdirs

from relevance.embeddings.directory import Directory
from relevance.embeddings.shards import (
    SUFFIX,
    DamagedFileError,
    make_index,
    open_shard,
    write_shard,
)
from relevance.errors import CouldNotRunError, InputError
from relevance.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings.directory import Found
    from relevance.embeddings.model import Model
    from relevance.embeddings.shards import Shard

__all__ = ["QueryTime", "Store", "check_cache_dir", "default_cache_dir", "open_store", "text_digest"]

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
        busy: whether others used the machine meanwhile, so that it may be too long.
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

    def read(self, digests: Sequence[bytes]) -> Found:
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
            time_ = QueryTime(float(record["p50_ms"]), str(record["device"]), record.get("busy") is True)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return time_ if math.isfinite(time_.milliseconds) else None

    def record_query_time(self, measured: QueryTime) -> None:
        """Keep the time to encode one query with the vectors, where the folder can be written."""
        record: dict[str, object] = {"p50_ms": measured.milliseconds, "device": measured.device}
        record |= {"busy": True} if measured.busy else {}
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
