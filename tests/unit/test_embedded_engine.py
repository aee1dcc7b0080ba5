"""The embedded engine as a whole. The expected scores are what Elasticsearch 8.19.5 and 9.5.2 answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relevance.engines import QueryBatch
from relevance.engines.embedded import EmbeddedEngine, analysis, engine
from relevance.records import NO_HIT, Catalogue, Ranking, Vectors
from relevance.strategies import TEXT_FIELDS, Leg

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


def catalogue(products: Sequence[tuple[str, ...]], attributes: Sequence[tuple[str, ...]] = ()) -> Catalogue:
    """Rows of (id, title, description) and (id, name, value)."""
    return Catalogue(
        pd.DataFrame(products, columns=["id", "title", "description"], dtype=str),
        pd.DataFrame(list(attributes), columns=["id", "name", "value"], dtype=str),
    )


def leg(text: Mapping[str, float], vectors: Mapping[str, float] | None = None, candidates: int = 150) -> Leg:
    """A leg of the model `base`."""
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
    return EmbeddedEngine.index(catalogue(PRODUCTS, ATTRIBUTES), text_fields=TEXT_FIELDS, vectors=vectors)


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
    monkeypatch.setattr(analysis.Vocabulary, "_AT_ONCE", 2)
    pieced = EmbeddedEngine.index(catalogue(PRODUCTS, ATTRIBUTES), text_fields=TEXT_FIELDS, vectors={})
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
    bare = EmbeddedEngine.index(catalogue([(*row[:2], "") for row in PRODUCTS]), text_fields=TEXT_FIELDS, vectors={})
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


@settings(max_examples=20)
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
        text_fields=TEXT_FIELDS,
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
