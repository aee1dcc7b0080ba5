"""Texts to vectors: each distinct text once, from the cache where it is there, else from the model."""

from __future__ import annotations

import json
import math
import statistics
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.embeddings.cache import open_store, text_digest
from relevance.errors import CouldNotRunError, InputError
from relevance.files import read_json_object, unwritable, write_file
from relevance.records import Vectors
from relevance.text import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings.cache import Store
    from relevance.embeddings.model import Model, Side

    _Floats = npt.NDArray[np.float32]

_UNIT_TOLERANCE = 1e-5
_REPAIRS = 3

_TIMED_QUERIES, _UNTIMED_QUERIES = 32, 3
_TIMED_TEXTS, _TIMED_ROUNDS = 128, 3
_BUSY_SHARE = 0.2
"""Of all cores, used by other processes: from there on the time of a query is not this machine's."""
_LOOK_S = 0.2


def _load(model: Model) -> Any:
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
        load: gives a `SentenceModel` or what does the same; called once, when a text is not in the cache.
        clock: seconds, for the time to encode a query.

    Attributes:
        query_ms: milliseconds to encode one query alone, median; None before any query was encoded.
    """

    def __init__(
        self,
        model: Model,
        cache_dir: Path,
        *,
        progress: bool,
        load: Callable[[Model], Any] = _load,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.model = model
        self.query_ms: float | None = None
        self._cache_dir = cache_dir
        self._progress = progress
        self._load = load
        self._clock = clock
        self._loaded: Any = None
        self._limit = math.inf if model.max_tokens is None else model.max_tokens
        self._stores: dict[str, Store] = {}
        self._cut: dict[bytes, bool] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of the cache, a line each."""
        return tuple(note for store in self._stores.values() for note in store.notes)

    def products(self, texts: Sequence[str], *, label: str) -> Vectors:
        """Vectors of products' texts, behind the model's prompt for them; white space alone has none (row -1).

        Args:
            texts: one a product.
            label: what the progress bar calls them.

        Raises:
            InputError: a text is no Unicode text, or has no vector in a cache that can only be read.
            CouldNotRunError: the model, its device or the cache folder fails.
        """
        distinct = _distinct(text for text in texts if text.strip())
        vectors, tokens, _ = self._read(distinct, "document", label)
        self._cut.update(zip(distinct, (tokens > self._limit).tolist(), strict=True))
        return self._spread(vectors, texts, distinct)

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of queries, behind the model's prompt for them; every query has one.

        Raises:
            InputError: as `products`.
            CouldNotRunError: as `products`.
        """
        distinct = _distinct(texts)
        vectors, _, encoded = self._read(distinct, "query", "queries")
        if distinct:
            path = self._store("query").folder / "query_time.json"
            self.query_ms = self._query_ms(path, list(distinct.values()), again=encoded)
        return self._spread(vectors, texts, distinct)

    def alone(self, query: str) -> _Floats:
        """Embed one query without the cache, as a server does it for a customer."""
        vectors: _Floats = self._in_memory().encode([query], "query")
        return vectors

    def texts_per_s(self, texts: Sequence[str]) -> float:
        """How many texts of products are embedded in a second: the fastest of three rounds over some of them."""
        distinct = sorted({text for text in texts if text.strip()})
        sample = distinct[:: max(1, len(distinct) // _TIMED_TEXTS)][:_TIMED_TEXTS]
        loaded, rounds = self._in_memory(), []
        for _ in range(_TIMED_ROUNDS):
            start = self._clock()
            loaded.encode(sample, "document")
            rounds.append(self._clock() - start)
        return len(sample) / max(min(rounds), 1e-9)

    def cut_of(self, texts: Sequence[str]) -> tuple[int, int]:
        """How many distinct texts of encoded products these are, and how many of them lost their end."""
        digests = {text_digest(text) for text in texts if text.strip()}
        return len(digests), sum(self._cut[digest] for digest in digests)

    def _store(self, side: Side) -> Store:
        store = open_store(self._cache_dir, self.model, side)
        return self._stores.setdefault(str(store.folder), store)

    def _spread(self, vectors: Vectors, texts: Sequence[str], distinct: Mapping[bytes, str]) -> Vectors:
        """Vectors of distinct texts as those of all texts; one that is not among them has none."""
        row_of = dict(zip(distinct.values(), vectors.rows.tolist(), strict=True))
        rows = np.array([row_of.get(text, -1) for text in texts], dtype=np.int64)
        return Vectors(vectors.matrix, rows, self.model.similarity)

    def _in_memory(self) -> Any:
        if self._loaded is None:
            self._loaded = self._load(self.model.whole)
        return self._loaded

    def _read(
        self, distinct: Mapping[bytes, str], side: Side, label: str
    ) -> tuple[Vectors, npt.NDArray[np.int64], bool]:
        """Vectors and lengths in tokens of texts, and whether the store lacked any of them.

        What a model cuts is cut here: any number of dimensions costs one encoding.
        """
        store, digests, encoded = self._store(side), list(distinct), False
        for _ in range(_REPAIRS):
            if missing := store.missing(digests):
                if problem := unwritable(store.folder):
                    lacking = f"embeddings of {len(missing):,} of {len(digests):,} texts ({label}) are not there"
                    allowed = "allowed: a folder that can be written to"
                    raise InputError(f"cache folder {problem}, and {lacking}; {allowed}")
                self._encode(store, {digest: distinct[digest] for digest in missing}, side, label)
                store.compact()
                store.missing(digests)
                encoded = True
            if (found := store.read(digests)) is not None:
                vectors, tokens = found
                if vectors.matrix.shape[1] > (width := self.model.dimensions):
                    cut = _checked(vectors.expanded()[:, :width], list(distinct.values()), self.model)
                    vectors = Vectors(cut, np.arange(len(cut)))
                return vectors, tokens, encoded
        raise CouldNotRunError(f"{store.folder}: what is written there is damaged or gone when it is read again")

    def _encode(self, store: Store, texts: Mapping[bytes, str], side: Side, label: str) -> None:
        """Encode texts and add them to the store as they come.

        Longest first: a batch is padded little (the library sorts by characters, which pads half as much again), and
        memory that is too small fails at once.
        """
        loaded = self._in_memory()
        counts = loaded.token_counts(list(texts.values()), side)
        rows = sorted(
            zip(texts, texts.values(), counts, strict=True), key=lambda row: (-min(row[2], self._limit), row[1])
        )
        with (
            progress_bar(len(rows), f"embedding {label}", "text", shown=self._progress) as bar,
            loaded.at_work(sum(counts), side) as (encode, at_once),
            store.adding() as add,
        ):
            for start in range(0, len(rows), at_once):
                digests, part, tokens = zip(*rows[start : start + at_once], strict=True)
                add(digests, tokens, _checked(encode(part), part, self.model.whole))
                bar.update(len(part))

    def _query_ms(self, path: Path, queries: Sequence[str], *, again: bool) -> float:
        """Milliseconds to encode one query: the least median that was seen on this device, kept beside the vectors.

        One that was measured while others used the machine is measured again as soon as it is quiet; so is any where
        the model is in memory anyway (`again`).
        """
        known = _recorded(path)
        if known is not None and not again and not (known.busy and _quiet()):
            return known.p50_ms
        loaded = self._in_memory()
        sample = queries[:: max(1, len(queries) // _TIMED_QUERIES)][:_TIMED_QUERIES]
        for query in sample[:_UNTIMED_QUERIES]:
            loaded.encode([query], "query")
        seconds, before = [], _cpu_seconds()
        for query in sample:
            start = self._clock()
            loaded.encode([query], "query")
            seconds.append(self._clock() - start)
        time_now = _QueryTime(1000 * statistics.median(seconds), loaded.device, _busy_since(before))
        if known is not None and known.device == time_now.device and known.p50_ms < time_now.p50_ms:
            time_now = replace(known, busy=known.busy and time_now.busy)
        with suppress(OSError):  # a cache that can only be read is enough
            write_file(path, json.dumps(asdict(time_now)))
        return time_now.p50_ms


def _checked(vectors: _Floats, texts: Sequence[str], model: Model) -> _Floats:
    """Vectors in float32, of unit length unless the model compares by dot product.

    Raises:
        CouldNotRunError: a vector is infinite, not a number, has no direction, or has other dimensions than the first.
    """
    if vectors.shape != (len(texts), model.dimensions):
        raise CouldNotRunError(f"model {model.name}: gave vectors of shape {vectors.shape}, not of {model.dimensions}")
    if model.similarity == "dot":
        wrong = ~np.isfinite(vectors).all(axis=1)
    else:
        with np.errstate(all="ignore"):
            lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
            vectors = (vectors / lengths).astype(np.float32)
            wrong = ~(np.abs(np.linalg.norm(vectors, axis=1) - 1) < _UNIT_TOLERANCE)
    if wrong.any():
        text = texts[int(np.argmax(wrong))]
        reason = "gave no usable vector (zero or not a number)"
        raise CouldNotRunError(f"model {model.name}: {reason} for the text {text[:60]!r}")
    return vectors


def _distinct(texts: Iterable[str]) -> dict[bytes, str]:
    """Each distinct text under its digest, in the order in which they come first."""
    return {text_digest(text): text for text in dict.fromkeys(texts)}


# The time of a query


@dataclass(frozen=True)
class _QueryTime:
    p50_ms: float
    device: str
    busy: bool


def _recorded(path: Path) -> _QueryTime | None:
    """A damaged record is none."""
    try:
        known = _QueryTime(**read_json_object(path, "the time of a query"))
        return known if math.isfinite(known.p50_ms) else None
    except (InputError, TypeError):
        return None


def _quiet() -> bool:
    before = _cpu_seconds()
    time.sleep(_LOOK_S)
    return not _busy_since(before)


def _busy_since(before: tuple[float, float]) -> bool:
    whole, others = (now - then for now, then in zip(_cpu_seconds(), before, strict=True))
    return others > _BUSY_SHARE * whole


def _cpu_seconds() -> tuple[float, float]:
    """Seconds of all cores of this machine so far, and those that other processes used."""
    import psutil  # noqa: PLC0415 - only where queries are encoded

    times, own = psutil.cpu_times(), psutil.Process().cpu_times()
    whole = sum(times)
    idle = times.idle + getattr(times, "iowait", 0.0)
    return whole, whole - idle - own.user - own.system
