"""Scores of vectors by Elasticsearch's similarities."""

from typing import Any

import numpy as np
import pytest

from relevance.analysis import Analysis
from relevance.engines.embedded.bodies import BodyIndex
from relevance.engines.embedded.bodies.vectors import least_score, nearest, scores
from relevance.schema import Schema

MATRIX = np.array([[3, 4], [-3, -4], [0, 2], [0, 0]], dtype=np.float32)


@pytest.mark.parametrize(
    ("similarity", "expected"),
    [
        ("cosine", [0.98, 0.02, 0.8, 0.5]),
        ("l2_norm", [1 / 3, 1 / 99, 1 / 18, 1 / 26]),
        ("max_inner_product", [25, 1 / 25, 7, 1]),
        ("dot_product", [12.5, 0, 3.5, 0.5]),
    ],
)
def test_scores(similarity: str, expected: list[float]) -> None:
    query = np.array([4, 3], dtype=np.float32)
    assert scores(MATRIX, query, similarity).tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("similarity", "threshold", "score"),
    [("cosine", 0.5, 0.75), ("dot_product", -1, 0), ("l2_norm", 2, 0.2), ("max_inner_product", -1, 0.5)],
)
def test_the_least_similarity_as_a_score(similarity: str, threshold: float, score: float) -> None:
    assert least_score(similarity, threshold) == pytest.approx(score)


def test_nearest() -> None:
    docs, scored = np.array([2, 5, 6, 9]), np.array([0.5, 0.9, 0.5, 0.7], dtype=np.float32)
    assert nearest(docs, scored, 3)[0].tolist() == [2, 5, 9]
    assert nearest(docs, scored, 3, np.float32(0.6))[0].tolist() == [5, 9]
    assert nearest(docs, scored, 9)[0].tolist() == [2, 5, 6, 9]


def test_a_field_of_vectors_that_no_document_has_is_near_nothing() -> None:
    properties = {"name": {"type": "text"}, "far": {"type": "dense_vector", "dims": 2}}
    index = BodyIndex(Schema.of({"mappings": {"properties": properties}}), Analysis(), [{"name": "sofa"}])
    near = {"field": "far", "query_vector": [1, 1], "k": 1}
    assert index.search([{"knn": near}, {"query": {"match": {"name": "sofa"}}, "knn": near}], hits=1)[1].total == 1


# scores of 8.19.5 and 9.5.2: vectors whose squared length is within 0.001 of 1 are taken as they are
@pytest.mark.parametrize(
    ("vector", "query", "score"),
    [
        ([1.0004, 0.0], [1.0004, 0.0], 1.0004001),
        ([1.0004, 0.0], [1.0, 0.0], 1.0002),
        ([1.00049, 0.0], [1.0, 0.0], 1.000245),
        ([0.9996, 0.0], [0.9996, 0.0], 0.99960005),
        ([0.7, 0.7148], [0.7, 0.7148], 1.0004694),
        ([0.7, 0.7148], [3.0, 4.0], 0.99592),
        ([1.0006, 0.0], [1.0006, 0.0], 1.0),
        ([1e-22, 0.0], [1.0, 0.0], 1.0048423),
    ],
)
def test_nearly_unit_vectors_are_not_normalized_for_a_cosine(vector: Any, query: Any, score: float) -> None:
    matrix = np.array([vector], dtype=np.float32)
    assert scores(matrix, np.array(query, dtype=np.float32), "cosine")[0] == pytest.approx(score, abs=2e-7)
