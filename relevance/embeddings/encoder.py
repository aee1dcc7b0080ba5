"""Texts to unit vectors: each distinct text once, from the cache where it is there, else from the model."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from relevance.embeddings.cache import open_store, text_digest
from relevance.errors import CouldNotRunError
from relevance.records import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings.cache import Store
    from relevance.embeddings.model import Model

__all__ = ["Encoder", "EncodingStats", "LoadedModel"]

_T = TypeVar("_T")

_BATCH = 32
_BATCHES_A_SHARD = 32
_TIMED_QUERIES = 32
_UNTIMED_QUERIES = 3
_COUNTED_AT_ONCE = 1024
_UNIT_TOLERANCE = 1e-5


class LoadedModel(Protocol):
    """A model in memory."""

    @property
    def device(self) -> str:
        """Where it computes, as torch names it."""

    def token_counts(self, texts: Sequence[str], prompt: str) -> list[int]:
        """Length of prompt + text in tokens, special ones included, before anything is cut."""

    def encode(self, texts: Sequence[str], prompt: str) -> npt.NDArray[np.float32]:
        """Shape (texts, dimensions), of any length but zero."""


@dataclass(frozen=True)
class EncodingStats:
    """What an encoder has been asked for so far.

    Attributes:
        texts: distinct texts of products.
        cut: how many of them are longer than the model's limit and lost their end.
        queries: distinct queries.
        queries_cut: how many of them lost their end.
        query_ms_p50: milliseconds to encode one query alone, median; None before any query was encoded.
        query_device: the device on which that was measured.
    """

    texts: int
    cut: int
    queries: int
    queries_cut: int
    query_ms_p50: float | None
    query_device: str | None


def _load(model: Model) -> LoadedModel:
    from relevance.embeddings.sentence_model import load  # noqa: PLC0415 - a warm run imports no torch

    return load(model)


class Encoder:
    """Encodes products and queries with one model.

    Args:
        model: as `resolve` returns it.
        cache_dir: a folder that `check_cache_dir` has accepted.
        progress: whether a progress bar is shown on stderr.
        load: puts the model into memory; called once, when a text is not in the cache.
        clock: seconds, for the time to encode a query.
    """

    def __init__(
        self,
        model: Model,
        cache_dir: Path,
        *,
        progress: bool,
        load: Callable[[Model], LoadedModel] = _load,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.model = model
        self._cache_dir = cache_dir
        self._progress = progress
        self._load = load
        self._clock = clock
        self._loaded: LoadedModel | None = None
        self._stores: dict[str, Store] = {}
        self._product_cut: dict[bytes, bool] = {}
        self._query_cut: dict[bytes, bool] = {}

    @property
    def stats(self) -> EncodingStats:
        """What was encoded or read from the cache so far."""
        timed = self._store(self.model.prompt).query_time() if self._query_cut else None
        milliseconds, device = timed or (None, None)
        return EncodingStats(
            texts=len(self._product_cut),
            cut=sum(self._product_cut.values()),
            queries=len(self._query_cut),
            queries_cut=sum(self._query_cut.values()),
            query_ms_p50=milliseconds,
            query_device=device,
        )

    def products(self, texts: Sequence[str], *, label: str) -> Vectors:
        """Vectors of texts of products, without a prompt; a text of nothing but white space has none (row -1).

        Args:
            texts: one a product.
            label: what the progress bar calls them.

        Raises:
            InputError: a cache file is damaged, or a text is no Unicode text.
            CouldNotRunError: the model, its device or the cache folder fails.
        """
        distinct = list(dict.fromkeys(text for text in texts if text.strip()))
        digests = [text_digest(text) for text in distinct]
        store = self._store("")
        self._encode_missing(store, dict(zip(digests, distinct, strict=True)), "", label)
        matrix = self._read(store, digests, self._product_cut)
        row_of = {text: row for row, text in enumerate(distinct)}
        return Vectors(matrix, np.asarray([row_of.get(text, -1) for text in texts], dtype=np.int64))

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of queries, behind the model's prompt; every query has one.

        Raises:
            InputError: as `products`.
            CouldNotRunError: as `products`.
        """
        distinct = list(dict.fromkeys(texts))
        digests = [text_digest(text) for text in distinct]
        prompt = self.model.prompt
        store = self._store(prompt)
        encoded = self._encode_missing(store, dict(zip(digests, distinct, strict=True)), prompt, "queries")
        if distinct and (encoded or store.query_time() is None):
            self._time_queries(store, distinct)
        matrix = self._read(store, digests, self._query_cut)
        row_of = {text: row for row, text in enumerate(distinct)}
        return Vectors(matrix, np.asarray([row_of[text] for text in texts], dtype=np.int64))

    def cut_of(self, texts: Sequence[str]) -> tuple[int, int]:
        """How many distinct texts of encoded products these are, and how many of them lost their end."""
        digests = {text_digest(text) for text in texts if text.strip()}
        return len(digests), sum(self._product_cut[digest] for digest in digests)

    def _store(self, prompt: str) -> Store:
        if prompt not in self._stores:
            self._stores[prompt] = open_store(self._cache_dir, self.model, prompt)
        return self._stores[prompt]

    def _in_memory(self) -> LoadedModel:
        if self._loaded is None:
            self._loaded = self._load(self.model)
        return self._loaded

    def _read(self, store: Store, digests: Sequence[bytes], cut: dict[bytes, bool]) -> npt.NDArray[np.float32]:
        store.refresh()
        try:
            matrix, tokens = store.read(digests)
        except KeyError:
            raise CouldNotRunError(f"{store.folder}: files of the cache were deleted during the run") from None
        cut.update(zip(digests, (tokens > self.model.max_tokens).tolist(), strict=True))
        return matrix

    def _encode_missing(self, store: Store, texts: dict[bytes, str], prompt: str, label: str) -> bool:
        """Encode what the store lacks, longest texts first, a shard every 1,024; whether there was any."""
        store.refresh()
        missing = {digest: text for digest, text in texts.items() if digest not in store}
        if not missing:
            return False
        store.compact()
        loaded = self._in_memory()
        counts = _token_counts(loaded, list(missing.values()), prompt)
        limit = self.model.max_tokens
        rows = sorted(
            zip(missing, missing.values(), counts, strict=True), key=lambda row: (-min(row[2], limit), row[1])
        )
        from tqdm import tqdm  # noqa: PLC0415 - only where there is something to wait for

        with tqdm(total=len(rows), desc=f"embedding {label}", unit="text", disable=not self._progress) as bar:
            for shard in _pieces(rows, _BATCH * _BATCHES_A_SHARD):
                vectors = []
                for batch in _pieces(shard, _BATCH):
                    vectors.append(self._encoded([text for _, text, _ in batch], prompt))
                    bar.update(len(batch))
                store.add([row[0] for row in shard], [row[2] for row in shard], np.concatenate(vectors))
        return True

    def _encoded(self, texts: Sequence[str], prompt: str) -> npt.NDArray[np.float32]:
        vectors = self._in_memory().encode(texts, prompt)
        expected = (len(texts), self.model.dimensions)
        if vectors.shape != expected:
            raise CouldNotRunError(f"model {self.model.name}: gave vectors of shape {vectors.shape}, not {expected}")
        return _unit(vectors, texts, self.model.name)

    def _time_queries(self, store: Store, queries: Sequence[str]) -> None:
        loaded, prompt = self._in_memory(), self.model.prompt
        step = max(1, len(queries) // _TIMED_QUERIES)
        sample = queries[::step][:_TIMED_QUERIES]
        for query in sample[:_UNTIMED_QUERIES]:
            loaded.encode([query], prompt)
        seconds = []
        for query in sample:
            start = self._clock()
            loaded.encode([query], prompt)
            seconds.append(self._clock() - start)
        store.record_query_time(1000 * statistics.median(seconds), loaded.device)


def _pieces(rows: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _token_counts(loaded: LoadedModel, texts: Sequence[str], prompt: str) -> list[int]:
    return [count for piece in _pieces(texts, _COUNTED_AT_ONCE) for count in loaded.token_counts(piece, prompt)]


def _unit(vectors: npt.NDArray[np.float32], texts: Sequence[str], name: str) -> npt.NDArray[np.float32]:
    """Rows divided by their length, in float32.

    Raises:
        CouldNotRunError: a row has no direction (zero, infinite or not a number).
    """
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        units: npt.NDArray[np.float32] = (vectors / lengths).astype(np.float32)
        off = np.abs(np.linalg.norm(units, axis=1) - 1)
    wrong = ~(off < _UNIT_TOLERANCE)
    if wrong.any():
        text = texts[int(np.argmax(wrong))]
        raise CouldNotRunError(f"model {name}: gave no usable vector (zero or not a number) for the text {text[:60]!r}")
    return units
