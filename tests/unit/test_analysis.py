"""The standard analyzer. The expected tokens are what Elasticsearch 8.19.5 and 9.5.2 answer to `_analyze`."""

from __future__ import annotations

import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relevance.analysis import standard
from relevance.analysis.standard import MAX_TOKEN_LENGTH, analyze

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
WIDE_A = "\U0001d538"

ANALYSED = {
    "signs inside words and numbers": (
        "Drill-bit's 3.5mm, 1,000 pieces",
        ["drill", "bit's", "3.5mm", "1,000", "pieces"],
    ),
    "a sign joins once": ("a.b a..b 1.2 1.a o''b", ["a.b", "a", "b", "1.2", "1", "a", "o", "b"]),
    "low lines join, but are no token": ("x_y _ __ _1", ["x_y", "_1"]),
    "case": (
        "Caf\u00e9 CR\u00c8ME \u0130stanbul \u03a3\u03a3\u03a3",
        ["caf\u00e9", "cr\u00e8me", "istanbul", "\u03c3" * 3],
    ),
    "symbols": ("Bosch\u00ae Makita\u2122 \u00a9", ["bosch", "\u00ae", "makita", "\u2122", "\u00a9"]),
    "flags come in pairs": (
        "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7",
        ["\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7"],
    ),
    "keycaps": ("1\ufe0f\u20e3 #\u20e3 #", ["1\ufe0f\u20e3", "#\u20e3"]),
    "emoji joined and with a skin tone": (f"{FAMILY} \U0001f44d\U0001f3fd", [FAMILY, "\U0001f44d\U0001f3fd"]),
    "emoji joined behind a selector": ("\u2764\ufe0f\u200d\U0001f525", ["\u2764\ufe0f\u200d\U0001f525"]),
    "emoji with tags": (ENGLAND, [ENGLAND]),
    "Han and Hiragana alone": ("\u6771\u4eac \u3072\u3089", ["\u6771", "\u4eac", "\u3072", "\u3089"]),
    "Katakana and Hangul together": (
        "\u30ab\u30bf\u30ab\u30ca \ud55c\uad6d",
        ["\u30ab\u30bf\u30ab\u30ca", "\ud55c\uad6d"],
    ),
    "a run of Thai, of Lao": (
        "\u0e20\u0e32\u0e29\u0e32 \u0ea5\u0eb2\u0ea7",
        ["\u0e20\u0e32\u0e29\u0e32", "\u0ea5\u0eb2\u0ea7"],
    ),
    "format signs stick": ("soft\u00adhyphen zero\u200dwidth", ["soft\u00adhyphen", "zero\u200dwidth"]),
    "Hebrew quotes": ('\u05e6\u05d4"\u05dc \u05d2\' x"y', ['\u05e6\u05d4"\u05dc', "\u05d2'", "x", "y"]),
    "full-width digits": ("\uff11\uff12\uff13 x\uff11", ["\uff11\uff12\uff13", "x\uff11"]),
    "white space": ("non\u00a0breaking tab\ttab line\nline", ["non", "breaking", "tab", "tab", "line", "line"]),
    "units": ("5\u2033 1\u20442 x\u00b2 10\u00b5m 20\u00b0C", ["5", "1\u20442", "x", "10\u00b5m", "20", "c"]),
    "a letter of Unicode 12, none of Unicode 13": ("\ua7c2 \U00016ff0", ["\ua7c3"]),
    "nothing": ("", []),
    "255 letters at most": ("x" * 256, ["x" * 255, "x"]),
    "255 UTF-16 units at most": (WIDE_A * 128, [WIDE_A * 127, WIDE_A]),
    "no pair is split": ("x" + WIDE_A * 127 + "y", ["x" + WIDE_A * 127, "y"]),
}


@pytest.mark.parametrize("case", ANALYSED)
def test_tokens_are_the_servers(case: str) -> None:
    text, tokens = ANALYSED[case]
    assert analyze(text) == tokens


def unicode_words(text: str) -> list[str]:
    pieces = text.split(" ")
    return [piece[start:end] for piece in pieces for start, end in standard._spans(piece, MAX_TOKEN_LENGTH)]


@given(st.text(alphabet=string.printable, max_size=60))
def test_ascii_rule_is_the_general_rule(text: str) -> None:
    assert analyze(text) == [word.lower() for word in unicode_words(text)]


@given(st.text(max_size=100))
def test_tokens_stand_in_the_text_in_order(text: str) -> None:
    end = 0
    for token in unicode_words(text):
        end = text.index(token, end) + len(token)
        assert " " not in token
        assert 1 <= len(token.encode("utf-16-le")) // 2 <= MAX_TOKEN_LENGTH


@given(st.text(), st.text())
def test_a_space_always_separates(left: str, right: str) -> None:
    assert analyze(f"{left} {right}") == analyze(left) + analyze(right)


@pytest.mark.parametrize("sign", ["_", "\u200d", "\u05d0", "'", "\U0001f3fd", "\U0001f468\u200d", '\u05d0"', "1."])
def test_no_text_is_slow(sign: str) -> None:
    assert sum(map(len, analyze(f"a{sign * 3000}\u00e9"))) > 0


def test_runs_of_the_table_are_disjoint() -> None:
    runs = standard._grammar()[0]._runs
    assert all(left[1] < right[0] for left, right in pairwise(runs))
    assert runs[-1][1] <= 0x10FFFF
