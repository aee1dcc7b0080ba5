"""From file, environment and options to the configuration: each value checked where it stands, then put together."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from relevance import datasets, embeddings
from relevance.config.model import DEFAULT, GONE, TABLES, Config, ModelChoice, keys, option_keys
from relevance.datasets import DATASETS, Source
from relevance.datasets.overlay import Judging
from relevance.engines.elasticsearch.settings import Credentials, Settings, cloud_url, split_url
from relevance.errors import InputError, did_you_mean, several, unknown
from relevance.fields import (
    DEFAULT_FIELDS,
    MOST_LEVELS_OF_SEARCHES,
    PAIRS,
    AnalysisTable,
    EmbeddedTable,
    FieldTable,
    ProductFields,
    SimilarityTable,
    check_depth,
    compiled,
    index_body,
    own_fields,
    with_embedded,
)
from relevance.files import read_json_object, read_toml
from relevance.finetune import SAMPLE_EPOCHS, Options, RerankerOptions
from relevance.gate import Limits, MetricChoice, read_limits, read_metrics
from relevance.schema import Schema
from relevance.setting import Key, shown
from relevance.stages import TRAINED
from relevance.strategies import BASE, DERIVED, FINETUNED, READY_MADE, STRATEGIES, Strategy, from_table, joined
from relevance.tuning.space import make_space

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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

_HEADS = tuple(dict.fromkeys(table.partition(".")[0] for table in TABLES if table))
_NAMED = tuple(table.partition(".")[0] for table in TABLES if table.endswith(".NAME"))
_NAME = re.compile("[a-z0-9_]+")
_IN_AN_INDEX = ("fields", "similarity")
_FIELD_NAME = re.compile(r"[^\s._-][^\s.]*")
_SELECTING = {"dataset": "datasets", "strategy": "strategies"}
_SOURCE = "dataset"  # in the place of a table, for what is wrong with the one that was chosen
_FLAGS = {"1": True, "true": True, "0": False, "false": False}
_LIKE_A_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")

# ranks of values: those of the file, 0, and of addopts come with the project
_ON_THE_LINE, _IN_THE_ENVIRONMENT, _OF_THE_PROJECT = 4, 3, 1

_NO_CONTAINER, _AS_IT_IS = "no container is started", "an index that exists is taken as it is"
# what of [elasticsearch] changes nothing beside what, and why
_IDLE = {
    ("image", "memory"): ("url", _NO_CONTAINER),
    ("shards", "replicas", "vector_index", "oversample", "mapping", "keep_index"): ("index", _AS_IT_IS),
}


@dataclass(frozen=True)
class Value:
    """A value that is set.

    Attributes:
        value: as the key takes it, paths absolute.
        where: `option --x`, `environment RELEVANCE_X`, `option of addopts --x`, or file, table and key.
        base: folder at which a relative path starts.
        rank: the higher one outranks the lower one; 0 for the file.
    """

    value: Any
    where: str
    base: Path
    rank: int = 0

    def located(self, text: str) -> Path:
        """The absolute path that a text of the value names; `~` is the user's home."""
        try:
            return self.base / Path(text).expanduser()
        except RuntimeError as error:
            raise InputError(f"{self.where} = {shown(text)}: {error}; allowed: a path") from None


Tables = dict[str, dict[str, Value]]
"""What is in force, by table (`models.base`) and key."""


