"""Fusion: exact fractions judge that of ranks, the definition in plain Python that of scores."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relevance import fusion
from relevance.fusion import linear_combination, reciprocal_rank_fusion
from relevance.records import NO_HIT, Ranking


def ranking_of(rows: list[list[int]], width: int) -> Ranking:
    """Its scores are no part of a fusion."""
    codes = np.full((len(rows), width), NO_HIT, dtype=np.int64)
    for query, row in enumerate(rows):
        codes[query, : len(row)] = row
    return Ranking(codes, np.full(codes.shape, np.nan, np.float32))


def by_fractions(
    lists: list[list[int]], *, window: int, k: int, hits: int, weights: list[float]
) -> list[tuple[int, float]]:
    """Codes and exact sums, rounded once, to float32; padded."""
    sums: defaultdict[int, Fraction] = defaultdict(Fraction)
    for row, weight in zip(lists, weights, strict=True):
        for rank, code in enumerate(row[:window], start=1):
            sums[code] += Fraction(weight) / (k + rank)
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
    weights = rng.choice([0.25, 1.0, 3.0, 100.0], n_lists).tolist() if seed % 2 else None
    ranking = reciprocal_rank_fusion(lists, window=window, k=k, hits=hits, weights=weights)
    assert (ranking.codes.dtype, ranking.scores.dtype) == (np.int64, np.float32)
    for codes, scores, rows in zip(ranking.codes.tolist(), ranking.scores.tolist(), queries, strict=True):
        judge = by_fractions(rows, window=window, k=k, hits=hits, weights=weights or [1.0] * n_lists)
        assert [*zip(codes, scores, strict=True)] == judge


def test_a_weight_of_one_changes_no_bit() -> None:
    rng = np.random.default_rng(4)
    lists = [ranking_of([rng.permutation(80)[:50].tolist() for _ in range(50)], 50) for _ in range(3)]
    plain = reciprocal_rank_fusion(lists, window=50, k=60, hits=100)
    weighted = reciprocal_rank_fusion(lists, window=50, k=60, hits=100, weights=[1, 1.0, 1])
    assert plain.codes.tolist() == weighted.codes.tolist()
    assert plain.scores.tobytes() == weighted.scores.tobytes()


Hits = list[tuple[int, float]]


def scored(rows: list[Hits], width: int) -> Ranking:
    codes = np.full((len(rows), width), NO_HIT, dtype=np.int64)
    scores = np.full((len(rows), width), -np.inf, dtype=np.float32)
    for query, row in enumerate(rows):
        for place, (code, score) in enumerate(row):
            codes[query, place], scores[query, place] = code, score
    return Ranking(codes, scores)


def by_definition(lists: list[Hits], *, weights: list[float], normalizer: str, window: int, hits: int) -> Hits:
    """The linear retriever's definition, a hit after the other, every step in float32."""
    one = np.float32
    totals: dict[int, np.float32] = {}
    for row, weight in zip(lists, weights, strict=True):
        scores = [one(score) for _, score in row[:window]]
        low, high = min(scores, default=one(0)), max([*scores, np.finfo(one).smallest_subnormal])
        squares = 0.0
        for score in scores:
            squares += float(score * score)
        for (code, _), score in zip(row[:window], scores, strict=True):
            value = score
            if normalizer == "minmax":
                value = one(1) if abs(low - high) < one(1e-6) else (score - low) / (high - low)
            elif normalizer == "l2" and squares**0.5 >= one(1e-6):
                value = one(float(score) / squares**0.5)
            totals[code] = totals.get(code, one(0)) + one(weight) * value
    best = sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:hits]
    return [(code, float(score)) for code, score in best] + [(NO_HIT, -np.inf)] * (hits - len(best))


def rows_of(ranking: Ranking) -> list[Hits]:
    return [
        [*zip(codes, scores, strict=True)]
        for codes, scores in zip(ranking.codes.tolist(), ranking.scores.tolist(), strict=True)
    ]


