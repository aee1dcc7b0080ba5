"""Pairs to train on: a data set's own or from its judgments, split by query, none of which the benchmark evaluates."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from relevance.errors import InputError
from relevance.records import Judgments, Queries, embedded_texts
from relevance.strategies import FINETUNED
from relevance.text import plural, some

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import numpy.typing as npt

    from relevance.records import Dataset

POSITIVE = 3.0
"""The relevance of a pair that is trained on; the scale goes from 1 to 3."""

SPLIT_SEED = 12
VALIDATION_SHARE = 0.1
FEWEST = 10
"""Positive pairs, of which training is more than noise."""

RELATED = 2.0
"""From this relevance on a product is no negative for the query."""


@dataclass(frozen=True)
class Pair:
    """A query (text), a product (id) with its whole text, and their mean rating: 1 (irrelevant) to 3 (relevant)."""

    query: str
    product: str
    text: str
    relevance: float = POSITIVE


@dataclass(frozen=True)
class Trained:
    """A pair as a training has seen it: the query's text, the product's id, and `text_key` of the product's text."""

    query: str
    product: str
    text: str


@dataclass(frozen=True)
class Pairs:
    """What a training may use.

    Attributes:
        train: positives that are trained on.
        validation: positives of other queries, a tenth of them.
        related: all pairs of those queries that are no negatives (relevance 2 or more).
        rated: all pairs of the queries of `validation`.
        graded: all pairs of all other queries, whatever their relevance; losses of grades, and cross-encoders, are
            trained on them.
        dropped: texts of the queries that the benchmark evaluates, as they stand in the pairs.
        dropped_pairs: how many rated pairs went with them, or because an evaluated query is their product's text.
        unknown: pairs of products that no file gives a title of, which were dropped.
    """

    train: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    related: tuple[Pair, ...]
    rated: tuple[Pair, ...]
    graded: tuple[Pair, ...] = ()
    dropped: tuple[str, ...] = ()
    dropped_pairs: int = 0
    unknown: int = 0

    def trained(self, *, graded: bool) -> tuple[Trained, ...]:
        """All that a training sees: the pairs of both sides, and the other products of the validation's queries.

        A mined negative is a product of `train`. With `graded` the pairs of that name are among them.
        """
        pairs = dict.fromkeys((*self.train, *self.validation, *self.rated, *(self.graded if graded else ())))
        return tuple(Trained(pair.query, pair.product, text_key(pair.text)) for pair in pairs)

    def sha256(self, *, graded: bool) -> str:
        """Hash of everything that influences a training, in its order."""
        digest = hashlib.sha256()
        for name in ("train", "validation", "related", "rated", *(("graded",) if graded else ())):
            for pair in getattr(self, name):
                row = [name, pair.query, pair.product, pair.text, pair.relevance]
                digest.update(json.dumps(row, separators=(",", ":")).encode("ascii") + b"\n")
        return digest.hexdigest()


