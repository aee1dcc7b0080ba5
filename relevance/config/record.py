"""The configuration as a value, and as rows for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relevance.config.keys import KEYS
from relevance.config.kinds import shown
from relevance.strategies import FINETUNED, STRATEGIES

if TYPE_CHECKING:
    from pathlib import Path

    from relevance.datasets.source import Source
    from relevance.embeddings import ModelChoice
    from relevance.engines.elasticsearch.settings import Settings
    from relevance.finetune.recipe import Options
    from relevance.gate import Limits
    from relevance.strategies import Strategy

__all__ = ["DEFAULT", "Config", "rows"]

DEFAULT = "default"
"""The origin of a value that nobody gave."""


@dataclass(frozen=True)
class Config:
    """What is in force, checked; every path is absolute.

    Attributes:
        file: the configuration file, None where there is none.
        root: its folder, else the folder that it was looked for in.
        source: the data set to measure on.
        aliases: data sets of `[datasets.NAME]`, by name.
        engine: key of `relevance.engines.ENGINES`, or `auto`.
        elasticsearch: how one is reached and what is made on it.
        models: by name; `base` and `finetuned` are always there.
        strategies: all that exist, built-in ones first, by name.
        selected: those that run.
        floors: file of floors; None where none was named.
        baselines: files that the session is compared with; None where none were named.
        require_baseline: whether it is a failure that there is none; None: where this is CI.
        on_common_queries: whether sessions and baselines on different data are compared on what they have in common.
        out: folder of results.
        cache_dir: where embeddings and fine-tuned models are kept.
        gate: from where on a strategy that became worse warns or fails.
        finetune: how a model is fine-tuned.
        pairs_share: share of the queries that is trained on; None: the data set's own pairs are.
        origins: key to where its value comes from: `option --dataset`, `environment RELEVANCE_DATASET`, the file's
            name, or `default`.
    """

    file: Path | None
    root: Path
    source: Source
    aliases: Mapping[str, Source]
    engine: str
    elasticsearch: Settings
    models: Mapping[str, ModelChoice]
    strategies: Mapping[str, Strategy]
    selected: tuple[Strategy, ...]
    floors: Path | None
    baselines: tuple[Path, ...] | None
    require_baseline: bool | None
    on_common_queries: bool
    out: Path
    cache_dir: Path
    gate: Limits
    finetune: Options
    pairs_share: float | None
    origins: Mapping[str, str]


def rows(config: Config) -> list[tuple[str, str, str]]:
    """Key, value, and where it comes from: what is in force, and the file's own data sets and strategies."""
    source = config.source
    path = f":{source.path}" if source.name == source.format and source.path else ""
    values = {
        "dataset": f"{source.name}{path}",
        "engine": config.engine,
        "strategy": ", ".join(strategy.name for strategy in config.selected),
        "floors": "thresholds.toml beside the benchmarks" if config.floors is None else str(config.floors),
        "baseline": _baselines(config.baselines),
        "require_baseline": "true where CI is set"
        if config.require_baseline is None
        else _text(config.require_baseline),
        "on_common_queries": _text(config.on_common_queries),
        "out": str(config.out),
        "cache_dir": str(config.cache_dir),
        "unknown_products": source.unknown_products,
    }
    for name, choice in config.models.items():
        own = "base, fine-tuned" if name == FINETUNED else "the packaged model"
        values[f"models.{name}.path"] = choice.model or own
        values[f"models.{name}.prompt"] = _or_own(choice.query_prompt)
        values[f"models.{name}.max_tokens"] = _or_own(choice.max_tokens)
        values[f"models.{name}.device"] = choice.device or "the best there is"
    for key in (key for key in KEYS if key.table == "elasticsearch"):
        values[key.path] = _text(getattr(config.elasticsearch, key.key))
    for key in (key for key in KEYS if key.table == "gate"):
        values[key.path] = _limit(getattr(config.gate, key.key))
    for key in (key for key in KEYS if key.table == "finetune"):
        values[key.path] = str(getattr(config.finetune, key.key, config.pairs_share or "none"))
    return [(key, value, config.origins[key]) for key, value in (values | _own_tables(config)).items()]


def _baselines(files: tuple[Path, ...] | None) -> str:
    return "baselines/DATASET.json beside the benchmarks" if files is None else ", ".join(map(str, files))


def _or_own(value: object) -> str:
    return "the model's own" if value is None else repr(value)


def _limit(value: object) -> str:
    """A number, metrics, or tables as TOML would have them in one line."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping) and value:
        return ", ".join(
            f"{name} = {{{_limit(one)}}}" if isinstance(one, Mapping) else f"{name} = {one}"
            for name, one in value.items()
        )
    return _text(value)


def _own_tables(config: Config) -> dict[str, str]:
    """What `[datasets.NAME]` and `[strategies.NAME]` set."""
    values = {}
    for path in config.origins:
        table, _, rest = path.partition(".")
        name, _, key = rest.partition(".")
        if table == "datasets":
            values[path] = _text(getattr(config.aliases[name], key))
        elif table == "strategies" and name not in STRATEGIES:
            value = getattr(config.strategies[name], key)
            values[path] = shown(value) if key == "template" else _text(value)
    return values


def _text(value: object) -> str:
    if value is None or value == {}:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(f"{name} = {one}" for name, one in value.items()) if isinstance(value, Mapping) else str(value)
