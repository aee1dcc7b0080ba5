"""Stemmers of languages by published rules; their endings stand in `endings.txt`.

J. Savoy, "Light stemming approaches for the French, Portuguese, German and Hungarian languages" (2006), "Searching
strategies for the Bulgarian language" (2007), and his programs for Spanish, Italian, Swedish, Finnish, Hungarian and
Russian; D. Harman, "How effective is suffixing?" (1991), for minimal_english; K. Kreslins, "A stemming algorithm for
Latvian" (1996); L. Larkey and others, "Improving stemming for Arabic information retrieval" (2002). Where Lucene's
reading of them differs, Lucene's holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from relevance.analysis.endings import Step, step, steps, without_endings, words
from relevance.analysis.tokenizers import is_letter
from relevance.values import units


def _without_each(word: str, endings: Sequence[str]) -> str:
    for ending in endings:
        if len(word) >= len(ending) + 2 and word.endswith(ending):
            word = word[: -len(ending)]
    return word


_ARABIC_PREFIXES = ("ال", "وال", "بال", "كال", "فال", "لل", "و")
_ARABIC_SUFFIXES = ("ها", "ان", "ات", "ون", "ين", "يه", "ية", "ه", "ة", "ي")


def arabic(word: str) -> str:
    """Remove the article, the conjunction and endings: light10."""
    for prefix in _ARABIC_PREFIXES:
        least = 4 if len(prefix) == 1 else len(prefix) + 2
        if len(word) >= least and word.startswith(prefix):
            word = word[len(prefix) :]
            break
    return _without_each(word, _ARABIC_SUFFIXES)


def bulgarian(word: str) -> str:
    """Remove articles and endings of number."""
    if len(word) < 4:
        return word
    plural = step("bulgarian indefinite_plural").applied(word)
    if plural is not None:
        return plural
    word = _bulgarian_plural(step("bulgarian article")(word))
    if len(word) > 3:
        word = word.removesuffix("я")
        word = word[:-1] if word[-1] in "аое" else word
    if len(word) > 4 and word.endswith("ен"):
        word = word[:-2] + "н"
    return word[:-2] + word[-1] if len(word) > 5 and word[-2] == "ъ" else word


def _bulgarian_plural(word: str) -> str:
    singular = step("bulgarian plural").applied(word)
    if singular is not None:
        return singular
    if len(word) > 5 and word[-3] == "е" and word[-1] == "и":
        return word[:-3] + "я" + word[-2]
    if len(word) > 4 and word.endswith("си"):
        return word[:-2] + "х"
    return word.removesuffix("и") if len(word) > 4 else word


_BRAZILIAN = str.maketrans("áâãéêíóôõúüçñ", "aaaeeiooouucn")


def brazilian(word: str) -> str:
    """Remove endings of nouns and verbs, of words of letters alone."""
    stem = word.lower().translate(_BRAZILIAN)
    if len(stem) > 1 and stem[0] in "\"'-,;.?!":
        stem = stem[1:]
    if len(stem) > 1 and stem[-1] in "-,;.?!'\"":
        stem = stem[:-1]
    if not 2 < units(stem) < 30:
        return word
    return _brazilian(stem) if all(is_letter(sign) and sign <= "\uffff" for sign in stem) else stem


def _brazilian(stem: str) -> str:
    first = _behind_consonant(stem)
    region = _verbal_region(stem)
    changed = _brazilian_noun(stem, first, _behind_consonant(first), region)
    if changed is None:
        changed = _in_region(step("brazilian verbs"), stem, region)
    if changed is not None:
        stem = changed.removesuffix("i") if region.endswith("ci") else changed
    else:
        ending = next((one for one in ("os", "a", "i", "o") if region.endswith(one)), "")
        stem = stem.removesuffix(ending)
    if region.endswith("e"):
        stem = stem.removesuffix("e")
        stem = stem.removesuffix(region[-2]) if region.endswith(("gue", "cie")) else stem
    return stem


def _brazilian_noun(stem: str, first: str, second: str, region: str) -> str | None:
    if first.endswith("amente"):
        return stem[:-6]
    changed = _in_region(step("brazilian nouns"), stem, second)
    if changed is None and region.endswith(("iras", "ira")) and stem.endswith(("eiras", "eira")):
        changed = stem.removesuffix("s")[:-1]
    return changed


def _in_region(of: Step, stem: str, region: str) -> str | None:
    changed = of.applied(region)
    return None if changed is None else stem[: len(stem) - len(region)] + changed


def _behind_consonant(word: str) -> str:
    """What follows the first consonant behind a vowel, where that is not the last letter."""
    last = len(word) - 1
    at = next((at for at in range(last) if word[at] in "aeiou"), last)
    at = next((at for at in range(at, last) if word[at] not in "aeiou"), last)
    return word[at + 1 :]


def _verbal_region(word: str) -> str:
    last = len(word) - 1
    if word[1] not in "aeiou" or word[0] in "aeiou":
        to_vowel = word[1] not in "aeiou"
        for at in range(2, last):
            if (word[at] in "aeiou") == to_vowel:
                return word[at + 1 :]
    return word[3:]


def czech(word: str) -> str:
    """Remove endings of case and possession."""
    word = step("czech possession")(step("czech case")(word))
    hard = step("czech palatal").applied(word)
    if hard is not None:
        return hard
    if word[-2:-1] == "e":
        return word[:-2] + word[-1]
    return word[:-2] + "o" + word[-1] if len(word) > 2 and word[-2] == "ů" else word


_GALICIAN = str.maketrans("áéêíóú", "aeeiou")


def galician(word: str) -> str:
    """Remove endings of number, size, nouns and verbs."""
    for name in ("plural", "unification", "adverb"):
        word = step(f"galician {name}")(word)
    smaller = ""
    while len(smaller) != len(word):
        smaller, word = word, step("galician augmentative")(word)
    stem = step("galician noun")(word)
    if len(stem) == len(word):
        stem = step("galician verb")(stem)
    return step("galician vowel")(stem).translate(_GALICIAN)


def greek(word: str) -> str:
    """Remove endings of a word in lower case without accents."""
    if len(word) < 4:
        return word
    *first, long_list, comparison = steps("greek")
    stem = word
    for one in first:
        stem = one(stem)
    if len(stem) == len(word):
        stem = long_list(stem)
    return comparison(stem)


def indonesian(word: str) -> str:
    """Remove particles, possessives and derivations."""
    return _Indonesian(word).stem()


class _Indonesian:
    """F. Z. Tala, "A study of stemming effects on information retrieval in Bahasa Indonesia" (2003)."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.syllables = sum(letter in "aeiou" for letter in word)
        self.removed = ""

    def stem(self) -> str:
        self._end(("kah", "lah", "pun"))
        self._end(("ku", "mu", "nya"))
        if self._first_prefix():
            if self._suffix():
                self._second_prefix()
        else:
            self._second_prefix()
            self._suffix()
        return self.word

    def _end(self, endings: Sequence[str]) -> bool:
        ending = next((one for one in endings if self.word.endswith(one)), None)
        if ending is None or self.syllables <= 2:
            return False
        self.word = self.word[: -len(ending)]
        self.syllables -= 1
        return True

    def _cut(self, size: int, removed: str, before: str = "") -> bool:
        self.word = before + self.word[size:]
        self.syllables -= 1
        self.removed = self.removed or removed
        return True

    def _vowel_at(self, at: int) -> bool:
        return len(self.word) > at and self.word[at] in "aeiou"

    def _first_prefix(self) -> bool:
        if self.syllables <= 2:
            return False
        starts = self.word.startswith
        for nasal in ("meng", "peng"):
            if starts(nasal):
                return self._cut(4, nasal)
            if starts(f"{nasal[:3]}y") and self._vowel_at(4):
                return self._cut(4, nasal, "s")
            if nasal == "peng" and starts("peny"):
                return self._cut(4, nasal)
            if nasal == "peng" and starts("pen") and self._vowel_at(3):
                return self._cut(3, nasal, "t")
            if starts((nasal[:3], f"{nasal[:2]}m")):
                return self._cut(3, nasal)
            if nasal == "meng" and starts("me"):
                return self._cut(2, nasal)
        for prefix in ("di", "ter", "ke"):
            if starts(prefix):
                return self._cut(len(prefix), prefix)
        return False

    def _second_prefix(self) -> bool:
        if self.syllables <= 2:
            return False
        word = self.word
        if word.startswith("ber"):
            return self._cut(3, "ber")
        if word == "belajar":
            return self._cut(3, "ber")
        if word.startswith("be") and len(word) > 4 and word[2] not in "aeiou" and word[3:5] == "er":
            return self._cut(2, "ber")
        if word.startswith("per") or word == "pelajar":
            return self._cut(3, "per")
        return False

    def _suffix(self) -> bool:
        if self.word.endswith("kan") and self.removed not in {"ke", "peng"}:
            return self._end(("kan",))
        if self.word.endswith("an") and self.removed not in {"di", "meng", "ter"}:
            return self._end(("an",))
        if self.word.endswith("i") and not self.word.endswith("si") and self.removed not in {"ber", "ke", "peng"}:
            return self._end(("i",))
        return False


