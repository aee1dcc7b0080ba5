"""Frequencies of phrases, as both releases give them by `_explain`: each text is a document."""

import numpy as np
import pytest

from relevance.engines.embedded.bodies.proximity import POSITION_BITS, Slot, exact, sloppy

TEXTS = [
    *("a b c", "c b a", "a x b", "a b a b", "b a b a", "a a b"),
    *("a b b a a", "x a y b z a", "a c b a b c", "b b a", "a a a", "c a b c a b"),
]

THIRD = np.float32(1) / np.float32(3)


def slots(phrase: str, texts: list[list[str]]) -> list[Slot]:
    """The positions of a phrase; `a/b` in a phrase or a text are two terms at one position."""
    found = []
    for offset, word in enumerate(phrase.split()):
        places = [
            doc << POSITION_BITS | position
            for doc, text in enumerate(texts)
            for position, words in enumerate(text)
            for term in words.split("/")
            if term in word.split("/")
        ]
        found.append(Slot(offset, tuple(word.split("/")), np.array(places, dtype=np.int64)))
    return found


def frequencies(phrase: str, slop: int, texts: list[str]) -> list[float]:
    parts = slots(phrase, [text.split() for text in texts])
    docs, freqs = sloppy(parts, slop) if slop else exact(parts)
    result = np.zeros(len(texts), dtype=np.float32)
    result[docs] = freqs
    return result.tolist()


@pytest.mark.parametrize(
    ("phrase", "slop", "expected"),
    [
        ("a b", 0, [1, 0, 0, 2, 1, 1, 1, 0, 1, 0, 0, 2]),
        ("a b", 1, [1, 0, 0.5, 2, 1, 1, 1, 0.5, 1.5, 0, 0, 2]),
        ("a b", 2, [1, THIRD, 0.5, 2, 1, 1, 1.3333334, 0.5, 1.5, THIRD, 0, 2]),
        ("b a", 3, [THIRD, 1, 0.25, 1, 2, THIRD, 1.3333334, 0.75, 1, 1, 0, 1.1666667]),
        ("a b c", 2, [1, 0, 0, 0, 0, 0, 0, 0, 1.3333334, 0, 0, 1]),
        ("c b a", 4, [0.2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1.3333334]),
        ("a a", 0, [0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 2, 0]),
        ("a a", 2, [0, 0, 0, 0.5, 0.5, 1, 1.3333334, 0, THIRD, 0, 2, THIRD]),
        ("a b a", 2, [0, 0, 0, 1, 1, THIRD, 0.8333334, THIRD, 0.5, 0, 0, 0.5]),
        ("b a b", 3, [0, 0, 0, 1, 1, 0, 0.6666667, 0, 1, THIRD, 0, 0.75]),
        ("a a b", 2, [0, 0, 0, 0.8333334, THIRD, 1, THIRD, 0, THIRD, 0, 0, THIRD]),
        ("a b a b", 5, [0, 0, 0, 1, THIRD, 0, THIRD, 0, 0.5, 0, 0, 0.5]),
        ("a a a", 4, [0, 0, 0, 0, 0, 0, THIRD, 0, 0, 0, 1, 0]),
    ],
)
def test_frequencies(phrase: str, slop: int, expected: list[float]) -> None:
    assert frequencies(phrase, slop, TEXTS) == pytest.approx(expected, abs=1e-7)


def test_terms_at_one_position() -> None:
    assert frequencies("a/x b", 0, ["a b", "x b", "a/x b", "a x b"]) == [1, 1, 2, 1]
    assert frequencies("b a/x", 0, ["b a/x", "b x a"]) == [1, 1], "only the first position counts twice"


def test_a_phrase_does_not_reach_into_the_next_document() -> None:
    assert frequencies("a b", 0, ["x a", "b x", "a b"]) == [0, 0, 1]
    assert frequencies("a b", 3, ["x a", "b x", "a b"]) == [0, 0, 1]


def test_a_word_that_no_document_has() -> None:
    assert frequencies("a q", 0, TEXTS) == frequencies("a q", 2, TEXTS) == [0.0] * len(TEXTS)


def test_repeated_terms_at_one_place_of_the_first_document_are_one_group() -> None:
    """The hits of both releases, where the index has `c` and `d` at each `c`: the first text decides for all."""
    texts = ["c b d c d", "d c b d c d", "c c b d d c d", "d b c c b d c d d", "c b d d c"]
    indexed = [text.replace("c", "c/d") for text in texts]
    assert np.flatnonzero(frequencies("c b d c d", 1, indexed)).tolist() == [2, 3]
    assert np.flatnonzero(frequencies("c d c d", 3, indexed)).tolist() == [2, 3]
    assert not any(frequencies("c d d c", 4, indexed))
