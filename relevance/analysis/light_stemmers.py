"""Light and minimal stemmers after Jacques Savoy, and the S-stemmer of Harman: plurals and a few endings.

J. Savoy, "Light stemming approaches for the French, Portuguese, German and Hungarian languages" (2006), and his
programs for Spanish, Italian and Swedish; D. Harman, "How effective is suffixing?" (1991). Where Lucene's reading of
them differs, Lucene's holds.
"""

from __future__ import annotations

from collections.abc import Callable


def minimal_english(word: str) -> str:
    """Harman's S-stemmer."""
    if len(word) < 3 or word[-1] != "s":
        return word
    before = word[-2]
    if before in "us":
        return word
    if before == "e":
        if len(word) > 3 and word[-3] == "i" and word[-4] not in "ae":
            return word[:-3] + "y"
        if word[-3] in "ioae":
            return word
    return word[:-1]


def possessive_english(word: str) -> str:
    """Remove `'s`."""
    if len(word) >= 2 and word[-2] in "'\u2019\uff07" and word[-1] in "sS":
        return word[:-2]
    return word


_GERMAN = str.maketrans("äàáâöòóôïìíîüùúû", "aaaaooooiiiiuuuu")
_GERMAN_ST = "bdfghklmnt"


def light_german(word: str) -> str:
    """Remove endings of number, case and gender."""
    word = word.translate(_GERMAN)
    size = len(word)
    if size > 5 and word.endswith("ern"):
        word = word[:-3]
    elif size > 4 and word[-2:] in {"em", "en", "er", "es"}:
        word = word[:-2]
    elif (size > 3 and word[-1] == "e") or (size > 3 and word[-1] == "s" and word[-2] in _GERMAN_ST):
        word = word[:-1]
    size = len(word)
    if size > 5 and word.endswith("est"):
        return word[:-3]
    if size > 4 and (word[-2:] in {"er", "en"} or (word.endswith("st") and word[-3] in _GERMAN_ST)):
        return word[:-2]
    return word


def minimal_german(word: str) -> str:
    """Remove endings of plurals."""
    if len(word) < 5:
        return word
    word = word.translate(str.maketrans("äöü", "aou"))
    size = len(word)
    if size > 6 and word.endswith("nen"):
        return word[:-3]
    if size > 5 and word[-2:] in {"en", "se", "es", "er"}:
        return word[:-2]
    return word[:-1] if word[-1] in "nesr" else word


def minimal_french(word: str) -> str:
    """Remove endings of plurals and of the feminine."""
    if len(word) < 6:
        return word
    if word[-1] == "x":
        return word[:-3] + "al" if word.endswith("aux") else word[:-1]
    if word[-1] == "s":
        word = word[:-1]
    if word[-1] == "r":
        word = word[:-1]
    if word[-1] == "e":
        word = word[:-1]
    if word[-1] == "é":
        word = word[:-1]
    if word[-1] == word[-2] and word[-1].isalpha():
        word = word[:-1]
    return word


_FRENCH = str.maketrans("àáâôèéêùûîç", "aaaoeeeuuic")


def light_french(word: str) -> str:
    """Remove endings of number, gender and some derivations."""
    size = len(word)
    if size > 5 and word[-1] == "x":
        if word.endswith("aux") and word[-4] != "e":
            word = word[:-2] + "l"
        word = word[:-1] if word[-1] == "x" else word
    if len(word) > 3 and word[-1] == "x":
        word = word[:-1]
    if len(word) > 3 and word[-1] == "s":
        word = word[:-1]
    return _french_norm(_french_endings(word))


def _french_endings(word: str) -> str:
    size = len(word)
    if size > 9 and word.endswith("issement"):
        return word[:-7] + "r"
    if size > 8 and word.endswith("issant"):
        return word[:-5] + "r"
    if size > 6 and word.endswith("ement"):
        word = word[:-4]
        size = len(word)
        if size > 3 and word.endswith("ive"):
            word = word[:-2] + "f"
        return word
    if size > 11 and word.endswith("ficatrice"):
        return word[:-7] + "er"
    if size > 10 and word.endswith("ficateur"):
        return word[:-6] + "er"
    if size > 9 and word.endswith("catrice"):
        return word[:-7] + "quer"
    if size > 8 and word.endswith("cateur"):
        return word[:-6] + "quer"
    if size > 8 and word.endswith("atrice"):
        return word[:-6] + "er"
    if size > 7 and word.endswith("ateur"):
        return word[:-5] + "er"
    if size > 6 and word.endswith("trice"):
        word = word[:-5] + "teur"
        size = len(word)
    if size > 5 and word.endswith("ième"):
        return word[:-4]
    if size > 7 and word.endswith("teuse"):
        return word[:-5] + "ter"
    if size > 6 and word.endswith("teur"):
        return word[:-4] + "ter"
    if size > 5 and word.endswith("euse"):
        return word[:-2]
    if size > 8 and word.endswith("ère"):
        return word[:-3] + "er"
    if size > 7 and word.endswith("ive"):
        return word[:-2] + "f"
    if size > 4 and word.endswith(("folle", "molle")):
        return word[:-3] + "u"
    if size > 9 and word.endswith("nnelle"):
        return word[:-5]
    if size > 9 and word.endswith("nnel"):
        return word[:-3]
    if size > 4 and word.endswith("ète"):
        return word[:-3] + "et"
    if size > 8 and word.endswith("ique"):
        word = word[:-4]
        size = len(word)
    if size > 8 and word.endswith("esse"):
        return word[:-3]
    if size > 7 and word.endswith("inage"):
        return word[:-3]
    if size > 9 and word.endswith("isation"):
        word = word[:-7]
        if len(word) > 5 and word.endswith("ual"):
            word = word[:-2] + "el"
        return word
    if size > 9 and word.endswith("isateur"):
        return word[:-7]
    if size > 8 and word.endswith(("ation", "ition")):
        return word[:-5]
    return word


