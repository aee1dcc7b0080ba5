"""docs/own-search.md as a stranger follows it: its files written down, its commands run, what they print compared."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from helpers.console import Block, blocks, difference
from helpers.project import calibrate_little, write_project

from relevance.cli import main
from relevance.schema import STORED, TYPES, UNCOMPARED

pytest_plugins = ["pytester"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "own-search.md"
TEXT = PAGE.read_text(encoding="utf-8")
FILES = dict(re.findall(r"^<!-- file: (\S+) -->\n\n```\w+\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))
CHECK, CHANGED, MOVED, LOST = (block for block in blocks(PAGE) if not block.place)


class Shop:
    """The files of the page in a folder of their own."""

    def __init__(self, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]) -> None:
        self._pytester, self._capsys = pytester, capsys
        write_project(pytester)
        for name, text in FILES.items():
            path = pytester.path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        with (pytester.path / "relevance.toml").open("a") as file:  # of searches of a millisecond beside other work
            file.write("\n[gate]\ntime_warn = 4\ntime_fail = 4\n")

    def prints(self, block: Block, command: str | None = None) -> str:
        """What a command does not print as its block shows; "" where all is well."""
        ((shown_as, shown),) = block.commands
        if (command or shown_as).startswith("pytest"):
            options = (command or "pytest").split()[1:]
            printed = self._pytester.runpytest_inprocess("benchmarks", *options).outlines
        else:
            words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', shown_as)]
            self._capsys.readouterr()
            main(words[1:])
            printed = self._capsys.readouterr().out.splitlines()
        return difference(shown, [line.replace(str(self._pytester.path), "") for line in printed])

    def change(self, change: Any) -> None:
        """Change the body of the index."""
        path = self._pytester.path / "index.json"
        body = json.loads(FILES["index.json"])
        change(body["settings"]["analysis"])
        path.write_text(json.dumps(body))


def test_a_stranger_follows_the_page(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrate_little(monkeypatch)
    monkeypatch.setitem(os.environ, "COLUMNS", "100")
    shop = Shop(pytester, capsys)
    assert shop.prints(CHECK) == ""
    shop.prints(CHANGED, "pytest --update-baseline")
    shop.change(lambda analysis: analysis["filter"]["shop_synonyms"]["synonyms"].append("couch, sofa"))
    assert shop.prints(CHANGED) == ""
    assert shop.prints(MOVED) == ""
    shop.change(lambda analysis: analysis["analyzer"]["shop_search"]["filter"].remove("porter_stem"))
    assert shop.prints(LOST) == ""


def test_the_types_of_the_page_are_those_of_the_code() -> None:
    table = [line for line in TEXT.splitlines() if line.startswith("| `")]
    searched, uncompared, stored = (
        set(re.findall(r"`(\w+)`", next(line for line in table if line.startswith(f"| `{first}`")).split("|")[1]))
        for first in ("text", "constant_keyword", "aggregate_metric_double")
    )
    assert searched == {*TYPES, "alias", "object", "nested"} - {*UNCOMPARED}
    assert uncompared == {*UNCOMPARED}
    assert stored == {*STORED} - {"shingles"}
