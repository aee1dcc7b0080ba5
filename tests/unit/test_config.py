"""The configuration: what outranks what, where paths start, what own strategies, models and aliases become."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relevance.config import FILE_NAME, add_options, find_upwards, option_keys, parsed_options, rows
from relevance.config.model import ModelChoice
from relevance.config.reading import read_config
from relevance.embeddings import default_cache_dir
from relevance.engines.elasticsearch.settings import Settings
from relevance.finetune import Options
from relevance.setting import text_of
from relevance.strategies import STRATEGIES, Strategy

if TYPE_CHECKING:
    from relevance.config import Config
    from relevance.setting import Key

ROOT = Path(__file__).resolve().parents[2]
EMPTY: dict[str, str] = {}


def _read(folder: Path, text: str | None = None, *, environ: dict[str, str] = EMPTY, **options: object) -> Config:
    """The configuration of a file in `folder/project`, read from the working directory `folder/here`."""
    project, here = folder / "project", folder / "here"
    for made in (project, here):
        made.mkdir(exist_ok=True)
    file = project / FILE_NAME
    if text is not None:
        file.write_text(text, encoding="utf-8")
    return read_config(
        options=options, environ=environ, file=file if text is not None else None, root=project, cwd=here
    )


# what outranks what

VALUES: dict[object, tuple[Any, Any, Any]] = {
    "dataset": ("homedepot:a", "chorus:b", "homedepot:c"),
    "strategy": (["rrf"], ["hybrid", "rrf"], ["hybrid"]),
    "models.NAME.path": ("a/b", "c/d", "e/f"),
    "models.finetuned.path": ("a/b", "c/d", "e/f"),
    "elasticsearch.url": ("http://a:1", "http://b:2", "http://c:3"),
    "elasticsearch.memory": ("1m", "2m", "3m"),
    bool: (True, False, True),
    int: (3, 4, 5),
    float: (0.1, 2e-5, 3e-5),
    str: ("a", "b", "c"),
    Path: ("a", "b", "c"),
    tuple[Path, ...]: (["a", "a"], ["b", "c"], ["d"]),
}
"""By key or by type, what option, variable and file say."""


@pytest.mark.parametrize("layers", [3, 2, 1, 0], ids=["all", "environment and file", "file", "none"])
@pytest.mark.parametrize("key", option_keys(), ids=lambda key: key.path)
def test_option_over_environment_over_file_over_default(tmp_path: Path, key: Key, layers: int) -> None:
    """The first of the four that is there decides, and the origin says which; each has its own folder for paths."""
    of_choices = (key.choices[-1], key.choices[0], key.choices[-1]) if key.choices else None
    option, variable, written = values = of_choices or VALUES.get(key.path) or VALUES[key.type]
    table = key.table.replace("NAME", "base")
    lines = ([f"[{table}]"] if table else []) + [f"{key.name} = {json.dumps(written)}"]
    text = ",".join(variable) if key.is_list else str(int(variable) if key.is_flag else variable)
    # a flag means nothing without a cluster, whoever names it
    url = {"ES_URL": "http://a:1"} if key.is_flag else {}
    config = _read(
        tmp_path,
        "\n".join(lines) if layers > 0 else "",
        environ=url | ({key.variable: text} if layers > 1 else {}),
        **({key.dest: option} if layers > 2 else {}),
    )
    path = "models.base.device" if key.path == "device" else f"{table}.{key.name}".removeprefix(".")
    shown, origin = {name: (value, origin) for name, value, origin in rows(config)}[path]
    names = ("default", FILE_NAME, f"environment {key.variable}", f"option {key.option}")
    assert origin == names[layers]
    if layers:
        value, folder = values[3 - layers], tmp_path / ("project" if layers == 1 else "here")
        expected = repr(value) if key.name == "prompt" else text_of(tuple(value) if key.is_list else value)
        if key.type in (Path, tuple[Path, ...]):
            expected = ", ".join(str(folder / name) for name in dict.fromkeys(value))
        if key.path == "dataset":
            expected = expected.replace(":", f":{folder}/")
        assert shown == expected


def test_defaults(tmp_path: Path) -> None:
    """Results lie beside the file, and the sample is trained on for one epoch, whatever its name is."""
    config = _read(tmp_path)
    assert (config.out, config.cache_dir) == (tmp_path / "project" / ".relevance/latest", default_cache_dir())
    assert (config.source.path, config.require_baseline, config.finetune) == (None, None, Options(epochs=1))
    assert config.models == {"base": ModelChoice(), "finetuned": ModelChoice()}
    assert config.elasticsearch == Settings()
    assert _read(tmp_path, '[datasets.ours]\nformat = "sample"', dataset="ours").finetune.epochs == 1
    assert _read(tmp_path, dataset="homedepot:shop").finetune.epochs == 3
    assert _read(tmp_path, dataset="sample", epochs=5).finetune.epochs == 5


def test_what_a_variable_says(tmp_path: Path) -> None:
    """CI sets variables to nothing: none, but for an empty prompt; a name that is not near ours is somebody else's."""
    config = _read(tmp_path, environ={key.variable: "" for key in option_keys()})
    assert {path for path, origin in config.origins.items() if origin != "default"} == {"models.base.prompt"}
    assert config.models == {"base": ModelChoice(prompt=""), "finetuned": ModelChoice()}
    environ = {"RELEVANCE_REQUIRE": "data", "RELEVANCE_SHARED": "x", "MODEL": "y", "RELEVANCE_DEVICE": "0"}
    assert _read(tmp_path, environ=environ).models["base"].device == "0"
    for text, value in {"1": True, "True": True, "0": False, "false": False}.items():
        environ = {"RELEVANCE_KEEP_INDEX": text, "ES_URL": "http://a:1"}
        assert _read(tmp_path, environ=environ).elasticsearch.keep_index is value


