"""The embedded engine. Expected lengths and scores are what Elasticsearch 8.19.5 and 9.5.2 explain and answer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.shop import catalogue
from hypothesis import given, settings
from hypothesis import strategies as st

from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine, engine
from relevance.engines.embedded.engine import Field, NestedField, VectorIndex, quantized
from relevance.engines.embedded.rows import Rows, offsets_of
from relevance.engines.embedded.vocabulary import Vocabulary
from relevance.fields import DEFAULT_FIELDS
from relevance.records import NO_HIT, Ranking, Vectors
from relevance.strategies import Leg

HANDLES = " ".join(["Steel tray, pneumatic wheel and two wooden handles."] * 6)
PRODUCTS = [
    ("a1", "Cordless drill", "A drill for wood and a drill for metal."),
    ("a2", "Drill bit set, red", ""),
    ("a3", "Red wheelbarrow", HANDLES),
    ("a4", "Hammer drill 18 V", "Drill, drill, drill: a red drill."),
]
ATTRIBUTES = [
    ("a1", "Colour", "Red"),
    ("a1", "Voltage", "18 V"),
    ("a1", "Colour", "red and black"),
    ("a2", "Colour", "Red"),
    ("a2", "Pieces", "19"),
    ("a4", "Colour", "Blue"),
    ("a4", "Speed", "3,000 rpm drill"),
]
EACH = {"title": 1.0, "description": 1.0, "attributes": 1.0}
BOOSTED = {"title": 8.0, "description": 2.0, "attributes": 1.0}
UNEVEN = {"title": 0.7, "attributes": 3.0}


def leg(text: Mapping[str, float], vectors: Mapping[str, float] | None = None, candidates: int = 150) -> Leg:
    return Leg(tuple(text.items()), tuple((vectors or {}).items()), candidates, "base")


def listed(ranking: Ranking, query: int = 0) -> list[tuple[int, float]]:
    """Codes with scores as a server prints them."""
    row = zip(ranking.codes[query].tolist(), ranking.scores[query], strict=True)
    return [(code, float(str(score))) for code, score in row if code != NO_HIT]


@pytest.fixture(scope="module")
def hardware() -> EmbeddedEngine:
    """All four products, with a vector each but the last; the second and the third share theirs."""
    matrix = np.eye(3, dtype=np.float32)
    vectors = {("base", "whole"): Vectors(matrix, np.array([0, 1, 1, -1]))}
    return EmbeddedEngine.index(catalogue(PRODUCTS, ATTRIBUTES), text_fields=DEFAULT_FIELDS.text, vectors=vectors)


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        (EACH, "red drill", [(3, 4.0094743), (0, 1.9924481), (1, 1.8502555), (2, 0.8025915)]),
        (BOOSTED, "red drill", [(3, 8.499945), (1, 8.31716), (2, 6.420732), (0, 5.6533985)]),
        (UNEVEN, "red drill", [(3, 4.4264584), (1, 3.4259264), (0, 2.717445), (2, 0.561814)]),
        (EACH, "drill red drill drill", [(3, 9.2569065), (0, 4.358444), (1, 2.4780035), (2, 0.8025915)]),
        (BOOSTED, "drill red drill drill", [(3, 19.956799), (0, 15.341295), (1, 13.339143), (2, 6.420732)]),
        (UNEVEN, "drill red drill drill", [(3, 13.279373), (1, 3.86535), (0, 3.2956338), (2, 0.561814)]),
        (EACH, "18 v colour", [(3, 2.7637703), (0, 1.4454938), (1, 0.6447781)]),
        (BOOSTED, "18 v colour", [(3, 17.596716), (0, 1.4454938), (1, 0.6447781)]),
        (UNEVEN, "18 v colour", [(0, 4.3364816), (3, 3.4176288), (1, 1.9343344)]),
    ],
)
def test_text_scores_are_the_servers(
    hardware: EmbeddedEngine, text: dict[str, float], query: str, expected: list[tuple[int, float]]
) -> None:
    assert listed(hardware.search(leg(text), QueryBatch([query]), hits=10)) == expected


def test_vector_scores_are_one_more_term(hardware: EmbeddedEngine) -> None:
    batch = QueryBatch(["wheelbarrow", "nothing"], {"base": np.eye(3, dtype=np.float32)[[1, 0]]})
    text = dict(listed(hardware.search(leg(EACH), batch, hits=10)))
    hybrid = hardware.search(leg(EACH, {"whole": 2}), batch, hits=10)
    assert dict(listed(hybrid)) == {2: pytest.approx(text[2] + 2, rel=1e-7), 1: 2, 0: 1}
    assert listed(hybrid, 1) == [(0, 2), (1, 1), (2, 1)]


def test_candidates_limit_the_vector_clause_alone(hardware: EmbeddedEngine) -> None:
    batch = QueryBatch(["wheelbarrow"], {"base": np.eye(3, dtype=np.float32)[[1]]})
    text = listed(hardware.search(leg({"title": 1}), batch, hits=10))
    assert listed(hardware.search(leg({"title": 1}, {"whole": 1}, candidates=1), batch, hits=10)) == [*text, (1, 1)]


def test_a_score_of_zero_is_a_hit() -> None:
    opposite = Vectors(np.array([[-1, 0]], dtype=np.float32), np.array([0, 0, -1, -1]))
    vectors = {("base", name): opposite for name in ("title", "whole")}
    indexed = EmbeddedEngine.index(catalogue(PRODUCTS), text_fields=[], vectors=vectors)
    batch = QueryBatch(["any"], {"base": np.array([[1, 0]], dtype=np.float32)})
    assert listed(indexed.search(leg({}, {"title": 1, "whole": 1}), batch, hits=10)) == [(0, 0), (1, 0)]


def test_ties_go_by_code() -> None:
    products = [(f"p{number:04}", "red" if number % 2 else "red red", "") for number in range(3000)]
    ranking = EmbeddedEngine.index(catalogue(products), text_fields=["title"], vectors={}).search(
        leg({"title": 1}), QueryBatch(["red"]), hits=1505
    )
    assert ranking.codes[0].tolist() == [*range(0, 3000, 2), 1, 3, 5, 7, 9]


def test_tokens_are_counted_in_pieces(hardware: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Vocabulary, "_AT_ONCE", 2)
    pieced = EmbeddedEngine.index(catalogue(PRODUCTS, ATTRIBUTES), text_fields=DEFAULT_FIELDS.text, vectors={})
    batch = QueryBatch(["red drill", "drill red drill drill", "18 v colour"])
    expected, found = (each.search(leg(BOOSTED), batch, hits=10) for each in (hardware, pieced))
    assert (expected.codes.tolist(), expected.scores.tolist()) == (found.codes.tolist(), found.scores.tolist())


def test_what_is_not_found_is_padding(hardware: EmbeddedEngine) -> None:
    ranking = hardware.search(leg(EACH), QueryBatch(["", "?!", "unknown", "wheelbarrow"]), hits=2)
    assert ranking.codes.tolist() == [[NO_HIT] * 2] * 3 + [[2, NO_HIT]]
    assert ranking.scores[:3].tolist() == [[-np.inf] * 2] * 3
    assert ranking.scores[3, 1] == -np.inf
    assert (ranking.codes.dtype, ranking.scores.dtype) == (np.int64, np.float32)


def test_catalogues_without_attributes_or_descriptions() -> None:
    bare = EmbeddedEngine.index(catalogue([row[:2] for row in PRODUCTS]), text_fields=DEFAULT_FIELDS.text, vectors={})
    titles = bare.search(leg({"title": 1}), QueryBatch(["red drill"]), hits=10)
    assert listed(bare.search(leg(EACH), QueryBatch(["red drill"]), hits=10)) == listed(titles)


def test_fields_that_were_not_indexed_are_errors(hardware: EmbeddedEngine) -> None:
    titles = EmbeddedEngine.index(catalogue(PRODUCTS), text_fields=["title"], vectors={})
    with pytest.raises(KeyError, match="description"):
        titles.search(leg(EACH), QueryBatch(["red"]), hits=1)
    with pytest.raises(KeyError, match="title"):
        hardware.search(leg({}, {"title": 1}), QueryBatch(["red"], {"base": np.eye(3, dtype=np.float32)}), hits=1)
    titles.close()
    with pytest.raises(KeyError, match="title"):
        titles.search(leg({"title": 1}), QueryBatch(["red"]), hits=1)


def test_batches_are_cut_by_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_BYTES_AT_ONCE", 10)
    cut = engine._parts(np.array([4, 4, 4, 0, 25, 0, 3, 9]))
    assert [(part.start, part.stop) for part in cut] == [(0, 2), (2, 4), (4, 6), (6, 8)]
    assert engine._parts(np.array([], dtype=np.int64)) == []


words = st.lists(st.sampled_from(["red", "Red.", "drill", "18", "V", "bit", "!"]), max_size=6).map(" ".join)
legs = st.sampled_from([leg(EACH), leg(UNEVEN), leg({}, {"whole": 2}), leg(BOOSTED, {"whole": 1}, candidates=3)])


@settings(max_examples=12)
@given(st.lists(st.tuples(words, words, words, words), min_size=1, max_size=12), st.lists(words, max_size=9), legs)
def test_a_query_ranks_alike_in_every_batch(
    rows: list[tuple[str, str, str, str]], queries: list[str], asked: Leg
) -> None:
    ids = [f"p{number}" for number in range(len(rows))]
    generator = np.random.default_rng(len(rows))
    matrix = generator.normal(size=(5, 16)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    indexed = EmbeddedEngine.index(
        catalogue(
            [(name, row[0], row[1]) for name, row in zip(ids, rows, strict=True)],
            [(name, text, "") for name, row in zip(ids, rows, strict=True) for text in row[2:]],
        ),
        text_fields=DEFAULT_FIELDS.text,
        vectors={("base", "whole"): Vectors(matrix, generator.integers(-1, 5, size=len(rows)))},
    )
    batch = QueryBatch(queries, {"base": matrix[generator.integers(0, 5, size=len(queries))]})
    together = indexed.search(asked, batch, hits=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_BYTES_AT_ONCE", 1)
        alone = indexed.search(asked, batch, hits=10)
    assert together.codes.tolist() == alone.codes.tolist()
    assert together.scores.tolist() == alone.scores.tolist()
    for query in range(len(queries)):
        found = listed(together, query)
        assert found == sorted(found, key=lambda hit: (-hit[1], hit[0]))


# clauses by themselves


def field(texts: list[str]) -> tuple[Field, Vocabulary]:
    vocabulary = Vocabulary()
    counts = vocabulary.count(texts)
    vocabulary.settle()
    return Field(counts), vocabulary


def nested_field(texts: list[str], owners: list[int]) -> tuple[NestedField, Vocabulary]:
    vocabulary = Vocabulary()
    distinct = list(dict.fromkeys(texts))
    rows = [distinct.index(text) for text in texts]
    counts = vocabulary.count(distinct)
    vocabulary.settle()
    ends = offsets_of(np.bincount(rows, minlength=len(distinct)))
    holders = Rows.counted(np.array(owners)[np.argsort(rows, kind="stable")], ends, 4)
    return NestedField(counts, holders), vocabulary


def scores(indexed: Field | NestedField, vocabulary: Vocabulary, query: str, boost: float = 1) -> list[float]:
    """The scores of all documents as a server prints them; 0 for no hit."""
    found = indexed.match(vocabulary.count([query]), boost)
    return [float(str(np.float32(score))) for score in found.spread()[0]]


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


TOKENS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=20)


@given(st.lists(TOKENS, min_size=1, max_size=8), TOKENS, st.sampled_from([1, 2, 0.3, 8, 1e-3]))
def test_matrices_compute_the_formula(texts: list[list[str]], query: list[str], boost: float) -> None:
    indexed, vocabulary = field([" ".join(text) for text in texts])
    found = indexed.match(vocabulary.count([" ".join(query)]), boost)
    expected = np.array(naive(texts, query, boost), dtype=np.float32)
    assert found.spread()[0].astype(np.float32).tolist() == expected.tolist()


@given(st.lists(st.tuples(TOKENS, st.integers(0, 3)), min_size=1, max_size=12), TOKENS)
def test_matrices_compute_the_nested_mean(documents: list[tuple[list[str], int]], query: list[str]) -> None:
    texts, owners = [text for text, _ in documents], [owner for _, owner in documents]
    nested, vocabulary = nested_field([" ".join(text) for text in texts], owners)
    found = nested.match(vocabulary.count([" ".join(query)]), 1)
    assert found.spread()[0].tolist() == naive_nested(texts, owners, query)


def unit(*vectors: tuple[float, ...]) -> Any:
    matrix = np.array(vectors, dtype=np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def random_unit(seed: int, rows: int, dimensions: int) -> Any:
    return unit(*np.random.default_rng(seed).normal(size=(rows, dimensions)))


def hits(vectors: Vectors, query: Any, candidates: int = 150, boost: float = 1) -> dict[int, float]:
    """The candidates of one query with their scores, in the order of the index."""
    found = VectorIndex(vectors).nearest(query, candidates, boost)
    return dict(zip(found.indices.tolist(), found.data.astype(np.float32).tolist(), strict=True))


def test_score_is_half_of_one_plus_the_cosine() -> None:
    vectors = Vectors(unit((1, 0), (0, 1), (-1, 0)), np.array([0, 1, 2]))
    assert hits(vectors, unit((1, 0)), boost=50) == {0: 50, 1: 25, 2: 0}
    assert hits(Vectors(np.empty((0, 2), dtype=np.float32), np.array([-1, -1])), unit((1, 0))) == {}


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
    assert together.spread().tolist() == [each.spread()[0].tolist() for each in alone]


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
    assert len(index.nearest(random_unit(4, 2, 4), 3, 1).data) == 6
