"""The standard tokenizer: words by UAX #29, emoji by UTS #51.

The word rules are those of Unicode Standard Annex #29, as Lucene's standard tokenizer reads them: a run of a South
East Asian script is one token, a Han or Hiragana character is one each, and of all readings the longest counts. What a
code point is stands in `word_breaks.txt`, in the tokenizer's Unicode versions and not in those of this Python.

No word holds a space, so that what is between two spaces can be cut, and remembered, alone.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from importlib import resources
from string import ascii_letters

import regex

MAX_TOKEN_LENGTH = 255
"""In UTF-16 units; a longer token is split."""

_ASCII_WORD = r"(?:[A-Za-z]+(?:[.:'][A-Za-z]+)*|[0-9]+(?:[.,;'][0-9]+)*)+"
_ascii_words = re.compile(rf"_*{_ASCII_WORD}(?:_+{_ASCII_WORD})*_*").findall
_LAST_OF_ONE_UNIT = "\uffff"


def lower(text: str) -> str:
    """Map case code point by code point, as Java does: no final sigma, a dotted capital I loses its dot."""
    if text.isascii():
        return text.lower()
    return text.replace("\u0130", "i").replace("\u03a3", "\u03c3").lower()


def upper(text: str) -> str:
    """Map case code point by code point: a sharp s stays one."""
    if text.isascii():
        return text.upper()
    return "".join(map(_upper_sign, text))


def _upper_sign(sign: str) -> str:
    return next((form for form in (sign.upper(), sign.title()) if len(form) == 1), sign)


def analyze(text: str) -> list[str]:
    """Cut a text into its words, in lower case, in order: the standard analyzer."""
    return [token for chunk in text.split(" ") for token in chunk_tokens(chunk)]


def chunk_tokens(chunk: str) -> list[str]:
    """Cut a piece of text between spaces into its words, in lower case."""
    if chunk.isascii() and len(chunk) <= MAX_TOKEN_LENGTH:
        return _ascii_words(chunk.lower())
    return [lower(chunk[start:end]) for start, end in _spans(chunk, MAX_TOKEN_LENGTH)]


def standard_words(text: str, longest: int = MAX_TOKEN_LENGTH) -> Iterator[tuple[str, bool]]:
    """Cut a text into its words, in their own case, and say which begin where the one before ends.

    A word longer than `longest` UTF-16 units is split.
    """
    for chunk in text.split(" "):
        if chunk.isascii() and len(chunk) <= longest:
            for word in _ascii_words(chunk):
                yield word, False
        else:
            before = -1
            for start, end in _spans(chunk, longest):
                yield chunk[start:end], start == before
                before = end


def _spans(chunk: str, longest: int) -> list[tuple[int, int]]:
    classes, *rules = _grammar()
    spelt, wide = chunk.translate(classes), max(chunk, default="") > _LAST_OF_ONE_UNIT
    spans, at = [], 0
    while at < len(spelt):
        limit = _limit(chunk, at, longest) if wide else at + longest
        end = max((match.end() for rule in rules if (match := rule.match(spelt, at, limit))), default=None)
        if end:
            spans.append((at, end))
        at = end or at + 1
    return spans


def _limit(chunk: str, start: int, longest: int) -> int:
    """Where a token that begins at `start` has to end at the latest; a surrogate pair is not split."""
    units = 0
    for place, sign in enumerate(chunk[start : start + longest], start):
        units += 2 if sign > _LAST_OF_ONE_UNIT else 1
        if units > longest:
            return place
    return start + longest


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


_NUMBER = regex.compile(
    r"(?=.*\p{WB=Numeric})[\p{WB=Numeric}\p{WB=MidNum}\p{WB=MidNumLet}\p{WB=Single_Quote}\p{WB=ExtendNumLet}\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]+"
)
_SCRIPTS = {
    "<HANGUL>": regex.compile(r"[\p{Script=Hangul}\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]+"),
    "<KATAKANA>": regex.compile(r"[\p{WB=Katakana}\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]+"),
    "<HIRAGANA>": regex.compile(r"\p{Script=Hiragana}[\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]*"),
    "<IDEOGRAPHIC>": regex.compile(r"(?![\u3005\u303b])\p{Script=Han}[\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]*"),
    "<SOUTHEAST_ASIAN>": regex.compile(r"[\p{LineBreak=SA}\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]+"),
}


_has_letter = re.compile("[A-Za-z]").search


@cache
def word_type(token: str) -> str:
    """Give Lucene's name of the kind of a word."""
    if token.isascii():
        return "<ALPHANUM>" if _has_letter(token) else "<NUM>"
    classes, _, emoji_rule = _grammar()
    spelt = token.translate(classes)
    emoji = emoji_rule.match(spelt)
    if emoji and emoji.end() == len(spelt):
        return "<EMOJI>"
    if _NUMBER.fullmatch(token):
        return "<NUM>"
    return next((name for name, script in _SCRIPTS.items() if script.fullmatch(token)), "<ALPHANUM>")
