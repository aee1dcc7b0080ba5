"""The diagnosis as a user of the plugin meets it: in the failing test, the results, and the page of a CI job."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from helpers.project import write_project, write_train

from relevance.cli import main
from relevance.strategies import Leg
from relevance.suite import compare

pytest_plugins = ["pytester"]

OWN = 'strategy = ["own"]\n[strategies.own]\ntext = {title = 1}\n'
BASELINE = "benchmarks/baselines/homedepot.json"
KEPT: list[bytes] = []
"""The baseline: the same run makes the same bytes."""


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess("benchmarks", "--dataset", "homedepot:data", "--benchmark-disable", *options)


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
    (project.path / "relevance.toml").write_text(OWN)
    if not KEPT:
        assert run(project, "--update-baseline").ret == 0
        KEPT.append((project.path / BASELINE).read_bytes())
    (project.path / BASELINE).parent.mkdir(exist_ok=True)
    (project.path / BASELINE).write_bytes(KEPT[0])
    return project


@pytest.fixture
def worse(project: pytest.Pytester) -> pytest.Pytester:
    (project.path / "relevance.toml").write_text(OWN.replace("title", "description"))
    return project


def test_a_failure_says_what_stood_there_and_compare_writes_the_same(
    worse: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(worse)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "own: undecided, which fails here (?gate? unjudged_hits), beside *",
            "  queries by nDCG@10: 60 lost, 0 won, 0 unchanged; hits with a judgment 100% * 0%",
            "     1  ?2? <b>??zz</b> of wood * gone     ?-? <b>??zz</b> of wood * new",
            "  60 hits that differ were not judged; the next 50 would tell more (to_judge.csv, relevance judge)",
            "  own: queries by nDCG@10: 60 lost, *",
            "  .relevance/latest/diagnosis.md * which queries changed, and why",
            "  data/judgments.asked.csv  written beside the data: the order in which hits are asked to be judged; *",
        ]
    )
    folder = worse.path / ".relevance" / "latest"
    (diagnosis,) = json.loads((folder / "diagnosis.json").read_text())["baselines"]
    assert diagnosis["strategies"][0]["queries"] == {"won": 0, "lost": 60, "unchanged": 0, "other_hits": 60}
    rows = list(csv.DictReader((folder / "to_judge.csv").read_text().splitlines()))
    assert (len(rows), rows[0]["title"][:3]) == (60, "<b>")
    monkeypatch.chdir(worse.path)
    assert main(["compare", BASELINE, ".relevance/latest", "--out", "why"]) == 1
    assert (worse.path / "why" / "to_judge.csv").read_bytes() == (folder / "to_judge.csv").read_bytes()
    (compared,) = json.loads((worse.path / "why" / "diagnosis.json").read_text())["baselines"]
    # which terms moved a hit, an engine says, and there is none when files are compared
    reasons = [one.pop("reasons") for one in diagnosis["strategies"][0]["rankings"]]
    assert compared == diagnosis
    told = "1001 has no abzz; 1001 is no hit; 1002 is ahead by description abzz (3.705, 1001: 0)"
    assert reasons[0] == [
        "title is no longer searched",
        told,
        (
            "1001 is left out by query.bool.should[0]: no match of match "
            '{"product_description": {"query": "abzz", "boost": 1}}'
        ),
    ]
    assert told in (folder / "diagnosis.md").read_text()


def test_a_comparison_that_no_test_makes_is_explained_though_the_engine_is_closed(worse: pytest.Pytester) -> None:
    result = run(worse, "-k", "not no_regression")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["  own: queries by nDCG@10: 60 lost, 0 won, 0 unchanged*"])
    assert (worse.path / ".relevance" / "latest" / "diagnosis.md").is_file()


def test_legs_are_searched_once_where_no_strategy_tells(
    worse: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    leg = Leg((("description", 1.0),), (), 0, "")
    monkeypatch.setattr(compare, "parts_without_strategy", lambda _snapshot, _name: ["text"])
    monkeypatch.setattr(compare, "single_parts", lambda _strategy: {"text": leg})
    evaluate, rankings = compare.evaluate, []

    def watched(ranking: Any, judgments: Any, **options: Any) -> Any:
        rankings.append(ranking)
        return evaluate(ranking, judgments, **options)

    monkeypatch.setattr(compare, "evaluate", watched)
    assert run(worse).ret == pytest.ExitCode.TESTS_FAILED
    (ranking,) = rankings
    assert sorted(ranking.codes[:, 0].tolist()) == list(range(60))


def test_without_a_baseline_there_is_no_diagnosis(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path / "no" / "folder.md"))
    (project.path / BASELINE).unlink()
    result = run(project)
    assert result.ret == pytest.ExitCode.OK  # a page that cannot be written changes no verdict
    result.stdout.fnmatch_lines(["note: GITHUB_STEP_SUMMARY: not written: No such file or directory"])
    assert "diagnosis.md" not in result.stdout.str()
    names = {path.name for path in (project.path / ".relevance" / "latest").iterdir()}
    assert not names & {"diagnosis.md", "diagnosis.json", "to_judge.csv"}
    assert {"baseline.json", "titles.tsv"} <= names


def test_each_session_appends_to_the_page_of_a_ci_job(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    run(project)
    (project.path / "relevance.toml").write_text(OWN.replace("title", "description"))
    run(project)
    before, first, second = page.read_text(encoding="utf-8").split("## relevance: homedepot: ")
    assert (before.strip(), first[:6], second[:6]) == ("before", "✅ no l", "❌ FAIL")
    assert "`own` nDCG@10 fell by 100% (1.0000 → 0.0000)" in second


def test_the_order_of_judging_is_kept_beside_the_data_while_a_comparison_is_judged(worse: pytest.Pytester) -> None:
    asked, train = worse.path / "data" / "judgments.asked.csv", worse.path / "data" / "train.csv"
    assert run(worse).ret == pytest.ExitCode.TESTS_FAILED
    first = asked.read_bytes()
    rows = list(csv.DictReader(first.decode().splitlines()))
    assert len(rows) == 60
    for row in rows[:10]:
        number = int(row["product"]) - 1001  # the query is the name of the product before
        query = chr(97 + number % 60 // 26) + chr(97 + number % 60 % 26) + "zz"
        judged = f'{9000 + number},{row["product"]},"x","{query}",1\n'
        train.write_text(train.read_text() + judged)
    assert "70 judgments" in run(worse).stdout.str()
    assert asked.read_bytes() == first
