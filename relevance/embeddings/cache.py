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
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings.model import Model
    from relevance.embeddings.shards import Shard

__all__ = ["Store", "check_cache_dir", "default_cache_dir", "open_store", "text_digest"]

_FORMAT = 1
_MAX_SHARDS = 16
_LARGEST_KEPT = 4
_MERGE_ROWS = 4096
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
        self._places: dict[bytes, tuple[Shard, int]] = {}

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
                    self._places = _places(self._shards.values())
                return
        raise CouldNotRunError(f"{self.folder}: files of the cache disappear while they are read")

    def _opened(self, name: str) -> Shard:
        try:
            return self._shards.get(name) or open_shard(self.folder / name, width=self.width)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise InputError(f"{self.folder / name}: {error.strerror or error}; allowed: a readable file") from None

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._places

    def read(self, digests: Sequence[bytes]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Vectors (texts, dimensions) and lengths in tokens (texts,) of texts that the store holds.

        Raises:
            InputError: a vector is damaged.
            KeyError: a text is not there.
        """
        places = [self._places[digest] for digest in digests]
        return _gathered(places, self.width)

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
        """Keep the number of files small: merge all shards but the largest into one, drop what killed runs left.

        Raises:
            InputError: a vector is damaged.
            CouldNotRunError: the merged file cannot be written.
        """
        self._sweep()
        if len(self._shards) <= _MAX_SHARDS:
            return
        by_size = sorted(self._shards.values(), key=lambda shard: (len(shard.index), shard.path.name))
        small = sorted(by_size[:-_LARGEST_KEPT], key=lambda shard: shard.path.name)
        places = [place for _, place in sorted(_places(small).items())]
        index = np.concatenate([shard.index[row : row + 1] for shard, row in places])
        parts = (places[start : start + _MERGE_ROWS] for start in range(0, len(places), _MERGE_ROWS))
        with self._writing():
            merged = write_shard(
                self.folder, index, (_gathered(part, self.width)[0] for part in parts), width=self.width
            )
            for shard in small:
                if shard.path != merged:
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


def _places(shards: Iterable[Shard]) -> dict[bytes, tuple[Shard, int]]:
    """Where each text's vector is; of two vectors the one with the lower checksum, which no merge can change."""
    places: dict[bytes, tuple[Shard, int]] = {}
    for shard in shards:
        for row, digest in enumerate(shard.digests()):
            held = places.setdefault(digest, (shard, row))
            if held[0] is not shard and shard.index["crc"][row] < held[0].index["crc"][held[1]]:
                places[digest] = (shard, row)
    return places


def _gathered(places: Sequence[tuple[Shard, int]], width: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    vectors = np.empty((len(places), width), dtype=np.float32)
    tokens = np.empty(len(places), dtype=np.int64)
    by_shard: dict[Path, tuple[Shard, list[int], list[int]]] = {}
    for at, (shard, row) in enumerate(places):
        _, positions, rows = by_shard.setdefault(shard.path, (shard, [], []))
        positions.append(at)
        rows.append(row)
    for shard, positions, rows in by_shard.values():
        wanted = np.asarray(rows, dtype=np.int64)
        vectors[positions] = shard.read(wanted)
        tokens[positions] = shard.index["tokens"][wanted]
    return vectors, tokens
