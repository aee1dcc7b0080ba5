"""What a training step sees: the rows that a loss is given, and batches of them without false negatives."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.errors import InputError
from relevance.finetune.pairs import POSITIVE, normalised
from relevance.finetune.teacher import probabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from relevance.finetune.pairs import Pair
    from relevance.finetune.recipe import Recipe

    _Floats = npt.NDArray[np.float32]
    Encode = Callable[[Sequence[str], str], Any]  # texts and their prompt to unit vectors

QUERY = "anchor"
"""The column that holds queries; all others with texts hold products."""

SKIPPED = 10
"""The nearest are often relevant and not rated: of so many none is a negative where there are more."""

_ROWS_AT_ONCE = 1_024
# of the nearest a teacher looks at so many, and at so many more for each negative
_JUDGED, _JUDGED_EACH = 10, 2
# a teacher scores products from the nearest to the one of this rank
_TAUGHT_TO = 100


@dataclass(frozen=True)
class Item:
    """What of a row may not meet in a batch: its normalised texts, its normalised query, its products' ids."""

    texts: frozenset[str]
    query: str
    products: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The training data of a loss.

    Attributes:
        columns: in the order in which the loss takes them: `QUERY` first, then texts of products; `label` holds a
            number, or a list of them, a row (grades, margins, a teacher's scores).
        items: one a row; none where the products of a batch are no negatives of its other queries.
        related: by normalised query the ids of the products that are no negatives for it.
    """

    columns: Mapping[str, Sequence[Any]]
    items: Sequence[Item] = ()
    related: Mapping[str, frozenset[str]] = field(default_factory=dict)


def pair_rows(recipe: Recipe, encode: Encode) -> TrainingRows:
    """A query and its product, and as many mined negatives as the options say."""
    number = recipe.options.mined
    related = _related(recipe)
    names = ["negative"] if number == 1 else [f"negative_{at}" for at in range(1, number + 1)]
    mined = zip(names, zip(*mine(recipe, encode, number), strict=True), strict=True) if number else ()
    return _rows(recipe, related, positive=recipe.pairs.train, **dict(mined))


def mine(recipe: Recipe, encode: Encode, number: int) -> list[list[Pair]]:
    """Choose for each pair other trained products that the base model mistakes for its own.

    They are the nearest whose cosine is below the positive's by both margins of the options, behind the ten nearest,
    which are often relevant and not rated. No product that is related to the query, by its id or by its text, is among
    them. Where too few are so far, the farthest are taken. With a teacher the ten nearest are looked at, too: its
    scores, from 0 to 1, are in the place of cosines.

    The library's `mine_hard_negatives` knows only the positives of the rows themselves as no negatives, not products
    that were rated 2, and leaves out rows with too few negatives.

    Returns:
        A list of `number` products a pair.

    Raises:
        InputError: so many products are not there.
    """
    pairs, options = recipe.pairs.train, recipe.options
    trained, codes = _trained(recipe)
    same: dict[str, list[int]] = {}
    for pair, code in zip(trained, codes.values(), strict=True):
        same.setdefault(normalised(pair.text), []).append(code)
    barred: dict[str, set[int]] = {}
    for pair in (*pairs, *recipe.pairs.related):
        barred.setdefault(normalised(pair.query), set()).update(same.get(normalised(pair.text), ()))

    def highest(positive: float) -> float:
        return positive - max(options.relative_margin * abs(positive), options.absolute_margin)

    free: list[npt.NDArray[np.int64]] = []
    chosen: list[npt.NDArray[np.int64]] = []
    for pair, cosines, order in _nearest(recipe, encode):
        unrelated = order[~np.isin(order, list(barred[normalised(pair.query)]))]
        if len(unrelated) < number:
            few = f"{len(unrelated)} of {len(trained):,} products are not related to the query {pair.query!r}"
            raise InputError(f"negatives = {number}: {few}; allowed: fewer, or a loss without mined negatives")
        free.append(unrelated)
        behind = unrelated[SKIPPED:]
        chosen.append(behind[cosines[behind] <= highest(float(cosines[codes[pair.product]]))][:number])
    if recipe.teacher is not None:
        depth = _JUDGED + _JUDGED_EACH * number
        asked = [[pair, *(trained[code] for code in near[:depth])] for pair, near in zip(pairs, free, strict=True)]
        for at, (scores, near) in enumerate(zip(_taught(recipe, asked), free, strict=True)):
            given = probabilities(scores)
            allowed = near[:depth][given[1:] <= highest(float(given[0]))]
            chosen[at] = np.concatenate([allowed, near[depth:]])[:number]
    kept = (one if len(one) == number else near[-number:] for one, near in zip(chosen, free, strict=True))
    return [[trained[code] for code in one.tolist()] for one in kept]


def _trained(recipe: Recipe) -> tuple[list[Pair], dict[str, int]]:
    """A pair of each product that is trained on, and their numbers by product."""
    trained = list({pair.product: pair for pair in recipe.pairs.train}.values())
    return trained, {pair.product: code for code, pair in enumerate(trained)}


def _nearest(recipe: Recipe, encode: Encode) -> Iterator[tuple[Pair, Any, npt.NDArray[np.int64]]]:
    """Each pair with the cosines of its query and all trained products under the base model, and their order."""
    pairs, (trained, _) = recipe.pairs.train, _trained(recipe)
    queries = encode([pair.query for pair in pairs], recipe.base.query_prompt)
    products = encode([pair.text for pair in trained], recipe.base.document_prompt)
    for pair, (cosines, order) in zip(pairs, nearest(queries, products), strict=True):
        yield pair, cosines, order


def nearest(queries: _Floats, products: _Floats) -> Iterator[tuple[_Floats, npt.NDArray[np.int64]]]:
    """Give of each query the cosines of all products, and their numbers, the nearest first.

    Both are unit vectors, a row each; a part of the queries is in memory at a time.
    """
    for start in range(0, len(queries), _ROWS_AT_ONCE):
        cosines = queries[start : start + _ROWS_AT_ONCE] @ products.T
        yield from zip(cosines, np.argsort(-cosines, axis=1, kind="stable"), strict=True)


def _taught(recipe: Recipe, rows: Sequence[Sequence[Pair]]) -> Iterator[npt.NDArray[np.float64]]:
    """The teacher's logits of the query of each row's first pair and all products of the row."""
    assert recipe.teacher is not None  # noqa: S101 - the options need one
    logits = recipe.teacher.logits([(row[0].query, pair.text) for row in rows for pair in row])
    yield from np.split(logits, np.cumsum([len(row) for row in rows])[:-1])


def graded_rows(recipe: Recipe, _encode: Encode) -> TrainingRows:
    """A query, a product that was rated for it, and the rating, from 0 (irrelevant) to 1 (relevant)."""
    pairs = recipe.pairs.graded
    return TrainingRows(
        {
            QUERY: [pair.query for pair in pairs],
            "product": [pair.text for pair in pairs],
            "label": [(pair.relevance - 1) / (POSITIVE - 1) for pair in pairs],
        }
    )


def list_rows(recipe: Recipe, encode: Encode) -> TrainingRows:
    """A query, its product and others from near to far, and the teacher's logits of them."""
    return _list_rows(recipe, encode, lambda logits: logits)


def margin_rows(recipe: Recipe, encode: Encode) -> TrainingRows:
    """Likewise, and scores from 0 to 1, of whose differences the loss is."""
    return _list_rows(recipe, encode, probabilities)


def _list_rows(recipe: Recipe, encode: Encode, label: Callable[[Any], Any]) -> TrainingRows:
    number, rows = recipe.options.mined, _lists(recipe, encode)
    names = ["positive", *(f"negative_{at}" for at in range(1, number + 1))]
    columns: dict[str, Sequence[Any]] = {QUERY: [row[0].query for row in rows]}
    columns |= {
        name: [pair.text for pair in column] for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }
    return TrainingRows({**columns, "label": [label(logits).tolist() for logits in _taught(recipe, rows)]})


def scored_rows(recipe: Recipe, encode: Encode) -> TrainingRows:
    """A query, its product or another, and the teacher's score of it, from 0 to 1."""
    rows = _lists(recipe, encode)
    scores = [score for logits in _taught(recipe, rows) for score in probabilities(logits).tolist()]
    pairs = [(row[0].query, pair.text) for row in rows for pair in row]
    return TrainingRows({QUERY: [query for query, _ in pairs], "product": [text for _, text in pairs], "label": scores})


def _lists(recipe: Recipe, encode: Encode) -> list[list[Pair]]:
    """Each pair before others of the nearest hundred trained products, at ranks that grow ever faster.

    Related ones may be among them: the teacher says what they are worth.
    """
    number, (trained, codes) = recipe.options.mined, _trained(recipe)
    others = min(_TAUGHT_TO, len(trained) - 1)
    if others < number:
        raise InputError(f"negatives = {number}: {others} other products are trained on; allowed: so many")
    # a rank each, however few there are
    ranks = np.maximum(np.arange(number), np.rint(np.geomspace(1, others, number)).astype(np.int64) - 1)
    rows = []
    for pair, _, order in _nearest(recipe, encode):
        near = order[order != codes[pair.product]][ranks]
        rows.append([pair, *(trained[code] for code in near)])
    return rows


ROWS = {"pairs": pair_rows, "graded": graded_rows, "margins": margin_rows, "lists": list_rows, "scored": scored_rows}
"""By the name in `Loss.rows`: makes them of a recipe, and of what encodes texts by its base model."""


def _rows(recipe: Recipe, related: Mapping[str, frozenset[str]], **products: Sequence[Pair]) -> TrainingRows:
    pairs = recipe.pairs.train
    columns = {QUERY: [pair.query for pair in pairs]}
    columns |= {name: [pair.text for pair in column] for name, column in products.items()}
    items = []
    for pair, row in zip(pairs, zip(*products.values(), strict=True), strict=True):
        query = normalised(pair.query)
        texts = frozenset({query, *(normalised(one.text) for one in row)})
        items.append(Item(texts, query, tuple(one.product for one in row)))
    return TrainingRows(columns, items, related)


def _related(recipe: Recipe) -> Mapping[str, frozenset[str]]:
    related: dict[str, set[str]] = {}
    for pair in (*recipe.pairs.train, *recipe.pairs.related):
        related.setdefault(normalised(pair.query), set()).add(pair.product)
    return {query: frozenset(products) for query, products in related.items()}


def batches(
    items: Sequence[Item], related: Mapping[str, frozenset[str]], *, size: int, seed: int
) -> Iterator[list[int]]:
    """Give row numbers batch by batch, up to `size`; each row once at most, in a random order.

    In a batch no text and no product stands twice, and no product is related to the query of another row. A row that
    fits no batch yet waits, and is tried first in the next. A batch less than half full is left out, unless it is the
    only one: so few negatives teach little.
    """
    rows = deque(np.random.default_rng(seed).permutation(len(items)).tolist())
    first = True
    while rows:
        batch: list[int] = []
        waiting: list[int] = []
        texts: set[str] = set()
        products: set[str] = set()
        relevant: set[str] = set()
        while rows and len(batch) < size:
            row = rows.popleft()
            item = items[row]
            own = related.get(item.query, frozenset())
            if (
                texts.isdisjoint(item.texts)
                and products.isdisjoint(item.products)
                and relevant.isdisjoint(item.products)
                and products.isdisjoint(own)
            ):
                batch.append(row)
                texts |= item.texts
                products.update(item.products)
                relevant |= own
            else:
                waiting.append(row)
        rows.extendleft(reversed(waiting))
        if not first and len(batch) < size / 2:
            return
        first = False
        yield batch