_LATVIAN = (
    ("ajiem ajai", 3),
    ("ajam ajām ajos ajās iem ajā ais ai ei", 2),
    ("ām am ēm īm im um us as ās es os ij īs ēs is ie u a i e ā ē ī ū o", 1),
    ("s š", 0),
)
"""Endings, and how many vowels a word has to have more than."""
_SOFTENING = {"iem", "us", "os", "u", "a", "i"}
_HARD = {"šņ": "sn", "žņ": "zn", "šļ": "sl", "žļ": "zl", "ļņ": "ln", "ļļ": "ll", "č": "c", "ļ": "l", "ņ": "n"}


def latvian(word: str) -> str:
    """Remove endings of nouns and adjectives, and what they soften."""
    vowels = sum(letter in "aeiouāēīū" for letter in word)
    for endings, more_than in _LATVIAN:
        for ending in endings.split() if vowels > more_than else ():
            if len(word) >= len(ending) + 3 and word.endswith(ending):
                stem = word[: -len(ending)]
                return _hardened(stem, before_u=ending[0] == "u") if ending in _SOFTENING else stem
    return word


def _hardened(word: str, *, before_u: bool) -> str:
    if before_u and word.endswith("kš"):
        return word[:-1] + "st"
    if before_u and word.endswith("ņņ"):
        return word[:-2] + "nn"
    if word.endswith(("pj", "bj", "mj", "vj")):
        return word[:-1]
    for soft, hard in _HARD.items():
        if word.endswith(soft):
            return word[: -len(soft)] + hard
    return word