class Problems:
    """What is wrong, gathered so that all of it is said at once.

    Attributes:
        tables: those in which something is wrong: what they would make is not looked at.
    """

    def __init__(self) -> None:
        self.tables: set[str] = set()
        self._errors: list[tuple[str, InputError]] = []

    def add(self, line: str, table: str = "") -> None:
        """Note a problem of a table."""
        self.tables.add(table)
        self._errors.append((table, InputError(line)))

    @contextlib.contextmanager
    def gathered(self, table: str = "") -> Iterator[None]:
        """Note the error that ends a block, and go on behind it."""
        try:
            yield
        except InputError as error:
            self.tables.add(table)
            self._errors.append((table, error))

    def take(self, table: str) -> InputError:
        """Take what is wrong in a table, as one error: it stops nobody who does without that table."""
        taken = several([error for where, error in self._errors if where == table])
        self._errors = [one for one in self._errors if one[0] != table]
        return taken

    def raise_all(self, instead: list[InputError] | None = None) -> None:
        """Raise them as one error, if there are any; `instead`: add them to that."""
        errors = [error for _, error in self._errors]
        if instead is not None:
            instead += errors
        elif errors:
            raise several(errors)


def read_config(  # noqa: PLR0913 - all by name
    *,
    options: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
    root: Path,
    addopts: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
    cwd: Path | None = None,
    measures: bool = True,
    tuned: Collection[str] | None = None,
    wrong: list[InputError] | None = None,
) -> Config:
    """Read and check the configuration; data, models and floors are not read.

    Args:
        options: those of the command line, by name (`query_prompt`); `strategy` is a list.
        environ: the environment.
        file: the configuration file, which has to be there; None where there is none.
        root: the folder that it was looked for in, the configuration's where there is no file.
        addopts: options that were set elsewhere, by the name of that place; the first outranks the next, and the file.
        cwd: where relative paths of options and variables start; None is the working directory.
        measures: whether the selected strategies will run, so that one that cannot be made is an error; else, and
            where it is not selected, it is among the `broken`.
        tuned: strategies whose `[tuning.NAME]` is checked; None is all.
        wrong: what is wrong is added to this list in the place of an error, so that the rest can be looked at, where
            data set and strategies are known all the same; what holds is then as if it were not set.

    Raises:
        InputError: a key or a name is not known, a value is not allowed, the file cannot be read.
    """
    cwd = Path.cwd() if cwd is None else cwd
    file = None if file is None else cwd / file
    root = cwd / root if file is None else file.parent
    problems = Problems()
    _check_variables(environ, problems)
    tables: Tables = defaultdict(dict)
    if file is not None:
        written = _tables_of(file, problems)
        tables |= {table: _read_table(file, table, content, problems) for table, content in written.items()}
    _read_options(options, environ, addopts, cwd, tables, problems)
    aliases: dict[str, Source] = {}
    for name, table in _named(tables, "datasets", problems):
        with problems.gathered(f"datasets.{name}"):
            aliases[name] = _alias(f"{file} [datasets.{name}]", name, table)
    models: dict[str, ModelChoice] = {}
    for name in dict.fromkeys((BASE, *(name for name, _ in _named(tables, "models")), FINETUNED, *DERIVED)):
        with problems.gathered():
            models[name] = ModelChoice()  # where its own cannot be made, strategies may name it all the same
            models[name] = _model(tables, name)
    fields, own = DEFAULT_FIELDS, {}
    with problems.gathered():
        own = {name: FieldTable(**_values(table)) for name, table in _with_types(tables, str(file), problems)}
        fields = _fields(tables, own, models, str(file), problems)
    strategies = {name: replace(one, fields=fields) for name, one in STRATEGIES.items() if one.fits(fields)}
    for name, table in _named(tables, "strategies", problems):
        with problems.gathered(f"strategies.{name}"):
            strategies[name] = _strategy(f"{file} [strategies.{name}]", name, table, models, fields)
    own_names = [name for name, _ in _named(tables, "strategies")]
    ready_made = {
        name: replace(one, fields=fields)
        for name, one in READY_MADE.items()
        if name not in own_names and one.fits(fields)
    }
    _join(strategies, ready_made, [name for name, _ in _named(tables, "strategies")], file, problems)
    source = Source("sample", "sample")
    with problems.gathered(_SOURCE):
        source = _source(tables, aliases, problems)
    with problems.gathered():
        tables["elasticsearch"] |= _cloud(tables["elasticsearch"])
    source = replace(source, fields=fields, judging=Judging(**_values(tables["judging"])))
    elasticsearch = _elasticsearch(tables["elasticsearch"], environ, models, fields, problems)
    chosen = tables[""].get("strategy")
    selected = _selected(chosen, strategies, ready_made, fields, problems)
    broken = {
        name: problems.take(f"strategies.{name}")
        for name, _ in _named(tables, "strategies")
        if f"strategies.{name}" in problems.tables and not (measures and (chosen is None or name in chosen.value))
    }
    tuning = {name: _values(table) for name, table in _named(tables, "tuning", problems)}
    checked = [name for name in tuning if tuned is None or name in tuned]
    for name in (name for name in checked if f"strategies.{name}" not in problems.tables):
        with problems.gathered(), _errors_at(f"{file} [tuning.{name}]: "):
            _check_tuning(name, tuning[name], {**strategies, **ready_made})
    metrics, gate = _gate(file, tables, (*STRATEGIES, *own_names, *ready_made), problems)
    finetune, share = _training(tables["finetune"], source, problems)
    problems.raise_all(wrong if selected and _SOURCE not in problems.tables else None)
    session = {"out": root / ".relevance/latest", "cache_dir": embeddings.default_cache_dir()} | _values(tables[""])
    return Config(
        **session,
        file=file,
        root=root,
        source=source,
        aliases=MappingProxyType(aliases),
        fields=fields,
        own_fields=MappingProxyType(own),
        elasticsearch=elasticsearch,
        models=MappingProxyType(models),
        strategies=MappingProxyType({**strategies, **ready_made}),
        tuning=MappingProxyType(tuning),
        selected=selected,
        named=() if chosen is None else tuple(chosen.value),
        broken=MappingProxyType(broken),
        metrics=metrics,
        gate=gate,
        judging=source.judging,
        finetune=finetune,
        reranker=RerankerOptions(**_values(tables["reranker"])),
        pairs_share=share,
        origins=_origins(tables, source, models, problems, file.name if file else ""),
    )


