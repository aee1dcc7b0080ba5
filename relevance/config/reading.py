"""From file, environment and options to the configuration: each value checked where it stands, then put together."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from relevance import datasets, embeddings
from relevance.config.model import FILE_NAME, TABLES, Key, keys, option_keys
from relevance.config.record import DEFAULT, Config
from relevance.datasets import DATASETS
from relevance.datasets.source import Source
from relevance.engines.elasticsearch.settings import Credentials, Settings
from relevance.engines.elasticsearch.urls import split_url
from relevance.errors import InputError, unknown
from relevance.fields import TEXT_FIELDS, VECTOR_FIELDS
from relevance.files import read_json_object, read_toml
from relevance.finetune.recipe import SAMPLE_EPOCHS, Options
from relevance.gate import read_limits
from relevance.setting import MayBeEmpty, shown
from relevance.strategies import BASE, FINETUNED, STRATEGIES, from_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from relevance.embeddings import ModelChoice
    from relevance.gate import Limits
    from relevance.strategies import Strategy

CREDENTIALS: Mapping[str, str] = MappingProxyType(
    {
        "ES_API_KEY": "api_key",
        "ES_USER": "user",
        "ES_PASSWORD": "password",
        "ES_CA_CERTS": "ca_certs",
        "ES_FINGERPRINT": "fingerprint",
    }
)
"""The variables of the environment, the only place for what is secret but a URL's user and password."""

_NAMED = tuple(table.partition(".")[0] for table in TABLES if table.endswith(".NAME"))
_NAME = re.compile("[a-z0-9_]+")
_SELECTING = {"dataset": "datasets", "strategy": "strategies"}
_FLAGS = {"1": True, "true": True, "0": False, "false": False}
_LIKE_A_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")

_IDLE = (
    *((name, "url", "no container is started") for name in ("image", "memory")),
    *(
        (name, "index", "an index that exists is taken as it is")
        for name in ("shards", "replicas", "vector_index", "mapping", "keep_index")
    ),
)
"""(setting of `[elasticsearch]`, the one beside which it changes nothing, why)."""


