"""README and docs: their commands run and print what is shown, their links lead somewhere, the site builds."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from helpers.console import PAGES, ROOT, Terminal, blocks, check, difference

if TYPE_CHECKING:
    from pathlib import Path

RUN = [page for page in PAGES if any(block.runs for block in blocks(page))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_commands_runs_or_says_why_not(page: Path) -> None:
    """A block without its mark, or fenced as nothing, would be run by nobody."""
    text = page.read_text(encoding="utf-8")
    fences = [line for line in text.splitlines() if line.startswith("```")]
    assert "```" not in fences[::2], f"{page.name}: a fence without its language"
    assert [block.where for block in blocks(page) if not block.explained] == []


@pytest.mark.needs("model")
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_commands_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    """Times aside; what stands for lines that are left out is marked."""
    terminal = Terminal(tmp_path)
    problems = [problem for block in blocks(page) if block.runs for problem in check(block, terminal)]
    assert not problems, "\n\n".join(problems)


@pytest.mark.parametrize(
    ("shown", "printed", "problem"),
    [
        (["a", "…", "c"], ["a", "b", "c"], ""),
        (["a", "c"], ["a", "b", "c"], "printed before 'c': 'b'"),
        (["a"], ["a", "b"], "not shown: 'b'"),
        (["…", "d", "…"], ["a", "b"], "not printed: d"),
        (["took 3.1 s"], ["took 12 s"], ""),
        (["x  0.5   9%  0.1  3  pass"], ["x  0.5  9%  7.1  9.5  pass"], ""),
        (["x  0.5   9%  0.1  3  pass"], ["x  0.6  9%  7.1  9.5  pass"], "not printed: x  0.5   9%  0.1  3  pass"),
    ],
)
def test_what_counts_as_the_same_output(shown: list[str], printed: list[str], problem: str) -> None:
    """All lines in their order, but for times, columns' widths and what is marked as left out."""
    assert difference(shown, printed) == problem


def test_site_builds_strictly(tmp_path: Path) -> None:
    """A broken link or a page that is in no menu is an error."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "gate" / "index.html").is_file()