_FINNISH = str.maketrans("äåö", "aao")


def light_finnish(word: str) -> str:
    """Remove endings of case, number and some derivations."""
    if len(word) < 4:
        return word
    word = word.translate(_FINNISH)
    while (shorter := step("light_finnish clitic")(word)) != word:
        word = shorter
    _, *others = steps("light_finnish")
    for one in others:
        word = one(word)
    return _squeezed(word, "kpt") if len(word) > 4 else word


def _squeezed(word: str, letters: str = "") -> str:
    """Write runs of a letter, of some or of all, as one."""
    kept = word[0]
    for sign in word[1:]:
        if sign != kept[-1] or not (sign in letters if letters else sign.isalpha()):
            kept += sign
    return kept


_FRENCH = str.maketrans("àáâôèéêùûîç", "aaaoeeeuuic")


def light_french(word: str) -> str:
    """Remove endings of number, gender and some derivations."""
    for name in ("plural", "x", "s"):
        word = step(f"light_french {name}")(word)
    stem = step("light_french derivation").applied(word)
    if stem is None:
        stem = step("light_french noun")(step("light_french ique")(word))
    return _french_norm(stem)


def _french_norm(word: str) -> str:
    if len(word) <= 4:
        return word
    word = _squeezed(word.translate(_FRENCH))
    if len(word) > 4 and word.endswith("ie"):
        word = word[:-2]
    if len(word) > 4:
        word = word.removesuffix("r").removesuffix("e").removesuffix("e")
        if word[-1] == word[-2] and word[-1].isalpha():
            word = word[:-1]
    return word


_GERMAN = str.maketrans("äàáâöòóôïìíîüùúû", "aaaaooooiiiiuuuu")


def light_german(word: str) -> str:
    """Remove endings of number, case and gender."""
    return without_endings("light_german", word.translate(_GERMAN))


_HUNGARIAN = str.maketrans("áëéíóőõöúűũûü", "aeeioooouuuuu")


def light_hungarian(word: str) -> str:
    """Remove endings of case, possession and number."""
    word = word.translate(_HUNGARIAN)
    case, *others = steps("light_hungarian")
    stem = case.applied(word)
    word = _without_assimilated(word) if stem is None else stem
    for one in others:
        word = one(word)
    return word


