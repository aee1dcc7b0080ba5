"""Stemmers of further languages: what endings they take away.

L. Dolamic and J. Savoy, "Indexing and stemming approaches for the Czech language" (2009); J. Savoy, "Searching
strategies for the Bulgarian language" (2007), and his programs for Hungarian and Russian; K. Kreslins, "A stemming
algorithm for Latvian" (1996); L. Larkey and others, "Improving stemming for Arabic information retrieval" (2002).
Where Lucene's reading of them differs, Lucene's holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial


def _without(word: str, rules: Sequence[tuple[int, str]]) -> str:
    """Remove the first ending that the word has, where it is longer than the rule's number."""
    for longer_than, endings in rules:
        if len(word) > longer_than:
            for ending in endings.split():
                if word.endswith(ending):
                    return word[: -len(ending)]
    return word


_CZECH = (
    (7, "atech"),
    (6, "ětem etem atům"),
    (5, "ech ich ích ého ěmi emi ému ěte ete ěti eti ího iho ími ímu imu ách ata aty ých ama ami ové ovi ými"),
    (4, "em es ém ím ům at ám os us ým mi ou"),
    (3, "a e i o u ů y á é í ý ě"),
)


def czech(word: str) -> str:
    """Remove endings of case and possession."""
    word = _without(_without(word, _CZECH), ((5, "ov in ův"),))
    for ending, other in (("čt", "ck"), ("št", "sk"), ("c", "k"), ("č", "k"), ("z", "h"), ("ž", "h")):
        if word.endswith(ending):
            return word[: -len(ending)] + other
    if word[-2:-1] == "e":
        return word[:-2] + word[-1]
    return word[:-2] + "o" + word[-1] if len(word) > 2 and word[-2] == "ů" else word


def bulgarian(word: str) -> str:
    """Remove articles and endings of number."""
    if len(word) < 4:
        return word
    if len(word) > 5 and word.endswith("ища"):
        return word[:-3]
    word = _bulgarian_plural(_without(word, ((6, "ият"), (5, "ът то те та ия"), (4, "ят"))))
    if len(word) > 3:
        word = word.removesuffix("я")
        word = word[:-1] if word[-1] in "аое" else word
    if len(word) > 4 and word.endswith("ен"):
        word = word[:-2] + "н"
    return word[:-2] + word[-1] if len(word) > 5 and word[-2] == "ъ" else word


def _bulgarian_plural(word: str) -> str:
    size = len(word)
    if size > 6:
        if word.endswith(("овци", "ове")):
            return word[:-3]
        if word.endswith("еве"):
            return word[:-3] + "й"
    if size > 5:
        if word.endswith("ища"):
            return word[:-3]
        if word.endswith("та"):
            return word[:-2]
        if word.endswith("ци"):
            return word[:-2] + "к"
        if word.endswith("зи"):
            return word[:-2] + "г"
        if word[-3] == "е" and word[-1] == "и":
            return word[:-3] + "я" + word[-2]
    if size > 4:
        if word.endswith("си"):
            return word[:-2] + "х"
        return word.removesuffix("и")
    return word


_LATVIAN = [
    *((ending, 3, False) for ending in ("ajiem", "ajai")),
    *((ending, 2, False) for ending in ("ajam", "ajām", "ajos", "ajās")),
    ("iem", 2, True),
    *((ending, 2, False) for ending in ("ajā", "ais", "ai", "ei")),
    *((ending, 1, False) for ending in ("ām", "am", "ēm", "īm", "im", "um")),
    ("us", 1, True),
    *((ending, 1, False) for ending in ("as", "ās", "es")),
    ("os", 1, True),
    *((ending, 1, False) for ending in ("ij", "īs", "ēs", "is", "ie")),
    *((ending, 1, True) for ending in ("u", "a", "i")),
    *((ending, 1, False) for ending in ("e", "ā", "ē", "ī", "ū", "o")),
    ("s", 0, False),
    ("š", 0, False),
]
_HARD = {"šņ": "sn", "žņ": "zn", "šļ": "sl", "žļ": "zl", "ļņ": "ln", "ļļ": "ll", "č": "c", "ļ": "l", "ņ": "n"}


