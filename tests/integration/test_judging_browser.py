"""`relevance judge` in a real browser: by keys, in two tabs, killed in between; nothing lost, nothing twice."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product as product_of
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from helpers.browser import Browser, Tab, chromium
from helpers.datasets import write

from relevance.datasets.overlay import read_ratings

pytestmark = pytest.mark.needs("browser")

ROWS = 26
SHOP = {
    "products.jsonl": "".join(
        f'{{"id": "p{n:02}", "title": "Shelf {n} <script>document.title = 1</script>", "description": "of oak"}}\n'
        for n in range(ROWS + 1)
    ).encode(),
    "queries.tsv": b"q\toak <b>shelf</b>\n",
    "qrels.txt": f"q 0 p{ROWS} 2\n".encode(),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A data set, hits to judge, and a configuration."""
    write(tmp_path / "data", SHOP)
    rows = "".join(f"q,p{n:02}\n" for n in range(ROWS))
    (tmp_path / "to_judge.csv").write_text(f"query_id,product\n{rows}")
    (tmp_path / "relevance.toml").write_text('dataset = "files:data"\n')
    return tmp_path


@pytest.fixture
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


@contextmanager
def judging(project: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process of its own, and the address that it prints."""
    command = [sys.executable, "-m", "relevance.cli", "judge", "to_judge.csv", "--rater", "anna"]
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
    with process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+/\S+", line)
            assert address, line + process.stderr.read()
            yield process, address[0]
        finally:
            process.kill()


def product(tab: Tab) -> str:
    """The product that a tab asks about."""
    return str(tab.evaluate("document.querySelector('.id').textContent"))


def kept(project: Path) -> dict[str, float]:
    ratings, repeated = read_ratings(project / "data" / "judgments.overlay.csv")
    assert not repeated
    assert {one.rater for one in ratings.values()} <= {"anna"}
    return {one.product: one.grade for one in ratings.values()}


def judge(tab: Tab, expected: dict[str, float], grade: int) -> None:
    expected[product(tab)] = grade
    tab.press(str(grade))


def test_twenty_judgments_by_keys_in_two_tabs_with_a_kill_in_between(project: Path, browser: Browser) -> None:
    expected: dict[str, float] = {}
    with judging(project) as (process, url):
        tab, other = browser.open(url), browser.open(url)
        assert tab.evaluate("document.getElementById('query').textContent") == "oak <b>shelf</b>"
        assert tab.evaluate("document.title") == f"0 of {ROWS} judged"
        shown = product(tab)
        tab.press("2")
        tab.press("u")  # taken back, and asked again
        assert product(tab) == shown
        for n in range(6):
            judge(tab, expected, n % 3)
        assert kept(project) == expected
        # the other tab still shows the first row: what it says last holds, and it is told
        assert product(other) == shown
        judge(other, expected, 1)
        assert "in the place of 0" in other.evaluate("document.querySelector('.said').textContent")
        for n in range(4):  # turn and turn about; a row that the other one has judged meanwhile is judged again
            judge(other if n % 2 else tab, expected, 2)
        skipped = product(tab)
        tab.press("s")
        assert product(tab) != skipped
        assert kept(project) == expected
        judge(tab, expected, 0)
        process.send_signal(signal.SIGKILL)
        process.wait()
        tab.tap("2")  # nobody is there: nothing is kept, and nothing of before is lost
    assert kept(project) == expected
    before = len(expected)
    with judging(project) as (process, url):
        tab = browser.open(url)
        assert tab.evaluate("document.title") == f"{before} of {ROWS} judged"
        while len(expected) < 20:
            assert product(tab) not in expected
            judge(tab, expected, len(expected) % 3)
        assert kept(project) == expected
        assert skipped in expected
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        overlay = project / "data" / "judgments.overlay.csv"
        assert (process.returncode, out) == (0, f"anna: {20 - before} judged now, 20 of {ROWS} rows; {overlay}\n")
    assert kept(project) == expected
    asked = {urlsplit(url) for url in browser.requested}
    assert {url.hostname for url in asked if url.scheme in ("http", "https")} == {"127.0.0.1"}


def test_keys_that_come_too_fast_grade_no_row_that_was_not_seen(project: Path, browser: Browser) -> None:
    with judging(project) as (_, url):
        tab = browser.open(url)
        first = product(tab)
        for key in "2101":
            tab.tap(key)
        tab.wait("document.title[0] !== '0' && document.readyState === 'complete'")
        shown = product(tab)
        ratings = kept(project)
        assert ratings.pop(first) == 2
        # keys that came when the next page was there are for its row
        assert shown not in ratings
        tab.press("u")
        assert len(kept(project)) == len(ratings)


def test_the_page_fits_and_can_be_read(project: Path, browser: Browser, tmp_path: Path) -> None:
    with judging(project) as (_, url):
        tab = browser.open(url)
        for width, height, dark in product_of((1200, 390), (850,), (False, True)):
            tab.screenshot(tmp_path / "page.png", width=width, height=height, dark=dark)
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
            buttons = "[...document.querySelectorAll('button')].map((one) => one.getBoundingClientRect())"
            assert tab.evaluate(f"{buttons}.every((one) => one.bottom <= innerHeight && one.right <= innerWidth)")
            colours = tab.evaluate("['color', 'backgroundColor'].map((one) => getComputedStyle(document.body)[one])")
            text, back = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
            assert (text > back) is dark
            assert abs(text - back) > 500