def build_pairs(
    frame: pd.DataFrame,
    dataset: Dataset,
    *,
    drop_unknown: bool,
    positive_from: float = POSITIVE,
    seed: int = SPLIT_SEED,
) -> Pairs:
    """Choose the pairs of a data set that may be trained on, and hold out those of a tenth of the queries.

    Args:
        frame: columns `query`, `product` (id), `title`, `relevance`, optionally `text` (whole text of the product); the
            catalogue's text of a product outranks both.
        dataset: its queries are not trained on.
        drop_unknown: whether pairs of products that no file gives a title of are dropped and counted.
        positive_from: the relevance from which on a pair is trained on. What is held out does not depend on it: a tenth
            of the queries that have a pair of the highest relevance, and those pairs of theirs.
        seed: of the split.

    Raises:
        InputError: too few pairs, pairs of one query only, or a product without a title that may not be dropped.
    """

    def refusal(problem: str, allowed: str) -> InputError:
        return InputError(f"data set {dataset.name!r}: {problem}; allowed: {allowed}")

    evaluated = {normalised(text) for text in dataset.queries.texts}
    catalogue = dict(zip(dataset.catalogue.ids, embedded_texts(dataset.catalogue, "whole", FINETUNED), strict=True))
    columns = ("query", "product", "text" if "text" in frame else "title", "relevance")
    dropped: dict[str, None] = {}
    dropped_pairs, unknown = 0, []
    # one pair for each query and product, with the mean of its ratings; spellings of one query become the first
    spellings: dict[str, str] = {}
    ratings: dict[tuple[str, str], list[float]] = {}
    texts: dict[str, str] = {}
    for query, product, own, relevance in zip(*(frame[name] for name in columns), strict=True):
        key, text = normalised(query), catalogue.get(product, "").strip() or own.strip()
        if not text:
            unknown.append(product)
        elif {key, normalised(text)} & evaluated:
            dropped_pairs += 1
            if key in evaluated:
                dropped[query] = None
        else:
            ratings.setdefault((spellings.setdefault(key, query), product), []).append(relevance)
            texts.setdefault(product, text)
    if unknown and not drop_unknown:
        problem = f"{len(unknown):,} of {len(frame):,} pairs are of products that no file gives a title of"
        raise refusal(f"{problem}, such as {unknown[0]!r}", "products with a title, or --unknown-products drop")

    pairs = [Pair(*key, texts[key[1]], sum(rated) / len(rated)) for key, rated in ratings.items()]
    positives = [pair for pair in pairs if pair.relevance == POSITIVE]
    queries = {pair.query for pair in positives}
    gone = f" ({dropped_pairs:,} went with the queries that are evaluated)" if dropped_pairs else ""
    if len(positives) < FEWEST:
        few = f"{plural(len(positives), 'pair')} of relevance {POSITIVE:g} to train on{gone}"
        raise refusal(few, f"{FEWEST} or more")
    if len(queries) == 1:
        one = f"all {len(positives):,} pairs are of one query, {positives[0].query!r}{gone}"
        raise refusal(one, "pairs of two queries or more")

    held_out = held_out_of(queries, seed)
    train = tuple(pair for pair in pairs if pair.relevance >= positive_from and pair.query not in held_out)
    queries |= {pair.query for pair in train}
    return Pairs(
        train=train,
        validation=tuple(pair for pair in positives if pair.query in held_out),
        related=tuple(pair for pair in pairs if pair.relevance >= RELATED and pair.query in queries),
        rated=tuple(pair for pair in pairs if pair.query in held_out),
        graded=tuple(pair for pair in pairs if pair.query not in held_out),
        dropped=tuple(dropped),
        dropped_pairs=dropped_pairs,
        unknown=len(unknown),
    )


def held_out_of(queries: Collection[str], seed: int) -> set[str]:
    """Choose the tenth of the queries that is validated with."""
    return set(sorted(queries, key=partial(_draw, seed))[: max(1, round(VALIDATION_SHARE * len(queries)))])


def _draw(seed: int, query: str) -> bytes:
    """What the choice of queries goes by: a hash of the text, as the order of the files means nothing."""
    return hashlib.sha256(f"{seed}\0{normalised(query)}".encode()).digest()


def split_off(dataset: Dataset, share: float, *, seed: int) -> tuple[Dataset, pd.DataFrame]:
    """Take a share of its queries, between 0 and 1, out of a data set, and give their rated pairs beside it.

    Queries that are the same text once they are normalised go the same way. A grade becomes a relevance from 1 (grade
    0) to 3 (the highest grade of the data set), so that the pairs of the highest grade are trained on.

    Returns:
        The data set, with a note, and columns `query`, `product`, `title`, `relevance`.

    Raises:
        InputError: nothing would be left on one of the sides.
    """
    queries, judgments, own = dataset.queries, dataset.judgments, dataset.own_products
    keys = [_draw(seed, text) for text in queries.texts]
    distinct = sorted(set(keys))
    going = set(distinct[: round(share * len(distinct))])
    goes = np.array([key in going for key in keys], dtype=np.bool_)
    pairs = goes[judgments.queries]
    if pairs.all() or not pairs.any():
        none = f"share {share:g} of {len(keys):,} queries leaves none to {'evaluate' if pairs.any() else 'train on'}"
        raise InputError(f"data set {dataset.name!r}: {none}; allowed: a share that leaves some on both sides")
    stays = np.flatnonzero(~goes)
    left = replace(
        dataset,
        queries=Queries(queries.frame.iloc[stays]),
        judgments=Judgments(
            np.searchsorted(stays, judgments.queries[~pairs]),
            judgments.products[~pairs],
            judgments.grades[~pairs],
            relevant_from=judgments.relevant_from,
        ),
        own_products=None if own is None else own[stays],
        notes=(*dataset.notes, f"{int(goes.sum()):,} of {len(keys):,} queries are trained on and not evaluated"),
    )
    return left, judged_pairs(dataset, pairs)


