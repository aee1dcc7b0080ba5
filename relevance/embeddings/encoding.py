"""Texts that the cache lacks: through the model, here or in several processes, into shards."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import numpy as np

from relevance.embeddings.workers import encoded_by
from relevance.errors import CouldNotRunError
from relevance.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings.cache import Store
    from relevance.embeddings.model import Model

__all__ = ["Job", "LoadedModel", "encode_into"]

_BATCH = 32
_BATCHES_A_SHARD = 32
_COUNTED_AT_ONCE = 1024
_UNIT_TOLERANCE = 1e-5
_SAVED_EVERY_S = 5.0
"""What an interrupt or a kill may cost."""

_T = TypeVar("_T")
_Row: TypeAlias = tuple[bytes, str, int]
"""Digest, text, length in tokens."""


class LoadedModel(Protocol):
    """A model in memory."""

    @property
    def device(self) -> str:
        """Where it computes, as torch names it."""

    def token_counts(self, texts: Sequence[str], prompt: str) -> list[int]:
        """Length of prompt + text in tokens, special ones included, before anything is cut."""

    def encode(self, texts: Sequence[str], prompt: str) -> npt.NDArray[np.float32]:
        """Shape (texts, dimensions), of any length but zero."""

    def copies(self, tokens: int) -> Sequence[Callable[[], LoadedModel]]:
        """What loads a copy, picklable, for each process that should share so much work; none where one is enough."""


@dataclass(frozen=True)
class Job:
    """What is encoded how.

    Attributes:
        model: the model.
        prompt: in front of every text.
        label: what the progress bar calls it.
        progress: whether there is one.
    """

    model: Model
    prompt: str
    label: str
    progress: bool


def encode_into(store: Store, texts: Mapping[bytes, str], job: Job, loaded: LoadedModel) -> None:
    """Encode texts by their digests, longest first, and write a shard every 1,024; then merge what is small.

    Every few seconds, and when it is interrupted, what is there of a shard is written as a piece: it goes when the
    shard is whole, so that an undisturbed run leaves the same files on every machine. The batches are the same wherever
    they are computed, so that vectors differ by float noise at most.

    Raises:
        CouldNotRunError: the model, a process or the cache folder fails.
    """
    rows = _longest_first(texts, job, loaded)
    batches = [[text for _, text, _ in batch] for batch in _pieces(rows, _BATCH)]
    with (
        progress_bar(len(rows), job.label, "text", shown=job.progress) as bar,
        closing(_encoded(batches, job, loaded, sum(row[2] for row in rows))) as computed,
    ):
        for shard in _pieces(rows, _BATCH * _BATCHES_A_SHARD):
            writer = _ShardWriter(store, shard)
            try:
                for matrix in islice(computed, -(-len(shard) // _BATCH)):
                    writer.take(matrix)
                    bar.update(len(matrix))
            except BaseException:
                with suppress(CouldNotRunError):
                    writer.save()
                raise
            writer.finish()
    store.compact()


class _ShardWriter:
    """The vectors of a shard as they come, with what was saved of them already."""

    def __init__(self, store: Store, rows: Sequence[_Row]) -> None:
        self._store = store
        self._rows = rows
        self._vectors: list[npt.NDArray[np.float32]] = []
        self._count = self._saved = 0
        self._paths: list[Path] = []
        self._last_s = monotonic()

    def take(self, vectors: npt.NDArray[np.float32]) -> None:
        self._vectors.append(vectors)
        self._count += len(vectors)
        if monotonic() - self._last_s >= _SAVED_EVERY_S:
            self.save()

    def save(self) -> None:
        if self._saved < self._count:
            self._paths.append(self._write(self._saved))
            self._saved = self._count
        self._last_s = monotonic()

    def finish(self) -> None:
        whole = self._write(0)
        for path in self._paths:
            if path != whole:
                path.unlink(missing_ok=True)

    def _write(self, start: int) -> Path:
        rows = self._rows[start : self._count]
        return self._store.add(
            [row[0] for row in rows], [row[2] for row in rows], np.concatenate(self._vectors)[start : self._count]
        )


def _pieces(rows: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _longest_first(texts: Mapping[bytes, str], job: Job, loaded: LoadedModel) -> list[_Row]:
    """So that a batch is padded little, and memory that is too small fails at once."""
    pieces = _pieces(list(texts.values()), _COUNTED_AT_ONCE)
    counts = [count for piece in pieces for count in loaded.token_counts(piece, job.prompt)]
    rows = list(zip(texts, texts.values(), counts, strict=True))
    return sorted(rows, key=lambda row: (-min(row[2], job.model.max_tokens), row[1]))


def _encoded(
    batches: Sequence[Sequence[str]], job: Job, loaded: LoadedModel, tokens: int
) -> Generator[npt.NDArray[np.float32]]:
    """Unit vectors of each batch."""
    copies = loaded.copies(tokens)
    if copies:
        computed = encoded_by(copies, batches, job.prompt)
    else:
        computed = (loaded.encode(batch, job.prompt) for batch in batches)
    with closing(computed):
        for batch, vectors in zip(batches, computed, strict=True):
            yield _unit(vectors, batch, job.model)


def _unit(vectors: npt.NDArray[np.float32], texts: Sequence[str], model: Model) -> npt.NDArray[np.float32]:
    """Rows divided by their length, in float32.

    Raises:
        CouldNotRunError: the shape is not the model's, or a row has no direction (zero, infinite or not a number).
    """
    expected = (len(texts), model.dimensions)
    if vectors.shape != expected:
        raise CouldNotRunError(f"model {model.name}: gave vectors of shape {vectors.shape}, not {expected}")
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        units: npt.NDArray[np.float32] = (vectors / lengths).astype(np.float32)
        off = np.abs(np.linalg.norm(units, axis=1) - 1)
    wrong = ~(off < _UNIT_TOLERANCE)
    if wrong.any():
        text = texts[int(np.argmax(wrong))]
        reason = "gave no usable vector (zero or not a number)"
        raise CouldNotRunError(f"model {model.name}: {reason} for the text {text[:60]!r}")
    return units
