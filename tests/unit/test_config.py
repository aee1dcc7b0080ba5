"""The configuration: what outranks what, where paths start, what own strategies, models and aliases become."""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from relevance.config import FILE_NAME, Config, add_options, find_upwards, option_keys, parsed_options, rows
from relevance.config.model import ModelChoice
from relevance.config.reading import read_config
from relevance.embeddings import default_cache_dir
from relevance.engines.elasticsearch.settings import Settings
from relevance.errors import InputError
from relevance.finetune import Options
from relevance.setting import Key, text_of
from relevance.strategies import DERIVED, FINETUNED, READY_MADE, STRATEGIES, Strategy

URL = {"ES_URL": "http://a:1"}


def read(folder: Path, text: str | None = None, *, environ: Any = None, **options: object) -> Config:
    """From `folder/project`, with `folder/here` as the working directory."""
    project, here = folder / "project", folder / "here"
    for each in (project, here):
        each.mkdir(exist_ok=True)
    if text is not None:
        (project / FILE_NAME).write_text(text, encoding="utf-8")
    file = project / FILE_NAME if text is not None else None
    return read_config(options=options, environ=environ or {}, file=file, root=project, cwd=here)


def shown(config: Config) -> dict[str, tuple[str, str]]:
    return {name: (value, origin) for name, value, origin in rows(config)}


MADE = dict.fromkeys((FINETUNED, *DERIVED), ModelChoice())
"""Models that are there without being defined, beside the base model."""

VALUES: dict[object, tuple[Any, Any, Any]] = {
    "dataset": ("homedepot:a", "chorus:b", "homedepot:c"),
    "strategy": (["rrf"], ["hybrid", "rrf"], ["hybrid"]),
    "models.NAME.path": ("a/b", "c/d", "e/f"),
    "models.finetuned.path": ("a/b", "c/d", "e/f"),
    "elasticsearch.url": ("http://a:1", "http://b:2", "http://c:3"),
    "elasticsearch.cloud_id": (
        "shop:ZXUuZXhhbXBsZS5jb20kYSQ=",
        "shop:ZXUuZXhhbXBsZS5jb20kYiQ=",
        "shop:ZXUuZXhhbXBsZS5jb20kYyQ=",
    ),
    "elasticsearch.memory": ("128m", "2g", "3g"),
    "elasticsearch.oversample": (1.5, 2.5, 3),
    "release": (8, 9, 8),
    "finetune.matryoshka": ([8], [8, 4], [4]),
    "finetune.absolute_margin": (0.1, 0.2, 0.3),
    "finetune.loss": ("hard", "cosent", "gist"),
    "finetune.positive_from": (2.5, 2.0, 1.5),
    "finetune.hardness_mode": ("in_batch_negatives", "all_negatives", "in_batch_negatives"),
    "finetune.teacher": ("a/b", "c/d", "e/f"),
    "finetune.mix": (["own"], ["own", "titles=0.5"], ["titles"]),
    bool: (True, False, True),
    int: (3, 4, 5),
    float: (0.1, 2e-5, 3e-5),
    str: ("a", "b", "c"),
    Path: ("a", "b", "c"),
    tuple[Path, ...]: (["a", "a"], ["b", "c"], ["d"]),
}
"""What option, variable and file say, by key or by type."""


BESIDE = {
    "finetune.hardness_mode": ["hardness = 5"],
    **{
        f"finetune.{name}": ['loss = "hard"'] for name in ("negatives", "relative_margin", "absolute_margin", "teacher")
    },
}
"""What a key means nothing without, in its table of the file."""


