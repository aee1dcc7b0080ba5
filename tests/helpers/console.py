"""Runs the commands that stand in README and docs, and compares what they print.

A block of commands is fenced as `console`. The comment in front of it says where it runs (`<!-- run in shop -->`,
`<!-- run in shop, exit 1 -->`) or why it does not (`<!-- not run: needs Docker -->`). A line `…` stands for lines that
are left out. `python -m helpers.console PAGE` (with tests on the path) writes the output of blocks without `…` anew.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
LEFT_OUT = "…"

_BLOCK = re.compile(r"(?:^<!-- (?P<mark>[^\n]*?) -->\n\n?)?^```console\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (?P<command>.*(?:\n> .*)*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)
_RUN = re.compile(r"run in (?P<place>home|shop|checkout)(?:, exit (?P<code>\d+))?$")
_VARYING = (
    (re.compile(r"(\d+%)\s+[\d.,]+\s.*?\s(pass|warn|FAIL|not gated|no floors, compared)$"), r"\1 # \2"),
    (re.compile(r"\b\d[\d.,]* ?(?:m?s|seconds|GiB|texts a second)\b"), "#"),
    (re.compile(r"(?<=\()p \d\S*"), "p #"),
    (re.compile(r"={2,}"), "=="),
    (re.compile(r" {2,}"), "  "),
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its commands, each with the output that is shown below it.

    Attributes:
        where: file and line.
        place: the folder that they run in; "" where they do not run.
        code: exit code of the last command.
        explained: whether they run, or the page says why not.
        body: as it stands in the page.
        commands: in their order.
    """

    where: str
    place: str
    code: int
    explained: bool
    body: str
    commands: tuple[tuple[str, list[str]], ...]


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    read = []
    for match in _BLOCK.finditer(text):
        mark, body = match["mark"] or "", match["body"]
        run = _RUN.match(mark)
        where = f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, match.start('body'))}"
        explained = run is not None or re.match(r"not run: \S", mark) is not None
        commands = tuple(
            (one["command"].replace("\n> ", "\n"), one["output"].splitlines()) for one in _COMMAND.finditer(body)
        )
        read.append(
            Block(where, run["place"] if run else "", int(run["code"] or 0) if run else 0, explained, body, commands)
        )
    return read


_NO_DOCKER = "unix:///nobody/docker.sock"


class Terminal:
    """The folders in which the commands of one page run, one after the other; 100 columns wide."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home" / "ada"
        self.home.mkdir(parents=True)
        self.places = {"home": self.home, "shop": self.home / "shop", "checkout": self.home / "relevance"}
        hidden = ("CI", "GITHUB_", "RELEVANCE_", "ES_", "PYTEST_", "PYTHONUNBUFFERED")
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(hidden)} | {
            "COLUMNS": "100",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "DOCKER_HOST": _NO_DOCKER,
            "TERM": "dumb",
        }

    def run(self, place: str, command: str) -> tuple[int, list[str]]:
        """Run a command; its exit code, and what it printed, with the home folder under its shown name."""
        folder = self.places[place]
        if place == "checkout" and not folder.exists():
            folder.mkdir()
            for name in ("benchmarks", "fixtures", "conftest.py", "pyproject.toml", "tox.ini"):
                source = ROOT / name
                (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
        done = subprocess.run(  # noqa: S603 - the commands of our own pages
            ["/bin/bash", "-c", command],
            cwd=folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        home = self.home.parents[1]
        printed = done.stdout.replace(f" at {_NO_DOCKER} (DOCKER_HOST)", "")
        return done.returncode, printed.replace(str(home.resolve()), "").replace(str(home), "").splitlines()


def plain(line: str) -> str:
    """A line without what differs from run to run: times, and the spaces that make columns."""
    for pattern, instead in _VARYING:
        line = pattern.sub(instead, line)
    return line.strip()


def timeless(printed: Sequence[str]) -> list[str]:
    """Without warnings of run times, which a busy machine gives; where there was no other, there is no loss."""
    lines = [line for line in printed if "run time takes" not in line]
    if len(lines) < len(printed) and not any(line.startswith("LIKELY LOSS") for line in lines):
        return [re.sub(r"(?<= metrics, )likely loss$", "no loss", line) for line in lines]
    return lines


def difference(shown: Sequence[str], printed: Sequence[str]) -> str:
    """The first shown line that was not printed, "" where all were, in their order."""
    lines = [plain(line) for line in timeless(printed) if plain(line)]
    at, anywhere = 0, False
    for line in filter(plain, shown):
        if line.strip() == LEFT_OUT:
            anywhere = True
            continue
        if plain(line) not in lines[at:]:
            return f"not printed: {line}"
        position = lines.index(plain(line), at)
        if position != at and not anywhere:
            return f"printed before {line!r}: {lines[at]!r}"
        at, anywhere = position + 1, False
    return "" if anywhere or at == len(lines) or not shown else f"not shown: {lines[at]!r}"


def check_page(page: Path, terminal: Terminal, *, write: bool = False) -> list[str]:
    """Run the commands of a page; a text for each that printed or ended otherwise than shown.

    With `write`, what was printed stands in the page, where nothing is left out.
    """
    text, problems = page.read_text(encoding="utf-8"), []
    for block in filter(lambda block: block.place, blocks(page)):
        body = ""
        for number, (command, shown) in enumerate(block.commands, 1):
            code, printed = terminal.run(block.place, command)
            expected = block.code if number == len(block.commands) else 0
            problem = f"exit code {code} instead of {expected}" if code != expected else difference(shown, printed)
            if problem:
                problems.append("\n".join((f"{block.where}: $ {command}: {problem}", *printed)))
            lines = shown if LEFT_OUT in shown or not shown else printed
            body += "\n".join((f"$ {command}".replace("\n", "\n> "), *lines, ""))
        text = text.replace(block.body, body)
    if write:
        page.write_text(text, encoding="utf-8")
    return problems


if __name__ == "__main__":
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            sys.stderr.write("\n".join(check_page(Path(name).resolve(), Terminal(Path(folder)), write=True)))