def latvian(word: str) -> str:
    """Remove endings of nouns and adjectives, and what they soften."""
    vowels = sum(letter in "aeiouāēīū" for letter in word)
    for ending, more_than, softens in _LATVIAN:
        if vowels > more_than and len(word) >= len(ending) + 3 and word.endswith(ending):
            stem = word[: -len(ending)]
            return _hardened(stem, before_u=ending[0] == "u") if softens else stem
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


_HUNGARIAN = str.maketrans("áëéíóőõöúűũûü", "aeeioooouuuuu")
_HUNGARIAN_VOWELS = frozenset("aeiouy")


def light_hungarian(word: str) -> str:
    """Remove endings of case, possession and number."""
    word = _hungarian_case(word.translate(_HUNGARIAN))
    word = _hungarian_possession(word)
    if len(word) > 3 and word[-1] == "k":
        if word[-2] not in "aoe":
            word = word[:-1]
        elif len(word) > 4:
            word = word[:-2]
        else:
            word = word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] in "aeio" else word


def _hungarian_case(word: str) -> str:
    size, vowels = len(word), _HUNGARIAN_VOWELS
    if size > 6 and word.endswith("kent"):
        return word[:-4]
    if size > 5:
        if word[-3:] in {
            "nak", "nek", "val", "vel", "ert", "rol", "ban", "ben", "bol", "nal", "nel", "hoz", "hez", "tol",
        }:  # fmt: skip
            return word[:-3]
        if word[-2:] in {"al", "el"} and word[-3] not in vowels and word[-3] == word[-4]:
            return word[:-3]
    if size > 4:
        if word[-2:] in {"at", "et", "ot", "va", "ve", "ra", "re", "ba", "be", "ul", "ig"}:
            return word[:-2]
        if word[-2:] in {"on", "en"} and word[-3] not in vowels:
            return word[:-2]
        if word[-1] in "tn":
            return word[:-1]
        if word[-1] in "ae" and word[-2] == word[-3] and word[-2] not in vowels:
            return word[:-2]
    return word


def _hungarian_possession(word: str) -> str:
    size, vowels = len(word), _HUNGARIAN_VOWELS
    if size > 6 and (
        (word[-5] not in vowels and word[-4:] in {"atok", "otok", "etek"}) or word[-4:] in {"itek", "itok"}
    ):
        return word[:-4]
    if size > 5 and (
        (word[-4] not in vowels and word[-3:] in {"unk", "tok", "tek"})
        or (word[-4] in vowels and word[-3:] == "juk")
        or word[-3:] == "ink"
    ):
        return word[:-3]
    if size > 4 and (
        (word[-3] not in vowels and word[-2:] in {"am", "em", "om", "ad", "ed", "od", "uk"})
        or (word[-3] in vowels and word[-2:] in {"nk", "ja", "je"})
        or word[-2:] in {"im", "id", "ik"}
    ):
        return word[:-2]
    if size > 3 and (
        (word[-1] in "ae" and word[-2] not in vowels) or (word[-1] in "md" and word[-2] in vowels) or word[-1] == "i"
    ):
        return word[:-1]
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


def persian(word: str) -> str:
    """Remove endings of number and comparison."""
    return _without_each(word, ("ات", "ان", "ترين", "تر", "يي", "ي", "ها"))


def _without_each(word: str, endings: Sequence[str]) -> str:
    for ending in endings:
        if len(word) >= len(ending) + 2 and word.endswith(ending):
            word = word[: -len(ending)]
    return word


_RUSSIAN = (
    (6, "иями оями"),
    (5, "иям иях оях ями оям оьв ами его ему ери ими ого ому ыми оев"),
    (4, "ая яя ях юю ах ею их ия ию ьв ою ую ям ых ея ам ем ей ём ев ий им ое ой ом ов ые ый ым ми"),
    (3, "а е и о у й ы я ь"),
)


def light_russian(word: str) -> str:
    """Remove endings of case and number."""
    word = _without(word, _RUSSIAN)
    if len(word) > 3 and (word[-1] in "ьи" or word.endswith("нн")):
        return word[:-1]
    return word