@pytest.mark.parametrize("layers", [3, 2, 1, 0], ids=["all", "environment and file", "file", "none"])
@pytest.mark.parametrize("key", option_keys(), ids=lambda key: key.path)
def test_option_over_environment_over_file_over_default(tmp_path: Path, key: Key, layers: int) -> None:
    of_choices = (key.choices[-1], key.choices[0], key.choices[-1]) if key.choices else None
    option, variable, written = values = VALUES.get(key.path) or of_choices or VALUES[key.type]
    table = key.table.replace("NAME", "base")
    lines = ([f"[{table}]"] if table else []) + BESIDE.get(key.path, []) + [f"{key.name} = {json.dumps(written)}"]
    text = ",".join(map(str, variable)) if key.is_list else str(int(variable) if key.is_flag else variable)
    if key.path == "mapping":
        body = {"mappings": {"properties": {"name": {"type": "text"}}}}
        for file in (tmp_path / folder / name for folder in ("here", "project") for name in "abc"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(body), encoding="utf-8")
    environ = URL if key.is_flag else {}  # a flag means nothing without a cluster, whoever names it
    if key.outside:
        with pytest.raises(
            InputError, match=f"^\\S+ {key.name}: .* not the project; allowed: {key.option}, {key.variable}$"
        ):
            read(tmp_path, "\n".join(lines))
        lines = []
        layers = 0 if layers == 1 else layers
    config = read(
        tmp_path,
        "\n".join(lines) if layers > 0 else "",
        environ=environ | ({key.variable: text} if layers > 1 else {}),
        **(
            {key.dest: [",".join(map(str, option))] if key.path == "finetune.matryoshka" else option}
            if layers > 2
            else {}
        ),
    )
    path = "models.base.device" if key.path == "device" else f"{table}.{key.name}".removeprefix(".")
    found, origin = shown(config)[path]
    assert origin == ("default", FILE_NAME, f"environment {key.variable}", f"option {key.option}")[layers]
    if layers:
        value, folder = values[3 - layers], tmp_path / ("project" if layers == 1 else "here")
        expected = repr(value) if key.name.endswith("_prompt") else text_of(tuple(value) if key.is_list else value)
        if key.type in (Path, tuple[Path, ...]):
            expected = ", ".join(str(folder / name) for name in dict.fromkeys(value))
        if key.path == "dataset":
            expected = expected.replace(":", f":{folder}/")
        assert found == expected


PLACES = ("option --out", "environment RELEVANCE_OUT", "option of PYTEST_ADDOPTS --out", "option of addopts --out")


@pytest.mark.parametrize("first", range(5))
def test_addopts_is_a_file_of_the_project(tmp_path: Path, first: int) -> None:
    """What whoever starts the session says comes first: the value of the highest place holds, and names it."""
    config = read_config(
        options={"out": "0"} if first < 1 else {},
        environ={"RELEVANCE_OUT": "1"} if first < 2 else {},
        addopts={"PYTEST_ADDOPTS": {"out": "2"} if first < 3 else {}, "addopts": {"out": "3"} if first < 4 else {}},
        file=None,
        root=tmp_path,
        cwd=tmp_path,
    )
    place = (*PLACES, "default")[first]
    assert config.origins["out"] == place
    assert config.out == tmp_path / (".relevance/latest" if place == "default" else str(first))


