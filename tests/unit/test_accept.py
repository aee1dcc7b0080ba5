"""The command `relevance accept`: what it writes, whom it names, what it refuses; and who is shown it later."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from helpers.refused_baselines import changed
from helpers.snapshots import measured, snapshot

from relevance.baseline import (
    MOST_ENTRIES,
    MOST_REASON,
    Acceptance,
    Accepted,
    Overridden,
    Snapshot,
    added,
    document_text,
    merge,
    read_baseline,
    standing,
)
from relevance.baseline.files import CHECKSUM, checksum
from relevance.cli import main
from relevance.errors import InputError
from relevance.files import locked

FILE = "benchmarks/baselines/shop.json"
WHY = "--reason=old ids are gone"


def one(low: float, mark: str, **others: Any) -> Any:
    return measured(np.linspace(low, low + 0.4, 80), scores_sha256=mark * 64, **others)


LIMITS = {"gated": ["nDCG@10"], "leading": "nDCG@10", "fail": 0.02, "selected": ["other", "own"]}
LOOSE = {**LIMITS, "fail": 1.0, "selected": ["own"]}
GOOD = snapshot({"own": one(0.5, "1"), "other": one(0.4, "2")}, gate=LIMITS)
WORSE = snapshot({"own": one(0.3, "3"), "other": one(0.41, "4")}, gate=LOOSE)


def judged(verdict: Overridden, before: float | None, after: float | None, sha256: str) -> Accepted:
    return Accepted(verdict, verdict == "loss", before, after, sha256)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A baseline, and the results of a session in which one strategy is worse and another better."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relevance.toml").write_text("")
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_text(document_text(GOOD))
    write_results(WORSE)
    return tmp_path


def write_results(session: Snapshot, *, complete: bool | None = None) -> None:
    """The folder of results, in the current folder; results of an older version do not say whether all was measured."""
    folder = Path(".relevance/latest")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "baseline.json").write_text(document_text(session))
    (folder / "results.json").write_text(json.dumps({} if complete is None else {"complete": complete}))


def accept(*arguments: str) -> Snapshot:
    """Accept, as Ada unless another is named; the file."""
    by = () if any(one.startswith("--by") for one in arguments) else ("--by=Ada",)
    assert main(["accept", *by, *arguments]) == 0
    return read_baseline(Path(FILE))


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of bad input; nothing was written."""
    before = Path(FILE).read_bytes() if Path(FILE).exists() else None
    assert main(["accept", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert before == (Path(FILE).read_bytes() if Path(FILE).exists() else None)
    return line.removeprefix("relevance: ")


@pytest.mark.usefixtures("project")
def test_who_when_why_and_the_verdict_that_was_overridden_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    (entry,) = accept(WHY).log
    assert (entry.by, entry.reason, entry.metric, entry.data) == ("Ada", "old ids are gone", "nDCG@10", "")
    assert entry.when.endswith("Z")
    assert entry.strategies == {
        "own": judged("loss", 0.7, 0.5, "3" * 64),
        "other": judged("no loss", 0.6, 0.61, "4" * 64),
    }
    out = capsys.readouterr().out
    day = entry.when[:10]
    said = "own (loss, nDCG@10 0.7000 → 0.5000), other (no loss, nDCG@10 0.6000 → 0.6100)"
    assert f'{FILE}: accepted on {day} by Ada: {said}: "old ids are gone"' in out
    assert "  changed: own: " in out
    # whoever compares next sees it, and it fails no more
    assert main(["compare", FILE, ".relevance/latest"]) == 0
    assert f'  accepted on {day} by Ada: {said}: "old ids are gone"' in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_strategies_that_are_not_named_stay(capsys: pytest.CaptureFixture[str]) -> None:
    content = accept(WHY, "--strategy=own")
    assert {name: each.scores_sha256[0] for name, each in content.strategies.items()} == {"own": "3", "other": "2"}
    assert [*content.log[0].strategies] == ["own"]
    assert main(["compare", FILE, ".relevance/latest"]) == 0
    assert "other (" not in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_the_limits_of_the_baseline_stay_whatever_the_session_was_gated_by() -> None:
    assert accept(WHY).gate == LIMITS


@pytest.mark.usefixtures("project")
def test_what_the_others_stand_on_may_not_change(capsys: pytest.CaptureFixture[str]) -> None:
    write_results(replace(WORSE, relevant_from=2))
    line = error(capsys, WHY, "--by=Ada", "--strategy=own")
    assert line.startswith("relevance accept of some strategies: relevant from grade 1 before, 2 now; allowed: ")
    assert accept(WHY).log[0].data == "relevant from grade 1 before, 2 now"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("complete", "names"), [(True, ["own"]), (False, ["other", "own"]), (None, ["other", "own"])])
def test_what_a_complete_session_has_not_measured_is_gone(*, complete: bool | None, names: list[str]) -> None:
    write_results(replace(WORSE, strategies={"own": WORSE.strategies["own"]}), complete=complete)
    content = accept(WHY)
    assert sorted(content.strategies) == names
    gone = content.log[0].strategies.get("other")
    assert gone == (judged("gone", 0.6, None, "") if complete else None)
    assert (len(content.accepted[0].strategies) == 2) == bool(complete)


@pytest.mark.usefixtures("project")
def test_the_first_baseline_can_be_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    Path(FILE).unlink()
    content = accept(WHY)
    assert {each.verdict for each in content.log[0].strategies.values()} == {"new"}
    assert content.gate == LOOSE, "there are no others"
    assert "new: own: " in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_what_is_the_same_needs_no_acceptance(capsys: pytest.CaptureFixture[str]) -> None:
    before = Path(FILE).read_bytes()
    write_results(replace(GOOD, calibration_s=0.7))
    accept(WHY)
    assert Path(FILE).read_bytes() == before
    assert f"nothing to accept: {FILE} has these as they were measured: other, own" in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_a_floor_fails_beside_any_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    write_results(replace(WORSE, gate={**LIMITS, "floors": {"own": {"NDCG": 0.6}, "other": {"NDCG": 0.9}}}))
    accept(WHY, "--strategy=own")
    out = capsys.readouterr().out
    assert "note: own: NDCG 0.5000 does not reach its floor, 0.6000: that fails beside any baseline" in out
    assert "note: other" not in out


def test_who_is_git_s_user_or_the_one_that_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which("git") is None:
        pytest.skip("needs git")
    for variable in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(variable, "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    nobody = "who accepts? git has no user.name here; allowed: --by NAME"
    assert error(capsys, WHY) == nobody
    for command in (("init", "-q"), ("config", "user.name", "Grace")):
        subprocess.run(["git", *command], cwd=project, check=True)  # noqa: S603, S607
    assert main(["accept", WHY]) == 0
    write_results(GOOD)
    accept("--reason=back", "--by=Ada")
    assert [entry.by for entry in read_baseline(Path(FILE)).log] == ["Grace", "Ada"]
    monkeypatch.setenv("PATH", "")
    assert error(capsys, WHY) == nobody


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "the following arguments are required: --reason (relevance accept --help)"),
        (("--by=Ada", "--reason= \n"), "--reason: 0 characters; allowed: 1 to 1,000"),
        (("--by=Ada", "--reason=\u200b\u2060"), "--reason: nothing that can be seen; allowed: 1 to 1,000"),
        (("--by=Ada", f"--reason={'x' * 2**20}"), "--reason: 1,048,576 characters; allowed: 1 to 1,000"),
        (("--by=", WHY), "--by: 0 characters; allowed: 1 to 100"),
        (("--by=Ada", WHY, "--strategy=owm"), "unknown strategy 'owm' (did you mean 'own'?); allowed: other, own"),
        (("--by=Ada", WHY, "nowhere"), "nowhere: cannot be read (No such file or directory); a baseline is expected"),
        (("--by=Ada", WHY, "--baseline=none.json"), "none.json: cannot be read (No such file or directory)"),
        (("--by=Ada", WHY, "--baseline=main"), "option --baseline: main; allowed: one file NAME.json, which is writ"),
    ],
)
def test_mistakes(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], line: str) -> None:
    assert line in error(capsys, *arguments)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", ["../../escaped", "", ".", "..", "a/b", "a\0b", "a\nb"])
