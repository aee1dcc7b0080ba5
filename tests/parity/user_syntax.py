"""Random texts in the syntaxes of `simple_query_string` and `query_string`, and clauses around them."""

from random import Random
from typing import Any

FIELDS = ("name", "name.plain", "name.autocomplete", "brand", "description", "keywords", "category", "sku", "search")
MINIMA = (1, 2, "50%", "2<75%", "-1")
PLAIN = ("name.plain", "brand", "keywords", "category", "sku")


def _some(random: Random, options: dict[str, Any], chance: float = 0.25) -> dict[str, Any]:
    return {name: value for name, value in options.items() if random.random() < chance}


def _word(random: Random, words: list[str]) -> str:
    word = random.choice(words)
    kind = random.random()
    if kind < 0.1:
        return word[: max(1, len(word) - 2)] + "*"
    if kind < 0.18:
        return word + random.choice(["~", "~1", "~2"])
    if kind < 0.3:
        return f'"{" ".join(random.sample(words, min(2, len(words))))}"' + random.choice(["", "", "~2"])
    return word


def simple(random: Random, text: str) -> dict[str, Any]:
    """A `simple_query_string`."""
    words = text.replace('"', " ").split() or ["x"]
    parts: list[str] = []
    for _ in range(random.randint(1, 5)):
        part = _word(random, words)
        kind = random.random()
        if kind < 0.15:
            part = f"({part} {random.choice(['', '| ', '+ '])}{_word(random, words)})"
        parts.append(random.choice(["", "", "", "-", "+", "| ", "+ ", "- "]) + part)
    query = " ".join(parts)
    if random.random() < 0.1:
        query += random.choice([' "', " (", ")", " -", "\\", " ~", '"" ', "()", " *"])
    options = _some(
        random,
        {
            "default_operator": random.choice(["and", "or"]),
            "minimum_should_match": random.choice(MINIMA),
            "flags": random.choice(
                ["ALL", "NONE", "OR|AND|PREFIX", "PHRASE|WHITESPACE", "AND|NOT|PRECEDENCE|WHITESPACE"]
            ),
            "analyzer": "words",
            "fuzzy_prefix_length": 1,
            "fuzzy_max_expansions": 5,
            "auto_generate_synonyms_phrase_query": False,
            "quote_field_suffix": ".plain",
            "boost": 2,
        },
    )
    return {"simple_query_string": {"query": query, "fields": _fields(random), **options}}


def _fields(random: Random) -> list[str]:
    chosen = random.sample(FIELDS, random.randint(1, 3))
    return [name + random.choice(["", "", "^2", "^0.5"]) for name in chosen]


def classic(random: Random, text: str) -> dict[str, Any]:
    """A `query_string`."""
    words = ["".join(sign for sign in word if sign not in '+-&|!(){}[]^"~*?:\\/<>') for word in text.split()]
    words = [word for word in words if word] or ["x"]
    parts: list[str] = []
    for at in range(random.randint(1, 5)):
        part = _word(random, words)
        kind = random.random()
        if kind < 0.1:
            part = f"({part} {random.choice(['', 'OR ', 'AND '])}{_word(random, words)})"
        elif kind < 0.2:
            part = f"{random.choice(PLAIN)}:{part}"
        elif kind < 0.24:
            part = random.choice(
                ["price:[5 TO 40]", "reviews:{1 TO *}", "reviews:>7", "_exists_:brand", "brand:*", "*:*"]
            )
        elif kind < 0.28:
            part = f"*{part[1:3].strip(chr(34)) or 'a'}?*"
        if random.random() < 0.15:
            part += random.choice(["^2", "^0.5"])
        before = random.choice(["", "", "", "+", "-", "NOT ", "!"])
        parts.append((random.choice(["", "", "AND ", "OR ", "&& "]) if at else "") + before + part)
    options = _some(
        random,
        {
            "default_operator": random.choice(["and", "or"]),
            "minimum_should_match": random.choice(MINIMA),
            "type": random.choice(["best_fields", "most_fields", "cross_fields", "phrase"]),
            "tie_breaker": 0.3,
            "analyzer": "words",
            "phrase_slop": 2,
            "fuzziness": random.choice(["AUTO", 1]),
            "fuzzy_prefix_length": 1,
            "lenient": True,
            "quote_field_suffix": ".plain",
            "boost": 2,
        },
        0.2,
    )
    return {"query_string": {"query": " ".join(parts), "fields": _fields(random), **options}}
