"""The diagnosis as a user of the plugin meets it: in the failing test, the results, and the page of a CI job."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest
from helpers.project import write_project

from relevance.cli import main

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]

OPTIONS = ("benchmarks", "--dataset", "homedepot:data", "--benchmark-disable")
OWN = 'strategy = ["own"]\n[strategies.own]\ntext = {title = 1}\n'
WORSE = OWN.replace("title", "description")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Sixty queries whose products titles find and descriptions do not: they find the next product."""
    made = write_project(pytester)
    names = [chr(97 + at // 26) + chr(97 + at % 26) + "zz" for at in range(60)]
    head = '"id","product_uid","product_title","search_term","relevance"'
    rows = [f'{at},{1000 + at},"<b>{name}</b> of wood","{name}",3' for at, name in enumerate(names)]
    (made.path / "data" / "train.csv").write_text("\n".join((head, *rows)) + "\n", encoding="latin-1")
    texts = [f'{1000 + at},"near {names[at - 1]}"' for at in range(60)]
    text = "\n".join(('"product_uid","product_description"', *texts)) + "\n"
    (made.path / "data" / "product_descriptions.csv").write_text(text, encoding="latin-1")
    (made.path / "relevance.toml").write_text(OWN)
    assert made.runpytest_inprocess(*OPTIONS, "--update-baseline").ret == 0
    return made


def test_a_failure_says_what_stood_there(project: pytest.Pytester) -> None:
    """Queries lost, both rankings of the worst, hits that nobody judged; files in the folder of results."""
    (project.path / "relevance.toml").write_text(WORSE)
    result = project.runpytest_inprocess(*OPTIONS)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "own: worse than in *",
            "  queries by nDCG@10: 60 lost, 0 won, 0 unchanged; hits with a judgment 100% * 0%",
            "    1.0000 * 0.0000  '??zz' (*)",
            "    and 57 more",
            "  first hits of '??zz', with grades (- is not judged):",
            "     1  ?2? <b>??zz</b> of wood * gone     ?-? <b>??zz</b> of wood * new",
            "  60 new hits have no judgment; judging * of them could change the verdict",
            "  own: queries by nDCG@10: 60 lost, *",
        ]
    )
    folder = project.path / ".relevance" / "latest"
    (found,) = json.loads((folder / "diagnosis.json").read_text())["baselines"]
    assert found["strategies"][0]["queries"] == {"won": 0, "lost": 60, "unchanged": 0}
    assert "<b>" not in (folder / "diagnosis.md").read_text()
    assert "&lt;b&gt;" in (folder / "diagnosis.md").read_text()
    rows = list(csv.DictReader((folder / "to_judge.csv").read_text().splitlines()))
    assert len(rows) == 60
    assert rows[0]["title"].startswith("<b>")


def test_the_results_compare_as_the_session_did(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`relevance compare` of a baseline and the folder of results gives the same diagnosis, byte by byte."""
    (project.path / "relevance.toml").write_text(WORSE)
    project.runpytest_inprocess(*OPTIONS)
    monkeypatch.chdir(project.path)
    capsys.readouterr()
    assert main(["compare", "benchmarks/baselines/homedepot.json", ".relevance/latest", "--out", "why"]) == 1
    latest = project.path / ".relevance" / "latest"
    for name in ("diagnosis.json", "to_judge.csv"):
        assert (project.path / "why" / name).read_bytes() == (latest / name).read_bytes()


def test_a_comparison_that_no_test_makes_is_explained(project: pytest.Pytester) -> None:
    """With the second test left out, the engine is closed when the session ends: the diagnosis is made all the same."""
    (project.path / "relevance.toml").write_text(WORSE)
    result = project.runpytest_inprocess(*OPTIONS, "-k", "not no_regression")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["  own: queries by nDCG@10: 60 lost, 0 won, 0 unchanged*"])
    assert (project.path / ".relevance" / "latest" / "diagnosis.md").is_file()


def test_legs_are_searched_where_no_strategy_tells(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leg that no strategy is alone is searched while the engine is there, once for each such leg."""
    from relevance.diagnosis.diagnosing import Leg  # noqa: PLC0415
    from relevance.suite import compare  # noqa: PLC0415

    leg = Leg("text", text=(("description", 1.0),))
    monkeypatch.setattr(compare, "legs_without_strategy", lambda _snapshot, _name: (leg,))
    asked = []
    monkeypatch.setattr(
        compare,
        "evaluate",
        lambda ranking, judgments, **kept: asked.append(ranking) or _kept(ranking, judgments, kept),
    )
    (project.path / "relevance.toml").write_text(WORSE)
    assert project.runpytest_inprocess(*OPTIONS).ret == pytest.ExitCode.TESTS_FAILED
    (ranking,) = asked
    assert sorted(ranking.codes[:, 0].tolist()) == list(range(60))


def _kept(ranking, judgments, kept):  # noqa: ANN001, ANN202 - as `evaluate`
    from relevance.evaluation import evaluate  # noqa: PLC0415

    return evaluate(ranking, judgments, **kept)


def test_without_a_baseline_there_is_no_diagnosis(project: pytest.Pytester) -> None:
    """The folder has no file that would say nothing."""
    (project.path / "benchmarks" / "baselines" / "homedepot.json").unlink()
    project.runpytest_inprocess(*OPTIONS)
    names = {path.name for path in (project.path / ".relevance" / "latest").iterdir()}
    assert not names & {"diagnosis.md", "diagnosis.json", "to_judge.csv"}
    assert {"baseline.json", "titles.tsv"} <= names


def test_the_page_of_a_ci_job(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where GITHUB_STEP_SUMMARY is set, each session appends a page; texts are escaped."""
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    project.runpytest_inprocess(*OPTIONS)
    (project.path / "relevance.toml").write_text(WORSE)
    project.runpytest_inprocess(*OPTIONS)
    first, second = page.read_text(encoding="utf-8").split("## relevance: homedepot: ")[1:]
    assert page.read_text(encoding="utf-8").startswith("before\n")
    assert first.startswith("✅ pass")
    assert "Nothing is worse." in first
    assert second.startswith("❌ fail")
    assert "- ❌ fail: `own` nDCG@10 fell by 100% (1.0000 → 0.0000)" in second
    assert "- own: text.title 1 -&gt; none" in second
    assert second.count("zz | q") == 5
    assert "<b>" not in second


def test_a_page_that_cannot_be_written(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a note; the verdict stays."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "no" / "folder.md"))
    result = project.runpytest_inprocess(*OPTIONS)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["note: GITHUB_STEP_SUMMARY: not written: No such file or directory"])
