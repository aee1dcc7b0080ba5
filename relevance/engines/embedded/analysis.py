"""Elasticsearch's standard analyzer, words by UAX #29, emoji by UTS #51, lower case; and texts as counts of tokens.

The word rules are those of Unicode Standard Annex #29, as Lucene's standard tokenizer reads them: a run of a South
East Asian script is one token, a Han or Hiragana character is one each, and of all readings the longest counts. What a
code point is stands in `word_breaks.txt`, in the tokenizer's Unicode versions and not in those of this Python.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache
from importlib import resources
from string import ascii_letters
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

Counts: TypeAlias = "sparse.csr_array[np.float32, tuple[int, int]]"
"""Shape (texts, tokens): how often a token occurs in a text."""

MAX_TOKEN_LENGTH = 255
"""In UTF-16 units; a longer token is split."""

_ASCII_WORD = r"(?:[a-z]+(?:[.:'][a-z]+)*|[0-9]+(?:[.,;'][0-9]+)*)+"
_ascii_tokens = re.compile(rf"_*{_ASCII_WORD}(?:_+{_ASCII_WORD})*_*").findall
_LAST_OF_ONE_UNIT = "\uffff"


def analyze(text: str) -> list[str]:
    """Cut a text into its tokens, in order."""
    return [token for chunk in text.split(" ") for token in chunk_tokens(chunk)]


def chunk_tokens(chunk: str) -> list[str]:
    """Cut a piece of text between spaces, which no token crosses."""
    if chunk.isascii() and len(chunk) <= MAX_TOKEN_LENGTH:
        return _ascii_tokens(chunk.lower())
    # Case is mapped code point by code point: no final sigma, and a dotted capital I loses its dot.
    return [token.replace("\u0130", "i").replace("\u03a3", "\u03c3").lower() for token in _unicode_tokens(chunk)]


def _unicode_tokens(chunk: str) -> list[str]:
    """The tokens of any chunk, before their case is mapped."""
    classes, *rules = _grammar()
    spelt, wide = chunk.translate(classes), max(chunk) > _LAST_OF_ONE_UNIT
    tokens, at = [], 0
    while at < len(spelt):
        limit = _limit(chunk, at) if wide else at + MAX_TOKEN_LENGTH
        end = max((match.end() for rule in rules if (match := rule.match(spelt, at, limit))), default=None)
        if end:
            tokens.append(chunk[at:end])
        at = end or at + 1
    return tokens


def _limit(chunk: str, start: int) -> int:
    """Where a token that begins at `start` has to end at the latest; a surrogate pair is not split."""
    units = 0
    for place, sign in enumerate(chunk[start : start + MAX_TOKEN_LENGTH], start):
        units += 2 if sign > _LAST_OF_ONE_UNIT else 1
        if units > MAX_TOKEN_LENGTH:
            return place
    return start + MAX_TOKEN_LENGTH


class _Classes(dict[int, str]):
    """Code point to the letter of its class, for `str.translate`; looked up in the runs of the table when first met."""

    def __init__(self, runs: list[tuple[int, int, str]]) -> None:
        super().__init__()
        self._firsts = [first for first, _, _ in runs]
        self._runs = runs

    def __missing__(self, code_point: int) -> str:
        _, last, letter = self._runs[bisect_right(self._firsts, code_point) - 1]
        return self.setdefault(code_point, letter if code_point <= last else "-")


@cache
def _grammar() -> tuple[_Classes, re.Pattern[str], re.Pattern[str]]:
    """Put the rules of words and of emoji over an alphabet of one letter a class, so that `re` can run them."""
    letters: dict[str, str] = {}
    runs = [(0, -1, "")]
    table = resources.files(__package__).joinpath("word_breaks.txt").read_text(encoding="ascii")
    for line in table.splitlines():
        if line.startswith("#"):
            continue
        run, _, properties = line.partition(" ; ")
        first, last = run.split("..")
        letter = letters.setdefault(properties, ascii_letters[len(letters)])
        runs.append((int(first, 16), int(last, 16), letter))
    return (_Classes(runs), re.compile(_word_rule(letters)), re.compile(_emoji_rule(letters)))


def _having(letters: dict[str, str], *names: str, but: tuple[str, ...] = ()) -> str:
    """The letters of all classes that have one of the properties `names` and none of `but`, as a set of `re`."""
    held = ((set(properties.split()), letter) for properties, letter in letters.items())
    return "[" + "".join(letter for each, letter in held if each & set(names) and not each & set(but)) + "]"


def _word_rule(letters: dict[str, str]) -> str:
    """UAX #29, WB4 to WB13b: each sign is followed by any number of extending ones.

    A quantifier never gives back (`*+`): what follows a sign decides alone which rule can go on, so that no text takes
    more than linear time.
    """
    extending = _having(letters, "Extend", "Format", "ZWJ") + "*+"

    def sign(*names: str) -> str:
        return _having(letters, *names) + extending

    hebrew, letter, digit = sign("Hebrew_Letter"), sign("ALetter", "Hebrew_Letter"), sign("Numeric")
    in_word = sign("MidLetter", "MidNumLet", "Single_Quote")
    in_number = sign("MidNum", "MidNumLet", "Single_Quote")
    quoted = f"{hebrew}(?:{sign('Single_Quote')}|{sign('Double_Quote')}{hebrew})"
    alphanumeric = f"(?:{quoted}|{digit}(?:{in_number}{digit})*+|{letter}(?:{in_word}{letter})*+)++"
    block = f"(?:(?:{sign('Katakana')})++|{alphanumeric})"
    joins = f"(?:{sign('ExtendNumLet')})"
    word = f"{joins}*+{block}(?:{joins}++{block})*{joins}*+"
    return f"{word}|(?:{sign('Complex_Context')})++|{sign('Han', 'Hiragana')}"


def _emoji_rule(letters: dict[str, str]) -> str:
    """UTS #51: pictographs, alone or joined by ZWJ, with skin tones or tags; keycaps; flags."""
    every = ("Extend", "Format", "ZWJ")
    extending = _having(letters, *every, but=("Text_Selector", "Emoji_Selector")) + "*+"
    to_keycap = _having(letters, *every, but=("Text_Selector", "Emoji_Selector", "Keycap")) + "*+"
    zwj, selector, keycap = _having(letters, "ZWJ"), _having(letters, "Emoji_Selector"), _having(letters, "Keycap")
    picture, tone = _having(letters, "Pictographic"), _having(letters, "Emoji_Modifier")
    pictured = f"{picture}{extending}"
    toned = f"(?:{_having(letters, 'Emoji_Modifier_Base')}{extending})?{tone}{extending}"
    # The joining ZWJ is the last of the extending signs, or it follows the selector.
    joined = f"(?<={zwj})(?={picture}|{tone})"
    selected = f"{selector}(?:{zwj}++(?={picture})|{zwj}(?={tone}))"
    joining = f"(?:{toned}{joined}|{pictured}(?:{joined}|{selected}))"
    sequence = f"(?:{zwj}++(?={picture}))?{joining}*(?:{toned}|{pictured}{selector}?)"
    tagged = f"{zwj}*+{pictured}{selector}{_having(letters, 'Tag')}++{_having(letters, 'Cancel_Tag')}"
    boxed = f"{_having(letters, 'Keycap_Base')}(?:{extending}{selector}{keycap}|{to_keycap}{keycap}){extending}"
    flag = f"(?:{_having(letters, 'Regional_Indicator')}{_having(letters, *every)}*+){{2}}"
    return f"{tagged}|{sequence}|{boxed}|{flag}"


