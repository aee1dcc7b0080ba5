"""Filters that write the letters of a language in one way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources

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


def _pairs(text: str) -> dict[int, str | None]:
    """Read `28>27` and `3C>` as letters by their number in the block of Devanagari."""
    cells = (cell.split(">") for cell in text.split())
    return {0x900 + int(old, 16): chr(0x900 + int(new, 16)) if new else None for old, new in cells}


_HINDI = str.maketrans(
    _pairs(
        "01>02 3C> 29>28 31>30 34>33 58>15 59>16 5A>17 5B>1C 5C>21 5D>22 5E>2B 5F>2F 4D> 45>47 46>47 49>4B 4A>4B 0D>0F "
        "0E>0F 11>13 12>13 72>05 06>05 08>07 0A>09 60>0B 61>0C 10>0F 14>13 40>3F 42>41 44>43 63>62 48>47 4C>4B"
    )
    | {0x200C: None, 0x200D: None}
)


def hindi(term: str) -> str:
    """Write nasal signs, long vowels and letters with a dot in one way, without virama and joiners."""
    return term.replace("\u0928\u094d", "\u0902").translate(_HINDI)


@cache
def _indic() -> tuple[re.Pattern[str], dict[str, str]]:
    text = resources.files(__package__).joinpath("indic_letters.txt").read_text(encoding="ascii")
    letters: dict[str, str] = {}
    blocks: dict[str, int] = {}
    for line in text.splitlines():
        first, *scripts = line.split()
        if first == "block":
            blocks[scripts[0]] = int(scripts[1], 16)
        elif first != "#":
            *parts, letter = first.replace(">", "-").split("-")
            for script in scripts:
                signs = ["\u200d" if part == "ZWJ" else chr(blocks[script] + int(part, 16)) for part in parts]
                letters.setdefault("".join(signs), chr(blocks[script] + int(letter, 16)))
    return re.compile("|".join(letters)), letters


def indic(term: str) -> str:
    """Write letters of India's scripts that are put together of others as one."""
    if term.isascii():
        return term
    finder, letters = _indic()
    return finder.sub(lambda match: letters[match[0]], term)


_BENGALI = {
    "\u09c0": "\u09bf", "\u09c2": "\u09c1", "\u0999": "\u0982", "\u09b6": "\u09b8", "\u09b7": "\u09b8",
    "\u09a3": "\u09a8", "\u09dc": "\u09b0", "\u09dd": "\u09b0", "\u09ce": "\u09a4",
}  # fmt: skip
_VIRAMA = "\u09cd"


def bengali(term: str) -> str:
    """Write letters that sound alike as one.

    N. UzZaman and M. Khan, "A double metaphone encoding for Bangla" (2004), as Lucene reads it.
    """
    if term.isascii():
        return term
    signs = list(term)
    at = 0
    while at < len(signs):
        sign = signs[at]
        behind_virama = at > 0 and signs[at - 1] == _VIRAMA
        if sign == "\u0981":
            del signs[at]
            continue
        if sign == "\u0995" and signs[at + 1 : at + 3] == [_VIRAMA, "\u09bf"]:
            signs[at : at + 3] = ["\u0996"] if at == 0 else [sign, "\u0996"]
        elif sign == "\u09af" and behind_virama:
            if at == 2:
                signs[1] = "\u09c7"
                del signs[2 : 4 if signs[3:4] == ["\u09be"] else 3]
            else:
                del signs[at - 1 : at + 1]
                at -= 1
            continue
        elif sign == "\u09ac" and behind_virama and at > 1:
            if at == 2 or (at >= 5 and signs[at - 3] == _VIRAMA):
                del signs[at - 1 : at + 1]
                at -= 1
            else:
                signs[at - 1] = signs[at - 2]
                del signs[at]
            continue
        elif sign == "\u0983":
            if at + 1 < len(signs):
                signs[at] = signs[at + 1]
            else:
                signs[at:] = ["\u09b9"] if len(signs) <= 3 else []
        else:
            signs[at] = _BENGALI.get(sign, sign)
        at += 1
    return "".join(signs)


_SORANI = str.maketrans("\u064a\u0649\u0643\u0629\u06be\u0692", "\u06cc\u06cc\u06a9\u06d5\u0647\u0695")


_is_mark = re.compile("[\u0640\u064b-\u0652]")


def sorani(term: str) -> str:
    """Write the forms of yeh, kaf, heh and reh in one way, without marks."""
    if term.isascii():
        return term
    signs: list[str] = []
    for at, sign in enumerate(term):
        if sign == "\u200c" and signs and signs[-1] == "\u0647":
            signs[-1] = "\u06d5"
        if _is_mark.match(sign) or (unicodedata.category(sign) == "Cf" and sign <= "\uffff"):
            continue
        if sign == "\u0647" and at == len(term) - 1:
            signs.append("\u06d5")
        elif sign == "\u0631" and not signs:
            signs.append("\u0695")
        else:
            signs.append(sign.translate(_SORANI))
    return "".join(signs)


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
    prefix = f"{term[0]}-" if len(term) > 1 and term[0] in "nt" and term[1] in "AEIOUÁÉÍÓÚ" else ""
    signs = term[1:] if prefix else term
    return prefix + "".join(lower(sign) if sign <= "\uffff" else sign for sign in signs)


_GREEK = str.maketrans("άέήίϊΐόύϋΰώςΆΈΉΊΪΌΎΫΏ", "αεηιιιουυυωσαεηιιουυω")


def greek_lower(term: str) -> str:
    """Lower case, without accents and with one sigma."""
    return lower(term.translate(_GREEK))


def _translation(table: Mapping[int, str | None]) -> Callable[[str], str]:
    return lambda term: term.translate(table)


LOWER: dict[str, Callable[[str], str]] = {"turkish": turkish_lower, "irish": irish_lower, "greek": greek_lower}
"""Lower case by language."""
NORMALIZATIONS: dict[str, Callable[[str], str]] = {
    "arabic_normalization": _translation(_ARABIC),
    "bengali_normalization": bengali,
    "cjk_width": cjk_width,
    "german_normalization": german,
    "hindi_normalization": hindi,
    "indic_normalization": indic,
    "persian_normalization": _translation(_PERSIAN),
    "scandinavian_folding": scandinavian_folding,
    "scandinavian_normalization": scandinavian,
    "serbian_normalization": _translation(_SERBIAN),
    "sorani_normalization": sorani,
}
"""By the name of the filter."""