@dataclass(frozen=True)
class Value:
    """A value that is set.

    Attributes:
        value: as the key takes it, paths absolute.
        origin: `option --x`, `environment RELEVANCE_X`, or the file's name.
        where: the same for messages, in the file with table and key.
        base: folder at which a relative path starts.
        rank: 2 for an option, 1 for a variable, 0 for the file; a higher one outranks a lower one.
    """

    value: Any
    origin: str
    where: str
    base: Path
    rank: int = 0

    @property
    def table(self) -> str:
        """File and table of a value of the file, for messages."""
        return self.where.rpartition(" ")[0]


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
        root: the folder that it was looked for in, the configuration's where there is no file.
        cwd: where relative paths of options and variables start; None is the working directory.

    Raises:
        InputError: a key or a name is not known, a value is not allowed, the file cannot be read.
    """
    cwd = Path.cwd() if cwd is None else cwd
    _check_variables(environ)
    file = None if file is None else cwd / file
    layers = _Layers({} if file is None else _file_values(file), dict(_set_outside(options, environ, cwd)))
    root = (cwd / root) if file is None else file.parent
    aliases = _aliases(layers)
    models = {name: _model(layers, name) for name in dict.fromkeys((BASE, *layers.named_tables("models"), FINETUNED))}
    strategies = _strategies(layers, models)
    source = _source(layers, aliases)
    session = {"out": root / ".relevance/latest", "cache_dir": embeddings.default_cache_dir()} | layers.values("")
    training: dict[str, Any] = {"epochs": SAMPLE_EPOCHS} if source.format == "sample" else {}
    training |= layers.values("finetune")
    share = training.pop("pairs_from_judgments", None)
    return Config(
        **session,
        file=file,
        root=root,
        source=source,
        aliases=MappingProxyType(aliases),
        elasticsearch=_elasticsearch(layers, environ, models),
        models=MappingProxyType(models),
        strategies=MappingProxyType(strategies),
        selected=_selected(layers.find("strategy"), strategies),
        gate=_limits(layers, strategies),
        finetune=Options(**training),
        pairs_share=share,
        origins=_origins(layers, source, models),
    )


def _check_variables(environ: Mapping[str, str]) -> None:
    """Refuse a variable that is spelled nearly as one of ours: it would be passed over in silence."""
    ours = [key.variable for key in option_keys()]
    for name in environ:
        plain = name.removeprefix("RELEVANCE_")
        if plain == name or name in ours:
            continue
        if plain in (*ours, *CREDENTIALS):
            raise InputError(f"environment: unknown variable {name!r}; allowed: {plain}")
        if difflib.get_close_matches(name, ours, n=1, cutoff=0.9):
            raise InputError(f"environment: {unknown('variable', name, ours)}")


def _file_values(file: Path) -> dict[str, Value]:
    """The values of a configuration file by path (`models.base.prompt`), in its order, all of them checked."""
    content = read_toml(file, "a configuration")
    tables = list(dict.fromkeys(table.partition(".")[0] for table in TABLES if table))
    for name, value in content.items():
        if name in _SELECTING and isinstance(value, dict):
            raise InputError(f"{file}: [{name}] is a table; allowed: [{_SELECTING[name]}.NAME], and {name} = to choose")
        if name in tables and not isinstance(value, dict):
            allowed = f"tables [{name}.NAME]" if name in _NAMED else f"a table [{name}]"
            hint = '; what runs is chosen by strategy = ["NAME", …]' if name == "strategies" else ""
            raise InputError(f"{file}: {name} = {shown(value)}; allowed: {allowed}{hint}")
    plain = {name: value for name, value in content.items() if name not in tables}
    values = dict(_table(file, "", plain, [*(key.path for key in keys("")), *tables]))
    for head in (name for name in content if name in tables):
        inner: Any = content[head]
        for table, keyed in _named_tables(file, head, inner) if head in _NAMED else [(head, inner)]:
            values |= _table(file, table, keyed)
    return values


def _named_tables(file: Path, table: str, content: Any) -> Iterator[tuple[str, Mapping[str, object]]]:
    for name, inner in content.items():
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{file} [{table}]: name {shown(name)}; allowed: lower-case letters, digits and underscores"
            )
        if not isinstance(inner, dict):
            raise InputError(f"{file} [{table}] {name} = {shown(inner)}; allowed: a table [{table}.NAME]")
        yield f"{table}.{name}", inner


def _table(
    file: Path, table: str, content: Mapping[str, object], names: Iterable[str] = ()
) -> Iterator[tuple[str, Value]]:
    """The values that stand in `[table]` or `[table.NAME]`."""
    known = {key.field.name: key for key in keys(_declared(table))}
    head = f"{file} [{table}]" if table else str(file)
    for name in content:
        if name not in known:
            raise InputError(f"{head}: {unknown('key', name, names or known)}")
    if table and not content:
        raise InputError(f"{head}: nothing in it; allowed: {', '.join(known)}")
    for name, value in content.items():
        where = f"{head} {name}"
        read = _read(known[name], value, where, file.parent)
        yield f"{table}.{name}" if table else name, Value(read, file.name, where, file.parent)


def _declared(table: str) -> str:
    """The table of `TABLES` that the keys of a file's table stand in."""
    return table if table in TABLES and "." not in table else f"{table.partition('.')[0]}.NAME"


def _read(key: Key, value: object, where: str, base: Path) -> Any:
    """The value of a key, checked, paths absolute."""
    field = key.field
    valid = field.checked(value, where)
    if field.type is Path:
        return _located(valid, where, base)
    if field.type == tuple[Path, ...]:
        return tuple(dict.fromkeys(_located(one, where, base) for one in valid))
    return valid


def _located(text: str, where: str, base: Path) -> Path:
    """The absolute path that a text names; `~` is the user's home."""
    try:
        return base / Path(text).expanduser()
    except RuntimeError as error:
        raise InputError(f"{where} = {shown(text)}: {error}; allowed: a path") from None


def _set_outside(options: Mapping[str, object], environ: Mapping[str, str], cwd: Path) -> Iterator[tuple[str, Value]]:
    """The values that options and variables set, by path; an option outranks a variable."""
    for key in option_keys():
        if key.name in options:
            where, value, rank = f"option {key.option}", options[key.name], 2
            value = str(value) if isinstance(value, Path) else value
        # an empty variable is none, but for a text, which may be empty
        elif environ.get(key.variable) or (key.variable in environ and key.field.marker(MayBeEmpty)):
            where, value, rank = f"environment {key.variable}", _from_text(key, environ[key.variable]), 1
        else:
            continue
        yield key.set_by_option, Value(_read(key, value, where, cwd), where, where, cwd, rank)


def _from_text(key: Key, text: str) -> object:
    """What the text of an environment variable stands for; where it stands for nothing, the text."""
    field = key.field
    if field.is_list:
        return [name.strip() for name in text.split(",")]
    if field.is_flag:
        return _FLAGS.get(text.lower(), text)
    if field.type is float:
        with contextlib.suppress(ValueError):
            return float(text)
    return int(text) if field.type is int and text.isascii() and text.isdigit() else text


