"""A cross-encoder that teaches: it scores pairs for a distillation, and tells false negatives from true ones."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from relevance.outside import Query
from relevance.reranking.cross_encoder import CrossReranker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from relevance.reranking.cross_encoder import Scorer

_BATCH = 32


class Teacher:
    """Scores by a cross-encoder; scores are kept on disk, so that further seeds have them for nothing.

    Args:
        facts: what decides its scores, as JSON values.
        find: gives the cross-encoder, trained where it is not there yet.
        cache_dir: a folder that `check_cache_dir` has accepted.

    Attributes:
        seconds: that it has taken so far, its training counted.
    """

    def __init__(self, facts: Mapping[str, object], find: Callable[[], Scorer], cache_dir: Path) -> None:
        self.facts = dict(facts)
        self.seconds = 0.0
        self._find, self._cache_dir = find, cache_dir

    def logits(self, pairs: Sequence[tuple[str, str]]) -> npt.NDArray[np.float64]:
        """Score queries with products' texts; shape (pairs,), the higher the better.

        Raises:
            CouldNotRunError: the model fails.
        """
        start = time.perf_counter()
        texts = {text: code for code, text in enumerate(dict.fromkeys(text for _, text in pairs))}
        asked: dict[str, list[int]] = {}
        for query, text in pairs:
            asked.setdefault(query, []).append(texts[text])
        reranker = CrossReranker(self._find(), list(texts), self._cache_dir, batch=_BATCH, progress=True)
        given = reranker.scores([Query(query) for query in asked], list(asked.values()))
        scores = {query: iter(row) for query, row in zip(asked, given, strict=True)}
        self.seconds += time.perf_counter() - start
        return np.array([next(scores[query]) for query, _ in pairs], dtype=np.float64)


def probabilities(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Squash scores into 0 to 1, as the library does for a cross-encoder that gives one number."""
    return np.exp(-np.logaddexp(0.0, -logits))
