"""A session beside what earlier commits measured, as a user of the plugin meets it: slow drift, and the file."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.project import write_project, write_train
from helpers.repository import BASELINES, commit, git, shop, shop_repository
from helpers.snapshots import measured, snapshot

from relevance.baseline import DatasetIdentity, Snapshot, write_baseline
from relevance.evaluation import NDCG10, score_hits
from relevance.gate import Limits
from relevance.history import read_sessions
from relevance.plugin.run import BenchmarkRun
from relevance.suite import look_back

pytest_plugins = ["pytester"]

OWN = "[strategies.own]\ntext = {title = 1}\n"
WORSE = "[strategies.own]\ntext = {attributes = 1}\n"
TRAIN = '"id","product_uid","product_title","search_term","relevance"\n' + "".join(
    f'{at},{1000 + at},"Thing{at} of wood","thing{at}",3\n' for at in range(60)
)
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    write_train(write_project(pytester), TRAIN)
    return pytester


def run(project: pytest.Pytester, configuration: str, *options: str) -> pytest.RunResult:
    (project.path / "relevance.toml").write_text(configuration)
    strategies = [f"--strategy={name}" for name in ("own", "other") if f"strategies.{name}" in configuration]
    fixed = ("benchmarks", "--dataset", "homedepot:data", "--benchmark-disable", *strategies)
    return project.runpytest_inprocess(*fixed, *options)


def test_a_drift_fails_though_the_session_is_as_the_baseline(project: pytest.Pytester) -> None:
    history = 'history = "h"\n'
    assert run(project, history + OWN, "--update-baseline").ret == pytest.ExitCode.OK
    assert run(project, history + OWN + "[strategies.other]\ntext = {title = 2}\n").ret == pytest.ExitCode.OK
    assert run(project, WORSE, "--update-baseline").ret == pytest.ExitCode.OK
    drifted = run(project, history + WORSE)
    assert drifted.ret == pytest.ExitCode.TESTS_FAILED
    drifted.assert_outcomes(passed=2)
    drifted.stdout.fnmatch_lines(["FAIL: own: slow drift: nDCG@10 fell by 100.0% (1.0000 → 0.0000) since *"])
    # an update accepts it, and says so; what comes after is held against that
    updated = run(project, history + WORSE, "--update-baseline")
    updated.stdout.fnmatch_lines(["*accepted with it: own: slow drift: *"])
    assert run(project, history + WORSE).ret == pytest.ExitCode.OK
    sessions = read_sessions(project.path / "h", dataset="homedepot", metric=NDCG10)
    assert [one.accepted for one in sessions] == [True, False, False, True, False]


def test_what_is_unjudged_or_fails_already_does_not_fail_by_drift() -> None:
    drifted = {name: f"{name} drifted" for name in ("own", "holes", "lost")}
    benchmarks: Any = SimpleNamespace(_look_back=lambda **_: drifted, notes=[], failures=[])
    holes = {"holes": SimpleNamespace(to_judge=("a row",)), "own": SimpleNamespace(to_judge=())}
    comparison: Any = SimpleNamespace(holes=holes, fails=lambda name: name == "lost")
    BenchmarkRun._judge_drift(benchmarks, [comparison])
    assert benchmarks.failures == ["own drifted"]
    assert benchmarks.notes == [
        "holes drifted; it fails nothing: hits of it are unjudged, and count as irrelevant here",
    ]


def test_a_damaged_file_is_a_note(project: pytest.Pytester) -> None:
    (project.path / "h").write_text("no database " * 500)
    done = run(project, OWN, "--update-baseline", "--history", "h")
    assert done.ret == pytest.ExitCode.OK
    done.stdout.fnmatch_lines(["note: history */h: damaged, or no history of sessions (file is not a database)*"])


# git alone


def back(folder: Path, quality: float, *, compared: float, accepted: bool = False) -> tuple[list[str], tuple[str, ...]]:
    config: Any = SimpleNamespace(gate=Limits(), history=None, cache_dir=folder / "cache")
    baselines = [shop(compared)]
    found = look_back(config, folder / BASELINES / "shop.json", baselines, shop(quality), accepted=accepted)
    return list(found.drifted.values()), found.notes


@needs_git
def test_the_versions_of_the_baseline_are_enough(tmp_path: Path) -> None:
    hashes = shop_repository(tmp_path, [0.5, 0.493, 0.492])
    assert back(tmp_path, 0.491, compared=0.492) == ([], ())
    drifted, notes = back(tmp_path, 0.486, compared=0.492)
    fell = "nDCG@10 fell by 2.8% (0.5000 → 0.4860)"
    assert drifted[0].startswith(f"titles: slow drift: {fell} since {hashes[0][:7]} of ")
    assert notes == ()
    assert len([*(tmp_path / "cache" / "history").iterdir()]) == 3
    assert back(tmp_path, 0.486, compared=0.492) == (drifted, ())  # what is read from the cache is the same


def graded(lost: int, grade: int = 2, **changed: Any) -> Snapshot:
    """Sixty queries that each find one good product, graded so; of the first `lost` it stands behind the bad one."""
    hits = [("b", "a") if at < lost else ("a", "b") for at in range(60)]
    grades = [{"a": grade, "b": 1}] * 60
    values = score_hits([NDCG10], hits, grades, relevant_from=1, highest=grade)
    judged = DatasetIdentity("shop", "c" * 64, "a" * 64, f"{grade:064x}", 20)
    others = {"dataset": judged, "grades": tuple(grades), **changed}
    return snapshot({"titles": measured(values, hits)}, **others)


@needs_git
def test_versions_are_scored_by_today_s_judgments(tmp_path: Path) -> None:
    """The judgments changed in between, of every query: by those of then there is nothing that could be compared."""
    git(tmp_path, "init", "-q")
    versions = [graded(0), graded(2), graded(4, 3)]
    hashes = []
    for at, one in enumerate(versions):
        write_baseline(one, tmp_path / BASELINES)
        hashes.append(commit(tmp_path, f"change {at}", at=at))
    config: Any = SimpleNamespace(gate=Limits(), history=None, cache_dir=tmp_path / "cache")
    file = tmp_path / BASELINES / "shop.json"
    session = graded(16, 3)
    found = look_back(config, file, versions[-1:], session, accepted=False)
    now = session.strategies["titles"].metrics[NDCG10].mean()
    fell = f"titles: slow drift: nDCG@10 fell by {1 - now:.1%} (1.0000 → {now:.4f}) since {hashes[0][:7]} of "
    assert found.drifted["titles"].startswith(fell)
    assert found.notes == ()
    # grades that alone are other make no loss
    assert look_back(config, file, versions[-1:], graded(4, 9), accepted=False).drifted == {}


@needs_git
def test_what_cannot_be_scored_by_today_s_judgments_is_named(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    for at, one in enumerate((graded(0, kept=5), graded(0), graded(0, 3))):
        write_baseline(one, tmp_path / BASELINES)
        commit(tmp_path, f"change {at}", at=at)
    config: Any = SimpleNamespace(gate=Limits(), history=tmp_path / "h", cache_dir=tmp_path / "cache")
    file, short = tmp_path / BASELINES / "shop.json", "nDCG@10 needs more than the 5 hits that are kept"
    note = f"history of shop.json: 1 version of other data is as it was scored then: {short}"
    assert look_back(config, file, [graded(0, 3)], graded(0, 3), accepted=False).notes == (note,)
    left_out = "history h: 1 session left out: most of their judgments are others now"
    assert look_back(config, file, [graded(0, 3)], graded(0, 4), accepted=False).notes == (note, left_out)


@needs_git
def test_a_branch_that_brings_its_own_baseline_accepts_nothing(tmp_path: Path) -> None:
    shop_repository(tmp_path, [0.5, 0.493])
    git(tmp_path, "checkout", "-qb", "branch")
    write_baseline(shop(0.48), tmp_path / BASELINES)
    commit(tmp_path, "my own baseline", at=5)
    assert back(tmp_path, 0.48, compared=0.493)[0][0].startswith("titles: slow drift: nDCG@10 fell by 4.0%")
    assert back(tmp_path, 0.48, compared=0.48) == ([], ())  # as main will be, once that is merged


@needs_git
@pytest.mark.parametrize("damage", [b"", b"x" * 99, b"PK\x05\x06" + b"\0" * 18])
def test_a_damaged_cache_is_read_anew(tmp_path: Path, damage: bytes) -> None:
    shop_repository(tmp_path, [0.5, 0.493])
    drifted = back(tmp_path, 0.48, compared=0.493)
    for file in (tmp_path / "cache" / "history").iterdir():
        file.write_bytes(damage)
    assert back(tmp_path, 0.48, compared=0.493) == drifted
    assert drifted[0]
