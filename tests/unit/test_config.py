"""The configuration: what outranks what, where paths start, what own strategies, models and aliases become."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from itertools import chain, combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from relevance.config import FILE_NAME, add_options, find_upwards, given_options, option_keys, read_config, rows
from relevance.embeddings import ModelChoice, default_cache_dir
from relevance.engines.elasticsearch.settings import DEFAULT_IMAGE, Settings
from relevance.strategies import STRATEGIES, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from relevance.config import Config

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


def _table(text: str) -> str:
    return f"[elasticsearch]\n{text}"


GIVEN: dict[str, tuple[Any, str, str, Callable[[Config], object]]] = {
    "dataset": ("homedepot:a", "chorus:b", 'dataset = "homedepot:c"', lambda config: config.source.path),
    "engine": ("elasticsearch", "embedded", 'engine = "auto"', lambda config: config.engine),
    "strategy": (["rrf"], "hybrid,rrf", 'strategy = ["hybrid"]', lambda config: [one.name for one in config.selected]),
    "floors": ("a.toml", "b.toml", 'floors = "c.toml"', lambda config: config.floors),
    "baseline": (["a", "a"], "b,c", 'baseline = ["d"]', lambda config: config.baseline),
    "require_baseline": (True, "0", "require_baseline = true", lambda config: config.require_baseline),
    "on_common_queries": (True, "0", "on_common_queries = true", lambda config: config.on_common_queries),
    "out": ("a", "b", 'out = "c"', lambda config: config.out),
    "cache_dir": ("a", "b", 'cache_dir = "c"', lambda config: config.cache_dir),
    "device": ("cuda:1", "cuda:2", 'device = "cuda:3"', lambda config: config.models["base"].device),
    "unknown_products": ("drop", "error", 'unknown_products = "drop"', lambda config: config.source.unknown_products),
    "models.NAME.path": ("a/b", "c/d", '[models.base]\npath = "e/f"', lambda config: config.models["base"].model),
    "models.NAME.prompt": ("a", "b", '[models.base]\nprompt = "c"', lambda config: config.models["base"].query_prompt),
    "models.NAME.max_tokens": (
        8,
        "9",
        "[models.base]\nmax_tokens = 10",
        lambda config: config.models["base"].max_tokens,
    ),
    "elasticsearch.url": (
        "http://a:1",
        "http://b:2",
        _table('url = "http://c:3"'),
        lambda config: config.elasticsearch.url,
    ),
    "elasticsearch.timeout": (1, "2", _table("timeout = 3"), lambda config: config.elasticsearch.timeout),
    "elasticsearch.image": ("a:1", "b:2", _table('image = "c:3"'), lambda config: config.elasticsearch.image),
    "elasticsearch.memory": ("512m", "2g", _table('memory = "3g"'), lambda config: config.elasticsearch.memory),
    "elasticsearch.shards": (2, "3", _table("shards = 4"), lambda config: config.elasticsearch.shards),
    "elasticsearch.replicas": (1, "2", _table("replicas = 3"), lambda config: config.elasticsearch.replicas),
    "elasticsearch.vector_index": (
        "hnsw",
        "int8_hnsw",
        _table('vector_index = "hnsw"'),
        lambda config: config.elasticsearch.vector_index,
    ),
    "elasticsearch.mapping": ("a", "b", _table('mapping = "c"'), lambda config: config.elasticsearch.mapping),
    "elasticsearch.keep_index": (
        True,
        "0",
        _table('keep_index = true\nurl = "http://a:1"'),
        lambda config: config.elasticsearch.keep_index,
    ),
    "elasticsearch.index": ("a", "b", _table('index = "c"'), lambda config: config.elasticsearch.index),
    "models.finetuned.path": (
        "a/b",
        "c/d",
        '[models.finetuned]\npath = "e/f"',
        lambda config: config.models["finetuned"].model,
    ),
    "finetune.pairs_from_judgments": (
        0.1,
        "0.2",
        "[finetune]\npairs_from_judgments = 0.3",
        lambda config: config.pairs_share,
    ),
    "finetune.epochs": (3, "4", "[finetune]\nepochs = 5", lambda config: config.finetune.epochs),
    "finetune.batch_size": (3, "4", "[finetune]\nbatch_size = 5", lambda config: config.finetune.batch_size),
    "finetune.learning_rate": (
        0.1,
        "2e-5",
        "[finetune]\nlearning_rate = 3e-5",
        lambda config: config.finetune.learning_rate,
    ),
    "finetune.max_tokens": (3, "4", "[finetune]\nmax_tokens = 5", lambda config: config.finetune.max_tokens),
    "finetune.seed": (0, "1", "[finetune]\nseed = 2", lambda config: config.finetune.seed),
    "finetune.loss": ("hard", "mnrl", '[finetune]\nloss = "hard"', lambda config: config.finetune.loss),
    "finetune.patience": (4, "5", "[finetune]\npatience = 6", lambda config: config.finetune.patience),
}
"""By key: the option's value, the variable's, a file, and where the configuration has it."""

WINS = {
    "dataset": ("here/a", "here/b", "project/c", None),
    "strategy": (["rrf"], ["hybrid", "rrf"], ["hybrid"], list(STRATEGIES)),
    "floors": ("here/a.toml", "here/b.toml", "project/c.toml", None),
    "baseline": (("here/a",), ("here/b", "here/c"), ("project/d",), None),
    "require_baseline": (True, False, True, None),
    "on_common_queries": (True, False, True, False),
    "out": ("here/a", "here/b", "project/c", "project/.relevance/latest"),
    "cache_dir": ("here/a", "here/b", "project/c", default_cache_dir()),
    "device": ("cuda:1", "cuda:2", "cuda:3", None),
    "unknown_products": ("drop", "error", "drop", "error"),
    "models.NAME.path": ("a/b", "c/d", "e/f", None),
    "models.NAME.prompt": ("a", "b", "c", None),
    "models.NAME.max_tokens": (8, 9, 10, None),
    "engine": ("elasticsearch", "embedded", "auto", "auto"),
    "elasticsearch.url": ("http://a:1", "http://b:2", "http://c:3", None),
    "elasticsearch.timeout": (1, 2, 3, 60),
    "elasticsearch.image": ("a:1", "b:2", "c:3", DEFAULT_IMAGE),
    "elasticsearch.memory": ("512m", "2g", "3g", "1g"),
    "elasticsearch.shards": (2, 3, 4, 1),
    "elasticsearch.replicas": (1, 2, 3, 0),
    "elasticsearch.vector_index": ("hnsw", "int8_hnsw", "hnsw", "flat"),
    "elasticsearch.mapping": ("here/a", "here/b", "project/c", None),
    "elasticsearch.keep_index": (True, False, True, False),
    "elasticsearch.index": ("a", "b", "c", None),
    "models.finetuned.path": ("a/b", "c/d", "e/f", None),
    "finetune.pairs_from_judgments": (0.1, 0.2, 0.3, None),
    "finetune.epochs": (3, 4, 5, 1),
    "finetune.batch_size": (3, 4, 5, 32),
    "finetune.learning_rate": (0.1, 2e-5, 3e-5, 5e-5),
    "finetune.max_tokens": (3, 4, 5, 64),
    "finetune.seed": (0, 1, 2, 12),
    "finetune.loss": ("hard", "mnrl", "hard", "mnrl"),
    "finetune.patience": (4, 5, 6, 3),
}
"""By key: what is in force where the option, the variable, the file or nothing decides; paths in the test's folder."""

