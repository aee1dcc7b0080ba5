"""Texts to unit vectors: each distinct text once, from the cache where it is there, else from the model."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from relevance.embeddings.cache import QueryTime, open_store, text_digest
from relevance.embeddings.encoding import Job, encode_into
from relevance.embeddings.shards import DamagedFileError
from relevance.errors import CouldNotRunError
from relevance.records import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from relevance.embeddings.cache import Store
    from relevance.embeddings.directory import Found
    from relevance.embeddings.encoding import LoadedModel
    from relevance.embeddings.model import Model

__all__ = ["Encoder", "EncodingStats"]

_Distinct: TypeAlias = dict[bytes, str]
_TIMED_QUERIES = 32
_UNTIMED_QUERIES = 3
_REPAIRS = 20
_BUSY_SHARE = 0.2
"""Of all cores, used by other processes: from there on the time of a query is not this machine's."""
_LOOK_S = 0.2


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


def _cpu_seconds() -> tuple[float, float]:
    """Seconds of all cores of this machine so far, and those that other processes used."""
    import psutil  # noqa: PLC0415 - only where queries are encoded

    times, own = psutil.cpu_times(), psutil.Process().cpu_times()
    whole = sum(times)
    idle = times.idle + getattr(times, "iowait", 0.0)
    return whole, whole - idle - own.user - own.system


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
        self._query_time: QueryTime | None = None
        self._loaded: LoadedModel | None = None
        self._stores: dict[str, Store] = {}
        self._product_cut: dict[bytes, bool] = {}
        self._query_cut: dict[bytes, bool] = {}

    @property
    def stats(self) -> EncodingStats:
        """What was encoded or read from the cache so far."""
        timed = self._query_time
        return EncodingStats(
            texts=len(self._product_cut),
            cut=sum(self._product_cut.values()),
            queries=len(self._query_cut),
            queries_cut=sum(self._query_cut.values()),
            query_ms_p50=None if timed is None else timed.milliseconds,
            query_device=None if timed is None else timed.device,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of the cache, a line each."""
        return tuple(note for store in self._stores.values() for note in store.notes)

    def products(self, texts: Sequence[str], *, label: str) -> Vectors:
        """Vectors of texts of products, without a prompt; a text of nothing but white space has none (row -1).

        Args:
            texts: one a product.
            label: what the progress bar calls them.

        Raises:
            InputError: a text is no Unicode text, or has no vector in a cache that can only be read.
            CouldNotRunError: the model, its device or the cache folder fails.
        """
        distinct = _distinct(text for text in texts if text.strip())
        found, _ = self._found(self._store(""), distinct, "", label)
        return self._vectors(found, texts, distinct, self._product_cut)

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of queries, behind the model's prompt; every query has one.

        Raises:
            InputError: as `products`.
            CouldNotRunError: as `products`.
        """
        distinct = _distinct(texts)
        store = self._store(self.model.prompt)
        found, encoded = self._found(store, distinct, self.model.prompt, "queries")
        if distinct:
            self._query_time = self._timed(store, list(distinct.values()), encoded=encoded)
        return self._vectors(found, texts, distinct, self._query_cut)

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

    def _vectors(self, found: Found, items: Sequence[str], distinct: _Distinct, cut: dict[bytes, bool]) -> Vectors:
        cut.update(zip(distinct, (found.tokens > self.model.max_tokens).tolist(), strict=True))
        row_of = dict(zip(distinct.values(), found.rows.tolist(), strict=True))
        return Vectors(found.matrix, np.array([row_of.get(text, -1) for text in items], dtype=np.int64))

    def _found(self, store: Store, distinct: _Distinct, prompt: str, label: str) -> tuple[Found, bool]:
        """The vectors of texts, and whether the store lacked any."""
        encoded = False
        for _ in range(_REPAIRS):
            encoded |= self._encode_missing(store, distinct, prompt, label)
            store.refresh()
            try:
                return store.read(list(distinct)), encoded
            except DamagedFileError as error:
                store.repair(error)
            except KeyError:
                raise CouldNotRunError(f"{store.folder}: files of the cache were deleted during the run") from None
        raise CouldNotRunError(f"{store.folder}: what is written there is damaged when it is read again")

    def _encode_missing(self, store: Store, distinct: _Distinct, prompt: str, label: str) -> bool:
        """Encode what the store lacks; whether there was any."""
        store.refresh()
        held = store.holds(list(distinct)).tolist()
        missing = {digest: text for (digest, text), there in zip(distinct.items(), held, strict=True) if not there}
        if missing:
            store.check_writable(f"embeddings of {len(missing):,} of {len(distinct):,} texts ({label}) are")
            job = Job(self.model, prompt, f"embedding {label}", self._progress)
            encode_into(store, missing, job, self._in_memory())
        return bool(missing)

    def _timed(self, store: Store, queries: Sequence[str], *, encoded: bool) -> QueryTime:
        """The least time of a query on this device that was seen; measured where the model is in memory anyway.

        One that was measured while others used the machine is measured again as soon as it is quiet.
        """
        known = store.query_time()
        if known is not None and not encoded and not (known.busy and self._quiet()):
            return known
        measured = self._measured(queries)
        if known is not None and known.device == measured.device and known.milliseconds < measured.milliseconds:
            measured = replace(known, busy=known.busy and measured.busy)
        store.record_query_time(measured)
        return measured

    def _quiet(self) -> bool:
        before = _cpu_seconds()
        time.sleep(_LOOK_S)
        return not _busy(before, _cpu_seconds())

    def _measured(self, queries: Sequence[str]) -> QueryTime:
        loaded, prompt = self._in_memory(), self.model.prompt
        step = max(1, len(queries) // _TIMED_QUERIES)
        sample = queries[::step][:_TIMED_QUERIES]
        for query in sample[:_UNTIMED_QUERIES]:
            loaded.encode([query], prompt)
        seconds = []
        before = _cpu_seconds()
        for query in sample:
            start = self._clock()
            loaded.encode([query], prompt)
            seconds.append(self._clock() - start)
        return QueryTime(1000 * statistics.median(seconds), loaded.device, _busy(before, _cpu_seconds()))


def _busy(before: tuple[float, float], after: tuple[float, float]) -> bool:
    whole, others = (now - then for then, now in zip(before, after, strict=True))
    return others > _BUSY_SHARE * whole


def _distinct(texts: Iterable[str]) -> _Distinct:
    """Each distinct text under its digest, in the order in which they come first."""
    return {text_digest(text): text for text in dict.fromkeys(texts)}
