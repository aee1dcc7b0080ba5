"""The command that shows in a minute what the suite does: a shop, its baseline, a slip, and what is said of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from relevance.cli import Answer, write_lines
from relevance.demo import CONFIGURATION, GOOD, SLIP, files, with_slip
from relevance.errors import CouldNotRunError
from relevance.files import write_file
from relevance.scaffold import write_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

_FOREIGN = ("RELEVANCE_", "ES_", "PYTEST_", "GITHUB_", "BENCHMARK_")
_PAGE = Path(".relevance", "latest", "report.html")
_SHOWN = 20


def run(arguments: argparse.Namespace) -> Answer:
    """Write the shop, measure it, plant the slip, measure it again in plain sight, and say where the page is."""
    folder = Path(tempfile.mkdtemp(prefix="relevance-demo-")) if arguments.into is None else arguments.into
    write_project(folder, files())
    _say(f"a shop that was made up, in {folder}", "$ pytest --update-baseline      # what its search reaches today")
    done = _pytest(folder, "--update-baseline", quiet=True)
    if done.returncode:
        lines = done.stdout.splitlines()[-_SHOWN:]
        raise CouldNotRunError(f"pytest ended with exit code {done.returncode} in {folder}", details=lines)
    configuration = folder / CONFIGURATION
    write_file(configuration, with_slip(configuration.read_text("utf-8")))
    _say("", f"somebody changes {CONFIGURATION}:", f"- {GOOD}", f"+ {SLIP}", "", "$ pytest", "")
    code = _pytest(folder, quiet=False).returncode
    if code != 1:
        raise CouldNotRunError(f"pytest ended with exit code {code} in {folder}; expected: 1, the change is a loss")
    lines = ["", "exit code 1: in CI this change would not have been merged"]
    page = folder.absolute() / _PAGE
    if page.is_file():
        lines.append(f"the page: {page}{'' if arguments.open else ' (relevance demo --open opens it)'}")
        if arguments.open and not webbrowser.open(page.as_uri()):
            lines.append("no browser was found to open it")
    lines.append("your own: relevance init shop && cd shop && pytest")
    return Answer(0, tuple(lines))


def _pytest(folder: Path, *options: str, quiet: bool) -> subprocess.CompletedProcess[str]:
    """The session that a user would run there, untouched by the settings of whoever runs the demo."""
    command = [sys.executable, "-m", "pytest", "--benchmark-disable", *options]
    streams: Mapping[str, int] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if quiet else {}
    if sys.stdout is None:  # closed by whoever started this
        streams = {"stdout": subprocess.DEVNULL, **streams}
    environment = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith(_FOREIGN)}
    return subprocess.run(command, cwd=folder, env=environment, text=True, check=False, **streams)  # type: ignore[call-overload,no-any-return]  # noqa: S603 - ours


def _say(*lines: str) -> None:
    if reason := write_lines(sys.stdout, lines):
        raise CouldNotRunError(f"standard output: {reason}")
