"""The workflow that `relevance init` writes: which baseline a pull request is held against."""

import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path
from textwrap import dedent

import pytest

from relevance.scaffold import BASELINE

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = (resources.files("relevance") / "templates" / "workflow.yml").read_text()
NAMES = ("      - name: main's baseline\n", "      - name: verdict by main's baseline\n")

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def step(page: str, name: str = NAMES[0]) -> str:
    """The step that takes main's baseline, or another, up to the next one."""
    return name + page.partition(name)[2].partition("\n      -")[0].partition("\n      #")[0]


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607


def run_step(name: str, checkout: Path) -> None:
    """Run a step of the workflow; `relevance` is a program that keeps the baseline that it is given."""
    (checkout / "relevance").write_text('#!/bin/sh\ncp "$2" compared\n')
    (checkout / "relevance").chmod(0o755)
    script = dedent(step(WORKFLOW, name).partition("run: |\n")[2])
    path = f"{checkout}:/usr/bin:/bin:/usr/local/bin"
    variables = {"PATH": path, "RUNNER_TEMP": "temporary", "GITHUB_BASE_REF": "main", "GITHUB_ENV": "handed-on"}
    subprocess.run(  # noqa: S603 - our own template
        ["/bin/bash", "-e", "-c", script], cwd=checkout, check=True, env=variables, capture_output=True
    )


def handed_on(folder: Path, of_main: dict[str, str], own: dict[str, str]) -> tuple[str, str]:
    """What the step hands on in a branch whose main has these files, and the baseline that it took."""
    main, branch = folder / "main", folder / "branch"
    main.mkdir()
    git(main, "init", "-b", "main")
    git(main, "commit", "--allow-empty", "-m", "first")
    git(folder, "clone", "main", "branch")
    for checkout, files in ((main, of_main), (branch, own)):
        for name, text in files.items():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            (checkout / name).write_text(text)
            git(checkout, "add", ".")
            git(checkout, "commit", "-m", "baseline")
    run_step(NAMES[0], branch)
    found = [branch / name for name in ("handed-on", "main-baseline")]
    environment, baseline = (path.read_text() if path.exists() else "" for path in found)
    return environment, baseline


PACKED = f"{BASELINE}.gz"


@pytest.mark.parametrize(
    ("of_main", "own", "taken"),
    [
        ({BASELINE: "main's"}, {BASELINE: "its own"}, "main's"),
        ({PACKED: "main's"}, {BASELINE: "its own"}, "main's"),
        ({PACKED: "packed", BASELINE: "plain"}, {}, "plain"),
        ({}, {BASELINE: "its own"}, ""),  # the file beside the benchmarks counts
    ],
)
def test_main_s_baseline_is_taken(tmp_path: Path, of_main: dict[str, str], own: dict[str, str], taken: str) -> None:
    variable = "RELEVANCE_BASELINE=main-baseline\n" if taken else ""
    assert handed_on(tmp_path, of_main, own) == (variable, taken)


def test_the_verdict_is_by_main_s_baseline_whatever_was_written_into_the_file(tmp_path: Path) -> None:
    handed_on(tmp_path, {BASELINE: "main's"}, {BASELINE: "its own"})
    branch = tmp_path / "branch"
    (branch / "temporary").mkdir()
    run_step(NAMES[1], branch)
    assert (branch / "compared").read_text() == "main's"


def test_the_page_shows_the_file_that_is_written() -> None:
    assert f"```yaml\n{WORKFLOW}```\n" in (ROOT / "docs" / "ci.md").read_text()


def test_the_verdict_is_a_job_that_runs_nothing_of_the_pull_request() -> None:
    measuring, _, verdict = WORKFLOW.partition("\n  comment:\n")[0].partition("\n  verdict:\n")
    assert "pytest --engine embedded --gate-from-baseline --out .relevance/latest\n" in measuring
    assert "pytest " not in verdict
    assert "actions/cache" not in verdict, "the code could have filled it"
    assert "env." not in verdict, "the code could have set it"
    assert re.findall(r"if: (.+)", verdict)[0] == "github.event_name == 'pull_request' && !cancelled()"
    uploaded, downloaded = (part.partition("artifact@v4")[2] for part in (measuring, verdict))
    assert re.findall(r"name: (\w+)", uploaded)[0] == re.findall(r"name: (\w+)", downloaded)[0] == "relevance"


def test_what_earlier_sessions_have_left_is_kept() -> None:
    """The history file lies beside the results, and CI keeps it."""
    assert "rm -rf .relevance/latest &&" in WORKFLOW
    assert WORKFLOW.count("rm -rf") == 1
