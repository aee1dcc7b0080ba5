"""The diagnosis as a user of the plugin meets it: in the failing test, the results, and the page of a CI job."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest
from helpers.project import write_project, write_train

from relevance.cli import main
from relevance.strategies import Leg
from relevance.suite import compare

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]

OPTIONS = ("benchmarks", "--dataset", "homedepot:data", "--benchmark-disable")
OWN = 'strategy = ["own"]\n[strategies.own]\ntext = {title = 1}\n'
BASELINE = "benchmarks/baselines/homedepot.json"
KEPT: list[bytes] = []
"""The baseline: the same run makes the same bytes."""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Sixty queries whose products titles find and descriptions do not: they find the next product."""
    project = write_project(pytester)
    names = [chr(97 + at // 26) + chr(97 + at % 26) + "zz" for at in range(60)]
    rows = [f'{at},{1000 + at},"<b>{name}</b> of wood","{name}",3' for at, name in enumerate(names)]
    write_train(project, "\n".join(('"id","product_uid","product_title","search_term","relevance"', *rows)) + "\n")
    texts = [f'{1000 + at},"near {names[at - 1]}"' for at in range(60)]
    text = "\n".join(('"product_uid","product_description"', *texts)) + "\n"
    (project.path / "data" / "product_descriptions.csv").write_text(text, encoding="latin-1")
    _configured(project, OWN)
    if not KEPT:
        assert project.runpytest_inprocess(*OPTIONS, "--update-baseline").ret == 0
        KEPT.append((project.path / BASELINE).read_bytes())
    (project.path / BASELINE).parent.mkdir(exist_ok=True)
    (project.path / BASELINE).write_bytes(KEPT[0])
    return project


def _configured(project: pytest.Pytester, text: str = OWN.replace("title", "description")) -> None:
    """By default what is worse."""
    (project.path / "relevance.toml").write_text(text)


def test_a_failure_says_what_stood_there(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Queries lost, both rankings of the worst, hits that nobody judged; `relevance compare` writes the same bytes."""
    _configured(project)
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
    (diagnosis,) = json.loads((folder / "diagnosis.json").read_text())["baselines"]
    assert diagnosis["strategies"][0]["queries"] == {"won": 0, "lost": 60, "unchanged": 0}
    assert "<b>" not in (folder / "diagnosis.md").read_text()
    assert "&lt;b&gt;" in (folder / "diagnosis.md").read_text()
    rows = list(csv.DictReader((folder / "to_judge.csv").read_text().splitlines()))
    assert len(rows) == 60
    assert rows[0]["title"].startswith("<b>")
    monkeypatch.chdir(project.path)
    capsys.readouterr()
    assert main(["compare", BASELINE, ".relevance/latest", "--out", "why"]) == 1
    for name in ("diagnosis.json", "to_judge.csv"):
        assert (project.path / "why" / name).read_bytes() == (folder / name).read_bytes()


def test_a_comparison_that_no_test_makes_is_explained(project: pytest.Pytester) -> None:
    """With the second test left out, the engine is closed when the session ends: the diagnosis is made all the same."""
    _configured(project)
    result = project.runpytest_inprocess(*OPTIONS, "-k", "not no_regression")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["  own: queries by nDCG@10: 60 lost, 0 won, 0 unchanged*"])
    assert (project.path / ".relevance" / "latest" / "diagnosis.md").is_file()


def test_legs_are_searched_where_no_strategy_tells(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leg that no strategy is alone is searched while the engine is there, once for each such leg."""
    leg = Leg((("description", 1.0),), (), 0, "")
    monkeypatch.setattr(compare, "legs_without_strategy", lambda _snapshot, _name: (leg,))
    evaluate, rankings = compare.evaluate, []

    def watched(ranking, judgments, **options):  # noqa: ANN001, ANN003, ANN202 - as `evaluate`
        rankings.append(ranking)
        return evaluate(ranking, judgments, **options)

    monkeypatch.setattr(compare, "evaluate", watched)
    _configured(project)
    assert project.runpytest_inprocess(*OPTIONS).ret == pytest.ExitCode.TESTS_FAILED
    (ranking,) = rankings
    assert sorted(ranking.codes[:, 0].tolist()) == list(range(60))


def test_without_a_baseline_there_is_no_diagnosis(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file says nothing. A page of a CI job that cannot be written is a note, and the verdict stays."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "no" / "folder.md"))
    (project.path / BASELINE).unlink()
    result = project.runpytest_inprocess(*OPTIONS)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["note: GITHUB_STEP_SUMMARY: not written: No such file or directory"])
    names = {path.name for path in (project.path / ".relevance" / "latest").iterdir()}
    assert not names & {"diagnosis.md", "diagnosis.json", "to_judge.csv"}
    assert {"baseline.json", "titles.tsv"} <= names


def test_the_page_of_a_ci_job(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where GITHUB_STEP_SUMMARY is set, each session appends a page; texts are escaped."""
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    project.runpytest_inprocess(*OPTIONS)
    _configured(project)
    project.runpytest_inprocess(*OPTIONS)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    first, second = text.split("## relevance: homedepot: ")[1:]
    assert first.startswith("✅ pass")
    assert "Nothing is worse." in first
    assert second.startswith("❌ fail")
    assert "- ❌ fail: `own` nDCG@10 fell by 100% (1.0000 → 0.0000)" in second
    assert "- own: text.title 1 -&gt; none" in second
    assert second.count("zz | q") == 5
    assert "<b>" not in second
