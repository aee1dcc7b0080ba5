"""Texts to unit vectors: each distinct text once, from the cache where it is there, else from the model."""

from __future__ import annotations

import statistics
import time
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import numpy as np

from relevance.embeddings.cache import DamagedFileError, QueryTime, open_store, text_digest
from relevance.embeddings.workers import encoded_by
from relevance.errors import CouldNotRunError
from relevance.progress import progress_bar
from relevance.records import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings.cache import Store, StoredVectors
    from relevance.embeddings.model import Model

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

    def _vectors(
        self, found: StoredVectors, items: Sequence[str], distinct: _Distinct, cut: dict[bytes, bool]
    ) -> Vectors:
        cut.update(zip(distinct, (found.tokens > self.model.max_tokens).tolist(), strict=True))
        row_of = dict(zip(distinct.values(), found.rows.tolist(), strict=True))
        return Vectors(found.matrix, np.array([row_of.get(text, -1) for text in items], dtype=np.int64))

    def _found(self, store: Store, distinct: _Distinct, prompt: str, label: str) -> tuple[StoredVectors, bool]:
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