def _without_assimilated(word: str) -> str:
    """Remove endings that double the consonant before them."""
    for ending in ("al", "el", "a", "e"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "aeiouy":
            return stem[:-1]
    return word


PLAIN_VOWELS = str.maketrans("àáâäòóôöèéêëùúûüìíîï", "aaaaooooeeeeuuuuiiii")


def light_italian(word: str) -> str:
    """Remove endings of number and gender."""
    return word if len(word) < 6 else without_endings("light_italian", word.translate(PLAIN_VOWELS))


_LIGHT_PORTUGUESE = str.maketrans("àáâäãòóôöõèéêëùúûüìíîïç", "aaaaaoooooeeeeuuuuiiiic")


def light_portuguese(word: str) -> str:
    """Remove endings of number and gender, and adverbs."""
    return word if len(word) < 4 else without_endings("light_portuguese", word).translate(_LIGHT_PORTUGUESE)


def light_spanish(word: str) -> str:
    """Remove endings of number and gender."""
    return word if len(word) < 5 else without_endings("light_spanish", word.translate(PLAIN_VOWELS))


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


def minimal_french(word: str) -> str:
    """Remove endings of plurals and of the feminine."""
    if len(word) < 6:
        return word
    if word[-1] == "x":
        return word[:-3] + "al" if word.endswith("aux") else word[:-1]
    for letter in "sreé":
        word = word.removesuffix(letter)
    return word[:-1] if word[-1] == word[-2] and word[-1].isalpha() else word


_UMLAUTS = str.maketrans("äöü", "aou")


def minimal_german(word: str) -> str:
    """Remove endings of plurals."""
    return word if len(word) < 5 else without_endings("minimal_german", word.translate(_UMLAUTS))


def persian(word: str) -> str:
    """Remove endings of number and comparison."""
    return _without_each(word, ("ات", "ان", "ترين", "تر", "يي", "ي", "ها"))


_PORTUGUESE = str.maketrans("àáâãäåçèéêëìíîïñòóôõöùúûüýÿ", "aaaaaaceeeeiiiinooooouuuuyy")


def portuguese_rslp(word: str) -> str:
    """Remove endings of number, gender, size, nouns and verbs."""
    for name in ("plural", "adverb", "feminine", "augmentative"):
        word = step(f"portuguese_rslp {name}")(word)
    for name in ("noun", "verb", "vowel"):
        stem = step(f"portuguese_rslp {name}")(word)
        if len(stem) != len(word):
            word = stem
            break
        word = stem
    return word.translate(_PORTUGUESE)


def possessive_english(word: str) -> str:
    """Remove `'s`."""
    if len(word) >= 2 and word[-2] in "'\u2019\uff07" and word[-1] in "sS":
        return word[:-2]
    return word


def spanish_plural(word: str) -> str:
    """Remove endings of number."""
    if len(word) < 4:
        return word
    word = word.translate(PLAIN_VOWELS)
    if word.lower() in words("spanish_plural invariant"):
        return word
    if word.lower() in words("spanish_plural special"):
        return word[:-2]
    return _spanish_singular(word) if word[-1] == "s" else word


def _spanish_singular(word: str) -> str:
    fourth, third, second = word[-4], word[-3], word[-2]
    if second not in "aeiou" or fourth == "q" or (fourth == "g" and third == "u" and second in "ie"):
        return word[:-1]
    if second == "e" and (
        (fourth in "aeiou" and third in "rdlnx") or third in "yus" or (fourth in "ulrtn" and third == "i")
    ):
        return word[:-2]
    if second == "i" and third in "aeioud":
        return word[:-2] + "y"
    return word[:-3] + "z" if third == "c" and second == "e" else word[:-1]


LANGUAGES: dict[str, Callable[[str], str]] = {
    **{
        name: partial(without_endings, name)
        for name in (
            *("bengali", "hindi", "light_norwegian", "light_nynorsk", "light_russian", "light_swedish"),
            *("minimal_norwegian", "minimal_nynorsk", "sorani"),
        )
    },
    "arabic": arabic,
    "brazilian": brazilian,
    "bulgarian": bulgarian,
    "czech": czech,
    "galician": galician,
    "greek": greek,
    "indonesian": indonesian,
    "latvian": latvian,
    "light_finish": light_finnish,  # as Elasticsearch spells it
    "light_finnish": light_finnish,
    "light_french": light_french,
    "light_german": light_german,
    "light_hungarian": light_hungarian,
    "light_italian": light_italian,
    "light_portuguese": light_portuguese,
    "light_spanish": light_spanish,
    "minimal_english": minimal_english,
    "minimal_french": minimal_french,
    "minimal_galician": partial(without_endings, "galician plural"),
    "minimal_german": minimal_german,
    "minimal_portuguese": partial(without_endings, "portuguese_rslp plural"),
    "persian": persian,
    "portuguese_rslp": portuguese_rslp,
    "possessive_english": possessive_english,
    "spanish_plural": spanish_plural,
}
"""Stemmers by Elasticsearch's names; those that are nothing but their endings first."""