def _check_variables(environ: Mapping[str, str], problems: Problems) -> None:
    """Refuse a variable that is spelled nearly as one of ours: it would be passed over in silence."""
    ours = [key.variable for key in option_keys()]
    for name in environ:
        plain = name.removeprefix("RELEVANCE_")
        if plain == name or name in ours:
            continue
        if (gone := GONE.get(plain.lower())) is not None:
            problems.add(f"environment: {name} is gone: {gone}")
        elif plain in (*ours, *CREDENTIALS):
            problems.add(f"environment: unknown variable {name!r}; allowed: {plain}")
        elif difflib.get_close_matches(name, ours, n=1, cutoff=0.9):
            problems.add(f"environment: {unknown('variable', name, ours)}")


# What is set


def _tables_of(file: Path, problems: Problems) -> dict[str, dict[str, Any]]:
    """The content of the tables of a file, by name; of what stands above them the name is ""."""
    tables: dict[str, dict[str, Any]] = {"": {}}
    for head, value in read_toml(file, "a configuration").items():
        if head in _SELECTING and isinstance(value, dict):
            problems.add(f"{file}: [{head}] is a table; allowed: [{_SELECTING[head]}.NAME], and {head} = to choose")
        elif head not in _HEADS:
            tables[""][head] = value
        elif not isinstance(value, dict):
            allowed = f"tables [{head}.NAME]" if head in _NAMED else f"a table [{head}]"
            hint = '; what runs is chosen by strategy = ["NAME", …]' if head == "strategies" else ""
            problems.add(f"{file}: {head} = {shown(value)}; allowed: {allowed}{hint}")
        elif head not in _NAMED:
            tables[head] = value
        else:
            for name, inner in value.items():
                if not (_FIELD_NAME if head in _IN_AN_INDEX else _NAME).fullmatch(name):
                    allowed = "lower-case letters, digits and underscores"
                    allowed = "no white space and no dots" if head in _IN_AN_INDEX else allowed
                    problems.add(f"{file} [{head}]: name {shown(name)}; allowed: {allowed}")
                elif not isinstance(inner, dict):
                    problems.add(f"{file} [{head}] {name} = {shown(inner)}; {_in_a_table(head, name)}")
                else:
                    tables[f"{head}.{name}"] = inner
    return tables


