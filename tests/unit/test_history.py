"""Numbers by commit: versions of a baseline in git, a file of sessions, change points, and the command."""

import json
import shutil
import sqlite3
from argparse import ArgumentParser
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from helpers.pages import payload
from helpers.repository import BASELINES, commit, git, shop, shop_repository

from relevance.baseline import Acceptance, Accepted, files, write_baseline
from relevance.cli import history
from relevance.cli.parser import COMMANDS
from relevance.errors import CouldNotRunError, InputError
from relevance.evaluation import NDCG10
from relevance.history import (
    Commit,
    Version,
    append,
    head_of,
    in_order,
    levels,
    read_baselines,
    read_sessions,
    steps,
    version_of,
)
from relevance.history.bisecting import described
from relevance.text import Line, one_line

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FILE = f"{BASELINES}/shop.json"


def version(*numbers: float, day: int = 0, accepted: bool = True, keys: object = None) -> Version:
    keys = np.arange(len(numbers), dtype=np.uint64) if keys is None else np.array(keys, dtype=np.uint64)
    values = MappingProxyType({"titles": np.array(numbers, dtype=np.float32)})
    return Version(Commit(f"{day:040x}", NOON + timedelta(days=day), f"day {day}"), accepted, keys, values)


def run(*argv: str) -> list[str]:
    """The lines that the command prints."""
    parser = ArgumentParser()
    COMMANDS["history"][0](parser)
    return [line.text if isinstance(line, Line) else line for line in history.run(parser.parse_args(argv)).lines]


# git


def test_the_versions_of_a_baseline_by_commit(tmp_path: Path) -> None:
    hashes = shop_repository(tmp_path, [0.5, 0.4, 0.6])
    versions, notes = read_baselines(tmp_path / FILE, NDCG10)
    assert [one.commit.sha for one in versions] == hashes
    assert [one.commit.subject for one in versions] == ["change 0", "change 1", "change 2"]
    assert [round(one.mean("titles"), 6) for one in versions] == [0.5, 0.4, 0.6]
    assert all(one.accepted for one in versions)
    assert notes == []


def test_both_forms_of_the_file_are_one_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop_repository(tmp_path, [0.5])
    (tmp_path / FILE).unlink()
    monkeypatch.setattr(files, "PACKED_FROM_BYTES", 9_000)
    packed = write_baseline(shop(0.4, queries=90), tmp_path / BASELINES)
    assert packed.name == "shop.json.gz"
    commit(tmp_path, "packed", at=1)
    write_baseline(shop(0.3), tmp_path / BASELINES)
    commit(tmp_path, "plain again", at=2)
    versions, _ = read_baselines(tmp_path / FILE, NDCG10)
    assert [(one.commit.subject, len(one.keys)) for one in versions] == [
        ("change 0", 60), ("packed", 60), ("plain again", 60),  # of 90, those that the newest has
    ]  # fmt: skip
    assert len(read_baselines(packed, NDCG10)[0]) == 3


def test_a_folder_that_was_renamed(tmp_path: Path) -> None:
    shop_repository(tmp_path, [0.5, 0.4])
    git(tmp_path, "mv", "benchmarks", "quality")
    commit(tmp_path, "moved", at=2)
    versions, _ = read_baselines(tmp_path / "quality/baselines/shop.json", NDCG10)
    assert [one.commit.subject for one in versions] == ["change 0", "change 1", "moved"]


@pytest.mark.parametrize("subject", ["evil \x01subject", "", "one\ttwo %H \\x00", "\x1b[31mred"])
def test_any_subject_of_a_commit(tmp_path: Path, subject: str) -> None:
    shop_repository(tmp_path, [0.5])
    write_baseline(shop(0.4), tmp_path / BASELINES)
    git(tmp_path, "commit", "-qam", subject, "--allow-empty-message", at=1)
    versions, _ = read_baselines(tmp_path / FILE, NDCG10)
    assert [round(one.mean("titles"), 6) for one in versions] == [0.5, 0.4]
    assert versions[1].commit.subject == one_line(subject)
    assert head_of(tmp_path).subject == one_line(subject)


def test_a_commit_of_an_impossible_time(tmp_path: Path) -> None:
    shop_repository(tmp_path, [0.5])
    write_baseline(shop(0.4), tmp_path / BASELINES)
    sha = commit(tmp_path, "late", at=10**9)
    versions, _ = read_baselines(tmp_path / FILE, NDCG10)
    assert [one.commit.time.year for one in versions] == [2025, 9999]
    assert described(tmp_path, sha).time.astimezone().year == 9999