def judged_pairs(dataset: Dataset, chosen: npt.NDArray[np.bool_] | slice = slice(None)) -> pd.DataFrame:
    """Make rated pairs of judgments, see `split_off`; `chosen` are those of the judgments that are taken."""
    queries, judgments = dataset.queries, dataset.judgments
    texts, products = embedded_texts(dataset.catalogue, "whole", FINETUNED), judgments.products[chosen].tolist()
    return pd.DataFrame(
        {
            "query": [queries.texts[code] for code in judgments.queries[chosen].tolist()],
            "product": [dataset.catalogue.ids[code] for code in products],
            "title": [texts[code] for code in products],
            "relevance": 1.0 + (POSITIVE - 1.0) * judgments.grades[chosen] / max(1, judgments.grades.max()),
        }
    )


# Leaks


@dataclass(frozen=True)
class Leaks:
    """What a training shares with a benchmark and may share.

    Attributes:
        near_queries: (trained, evaluated) normalised queries that have the same bag of stems or are one edit apart.
        shared_products: ids of the products that are trained on and indexed.
        products: how many products are trained on.
    """

    near_queries: tuple[tuple[str, str], ...]
    shared_products: tuple[str, ...]
    products: int


def find_leaks(trained: Iterable[Trained], dataset: Dataset, *, where: str) -> Leaks:
    """Look for the queries of a benchmark in all pairs of a training; `where` they are from is for messages.

    Raises:
        InputError: an evaluated query is trained on, or is a trained product's whole text, after normalisation.
    """
    pairs = list(trained)
    evaluated = {normalised(text): text for text in dataset.queries.texts}
    queries = dict.fromkeys(normalised(pair.query) for pair in pairs)
    keys = {text_key(text): text for text in dataset.queries.texts}
    for texts, rule in (
        ([evaluated[query] for query in queries if query in evaluated], "evaluated and trained on"),
        (
            sorted({keys[pair.text] for pair in pairs if pair.text in keys}),
            "evaluated and the whole text of a product that is trained on",
        ),
    ):
        if texts:
            count = plural(len(texts), f"query is {rule}", f"queries are {rule}")
            what = f"{count}: {some(list(map(repr, texts)), 3)}"
            raise InputError(f"leak in {where}: {what}; allowed: pairs of queries that are not evaluated")
    alike: dict[object, list[str]] = {}
    for text in evaluated:
        for key in _near_keys(text):
            alike.setdefault(key, []).append(text)
    near = {(query, other) for query in queries for key in _near_keys(query) for other in alike.get(key, ())}
    products = {pair.product for pair in pairs}
    shared = products & set(dataset.catalogue.ids)
    return Leaks(tuple(sorted(near)), tuple(sorted(shared)), len(products))


def text_key(text: str) -> str:
    """What stands for a product's whole text where the text itself is not kept: a hash of it, normalised."""
    return hashlib.sha256(normalised(text).encode()).hexdigest()[:32]


def normalised(text: str) -> str:
    """The text after Unicode normalisation (NFKC), case folding, and with each run of white space as one space.

    Characters that are not seen are left out: those of the category Cf and others that Unicode calls default ignorable.
    """
    # folding can bring forth what composes again, so it is normalised on both sides
    folded = unicodedata.normalize("NFKC", _seen(unicodedata.normalize("NFKC", _seen(text)).casefold()))
    return " ".join(folded.split())


# of other categories than Cf: a joiner, fillers of Hangul, vowels of Khmer, and selectors of variations
_IGNORABLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def _seen(text: str) -> str:
    if text.isascii():
        return text
    return _IGNORABLE.sub("", "".join(one for one in text if unicodedata.category(one) != "Cf"))


def _near_keys(text: str) -> set[object]:
    return {stems(text), *one_edit_keys(text)}


_WORD = re.compile(r"\w+")
_PLURALS = (("ies", ("eies", "aies"), "y"), ("es", ("aes", "ees", "oes"), "e"), ("s", ("us", "ss"), ""))


def stems(text: str) -> tuple[str, ...]:
    """The bag of the stems of a normalised text, sorted.

    Plurals alone are stemmed, by the S stemmer of Harman, "How effective is suffixing?" (JASIS 42, 1991).
    """
    return tuple(sorted(_stem(word) for word in _WORD.findall(text)))


def _stem(word: str) -> str:
    for ending, exceptions, singular in _PLURALS:
        if word.endswith(ending) and not word.endswith(exceptions):
            return word.removesuffix(ending) + singular
    return word


def one_edit_keys(text: str) -> set[int]:
    """Give numbers of which two different texts share one where a character put in, left out or replaced parts them.

    They are of the text with a mark in the place of each character, and between each two. Of a replaced character both
    texts have the mark in its place; of one that is put in, the longer text has it there and the shorter one between.
    """
    places = range(len(text) + 1)
    return {hash(f"{text[:at]}\0{text[end:]}") for at in places for end in (at, at + 1)}