def test_a_device_given_outside_the_file_is_for_all_models(tmp_path: Path) -> None:
    """In the file a model's own device outranks the common one."""
    text = 'device = "cpu"\n[models.base]\nprompt = ""\n[models.other]\ndevice = "cuda"'
    devices = [choice.device for choice in _read(tmp_path, text).models.values()]
    assert devices == ["cpu", "cuda", "cpu"]
    assert [choice.device for choice in _read(tmp_path, text, device="mps").models.values()] == ["mps", "mps", "mps"]


def test_options_of_a_model_are_for_base(tmp_path: Path) -> None:
    """Other models are what the file says."""
    config = _read(tmp_path, '[models.other]\npath = "a/b"\nprompt = "p"', model="c/d", query_prompt="q", max_tokens=9)
    assert config.models == {
        "base": ModelChoice("c/d", "q", 9),
        "other": ModelChoice("a/b", "p"),
        "finetuned": ModelChoice(),
    }


# places


def test_a_folder_beside_the_file_is_a_path_and_a_hub_name_stays_one(tmp_path: Path) -> None:
    """OWNER/NAME is a folder where there is one, else a name; anything else is a path."""
    (tmp_path / "project" / "a" / "b").mkdir(parents=True)
    paths = {"one": "a/b", "two": "c/d", "three": "./c/d", "four": "c"}
    text = "".join(f'[models.{name}]\npath = "{path}"\n' for name, path in paths.items())
    models = _read(tmp_path, text).models
    project = tmp_path / "project"
    expected = [str(project / "a/b"), "c/d", str(project / "c/d"), str(project / "c")]
    assert [models[name].path for name in paths] == expected


def test_the_folder_of_a_named_file_is_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results go beside the file, wherever it was looked for; `~` is the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _read(tmp_path, 'out = "~/results"').out == tmp_path / "results"
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "own.toml").write_text("")
    config = read_config(options={}, environ={}, file=Path("shop/own.toml"), root=tmp_path / "other", cwd=tmp_path)
    assert (config.root, config.out) == (tmp_path / "shop", tmp_path / "shop" / ".relevance" / "latest")
    assert config.file == tmp_path / "shop" / "own.toml"


