"""All settings: the tables of `relevance.toml`, their keys, and the options that these make.

A key is one field with a `Setting`, here or in the record of its room; nothing else has to be told. Nothing heavy is
imported here: `pytest --help` is made of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval

from relevance.engines.elasticsearch.settings import Settings
from relevance.finetune.recipe import Options
from relevance.setting import (
    Count,
    EmptyText,
    Field,
    Location,
    Locations,
    Names,
    OneOf,
    Setting,
    Takes,
    Text,
    UnknownProducts,
    declared,
)
from relevance.strategies import Strategy

if TYPE_CHECKING:
    import argparse

FILE_NAME = "relevance.toml"

_Model = Annotated[Text, Takes("path or name", "a folder, or OWNER/NAME on the Hugging Face hub, in quotes")]


def _engines() -> tuple[str, ...]:
    from relevance.engines import AUTO, ENGINES  # noqa: PLC0415 - an engine may be heavy

    return (AUTO, *ENGINES)


@dataclass(frozen=True)
class Session:
    """The keys that stand in no table."""

    dataset: Annotated[
        Text,
        Setting(
            "data set to measure on: a format's name, with its path behind a colon, or an alias",
            "--dataset",
            "NAME[:PATH]",
        ),
    ] = "sample"
    engine: Annotated[
        str,
        OneOf(_engines),
        Setting(
            "engine that ranks; auto takes the cluster that is named, else a container where its image is there "
            "already, else the embedded engine",
            "--engine",
            "NAME",
        ),
    ] = "auto"
    strategy: Annotated[
        Names | None,
        Setting(
            "strategies that run; the option may be given repeatedly, the variable separates by commas",
            "--strategy",
            "NAME",
            default="all, built-in and own",
        ),
    ] = None
    floors: Annotated[
        Location | None,
        Setting(
            "file of floors; one that is named has to be there",
            "--floors",
            "FILE",
            default="thresholds.toml beside the benchmarks",
        ),
    ] = None
    baseline: Annotated[
        Locations | None,
        Setting(
            "files that the session is compared with, which have to be there; the option may be given repeatedly, "
            "the variable separates by commas",
            "--baseline",
            "FILE",
            default="baselines/DATASET.json beside the benchmarks",
        ),
    ] = None
    require_baseline: Annotated[
        bool | None,
        Setting(
            "fail where there is no baseline; the variable takes 1 or 0",
            "--require-baseline",
            default="false; true where CI is set",
        ),
    ] = None
    on_common_queries: Annotated[
        bool,
        Setting(
            "where the data are not those of a baseline, compare the queries that are in both, with the same "
            "judgments; the variable takes 1 or 0",
            "--on-common-queries",
        ),
    ] = False
    out: Annotated[Location, Setting("folder of results, replaced whole", "--out", "DIR")] = Path(".relevance/latest")
    cache_dir: Annotated[
        Location | None,
        Setting("where embeddings are kept, by content", "--cache-dir", "DIR", default="the user's cache folder"),
    ] = None
    device: Annotated[
        Text | None,
        Setting(
            "where models run: cpu, cuda, cuda:1, mps; option and variable outrank a model's own",
            "--device",
            "NAME",
            default="the best there is",
        ),
    ] = None
    unknown_products: Annotated[
        UnknownProducts,
        Setting(
            "judgments for products that the catalogue lacks: error, or drop (and count); option and variable outrank "
            "a data set's own",
            "--unknown-products",
            "WHAT",
        ),
    ] = "error"


@dataclass(frozen=True)
class ModelChoice:
    """A model that strategies can use; what is None is the packaged model's, or the model's own."""

    path: Annotated[
        _Model | None,
        Setting(
            "any sentence-transformers model: a folder, or OWNER/NAME on the Hugging Face hub",
            "--model",
            "NAME_OR_PATH",
            default="the packaged all-MiniLM-L6-v2",
        ),
    ] = None
    prompt: Annotated[
        EmptyText | None,
        Setting(
            'text before every query that is embedded; "" is none',
            "--query-prompt",
            "TEXT",
            default="the model's own query prompt",
        ),
    ] = None
    max_tokens: Annotated[
        Count | None, Setting("cut texts at so many tokens", "--max-tokens", "N", default="the model's limit")
    ] = None
    device: Annotated[Text | None, Setting("where this model runs", default="device")] = None


@dataclass(frozen=True)
class _FinetunedTable:
    path: Annotated[
        _Model | None,
        Setting(
            "the model of the strategies vectorsearch_finetune and rrf_finetune",
            "--finetuned-model",
            "NAME_OR_PATH",
            default="none: the base model is fine-tuned on the data set's pairs",
        ),
    ] = None


@dataclass(frozen=True)
class _PairsTable:
    pairs_from_judgments: Annotated[
        float | None,
        Interval(gt=0, lt=1),
        Takes("number between 0 and 1", "a number between 0 and 1, such as 0.2"),
        Setting(
            "share of the queries that is trained on and leaves the benchmark; their judgments of the highest grade "
            "are the pairs",
            "--pairs-from-judgments",
            "SHARE",
            default="none: the data set's own pairs",
        ),
    ] = None


# no option is in these, so help does without pandas and numpy


def _sources() -> tuple[type, ...]:
    from relevance.datasets import Source  # noqa: PLC0415

    return (Source,)


def _limits() -> tuple[type, ...]:
    from relevance.gate import Limits  # noqa: PLC0415

    return (Limits,)


TABLES: Mapping[str, Callable[[], tuple[type, ...]]] = MappingProxyType(
    {
        "": lambda: (Session,),
        "models.NAME": lambda: (ModelChoice,),
        "models.finetuned": lambda: (_FinetunedTable,),
        "datasets.NAME": _sources,
        "strategies.NAME": lambda: (Strategy,),
        "elasticsearch": lambda: (Settings,),
        "gate": _limits,
        "finetune": lambda: (_PairsTable, Options),
    }
)
"""The tables of the file, in the order in which they are documented, and the records whose fields are their keys."""


@dataclass(frozen=True)
class Key:
    """A setting in its table: `models.NAME` and `prompt`."""

    table: str
    field: Field

    @property
    def path(self) -> str:
        """In the file, `models.NAME.prompt`."""
        return f"{self.table}.{self.field.name}" if self.table else self.field.name

    @property
    def option(self) -> str:
        """On the command line, "" where there is none."""
        return self.field.setting.option

    @property
    def name(self) -> str:
        """The option's name in Python, "" where there is none."""
        return self.option.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable, "" where there is none."""
        setting = self.field.setting
        name = f"{setting.command}_{self.field.name}" if setting.command else self.name
        return setting.variable or (f"RELEVANCE_{name.upper()}" if self.option else "")

    @property
    def default(self) -> str:
        """What holds where it is not set, in words."""
        return self.field.setting.default or text_of(self.field.default)


def text_of(value: object) -> str:
    """A value for people: numbers and names as they are, lists by commas, tables as TOML has them in a line."""
    if value is None or value == {}:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        parts = ((name, f"{{{text_of(one)}}}" if isinstance(one, Mapping) else one) for name, one in value.items())
        return ", ".join(f"{name} = {one}" for name, one in parts)
    return str(value)


@cache
def keys(*tables: str) -> tuple[Key, ...]:
    """The keys of some tables, or of all, in the order in which they are documented."""
    return tuple(
        Key(table, field)
        for table, records in TABLES.items()
        if table in tables or not tables
        for record in records()
        for field in declared(record).values()
    )


@cache
def option_keys() -> tuple[Key, ...]:
    """Those that can be set by an option."""
    tables = (table for table, records in TABLES.items() if records not in (_sources, _limits))
    return tuple(key for key in keys(*tables) if key.option)


def add_options(add: Callable[..., object], command: str = "") -> None:
    """Add `--config` and the option of every key by argparse's `add_argument` or pytest's `addoption`.

    Args:
        add: that method.
        command: whose own options are added too.
    """
    add(
        "--config",
        dest="relevance_config",
        metavar="FILE",
        help=f"configuration (default: {FILE_NAME} where there is one)",
    )
    for key in option_keys():
        if key.field.setting.command in ("", command):
            text = f"{key.field.setting.meaning} (default: {key.default})"
            add(key.option, dest=f"relevance_{key.name}", default=None, help=text, **_argument(key))


def _argument(key: Key) -> Mapping[str, object]:
    """What argparse has to know of an option's value."""
    field, metavar = key.field, key.field.setting.metavar
    if field.is_flag:
        return {"action": "store_const", "const": True}
    if field.is_list:
        return {"action": "append", "metavar": metavar}
    return {"type": field.type if field.type in (int, float) else str, "metavar": metavar}


def given_options(namespace: argparse.Namespace) -> dict[str, object]:
    """The options that were given, by name, `--config` aside."""
    values = {key.name: getattr(namespace, f"relevance_{key.name}", None) for key in option_keys()}
    return {name: value for name, value in values.items() if value not in (None, [])}