def test_results_that_somebody_sent_name_no_file_elsewhere(capsys: pytest.CaptureFixture[str], name: str) -> None:
    write_results(replace(WORSE, dataset=replace(WORSE.dataset, name=name)))
    assert "which names no file" in error(capsys, WHY, "--by=Ada")
    assert not Path("../escaped.json").exists()


@pytest.mark.usefixtures("project")
def test_a_file_that_is_named_is_written_and_has_to_be_of_the_same_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    before = Path(FILE).read_bytes()
    Path("main.json").write_bytes(before)
    accept(WHY, "--baseline=main.json", ".relevance/latest")
    assert (read_baseline(Path("main.json")).log[0].by, Path(FILE).read_bytes()) == ("Ada", before)
    Path("main.json").write_text(document_text(replace(GOOD, dataset=replace(GOOD.dataset, name="books"))))
    line = error(capsys, WHY, "--by=Ada", "--baseline=main.json")
    assert line.startswith("main.json: the results are of the data set 'shop', the baseline 'books'; allowed: one")


@pytest.mark.usefixtures("project")
def test_of_two_at_once_the_second_waits_and_keeps_what_the_first_has_accepted() -> None:
    other = accept("--reason=first", "--strategy=other")
    Path(FILE).write_text(document_text(GOOD))
    second = Thread(target=accept, args=("--reason=second", "--strategy=own"))
    with locked(Path(FILE).parent):
        second.start()
        second.join(0.2)
        assert second.is_alive()
        Path(FILE).write_text(document_text(other))
    second.join()
    assert [one.reason for one in read_baseline(Path(FILE)).log] == ["first", "second"]