SETTINGS = {
    "color.ui": "always",
    "core.quotePath": "true",
    "diff.external": "false",
    "diff.noprefix": "true",
    "diff.relative": "true",
    "diff.renames": "false",
    "format.pretty": "fuller",
    "i18n.logOutputEncoding": "UTF-16",
    "log.date": "format:%Y",
    "log.diffMerges": "separate",
    "log.follow": "true",
    "log.showRoot": "false",
    "log.showSignature": "true",
    "status.relativePaths": "false",
}


def test_what_somebody_sets_for_git_changes_nothing(tmp_path: Path) -> None:
    hashes = shop_repository(tmp_path / "schön", [0.5, 0.4])
    git(tmp_path / "schön", "mv", "benchmarks", "qualität")
    hashes.append(commit(tmp_path / "schön", "größer", at=2))
    for name, value in SETTINGS.items():
        git(tmp_path / "schön", "config", name, value)
    versions, notes = read_baselines(tmp_path / "schön/qualität/baselines/shop.json", NDCG10)
    assert [one.commit.sha for one in versions] == hashes
    assert versions[-1].commit.subject == head_of(tmp_path / "schön").subject == "größer"
    assert notes == []


def test_a_damaged_version_is_a_note(tmp_path: Path) -> None:
    shop_repository(tmp_path, [0.5])
    (tmp_path / FILE).write_text('{"schema": 1')
    damaged = commit(tmp_path, "damaged", at=1)
    write_baseline(shop(0.4), tmp_path / BASELINES)
    commit(tmp_path, "mended", at=2)
    versions, notes = read_baselines(tmp_path / FILE, NDCG10)
    assert [one.commit.subject for one in versions] == ["change 0", "mended"]
    assert notes[0].startswith(f"not read: {damaged[:7]}: damaged baseline")


def test_a_shallow_clone_says_so(tmp_path: Path) -> None:
    shop_repository(tmp_path / "a", [0.5, 0.4])
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{tmp_path / 'a'}", "b")
    versions, notes = read_baselines(tmp_path / "b" / FILE, NDCG10)
    assert [one.commit.subject for one in versions] == ["change 1"]
    assert "shallow clone" in notes[0]


def test_what_there_is_no_history_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no folder"):
        read_baselines(tmp_path / "none" / "shop.json", NDCG10)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(CouldNotRunError, match="git log: fatal: not a git repository"):
        read_baselines(tmp_path / "shop.json", NDCG10)
    shop_repository(tmp_path, [0.5])
    with pytest.raises(InputError, match=r"other\.json: git knows no version of it, nor of other\.json\.gz"):
        read_baselines(tmp_path / BASELINES / "other.json", NDCG10)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CouldNotRunError, match="git is not there"):
        read_baselines(tmp_path / FILE, NDCG10)
    assert head_of(tmp_path).sha == ""


def test_the_commit_that_is_checked_out(tmp_path: Path) -> None:
    sha = shop_repository(tmp_path, [0.5])[0]
    assert (head_of(tmp_path).sha, head_of(tmp_path).dirty) == (sha, False)
    (tmp_path / FILE).write_text("{}")
    assert head_of(tmp_path).label == f"{sha[:7]}+"


def test_a_name_that_git_would_take_for_an_option_or_a_pattern(tmp_path: Path) -> None:
    shop_repository(tmp_path, [0.5])
    shutil.copy(tmp_path / FILE, tmp_path / BASELINES / "--all.json")
    shutil.copy(tmp_path / FILE, tmp_path / BASELINES / "s*p.json")
    commit(tmp_path, "odd names", at=1)
    for name in ("--all.json", "s*p.json"):
        versions, _ = read_baselines(tmp_path / BASELINES / name, NDCG10)
        assert "odd names" in [one.commit.subject for one in versions]


# versions


def test_the_same_numbers_twice_are_one_version() -> None:
    same = [version(0.5, 0.4, day=0, accepted=False), version(0.5, 0.4, day=1), version(0.5, 0.4, day=2)]
    other = version(0.5, 0.3, day=3)
    assert in_order([other, *same]) == [same[1], other]


def test_a_query_that_means_something_else_is_another() -> None:
    first, second = shop(0.5), shop(0.4)
    grades = ({"a": 1, "b": 0}, *second.grades[1:])
    changed = type(second)(**{**vars(second), "grades": grades})
    was, now = (version_of(one, NDCG10, Commit("", NOON), accepted=True) for one in (first, changed))
    assert [len(side) for side in was.beside(now, "titles")] == [59, 59]


def test_levels_follow_the_queries_that_stay() -> None:
    # a query that is easy comes, one that is hard goes: the strategy is what it was, then falls by 0.1
    versions = [
        version(0.2, 0.4, keys=[1, 2]),
        version(0.4, 0.9, keys=[2, 3], day=1),
        version(0.3, 0.8, keys=[2, 3], day=2),
    ]
    assert levels(versions, "titles") == pytest.approx([0.65, 0.65, 0.55])


