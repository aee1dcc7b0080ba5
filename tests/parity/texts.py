"""Seeded Unicode strings that try every rule of word segmentation, alone and run into each other."""

from collections.abc import Callable, Sequence
from random import Random

LAST_CODE_POINT = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)

# Pieces are given as ranges of code points, so that this file stays readable in any editor.
RANGES: dict[str, Sequence[range]] = {
    "latin": [range(0x41, 0x5B), range(0x61, 0x7B), range(0xC0, 0x250)],
    "digits": [range(0x30, 0x3A), range(0x660, 0x66A), range(0x966, 0x970), range(0xFF10, 0xFF1A)],
    "ascii": [range(0x20, 0x7F)],
    "greek and cyrillic": [range(0x370, 0x530)],
    "hebrew": [range(0x5D0, 0x5EB), range(0x22, 0x23), range(0x27, 0x28), range(0x5F3, 0x5F5)],
    "arabic": [range(0x600, 0x700)],
    "indic": [range(0x900, 0xE00)],
    "thai and lao": [range(0xE00, 0xF00)],
    "other south-east": [range(0x1000, 0x10A0), range(0x1780, 0x1800), range(0xAA00, 0xAAE0)],
    "jamo": [range(0x1100, 0x1200), range(0xA960, 0xA980), range(0xD7B0, 0xD800)],
    "hangul": [range(0xAC00, 0xD7A4)],
    "hiragana": [range(0x3040, 0x30A0), range(0x1B000, 0x1B170)],
    "katakana": [range(0x30A0, 0x3100), range(0x31F0, 0x3200), range(0xFF65, 0xFFA0), range(0x3031, 0x3036)],
    "han": [range(0x4E00, 0xA000), range(0x3400, 0x4DC0), range(0x20000, 0x2A6E0), range(0x3005, 0x3008)],
    "full width": [range(0xFF00, 0xFFF0)],
    "combining": [range(0x300, 0x370), range(0x1AB0, 0x1B00), range(0x20D0, 0x20F1), range(0xFE20, 0xFE30)],
    "invisible": [range(0xAD, 0xAE), range(0x200B, 0x2010), range(0x2060, 0x2070), range(0xFE00, 0xFE10)],
    "tags": [range(0xE0020, 0xE0080), range(0xE0100, 0xE0110)],
    "joiners": [range(0x200D, 0x200E), range(0xFE0F, 0xFE10), range(0x1F3FB, 0x1F400)],
    "inner punctuation": [
        *(range(ord(mark), ord(mark) + 1) for mark in ".:;,'_-/"),
        *(range(point, point + 1) for point in (0xB7, 0x387, 0x2018, 0x2019, 0x2024, 0x2027, 0xFE13, 0xFE52, 0xFE55)),
        *(range(point, point + 1) for point in (0x203F, 0x2040, 0x2054, 0xFF07, 0xFF0C, 0xFF0E, 0xFF1A, 0xFF3F)),
    ],
    "separators": [range(0x09, 0x0E), range(0x1C, 0x21), range(0x85, 0x86), range(0xA0, 0xA1), range(0x1680, 0x1681)],
    "wide separators": [range(0x2000, 0x200C), range(0x2028, 0x2030), range(0x205F, 0x2060), range(0x3000, 0x3001)],
    "symbols": [range(0xA2, 0xC0), range(0x2010, 0x2070), range(0x20A0, 0x20C1), range(0x2100, 0x2400)],
    "dingbats": [range(0x2460, 0x2500), range(0x2500, 0x2800), range(0x2900, 0x2C00), range(0x3200, 0x3400)],
    "emoji": [range(0x1F300, 0x1F650), range(0x1F680, 0x1F700), range(0x1F900, 0x1FB00), range(0x1F000, 0x1F300)],
    "flags": [range(0x1F1E6, 0x1F200)],
    "planes 0 to 2": [range(0x80, 0xD800), range(0xE000, 0x30000)],
    "any": [range(0xD800), range(0xE000, LAST_CODE_POINT + 1)],
    "case": [range(0x130, 0x132), range(0x1C4, 0x1CD), range(0x3A3, 0x3A4), range(0x3C2, 0x3C4), range(0x1E9E, 0x1E9F)],
}
TOKEN_LIMIT = 255


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - nothing here is secret


def _one(random: Random, kind: str) -> str:
    return chr(random.choice(random.choice(RANGES[kind])))


def _run(random: Random) -> str:
    kind = random.choice(list(RANGES))
    return "".join(_one(random, kind) for _ in range(random.randint(1, 6)))