HOSTILE = "\x1b[2J\u202eevil ##vso[task] <img src=x onerror=alert(1)> [a](javascript:b) `|` @all\n::error::x"


@pytest.mark.usefixtures("project")
def test_a_hostile_reason_only_shows(capsys: pytest.CaptureFixture[str]) -> None:
    entry = accept("--reason", HOSTILE, "--by", HOSTILE[:40]).log[0]
    assert entry.reason.startswith(r"\x1b[2J\u202eevil ##vso\[task] <img")
    assert main(["compare", FILE, ".relevance/latest", "--out=why"]) == 0
    printed = capsys.readouterr().out
    assert not {"\x1b", "\u202e"} & {*printed}
    page = Path("why/diagnosis.md").read_text()
    (line,) = [one for one in page.splitlines() if one.startswith("- accepted on ")]
    assert "&lt;img src=x onerror=alert(1)&gt; \\[a\\](javascript:b) \\`\\|\\` \\@all ::error::x" in line


# the file


def entry(number: int = 0, **strategies: Accepted) -> Acceptance:
    accepted = strategies or {"titles": judged("loss", 0.5, 0.4, f"{1:064x}")}
    return Acceptance("2026-11-28T18:30:00Z", "Ada", f"reason {number}", "nDCG@10", "", accepted)


LOGGED = snapshot(log=(entry(1), entry(2)))


def test_a_log_is_written_an_entry_a_line_and_read(tmp_path: Path) -> None:
    text = document_text(LOGGED)
    (tmp_path / "shop.json").write_text(text)
    assert read_baseline(tmp_path / "shop.json").log == LOGGED.log
    assert '"schema": 3' in text
    lines = [line for line in text.splitlines() if line.startswith('    {"when"')]
    assert [f"reason {number}" in line for number, line in enumerate(lines, 1)] == [True, True]
    assert '"schema": 2' in document_text(snapshot()), "an older release reads what has no log"
    assert '"log"' not in document_text(snapshot())