def _in_a_table(head: str, name: str) -> str:
    """What is allowed in the place of a key that stands right below the name of named tables."""
    near = did_you_mean(name, [key.name for key in keys(f"{head}.NAME")])
    return f"allowed: a table [{head}.NAME]{f', and keys in it{near}' if near else ''}"


def _read_table(file: Path, table: str, content: Mapping[str, object], problems: Problems) -> dict[str, Value]:
    head = table.partition(".")[0]
    known = {key.name: key for key in keys(f"{head}.NAME" if head in _NAMED else head)}
    where = f"{file} [{table}]" if table else str(file)
    values = {}
    for name, value in content.items():
        if head == "tuning":  # its keys are those of a strategy, or marks of a template
            values[name] = Value(value, f"{where} {name}", file.parent)
            continue
        if (gone := GONE.get(f"{table}.{name}" if table else name)) is not None:
            problems.add(f"{where}: {name} is gone: {gone}", table)
            continue
        if name not in known:
            problems.add(f"{where}: {unknown('key', name, known if table else (*known, *_HEADS))}", table)
            continue
        with problems.gathered(table):
            values[name] = _checked(known[name], Value(value, f"{where} {name}", file.parent))
    if table and not content:
        problems.add(f"{where}: nothing in it; allowed: {', '.join(known)}", table)
    return values


def _checked(key: Key, raw: Value) -> Value:
    if key.outside and raw.rank <= _OF_THE_PROJECT:
        line = "whoever starts a session says so, not the project"
        raise InputError(f"{raw.where}: {line}; allowed: {key.option}, {key.variable}")
    valid = key.checked(raw.value, raw.where)
    if key.type is Path:
        valid = raw.located(valid)
    elif key.type == tuple[Path, ...]:
        valid = tuple(dict.fromkeys(map(raw.located, valid)))
    return replace(raw, value=valid)


def _read_options(  # noqa: PLR0913, PLR0917 - three places
    options: Mapping[str, object],
    environ: Mapping[str, str],
    addopts: Mapping[str, Mapping[str, object]],
    cwd: Path,
    tables: Tables,
    problems: Problems,
) -> None:
    """Lay options and variables over what the file sets.

    What stands behind `addopts` is part of the project as the file is, so that it must not outrank what the
    environment, CI's say, has set.
    """
    places = [(options, "option", _ON_THE_LINE)]
    for rank, (place, given) in enumerate(reversed([*addopts.items()]), _OF_THE_PROJECT):
        places.insert(1, (given, f"option of {place}", rank))
    for key in option_keys():
        text = environ.get(key.variable)
        found = [_option(key, given[key.dest], what, cwd, rank) for given, what, rank in places if key.dest in given]
        if text or (text == "" and key.takes.empty):
            found.append(Value(_from_text(key, text), f"environment {key.variable}", cwd, _IN_THE_ENVIRONMENT))
        if found:
            with problems.gathered(key.table):
                highest = max(found, key=lambda one: one.rank)
                tables[key.table.replace("NAME", BASE)][key.name] = _checked(key, highest)


def _option(key: Key, value: object, what: str, cwd: Path, rank: int) -> Value:
    if key.is_list and key.type != tuple[Path, ...] and isinstance(value, list):  # no name holds a comma
        value = [key.number(name.strip()) for names in value for name in names.split(",")]
    return Value(str(value) if isinstance(value, Path) else value, f"{what} {key.option}", cwd, rank)


def _from_text(key: Key, text: str) -> object:
    """What the text of an environment variable stands for; where it stands for nothing, the text."""
    if key.is_list:
        return [key.number(name.strip()) for name in text.split(",")]
    if key.is_flag:
        return _FLAGS.get(text.lower(), text)
    return key.number(text)


