"""What follows the search of a strategy: the stage that reorders its first hits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

from annotated_types import Interval

from relevance.errors import InputError
from relevance.files import quoted
from relevance.setting import Takes, Text, declared, setting, shown

TRAINED = "finetuned"
"""The cross-encoder that is made of the base model by training on the data set's pairs."""

RERANKING: Mapping[str, Any] = MappingProxyType({"model": TRAINED, "weight": 0.5})
"""That cross-encoder beside the search's own scores: alone it ranks worse (docs/reranking.md)."""

_MODELS = "a folder, OWNER/NAME on the Hugging Face hub, or finetuned"
_OF_MODELS = ("batch", "max_tokens", "revision", "trust_remote_code")


@dataclass(frozen=True)
class Rerank:
    """`[strategies.NAME.rerank]`: what reorders the first hits of a strategy.

    Attributes:
        folder: in which the module of a function is looked for.
    """

    model: Annotated[Text | None, Takes("path or name", _MODELS)] = setting(
        "a cross-encoder: a folder, OWNER/NAME on the Hugging Face hub, or finetuned: trained on the pairs"
    )
    search: Text | None = setting(
        "a Python function that scores, module:function, in the place of model; called with query, products and params"
    )
    depth: Annotated[int, Interval(ge=1, le=10_000)] = setting("so many of the first hits are reordered", default=20)
    weight: Annotated[float, Interval(gt=0, le=1), Takes("number", "a number above 0 and up to 1, such as 0.5")] = (
        setting(
            "the reranker's part in the scores of these hits, the rest is that of their own, both minmax; 1: it alone",
            default=1,
        )
    )
    batch: Annotated[int, Interval(ge=1, le=65_536)] = setting("with model: pairs that it scores at a time", default=32)
    max_tokens: Annotated[int | None, Interval(ge=3, le=1_000_000)] = setting(
        "with model: cut query and product together at so many tokens", words="the model's limit"
    )
    revision: Text | None = setting("branch, tag or commit of a model on the hub", words="the newest")
    trust_remote_code: bool = setting("run code that the model brings; read it before", default=False)
    folder: str = "."


_KEYS = {key.name: key for key in declared(Rerank)}


def read_rerank(table: Mapping[str, Any] | object, folder: str = ".") -> Rerank:
    """Read the table of a strategy; `folder` is that of its file.

    Raises:
        InputError: a key is not known, its value not allowed, or it changes nothing beside the others.
    """
    if not isinstance(table, Mapping):
        raise InputError(f'rerank = {shown(table)}; allowed: a table, such as {{model = "{TRAINED}"}}')
    if table == RERANKING:  # as in what is ready-made, for which pydantic would be loaded at every start
        return Rerank(**RERANKING)
    if unknown := [name for name in table if name not in _KEYS]:
        raise InputError(f"rerank: unknown key {quoted(unknown[0])}; allowed: {', '.join(_KEYS)}")
    values = {name: _KEYS[name].checked(value, f"rerank: {name}") for name, value in table.items()}
    rerank = Rerank(**values, folder=folder if "search" in values else ".")
    if (rerank.model is None) == (rerank.search is None):
        raise InputError("rerank: allowed: model, or search, one of the two")
    idle = [name for name in _OF_MODELS if name in table and rerank.search is not None]
    idle += [name for name in _OF_MODELS[1:] if name in table and rerank.model == TRAINED]
    if idle:
        raise InputError(f"rerank: {idle[0]} changes nothing here: it is for a model that is named; leave it out")
    return rerank