def _with_log(log: Any, **document: Any) -> bytes:
    content: Mapping[str, Any] = {**json.loads(document_text(LOGGED)), **document, "log": log}
    content = {name: part for name, part in content.items() if name != CHECKSUM}
    return json.dumps({**content, CHECKSUM: checksum(content)}).encode()


ENTRY: Mapping[str, Any] = json.loads(document_text(LOGGED))["log"][0]
OWN = ENTRY["strategies"]["titles"]


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (_with_log([]), "log: 0 entries; allowed: 1 to 100"),
        (_with_log([ENTRY] * 101), "log: 101 entries; allowed: 1 to 100"),
        (_with_log({}), "log is {}; allowed: a list"),
        (_with_log([{**ENTRY, "when": "yesterday"}]), "log[0].when is 'yesterday'; allowed: a time, 2026-11-28T18"),
        (_with_log([{**ENTRY, "reason": "x" * 2**20}]), "log[0].reason is 'xxxxx"),
        (_with_log([{**ENTRY, "by": None}]), "log[0].by is None; allowed: a text of at most 4,000 characters"),
        (_with_log([{**ENTRY, "who": "x"}]), "'log[0].who' is not known; allowed: when, by, reason, metric, data, s"),
        (_with_log([{**ENTRY, "strategies": {"t": {**OWN, "verdict": "fine"}}}]), "verdict is 'fine'; allowed: no l"),
        (_with_log([{**ENTRY, "strategies": {"t": {**OWN, "more": 1}}}]), "is not known; allowed: verdict, fails, b"),
        (_with_log([ENTRY], schema=2), "'log' is not known"),
        (changed("schema", value=3), "'log' is missing"),
        (document_text(LOGGED).replace("reason 1", "reason 7").encode(), "changed by hand"),
    ],
)
def test_a_log_by_hand_is_refused_in_a_line(tmp_path: Path, raw: bytes, line: str) -> None:
    (tmp_path / "shop.json").write_bytes(raw)
    with pytest.raises(InputError) as raised:
        read_baseline(tmp_path / "shop.json", named="shop.json")
    assert line in str(raised.value)
    assert len(str(raised.value)) < 400


def test_a_log_is_bounded_and_survives_updates() -> None:
    log: tuple[Acceptance, ...] = ()
    for number in range(MOST_ENTRIES + 5):
        log = added(log, entry(number))
    assert (len(log), log[0].reason, log[-1].reason) == (MOST_ENTRIES, "reason 5", f"reason {MOST_ENTRIES + 4}")
    assert len(document_text(snapshot(log=log))) < MOST_ENTRIES * (MOST_REASON + 500) + 10_000
    for complete in (True, False):
        assert merge(LOGGED, snapshot(), complete=complete).log == LOGGED.log


def test_an_acceptance_is_over_where_the_strategy_was_measured_anew() -> None:
    def marks(**held: str) -> dict[str, Any]:
        return {name: measured([0.5], scores_sha256=mark * 64) for name, mark in held.items()}

    first = entry(1, a=judged("loss", 0.5, 0.4, "1" * 64), b=judged("loss", 0.5, 0.4, "2" * 64))
    second = entry(2, a=judged("undecided", 0.4, 0.3, "3" * 64), c=judged("gone", 0.3, None, ""))
    found = standing((first, second), marks(a="3", b="2"))
    assert [(each.reason, [*each.strategies]) for each in found] == [("reason 2", ["a", "c"]), ("reason 1", ["b"])]
    # a is as it was at first: the later acceptance took that back
    assert [[*each.strategies] for each in standing((first, second), marks(a="1", b="9", c="5"))] == []