LAYERS = ("option", "environment", "file")
SUBSETS = list(chain.from_iterable(combinations(LAYERS, size) for size in range(4)))


def test_the_tables_hold_every_key_that_can_be_set_in_three_ways() -> None:
    """A key with an option that is missing here would go untested."""
    assert set(GIVEN) == set(WINS) == {key.path for key in option_keys()}


@pytest.mark.parametrize("given", SUBSETS, ids="+".join)
@pytest.mark.parametrize("key", option_keys(), ids=lambda key: key.path)
def test_option_over_environment_over_file_over_default(tmp_path: Path, key: Any, given: tuple[str, ...]) -> None:
    """Whatever is given, the first of the four that was given decides, and the origin says which."""
    option, variable, text, value = GIVEN[key.path]
    # a flag means nothing without a cluster, whoever names it
    url = {"ES_URL": "http://a:1"} if key.field.is_flag else {}
    config = _read(
        tmp_path,
        text if "file" in given else "",
        environ=({key.variable: variable} if "environment" in given else {}) | url,
        **({key.name: option} if "option" in given else {}),
    )
    winner = next((layer for layer in LAYERS if layer in given), "default")
    expected = WINS[key.path][[*LAYERS, "default"].index(winner)]
    found = value(config)
    if isinstance(found, tuple):
        expected = tuple(tmp_path / str(one) for one in expected)
    if isinstance(found, Path):
        assert found.is_absolute()
        expected = tmp_path / str(expected)
    assert found == expected
    names = {"option": f"option {key.option}", "environment": f"environment {key.variable}", "file": FILE_NAME}
    path = "models.base.device" if key.path == "device" else key.set_by_option
    assert config.origins[path] == names.get(winner, "default")