def test_defaults(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert (config.out, config.cache_dir) == (tmp_path / "project" / ".relevance/latest", default_cache_dir())
    assert (config.source.path, config.require_baseline, config.finetune) == (None, None, Options(epochs=1))
    assert config.models == {"base": ModelChoice(), **MADE}
    assert config.elasticsearch == Settings()
    for table in (config.aliases, config.models, config.strategies, config.origins):
        with pytest.raises(TypeError):
            table["x"] = None  # type: ignore[index]
    # the sample is trained on for one epoch, whatever its name is
    assert read(tmp_path, '[datasets.ours]\nformat = "sample"', dataset="ours").finetune.epochs == 1
    assert read(tmp_path, dataset="homedepot:shop").finetune.epochs == 3
    assert read(tmp_path, dataset="sample", epochs=5).finetune.epochs == 5


@pytest.mark.parametrize("number", ["0.5", "11", "nan"])
def test_a_number_outside_its_bounds_is_refused_by_option_and_variable(tmp_path: Path, number: str) -> None:
    allowed = re.escape(f" = {float(number)}; allowed: a number from 1 to 10")
    written = allowed.replace("nan", "'nan'")
    with pytest.raises(InputError, match=f"^environment RELEVANCE_ES_OVERSAMPLE{written}$"):
        read(tmp_path, environ={"RELEVANCE_ES_OVERSAMPLE": number})
    with pytest.raises(InputError, match=f"^option --es-oversample{allowed}$"):
        read(tmp_path, es_oversample=float(number))


def test_what_a_variable_says(tmp_path: Path) -> None:
    # CI sets variables to nothing: that is none, but for a prompt
    config = read(tmp_path, environ={key.variable: "" for key in option_keys()})
    set_there = {path for path, origin in config.origins.items() if origin != "default"}
    assert set_there == {"models.base.query_prompt", "models.base.document_prompt"}
    assert config.models == {"base": ModelChoice(query_prompt="", document_prompt=""), **MADE}
    # a name that is not near ours is somebody else's
    environ = {"RELEVANCE_REQUIRE": "data", "RELEVANCE_SHARED": "x", "MODEL": "y", "RELEVANCE_DEVICE": "0"}
    assert read(tmp_path, environ=environ).models["base"].device == "0"
    for text, value in {"1": True, "True": True, "0": False, "false": False}.items():
        assert read(tmp_path, environ={"RELEVANCE_KEEP_INDEX": text, **URL}).elasticsearch.keep_index is value


def test_whose_model_an_option_sets(tmp_path: Path) -> None:
    text = '[models.other]\npath = "a/b"\nquery_prompt = "p"'
    config = read(tmp_path, text, model="c/d", query_prompt="q", max_tokens=9)
    base = ModelChoice("c/d", query_prompt="q", max_tokens=9)
    other = ModelChoice("a/b", query_prompt="p")
    assert config.models == {"base": base, "other": other, **MADE}
    # of the file a model's own device outranks the common one; an option is for all
    text = 'device = "cpu"\n[models.base]\nquery_prompt = ""\n[models.other]\ndevice = "cuda"'
    devices = [[each.device for each in read(tmp_path, text, **one).models.values()] for one in ({}, {"device": "mps"})]
    assert devices == [["cpu", "cuda", *["cpu"] * len(MADE)], ["mps"] * (2 + len(MADE))]


def test_a_folder_beside_the_file_is_a_path_and_a_hub_name_stays_one(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "a" / "b").mkdir(parents=True)
    paths = {"one": "a/b", "two": "c/d", "three": "./c/d", "four": "c"}
    models = read(tmp_path, "".join(f'[models.{name}]\npath = "{path}"\n' for name, path in paths.items())).models
    expected = [str(project / "a/b"), "c/d", str(project / "c/d"), str(project / "c")]
    assert [models[name].path for name in paths] == expected


def test_the_folder_of_a_named_file_is_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read(tmp_path, 'out = "~/results"').out == tmp_path / "results"
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "own.toml").write_text("")
    config = read_config(options={}, environ={}, file=Path("shop/own.toml"), root=tmp_path / "other", cwd=tmp_path)
    assert (config.root, config.out, config.file) == (shop, shop / ".relevance" / "latest", shop / "own.toml")


