"""Texts to unit vectors: each distinct text once, from the cache where it is there, else from the model."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import numpy as np

from relevance.embeddings.cache import DamagedFileError, open_store, text_digest
from relevance.embeddings.query_time import query_ms
from relevance.embeddings.workers import encoded_by
from relevance.errors import CouldNotRunError
from relevance.progress import progress_bar
from relevance.records import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.embeddings.cache import Store
    from relevance.embeddings.model import Model

    _Floats = npt.NDArray[np.float32]

_BATCH = 32
_COUNTED_AT_ONCE = 1024
_UNIT_TOLERANCE = 1e-5
_REPAIRS = 20
_SAVED_EVERY_S = 5.0
"""What a kill may cost; an interrupt costs nothing."""
_PIECES_AT_ONCE = 64

_T = TypeVar("_T")
_Distinct: TypeAlias = dict[bytes, str]
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

    Attributes:
        query_ms: milliseconds to encode one query alone, median; None before any query was encoded.
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
        self.query_ms: float | None = None
        self._cache_dir = cache_dir
        self._progress = progress
        self._load = load
        self._clock = clock
        self._loaded: LoadedModel | None = None
        self._stores: dict[str, Store] = {}
        self._cut: dict[bytes, bool] = {}

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
        vectors, tokens, _ = self._read(distinct, "", label)
        self._cut.update(zip(distinct, (tokens > self.model.max_tokens).tolist(), strict=True))
        return _spread(vectors, texts, distinct)

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of queries, behind the model's prompt; every query has one.

        Raises:
            InputError: as `products`.
            CouldNotRunError: as `products`.
        """
        distinct = _distinct(texts)
        vectors, _, encoded = self._read(distinct, self.model.prompt, "queries")
        if distinct:
            folder = self._store(self.model.prompt).folder
            self.query_ms = query_ms(
                folder, list(distinct.values()), self.model.prompt, self._in_memory, again=encoded, clock=self._clock
            )
        return _spread(vectors, texts, distinct)

    def cut_of(self, texts: Sequence[str]) -> tuple[int, int]:
        """How many distinct texts of encoded products these are, and how many of them lost their end."""
        digests = {text_digest(text) for text in texts if text.strip()}
        return len(digests), sum(self._cut[digest] for digest in digests)

    def _store(self, prompt: str) -> Store:
        if prompt not in self._stores:
            self._stores[prompt] = open_store(self._cache_dir, self.model, prompt)
        return self._stores[prompt]

    def _in_memory(self) -> LoadedModel:
        if self._loaded is None:
            self._loaded = self._load(self.model)
        return self._loaded

    def _read(self, distinct: _Distinct, prompt: str, label: str) -> tuple[Vectors, npt.NDArray[np.int64], bool]:
        """Vectors and lengths in tokens of texts, and whether the store lacked any of them."""
        store, encoded = self._store(prompt), False
        for _ in range(_REPAIRS):
            store.refresh()
            held = store.holds(list(distinct)).tolist()
            missing = {digest: text for (digest, text), there in zip(distinct.items(), held, strict=True) if not there}
            if missing:
                store.check_writable(f"embeddings of {len(missing):,} of {len(distinct):,} texts ({label}) are")
                self._encode(store, missing, prompt, label)
                encoded = True
            try:
                return *store.read(list(distinct)), encoded
            except DamagedFileError as error:
                store.repair(error)
            except KeyError:
                raise CouldNotRunError(f"{store.folder}: files of the cache were deleted during the run") from None
        raise CouldNotRunError(f"{store.folder}: what is written there is damaged when it is read again")

    def _encode(self, store: Store, texts: Mapping[bytes, str], prompt: str, label: str) -> None:
        """Encode texts, longest first, and add them to the store every few seconds.

        The batches are the same wherever they are computed, so that vectors differ by float noise at most.
        """
        rows = self._longest_first(texts, prompt)
        batches = list(_parts(rows, _BATCH))
        unsaved: list[tuple[Sequence[_Row], _Floats]] = []
        pieces: list[Path] = []
        saved = monotonic()
        with (
            progress_bar(len(rows), f"embedding {label}", "text", shown=self._progress) as bar,
            closing(self._computed(batches, prompt, sum(row[2] for row in rows))) as computed,
        ):
            try:
                for batch, vectors in zip(batches, computed, strict=True):
                    unsaved.append((batch, _unit(vectors, batch, self.model)))
                    bar.update(len(batch))
                    if monotonic() - saved >= _SAVED_EVERY_S:
                        pieces += _save(store, unsaved)
                        saved = monotonic()
                        if len(pieces) % _PIECES_AT_ONCE == 0:
                            store.compact()
            except BaseException:
                with suppress(CouldNotRunError):
                    _save(store, unsaved)
                raise
        pieces += _save(store, unsaved)
        store.compact(pieces)

    def _longest_first(self, texts: Mapping[bytes, str], prompt: str) -> list[_Row]:
        """So that a batch is padded little, and memory that is too small fails at once."""
        parts = _parts(list(texts.values()), _COUNTED_AT_ONCE)
        counts = [count for part in parts for count in self._in_memory().token_counts(part, prompt)]
        rows = list(zip(texts, texts.values(), counts, strict=True))
        return sorted(rows, key=lambda row: (-min(row[2], self.model.max_tokens), row[1]))

    def _computed(self, batches: Sequence[Sequence[_Row]], prompt: str, tokens: int) -> Generator[_Floats]:
        texts = [[text for _, text, _ in batch] for batch in batches]
        loaded = self._in_memory()
        if copies := loaded.copies(tokens):
            yield from encoded_by(copies, texts, prompt)
        else:
            yield from (loaded.encode(batch, prompt) for batch in texts)


def _save(store: Store, unsaved: list[tuple[Sequence[_Row], _Floats]]) -> list[Path]:
    """Write what is not saved yet as a file, where there is anything."""
    if not unsaved:
        return []
    rows = [row for batch, _ in unsaved for row in batch]
    vectors = np.concatenate([vectors for _, vectors in unsaved])
    path = store.add([row[0] for row in rows], [row[2] for row in rows], vectors)
    unsaved.clear()
    return [path]


def _unit(vectors: _Floats, rows: Sequence[_Row], model: Model) -> _Floats:
    """Vectors divided by their length, in float32.

    Raises:
        CouldNotRunError: the shape is not the model's, or a vector has no direction (zero, infinite or not a number).
    """
    expected = (len(rows), model.dimensions)
    if vectors.shape != expected:
        raise CouldNotRunError(f"model {model.name}: gave vectors of shape {vectors.shape}, not {expected}")
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        units: _Floats = (vectors / lengths).astype(np.float32)
        off = np.abs(np.linalg.norm(units, axis=1) - 1)
    wrong = ~(off < _UNIT_TOLERANCE)
    if wrong.any():
        text = rows[int(np.argmax(wrong))][1]
        reason = "gave no usable vector (zero or not a number)"
        raise CouldNotRunError(f"model {model.name}: {reason} for the text {text[:60]!r}")
    return units


def _distinct(texts: Iterable[str]) -> _Distinct:
    """Each distinct text under its digest, in the order in which they come first."""
    return {text_digest(text): text for text in dict.fromkeys(texts)}


def _spread(vectors: Vectors, texts: Sequence[str], distinct: _Distinct) -> Vectors:
    """Vectors of distinct texts as those of all texts; one that is not among them has none."""
    row_of = dict(zip(distinct.values(), vectors.rows.tolist(), strict=True))
    return Vectors(vectors.matrix, np.array([row_of.get(text, -1) for text in texts], dtype=np.int64))


def _parts(rows: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