def _values(table: Mapping[str, Value]) -> dict[str, Any]:
    return {name: value.value for name, value in table.items()}


def _named(tables: Tables, head: str, problems: Problems | None = None) -> list[tuple[str, dict[str, Value]]]:
    """Name and content of each `[head.NAME]`, but of those in which something is wrong."""
    named = [table for table in tables if table.startswith(f"{head}.") and not (problems and table in problems.tables)]
    return [(table.partition(".")[2], tables[table]) for table in named]


def _nearest(tables: Tables, table: str, key: str) -> Value | None:
    """A key that stands at the top of the file, too: a table's own outranks that, but no option or variable."""
    common, own = tables[""].get(key), tables[table].get(key)
    return common if own is None or (common and common.rank) else own


# What it makes


def _gate(
    file: Path | None, tables: Tables, strategies: Collection[str], problems: Problems
) -> tuple[MetricChoice, Limits]:
    """The metrics, and the limits of those that are gated; the defaults where there is a problem."""
    metrics, limits = MetricChoice(), Limits()
    if "metrics" not in problems.tables:
        with problems.gathered("metrics"), _errors_at(f"{file} [metrics] "):
            metrics = read_metrics(_values(tables["metrics"]))
    if not {"metrics", "gate"} & problems.tables:
        with problems.gathered(), _errors_at(f"{file} [gate] "):
            limits = read_limits(_values(tables["gate"]), strategies=strategies, gated=metrics.gate)
    return metrics, limits