@dataclass(frozen=True)
class _Layers:
    """What is set, by path: in the file, and outside of it, which outranks the file."""

    file: Mapping[str, Value]
    outside: Mapping[str, Value]

    def find(self, path: str, own: str = "") -> Value | None:
        """The value in force, None for the default; in the file the key `own` outranks `path`."""
        return self.outside.get(path) or self.file.get(own) or self.file.get(path)

    def table(self, table: str) -> dict[str, Value]:
        """What is set in a table without names, by key."""
        return {key.field.name: value for key in keys(table) if (value := self.find(key.path))}

    def values(self, table: str) -> dict[str, Any]:
        """The same, values alone."""
        return {name: value.value for name, value in self.table(table).items()}

    def named_tables(self, table: str) -> dict[str, dict[str, Value]]:
        """What the file sets in each `[table.NAME]`: by name, then by key."""
        tables: dict[str, dict[str, Value]] = {}
        for path, value in self.file.items():
            head, _, rest = path.partition(".")
            if head == table:
                name, _, key = rest.partition(".")
                tables.setdefault(name, {})[key] = value
        return tables


def _aliases(layers: _Layers) -> dict[str, Source]:
    """The data sets of `[datasets.NAME]`."""
    aliases = {}
    for name, table in layers.named_tables("datasets").items():
        where = next(iter(table.values())).table
        if name in DATASETS:
            raise InputError(f"{where}: {name} is a format; allowed: a name of its own")
        if "format" not in table:
            raise InputError(f"{where}: no format; allowed: format = one of {', '.join(DATASETS)}")
        values: dict[str, Any] = {key: value.value for key, value in table.items()}
        if values["format"] not in DATASETS:
            raise InputError(f"{where}: {unknown('format', values['format'], DATASETS)}")
        with _errors_at(where):
            aliases[name] = Source(name, **values)
    return aliases


@contextlib.contextmanager
def _errors_at(where: str, sign: str = ": ") -> Iterator[None]:
    """Put the place in front of an error's line."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}{sign}{error}") from None


def _source(layers: _Layers, aliases: Mapping[str, Source]) -> Source:
    """The data set that was chosen, its path absolute."""
    chosen = layers.find("dataset") or Value("sample", DEFAULT, "dataset", Path())
    with _errors_at(chosen.where):
        source = datasets.parse(chosen.value, aliases)
    if source.path is not None:
        source = replace(source, path=_located(str(source.path), chosen.where, chosen.base))
    unknown_products = _unknown_products(layers, source)
    return replace(source, unknown_products=unknown_products.value) if unknown_products else source


def _unknown_products(layers: _Layers, source: Source) -> Value | None:
    return layers.find("unknown_products", own=f"datasets.{source.name}.unknown_products")


def _model(layers: _Layers, name: str) -> ModelChoice:
    path = layers.find(f"models.{name}.path")
    values = {
        "query_prompt": layers.find(f"models.{name}.prompt"),
        "max_tokens": layers.find(f"models.{name}.max_tokens"),
        "device": layers.find("device", own=f"models.{name}.device"),
    }
    return embeddings.ModelChoice(
        model=_model_path(path) if path else None,
        **{key: value.value if value else None for key, value in values.items()},
    )


def _model_path(value: Value) -> str:
    """A folder's absolute path, or the name as it stands where it is none and can be one on the hub."""
    path = _located(value.value, value.where, value.base)
    return value.value if _LIKE_A_HUB_NAME.fullmatch(value.value) and not path.exists() else str(path)


def _strategies(layers: _Layers, models: Mapping[str, ModelChoice]) -> dict[str, Strategy]:
    """The built-in strategies and those of `[strategies.NAME]`."""
    strategies = dict(STRATEGIES)
    for name, table in layers.named_tables("strategies").items():
        where = next(iter(table.values())).table
        if name in STRATEGIES:
            raise InputError(f"{where}: a built-in strategy has that name; allowed: any other")
        with _errors_at(where):
            values = {key: value.value for key, value in table.items()}
            if "template" in table:
                values["template"] = read_json_object(values["template"], "a search template")
            strategies[name] = from_table(name, values)
        if strategies[name].model not in models:
            raise InputError(f"{where}: {unknown('model', strategies[name].model, models)}")
    return strategies