def test_the_nearest_file_upwards_is_found(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    (inner / FILE_NAME).mkdir(parents=True)  # a folder of that name is none
    assert find_upwards(inner) is None
    for folder in (tmp_path, inner.parent):
        (folder / FILE_NAME).write_text("")
        assert find_upwards(inner) == folder / FILE_NAME


SHOP = '[datasets.shop]\nformat = "chorus"\npath = "data"\nrelevant_from = 2\nunknown_products = "drop"\n'


def test_an_alias_is_chosen_by_its_name(tmp_path: Path) -> None:
    text = f'unknown_products = "error"\n{SHOP}'
    for config in (read(tmp_path, f'dataset = "shop"\n{text}'), read(tmp_path, text, dataset="shop")):
        source = config.source
        assert (source.name, source.format, source.path) == ("shop", "chorus", tmp_path / "project" / "data")
        assert (source.relevant_from, source.unknown_products) == (2, "drop")
    assert list(config.aliases) == ["shop"]
    assert read(tmp_path, text, dataset="shop", unknown_products="error").source.unknown_products == "error"


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
    titles = Strategy("titles", text={"title": 8, "description": 2})
    vectors = {"title": 1, "whole": 1}
    fused = Strategy("fused", {"title": 1}, vectors, combine="rrf", window=20, k=10, candidates=99, model="small")
    config = read(tmp_path, OWN)
    assert config.selected == (*STRATEGIES.values(), titles, fused)
    assert tuple(config.strategies.values()) == (*config.selected, *READY_MADE.values())
    chosen = read(tmp_path, 'strategy = ["fused", "rrf", "fused"]\n' + OWN)
    assert chosen.selected == (fused, STRATEGIES["rrf"])
    assert chosen.strategies == config.strategies


def test_a_template_is_read_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    template = {"query": {"match": {"name": "{{query}}"}}}
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "raw.json").write_text("\ufeff" + json.dumps(template), encoding="utf-8")
    config = read(tmp_path, '[strategies.raw]\ntemplate = "raw.json"')
    assert config.selected[-1] == Strategy("raw", template=template)


CREDENTIALS = {
    "ES_API_KEY": "s3cr3t",
    "ES_USER": "elastic",
    "ES_PASSWORD": "s3cr3t-2",
    "ES_CA_CERTS": "ca.pem",
    "ES_FINGERPRINT": "AB:CD",
}


SIGNED = "https://me:p%40ss@a:1"


@pytest.mark.parametrize(
    ("variables", "options", "shown_to_the_cluster"),
    [
        (URL | {"ES_USER": ""}, {}, ("s3cr3t", "", "s3cr3t-2")),
        ({"ES_URL": SIGNED}, {}, ("", "me", "p@ss")),  # what is in the URL outranks the variables
        ({}, {"es_url": SIGNED}, ("", "me", "p@ss")),
    ],
)
def test_credentials_come_from_environment_or_url_and_are_never_printed(
    tmp_path: Path, variables: dict[str, str], options: dict[str, str], shown_to_the_cluster: tuple[str, ...]
) -> None:
    config = read(tmp_path, environ=CREDENTIALS | variables, **options)
    found = config.elasticsearch.credentials
    assert (found.api_key, found.user, found.password) == shown_to_the_cluster
    assert (found.ca_certs, found.fingerprint) == ("ca.pem", "AB:CD")
    place = "option --es-url" if options else "environment ES_URL"
    url = "https://a:1" if found.user else "http://a:1"
    assert shown(config)["elasticsearch.url"] == (url, place)
    assert not any(secret in repr((rows(config), config)) for secret in ("p@ss", "p%40ss", "s3cr3t"))


INDEX = 'url = "http://a:1"\nindex = "shop"\n'
EXISTING = f"""
[models.small]
query_prompt = ""
[elasticsearch]
{INDEX}
[elasticsearch.fields]
id = "sku"
title = "name"
[elasticsearch.vectors]
whole = "v"
small.title = "t"
"small.whole" = "w"
"""


def test_the_field_map_of_an_index(tmp_path: Path) -> None:
    config = read(tmp_path, EXISTING)
    assert config.elasticsearch.fields == {"id": "sku", "title": "name"}
    assert config.elasticsearch.vectors == {"whole": "v", "small.title": "t", "small.whole": "w"}
    table = {key: value for key, (value, _) in shown(config).items()}
    assert table["elasticsearch.fields"] == "id = sku, title = name"
    assert (table["elasticsearch.mapping"], table["elasticsearch.keep_index"]) == ("none", "false")
    waiting = read(tmp_path, EXISTING.replace(INDEX, ""), engine="embedded").elasticsearch  # for its cluster
    assert (waiting.url, waiting.index) == (None, None)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("shards = 3", {"es_index": "shop"}),
        ('mapping = "m.json"\nkeep_index = true', {"es_index": "shop"}),
        ('image = "a:1"', {"es_url": "http://a:1"}),
        ('memory = "2g"', {"environ": URL}),
        ("keep_index = true", {}),
        ("keep_index = false", {"keep_index": True, "environ": URL}),
        (f"{INDEX}keep_index = false", {}),
    ],
    ids=str,
)
def test_what_the_file_sets_may_be_idle(tmp_path: Path, text: str, options: dict[str, Any]) -> None:
    read(tmp_path, f"[elasticsearch]\n{text}", **options)


