"""Training data of several sources: a data set's own pairs, other data sets', and pairs made of the catalogue alone.

Whatever is mixed in, a query that the benchmark evaluates or that the validation asks is not trained on.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from relevance.errors import InputError
from relevance.finetune.pairs import FEWEST, POSITIVE, RELATED, Pair, Pairs, held_out_of, normalised
from relevance.finetune.sources import DESCRIPTIONS, OWN
from relevance.records import embedded_texts
from relevance.strategies import FINETUNED
from relevance.text import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from relevance.finetune.sources import Source
    from relevance.records import Catalogue, Dataset


@dataclass(frozen=True)
class Mixed:
    """What came of a source.

    Attributes:
        pairs: how many of its pairs are trained on.
        dropped: how many were not, as their query or text is a query that is evaluated or validated with.
    """

    source: Source
    pairs: int
    dropped: int


@dataclass(frozen=True)
class Mixture:
    """Training data and what it is of.

    Attributes:
        pairs: all of it.
        validated: the pairs that the validation is made of: the data set's own, or else what is held out of the others.
        mixed: what came of each source but the data set's own.
    """

    pairs: Pairs
    validated: Pairs
    mixed: tuple[Mixed, ...]


def mix(  # noqa: PLR0913 - all by name
    own: Pairs | None,
    sources: Sequence[Source],
    candidates: Mapping[str, Sequence[Pair]],
    dataset: Dataset,
    *,
    positive_from: float = POSITIVE,
    seed: int,
) -> Mixture:
    """Put pairs of several sources together; what is held out are queries of the data set's own pairs, if it has some.

    Args:
        own: its own pairs; they validate also where they are not among the sources.
        sources: what is trained on.
        candidates: rated pairs of each source but its own, by the source's name.
        dataset: its queries are not trained on.
        positive_from: the relevance from which on a pair of another source is trained on.
        seed: of the shares and of what is held out.

    Raises:
        InputError: a source gives no pair, or all together too few.
    """
    evaluated = {normalised(text) for text in dataset.queries.texts}
    asked = evaluated if own is None else evaluated | {normalised(pair.query) for pair in own.rated}
    shares = {source.name: source.share for source in sources}
    own_train, own_graded = ((), ()) if own is None or OWN not in shares else (own.train, own.graded)
    train = _part(own_train, shares.get(OWN, 1), f"{seed}\0{OWN}")
    known = {_key(pair) for pair in train}
    others: list[Pair] = []
    mixed: list[Mixed] = []
    for source in (source for source in sources if source.name != OWN):
        taken = _part(candidates[source.name], source.share, f"{seed}\0{source.name}")
        kept = [pair for pair in taken if normalised(pair.query) not in asked and normalised(pair.text) not in asked]
        new = {key: pair for pair in kept if (key := _key(pair)) not in known}
        known |= new.keys()
        others += new.values()
        positives, dropped = sum(pair.relevance >= positive_from for pair in new.values()), len(taken) - len(kept)
        if not positives:
            gone = f" ({dropped:,} went with queries that are evaluated)" if dropped else ""
            raise InputError(f"mix: {source.name!r} gives no pair to train on{gone}; leave it out")
        mixed.append(Mixed(source, positives, dropped))
    positives_of_others = [pair for pair in others if pair.relevance >= positive_from]
    related = [pair for pair in others if pair.relevance >= RELATED]
    if own is not None:
        if OWN in shares and shares[OWN] < 1:
            kept_queries = {pair.query for pair in train}
            own_graded = tuple(pair for pair in own_graded if pair.query in kept_queries)
        pairs = replace(
            own,
            train=(*train, *positives_of_others),
            related=(*own.related, *related),
            graded=(*own_graded, *others),
        )
        return Mixture(pairs, own, tuple(mixed))
    queries = {pair.query for pair in positives_of_others}
    if len(positives_of_others) < FEWEST or len(queries) == 1:
        few = f"{plural(len(positives_of_others), 'pair')} of {plural(len(queries), 'query')} to train on"
        raise InputError(f"mix: {few}; allowed: {FEWEST} pairs or more, of two queries or more")
    held_out = held_out_of(queries, seed)
    pairs = Pairs(
        train=tuple(pair for pair in positives_of_others if pair.query not in held_out),
        validation=tuple(pair for pair in positives_of_others if pair.query in held_out),
        related=tuple(pair for pair in related if pair.query in queries),
        rated=tuple(pair for pair in others if pair.query in held_out),
        graded=tuple(pair for pair in others if pair.query not in held_out),
    )
    return Mixture(pairs, pairs, tuple(mixed))


def _key(pair: Pair) -> tuple[str, str]:
    return normalised(pair.query), normalised(pair.text)


def _part(pairs: Sequence[Pair], share: float, salt: str) -> list[Pair]:
    """The pairs of a share of the queries, by a hash of their text."""
    if share == 1:
        return list(pairs)
    queries = sorted({normalised(pair.query) for pair in pairs}, key=partial(_hash, salt))
    kept = set(queries[: max(1, round(share * len(queries)))])
    return [pair for pair in pairs if normalised(pair.query) in kept]


def _hash(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()


def rated_pairs(name: str, frame: pd.DataFrame) -> list[Pair]:
    """The rated pairs of another data set; its name stands before the ids of its products, which ours may have, too.

    Args:
        name: of the data set.
        frame: columns `query`, `product`, `title`, `relevance`, optionally `text`; several ratings become their mean.
    """
    texts: dict[str, str] = {}
    spellings: dict[str, str] = {}
    ratings: dict[tuple[str, str], list[float]] = {}
    column = "text" if "text" in frame else "title"
    columns = (frame[each] for each in ("query", "product", column, "relevance"))
    for query, product, text, relevance in zip(*columns, strict=True):
        if text.strip():
            texts.setdefault(product, text.strip())
            ratings.setdefault((spellings.setdefault(normalised(query), query), product), []).append(relevance)
    return [
        Pair(query, f"{name}:{product}", texts[product], sum(rated) / len(rated))
        for (query, product), rated in ratings.items()
    ]


# Pairs of the catalogue alone


def made_pairs(name: str, catalogue: Catalogue, *, seed: int) -> list[Pair]:
    """Make pairs of the catalogue: `DESCRIPTIONS` or `TITLES`."""
    return described(catalogue) if name == DESCRIPTIONS else queried(catalogue, seed=seed)


def described(catalogue: Catalogue) -> list[Pair]:
    """Each title with the rest of its product's text; of equal titles the first product's."""
    pairs: dict[str, Pair] = {}
    for product, title, whole in _products(catalogue):
        rest = whole.removeprefix(title).strip() if whole.startswith(title) else whole
        if rest:
            pairs.setdefault(normalised(title), Pair(title, product, rest))
    return list(pairs.values())


def queried(catalogue: Catalogue, *, seed: int) -> list[Pair]:
    """Each product with a query of two to four content words of its title; of equal queries the first product's.

    Left out are brands, what has a digit in it (models, sizes), units, short words and words without content. A brand
    is a word with a capital that nine in ten of its titles begin with, two or more.
    """
    products = list(_products(catalogue))
    first, anywhere = Counter[str](), Counter[str]()
    for _, title, _ in products:
        words = _words(title)
        first.update(words[:1])
        anywhere.update(set(words))
    often = {word for word, count in first.items() if count > 1 and count >= _OF_A_BRAND * anywhere[word]}
    brands = {word for word in often if not word.islower()}
    pairs: dict[str, Pair] = {}
    for product, title, whole in products:
        content = dict.fromkeys(word.casefold() for word in _words(title) if word not in brands and _has_content(word))
        if len(content) >= _FEWEST_WORDS:
            drawn = sorted(content, key=partial(_hash, str(seed), product))
            number = _FEWEST_WORDS + _hash(str(seed), product)[0] % (_MOST_WORDS - _FEWEST_WORDS + 1)
            query = " ".join(word for word in content if word in drawn[:number])
            pairs.setdefault(normalised(query), Pair(query, product, whole))
    return list(pairs.values())


_OF_A_BRAND = 0.9
_FEWEST_WORDS, _MOST_WORDS = 2, 4
_SHORTEST = 3
_WITHOUT_CONTENT = frozenset({"and", "the", "for", "with", "from", "per", "not", "only"})
_LENGTHS = {"inch", "inches", "foot", "feet", "yard", "yards", "meter", "metre", "mil"}
_AMOUNTS = {"gallon", "gallons", "quart", "pint", "ounce", "ounces", "pound", "pounds", "lbs"}
_POWERS = {"watt", "watts", "volt", "volts", "amp", "amps", "btu", "psi", "rpm", "cfm"}
_PACKS = {"pack", "packs", "count", "set", "sets", "piece", "pieces", "pcs", "pair", "case", "box"}
_UNITS = frozenset(_LENGTHS | _AMOUNTS | _POWERS | _PACKS)


def _products(catalogue: Catalogue) -> list[tuple[str, str, str]]:
    """Id, title and whole text of each product that has the two."""
    whole = embedded_texts(catalogue, "whole", FINETUNED)
    rows = zip(catalogue.ids, catalogue.titles, whole, strict=True)
    return [(product, title.strip(), text.strip()) for product, title, text in rows if title.strip() and text.strip()]


def _words(title: str) -> list[str]:
    """What white space parts, without marks around it; as written."""
    return [word for part in title.split() if (word := re.sub(r"^\W+|\W+$", "", part))]


def _has_content(word: str) -> bool:
    folded = word.casefold()
    return (
        (len(word) >= _SHORTEST or not word.isascii())
        and not any(character.isdigit() for character in word)
        and folded not in _WITHOUT_CONTENT
        and folded not in _UNITS
    )