def _selected(chosen: Value | None, strategies: Mapping[str, Strategy]) -> tuple[Strategy, ...]:
    if chosen is None:
        return tuple(strategies.values())
    for name in chosen.value:
        if name not in strategies:
            raise InputError(f"{chosen.where}: {unknown('strategy', name, strategies)}")
    return tuple(strategies[name] for name in dict.fromkeys(chosen.value))


def _limits(layers: _Layers, strategies: Iterable[str]) -> Limits:
    """What `[gate]` sets."""
    table = layers.table("gate")
    where = next(iter(table.values())).table if table else ""
    with _errors_at(where, " "):
        return read_limits({name: value.value for name, value in table.items()}, strategies=tuple(strategies))


def _elasticsearch(layers: _Layers, environ: Mapping[str, str], models: Iterable[str]) -> Settings:
    """What `[elasticsearch]` sets; what would change nothing is an error."""
    table = layers.table("elasticsearch")
    _refuse_idle(table)
    values: dict[str, Any] = {name: value.value for name, value in table.items()}
    if "url" in table:
        values["url"], values["credentials"] = _reached(table["url"], environ)
    for name in values.get("fields", ()):
        if name not in (allowed := ("id", *TEXT_FIELDS)):
            raise InputError(f"{table['fields'].where}: {unknown('field', name, allowed)}")
    if "vectors" in table:
        values["vectors"] = MappingProxyType(_vectors(table["vectors"], models))
    return Settings(**values)


def _refuse_idle(table: Mapping[str, Value]) -> None:
    """Refuse a setting that changes nothing; one of the file may, where an option or a variable makes it idle."""
    for name, beside, why in _IDLE:
        value, other = table.get(name), table.get(beside)
        if value and value.value and other and value.rank >= other.rank:
            raise InputError(f"{value.where} changes nothing beside {other.where}: {why}; leave one of them out")
    keep = table.get("keep_index")
    if keep and keep.value and keep.rank and "url" not in table:
        raise InputError(f"{keep.where} changes nothing without a cluster, a container is removed; allowed: --es-url")
    for name in ("fields", "vectors"):
        if name in table and "url" in table and "index" not in table:  # the map may wait in the file for its cluster
            raise InputError(f"{table[name].where} changes nothing without an index that exists; allowed: --es-index")


def _reached(url: Value, environ: Mapping[str, str]) -> tuple[str, Credentials]:
    """The URL without user and password, and what the cluster is shown: those outrank the variables."""
    credentials = {attribute: environ.get(variable, "") for variable, attribute in CREDENTIALS.items()}
    with _errors_at(url.where):
        address, inside = split_url(url.value)
    if inside.user or inside.password:
        if not url.rank:  # the file is one that people commit
            allowed = "ES_USER and ES_PASSWORD, or ES_API_KEY, in the environment"
            raise InputError(f"{url.where}: holds a user or a password; allowed: {allowed}")
        credentials |= {"api_key": "", "user": inside.user, "password": inside.password}
    return address, Credentials(**credentials)


def _vectors(table: Value, models: Iterable[str]) -> dict[str, str]:
    """Our embedded texts, `FIELD` of the model base or `MODEL.FIELD`, to the index's own fields."""
    vectors: dict[str, str] = {}
    for name, path in _flat(table.value):
        model, _, field = name.rpartition(".")
        if model not in ("", *models):
            raise InputError(f"{table.where}: {unknown('model', model, models)}")
        if field not in VECTOR_FIELDS:
            raise InputError(f"{table.where}: {unknown('field', field, VECTOR_FIELDS)}")
        key = field if model in ("", BASE) else name
        if key in vectors:
            raise InputError(f"{table.where}: {field} and {BASE}.{field} are the same; leave one of them out")
        vectors[key] = path
    return vectors


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What TOML makes of `small.title = "…"` is a table in a table."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{key}", one) for key, one in value.items())
        else:
            yield name, value


def _origins(layers: _Layers, source: Source, models: Iterable[str]) -> Mapping[str, str]:
    """Where the value of every key comes from: plain keys, models, and what the file sets in other tables."""
    values = {key.path: layers.find(key.path) for key in keys("", "elasticsearch", "gate", "finetune")}
    values["unknown_products"] = _unknown_products(layers, source)
    for name in models:
        for key in keys("models.NAME"):
            path = key.path.replace("NAME", name)
            values[path] = layers.find("device" if key.field.name == "device" else path, own=path)
    values |= {path: value for path, value in layers.file.items() if path.startswith(("datasets.", "strategies."))}
    return MappingProxyType({path: value.origin if value else DEFAULT for path, value in values.items()})
