"""From what was given to the configuration: names looked up, paths made absolute, own strategies and models made."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from relevance import datasets, embeddings
from relevance.config.elastic import CREDENTIALS, elasticsearch
from relevance.config.keys import FILE_NAME, KEYS
from relevance.config.layers import Layers, file_values, located
from relevance.config.record import DEFAULT, Config
from relevance.datasets import DATASETS
from relevance.datasets.source import Source
from relevance.engines import AUTO
from relevance.errors import InputError, unknown
from relevance.files import read_json_object
from relevance.finetune.recipe import SAMPLE_EPOCHS, Options
from relevance.gate import read_limits
from relevance.strategies import BASE, FINETUNED, STRATEGIES, from_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from relevance.config.layers import Value
    from relevance.embeddings import ModelChoice
    from relevance.gate import Limits
    from relevance.strategies import Strategy

__all__ = ["find_upwards", "read_config"]

_DEFAULT_DATASET = "sample"
_DEFAULT_OUT = Path(".relevance", "latest")
_LIKE_A_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def find_upwards(start: Path) -> Path | None:
    """The nearest `relevance.toml` in `start` or a folder above it, None where there is none."""
    start = start.absolute()
    return next((file for folder in (start, *start.parents) if (file := folder / FILE_NAME).is_file()), None)


def read_config(
    *,
    options: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
    root: Path,
    cwd: Path | None = None,
) -> Config:
    """Read and check the configuration; data, models and floors are not read.

    Args:
        options: those that were given, by name (`query_prompt`); `strategy` is a list.
        environ: the environment.
        file: the configuration file, which has to be there; None where there is none.
        root: the folder that it was looked for in; a file's own folder takes its place.
        cwd: where relative paths of options and variables start; None is the working directory.

    Raises:
        InputError: a key or a name is not known, a value is not allowed, the file cannot be read.
    """
    cwd = Path.cwd() if cwd is None else cwd
    _check_variables(environ)
    file = None if file is None else cwd / file
    layers = Layers(options, environ, {} if file is None else file_values(file), cwd)
    root = (cwd / root) if file is None else file.parent
    aliases = _aliases(layers)
    models = _models(layers)
    strategies = _strategies(layers, models)
    source = _source(layers, aliases)
    engine, floors, out, cache = (layers.find(path) for path in ("engine", "floors", "out", "cache_dir"))
    return Config(
        file=file,
        root=root,
        source=source,
        aliases=aliases,
        engine=str(engine.value) if engine else AUTO,
        elasticsearch=elasticsearch(layers, models),
        models=models,
        strategies=strategies,
        selected=_selected(layers, strategies),
        floors=located(floors) if floors else None,
        baselines=_files(layers.find("baseline")),
        require_baseline=_flag(layers.find("require_baseline")),
        on_common_queries=bool(_flag(layers.find("on_common_queries"))),
        out=located(out) if out else root / _DEFAULT_OUT,
        cache_dir=located(cache) if cache else embeddings.default_cache_dir(),
        gate=_limits(layers, strategies),
        finetune=_finetune(layers, source),
        pairs_share=_share(layers),
        origins=_origins(layers, source, models),
    )


def _check_variables(environ: Mapping[str, str]) -> None:
    """Refuse a variable that is spelled nearly as one of ours: it would be passed over in silence."""
    ours = [key.variable for key in KEYS if key.variable]
    for name in environ:
        plain = name.removeprefix("RELEVANCE_")
        if plain == name or name in ours:
            continue
        if plain in (*ours, *CREDENTIALS):
            raise InputError(f"environment: unknown variable {name!r}; allowed: {plain}")
        if difflib.get_close_matches(name, ours, n=1, cutoff=0.9):
            raise InputError(f"environment: {unknown('variable', name, ours)}")


def _aliases(layers: Layers) -> Mapping[str, Source]:
    """The data sets of `[datasets.NAME]`."""
    found = {}
    for name, table in layers.tables("datasets").items():
        where = next(iter(table.values())).table
        if name in DATASETS:
            raise InputError(f"{where}: {name} is a format; allowed: a name of its own")
        if "format" not in table:
            raise InputError(f"{where}: no format; allowed: format = one of {', '.join(DATASETS)}")
        values: dict[str, Any] = {key: value.value for key, value in table.items()}
        if values["format"] not in DATASETS:
            raise InputError(f"{where}: {unknown('format', values['format'], DATASETS)}")
        if "path" in table:
            values["path"] = located(table["path"])
        try:
            found[name] = Source(name, **values)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    return MappingProxyType(found)


def _source(layers: Layers, aliases: Mapping[str, Source]) -> Source:
    """The data set that was chosen, its path absolute."""
    chosen = layers.find("dataset")
    try:
        source = datasets.parse(str(chosen.value) if chosen else _DEFAULT_DATASET, aliases)
    except InputError as error:
        raise InputError(f"{chosen.where}: {error}" if chosen else str(error)) from None
    if chosen and source.path is not None:
        source = replace(source, path=located(replace(chosen, value=source.path)))
    unknown_products: Any = _unknown_products(layers, source)
    return replace(source, unknown_products=unknown_products.value) if unknown_products else source


def _unknown_products(layers: Layers, source: Source) -> Value | None:
    return layers.find("unknown_products", own=f"datasets.{source.name}.unknown_products")


def _models(layers: Layers) -> Mapping[str, ModelChoice]:
    return MappingProxyType(
        {name: _model(layers, name) for name in dict.fromkeys((BASE, *layers.tables("models"), FINETUNED))}
    )


def _model(layers: Layers, name: str) -> ModelChoice:
    path = layers.find(f"models.{name}.path")
    found: dict[str, Any] = {
        "query_prompt": layers.find(f"models.{name}.prompt"),
        "max_tokens": layers.find(f"models.{name}.max_tokens"),
        "device": layers.find("device", own=f"models.{name}.device"),
    }
    values = {key: value.value if value else None for key, value in found.items()}
    return embeddings.ModelChoice(model=_model_path(path) if path else None, **values)


def _model_path(value: Value) -> str:
    """A folder's absolute path, or the name as it stands where it is none and can be one on the hub."""
    path, name = located(value), str(value.value)
    return name if _LIKE_A_HUB_NAME.fullmatch(name) and not path.exists() else str(path)