def test_an_empty_variable_is_none_but_for_the_prompt(tmp_path: Path) -> None:
    """CI sets variables to nothing; an empty prompt means that there is none."""
    config = _read(tmp_path, environ={key.variable: "" for key in option_keys()})
    given = {path for path, origin in config.origins.items() if origin != "default"}
    assert given == {"models.base.prompt"}
    assert config.models == {"base": ModelChoice(query_prompt=""), "finetuned": ModelChoice()}


def test_variables_of_others_are_left_alone(tmp_path: Path) -> None:
    """A name that is not near one of ours is someone else's."""
    _read(tmp_path, environ={"RELEVANCE_REQUIRE": "data", "RELEVANCE_SHARED": "x", "MODEL": "y"})


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


def test_the_sample_is_trained_on_for_one_epoch_if_nobody_says_otherwise(tmp_path: Path) -> None:
    """Whatever name it has; other data for several, until the validation no longer gains."""
    assert _read(tmp_path, '[datasets.ours]\nformat = "sample"', dataset="ours").finetune.epochs == 1
    assert _read(tmp_path, dataset="homedepot:shop").finetune.epochs == 3
    assert _read(tmp_path, dataset="sample", epochs=5).finetune.epochs == 5


# places


def test_a_folder_beside_the_file_is_a_path_and_a_hub_name_stays_one(tmp_path: Path) -> None:
    """OWNER/NAME is a folder where there is one, else a name; anything else is a path."""
    (tmp_path / "project" / "a" / "b").mkdir(parents=True)
    paths = {"one": "a/b", "two": "c/d", "three": "./c/d", "four": "c"}
    text = "".join(f'[models.{name}]\npath = "{path}"\n' for name, path in paths.items())
    models = _read(tmp_path, text).models
    project = tmp_path / "project"
    assert [models[name].model for name in paths] == [
        str(project / "a/b"),
        "c/d",
        str(project / "c/d"),
        str(project / "c"),
    ]