@contextlib.contextmanager
def _errors_at(where: str) -> Iterator[None]:
    """Put the place in front of an error's line."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}{error}") from None


def _alias(where: str, name: str, table: Mapping[str, Value]) -> Source:
    if name in DATASETS:
        raise InputError(f"{where}: {name} is a format; allowed: a name of its own")
    if "format" not in table:
        raise InputError(f"{where}: no format; allowed: format = one of {', '.join(DATASETS)}")
    with _errors_at(f"{where}: "):
        if table["format"].value not in DATASETS:
            raise InputError(unknown("format", table["format"].value, DATASETS))
        return Source(name, **_values(table), where=where)


def _source(tables: Tables, aliases: Mapping[str, Source], problems: Problems) -> Source:
    """The data set that was chosen, its path absolute; the sample in the place of one in whose table is a problem."""
    chosen = tables[""].get("dataset") or Value("sample", "dataset", Path())
    if f"datasets.{chosen.value}" in problems.tables:
        problems.tables.add(_SOURCE)
        return Source("sample", "sample")
    with _errors_at(f"{chosen.where}: "):
        source = datasets.parse(chosen.value, aliases)
    if source.path is not None:
        source = replace(source, path=chosen.located(str(source.path)))
    unknown_products = _nearest(tables, f"datasets.{source.name}", "unknown_products")
    return replace(source, unknown_products=unknown_products.value) if unknown_products else source


def _model(tables: Tables, name: str) -> ModelChoice:
    table = tables[f"models.{name}"]
    device = _nearest(tables, f"models.{name}", "device")
    values = _values(table) | {"device": device.value if device else None}
    if name in DERIVED and "path" not in table and (idle := table.keys() - {"truncate_dim"}):
        way = f"it is made of {FINETUNED}; allowed: truncate_dim, or a path of a model beside it"
        raise InputError(f"{table[min(idle)].where}: changes nothing, as {way}")
    if "path" in values:
        values["path"] = _path_or_name(table["path"])
    return ModelChoice(**values)


def _training(table: Mapping[str, Value], source: Source, problems: Problems) -> tuple[Options, float | None]:
    """How a model is trained, and the share of the queries that is."""
    values: dict[str, Any] = {"epochs": SAMPLE_EPOCHS} if source.format == "sample" else {}
    values |= _values(table)
    share, options = values.pop("pairs_from_judgments", None), Options()
    if "teacher" in table and table["teacher"].value != TRAINED:
        values["teacher"] = _path_or_name(table["teacher"])
    if "finetune" not in problems.tables:
        with problems.gathered(), _errors_at("[finetune] "):
            options = Options(**values)
    return options, share


def _path_or_name(value: Value) -> str:
    """A folder, or the name as it stands where it is none and can be one on the hub."""
    folder = value.located(value.value)
    is_there = os.path.exists(folder)  # noqa: PTH110 - a name too long for a path is none
    return value.value if _LIKE_A_HUB_NAME.fullmatch(value.value) and not is_there else str(folder)


def _with_types(tables: Tables, file: str, problems: Problems) -> Iterator[tuple[str, dict[str, Value]]]:
    for name, table in _named(tables, "fields", problems):
        if "type" not in table:
            raise InputError(f"{file} [fields.{name}]: no type; allowed: type = one of Elasticsearch's, or {PAIRS}")
        yield name, table


def _fields(
    tables: Tables, own: Mapping[str, FieldTable], models: Iterable[str], file: str, problems: Problems
) -> ProductFields:
    """What fields the products have: those of the file that `mapping` names, of `[fields]`, or the default's."""
    mapping, fields = tables[""].get("mapping"), DEFAULT_FIELDS
    if mapping is not None and own:
        raise InputError(f"{mapping.where} beside {file} [fields]: two mappings; leave one of them out")
    heads = {table.partition(".")[0] for table, content in tables.items() if content}
    beside = [f"[{head}]" for head in ("analysis", "similarity") if head in heads]
    if beside and not own:
        problem = f"{file} {beside[0]}: changes nothing without [fields]"
        raise InputError(f"{problem}; allowed: beside [fields], or in the settings of the file that mapping names")
    if mapping is not None:
        where = str(mapping.value)
        content = read_json_object(mapping.value, "the body of an index")
        fields = own_fields(index_body(content, where), where=where)
    elif own:
        pairs = [name for name, one in own.items() if one.type == PAIRS]
        columns = {name: one.column for name, one in own.items() if one.column is not None}
        separators = {name: one.separator for name, one in own.items() if one.separator is not None}
        analysis = AnalysisTable(**_values(tables["analysis"])) if "[analysis]" in beside else None
        similarities = {name: SimilarityTable(**_values(one)) for name, one in _named(tables, "similarity", problems)}
        body = compiled(own, analysis, similarities)
        fields = own_fields(body, columns=columns, separators=separators, pairs=pairs, where=file)
    if fields.body is not None:
        with _errors_at(f"{file} [fields]: " if mapping is None else f"{mapping.value}: "):
            Schema.of(fields.body).check_limits(tables[""]["release"].value if "release" in tables[""] else 9)
    texts = {}
    for name, table in _named(tables, "embedded", problems):
        if "fields" not in table:
            raise InputError(f"{file} [embedded.{name}]: no fields; allowed: fields = a list of fields")
        texts[name] = EmbeddedTable(**_values(table))
        for model in texts[name].models:
            if model not in models:
                raise InputError(f"{file} [embedded.{name}] models: {unknown('model', model, models)}")
    return with_embedded(fields, texts, file) if texts else fields


_FROM_ITS_FOLDER = {"search", "command", "run"}


def _strategy(
    where: str, name: str, table: Mapping[str, Value], models: Iterable[str], fields: ProductFields
) -> Strategy:
    if name in STRATEGIES:
        raise InputError(f"{where}: a built-in strategy has that name; allowed: any other")
    values = _values(table)
    if template := table.get("template"):
        file = template.located(template.value)
    for key in _FROM_ITS_FOLDER & table.keys():
        values["folder"] = str(table[key].base)
    if isinstance((http := values.get("http")), Mapping) and isinstance(http.get("body"), str):
        body = read_json_object(table["http"].located(http["body"]), "the body of a request")
        values["http"] = {**http, "body": body}
    if isinstance((rerank := values.get("rerank")), Mapping):
        values["folder"] = str(table["rerank"].base)
        model = rerank.get("model")
        if isinstance(model, str) and model != TRAINED and (place := table["rerank"].located(model)).is_dir():
            values["rerank"] = {**rerank, "model": str(place)}
    with _errors_at(f"{where}: "):
        if template:
            content = read_json_object(file, "a search template")
            check_depth(content, str(file), MOST_LEVELS_OF_SEARCHES)
            values |= {"template": content, "file": str(file)}
        strategy = from_table(name, values, fields)
        if strategy.model not in models:
            raise InputError(unknown("model", strategy.model, models))
    return strategy


