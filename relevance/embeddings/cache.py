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
import time
from typing import TYPE_CHECKING

import numpy as np
import platformdirs

from relevance.embeddings.directory import Directory
from relevance.embeddings.shards import (
    SUFFIX,
    TEMPORARY_PREFIX,
    damaged,
    make_index,
    open_shard,
    replacing,
    write_shard,
)
from relevance.errors import CouldNotRunError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings.directory import Found
    from relevance.embeddings.model import Model
    from relevance.embeddings.shards import Shard

__all__ = ["Store", "check_cache_dir", "default_cache_dir", "open_store", "text_digest"]

_FORMAT = 1
_MAX_SHARDS = 16
_RELISTINGS = 20
_STALE_SECONDS = 3600
_QUERY_TIME = "query_time.json"


def default_cache_dir() -> Path:
    """The user's cache folder for this package."""
    return platformdirs.user_cache_path("relevance")


def check_cache_dir(path: Path) -> None:
    """Make the cache folder where it is missing and try that a file can be written there.

    Raises:
        InputError: it is no folder, or nothing can be written there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
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
    """The store of a model's vectors under one prompt and the model's truncation; its folder is made."""
    key = json.dumps([_FORMAT, model.fingerprint, prompt, model.max_tokens, model.dimensions])
    folder = cache_dir / "embeddings" / hashlib.sha256(key.encode()).hexdigest()[:32]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cache folder {folder}: {error.strerror or error}") from None
    return Store(folder, width=model.dimensions)


class Store:
    """The vectors of one model, prompt and truncation.

    Args:
        folder: exists.
        width: dimensions of a vector.
    """

    def __init__(self, folder: Path, *, width: int) -> None:
        self.folder = folder
        self.width = width
        self._shards: dict[str, Shard] = {}
        self._directory = Directory([], width=width)

    def refresh(self) -> None:
        """See what is there now.

        Raises:
            InputError: a file is damaged.
            CouldNotRunError: files keep disappearing.
        """
        for _ in range(_RELISTINGS):
            with contextlib.suppress(FileNotFoundError):
                names = sorted(path.name for path in self.folder.glob(f"*{SUFFIX}"))
                if names != list(self._shards):
                    self._shards = {name: self._opened(name) for name in names}
                    self._directory = Directory(list(self._shards.values()), width=self.width)
                return
        raise CouldNotRunError(f"{self.folder}: files of the cache disappear while they are read")

    def _opened(self, name: str) -> Shard:
        try:
            return self._shards.get(name) or open_shard(self.folder / name, width=self.width)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise InputError(f"{self.folder / name}: {error.strerror or error}; allowed: a readable file") from None

    def holds(self, digests: Sequence[bytes]) -> npt.NDArray[np.bool_]:
        """Shape (texts,): which texts have a vector, as of the last `refresh`."""
        return self._directory.holds(digests)

    def read(self, digests: Sequence[bytes]) -> Found:
        """Vectors, and lengths in tokens, of texts that the store holds.

        Raises:
            InputError: a vector is damaged.
            KeyError: a text is not there.
        """
        return self._directory.read(digests)

    def add(self, digests: Sequence[bytes], tokens: Sequence[int], vectors: npt.NDArray[np.float32]) -> None:
        """Write one shard; the texts count as held from the next `refresh` on.

        Raises:
            CouldNotRunError: the file cannot be written.
        """
        order = sorted(range(len(digests)), key=digests.__getitem__)
        matrix = vectors[order]
        index = make_index([digests[at] for at in order], [tokens[at] for at in order], matrix)
        with self._writing():
            write_shard(self.folder, index, [matrix], width=self.width)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CouldNotRunError(f"cache folder {self.folder}: cannot write ({error.strerror or error})") from None

    def compact(self) -> None:
        """Keep the number of files small, see `_mergeable`, and drop what killed runs left.

        Raises:
            InputError: a vector is damaged.
            CouldNotRunError: the merged file cannot be written.
        """
        self._sweep()
        self.refresh()
        small = _mergeable(list(self._shards.values()))
        if len(self._shards) <= _MAX_SHARDS or not small:
            return
        merged = Directory(small, width=self.width)
        with self._writing():
            path = write_shard(self.folder, merged.index, merged.blocks(), width=self.width)
            for shard in small:
                if shard.path != path:
                    shard.path.unlink(missing_ok=True)
        self.refresh()

    def _sweep(self) -> None:
        oldest = time.time() - _STALE_SECONDS  # a file's age is measured by the clock that stamped it
        for path in self.folder.glob(f"{TEMPORARY_PREFIX}*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def query_time(self) -> tuple[float, str] | None:
        """Milliseconds to encode one query (p50) and the device it was measured on, where that was recorded.

        Raises:
            InputError: the file is damaged.
        """
        path = self.folder / _QUERY_TIME
        try:
            with path.open("rb") as file:
                found = json.loads(file.read(4096))
            milliseconds, device = float(found["p50_ms"]), str(found["device"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            raise damaged(path, "no time and device") from None
        if not math.isfinite(milliseconds):
            raise damaged(path, "no finite time")
        return milliseconds, device

    def record_query_time(self, milliseconds: float, device: str) -> None:
        """Keep the time to encode one query with the vectors.

        Raises:
            CouldNotRunError: the file cannot be written.
        """
        with self._writing(), replacing(self.folder / _QUERY_TIME) as file:
            file.write(json.dumps({"p50_ms": milliseconds, "device": device}).encode())


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