class Vocabulary:
    """The tokens of all fields, numbered as they are met until the vocabulary is settled.

    The tokens of a piece of text between spaces are remembered: nearly all of a text was seen before.
    """

    _REMEMBERED = 500_000
    _AT_ONCE = 1_000_000
    """So many tokens are a list, which weighs thrice what an array does."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._pieces: dict[str, list[int]] = {}
        self._settled = False

    def __len__(self) -> int:
        return len(self._numbers)

    def settle(self) -> None:
        """From now on leave out tokens that have no number."""
        self._settled = True
        self._pieces.clear()

    def count(self, texts: Iterable[str]) -> Counts:
        """Count the tokens of texts; there are as many columns as tokens have a number afterwards."""
        parts: list[npt.NDArray[np.int32]] = []
        tokens: list[int] = []
        ends = [0]
        before = 0
        for text in texts:
            for piece in text.split(" "):
                known = self._pieces.get(piece)
                tokens += self._learnt(piece) if known is None else known
            ends.append(before + len(tokens))
            if len(tokens) >= self._AT_ONCE:
                parts.append(np.array(tokens, dtype=np.int32))
                before += len(tokens)
                tokens.clear()
        numbers = np.concatenate([*parts, np.array(tokens, dtype=np.int32)])
        ones = np.ones(len(numbers), dtype=np.float32)
        shape = (len(ends) - 1, len(self))
        # One type of both, or scipy widens the smaller; that of the numbers does for two thousand million tokens.
        offsets = np.array(ends, dtype=np.int32 if len(numbers) <= np.iinfo(np.int32).max else np.int64)
        counts = sparse.csr_array((ones, numbers, offsets), shape=shape)
        counts.sum_duplicates()
        return counts

    def _learnt(self, piece: str) -> list[int]:
        if self._settled:
            numbers = [self._numbers[token] for token in chunk_tokens(piece) if token in self._numbers]
        else:
            numbers = [self._numbers.setdefault(token, len(self._numbers)) for token in chunk_tokens(piece)]
        if len(self._pieces) >= self._REMEMBERED:
            self._pieces.clear()
        self._pieces[piece] = numbers
        return numbers
