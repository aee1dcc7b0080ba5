"""Reciprocal rank fusion: exact fractions are the judge."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest

from relevance import fusion
from relevance.fusion import reciprocal_rank_fusion
from relevance.records import NO_HIT, Ranking


def ranking_of(rows: list[list[int]], width: int) -> Ranking:
    """Its scores are no part of a fusion."""
    codes = np.full((len(rows), width), NO_HIT, dtype=np.int64)
    for query, row in enumerate(rows):
        codes[query, : len(row)] = row
    return Ranking(codes, np.full(codes.shape, np.nan, np.float32))


def by_fractions(lists: list[list[int]], *, window: int, k: int, hits: int) -> list[tuple[int, float]]:
    """Codes and exact sums, rounded once, to float32; padded."""
    sums: defaultdict[int, Fraction] = defaultdict(Fraction)
    for row in lists:
        for rank, code in enumerate(row[:window], start=1):
            sums[code] += Fraction(1, k + rank)
    scores = {code: float(np.float32(float(total))) for code, total in sums.items()}
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:hits]
    return best + [(NO_HIT, -np.inf)] * (hits - len(best))


@pytest.mark.parametrize("shape", [(3, 0), (3, 4), (0, 4), (0, 0)])
def test_lists_without_hits_fuse_to_padding(shape: tuple[int, int]) -> None:
    empty = ranking_of([[]] * shape[0], width=shape[1])
    ranking = reciprocal_rank_fusion([empty, empty], window=50, k=60, hits=10)
    assert ranking.codes.tolist() == [[NO_HIT] * 10] * shape[0]
    assert ranking.scores.tolist() == [[-np.inf] * 10] * shape[0]
    assert ranking.codes.shape == (shape[0], 10)


@pytest.mark.parametrize("queries", [[], [2, 3], [3, 2]])
def test_rankings_of_different_queries_are_refused(queries: list[int]) -> None:
    with pytest.raises(ValueError, match="rankings of the same queries"):
        reciprocal_rank_fusion([ranking_of([[1]] * count, 1) for count in queries], window=50, k=60, hits=10)


def test_two_lists_are_ordered_as_their_exact_sums() -> None:
    # every pair of ranks or absence, with equal sums of different ranks among them: 1/70 + 1/105 = 1/84 + 1/84
    pairs = [(left, right) for left in range(51) for right in range(51) if left or right]
    lists = []
    for side, first in enumerate((1, 51)):
        rows = [[0 if rank == pair[side] else first + rank for rank in range(1, 51)] for pair in pairs]
        lists.append(ranking_of(rows, 50))
    ranking = reciprocal_rank_fusion(lists, window=50, k=60, hits=100)
    exact = [sum((Fraction(1, 60 + rank) for rank in pair if rank), Fraction()) for pair in pairs]
    scores = ranking.scores[ranking.codes == 0].tolist()
    assert scores == [float(np.float32(float(total))) for total in exact]
    assert len(set(scores)) == len(set(exact)) < len(exact)
    order = sorted(range(len(pairs)), key=exact.__getitem__)
    assert [scores[at] for at in order] == sorted(scores)


@pytest.mark.parametrize("cells", [40, 1 << 17])
@pytest.mark.parametrize("seed", range(6))
def test_fusion_is_that_of_exact_fractions(monkeypatch: pytest.MonkeyPatch, seed: int, cells: int) -> None:
    monkeypatch.setattr(fusion, "_CELLS", cells)
    rng = np.random.default_rng(seed * cells)
    # few products, so that ranks collide; empty, short and long lists, and mirrored ones
    n_lists, n_products = int(rng.integers(1, 6)), int(rng.choice([3, 8, 60]))
    window, k, hits = (int(rng.choice(values)) for values in ([1, 5, 50], [1, 10, 60], [1, 10, 100]))
    queries = []
    for _ in range(100):
        rows = [rng.permutation(n_products)[: rng.integers(0, 61)].tolist() for _ in range(n_lists)]
        if n_lists > 1 and rng.random() < 0.5:
            rows[1] = rows[0][::-1]
        queries.append(rows)
    lists = [ranking_of(list(rows), 60) for rows in zip(*queries, strict=True)]
    ranking = reciprocal_rank_fusion(lists, window=window, k=k, hits=hits)
    assert (ranking.codes.dtype, ranking.scores.dtype) == (np.int64, np.float32)
    for codes, scores, rows in zip(ranking.codes.tolist(), ranking.scores.tolist(), queries, strict=True):
        assert [*zip(codes, scores, strict=True)] == by_fractions(rows, window=window, k=k, hits=hits)
