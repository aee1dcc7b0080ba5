"""The configuration as a value, and as rows for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from relevance.config.model import ModelChoice, Session, keys, text_of
from relevance.setting import shown
from relevance.strategies import FINETUNED, STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from relevance.datasets.source import Source
    from relevance.engines.elasticsearch.settings import Settings
    from relevance.finetune.recipe import Options
    from relevance.gate import Limits
    from relevance.strategies import Strategy

DEFAULT = "default"
"""The origin of a value that nobody gave."""


@dataclass(frozen=True, kw_only=True)
class Config(Session):
    """What is in force, checked; every path is absolute.

    Attributes:
        file: the configuration file, None where there is none.
        root: its folder, else the folder that it was looked for in.
        source: the data set to measure on.
        aliases: data sets of `[datasets.NAME]`, by name.
        elasticsearch: how one is reached and what is made on it.
        models: by name; `base` and `finetuned` are always there.
        strategies: all that exist, built-in ones first, by name.
        selected: those that run.
        gate: from where on a strategy that became worse warns or fails.
        finetune: how a model is fine-tuned.
        pairs_share: share of the queries that is trained on; None: the data set's own pairs are.
        origins: key to where its value comes from: `option --dataset`, `environment RELEVANCE_DATASET`, the file's
            name, or `default`.
    """

    cache_dir: Path
    file: Path | None
    root: Path
    source: Source
    aliases: Mapping[str, Source]
    elasticsearch: Settings
    models: Mapping[str, ModelChoice]
    strategies: Mapping[str, Strategy]
    selected: tuple[Strategy, ...]
    gate: Limits
    finetune: Options
    pairs_share: float | None
    origins: Mapping[str, str]


def rows(config: Config) -> list[tuple[str, str, str]]:
    """Key, value, and where it comes from: what is in force, and the file's own data sets and strategies."""
    source = config.source
    path = f":{source.path}" if source.name == source.format and source.path else ""
    values = {key.path: _session_text(getattr(config, key.path), key.default) for key in keys("")}
    values |= {
        "dataset": f"{source.name}{path}",
        "strategy": text_of(tuple(strategy.name for strategy in config.selected)),
        "unknown_products": source.unknown_products,
    }
    if config.require_baseline is None:
        values["require_baseline"] = "true where CI is set"
    del values["device"]  # that of each model is shown
    for name, choice in config.models.items():
        own = "base, fine-tuned" if name == FINETUNED else "the packaged model"
        values[f"models.{name}.path"] = choice.path or own
        values[f"models.{name}.prompt"] = _or_own(choice.prompt)
        values[f"models.{name}.max_tokens"] = _or_own(choice.max_tokens)
        values[f"models.{name}.device"] = choice.device or "the best there is"
    for key in keys("elasticsearch", "gate", "finetune"):
        values[key.path] = text_of(getattr(getattr(config, key.table), key.field.name, config.pairs_share))
    for path in config.origins:
        table, _, rest = path.partition(".")
        name, _, attribute = rest.partition(".")
        if table == "datasets":
            values[path] = text_of(getattr(config.aliases[name], attribute))
        elif table == "strategies" and name not in STRATEGIES:
            value = getattr(config.strategies[name], attribute)
            values[path] = shown(value) if attribute == "template" else text_of(value)
    return [(key, value, config.origins[key]) for key, value in values.items()]


def _session_text(value: object, default: str) -> str:
    return default if value is None else text_of(value)


def _or_own(value: object) -> str:
    return "the model's own" if value is None else repr(value)