def test_the_nearest_file_upwards_is_found(tmp_path: Path) -> None:
    """In the folder itself, in one above, nowhere; a folder of that name is none."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / FILE_NAME).mkdir()
    assert find_upwards(inner) is None
    (tmp_path / FILE_NAME).write_text("")
    assert find_upwards(inner) == tmp_path / FILE_NAME
    (inner.parent / FILE_NAME).write_text("")
    assert find_upwards(inner) == inner.parent / FILE_NAME


# data sets

SHOP = '[datasets.shop]\nformat = "chorus"\npath = "data"\nrelevant_from = 2\nunknown_products = "drop"\n'


def test_an_alias_is_chosen_by_its_name(tmp_path: Path) -> None:
    """Its path starts at the file, however it was chosen; its own settings outrank those of all, but no option."""
    text = f'unknown_products = "error"\n{SHOP}'
    for config in (_read(tmp_path, f'dataset = "shop"\n{text}'), _read(tmp_path, text, dataset="shop")):
        source = config.source
        assert (source.name, source.format, source.path) == ("shop", "chorus", tmp_path / "project" / "data")
        assert (source.relevant_from, source.unknown_products) == (2, "drop")
    assert list(config.aliases) == ["shop"]
    assert _read(tmp_path, text, dataset="shop", unknown_products="error").source.unknown_products == "error"


# strategies

OWN = """
[models.small]
path = "a/b"
[strategies.titles]
text = {title = 8, description = 2}
[strategies.fused]
text = {title = 1}
vectors = {whole = 1, title = 1.0}
combine = "rrf"
window = 20
k = 10
candidates = 99
model = "small"
"""


def test_own_strategies_stand_behind_the_built_in_ones(tmp_path: Path) -> None:
    """All run unless some are chosen, and then in the order in which they were named, once each."""
    own = (
        Strategy("titles", text={"title": 8, "description": 2}),
        Strategy("fused", {"title": 1}, {"title": 1, "whole": 1}, "rrf", 20, 10, 99, "small"),
    )
    config = _read(tmp_path, OWN)
    assert config.selected == tuple(config.strategies.values()) == (*STRATEGIES.values(), *own)
    chosen = _read(tmp_path, 'strategy = ["fused", "rrf", "fused"]\n' + OWN)
    assert chosen.selected == (own[1], STRATEGIES["rrf"])
    assert chosen.strategies == config.strategies


def test_a_template_is_read_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    """Its path starts there; a byte order mark in front is skipped."""
    template = {"query": {"match": {"name": "{{query}}"}}}
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "raw.json").write_text("\ufeff" + json.dumps(template), encoding="utf-8")
    config = _read(tmp_path, '[strategies.raw]\ntemplate = "raw.json"')
    assert config.selected[-1] == Strategy("raw", template=template)


# Elasticsearch

SECRET = "s3cr3t"  # noqa: S105 - of nobody
CREDENTIALS = {
    "ES_API_KEY": SECRET,
    "ES_USER": "elastic",
    "ES_PASSWORD": f"{SECRET}-2",
    "ES_CA_CERTS": "ca.pem",
    "ES_FINGERPRINT": "AB:CD",
}


def test_credentials_come_from_the_environment(tmp_path: Path) -> None:
    """Each by its variable, an empty one is none; they count where a URL does."""
    found = _read(tmp_path, environ=CREDENTIALS | {"ES_URL": "http://a:1", "ES_USER": ""}).elasticsearch.credentials
    assert (found.api_key, found.user, found.password) == (SECRET, "", f"{SECRET}-2")
    assert (found.ca_certs, found.fingerprint) == ("ca.pem", "AB:CD")


@pytest.mark.parametrize("place", ["environment ES_URL", "option --es-url"])
def test_user_and_password_are_taken_out_of_the_url(tmp_path: Path, place: str) -> None:
    """They outrank the variables for them; whatever is printed of a configuration may be copied into a ticket."""
    url = "https://me:p%40ss@a:1"
    in_environment = place.startswith("environment")
    environ = CREDENTIALS | ({"ES_URL": url} if in_environment else {})
    config = _read(tmp_path, environ=environ, **({} if in_environment else {"es_url": url}))
    shown = config.elasticsearch.credentials
    assert (shown.user, shown.password, shown.api_key, shown.ca_certs) == ("me", "p@ss", "", "ca.pem")
    found = {key: (value, origin) for key, value, origin in rows(config)}
    assert found["elasticsearch.url"] == ("https://a:1", place)
    assert not any(secret in repr((found, config)) for secret in ("p@ss", "p%40ss", SECRET))


EXISTING = """
[models.small]
prompt = ""
[elasticsearch]
url = "http://a:1"
index = "shop"
[elasticsearch.fields]
id = "sku"
title = "name"
[elasticsearch.vectors]
whole = "v"
small.title = "t"
"small.whole" = "w"
"""


def test_the_field_map_of_an_index(tmp_path: Path) -> None:
    """A name with a dot in it may be in quotes or not."""
    found = _read(tmp_path, EXISTING).elasticsearch
    assert found.fields == {"id": "sku", "title": "name"}
    assert found.vectors == {"whole": "v", "small.title": "t", "small.whole": "w"}
    shown = {key: value for key, value, _ in rows(_read(tmp_path, EXISTING))}
    assert shown["elasticsearch.fields"] == "id = sku, title = name"
    assert (shown["elasticsearch.mapping"], shown["elasticsearch.keep_index"]) == ("none", "false")
    waiting = EXISTING.replace('url = "http://a:1"', "").replace('index = "shop"', "")  # for its cluster
    config = _read(tmp_path, waiting, engine="embedded")
    assert (config.elasticsearch.url, config.elasticsearch.index) == (None, None)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("shards = 3", {"es_index": "shop"}),
        ('mapping = "m.json"\nkeep_index = true', {"es_index": "shop"}),
        ('image = "a:1"', {"es_url": "http://a:1"}),
        ('memory = "2g"', {"environ": {"ES_URL": "http://a:1"}}),
        ("keep_index = true", {}),
        ("keep_index = false", {"keep_index": True, "environ": {"ES_URL": "http://a:1"}}),
        ('index = "shop"\nurl = "http://a:1"\nkeep_index = false', {}),
    ],
    ids=str,
)
def test_what_the_file_sets_may_be_idle(tmp_path: Path, text: str, given: dict[str, Any]) -> None:
    """An option or a variable that makes it so was meant; nobody edits a file for one run."""
    _read(tmp_path, f"[elasticsearch]\n{text}", **given)


# for people


def test_rows_say_what_is_in_force_and_where_it_comes_from(tmp_path: Path) -> None:
    """Every key that holds, and the file's own data sets and strategies."""
    config = _read(
        tmp_path, f'dataset = "shop"\nout = "o"\n{SHOP}{OWN}', strategy=["titles"], environ={"RELEVANCE_DEVICE": "cpu"}
    )
    found = {key: (value, origin) for key, value, origin in rows(config)}
    expected = {
        "dataset": ("shop", FILE_NAME),
        "engine": ("auto", "default"),
        "strategy": ("titles", "option --strategy"),
        "floors": ("thresholds.toml beside the benchmarks", "default"),
        "out": (str(tmp_path / "project" / "o"), FILE_NAME),
        "baseline": ("baselines/DATASET.json beside the benchmarks", "default"),
        "require_baseline": ("true where CI is set", "default"),
        "on_common_queries": ("false", "default"),
        "unknown_products": ("drop", FILE_NAME),
        "models.base.path": ("the packaged model", "default"),
        "models.small.device": ("cpu", "environment RELEVANCE_DEVICE"),
        "datasets.shop.relevant_from": ("2", FILE_NAME),
        "strategies.titles.text": ("title = 8, description = 2", FILE_NAME),
        "strategies.fused.window": ("20", FILE_NAME),
    }
    assert {key: found[key] for key in expected} == expected
    assert "strategies.rrf.text" not in found
    found = {key: (value, origin) for key, value, origin in rows(_read(tmp_path, dataset="homedepot:data"))}
    assert found["dataset"] == (f"homedepot:{tmp_path / 'here' / 'data'}", "option --dataset")