def _join(
    strategies: dict[str, Strategy],
    ready_made: Mapping[str, Strategy],
    own: Iterable[str],
    file: Path | None,
    problems: Problems,
) -> None:
    """Give the strategies that fuse others these; one of a strategy that cannot be made cannot be made either."""
    known, lost = {**strategies, **ready_made}, set(problems.tables)
    for name in (name for name in own if name in known and known[name].fuse):
        table = f"strategies.{name}"
        with problems.gathered(table), _errors_at(f"{file} [{table}]: "):
            for member in (one for one in known[name].fuse or () if f"strategies.{one}" in lost):
                raise InputError(f"strategy {name!r}: fuse: strategy {member!r} cannot be made; allowed: mend it first")
            strategies[name] = joined(name, known)
        if table in problems.tables:
            del strategies[name]


def _check_tuning(name: str, table: Mapping[str, Any], strategies: Mapping[str, Strategy]) -> None:
    if name not in strategies:
        raise InputError(unknown("strategy", name, strategies))
    make_space(strategies[name], table)


ALL = "all"
"""In the place of a strategy's name: every one there is."""


def _selected(
    chosen: Value | None,
    usual: Mapping[str, Strategy],
    ready_made: Mapping[str, Strategy],
    fields: ProductFields,
    problems: Problems,
) -> tuple[Strategy, ...]:
    if chosen is None:
        return tuple(usual.values())
    strategies = {**usual, **ready_made}
    expanded = (strategies if name == ALL and ALL not in strategies else (name,) for name in chosen.value)
    names = dict.fromkeys(name for some in expanded for name in some if f"strategies.{name}" not in problems.tables)
    for name in (name for name in names if name not in strategies):
        lacking = _lacking(name, fields, strategies)
        problems.add(f"{chosen.where}: {lacking or unknown('strategy', name, strategies)}")
    return tuple(strategies[name] for name in names if name in strategies)


def _lacking(name: str, fields: ProductFields, allowed: Iterable[str]) -> str:
    """Why a strategy that everybody has does not run over these fields; "" for a name that is none."""
    strategy = {**STRATEGIES, **READY_MADE}.get(name)
    if strategy is None:
        return ""
    missing = [*(strategy.text.keys() - fields.text.keys()), *(strategy.vectors.keys() - fields.embedded.keys())]
    order = [*DEFAULT_FIELDS.text, *DEFAULT_FIELDS.embedded]
    needs = ", ".join(sorted(dict.fromkeys(missing), key=order.index))
    line = f"strategy {name!r} needs the fields {needs}, which the mapping lacks; allowed: {', '.join(allowed)}"
    if name not in READY_MADE:
        return line
    values = ((key, getattr(strategy, key)) for key in ("analyzer", "k1", "b", "spelling"))
    same = ", ".join(f"{key} = {json.dumps(value)}" for key, value in values if value)
    return f"{line}; {same} in [strategies.NAME] does the same for fields of your own"


