"""A cross-encoder: which model it is, and its scores, kept on disk by content. torch is imported where one scores."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.embeddings.cache import Store, text_digest
from relevance.embeddings.model import find_folder, kept_facts
from relevance.errors import CouldNotRunError, InputError
from relevance.fields import DEFAULT_FIELDS, WHOLE
from relevance.files import unwritable
from relevance.remembered import Remembered
from relevance.reranking import LARGEST, Reranker
from relevance.stages import TRAINED
from relevance.text import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.fields import ProductFields
    from relevance.outside import Query
    from relevance.stages import Rerank

    _Floats = npt.NDArray[np.float32]
    _Pair = tuple[str, int]

_KEY_VERSION = 1
_MOST_KEPT = 4_000_000
"""Scores of a model on disk: before more come, all go. They take 28 bytes each."""
_MOST_IN_MEMORY = 2_000_000
_ADDED_AT_ONCE = 8
"""Batches: what an interrupt costs."""
_REPAIRS = 3


@dataclass(frozen=True)
class ScorerFacts:
    """What the library says of a cross-encoder: how many numbers it gives a pair, and where it cuts them."""

    labels: int
    max_tokens: int | None
    most_tokens: int | None


@dataclass(frozen=True)
class Scorer:
    """A cross-encoder that was found.

    Attributes:
        name: OWNER/NAME, or the name of the folder.
        path: the folder.
        fingerprint: sha256 over all files that influence the scores.
        max_tokens: query and product are cut together at so many tokens.
        weights: the folder of the weights.
        device: as chosen.
        trust_remote_code: whether code that the model brings is run; False where it brings none.
        recipe: hash of what it was trained from here; "" where it was made elsewhere.
    """

    name: str
    path: Path
    fingerprint: str
    max_tokens: int
    weights: Path
    device: str | None = None
    trust_remote_code: bool = False
    recipe: str = ""

    @property
    def facts(self) -> dict[str, object]:
        """What decides its scores, as JSON values; of one that was trained here what made it."""
        made = {"recipe": self.recipe} if self.recipe else {"sha256": self.fingerprint}
        return {**made, "max_tokens": self.max_tokens}


def resolve_scorer(rerank: Rerank, *, cache_dir: Path | None, device: str | None) -> Scorer:
    """Find the cross-encoder of a strategy, check its files, and ask the library what it is.

    Raises:
        InputError: no such model, or none that gives a pair one score; see `relevance.embeddings.resolve`.
        CouldNotRunError: likewise.
    """
    trusted = rerank.trust_remote_code
    folder = find_folder(rerank.model, device=device, revision=rerank.revision, trusted=trusted, kind="CrossEncoder")

    def ask() -> ScorerFacts:
        from relevance.reranking.scoring import ask_scorer  # noqa: PLC0415 - imports torch

        return ask_scorer(folder.name, folder.path, folder.first, device=device, trusted=trusted)

    own = kept_facts(folder, cache_dir, ScorerFacts, ask)
    if own.labels != 1:
        raise InputError(f"{folder.path}: gives a pair {own.labels} numbers; allowed: a cross-encoder that gives one")
    chosen = rerank.max_tokens or own.max_tokens
    if chosen is None:
        raise InputError(f"{folder.path}: the model names no limit of tokens; give one (max_tokens)")
    if chosen > (own.most_tokens or chosen):
        raise InputError(f"max_tokens {chosen}: the model {folder.path.name} allows {own.most_tokens} at most")
    return Scorer(
        name=folder.name,
        path=folder.path,
        fingerprint=folder.sha256(),
        max_tokens=chosen,
        weights=folder.first,
        device=device,
        trust_remote_code=folder.runs_code,
    )


def _load(scorer: Scorer) -> Any:
    from relevance.reranking import scoring  # noqa: PLC0415 - imports torch

    return scoring.load(scorer)


class CrossReranker(Reranker):
    """Scores a query and a product's text by a cross-encoder.

    Args:
        scorer: as `resolve_scorer` gives it.
        texts: of each product, by code.
        cache_dir: a folder that `check_cache_dir` has accepted.
        batch: pairs that are scored at a time.
        progress: whether a bar is shown on stderr.
        load: gives what has `predict(pairs, batch)`; called once, when a score is not kept.
    """

    def __init__(  # noqa: PLR0913 - by name
        self,
        scorer: Scorer,
        texts: Sequence[str],
        cache_dir: Path,
        *,
        batch: int,
        progress: bool,
        load: Callable[[Scorer], Any] = _load,
    ) -> None:
        self.name = f"cross-encoder {scorer.name}"
        self._scorer, self._texts, self._batch, self._progress, self._load = scorer, texts, batch, progress, load
        key = json.dumps([_KEY_VERSION, scorer.fingerprint, scorer.max_tokens, scorer.trust_remote_code])
        self._store = Store(cache_dir / "reranking" / hashlib.sha256(key.encode()).hexdigest()[:32], width=1)
        self._known: Remembered[_Pair, float] = Remembered(_MOST_IN_MEMORY)
        self._loaded: Any = None

    def scores(
        self, queries: Sequence[Query], products: Sequence[Sequence[int]], *, cached: bool = True
    ) -> Sequence[Sequence[float]]:
        """See `Reranker`."""
        rows = [[(query.text, code) for code in codes] for query, codes in zip(queries, products, strict=True)]
        known: Mapping[_Pair, float] = self._known if cached else {}
        missing = list(dict.fromkeys(pair for row in rows for pair in row if pair not in known))
        new: dict[_Pair, float] = {}
        for start in range(0, len(missing), _MOST_KEPT):
            pairs = missing[start : start + _MOST_KEPT]
            new.update(zip(pairs, (self._kept if cached else self._predicted)(pairs).tolist(), strict=True))
        scores = [[new[pair] if pair in new else known[pair] for pair in row] for row in rows]
        if cached:
            self._known.update(new)
        return scores

    def notes(self) -> Sequence[str]:
        """See `Reranker`."""
        return self._store.notes

    def _written(self, pairs: Iterable[_Pair]) -> list[tuple[str, str]]:
        return [(query, self._texts[code]) for query, code in pairs]

    def _predicted(self, pairs: Sequence[_Pair]) -> _Floats:
        return self._checked(self._written(pairs))

    def _checked(self, pairs: Sequence[tuple[str, str]]) -> _Floats:
        if self._loaded is None:
            self._loaded = self._load(self._scorer)
        scores: _Floats = self._loaded.predict(pairs, self._batch)
        wrong = ~(np.abs(scores) <= LARGEST)
        if wrong.any():
            query, text = pairs[int(np.argmax(wrong))]
            raise CouldNotRunError(f"{self.name}: gave no usable score for {query[:60]!r} and {text[:60]!r}")
        return scores

    def _kept(self, pairs: Sequence[_Pair]) -> _Floats:
        """Scores from the store; those that it lacks are made and put there."""
        written = self._written(pairs)
        digests = [text_digest(json.dumps(pair)) for pair in written]
        texts = dict(zip(digests, written, strict=True))
        for _ in range(_REPAIRS):
            if missing := self._store.missing(list(texts)):
                if problem := unwritable(self._store.folder):
                    lacking = f"{len(missing):,} of {len(texts):,} scores of {self.name} are not there"
                    raise InputError(f"cache folder {problem}, and {lacking}; allowed: a folder that can be written to")
                if self._store.held + len(missing) > _MOST_KEPT:
                    self._store.clear()
                    missing = list(texts)
                self._add({digest: texts[digest] for digest in missing})
                self._store.compact()
                self._store.missing(list(texts))
            if (found := self._store.read(list(texts))) is not None:
                column: _Floats = found[0].expanded()[:, 0]
                by_digest = dict(zip(texts, column, strict=True))
                return np.array([by_digest[digest] for digest in digests], dtype=np.float32)
        raise CouldNotRunError(f"{self._store.folder}: what is written there is damaged or gone when it is read again")

    def _add(self, texts: Mapping[bytes, tuple[str, str]]) -> None:
        """Score pairs, the longest first, so that a batch is padded little, and keep the scores as they come."""
        rows = sorted(texts.items(), key=lambda row: (-len(row[1][0]) - len(row[1][1]), row[1]))
        step = self._batch * _ADDED_AT_ONCE
        with (
            progress_bar(len(rows), "reranking", "pair", shown=self._progress) as bar,
            self._store.adding() as add,
        ):
            for start in range(0, len(rows), step):
                digests, pairs = zip(*rows[start : start + step], strict=True)
                add(digests, [0] * len(digests), self._checked(pairs)[:, np.newaxis])
                bar.update(len(pairs))


def read_by(rerank: Rerank) -> str:
    """Which of the models, each of which may read other fields (`embedded_by`), a cross-encoder reads products as."""
    return TRAINED if rerank.model == TRAINED else ""


def definition(rerank: Rerank, scorer: Scorer | None, fields: ProductFields) -> dict[str, object]:
    """What decides a reranking, as JSON values, for baselines; of a function its name.

    Of a model the fields that it reads of products, where they are not the usual ones.
    """
    part = {} if rerank.weight == 1 else {"weight": rerank.weight}
    if scorer is None:
        return {"search": rerank.search, "depth": rerank.depth, **part}
    chosen = {key: value for key, value in asdict(rerank).items() if key == "revision" and value}
    read = fields.embedded_of(WHOLE, read_by(rerank))
    own = {} if read == DEFAULT_FIELDS.embedded[WHOLE] else {"fields": list(read)}
    return {"model": rerank.model, "depth": rerank.depth, **part, **chosen, **scorer.facts, **own}
