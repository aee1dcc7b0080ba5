"""The workflow that `relevance init` writes: which baseline a pull request is held against."""

from __future__ import annotations

import shutil
import subprocess
from importlib import resources
from pathlib import Path
from textwrap import dedent

import pytest

from relevance.scaffold import BASELINE

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = (resources.files("relevance") / "templates" / "workflow.yml").read_text()
NAME = "      - name: main's baseline\n"

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def _step(page: str) -> str:
    """The step that takes main's baseline, up to the next one."""
    return NAME + page.partition(NAME)[2].partition("\n      -")[0].partition("\n      #")[0]


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A branch beside its main, which has no baseline."""
    (tmp_path / "main").mkdir()
    _git(tmp_path / "main", "init", "-b", "main")
    _git(tmp_path / "main", "commit", "--allow-empty", "-m", "first")
    _git(tmp_path, "clone", "main", "branch")
    return tmp_path / "branch"


def _committed(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    _git(folder, "add", ".")
    _git(folder, "commit", "-m", "baseline")


def _run(checkout: Path) -> str:
    """What the step hands on."""
    script = dedent(_step(WORKFLOW).partition("run: |\n")[2])
    variables = {"PATH": "/usr/bin:/bin:/usr/local/bin", "GITHUB_BASE_REF": "main", "GITHUB_ENV": "handed-on"}
    subprocess.run(  # noqa: S603 - our own template
        ["/bin/bash", "-e", "-c", script], cwd=checkout, check=True, env=variables, capture_output=True
    )
    handed_on = checkout / "handed-on"
    return handed_on.read_text() if handed_on.exists() else ""


@pytest.mark.parametrize("name", [BASELINE, f"{BASELINE}.gz"])
def test_main_s_baseline_is_taken(checkout: Path, name: str) -> None:
    """In either form, and not the one that the branch brings along."""
    _committed(checkout.parent / "main", name, "main's")
    _committed(checkout, BASELINE, "its own")
    assert _run(checkout) == "RELEVANCE_BASELINE=main-baseline\n"
    assert (checkout / "main-baseline").read_text() == "main's"


def test_of_both_forms_the_plain_one_counts(checkout: Path) -> None:
    """As everywhere."""
    for name, text in ((f"{BASELINE}.gz", "packed"), (BASELINE, "plain")):
        _committed(checkout.parent / "main", name, text)
    _run(checkout)
    assert (checkout / "main-baseline").read_text() == "plain"


def test_as_long_as_main_has_none_it_is_the_branch_s_own(checkout: Path) -> None:
    """Nothing is handed on, so that the file beside the benchmarks counts, and has to be there."""
    _committed(checkout, BASELINE, "its own")
    assert _run(checkout) == ""


def test_the_page_shows_the_same_step() -> None:
    """What users copy from the page is what is tested here."""
    assert _step((ROOT / "docs" / "ci.md").read_text()) == _step(WORKFLOW)