def test_rows_say_what_is_in_force_and_where_it_comes_from(tmp_path: Path) -> None:
    text = f'dataset = "shop"\nout = "o"\n{SHOP}{OWN}[models.empty]\nquery_prompt = ""\n'
    found = shown(read(tmp_path, text, strategy=["titles"], environ={"RELEVANCE_DEVICE": "cpu"}))
    expected = {
        "dataset": ("shop", FILE_NAME),
        "engine": ("auto", "default"),
        "strategy": ("titles", "option --strategy"),
        "floors": ("thresholds.toml beside the benchmarks", "default"),
        "out": (str(tmp_path / "project" / "o"), FILE_NAME),
        "baseline": ("baselines/DATASET.json beside the benchmarks", "default"),
        "require_baseline": ("true where CI is set", "default"),
        "unknown_products": ("drop", FILE_NAME),
        "models.base.path": ("the packaged model", "default"),
        "models.finetuned.path": ("base, fine-tuned", "default"),
        "models.small.device": ("cpu", "environment RELEVANCE_DEVICE"),
        "models.small.query_prompt": ("the model's own", "default"),
        "models.empty.query_prompt": ("''", FILE_NAME),
        "datasets.shop.relevant_from": ("2", FILE_NAME),
        "strategies.titles.text": ("title = 8, description = 2", FILE_NAME),
        "strategies.fused.window": ("20", FILE_NAME),
    }
    assert {key: found[key] for key in expected} == expected
    assert "strategies.rrf.text" not in found
    own = shown(read(tmp_path, dataset="homedepot:data"))["dataset"]
    assert own == (f"homedepot:{tmp_path / 'here' / 'data'}", "option --dataset")


def test_argparse_takes_the_options(tmp_path: Path) -> None:
    parsers = {command: argparse.ArgumentParser() for command in ("", "finetune")}
    for command, parser in parsers.items():
        add_options(parser.add_argument, command)

    def parsed(text: str, command: str = "") -> dict[str, object]:
        return parsed_options(parsers[command].parse_args(text.split()))

    options = parsed("--strategy rrf --strategy hybrid --max-tokens 9 --query-prompt=")
    assert options == {"strategy": ["rrf", "hybrid"], "max_tokens": 9, "query_prompt": ""}
    assert read(tmp_path, **options).models["base"] == ModelChoice(query_prompt="", max_tokens=9)
    assert parsed("--keep-index --engine auto") == {"keep_index": True, "engine": "auto"}
    assert parsed("") == {}
    assert parsed("--epochs 3", "finetune") == {"epochs": 3}
    for wrong in ("--keep-index 1", "--epochs 3"):  # a flag takes no value; other commands train nothing
        with pytest.raises(SystemExit):
            parsed(wrong)


def test_the_keys_cost_nothing() -> None:
    code = (
        "import sys; from relevance.config import add_options; add_options(lambda *names, **settings: None); "
        "sys.exit(bool({'numpy', 'pandas', 'pydantic'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - own command


def test_a_cloud_id_stands_for_the_url_that_it_does_not_outrank(tmp_path: Path) -> None:
    cloud_id, url = VALUES["elasticsearch.cloud_id"][0], "https://a.eu.example.com:443"
    config = read(tmp_path, '[elasticsearch]\nurl = "http://a:1"\n', environ={"ES_CLOUD_ID": cloud_id, "ES_USER": "me"})
    assert (config.elasticsearch.url, config.elasticsearch.credentials.user) == (url, "me")
    assert shown(config)["elasticsearch.url"] == (url, "environment ES_CLOUD_ID")
    assert read(tmp_path, environ={"ES_CLOUD_ID": cloud_id}, es_url="http://b:2").elasticsearch.url == "http://b:2"
