"""What a run will take, estimated without loading a model or building an index: texts, tokens, cuts, time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relevance.embeddings.cache import open_store, text_digest
from relevance.runner import ROUNDS, WARM_UP_ROUNDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from relevance.embeddings import Model
    from relevance.strategies import Strategy

__all__ = ["TextsToEmbed", "memory_bytes", "search_seconds", "texts_to_embed"]

_TOKENS_PER_S = 5_000
"""Of a model of `_WEIGHTS_BYTES` (all-MiniLM-L6-v2) on two CPU cores; a larger model is slower in proportion."""
_WEIGHTS_BYTES = 90_868_376

_TOKENS_PER_WORD = 1.4
"""Where the model has no tokenizer.json: what word pieces make of English product texts."""

_COUNTED = 1_000
"""So many texts are counted, evenly spaced; all of them where there are no more."""

_SECONDS_PER_LIST = 5e-8
"""To score a product for a query in one list (all text fields, or one vector field) on the embedded engine."""

# measured with the embedded engine on made catalogues of 10,000 and 100,000 products
_START_BYTES = 170_000_000
_BYTES_PER_CHARACTER = 9
_BYTES_PER_PRODUCT = 1_000
_ENCODER_BYTES = 500_000_000


@dataclass(frozen=True)
class TextsToEmbed:
    """The distinct texts of one model and one embedded text, or the queries.

    Attributes:
        model: its name in the configuration.
        field: `title`, `description`, `attributes`, `whole` or `queries`.
        texts: how many distinct texts there are.
        missing: how many of them are not in the cache; a text that two fields share counts in both.
        cut: how many are longer than `max_tokens`: counted, or where not `exact` estimated from a part of them.
        exact: whether the tokens of every text were counted.
        max_tokens: the model's limit.
        seconds: to embed those that are missing, estimated, on two CPU cores.
    """

    model: str
    field: str
    texts: int
    missing: int
    cut: int
    exact: bool
    max_tokens: int
    seconds: float


def texts_to_embed(
    texts: Sequence[str], model: Model, *, prompt: str, cache_dir: Path, names: tuple[str, str]
) -> TextsToEmbed:
    """Count and estimate.

    Args:
        texts: as they would be embedded; texts of nothing but white space have no vector.
        model: as `embeddings.resolve` returns it.
        prompt: in front of each text.
        cache_dir: a folder that `embeddings.check_cache_dir` has accepted.
        names: of the model in the configuration, and of the texts.

    Raises:
        InputError: a file of the cache is damaged, or a text is no Unicode text.
    """
    distinct = list(dict.fromkeys(text for text in texts if text.strip()))
    store = open_store(cache_dir, model, prompt)
    store.refresh()
    missing = len(distinct) - int(store.holds([text_digest(text) for text in distinct]).sum())
    step = -(-len(distinct) // _COUNTED) or 1
    sample = distinct[::step]
    counts, counted = _token_counts([prompt + text for text in sample], model)
    share = len(distinct) / len(sample) if sample else 0.0
    mean = sum(min(count, model.max_tokens) for count in counts) / len(counts) if counts else 0.0
    rate = _TOKENS_PER_S * _WEIGHTS_BYTES / max(1, model.weights.stat().st_size)
    return TextsToEmbed(
        model=names[0],
        field=names[1],
        texts=len(distinct),
        missing=missing,
        cut=round(share * sum(count > model.max_tokens for count in counts)),
        exact=counted and step == 1,
        max_tokens=model.max_tokens,
        seconds=missing * mean / rate,
    )


def search_seconds(strategies: Sequence[Strategy], *, products: int, queries: int) -> float:
    """Seconds to measure strategies on the embedded engine, estimated; embedding and indexing come on top."""
    lists = sum(max(1, bool(strategy.text) + len(strategy.vectors)) for strategy in strategies)
    return (WARM_UP_ROUNDS + ROUNDS) * lists * products * queries * _SECONDS_PER_LIST


def memory_bytes(texts: Sequence[TextsToEmbed], models: Mapping[str, Model], *, products: int, characters: int) -> int:
    """Bytes of the process at its largest, estimated: the index, all vectors, and a model where it has to be loaded."""
    loaded = [models[one.model].weights.stat().st_size for one in texts if one.missing]
    encoder = _ENCODER_BYTES + max(loaded) if loaded else 0
    vectors = sum(4 * models[one.model].dimensions * one.texts for one in texts)
    return _START_BYTES + encoder + vectors + _BYTES_PER_CHARACTER * characters + _BYTES_PER_PRODUCT * products


def _token_counts(texts: Sequence[str], model: Model) -> tuple[list[int], bool]:
    """Tokens of each text, special ones included, and whether they were counted or estimated from its words."""
    count = _tokenizer(model.weights.parent / "tokenizer.json")
    if count is None:
        return [round(len(text.split()) * _TOKENS_PER_WORD) + 2 for text in texts], False
    return count(texts), True


def _tokenizer(path: Path) -> Callable[[Sequence[str]], list[int]] | None:
    """Counts the tokens of texts; None where the model has no such file, or one for other versions of the library."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - only where something is embedded

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # noqa: BLE001 - the library raises Exception itself; the estimate by words is good enough
        return None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda texts: [len(encoding) for encoding in tokenizer.encode_batch(list(texts))]
