"""The order of hits: by score, rescored, sorted, collapsed."""

import numpy as np
import pytest

from relevance.engines.embedded.bodies.arrange import Key, Rescoring, by_score, collapsed, order, rescored


def ranked(**scores: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array([ord(name) - 97 for name in scores]), np.array(list(scores.values()), dtype=np.float32)


def shown(docs: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    return {chr(97 + doc): float(score) for doc, score in zip(docs, scores, strict=True)}


def test_ties_are_in_document_order() -> None:
    assert list(shown(*by_score(*ranked(c=1, a=1, d=3, b=1), most=3))) == ["d", "a", "b"]
    assert list(shown(*by_score(*ranked(c=1, a=1, d=3, b=1)))) == ["d", "a", "b", "c"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("total", {"a": 7, "b": 4, "c": 3}),
        ("multiply", {"a": 6, "b": 4, "c": 3}),
        ("avg", {"b": 4, "a": 3.5, "c": 3}),
        ("max", {"a": 6, "b": 4, "c": 3}),
        ("min", {"b": 4, "c": 3, "a": 1}),
    ],
)
def test_a_product_of_the_window_may_fall_behind_others(mode: str, expected: dict[str, float]) -> None:
    second = ranked(a=0.5, c=9)
    rescoring = Rescoring(*second, window=1, query_weight=np.float32(0.5), rescore_weight=np.float32(2), mode=mode)
    result = shown(*rescored(*ranked(a=12, b=8, c=6), [rescoring], 3))
    assert result == expected
    assert list(result) == list(expected)


def test_what_is_not_collected_takes_no_part() -> None:
    rescoring = Rescoring(*ranked(c=9), window=2)
    assert list(shown(*rescored(*ranked(a=3, b=2, c=1), [rescoring], 1))) == ["a", "b"]
    assert list(shown(*rescored(*ranked(a=3, b=2, c=1), [Rescoring(*ranked(c=9), window=3)], 1))) == ["c", "a", "b"]


def test_several_rescores_follow_each_other() -> None:
    first = Rescoring(*ranked(c=9), window=3)
    second = Rescoring(*ranked(c=1, a=5), window=1, mode="multiply")
    assert shown(*rescored(*ranked(a=3, b=2, c=1), [first, second], 3)) == {"c": 10, "a": 3, "b": 2}


def key(*values: float | None, **options: bool) -> Key:
    return Key(
        np.array([0 if value is None else value for value in values]),
        np.array([value is not None for value in values]),
        **options,
    )


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([key(2, None, 1, 2)], [2, 0, 3, 1]),
        ([key(2, None, 1, 2, descending=True)], [0, 3, 2, 1]),
        ([key(2, None, 1, 2, missing_first=True)], [1, 2, 0, 3]),
        ([key(2, 2, 1, 2), key(1, 9, 0, 5, descending=True)], [2, 1, 3, 0]),
        ([], [0, 1, 2, 3]),
    ],
)
def test_sorting(keys: list[Key], expected: list[int]) -> None:
    assert order(np.arange(4), keys).tolist() == expected


def test_the_first_of_each_group_stays() -> None:
    assert collapsed(np.array([3, 7, 3, -1, 7, -1, 1])).tolist() == [0, 1, 3, 6]