# change points


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5], []),
        ([0.5] * 20, []),
        ([0.5] * 5 + [0.45] * 5, [(5, 0.5, 0.45)]),
        ([0.5] * 4 + [0.45], [(4, 0.5, 0.45)]),
        ([0.5] * 6 + [0.45] * 6 + [0.52] * 6, [(6, 0.5, 0.45), (12, 0.45, 0.52)]),
        ([0.5] * 10 + [0.5002] * 10, []),  # too little to be told from nothing
        ([0.0] * 10, []),
    ],
)
def test_known_change_points(values: list[float], expected: list[tuple[int, float, float]]) -> None:
    found = steps(np.array(values))
    assert [one.at for one in found] == [at for at, _, _ in expected]
    assert [(one.before, one.after) for one in found] == [pytest.approx(pair) for _, *pair in expected]


def test_noise_has_hardly_a_change_point_and_a_step_in_noise_is_found() -> None:
    noisy = [0.5 + np.random.default_rng(seed).normal(0, 0.005, 60) for seed in range(100)]
    assert sum(bool(steps(one)) for one in noisy) <= 5
    step = np.repeat([0.0, -0.02], 30)
    found = [steps(one + step) for one in noisy]
    assert sum(len(one) == 1 and abs(one[0].at - 30) <= 1 for one in found) >= 90


def test_the_best_split_is_the_cheapest_of_all() -> None:
    # by brute force over every split of eight points
    rng = np.random.default_rng(3)
    for _ in range(20):
        values = np.repeat(rng.choice([0.4, 0.5, 0.6], 4), 2) + rng.normal(0, 0.02, 8)
        noise = max(np.median(np.abs(np.diff(values))) / (0.6745 * 2**0.5), 0.002 * values.mean())

        def cost(mask: int, values: np.ndarray = values, noise: float = noise) -> float:
            cuts = [0, *(at + 1 for at in range(7) if mask >> at & 1), 8]
            parts = [values[a:b] for a, b in pairwise(cuts)]
            spread = sum(((one - one.mean()) ** 2).sum() for one in parts) / noise**2
            return spread + 3 * np.log(8) * (len(parts) - 1)

        best = min(range(128), key=cost)
        assert [one.at for one in steps(values)] == [at + 1 for at in range(7) if best >> at & 1]


# the file of sessions


def test_sessions_come_back_as_they_were_appended(tmp_path: Path) -> None:
    file = tmp_path / "new" / "history.sqlite"
    given = [version(0.5, 0.25, day=day, accepted=day == 1) for day in range(3)]
    for one in given:
        append(file, one, dataset="shop", engine="embedded", metric=NDCG10)
    append(file, version(0.1, day=9), dataset="other", engine="embedded", metric=NDCG10)
    back = read_sessions(file, dataset="shop", metric=NDCG10)
    assert [one.commit for one in back] == [one.commit for one in given]
    assert [one.accepted for one in back] == [False, True, False]
    assert all(one.same_as(other) for one, other in zip(back, given, strict=True))
    with sqlite3.connect(file) as asked:
        columns = 's."commit", strategy, metric, mean'
        rows = asked.execute(f"SELECT {columns} FROM means JOIN sessions s ON s.id = session")  # noqa: S608 - ours
        assert rows.fetchone() == (f"{0:040x}", "titles", "nDCG@10", 0.375)


def test_no_file_is_no_session(tmp_path: Path) -> None:
    assert read_sessions(tmp_path / "none.sqlite", dataset="shop", metric=NDCG10) == []


@pytest.mark.parametrize("content", [b"x" * 5_000, b"SQLite format 3\0" + b"\1" * 4_080])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "h"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged, or no history of sessions .* move it away"):
        append(file, version(0.5), dataset="shop", engine="embedded", metric=NDCG10)
    with pytest.raises(InputError, match="damaged"):
        read_sessions(file, dataset="shop", metric=NDCG10)
    assert file.read_bytes() == content


def test_numbers_that_do_not_fit_are_damage(tmp_path: Path) -> None:
    file = tmp_path / "h"
    append(file, version(0.5, 0.4), dataset="shop", engine="embedded", metric=NDCG10)
    with sqlite3.connect(file) as asked:
        asked.execute("UPDATE means SET \"values\" = x'00'")
    with pytest.raises(InputError, match="damaged"):
        read_sessions(file, dataset="shop", metric=NDCG10)


