"""`relevance bisect`: which commit brought a loss, on a small repository whose results are a file in it."""

import os
import shutil
import signal
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest
from helpers.repository import commit, git, shop

from relevance.baseline import document_text
from relevance.cli import Answer, bisect
from relevance.cli.parser import COMMANDS
from relevance.errors import CouldNotRunError, InputError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

MEASURE = ("sh", "-c", 'mkdir -p "$RELEVANCE_OUT" && cp result.json "$RELEVANCE_OUT/baseline.json" && exit 1')


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "temporary").mkdir()
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    monkeypatch.chdir(folder)
    return folder


def commits(folder: Path, *qualities: float | None, start: int = 0) -> list[str]:
    """A commit for each quality of `titles`; None: one that cannot be measured."""
    hashes = []
    for at, quality in enumerate(qualities, start):
        text = "broken" if quality is None else document_text(shop(quality))
        (folder / "result.json").write_text(text)
        hashes.append(commit(folder, f"change {at}", at=at))
    return hashes


def run(good: str, bad: str, *command: str) -> Answer:
    parser = ArgumentParser()
    COMMANDS["bisect"][0](parser)
    return bisect.run(parser.parse_args([good, bad, "--", *(command or MEASURE)]))


def is_clean(folder: Path) -> bool:
    """Whether no worktree and no temporary file is left, and the branch is where it was."""
    alone = len(git(folder, "worktree", "list").splitlines()) == 1
    left = [*(folder.parent / "temporary").iterdir()]
    return alone and not left and git(folder, "branch", "--show-current") == "main"


@pytest.mark.parametrize("at", range(1, 8))
def test_the_first_commit_with_the_loss(repository: Path, at: int) -> None:
    hashes = commits(repository, *(0.6 if each < at else 0.5 for each in range(8)))
    answer = run(hashes[0], "main")
    assert answer.code == 0
    assert answer.lines[0].startswith(f"first with the loss: {hashes[at][:7]} ")
    assert answer.lines[0].endswith((f"change {at} (5 commits measured)", f"change {at} (4 commits measured)"))
    assert answer.lines[1].startswith("  titles: nDCG@10 fell by 16.67% (0.6000 → 0.5000)")
    assert is_clean(repository)


def test_commits_that_cannot_be_measured_are_skipped(repository: Path) -> None:
    hashes = commits(repository, 0.6, 0.6, 0.6, None, 0.6, 0.5, 0.5)
    lines = run(hashes[0], hashes[-1]).lines
    assert lines[0].startswith(f"first with the loss: {hashes[5][:7]} ")
    assert not any("may as well" in line for line in lines)
    assert any(line.startswith(f"note: {hashes[3][:7]} could not be measured: ") for line in lines)


def test_where_it_cannot_be_told_from_those(repository: Path) -> None:
    hashes = commits(repository, 0.6, None, None, 0.5)
    lines = run(hashes[0], hashes[-1]).lines
    assert lines[0].startswith(f"first with the loss: {hashes[3][:7]} ")
    (line,) = [line for line in lines if "may as well" in line]
    assert all(sha[:7] in line for sha in hashes[1:3])


def test_a_merged_branch(repository: Path) -> None:
    start = commits(repository, 0.6, 0.6)
    git(repository, "checkout", "-qb", "branch")
    (repository / "other").write_text("1")
    commit(repository, "beside", at=3)
    lost = commits(repository, 0.5, start=4)
    git(repository, "checkout", "-q", "main")
    (repository / "third").write_text("1")
    commit(repository, "main goes on", at=5)
    git(repository, "merge", "-q", "--no-edit", "branch", at=6)
    assert run(start[0], "main").lines[0].startswith(f"first with the loss: {lost[0][:7]} ")


def test_nobodys_files_are_touched(repository: Path) -> None:
    hashes = commits(repository, 0.6, 0.5)
    (repository / "result.json").write_text("mine")
    (repository / "new").write_text("mine too")
    lines = run(hashes[0], "HEAD").lines
    assert lines[0].startswith(f"first with the loss: {hashes[1][:7]} ")
    assert lines[-1] == "note: files were changed since BAD; bisect measures what is committed"
    assert ((repository / "result.json").read_text(), (repository / "new").read_text()) == ("mine", "mine too")


def test_a_project_below_the_root(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "shop").mkdir()
    monkeypatch.chdir(repository / "shop")
    hashes = []
    for at, quality in enumerate((0.6, 0.5)):
        (repository / "shop" / "result.json").write_text(document_text(shop(quality)))
        hashes.append(commit(repository, f"change {at}", at=at))
    assert run(hashes[0], hashes[1]).lines[0].startswith(f"first with the loss: {hashes[1][:7]} ")


def test_what_is_refused(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = commits(repository, 0.6, 0.6, 0.5)
    with pytest.raises(InputError, match="'nothing': no commit of that name"):
        run("nothing", "main")
    with pytest.raises(InputError, match="'--all': no commit of that name"):
        bisect.resolved(repository, "--all")
    with pytest.raises(InputError, match="GOOD is not an ancestor of BAD"):
        run(hashes[2], hashes[0])
    git(repository, "checkout", "-q", "--orphan", "unrelated")
    other = commit(repository, "nothing in common")
    git(repository, "checkout", "-q", "main")
    for good, bad in ((hashes[0], other), (other, hashes[0])):
        with pytest.raises(InputError, match="GOOD is not an ancestor of BAD"):
            run(good, bad)
    with pytest.raises(InputError, match="BAD is no loss beside GOOD"):
        run(hashes[0], hashes[1])
    with pytest.raises(CouldNotRunError, match="GOOD cannot be measured: exit code 4 and no results") as caught:
        run(hashes[0], hashes[2], "sh", "-c", "echo why; exit 4")
    assert caught.value.details == ("why",)
    with pytest.raises(InputError, match="no-such-command: No such file"):
        run(hashes[0], hashes[2], "no-such-command")
    assert is_clean(repository)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(repository.parent.parent))
    monkeypatch.chdir(repository.parent)
    with pytest.raises(CouldNotRunError, match="not a git repository"):
        run("a", "b")


def test_an_interrupt_leaves_nothing(repository: Path) -> None:
    hashes = commits(repository, 0.6, 0.5)
    code = f"import os, signal, time; os.kill({os.getpid()}, signal.SIGTERM); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        run(hashes[0], hashes[1], sys.executable, "-S", "-c", code)
    assert is_clean(repository)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_hooks_of_the_repository_do_not_run(repository: Path) -> None:
    hashes = commits(repository, 0.6, 0.5)
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {repository.parent}/ran\n")
    hook.chmod(0o755)
    run(hashes[0], hashes[1])
    assert not (repository.parent / "ran").exists()
