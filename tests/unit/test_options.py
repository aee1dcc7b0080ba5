"""The suite's options beside those of other plugins, and beside pytest's search for its root folder."""

import pytest
from helpers.project import usage_error, write_project

from relevance.config import option_keys
from relevance.plugin.options import given_options, taken_names

pytest_plugins = ["pytester"]

OURS = 'pytest_plugins = ["relevance.plugin"]\n'
OTHERS = """
def pytest_addoption(parser):
    parser.addoption("--device", help="a phone")
    parser.getgroup("other").addoption("--model", action="store_true")
    parser.getgroup("terminal reporting").addoption("--config")
"""
PLACES = {
    "before ours, as a plugin": {"conftest": OURS, "other": OTHERS},
    "before ours, in the same conftest": {"conftest": OURS + OTHERS},
    "after ours, in a folder's conftest": {"conftest": OURS, "tests/conftest": OTHERS},
}


def parsed(pytester: pytest.Pytester, files: dict[str, str], *arguments: str) -> pytest.Config:
    pytester.mkdir("tests")
    for name, text in files.items():
        (pytester.path / f"{name}.py").write_text(text)
    pytester.syspathinsert()
    return pytester.parseconfig("tests", *(["-p", "other"] if "other" in files else []), *arguments)


@pytest.mark.parametrize("files", PLACES.values(), ids=PLACES)
def test_another_plugin_has_the_short_name_and_we_the_long_one(
    pytester: pytest.Pytester, files: dict[str, str]
) -> None:
    config = parsed(pytester, files, "--device", "phone", "--model", "--relevance-device", "cpu", "--out=x")
    assert (config.getoption("--device"), config.getoption("--model")) == ("phone", True)
    assert (config.option.relevance_device, config.option.relevance_model) == ("cpu", [])
    assert config.option.relevance_out == "x"
    assert taken_names(config) == ["--config", "--device", "--model"]


def test_another_plugin_has_a_long_name_too(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(OURS + OTHERS.replace("--model", "--out") + "    parser.addoption('--relevance-out')\n")
    result = pytester.runpytest_inprocess()
    assert "--relevance-out is an option of another plugin or conftest.py" in usage_error(result)
    assert len(result.stderr.lines) <= 2


def test_every_option_has_a_long_name_and_a_short_one(pytester: pytest.Pytester) -> None:
    long_names = [key.option.replace("--", "--relevance-") for key in option_keys() if key.is_list and not key.command]
    config = parsed(pytester, {"conftest": OURS}, *(f"{name}=a" for name in long_names), "--strategy", "b")
    assert (config.option.relevance_strategy, config.option.relevance_baseline) == (["a", "b"], ["a"])
    assert taken_names(config) == []


def test_who_has_set_an_option(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makeini("[pytest]\naddopts = --baseline its-own.json --strategy rrf -k one --require-baseline")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--relevance-strategy=hybrid --out 'a b'")
    config = parsed(pytester, {"conftest": OURS}, "--out", "c", "--strategy", "textsearch", "-k", "two")
    assert config.option.relevance_strategy == ["rrf", "hybrid", "textsearch"]
    assert given_options(config) == {
        "": {"out": "c", "strategy": ["textsearch"]},
        "PYTEST_ADDOPTS": {"out": "a b", "strategy": ["hybrid"]},
        "addopts": {"baseline": ["its-own.json"], "require_baseline": True},
    }


def test_an_option_that_a_conftest_adds_counts_as_one_of_addopts(pytester: pytest.Pytester) -> None:
    config = parsed(pytester, {"conftest": OURS}, "--out=x")
    config.option.relevance_baseline = ["its-own.json"]
    assert given_options(config)["addopts"] == {"baseline": ["its-own.json"]}


def test_numbers_that_may_have_decimals_take_them(pytester: pytest.Pytester) -> None:
    config = parsed(pytester, {"conftest": OURS}, "--es-oversample", "1.5", "--pairs-from-judgments", "0.2")
    assert (config.option.relevance_es_oversample, config.option.relevance_pairs_from_judgments) == (1.5, 0.2)


def test_the_header_says_which_names_are_taken(pytester: pytest.Pytester) -> None:
    write_project(pytester)
    pytester.makepyfile(other=OTHERS)
    pytester.syspathinsert()
    lines = pytester.runpytest_inprocess("-p", "other", "benchmarks", "--collect-only").stdout
    lines.fnmatch_lines(["relevance: --device is another plugin's here, ours is --relevance-device"])
    shown = pytester.runpytest_inprocess("-p", "other", "--help").stdout
    shown.fnmatch_lines(["*--relevance-device=NAME", "*--device=DEVICE*"])


@pytest.mark.parametrize(("name", "file"), [("--model", ""), ("--relevance-model", ""), ("--es-mapping", "a.json")])
def test_a_file_or_folder_behind_an_option_moves_no_root(
    pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory, name: str, file: str
) -> None:
    write_project(pytester)
    (pytester.path / "tox.ini").unlink()
    (pytester.path / "relevance.toml").write_text("")
    value = tmp_path_factory.mktemp("model") / file
    if file:
        value.write_text("{}")
    line = usage_error(pytester.runpytest_inprocess("benchmarks", name, str(value)))
    assert line.startswith(f"pytest took {value} behind {name} for a file or folder of tests")
    assert line.endswith(f"write {name}={value}")
    collected = ("--collect-only", "--import-mode=importlib")
    assert pytester.runpytest_inprocess("benchmarks", f"{name}={value}", *collected).ret == pytest.ExitCode.OK
