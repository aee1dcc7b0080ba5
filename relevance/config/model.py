"""All settings: the tables of `relevance.toml`, their keys, the options that these make, and the record of all.

A key is one field that is made by `setting`, here or in the record of its room; nothing else has to be told. Nothing
heavy is imported here: `pytest --help` is made of this module.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from annotated_types import Interval

from relevance.engines import AUTO, ENGINES
from relevance.engines.elasticsearch.settings import Settings
from relevance.fields import AnalysisTable, EmbeddedTable, FieldTable, SimilarityTable
from relevance.finetune import Options, RerankerOptions
from relevance.setting import (
    Count,
    EmptyText,
    Key,
    Location,
    Locations,
    Names,
    OneOf,
    Takes,
    Text,
    UnknownProducts,
    declared,
    setting,
    shown,
    text_of,
)
from relevance.stages import Rerank
from relevance.strategies import FINETUNED, SHORT, SHORT_DIMENSIONS, STATIC, STRATEGIES, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relevance.datasets import Source
    from relevance.datasets.overlay import Judging
    from relevance.errors import InputError
    from relevance.fields import ProductFields
    from relevance.gate import Limits, MetricChoice

FILE_NAME = "relevance.toml"

DEFAULT = "default"
"""The origin of a value that is not set anywhere."""

_Dimensions = Annotated[int, Interval(ge=1, le=65_536)]
_Model = Annotated[Text, Takes("path or name", "a folder, or OWNER/NAME on the Hugging Face hub, in quotes")]


@dataclass(frozen=True)
class Session:
    """The keys that stand in no table."""

    dataset: Text = setting(
        "data set to measure on: a format's name, with its path behind a colon, or an alias",
        "--dataset NAME[:PATH]",
        default="sample",
    )
    engine: Annotated[str, OneOf((AUTO, *ENGINES))] = setting(
        "engine that ranks; auto takes the cluster that is named, else a container where its image is there already, "
        "else the embedded engine",
        "--engine NAME",
        default=AUTO,
    )
    strategy: Names | None = setting(
        "strategies that run, separated by commas; the option may be given repeatedly, too",
        "--strategy NAME",
        words="all, built-in and own",
    )
    costs: bool | None = setting(
        "time queries with their embedding, and show quality beside cost; the variable takes 1 or 0",
        "--costs",
        words="true where more than the built-in strategies run by all",
    )
    floors: Location | None = setting(
        "file of floors; one that is named has to be there",
        "--floors FILE",
        words="thresholds.toml beside the benchmarks",
    )
    baseline: Locations | None = setting(
        "files that the session is compared with, which have to be there; the option may be given repeatedly, the "
        "variable separates by commas",
        "--baseline FILE",
        words="baselines/DATASET.json beside the benchmarks",
    )
    require_baseline: bool | None = setting(
        "fail where there is no baseline; the variable takes 1 or 0",
        "--require-baseline",
        words="false; true where CI is set",
    )
    allow_missing: bool = setting(
        "let a session of CI pass that did not measure all strategies of its baselines; not in the file, which a pull "
        "request may change; the variable takes 1 or 0",
        "--allow-missing",
        default=False,
        outside=True,
    )
    gate_from_baseline: bool = setting(
        "this session gates: the limits of each baseline hold beside it, and a session that measures nothing fails; "
        "not in the file, which a pull request may change; the variable takes 1 or 0",
        "--gate-from-baseline",
        default=False,
        outside=True,
    )
    history: Location | None = setting(
        "SQLite file that each session appends its numbers to, and is held against for slow drift; made where there is "
        "none",
        "--history FILE",
        words="none: the versions of the baseline that git has",
    )
    mapping: Location | None = setting(
        "JSON file with the body that makes your index, settings and mappings, or what GET index returns: the fields "
        "of the products, for both engines",
        "--mapping FILE",
        words="[fields], else title, description and attributes",
    )
    release: Annotated[int, Interval(ge=8, le=9)] = setting(
        "release of Elasticsearch whose search bodies the embedded engine answers as that does",
        "--release N",
        default=9,
    )
    out: Location = setting("folder of results, replaced whole", "--out DIR", default=Path(".relevance/latest"))
    cache_dir: Location | None = setting(
        "where embeddings are kept, by content", "--cache-dir DIR", words="the user's cache folder"
    )
    device: Text | None = setting(
        "where models run: cpu, cuda, cuda:1, mps; option and variable outrank a model's own",
        "--device NAME",
        words="the best there is",
    )
    unknown_products: UnknownProducts = setting(
        "judgments for products that the catalogue lacks: error, or drop (and count); option and variable outrank a "
        "data set's own",
        "--unknown-products WHAT",
        default="error",
    )


@dataclass(frozen=True)
class ModelChoice:
    """A model that strategies can use; what is None is the packaged model's, or the model's own."""

    path: _Model | None = setting(
        "any sentence-transformers model: a folder, or OWNER/NAME on the Hugging Face hub",
        "--model NAME_OR_PATH",
        words="the packaged all-MiniLM-L6-v2",
    )
    query_prompt: EmptyText | None = setting(
        'text before every query that is embedded; "" is none',
        "--query-prompt TEXT",
        words="the model's own query prompt",
    )
    document_prompt: EmptyText | None = setting(
        'text before every product\'s text that is embedded; "" is none',
        "--document-prompt TEXT",
        words="the model's own document prompt",
    )
    max_tokens: Count | None = setting("cut texts at so many tokens", "--max-tokens N", words="the model's limit")
    truncate_dim: _Dimensions | None = setting(
        "cut vectors at so many dimensions, as models trained for it (Matryoshka) allow",
        "--truncate-dim N",
        words="the model's own",
    )
    device: Text | None = setting("where this model runs", words="device")
    revision: Text | None = setting(
        "branch, tag or commit of a model on the hub", "--model-revision NAME", words="the newest"
    )
    trust_remote_code: bool = setting(
        "run code that the model brings; read it before", "--trust-remote-code", default=False
    )


@dataclass(frozen=True)
class _Finetuned:
    path: _Model | None = setting(
        "the model of the strategies vectorsearch_finetune and rrf_finetune",
        "--finetuned-model NAME_OR_PATH",
        words="none: the base model is fine-tuned on the data set's pairs",
    )


@dataclass(frozen=True)
class _Pairs:
    pairs_from_judgments: Annotated[
        float | None, Interval(gt=0, lt=1), Takes("number between 0 and 1", "a number between 0 and 1, such as 0.2")
    ] = setting(
        "share of the queries that is trained on and leaves the benchmark; their judgments of the highest grade are "
        "the pairs",
        "--pairs-from-judgments SHARE",
        words="none: the data set's own pairs",
    )


TABLES: Mapping[str, tuple[type | str, ...]] = MappingProxyType(
    {
        "": (Session,),
        "models.NAME": (ModelChoice,),
        "models.finetuned": (_Finetuned,),
        "datasets.NAME": ("relevance.datasets:Source",),
        "fields.NAME": (FieldTable,),
        "embedded.NAME": (EmbeddedTable,),
        "analysis": (AnalysisTable,),
        "similarity.NAME": (SimilarityTable,),
        "strategies.NAME": (Strategy,),
        "strategies.NAME.http": ("relevance.outside.http:Http",),
        "strategies.NAME.rerank": (Rerank,),
        "tuning.NAME": (),
        "elasticsearch": (Settings,),
        "metrics": ("relevance.gate:MetricChoice",),
        "gate": ("relevance.gate:Limits",),
        "judging": ("relevance.datasets.overlay:Judging",),
        "finetune": (_Pairs, Options),
        "reranker": (RerankerOptions,),
    }
)
"""The tables of the file, in the order in which they are documented, and the records whose fields are their keys.