def _elasticsearch(
    table: Mapping[str, Value],
    environ: Mapping[str, str],
    models: Iterable[str],
    fields: ProductFields,
    problems: Problems,
) -> Settings:
    """What `[elasticsearch]` sets; what would change nothing is an error."""
    values = _values(table)
    if "elasticsearch" not in problems.tables:
        with problems.gathered():
            _refuse_idle(table)
    if "url" in table:
        with problems.gathered():
            values["url"], values["credentials"] = _reached(table["url"], environ)
    for name in values.get("fields", ()):
        if name not in (allowed := ("id", *fields.text)):
            problems.add(f"{table['fields'].where}: {unknown('field', name, allowed)}")
    if "vectors" in table:
        with problems.gathered():
            values["vectors"] = MappingProxyType(_vectors(table["vectors"], models, tuple(fields.embedded)))
    return Settings(**values)


def _cloud(table: Mapping[str, Value]) -> dict[str, Value]:
    """The URL that a Cloud ID stands for; nothing where there is none, or where a URL outranks it."""
    cloud, url = table.get("cloud_id"), table.get("url")
    if cloud is None or (url and url.rank > cloud.rank):
        return {}
    if url and url.rank == cloud.rank:
        raise InputError(f"{cloud.where} beside {url.where}: two clusters; leave one of them out")
    with _errors_at(f"{cloud.where}: "):
        return {"url": replace(cloud, value=cloud_url(cloud.value))}


def _refuse_idle(table: Mapping[str, Value]) -> None:
    """Refuse a setting that changes nothing; one of the file may, where an option or a variable makes it idle."""
    for names, (beside, why) in _IDLE.items():
        for name in names:
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
    with _errors_at(f"{url.where}: "):
        address, inside = split_url(url.value)
        if inside.user or inside.password:
            if not url.rank:  # the file is one that people commit
                allowed = "ES_USER and ES_PASSWORD, or ES_API_KEY, in the environment"
                raise InputError(f"holds a user or a password; allowed: {allowed}")
            credentials |= {"api_key": "", "user": inside.user, "password": inside.password}
    return address, Credentials(**credentials, in_url=bool(inside.user or inside.password))


def _vectors(table: Value, models: Iterable[str], texts: tuple[str, ...]) -> dict[str, str]:
    """Our embedded texts, `FIELD` of the model base or `MODEL.FIELD`, to the index's own fields."""
    flat: list[tuple[str, str]] = []
    for name, value in table.value.items():  # what TOML makes of `small.title = "…"` is a table in a table
        nested = isinstance(value, Mapping)
        flat += [(f"{name}.{key}", one) for key, one in value.items()] if nested else [(name, value)]
    vectors: dict[str, str] = {}
    with _errors_at(f"{table.where}: "):
        for name, path in flat:
            model, _, field = name.rpartition(".")
            if model not in ("", *models):
                raise InputError(unknown("model", model, models))
            if field not in texts:
                raise InputError(unknown("field", field, texts))
            key = field if model in ("", BASE) else name
            if key in vectors:
                raise InputError(f"{field} and {BASE}.{field} are the same; leave one of them out")
            vectors[key] = path
    return vectors


def _origins(tables: Tables, source: Source, models: Iterable[str], problems: Problems, file: str) -> Mapping[str, str]:
    """Where the value of every key comes from: plain keys, models, and what the file sets in other tables."""
    values = {
        key.path: tables[key.table].get(key.name)
        for key in keys("", "elasticsearch", "metrics", "gate", "judging", "finetune", "reranker")
    }
    values["unknown_products"] = _nearest(tables, f"datasets.{source.name}", "unknown_products")
    for name in models:
        table = f"models.{name}"
        values |= {f"{table}.{key.name}": tables[table].get(key.name) for key in keys("models.NAME")}
        values[f"{table}.device"] = _nearest(tables, table, "device")
    values |= {f"analysis.{key}": value for key, value in tables["analysis"].items()}
    for head in ("datasets", "fields", "embedded", "similarity", "strategies", "tuning"):
        for name, content in _named(tables, head, problems):
            values |= {f"{head}.{name}.{key}": value for key, value in content.items()}
    origins = {path: (value.where if value.rank else file) if value else DEFAULT for path, value in values.items()}
    return MappingProxyType(origins)
