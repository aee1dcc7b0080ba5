"""What a clause scores. Expected lengths and scores are what Elasticsearch 8.19.5 and 9.5.2 explain and answer."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from relevance.engines.embedded.analysis import Vocabulary
from relevance.engines.embedded.engine import Field, NestedField, VectorIndex, quantized
from relevance.records import Vectors

# Text


def field(texts: list[str]) -> tuple[Field, Vocabulary]:
    """Index texts as one field."""
    vocabulary = Vocabulary()
    counts = vocabulary.count(texts)
    vocabulary.settle()
    return Field(counts), vocabulary


def nested_field(texts: list[str], owners: list[int]) -> tuple[NestedField, Vocabulary]:
    """Index nested documents of four products."""
    vocabulary = Vocabulary()
    distinct = list(dict.fromkeys(texts))
    rows = [distinct.index(text) for text in texts]
    counts = vocabulary.count(distinct)
    vocabulary.settle()
    holders = sparse.coo_array((np.ones(len(rows)), (rows, owners)), shape=(len(distinct), 4)).tocsr()
    return NestedField(counts, holders), vocabulary


def scores(indexed: Field | NestedField, vocabulary: Vocabulary, query: str, boost: float = 1) -> list[float]:
    """The scores of all documents as a server prints them; 0 for no hit."""
    found = indexed.match(vocabulary.count([query]), boost)
    return [float(str(np.float32(score))) for score in found.toarray()[0]]


@pytest.mark.parametrize(
    ("length", "kept"),
    [
        (0, 0), (1, 1), (23, 23), (24, 24), (39, 39), (40, 40), (41, 40), (42, 42), (43, 42), (56, 56), (57, 56),
        (100, 96), (1000, 984), (5000, 4632), (65537, 61464),
    ],
)  # fmt: skip
def test_lengths_are_kept_in_a_byte(length: int, kept: int) -> None:
    assert quantized(np.array([length])).tolist() == [kept]


@given(st.lists(st.integers(0, 2**31 - 1), min_size=2))
def test_quantized_lengths_keep_their_order(lengths: list[int]) -> None:
    lengths.sort()
    kept = quantized(np.array(lengths)).tolist()

    assert kept == sorted(kept)
    assert all(short <= length * (1 + 2**-23) for short, length in zip(kept, lengths, strict=True))


def test_scores_of_long_texts_are_the_servers() -> None:
    lengths = [1, 39, 41, 43, 107, 1003]
    indexed, vocabulary = field([" ".join(["red"] + ["tray"] * (length - 1)) for length in lengths])

    assert scores(indexed, vocabulary, "red") == [0.12499276, 0.11085978, 0.1105309, 0.10987894, 0.09289331, 0.0290827]
    assert scores(indexed, vocabulary, "tray red")[1:] == [0.63492537, 0.6348605, 0.6343937, 0.6196971, 0.5572116]


def naive(texts: list[list[str]], query: list[str], boost: float) -> list[float]:
    """The formula as a loop, one float32 operation after the other; all lengths are below 24, where none is lost."""
    one, k1, b = np.float32(1), np.float32(1.2), np.float32(0.75)
    filled = [text for text in texts if text]
    average = np.float32(sum(map(len, filled)) / len(filled)) if filled else one
    totals = []
    for text in texts:
        total = 0.0
        for token, times in Counter(query).items():
            holding = sum(token in other for other in texts)
            if token not in text:
                continue
            idf = np.float32(math.log(1 + (len(filled) - holding + 0.5) / (holding + 0.5)))
            weight = np.float32(boost) * np.float32(times) * (one + k1) * idf
            norm = one / (k1 * ((one - b) + b * np.float32(len(text)) / average))
            total += float(weight - weight / (one + np.float32(text.count(token)) * norm))
        totals.append(total)
    return totals


def naive_nested(texts: list[list[str]], owners: list[int], query: list[str]) -> list[float]:
    """The mean per product, as a loop: each nested score rounded, then the mean."""
    found: dict[int, list[float]] = {product: [] for product in range(4)}
    for product, text, score in zip(owners, texts, naive(texts, query, 1), strict=True):
        if set(text) & set(query):
            found[product].append(float(np.float32(score)))
    return [float(np.float32(sum(each) / len(each))) if each else 0 for each in found.values()]


words = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=20)


@given(st.lists(words, min_size=1, max_size=8), words, st.sampled_from([1, 2, 0.3, 8, 1e-3]))
def test_matrices_compute_the_formula(texts: list[list[str]], query: list[str], boost: float) -> None:
    indexed, vocabulary = field([" ".join(text) for text in texts])
    found = indexed.match(vocabulary.count([" ".join(query)]), boost)

    expected = np.array(naive(texts, query, boost), dtype=np.float32)
    assert found.toarray()[0].astype(np.float32).tolist() == expected.tolist()


@given(st.lists(st.tuples(words, st.integers(0, 3)), min_size=1, max_size=12), words)
def test_matrices_compute_the_nested_mean(documents: list[tuple[list[str], int]], query: list[str]) -> None:
    texts, owners = [text for text, _ in documents], [owner for _, owner in documents]
    nested, vocabulary = nested_field([" ".join(text) for text in texts], owners)
    found = nested.match(vocabulary.count([" ".join(query)]), 1)

    assert found.toarray()[0].tolist() == naive_nested(texts, owners, query)


# Vectors


def unit(*vectors: tuple[float, ...]) -> npt.NDArray[np.float32]:
    """Vectors of unit length."""
    matrix = np.array(vectors, dtype=np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def random_unit(seed: int, rows: int, dimensions: int) -> npt.NDArray[np.float32]:
    """Seeded vectors of unit length."""
    return unit(*np.random.default_rng(seed).normal(size=(rows, dimensions)))


def hits(vectors: Vectors, query: npt.NDArray[np.float32], candidates: int = 150, boost: float = 1) -> dict[int, float]:
    """The candidates of one query with their scores, in the order of the index."""
    found = VectorIndex(vectors).nearest(query, candidates, boost)
    return dict(zip(found.indices.tolist(), found.data.astype(np.float32).tolist(), strict=True))


def test_score_is_half_of_one_plus_the_cosine() -> None:
    vectors = Vectors(unit((1, 0), (0, 1), (-1, 0)), np.array([0, 1, 2]))

    assert hits(vectors, unit((1, 0)), boost=50) == {0: 50, 1: 25, 2: 0}


def test_no_vectors_at_all() -> None:
    vectors = Vectors(np.empty((0, 2), dtype=np.float32), np.array([-1, -1]))

    assert hits(vectors, unit((1, 0))) == {}


def test_of_equally_near_products_the_lower_codes_are_candidates() -> None:
    vectors = Vectors(unit((0, 1), (1, 0), (0, -1)), np.array([2, 0, 0, 0, 1, 0]))

    assert list(hits(vectors, unit((1, 0)), candidates=3)) == [4, 0, 1]


def test_equal_vectors_score_alike() -> None:
    matrix = random_unit(1, 61, 33)
    matrix[[7, 30, 60]] = matrix[0]
    vectors = Vectors(matrix, np.arange(61))
    found = hits(vectors, random_unit(2, 1, 33))

    assert len({found[row] for row in (0, 7, 30, 60)}) == 1
    assert np.count_nonzero(VectorIndex(vectors)._sizes) == 58


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 30))
def test_a_query_scores_alike_in_every_batch(seed: int, products: int, candidates: int) -> None:
    index = VectorIndex(Vectors(random_unit(seed, products, 48), np.arange(products)))
    queries = random_unit(seed + 1, 9, 48)
    together = index.nearest(queries, candidates, 1)
    alone = [index.nearest(queries[row : row + 1], candidates, 1) for row in range(9)]

    assert together.toarray().tolist() == [each.toarray()[0].tolist() for each in alone]


@given(st.integers(0, 1000), st.integers(1, 30))
def test_candidates_are_the_nearest(seed: int, candidates: int) -> None:
    generator = np.random.default_rng(seed)
    query = random_unit(seed, 1, 200)
    # So near to each other that a product of float32 matrices puts them in another order.
    matrix = unit(*(random_unit(seed + 1, 1, 200) + 3e-7 * random_unit(seed + 2, 30, 200)))
    rows = generator.integers(-1, 30, size=40)
    cosines = (matrix.astype(np.float64) @ query[0].astype(np.float64)).astype(np.float32)
    scores = (np.float32(1) + cosines) / np.float32(2)
    ranked = sorted((-float(scores[row]), code) for code, row in enumerate(rows) if row >= 0)

    assert set(hits(Vectors(matrix, rows), query, candidates)) == {code for _, code in ranked[:candidates]}


def test_the_matrix_may_be_a_memory_map(tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", random_unit(3, 5, 4))
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    index = VectorIndex(Vectors(mapped, np.arange(5)))

    assert np.shares_memory(index._matrix, mapped)
    assert index.nearest(random_unit(4, 2, 4), 3, 1).nnz == 6