def test_what_is_not_ours(tmp_path: Path) -> None:
    file = tmp_path / "theirs"
    with sqlite3.connect(file) as theirs:
        theirs.execute("CREATE TABLE notes (text TEXT)")
    with pytest.raises(InputError, match="a database of another program"):
        append(file, version(0.5), dataset="shop", engine="embedded", metric=NDCG10)
    ours = tmp_path / "newer"
    append(ours, version(0.5), dataset="shop", engine="embedded", metric=NDCG10)
    with sqlite3.connect(ours) as newer:
        newer.execute("PRAGMA user_version = 9")
    with pytest.raises(InputError, match="schema 9, this version reads 1: update relevance"):
        read_sessions(ours, dataset="shop", metric=NDCG10)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(CouldNotRunError, match="cannot be written"):
        append(tmp_path / "taken" / "h", version(0.5), dataset="shop", engine="embedded", metric=NDCG10)


# the command


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "relevance.toml").write_text('dataset = "shop"\n[datasets.shop]\nformat = "files"\npath = "data"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_names_commits_and_marks_the_change_point(project: Path) -> None:
    hashes = shop_repository(project, [0.5, 0.51, 0.5, 0.45, 0.455, 0.45])
    lines = run()
    assert lines[0] == f"{FILE}: 6 versions in git"
    assert "titles  nDCG@10  ▇█▇▁▂▁  0.5000 → 0.4500 (-10.0%)" in lines
    row = next(line for line in lines if hashes[3][:7] in line)
    assert " ".join(row.split()) == (
        f"{hashes[3][:7]} 2025-10-12 baseline 0.4500 -10.0% ◀ fell by 10.3% 0.5033 → 0.4517 change 3"
    )
    assert sum("◀" in line for line in lines) == 1


def test_sessions_stand_beside_the_versions(project: Path) -> None:
    shop_repository(project, [0.5])
    snapshot = version_of(shop(0.4), NDCG10, Commit("f" * 40, datetime.now(UTC), "now", dirty=True), accepted=False)
    append(project / "h", snapshot, dataset="shop", engine="embedded", metric=NDCG10)
    lines = run("--history", "h")
    assert lines[1] == "h: 1 session"
    assert next(line for line in lines if "fffffff" in line).split()[2:4] == ["session", "0.4000"]
    assert "fffffff+" in "\n".join(lines)


def test_the_file_alone_is_enough(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(project / "h", version(0.5), dataset="shop", engine="embedded", metric=NDCG10)
    monkeypatch.setenv("RELEVANCE_HISTORY", "h")
    assert "no folder" in run()[1]
    assert any(line.startswith("titles  nDCG@10") for line in run())


def test_a_strategy_that_is_not_known(project: Path) -> None:
    shop_repository(project, [0.5])
    with pytest.raises(InputError, match=r"unknown strategy 'title' .*did you mean 'titles'"):
        run("--strategy", "title")


def test_a_subject_cannot_write_to_the_terminal(project: Path) -> None:
    shop_repository(project, [0.5])
    write_baseline(shop(0.4), project / BASELINES)
    commit(project, "red \x1b[31m now", at=1)
    assert any("red \\x1b[31m now" in line for line in run())


def test_the_page_lies_beside_the_results_or_where_it_is_asked_for(project: Path) -> None:
    shop_repository(project, [0.5, 0.4])
    assert run()[-1] == "page: .relevance/history/report.html"
    assert run("--out", "seen")[-1] == "page: seen/report.html"
    for folder in (project / ".relevance" / "history", project / "seen"):
        document = json.loads((folder / "history.json").read_text())
        assert payload(folder / "report.html") == {"results": document}
        assert document["strategies"]["titles"]["values"] == [0.5, 0.4]
        assert document["sources"] == [f"{FILE}: 2 versions in git"]


def test_a_page_that_has_no_room_is_a_note_unless_it_was_asked_for(project: Path) -> None:
    shop_repository(project, [0.5])
    (project / ".relevance").write_text("a file")
    assert run()[-1].startswith(f"note: no page: {project}/.relevance/history: is not a folder that can be written to")
    (project / "taken").mkdir()
    (project / "taken" / "thesis.txt").write_text("")
    with pytest.raises(InputError, match="holds other files; allowed: a new or empty folder, or an earlier history"):
        run("--out", "taken")


def test_what_was_accepted_by_hand_stands_at_the_version_that_has_it(project: Path) -> None:
    shop_repository(project, [0.5])
    wanted = Accepted("loss", fails=True, before=0.5, after=0.4, scores_sha256="0" * 64)
    accepted = Acceptance("2025-10-09T10:00:00Z", "Ada", "wanted", "nDCG@10", "", {"titles": wanted})
    write_baseline(replace(shop(0.4), log=(accepted,)), project / BASELINES)
    commit(project, "accepted", at=1)
    run()
    document = json.loads((project / ".relevance" / "history" / "history.json").read_text())
    (entry,) = document["accepted"]
    assert (entry["by"], entry["reason"], entry["version"]) == ("Ada", "wanted", 1)
    assert entry["strategies"]["titles"]["verdict"] == "loss"
