"""Words and the terms that stand for them; expansions and boosts are those of both releases (`_validate/query`)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relevance.engines.embedded.bodies.edits import Spellings, expansions, fuzziness

TERMS = sorted(
    ["heat", "heater", "heaters", "haeter", "header", "heather", "eater", "hater", "he", "a", "ab", "ba", "é", "été"]
)


@pytest.mark.parametrize(
    ("word", "allowed", "options", "most", "expected"),
    [
        (
            *("heater", "AUTO", {}, 50),
            (
                "eater^0.8 haeter^0.8333333 hater^0.8 header^0.8333333"
                " heat^0.5 heater^1 heaters^0.8333333 heather^0.8333333"
            ),
        ),
        ("heater", "AUTO", {}, 4, "haeter^0.8333333 header^0.8333333 heater^1 heaters^0.8333333"),
        (
            *("heater", 1, {"transpositions": False}, 50),
            "eater^0.8 hater^0.8 header^0.8333333 heater^1 heaters^0.8333333 heather^0.8333333",
        ),
        ("heater", 2, {"prefix": 3}, 50, "header^0.8333333 heat^0.5 heater^1 heaters^0.8333333 heather^0.8333333"),
        ("haeter", 1, {}, 50, "haeter^1 hater^0.8 heater^0.8333333"),
        ("ab", 1, {}, 50, "a^0 ab^1 ba^0.5"),
        ("ab", 2, {}, 50, "a^0 ab^1 ba^0.5 he^0 é^0"),
        ("a", 2, {}, 50, "a^1 ab^0 ba^0 he^0 é^0"),
        ("été", "AUTO", {}, 50, "été^1"),
        ("heat", "AUTO:5,9", {}, 50, "heat^1"),
    ],
)
def test_expansions(word: str, allowed: object, options: dict[str, int], most: int, expected: str) -> None:
    near = Spellings(TERMS).near(word, fuzziness(allowed).edits(word), **options)
    lengths = np.array([len(TERMS[number]) for number in near[0]])
    numbers, boosts = expansions(near, lengths, len(word), most)
    assert [TERMS[number] for number in numbers] == [part.split("^")[0] for part in expected.split()]
    assert boosts.tolist() == [np.float32(part.split("^")[1]) for part in expected.split()]


@pytest.mark.parametrize(
    ("value", "edits"),
    [("AUTO", [0, 1, 2]), ("auto:1,2", [2, 2, 2]), ("AUTO:4,8", [0, 0, 1]), ("1.0", [1, 1, 1]), (2, [2, 2, 2])],
)
def test_edits_by_length(value: object, edits: list[int]) -> None:
    assert [fuzziness(value).edits(word) for word in ("ab", "abc", "abcdef")] == edits


@pytest.mark.parametrize("value", ["0.5", "3", -1, "AUTO:3", "AUTO:6,3", True, "2.7", None])
def test_what_the_server_refuses(value: object) -> None:
    assert fuzziness(value) is None


def distance(left: str, right: str, *, transpositions: bool) -> int:
    """The textbook's table."""
    table = [[max(row, column) for column in range(len(right) + 1)] for row in range(len(left) + 1)]
    for row in range(1, len(left) + 1):
        for column in range(1, len(right) + 1):
            table[row][column] = min(
                table[row - 1][column] + 1,
                table[row][column - 1] + 1,
                table[row - 1][column - 1] + (left[row - 1] != right[column - 1]),
            )
            if transpositions and row > 1 and column > 1 and left[row - 2 : row] == right[column - 2 : column][::-1]:
                table[row][column] = min(table[row][column], table[row - 2][column - 2] + 1)
    return table[-1][-1]


words = st.text("abé😀", max_size=6)


@settings(max_examples=15)
@given(st.sets(words, max_size=12), words, st.integers(0, 2), st.integers(0, 3), st.booleans())
def test_distances(terms: set[str], word: str, edits: int, prefix: int, transpositions: bool) -> None:  # noqa: FBT001
    vocabulary, head = sorted(terms), min(prefix, len(word))
    numbers, distances = Spellings(vocabulary).near(word, edits, prefix=prefix, transpositions=transpositions)
    expected = {
        number: distance(word[head:], term[head:], transpositions=transpositions)
        for number, term in enumerate(vocabulary)
        if term[:head] == word[:head] and len(term) >= head
    }
    near = {number: away for number, away in expected.items() if away <= edits}
    assert dict(zip(numbers.tolist(), distances.tolist(), strict=True)) == near