def _french_norm(word: str) -> str:
    if len(word) <= 4:
        return word
    word = word.translate(_FRENCH)
    squeezed = word[0]
    for sign in word[1:]:
        if sign != squeezed[-1] or not sign.isalpha():
            squeezed += sign
    word = squeezed
    if len(word) > 4 and word.endswith("ie"):
        word = word[:-2]
    if len(word) > 4:
        if word[-1] == "r":
            word = word[:-1]
        if word[-1] == "e":
            word = word[:-1]
        if word[-1] == "e":
            word = word[:-1]
        if word[-1] == word[-2] and word[-1].isalpha():
            word = word[:-1]
    return word


PLAIN_VOWELS = str.maketrans("àáâäòóôöèéêëùúûüìíîï", "aaaaooooeeeeuuuuiiii")


def light_spanish(word: str) -> str:
    """Remove endings of number and gender."""
    if len(word) < 5:
        return word
    word = word.translate(PLAIN_VOWELS)
    if word[-1] in "oae":
        return word[:-1]
    if word[-1] == "s":
        if word.endswith("eses"):
            return word[:-2]
        if word.endswith("ces"):
            return word[:-3] + "z"
        if word[-2] in "oae":
            return word[:-2]
    return word


def light_italian(word: str) -> str:
    """Remove endings of number and gender."""
    if len(word) < 6:
        return word
    word = word.translate(PLAIN_VOWELS)
    last = word[-1]
    if last == "e":
        return word[:-2] if word[-2] in "ih" else word[:-1]
    if last == "i":
        return word[:-2] if word[-2] in "hi" else word[:-1]
    if last == "a":
        return word[:-2] if word[-2] == "i" else word[:-1]
    if last == "o":
        return word[:-2] if word[-2] == "i" else word[:-1]
    return word


_PORTUGUESE = str.maketrans("àáâäãòóôöõèéêëùúûüìíîïç", "aaaaaoooooeeeeuuuuiiiic")


def light_portuguese(word: str) -> str:
    """Remove endings of number and gender, and adverbs."""
    if len(word) < 4:
        return word
    word = _portuguese_suffix(word)
    if len(word) > 3 and word[-1] == "a":
        word = _portuguese_feminine(word)
    if len(word) > 4 and word[-1] in "eao":
        word = word[:-1]
    return word.translate(_PORTUGUESE)


def _portuguese_suffix(word: str) -> str:
    size = len(word)
    if size > 4 and word.endswith("es") and word[-3] in "rslz":
        return word[:-2]
    if size > 3 and word.endswith("ns"):
        return word[:-2] + "m"
    if size > 4 and word.endswith(("eis", "éis")):
        return word[:-3] + "el"
    if size > 4 and word.endswith("ais"):
        return word[:-2] + "l"
    if size > 4 and word.endswith("óis"):
        return word[:-3] + "ol"
    if size > 4 and word.endswith("is"):
        return word[:-1] + "l"
    if size > 3 and word.endswith(("ões", "ães")):
        return word[:-3] + "ão"
    if size > 6 and word.endswith("mente"):
        return word[:-5]
    return word[:-1] if size > 3 and word[-1] == "s" else word


def _portuguese_feminine(word: str) -> str:
    size = len(word)
    if size > 7 and word.endswith(("inha", "iaca", "eira")):
        return word[:-1] + "o"
    if size > 6:
        if word.endswith(("osa", "ica", "ida", "ada", "iva", "ama")):
            return word[:-1] + "o"
        if word.endswith("ona"):
            return word[:-3] + "ão"
        if word.endswith("ora"):
            return word[:-1]
        if word.endswith("esa"):
            return word[:-3] + "ês"
        if word.endswith("na"):
            return word[:-1] + "o"
    return word


def light_swedish(word: str) -> str:
    """Remove endings of number, case and definiteness."""
    if len(word) > 4 and word[-1] == "s":
        word = word[:-1]
    size = len(word)
    if size > 7 and word.endswith(("elser", "heten")):
        return word[:-5]
    if size > 6 and word.endswith(("arne", "erna", "ande", "else", "aste", "orna", "aren")):
        return word[:-4]
    if size > 5 and word.endswith(("are", "ast", "het")):
        return word[:-3]
    if size > 4 and word.endswith(("ar", "er", "or", "en", "at", "te", "et")):
        return word[:-2]
    return word[:-1] if size > 3 and word[-1] in "taen" else word


LIGHT: dict[str, Callable[[str], str]] = {
    "minimal_english": minimal_english,
    "possessive_english": possessive_english,
    "light_german": light_german,
    "minimal_german": minimal_german,
    "light_french": light_french,
    "minimal_french": minimal_french,
    "light_spanish": light_spanish,
    "light_italian": light_italian,
    "light_portuguese": light_portuguese,
    "light_swedish": light_swedish,
}
