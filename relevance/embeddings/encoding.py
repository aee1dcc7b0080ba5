"""Texts that the cache lacks: through the model, here or in several processes, into shards."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import numpy as np

from relevance.embeddings.workers import encoded_by
from relevance.errors import CouldNotRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from relevance.embeddings.cache import Store
    from relevance.embeddings.model import Model

__all__ = ["Job", "LoadedModel", "encode_into"]

_BATCH = 32
_BATCHES_A_SHARD = 32
_COUNTED_AT_ONCE = 1024
_UNIT_TOLERANCE = 1e-5

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

    The batches are the same wherever they are computed, so that vectors differ by float noise at most.

    Raises:
        CouldNotRunError: the model, a process or the cache folder fails.
    """
    rows = _longest_first(texts, job, loaded)
    batches = [[text for _, text, _ in batch] for batch in _pieces(rows, _BATCH)]
    from tqdm import tqdm  # noqa: PLC0415 - only where there is something to wait for

    with (
        tqdm(total=len(rows), desc=job.label, unit="text", disable=not job.progress) as bar,
        closing(_encoded(batches, job, loaded, sum(row[2] for row in rows))) as found,
    ):
        for shard in _pieces(rows, _BATCH * _BATCHES_A_SHARD):
            vectors = []
            for matrix in islice(found, -(-len(shard) // _BATCH)):
                vectors.append(matrix)
                bar.update(len(matrix))
            store.add([row[0] for row in shard], [row[2] for row in shard], np.concatenate(vectors))
    store.compact()


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