def light_norwegian(word: str, *, nynorsk: bool = False) -> str:
    """Remove endings of number, case, definiteness and some derivations."""
    written = 1 if nynorsk else 0
    if len(word) > 4:
        word = word.removesuffix("s")
    for longer_than, both, *own in _NORWEGIAN:
        endings = (*both.split(), *own[written].split())
        if len(word) > longer_than and (ending := next((one for one in endings if word.endswith(one)), "")):
            return word[: -len(ending)]
    return word


_NORWEGIAN = (  # longer than, in both written languages, in Bokmål, in Nynorsk
    (7, "", "heter heten", "heita"),
    (8, "", "", "heiter leiken leikar"),
    (5, "dom", "het", ""),
    (6, "", "", "heit semd leik"),
    (7, "elser elsen", "", ""),
    (6, "else", "ende este eren", "ande aste aren"),
    (5, "ene", "ere est", "are ast ane"),
    (4, "er en et te", "st", "ar"),
    (3, "a e n", "", ""),
)


def minimal_norwegian(word: str, *, nynorsk: bool = False) -> str:
    """Remove endings of number and definiteness."""
    if len(word) > 4:
        word = word.removesuffix("s")
    return _without(
        word, ((5, "ene ane" if nynorsk else "ene"), (4, "er en et ar" if nynorsk else "er en et"), (3, "a e"))
    )


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


_FINNISH = str.maketrans("äåö", "aao")


def light_finnish(word: str) -> str:
    """Remove endings of case, number and some derivations."""
    if len(word) < 4:
        return word
    word = word.translate(_FINNISH)
    while len(word) > 8 and word.endswith(("kin", "ko")):
        word = word[: -3 if word.endswith("kin") else -2]
    word = _without(word, ((11, "dellinen dellisuus"),))
    word = _without(word, ((5, "lla tse sti ni"),)) if not word.endswith("aa") else word[:-1] if len(word) > 5 else word
    return _finnish_norm(_finnish_case(word))


def _finnish_case(word: str) -> str:
    size = len(word)
    if size > 8:
        if word.endswith("nnen"):
            return word[:-4] + "s"
        if word.endswith("ntena"):
            return word[:-5] + "s"
        if word.endswith("tten"):
            return word[:-4]
        if word.endswith("eiden"):
            return word[:-5]
    if size > 6:
        if word.endswith(("neen", "niin", "seen", "teen", "inen")):
            return word[:-4]
        if word[-3] == "h" and word[-2] in "aeiouy" and word[-1] == "n":
            return word[:-3]
        if word.endswith("den"):
            return word[:-3] + "s"
        if word.endswith("ksen"):
            return word[:-4] + "s"
        if word.endswith(("ssa", "sta", "lla", "lta", "tta", "ksi", "lle")):
            return word[:-3]
    if size > 5:
        if word.endswith(("na", "ne")):
            return word[:-2]
        if word.endswith("nei"):
            return word[:-3]
    if size > 4:
        if word.endswith(("ja", "ta")):
            return word[:-2]
        if word[-1] == "a":
            return word[:-1]
        if word[-1] == "n":
            return word[:-2] if word[-2] in "aeiouy" else word[:-1]
    return word


def _finnish_norm(word: str) -> str:
    if len(word) > 5 and word.endswith("hde"):
        word = word[:-3] + "ksi"
    if len(word) > 4 and word.endswith(("ei", "at")):
        word = word[:-2]
    elif len(word) > 3 and word[-1] in "tsjeai":
        word = word[:-1]
    if len(word) > 8 and word[-1] in "eou":
        word = word[:-1]
    if len(word) > 4:
        word = word.removesuffix("i")
    if len(word) > 4:
        kept = word[0]
        for letter in word[1:]:
            if letter != kept[-1] or letter not in "kpt":
                kept += letter
        word = kept
    return word


FURTHER: dict[str, Callable[[str], str]] = {
    "arabic": arabic,
    "bulgarian": bulgarian,
    "czech": czech,
    "indonesian": indonesian,
    "latvian": latvian,
    "light_finnish": light_finnish,
    "light_hungarian": light_hungarian,
    "light_norwegian": light_norwegian,
    "light_nynorsk": partial(light_norwegian, nynorsk=True),
    "light_russian": light_russian,
    "minimal_norwegian": minimal_norwegian,
    "minimal_nynorsk": partial(minimal_norwegian, nynorsk=True),
    "persian": persian,
}