def test_argparse_takes_the_options(tmp_path: Path) -> None:
    """Only what was set is passed on; a flag takes no value, and options of one command are for that alone."""
    parsers = [argparse.ArgumentParser() for _ in range(2)]
    for parser, command in zip(parsers, ("", "finetune"), strict=True):
        add_options(parser.add_argument, command)
    every, finetune = parsers
    arguments = ["--strategy", "rrf", "--strategy", "hybrid", "--max-tokens", "9", "--query-prompt", ""]
    options = parsed_options(every.parse_args(arguments))
    assert options == {"strategy": ["rrf", "hybrid"], "max_tokens": 9, "query_prompt": ""}
    assert _read(tmp_path, **options).models["base"] == ModelChoice(prompt="", max_tokens=9)
    assert parsed_options(every.parse_args(["--keep-index", "--engine", "auto"])) == {
        "keep_index": True,
        "engine": "auto",
    }
    assert parsed_options(every.parse_args([])) == {}
    assert parsed_options(finetune.parse_args(["--epochs", "3"])) == {"epochs": 3}
    for arguments in (["--keep-index", "1"], ["--epochs", "3"]):
        with pytest.raises(SystemExit):
            every.parse_args(arguments)


def test_a_configuration_cannot_be_changed(tmp_path: Path) -> None:
    """Nor its tables."""
    config = _read(tmp_path)
    for table in (config.aliases, config.models, config.strategies, config.origins):
        with pytest.raises(TypeError):
            table["x"] = None  # type: ignore[index]


def test_the_keys_cost_nothing() -> None:
    """The table from which options are made, so `pytest --help`, loads neither numpy nor pandas."""
    code = (
        "import sys; from relevance.config import add_options; add_options(lambda *names, **settings: None); "
        "sys.exit(bool({'numpy', 'pandas', 'pydantic'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)  # noqa: S603 - own command