def _emoji(random: Random) -> str:
    people = ["\U0001f468", "\U0001f469", "\U0001f9d1", "\u2764", "\U0001f3f4", "\u00a9", "\u2640", "1", "a"]
    parts = []
    for _ in range(random.randint(1, 4)):
        part = random.choice([*people, _one(random, "emoji")])
        parts.append(
            part + "".join(random.sample(["\ufe0f", "\ufe0e", "\U0001f3fd", "\u0301"], random.choice([0, 0, 1, 2])))
        )
    return random.choice(["\u200d", "\u200d", "", "\u200d\u200d"]).join(parts)


def _keycap(random: Random) -> str:
    parts = ("0123456789#*a", ["\ufe0f", "", "\ufe0e"], ["\u20e3", "\u20e3", ""])
    return "".join(map(random.choice, parts))


def _tagged(random: Random) -> str:
    """A flag of a region: a black flag and tags; the end tag is sometimes missing."""
    tags = "".join(_one(random, "tags") for _ in range(random.randint(1, 5)))
    return "\U0001f3f4" + tags + random.choice(["\U000e007f", ""])


def _joined(random: Random) -> str:
    """Letters, digits and the like with one mark between any two."""
    kinds = [random.choice(["latin", "digits", "hebrew", "katakana", "hangul", "arabic", "any"]) for _ in range(4)]
    marks = [_one(random, random.choice(["inner punctuation", "invisible", "combining"])) for _ in kinds]
    return "".join(_one(random, kind) + mark for kind, mark in zip(kinds, marks, strict=True))


def _long(random: Random) -> str:
    """A token around the limit of 255 UTF-16 units, with a surrogate pair near the edge."""
    letter = random.choice(
        ["a", "\u00e9", "\U00010400", "\U00020000", "\u30ab", "\u0e01", "1", "_", "\U0001f600\u200d"]
    )
    units = len(letter.encode("utf-16-le")) // 2
    count = random.choice([1, 1, 2, 3]) * TOKEN_LIMIT // units + random.randint(-2, 3)
    tail = random.choice(["", "\u0301", "\u0301" * 300, "\U00010428", ".a", ".1", "'b", "\u00ad"])
    return random.choice(["", "x", "\U00010428"]) + letter * count + tail + random.choice(["", "end"])


PIECES: Sequence[Callable[[Random], str]] = (_run, _run, _run, _run, _joined, _joined, _emoji, _keycap, _tagged)


def fuzzed_texts(random: Random, count: int) -> list[str]:
    """Without surrogates: pieces of every kind, run together or parted; one in 50 is long."""
    texts = []
    for _ in range(count):
        pieces = [random.choice(PIECES)(random) for _ in range(random.randint(1, 8))]
        if random.random() < 0.02:
            pieces.append(_long(random))
        texts.append(random.choice(["", "", " ", "\n"]).join(pieces))
    return texts


_HARD = (
    "usb stick|wi-fi|the|of|O'Neil's|l'outil|SD500|Wi-Fi3000|PowerShot|a-b_c|1,000.5|<b>x</b>|a&amp;b|<br/>|--|'"
    "|a/b\\c|q;5"
    "|\u0130stanbul|\u0131I|stra\u00dfe|\u1e9e|\ufb01ne|\ufb03|\u01c4|\u01c5|\u1ff3|\u03a3\u03c2|\u212a|x\u00adhy|\u200c|\ufeff"
    "|\u0663\u0664|\u0967\u0968|\uff11|\u2163|\u2461|x\u00b2|e\u0301\u0327|\u0301|\u6771\u4eac|\uff76\uff9e|\ud55c\uad6d"
    "|\u0e44\u0e17|\U0001f44d\U0001f3fd|\U0001f1e9\U0001f1ea|1\ufe0f\u20e3|\U0001d538bc"
)
HARD_WORDS = [*_HARD.split("|"), "x" * 300, "\U00010400" * 130]
"""Words that are hard to cut, fold, stem or lower."""


def hard_texts(random: Random, count: int) -> list[str]:
    """Hard words, parted or run together."""
    return [
        random.choice([" ", " ", "", "-"]).join(random.choices(HARD_WORDS, k=random.randint(1, 8)))
        for _ in range(count)
    ]


def every_code_point(planes: Sequence[int]) -> list[str]:
    """Each code point of these planes alone, doubled, and between letters, digits, Hebrew letters and Katakana."""
    contexts = ("{0}", "{0}{0}", "a{0}b", "1{0}2", "\u05d0{0}\u05d1", "\u30ab{0}\u30ad", "\U0001f600{0}\U0001f600")
    points = (point for plane in planes for point in range(plane << 16, (plane + 1) << 16) if point not in SURROGATES)
    return [" ".join(context.format(chr(point)) for context in contexts) for point in points]
