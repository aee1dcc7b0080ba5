"""README and docs: their commands run and print what is shown, their links lead somewhere, the site builds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.console import PAGES, ROOT, Terminal, blocks, check_page, difference

# the README's commands run in test_main_job
RUN = [page for page in PAGES if page.name != "README.md" and any(block.place for block in blocks(page))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_commands_runs_or_says_why_not(page: Path) -> None:
    fences = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("```")]
    assert "```" not in fences[::2], f"{page.name}: a fence without its language would be run by nobody"
    assert [block.where for block in blocks(page) if not block.explained] == []


@pytest.mark.needs("model")
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_commands_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    problems = check_page(page, Terminal(tmp_path))
    assert not problems, "\n\n".join(problems)


@pytest.mark.parametrize(
    ("shown", "printed", "problem"),
    [
        (["a", "…", "c"], ["a", "b", "c"], ""),
        (["a", "c"], ["a", "b", "c"], "printed before 'c': 'b'"),
        (["a"], ["a", "b"], "not shown: 'b'"),
        (["…", "d", "…"], ["a", "b"], "not printed: d"),
        (["took 3.1 s"], ["took 12 s"], ""),
        (["3 metrics, no loss"], ["3 metrics, likely loss", "LIKELY LOSS: rrf: run time takes 1.6 times as long"], ""),
        (
            ["3 metrics, likely loss", "…"],
            ["3 metrics, likely loss", "LIKELY LOSS: a fell", "LIKELY LOSS: b: run time takes 2 times"],
            "",
        ),
        (["x  0.5   9%  0.1  3  pass"], ["x  0.5  9%  7.1  9.5  pass"], ""),
        (["x  0.5   9%  0.1  3  pass"], ["x  0.6  9%  7.1  9.5  pass"], "not printed: x  0.5   9%  0.1  3  pass"),
    ],
)
def test_what_counts_as_the_same_output(shown: list[str], printed: list[str], problem: str) -> None:
    assert difference(shown, printed) == problem


def test_site_builds_strictly(tmp_path: Path) -> None:
    # a broken link or a page that is in no menu is an error
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "gate" / "index.html").is_file()
