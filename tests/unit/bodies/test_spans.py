"""Phrases over synonym graphs: frequencies of both releases for `match_phrase`, rules `a b, x` and `c, y z w`."""

import pytest

from relevance.engines.embedded.bodies.spans import Either, Gap, Near, Span, Word

TEXTS = ["a b c", "x c", "x y z w", "a b y z w", "x x c", "c", "y z w", "k x c x y z w", "b c", "o x c"]

X = Either((Near((Word("a"), Word("b"))), Word("x")))
C = Either((Near((Word("y"), Word("z"), Word("w"))), Word("c")))


def frequencies(span: Span, texts: list[str]) -> list[int]:
    result = []
    for text in texts:
        positions: dict[str, list[int]] = {}
        for position, word in enumerate(text.split()):
            positions.setdefault(word, []).append(position)
        result.append(len(span.extents(positions)))
    return result


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Near((X, C)), [1, 1, 1, 1, 1, 0, 0, 2, 0, 1]),
        (C, [1, 1, 1, 1, 1, 1, 1, 2, 1, 1]),
        (X, [1, 1, 1, 1, 2, 0, 0, 2, 0, 1]),
        (Near((X, Word("k"))), [0] * 10),
    ],
)
def test_frequencies(span: Span, expected: list[int]) -> None:
    assert frequencies(span, TEXTS) == expected


def test_a_gap_takes_the_place_of_a_stop_word() -> None:
    after = Either((Near((Gap(1), Word("y"), Word("z"), Word("w"))), Near((Gap(1), Word("c")))))
    assert frequencies(Near((X, after)), ["x o c", "x c", "a b o y z w"]) == [1, 0, 1]
    assert frequencies(after, ["c", "o c"]) == [0, 1], "a gap is never before the start of a text"


def test_a_part_that_has_moved_on_does_not_go_back() -> None:
    long_and_short = Either((Near((Word("a"), Word("b"), Word("c"))), Word("b")))
    assert frequencies(Near((long_and_short, Either((Word("c"), Word("d"))))), ["a b c d", "a b c"]) == [1, 0]