SCORES = st.one_of(
    st.floats(0, 60, width=32), st.floats(-5, 5, width=32), st.sampled_from([0.0, 1.0, 1.0000001, 2.5, 1e-7, 1e30])
)
LISTS = st.lists(
    st.dictionaries(st.integers(0, 9), SCORES, max_size=8).map(
        lambda hits: sorted(hits.items(), key=lambda hit: (-hit[1], hit[0]))
    ),
    min_size=1,
    max_size=4,
)


@given(
    st.lists(LISTS, min_size=1, max_size=3),
    st.lists(st.sampled_from([1e-6, 0.1, 0.25, 1.0, 3.0]), min_size=4, max_size=4),
    st.sampled_from([*fusion.NORMALIZERS]),
    st.integers(1, 9),
    st.integers(1, 12),
)
def test_a_linear_combination_is_that_of_the_definition(
    queries: list[list[Hits]], weights: list[float], normalizer: str, window: int, hits: int
) -> None:
    n_lists = max(map(len, queries))
    queries = [[*lists, *[[]] * (n_lists - len(lists))] for lists in queries]
    rankings = [scored([lists[at] for lists in queries], 8) for at in range(n_lists)]
    options = {"weights": weights[:n_lists], "normalizer": normalizer, "window": window, "hits": hits}
    with np.errstate(over="ignore"):
        judge = [by_definition(lists, **options) for lists in queries]  # type: ignore[arg-type]
    assert rows_of(linear_combination(rankings, **options)) == judge  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("normalizer", "rows", "scores"),
    [
        ("minmax", [[(3, 8.0), (1, 4.0), (2, 2.0)], [(2, 0.9), (1, 0.5)]], {2: 2, 3: 1, 1: 1 / 3}),
        ("minmax", [[(3, 8.0)], [(2, 0.9), (1, 0.9)]], {1: 2, 2: 2, 3: 1}),  # one hit, and equal scores: 1 each
        ("minmax", [[(3, -1.0), (1, -3.0)], []], {3: 2 / 3, 1: 0}),  # the highest is no less than 0
        ("l2", [[(3, 4.0), (1, 3.0)], [(1, 2.0)]], {1: 2.6, 3: 0.8}),
        ("l2", [[(3, 0.0), (1, 0.0)], [(2, 1e-7)]], {2: 2e-7, 1: 0, 3: 0}),  # nothing to divide by
        ("none", [[(3, 8.0), (1, 4.0)], [(1, 2.5)]], {1: 9, 3: 8}),
    ],
)
def test_what_normalisers_make_of_scores(normalizer: str, rows: list[Hits], scores: dict[int, float]) -> None:
    ranking = linear_combination(
        [scored([row], 3) for row in rows], weights=[1, 2], normalizer=normalizer, window=3, hits=3
    )
    hits = [(code, score) for code, score in rows_of(ranking)[0] if code != NO_HIT]
    assert dict(hits) == pytest.approx(scores)
    assert [code for code, _ in hits] == [*scores]


@given(st.permutations([0, 1, 2]), st.sampled_from([2.0, 0.5, 4.0]), st.sampled_from([*fusion.NORMALIZERS]))
def test_a_factor_of_all_weights_changes_no_ranking(order: list[int], factor: float, normalizer: str) -> None:
    rng = np.random.default_rng(order)
    rankings = []
    for _ in order:
        found = zip(rng.permutation(30)[:20].tolist(), sorted(rng.random(20).tolist(), reverse=True), strict=True)
        rankings.append(scored([[*found]], 20))
    weights = [0.3, 1.0, 7.0]
    one, other = (
        linear_combination(rankings, weights=each, normalizer=normalizer, window=15, hits=30)
        for each in (weights, [weight * factor for weight in weights])
    )
    assert one.codes.tolist() == other.codes.tolist()
