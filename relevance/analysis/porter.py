"""Porter's stemmer: M. F. Porter, "An algorithm for suffix stripping" (1980), with its author's later departures.

Not Snowball's of that name: words of one or two letters stay, `-bli` and `-logi` are endings, any doubled consonant is
undone, and `y` alone is a letter of two minds.
"""

from __future__ import annotations

_STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "bli": "ble", "alli": "al",
    "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al",
    "iveness": "ive", "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble", "logi": "log",
}  # fmt: skip
_STEP_3 = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
_STEP_4 = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti",
    "ous", "ive", "ize",
)  # fmt: skip


class _Letters(dict[int, str]):
    """Code point to `v` or `c`, for `str.translate`."""

    def __missing__(self, code_point: int) -> str:
        return self.setdefault(code_point, "v" if chr(code_point) in "aeiou" else "c")


_LETTERS = _Letters()


def _shape(word: str) -> str:
    """The word as `v` and `c`: a `y` is a consonant at the beginning and behind a vowel."""
    shape = word.translate(_LETTERS)
    if "y" in word:
        for at, letter in enumerate(word):
            if letter == "y" and at and shape[at - 1] == "c":
                shape = f"{shape[:at]}v{shape[at + 1 :]}"
    return shape


def _measure(shape: str) -> int:
    return shape.count("vc")


def _is_short(stem: str, shape: str) -> bool:
    """Whether it ends in consonant, vowel, consonant, the last none of w, x and y."""
    return shape.endswith("cvc") and stem[-1] not in "wxy"


def porter(word: str) -> str:
    """Stem an English word in lower case."""
    if len(word) < 3:
        return word
    word = _past(_plural(word))
    if word[-1] == "y" and "v" in _shape(word[:-1]):
        word = word[:-1] + "i"
    return _final(_stripped(_replaced(_replaced(word, _STEP_2), _STEP_3)))


def _plural(word: str) -> str:
    if word[-1] != "s" or word[-2] == "s":
        return word
    return word[:-2] if word.endswith(("sses", "ies")) else word[:-1]


def _past(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(_shape(word[:-3])) else word
    ending = "ed" if word.endswith("ed") else "ing" if word.endswith("ing") else ""
    stem = word[: -len(ending)] if ending else ""
    shape = _shape(stem)
    if "v" not in shape:
        return word
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if len(stem) > 1 and stem[-1] == stem[-2] and shape[-1] == "c":
        return stem if stem[-1] in "lsz" else stem[:-1]
    return stem + "e" if _measure(shape) == 1 and _is_short(stem, shape) else stem


def _replaced(word: str, endings: dict[str, str]) -> str:
    """Replace the longest ending that fits, if what stands before it has a measure."""
    for size in range(min(7, len(word)), 2, -1):
        ending = endings.get(word[-size:])
        if ending is not None:
            stem = word[:-size]
            return stem + ending if _measure(_shape(stem)) else word
    return word


def _stripped(word: str) -> str:
    if not word.endswith(_STEP_4):
        return word
    ending = max((one for one in _STEP_4 if word.endswith(one)), key=len)
    stem = word[: -len(ending)]
    if (ending == "ion" and stem[-1:] not in {"s", "t"}) or _measure(_shape(stem)) < 2:
        return word
    return stem


def _final(word: str) -> str:
    if word[-1] == "e":
        stem = word[:-1]
        shape = _shape(stem)
        if _measure(shape) > 1 or (_measure(shape) == 1 and not _is_short(stem, shape)):
            word = stem
    return word[:-1] if word.endswith("ll") and _measure(_shape(word[:-1])) > 1 else word
