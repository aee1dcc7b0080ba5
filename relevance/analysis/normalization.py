"""Filters that write the letters of a language in one way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

from relevance.analysis.standard import lower

_ARABIC = str.maketrans(
    {"\u0622": "\u0627", "\u0623": "\u0627", "\u0625": "\u0627", "\u0649": "\u064a", "\u0629": "\u0647", "\u0640": None}
    | {chr(mark): None for mark in range(0x64B, 0x653)}
)
_PERSIAN = str.maketrans(
    {"\u06cc": "\u064a", "\u06d2": "\u064a", "\u06a9": "\u0643", "\u06c0": "\u0647", "\u06c1": "\u0647", "\u0654": None}
)
_SERBIAN = str.maketrans(
    dict(zip("абвгдежзијклмнопрстћуфхцчшčćžš", "abvgdezzijklmnoprstcufhccscczs", strict=True))
    | {"ђ": "dj", "đ": "dj", "љ": "lj", "њ": "nj", "џ": "dz"}
)
_ROMANIAN = str.maketrans({"\u015f": "\u0219", "\u015e": "\u0218", "\u0163": "\u021b", "\u0162": "\u021a"})


def arabic(term: str) -> str:
    """Write the forms of alef, yeh and teh marbuta as one, without marks."""
    return term.translate(_ARABIC)


def persian(term: str) -> str:
    """Write the forms of yeh, keheh and heh as Arabic does."""
    return term.translate(_PERSIAN)


def serbian(term: str) -> str:
    """Write Cyrillic as Latin, without signs above letters."""
    return term.translate(_SERBIAN)


def romanian(term: str) -> str:
    """Write s and t with a comma, not with a cedilla."""
    return term.translate(_ROMANIAN)


def german(term: str) -> str:
    """Write umlauts, also `ae`, `oe`, `ue`, as plain vowels, a sharp s as `ss`; `ue` stays behind a vowel and q."""
    if not any(letter in term for letter in "eäöüß"):
        return term
    letters: list[str] = []
    open_to_e = after_vowel = False
    for letter in term:
        if letter == "e" and open_to_e:
            open_to_e, after_vowel = False, True
            continue
        letters.append({"ä": "a", "ö": "o", "ü": "u", "ß": "ss"}.get(letter, letter))
        open_to_e = letter in "ao" or (letter == "u" and not (open_to_e or after_vowel))
        after_vowel = letter in "eiqyäöü" or (letter == "u" and not open_to_e)
    return "".join(letters)


_ONE = str.maketrans("äÄöÖ", "æÆøØ")
_TWO = {"a": {"a": "å", "o": "å", "e": "æ"}, "o": {"e": "ø", "o": "ø"}}
_pair = re.compile(r"a[aoe]|o[eo]", re.IGNORECASE | re.ASCII)


def scandinavian(term: str) -> str:
    """Write ä, ö and pairs of vowels as æ, ø and å."""

    def one(match: re.Match[str]) -> str:
        pair: str = match[0]
        letter = _TWO[pair[0].lower()][pair[1].lower()]
        return letter.upper() if pair[0].isupper() else letter

    return _pair.sub(one, term.translate(_ONE))


_FOLDED = str.maketrans("åäæÅÄÆöøÖØ", "aaaAAAooOO")


def scandinavian_folding(term: str) -> str:
    """Write å, ä, æ as a, and ö, ø as o; of pairs of vowels the first."""
    return _pair.sub(lambda match: match[0][0], term).translate(_FOLDED)


@cache
def _widths() -> dict[int, str]:
    """Full-width ASCII to ASCII, half-width Katakana to their full form."""
    ascii_forms = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    return ascii_forms | {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF65, 0xFF9E)}


def cjk_width(term: str) -> str:
    """Write full-width ASCII as ASCII and half-width Katakana in their full form, with their marks."""
    letters: list[str] = []
    for sign in term:
        mark = {"\uff9e": "\u3099", "\uff9f": "\u309a"}.get(sign)
        joined = unicodedata.normalize("NFC", letters[-1] + mark) if mark and letters else ""
        if len(joined) == 1:
            letters[-1] = joined
        else:
            letters.append(mark or sign.translate(_widths()))
    return "".join(letters)


def turkish_lower(term: str) -> str:
    """Lower case, where a capital I without a dot stays without one."""
    letters: list[str] = []
    behind_i = False
    for at, sign in enumerate(term):
        behind_i = sign == "I" or (behind_i and unicodedata.category(sign) == "Mn")
        if behind_i and sign == "\u0307":
            continue
        if sign == "I":
            behind_i = _is_dotted(term, at + 1)
            letters.append("i" if behind_i else "ı")
        else:
            letters.append(lower(sign))
    return "".join(letters)


def _is_dotted(term: str, at: int) -> bool:
    for sign in term[at:]:
        if unicodedata.category(sign) != "Mn":
            return False
        if sign == "\u0307":
            return True
    return False


def irish_lower(term: str) -> str:
    """Lower case, with a hyphen behind the n or t that is put before a vowel."""
    if len(term) > 1 and term[0] in "nt" and term[1] in "AEIOUÁÉÍÓÚ":
        return f"{term[0]}-{lower(term[1:])}"
    return lower(term)


_GREEK = str.maketrans("άέήίϊΐόύϋΰώςΆΈΉΊΪΌΎΫΏ", "αεηιιιουυυωσαεηιιουυω")


def greek_lower(term: str) -> str:
    """Lower case, without accents and with one sigma."""
    return lower(term.translate(_GREEK))


LOWER: dict[str, Callable[[str], str]] = {"turkish": turkish_lower, "irish": irish_lower, "greek": greek_lower}
"""Lower case by language."""
NORMALIZATIONS: dict[str, Callable[[str], str]] = {
    "arabic_normalization": arabic,
    "cjk_width": cjk_width,
    "german_normalization": german,
    "persian_normalization": persian,
    "scandinavian_folding": scandinavian_folding,
    "scandinavian_normalization": scandinavian,
    "serbian_normalization": serbian,
}
"""By the name of the filter."""
