"""Reciprocal rank fusion: exact fractions are the judge."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest

from relevance import fusion
from relevance.fusion import reciprocal_rank_fusion
from relevance.records import NO_HIT, Ranking


def ranking_of(rows: list[list[int]], width: int | None = None) -> Ranking:
    """A ranking with these hits; its scores are no part of a fusion and are left out."""
    width = max((len(row) for row in rows), default=0) if width is None else width
    codes = np.full((len(rows), width), NO_HIT, dtype=np.int64)
    for query, row in enumerate(rows):
        codes[query, : len(row)] = row
    return Ranking(codes, np.full(codes.shape, np.nan, dtype=np.float32))


def by_fractions(lists: list[list[int]], *, window: int, k: int, hits: int) -> list[tuple[int, float]]:
    """The definition, with exact sums that are rounded once, to float32."""
    sums: defaultdict[int, Fraction] = defaultdict(Fraction)
    for row in lists:
        for rank, code in enumerate(row[:window], start=1):
            sums[code] += Fraction(1, k + rank)
    scores = {code: float(np.float32(float(total))) for code, total in sums.items()}
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:hits]


def float32(value: Fraction) -> float:
    """The nearest float32."""
    return float(np.float32(float(value)))


@pytest.mark.parametrize("shape", [(3, 0), (3, 4), (0, 4), (0, 0)])
def test_lists_without_hits_fuse_to_nothing(shape: tuple[int, int]) -> None:
    """Empty lists, wide or narrow, give a ranking of the right shape that holds padding alone."""
    empty = ranking_of([[]] * shape[0], width=shape[1])
    ranking = reciprocal_rank_fusion([empty, empty], window=50, k=60, hits=10)
    assert ranking.codes.shape == (shape[0], 10)
    assert (ranking.codes == NO_HIT).all()
    assert np.isneginf(ranking.scores).all()


@pytest.mark.parametrize("rows", [[], [2, 3], [3, 2]])
def test_rankings_of_different_queries_are_refused(rows: list[int]) -> None:
    """No ranking at all, or rankings with different numbers of rows, are a mistake of the caller."""
    with pytest.raises(ValueError, match="rankings of the same queries"):
        reciprocal_rank_fusion([ranking_of([[1]] * number) for number in rows], window=50, k=60, hits=10)


def test_two_lists_are_ordered_as_their_exact_sums() -> None:
    """For all 51 x 51 pairs of ranks (or absence), with k = 60, float32 scores order and tie as fractions do.

    That includes equal sums of different ranks, as 1/70 + 1/105 = 1/84 + 1/84.
    """
    pairs = [(left, right) for left in range(51) for right in range(51) if left or right]
    others = (list(range(1, 51)), list(range(51, 101)))
    lists = []
    for side, other in enumerate(others):
        rows = [[0 if rank == pair[side] else code for rank, code in enumerate(other, start=1)] for pair in pairs]
        lists.append(ranking_of(rows))
    ranking = reciprocal_rank_fusion(lists, window=50, k=60, hits=100)
    exact = [sum((Fraction(1, 60 + rank) for rank in pair if rank), Fraction()) for pair in pairs]
    scores = ranking.scores[ranking.codes == 0].tolist()
    assert scores == [float32(total) for total in exact]
    assert len(set(scores)) == len(set(exact))
    order = sorted(range(len(pairs)), key=exact.__getitem__)
    assert [scores[at] for at in order] == sorted(scores)
    assert exact[pairs.index((10, 45))] == exact[pairs.index((24, 24))]


def fuzzed(seed: int, n_queries: int) -> tuple[list[list[list[int]]], dict[str, int]]:
    """Lists per query over few products, so that ranks collide: empty, short and long ones, and mirrored pairs."""
    rng = np.random.default_rng(seed)
    n_lists = int(rng.integers(1, 6))
    n_products = int(rng.choice([3, 8, 60]))
    queries = []
    for _ in range(n_queries):
        rows = [[int(c) for c in rng.permutation(n_products)[: rng.integers(0, 61)]] for _ in range(n_lists)]
        if n_lists > 1 and rng.random() < 0.5:
            rows[1] = rows[0][::-1]
        queries.append(rows)
    window, k, hits = rng.choice([1, 5, 50]), rng.choice([1, 10, 60]), rng.choice([1, 10, 100])
    return queries, {"window": int(window), "k": int(k), "hits": int(hits)}


@pytest.mark.parametrize("cells", [40, 1 << 17])
@pytest.mark.parametrize("seed", range(6))
def test_fusion_is_that_of_exact_fractions(monkeypatch: pytest.MonkeyPatch, seed: int, cells: int) -> None:
    """On fuzzed queries hits, order and scores are those of the definition in fractions, whatever goes at a time."""
    monkeypatch.setattr(fusion, "_CELLS", cells)
    queries, parameters = fuzzed(seed * cells, n_queries=100)
    lists = [ranking_of(list(rows)) for rows in zip(*queries, strict=True)]
    ranking = reciprocal_rank_fusion(lists, **parameters)
    assert (ranking.codes.dtype, ranking.scores.dtype) == (np.int64, np.float32)
    for codes, scores, rows in zip(ranking.codes.tolist(), ranking.scores.tolist(), queries, strict=True):
        expected = by_fractions(rows, **parameters)
        padding = parameters["hits"] - len(expected)
        assert codes == [code for code, _ in expected] + [NO_HIT] * padding
        assert scores == [score for _, score in expected] + [-np.inf] * padding
