"""Texts to unit vectors: each distinct text once, from the cache where it is there, else from the model."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from relevance.embeddings.cache import open_store, text_digest
from relevance.embeddings.encoding import Job, encode_into
from relevance.errors import CouldNotRunError
from relevance.records import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from relevance.embeddings.cache import Store
    from relevance.embeddings.encoding import LoadedModel
    from relevance.embeddings.model import Model

__all__ = ["Encoder", "EncodingStats"]

_Distinct: TypeAlias = dict[bytes, str]
_TIMED_QUERIES = 32
_UNTIMED_QUERIES = 3


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

    Much work is shared by several processes where there are several devices or cores. They start as those of
    `multiprocessing` do: a script that encodes needs the usual `if __name__ == "__main__"`.

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
        distinct = _distinct(text for text in texts if text.strip())
        store = self._store("")
        self._encode_missing(store, distinct, "", label)
        return self._vectors(store, texts, distinct, self._product_cut)

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of queries, behind the model's prompt; every query has one.

        Raises:
            InputError: as `products`.
            CouldNotRunError: as `products`.
        """
        distinct = _distinct(texts)
        prompt = self.model.prompt
        store = self._store(prompt)
        encoded = self._encode_missing(store, distinct, prompt, "queries")
        if distinct and (encoded or store.query_time() is None):
            self._time_queries(store, list(distinct.values()))
        return self._vectors(store, texts, distinct, self._query_cut)

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

    def _vectors(self, store: Store, items: Sequence[str], distinct: _Distinct, cut: dict[bytes, bool]) -> Vectors:
        store.refresh()
        try:
            found = store.read(list(distinct))
        except KeyError:
            raise CouldNotRunError(f"{store.folder}: files of the cache were deleted during the run") from None
        cut.update(zip(distinct, (found.tokens > self.model.max_tokens).tolist(), strict=True))
        row_of = dict(zip(distinct.values(), found.rows.tolist(), strict=True))
        return Vectors(found.matrix, np.array([row_of.get(text, -1) for text in items], dtype=np.int64))

    def _encode_missing(self, store: Store, distinct: _Distinct, prompt: str, label: str) -> bool:
        """Encode what the store lacks; whether there was any."""
        store.refresh()
        held = store.holds(list(distinct)).tolist()
        missing = {digest: text for (digest, text), there in zip(distinct.items(), held, strict=True) if not there}
        if missing:
            job = Job(self.model, prompt, f"embedding {label}", self._progress)
            encode_into(store, missing, job, self._in_memory())
        return bool(missing)

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


def _distinct(texts: Iterable[str]) -> _Distinct:
    """Each distinct text under its digest, in the order in which they come first."""
    return {text_digest(text): text for text in dict.fromkeys(texts)}