Records without an option stand by their name: help does without pandas and numpy.
"""


@cache
def keys(*tables: str) -> tuple[Key, ...]:
    """The keys of some tables, or of all, in the order in which they are documented."""
    records = ((table, record) for table in TABLES if table in tables or not tables for record in TABLES[table])
    return tuple(
        key
        for table, record in records
        for key in declared(resolve_name(record) if isinstance(record, str) else record, table)
    )


@cache
def option_keys() -> tuple[Key, ...]:
    """Those that can be set by an option."""
    return tuple(key for key in keys(*(table for table in TABLES if type in map(type, TABLES[table]))) if key.option)


_OLD_LIMITS = ("fail_large", "p_large", "warn", "warn_sure", "p_warn")
_NEW_LIMITS = "allowed: fail with p_sure for a loss, likely with p_likely for a likely loss (docs/gate.md)"
GONE: Mapping[str, str] = MappingProxyType(
    {
        "on_common_queries": "both sides are scored by today's data, whatever has changed; leave it out",
        "gate.on_common_queries": "both sides are scored by today's data; leave it out, or set common_queries, "
        "the fewest queries that both sides must have",
        "gate.gated": 'allowed: gate in [metrics], such as gate = ["nDCG@10", "AP@10", "RR@10"]',
        **{f"gate.{name}": _NEW_LIMITS for name in _OLD_LIMITS},
    }
)
"""Keys that were, by table, and what there is instead; those of no table were options and variables as well."""


class _Gone(argparse.Action):
    """An option that was."""

    def __call__(
        self, _: argparse.ArgumentParser, __: argparse.Namespace, ___: object, ____: object = None
    ) -> NoReturn:
        raise argparse.ArgumentError(None, f"{self.option_strings[0]} is gone: {self.const}")


def add_options(add: Callable[..., object], command: str = "") -> None:
    """Add `--config` and the option of every key by argparse's `add_argument` or pytest's `addoption`.

    Args:
        add: that method.
        command: whose own options are added too.
    """
    file = f"configuration (default: {FILE_NAME} where there is one)"
    add("--config", dest="relevance_config", metavar="FILE", help=file)
    for key in option_keys():
        if key.command in ("", command):
            takes: dict[str, object] = {"type": key.number, "metavar": key.metavar}
            if key.is_list:
                takes = {"action": "append", "metavar": key.metavar}
            if key.is_flag:
                takes = {"action": "store_const", "const": True}
            text = f"{key.meaning} (default: {key.default})"
            add(key.option, dest=f"relevance_{key.dest}", default=None, help=text, **takes)
    add_removed(add)


def add_removed(add: Callable[..., object]) -> None:
    """Add the options that were, each of which says what there is instead."""
    for name in (name for name in GONE if "." not in name):
        hidden: dict[str, object] = {"dest": f"relevance_{name}", "default": None, "help": argparse.SUPPRESS}
        add(f"--{name.replace('_', '-')}", action=_Gone, nargs=0, const=GONE[name], **hidden)


def parsed_options(namespace: argparse.Namespace) -> dict[str, object]:
    """The options that were set on the command line, by name, `--config` aside."""
    values = {key.dest: getattr(namespace, f"relevance_{key.dest}", None) for key in option_keys()}
    return {name: value for name, value in values.items() if value not in (None, [])}


def find_upwards(start: Path) -> Path | None:
    """The nearest `relevance.toml` in `start` or a folder above it, None where there is none."""
    start = start.absolute()
    return next((file for folder in (start, *start.parents) if (file := folder / FILE_NAME).is_file()), None)


@dataclass(frozen=True, kw_only=True)
class Config(Session):
    """What is in force, checked; every path is absolute.

    Attributes:
        file: the configuration file, None where there is none.
        root: its folder, else the folder that it was looked for in.
        source: the data set to measure on.
        aliases: data sets of `[datasets.NAME]`, by name.
        fields: what fields the products have.
        own_fields: `[fields.NAME]`, by name; empty where `mapping` names a file, or neither is set.
        models: by name; `base`, `finetuned` and what is made of it are always there.
        strategies: all that exist, built-in ones first, by name.
        tuning: what `relevance tune` tries of a strategy, `[tuning.NAME]`, by its name.
        selected: those that run.
        named: those that were asked for by their names: neither by `all` nor by nothing.
        broken: strategies of the file that cannot be made, and what is wrong with them; none of them runs.
        pairs_share: share of the queries that is trained on; None: the data set's own pairs are.
        origins: key to where its value comes from: `option --dataset`, `environment RELEVANCE_DATASET`,
            `option of addopts --dataset`, the file's name, or `default`.
    """

    cache_dir: Path
    file: Path | None
    root: Path
    source: Source
    aliases: Mapping[str, Source]
    fields: ProductFields
    own_fields: Mapping[str, FieldTable]
    elasticsearch: Settings
    models: Mapping[str, ModelChoice]
    strategies: Mapping[str, Strategy]
    tuning: Mapping[str, Mapping[str, Any]]
    selected: tuple[Strategy, ...]
    named: tuple[str, ...]
    broken: Mapping[str, InputError]
    metrics: MetricChoice
    gate: Limits
    judging: Judging
    finetune: Options
    reranker: RerankerOptions
    pairs_share: float | None
    origins: Mapping[str, str]

    @property
    def shows_costs(self) -> bool:
        """Whether queries are timed with their embedding, and quality stands beside cost."""
        return len(self.selected) > len(STRATEGIES) and self.named != () if self.costs is None else self.costs


def rows(config: Config) -> list[tuple[str, str, str]]:
    """Key, value, and where it comes from: what is in force, and the file's own data sets and strategies."""
    source, common = config.source, {key.path: (getattr(config, key.path), key.default) for key in keys("")}
    del common["device"]  # that of each model is shown
    path = f":{source.path}" if source.name == source.format and source.path else ""
    values = {name: default if value is None else text_of(value) for name, (value, default) in common.items()}
    values |= {
        "dataset": f"{source.name}{path}",
        "strategy": text_of(tuple(strategy.name for strategy in config.selected)),
        "unknown_products": source.unknown_products,
    }
    if config.require_baseline is None:
        values["require_baseline"] = "true where CI is set"
    for name, model in config.models.items():
        short, static = f"finetuned, its vectors cut at {SHORT_DIMENSIONS}", "finetuned, as vectors of tokens"
        made = {FINETUNED: "base, fine-tuned", SHORT: short, STATIC: static}
        values[f"models.{name}.path"] = model.path or made.get(name, "the packaged model")
        for key in ("query_prompt", "document_prompt", "max_tokens", "truncate_dim"):
            value = getattr(model, key)
            values[f"models.{name}.{key}"] = "the model's own" if value is None else repr(value)
        values[f"models.{name}.device"] = model.device or "the best there is"
        values[f"models.{name}.revision"] = model.revision or "the newest"
        values[f"models.{name}.trust_remote_code"] = text_of(model.trust_remote_code)
    for each in keys("elasticsearch", "metrics", "gate", "judging", "finetune", "reranker"):
        values[each.path] = text_of(getattr(getattr(config, each.table), each.name, config.pairs_share))
    for path in config.origins:
        table, _, rest = path.partition(".")
        name, _, attribute = rest.partition(".")
        if path not in values or table in ("datasets", "strategies"):
            values |= {path: value} if (value := _shown_in(config, table, name, attribute)) is not None else {}
    return [(key, value, config.origins[key]) for key, value in values.items()]


def _shown_in(config: Config, table: str, name: str, attribute: str) -> str | None:
    """The value of a key of the file's own tables; None for one that stands elsewhere."""
    records: Mapping[str, object] = {"datasets": config.aliases, "fields": config.own_fields}.get(table, {})
    if records:
        return text_of(getattr(records[name], attribute))
    if table == "embedded":
        by_model = config.fields.embedded_by.items()
        others = {model: ", ".join(names[name]) for model, names in by_model if name in names}
        return text_of(config.fields.embedded[name] if attribute == "fields" else others)
    if table == "tuning":
        return text_of(config.tuning[name][attribute])
    if table in ("analysis", "similarity"):
        settings = (config.fields.body or {})["settings"][table]
        return shown(settings[name]) if table == "analysis" else text_of(settings[name][attribute])
    if table == "strategies" and name not in STRATEGIES:
        value = getattr(config.strategies[name], attribute)
        return shown(value) if attribute == "template" else text_of(value)
    return None