def test_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` in the file is the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _read(tmp_path, 'out = "~/results"').out == tmp_path / "results"


def test_the_folder_of_a_named_file_is_the_root(tmp_path: Path) -> None:
    """Results go beside the file, wherever it was looked for; a relative name starts at the working directory."""
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


def test_windows_marks_and_line_ends_are_read(tmp_path: Path) -> None:
    """A byte order mark and CRLF change nothing."""
    assert _read(tmp_path, '\ufeffout = "x"\r\nengine = "embedded"\r\n').out == tmp_path / "project" / "x"


# data sets

SHOP = '[datasets.shop]\nformat = "chorus"\npath = "data"\nrelevant_from = 2\nunknown_products = "drop"\n'


def test_an_alias_is_chosen_by_its_name(tmp_path: Path) -> None:
    """Its path starts at the file, however it was chosen."""
    for config in (_read(tmp_path, f'dataset = "shop"\n{SHOP}'), _read(tmp_path, SHOP, dataset="shop")):
        source = config.source
        assert (source.name, source.format, source.path) == ("shop", "chorus", tmp_path / "project" / "data")
        assert (source.relevant_from, source.unknown_products) == (2, "drop")
    assert list(config.aliases) == ["shop"]


def test_what_the_alias_says_of_unknown_products_outranks_the_file(tmp_path: Path) -> None:
    """But not an option."""
    text = f'dataset = "shop"\nunknown_products = "error"\n{SHOP}'
    assert _read(tmp_path, text).source.unknown_products == "drop"
    assert _read(tmp_path, text, unknown_products="error").source.unknown_products == "error"


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
        Strategy("fused", {"title": 1}, {"title": 1, "whole": 1}, "rrf", 99, 20, 10, "small"),
    )
    config = _read(tmp_path, OWN)
    assert config.selected == tuple(config.strategies.values()) == (*STRATEGIES.values(), *own)
    chosen = _read(tmp_path, 'strategy = ["fused", "rrf", "fused"]\n' + OWN)
    assert chosen.selected == (own[1], STRATEGIES["rrf"])
    assert chosen.strategies == config.strategies


# templates

TEMPLATE = {"query": {"match": {"name": "{{query}}"}}}


def test_a_template_is_read_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    """Its path starts there; a byte order mark in front is skipped."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "raw.json").write_text("\ufeff" + json.dumps(TEMPLATE), encoding="utf-8")
    config = _read(tmp_path, '[strategies.raw]\ntemplate = "raw.json"')
    assert config.strategies["raw"] == Strategy("raw", template=TEMPLATE)
    assert config.selected[-1].name == "raw"


# Elasticsearch

SECRET = "s3cr3t"  # noqa: S105 - of nobody
CREDENTIALS = {
    "ES_API_KEY": SECRET,
    "ES_USER": "elastic",
    "ES_PASSWORD": f"{SECRET}-2",
    "ES_CA_CERTS": "ca.pem",
    "ES_FINGERPRINT": "AB:CD",
}


def test_without_anything_given_the_settings_are_their_own_defaults(tmp_path: Path) -> None:
    """The defaults that the page names are those of `Settings`."""
    assert _read(tmp_path).elasticsearch == Settings()


def test_credentials_come_from_the_environment(tmp_path: Path) -> None:
    """Each by its variable, an empty one is none; they count where a URL does."""
    found = _read(tmp_path, environ=CREDENTIALS | {"ES_URL": "http://a:1", "ES_USER": ""}).elasticsearch.credentials
    assert (found.api_key, found.user, found.password) == (SECRET, "", f"{SECRET}-2")
    assert (found.ca_certs, found.fingerprint) == ("ca.pem", "AB:CD")


@pytest.mark.parametrize(
    "given", [{"environ": {"ES_URL": "https://me:p%40ss@a:1"}}, {"es_url": "https://me:p%40ss@a:1"}]
)
def test_user_and_password_are_taken_out_of_the_url(tmp_path: Path, given: dict[str, Any]) -> None:
    """They outrank the variables for them, and the URL that is shown is without."""
    environ = CREDENTIALS | given.pop("environ", {})
    found = _read(tmp_path, environ=environ, **given).elasticsearch
    shown = found.credentials
    assert (found.url, shown.user, shown.password, shown.api_key) == ("https://a:1", "me", "p@ss", "")
    assert shown.ca_certs == "ca.pem"


def test_no_row_and_no_repr_holds_a_secret(tmp_path: Path) -> None:
    """Whatever is printed of a configuration may be copied into a ticket."""
    environ = CREDENTIALS | {"ES_URL": f"https://me:{SECRET}@a:1"}
    config = _read(tmp_path, environ=environ)
    found = {key: (value, origin) for key, value, origin in rows(config)}
    assert found["elasticsearch.url"] == ("https://a:1", "environment ES_URL")
    assert SECRET not in repr(found)
    assert SECRET not in repr(config)


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


def test_the_field_map_waits_for_its_cluster(tmp_path: Path) -> None:
    """The same file measures with the embedded engine where no cluster is named."""
    text = EXISTING.replace('url = "http://a:1"', "").replace('index = "shop"', "")
    config = _read(tmp_path, text, engine="embedded")
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
    _read(tmp_path, _table(text), **given)


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


def test_rows_name_the_path_of_a_data_set_without_alias(tmp_path: Path) -> None:
    """`NAME:PATH`, the path absolute."""
    found = {key: value for key, value, _ in rows(_read(tmp_path, dataset="homedepot:data"))}
    assert found["dataset"] == f"homedepot:{tmp_path / 'here' / 'data'}"


def test_argparse_takes_the_options(tmp_path: Path) -> None:
    """Only what was given is passed on."""
    parser = argparse.ArgumentParser()
    add_options(parser.add_argument)
    arguments = ["--strategy", "rrf", "--strategy", "hybrid", "--max-tokens", "9", "--query-prompt", ""]
    options = given_options(parser.parse_args(arguments))
    assert options == {"strategy": ["rrf", "hybrid"], "max_tokens": 9, "query_prompt": ""}
    config = _read(tmp_path, **options)
    assert config.models["base"] == ModelChoice(query_prompt="", max_tokens=9)


def test_a_flag_takes_no_value() -> None:
    """It is given or it is not; what stands behind it is the next argument."""
    parser = argparse.ArgumentParser()
    add_options(parser.add_argument)
    given = parser.parse_args(["--keep-index", "--es-shards", "3", "--engine", "auto"])
    assert given_options(given) == {"keep_index": True, "es_shards": 3, "engine": "auto"}
    assert given_options(parser.parse_args([])) == {}
    with pytest.raises(SystemExit):
        parser.parse_args(["--keep-index", "1"])


@pytest.mark.parametrize(("text", "value"), [("1", True), ("True", True), ("0", False), ("false", False)])
def test_a_flag_of_the_environment_is_a_number_or_a_word(tmp_path: Path, text: str, value: bool) -> None:  # noqa: FBT001 - a case
    """So that it can be turned off as well."""
    environ = {"RELEVANCE_KEEP_INDEX": text, "ES_URL": "http://a:1"}
    assert _read(tmp_path, environ=environ).elasticsearch.keep_index is value


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