def _strategies(layers: Layers, models: Mapping[str, ModelChoice]) -> Mapping[str, Strategy]:
    """The built-in strategies and those of `[strategies.NAME]`."""
    found = dict(STRATEGIES)
    for name, table in layers.tables("strategies").items():
        where = next(iter(table.values())).table
        if name in STRATEGIES:
            raise InputError(f"{where}: a built-in strategy has that name; allowed: any other")
        try:
            values = {key: value.value for key, value in table.items()}
            if "template" in table:
                values["template"] = read_json_object(located(table["template"]), "a search template")
            found[name] = from_table(name, values)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        if found[name].model not in models:
            raise InputError(f"{where}: {unknown('model', found[name].model, models)}")
    return MappingProxyType(found)


def _finetune(layers: Layers, source: Source) -> Options:
    own = {"epochs": SAMPLE_EPOCHS} if source.format == "sample" else {}
    found = {key.key: layers.find(key.path) for key in KEYS if key.table == "finetune" and key.command}
    values: dict[str, Any] = own | {name: value.value for name, value in found.items() if value}
    return Options(**values)


def _share(layers: Layers) -> float | None:
    found: Any = layers.find("finetune.pairs_from_judgments")
    return float(found.value) if found else None


def _selected(layers: Layers, strategies: Mapping[str, Strategy]) -> tuple[Strategy, ...]:
    chosen: Any = layers.find("strategy")
    if chosen is None:
        return tuple(strategies.values())
    for name in chosen.value:
        if name not in strategies:
            raise InputError(f"{chosen.where}: {unknown('strategy', name, strategies)}")
    return tuple(strategies[name] for name in dict.fromkeys(chosen.value))


def _files(given: Value | None) -> tuple[Path, ...] | None:
    """The paths of a list, each once."""
    if given is None:
        return None
    names: Any = given.value
    return tuple(dict.fromkeys(located(replace(given, value=name)) for name in names))


def _flag(given: Value | None) -> bool | None:
    return None if given is None else bool(given.value)


def _limits(layers: Layers, strategies: Iterable[str]) -> Limits:
    """What `[gate]` sets."""
    given = {key.key: value for key in KEYS if key.table == "gate" and (value := layers.find(key.path))}
    try:
        return read_limits({name: value.value for name, value in given.items()}, strategies=tuple(strategies))
    except InputError as error:
        where = next(iter(given.values())).table
        raise InputError(f"{where} {error}") from None


def _origins(layers: Layers, source: Source, models: Iterable[str]) -> Mapping[str, str]:
    """Where the value of every key comes from: plain keys, models, and what the file sets in other tables."""
    tables = ("", "elasticsearch", "gate", "finetune")
    plain = [key.path for key in KEYS if key.table in tables and key.path != "device"]
    found = {path: layers.find(path) for path in plain} | {"unknown_products": _unknown_products(layers, source)}
    for name in models:
        for key in ("path", "prompt", "max_tokens"):
            found[f"models.{name}.{key}"] = layers.find(f"models.{name}.{key}")
        found[f"models.{name}.device"] = layers.find("device", own=f"models.{name}.device")
    found |= {path: value for path, value in layers.file.items() if path.startswith(("datasets.", "strategies."))}
    return MappingProxyType({path: value.origin if value else DEFAULT for path, value in found.items()})
