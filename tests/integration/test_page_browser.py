"""The page of a session in a real browser: filters, both rankings, keys, addresses, print; hostile data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import product as product_of
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from helpers.browser import HOSTILE, Browser, Tab, fill, press, texts
from helpers.pages import payload
from helpers.snapshots import measured, random_measurement, session

from relevance.baseline import Snapshot, by_todays_data
from relevance.diagnosis import diagnose
from relevance.evaluation import NDCG10
from relevance.gate import Limits, compare
from relevance.report.page.session import View, session_page
from relevance.report.results import compared_files

pytestmark = [pytest.mark.needs("browser"), pytest.mark.usefixtures("closed")]

SIZE = 120
QUERY = "#query=q003&strategy=worse"


def page_of(before: Snapshot, now: Snapshot, titles: Mapping[str, str], **explained: Any) -> str:
    """As `relevance compare` writes it, of what the gate says; `explained`: by strategy, and query."""
    sides = by_todays_data(before, now)
    compared = compare(sides.before, sides.now, Limits(), baseline="main.json", draws=500)
    why = diagnose(sides.before, sides.now, compared, Limits(), titles=titles)
    told = tuple(replace(one, explained=explained.get(one.strategy, {})) for one in why.strategies)
    why = replace(why, strategies=told)
    return compared_files(compared, why, sides, leading=NDCG10, titles=titles)["report.html"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`worse` lost by much and its first query most, `mixed` lost and won, `calm` is as before."""
    ids = [f"q{at:03}" for at in range(SIZE)]
    values = np.full(SIZE, 0.75)
    lost = np.where(np.arange(SIZE) < 100, values - 0.5 + np.arange(SIZE) / 400, values)
    mixed = np.where(np.arange(SIZE) % 2, values + 0.125, values - 0.125)
    hits = {"worse": [("b", "p2", "a")] * SIZE, "mixed": [("a", "p2", "b")] * SIZE}
    calm = random_measurement(1, queries=ids)
    old = {name: measured(values, [("a", "b", "p1")] * SIZE) for name in hits}
    new = {"worse": measured(lost, hits["worse"]), "mixed": measured(mixed, hits["mixed"])}
    words = tuple(f"text of {one}" if at < SIZE // 2 else f"lamp {at}" for at, one in enumerate(ids))
    before, now = (replace(session(ids, **side, calm=calm), texts=words) for side in (old, new))
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page_of(before, now, {"a": "Oak table", "b": "Pine shelf"}), encoding="utf-8")
    return path


@pytest.fixture
def tab(browser: Browser, page: Path) -> Tab:
    return browser.open(page.as_uri())


def text(tab: Tab, selector: str) -> str:
    return str(tab.evaluate(f"document.querySelector({json.dumps(selector)})?.textContent"))


def rows(tab: Tab) -> list[tuple[str, str]]:
    """The queries that are listed, each with its strategy."""
    cells = "[one.children[0].firstChild.textContent, one.children[1].textContent]"
    found = tab.evaluate(f"[...document.querySelectorAll('.row')].map((one) => {cells})")
    return [(query, strategy) for query, strategy in found]


def test_the_verdict_comes_first_and_in_words(tab: Tab) -> None:
    assert tab.evaluate("document.querySelector('main').firstElementChild.id") == "verdict"
    assert text(tab, "h1") == "Worse: worse"
    assert texts(tab, ".tiles li b") == ["1", "0", "1", "1"]
    assert "beside main.json. This fails." in text(tab, "#verdict")


def test_explanations_are_shown_and_counted(browser: Browser, tmp_path: Path) -> None:
    before, now = (session(worse=measured([value] * 60, [hits] * 60)) for value, hits in ((0.5, "ab"), (0.25, "ba")))
    explained = {"q00001": ("title oak: 3 -> 1",), "q00002": ()}
    path = tmp_path / "report.html"
    path.write_text(page_of(before, now, {}, worse=explained), encoding="utf-8")
    tab = browser.open(path.as_uri() + "#query=q00001&strategy=worse")
    assert texts(tab, "dialog .sheet-part li") == ["title oak: 3 -> 1"]
    assert "Explanations for 1 of 60 changed queries, " in text(tab, "#queries > p.note")
    for query, words in (("q00002", "The engine has no explanation of it."), ("q00003", "Not of this query: ")):
        tab.evaluate(f"location.hash = '#query={query}&strategy=worse'")
        tab.wait(f"document.querySelector('dialog h2').textContent === 'text of {query}'")
        assert text(tab, "dialog .sheet-part p").startswith(words)


def test_a_narrow_window_has_what_changed_in_its_first_screen(tab: Tab) -> None:
    tab.call("Emulation.setDeviceMetricsOverride", width=390, height=850, deviceScaleFactor=1, mobile=True)
    heads = "[...document.querySelectorAll('#strategies thead th')]"
    end = "[one.textContent, one.getBoundingClientRect().right]"
    ends = tab.evaluate(f"{heads}.filter((one) => one.offsetWidth).map((one) => {end})")
    assert [head for head, right in ends if right <= 390][:4] == ["Strategy", "Answer", "Now", "Change"]


def test_numbers_on_the_page_are_those_of_results(tab: Tab, page: Path) -> None:
    (comparison,) = payload(page)["results"]["comparison"]
    findings = {(one["strategy"], one["measure"], one["segment"]): one for one in comparison["findings"]}
    row = findings["worse", "nDCG@10", ""]
    change = row["after"] - row["before"]
    numbers = [f"{change:+.4f} ({change / row['before']:+.1%})", "{:+.4f} to {:+.4f}".format(*row["interval"])]
    minus = [one.replace("-", "−") for one in numbers]  # noqa: RUF001 - as the page has it
    cells = texts(tab, "#strategies tbody tr:first-child > *")
    assert cells[:6] == ["worse", "loss", f"{row['before']:.4f}", f"{row['after']:.4f}", *minus]
    press(tab, "RR@10")
    assert text(tab, "#strategies caption") == "Strategies by RR@10"


def test_filters(tab: Tab) -> None:
    assert rows(tab)[:2] == [("text of q000", "worse"), ("text of q001", "worse")]
    press(tab, "Won")
    assert {strategy for _, strategy in rows(tab)} == {"mixed"}
    assert text(tab, "#queries [role=status]").startswith("60 rows")
    press(tab, "All")
    fill(tab, "Strategy", "calm", within="#queries")
    assert text(tab, "#queries [role=status]").startswith("120 queries")
    press(tab, "Show 70 more")
    assert len(rows(tab)) == SIZE
    fill(tab, "Search", "OF q01", within="#queries")
    assert [query for query, _ in sorted(rows(tab))] == [f"text of q01{at}" for at in range(10)]
    press(tab, "Lost")
    assert text(tab, "#queries [role=status]") == "No query is like that."


def test_undecided_are_queries_with_hits_to_judge(tab: Tab) -> None:
    press(tab, "Undecided")
    fill(tab, "Strategy", "mixed", within="#queries")
    assert text(tab, "#queries [role=status]").startswith("120 queries")
    fill(tab, "Strategy", "calm", within="#queries")
    assert not rows(tab)


def test_a_kind_of_queries_leads_from_the_heat_map_to_its_queries(tab: Tab) -> None:
    heads = texts(tab, ".heat thead th")
    assert heads == ["Strategy", "all queries", "part numbers (60)"]
    cell = "[...document.querySelectorAll('.heat tbody tr:first-child button')].at(-1)"
    kind = re.sub(r" \(\d+\)$", "", heads[-1])
    assert tab.evaluate(f"{cell}.getAttribute('aria-label')").startswith(f"worse, {kind}: ")
    tab.evaluate(f"{cell}.click()")
    assert {strategy for _, strategy in rows(tab)} == {"worse"}
    chosen = tab.evaluate("[...document.querySelectorAll('#queries select')].map((one) => one.value)")
    assert chosen == ["worse", kind]


def test_both_rankings_side_by_side_by_their_address(browser: Browser, page: Path) -> None:
    tab = browser.open(page.as_uri() + QUERY)
    assert text(tab, "dialog h2") == "text of q003"
    sides = [texts(tab, f".sides > :nth-child({at}) .hit") for at in (1, 2)]
    assert sides == [
        ["1grade 2Oak tablea▼ to 3", "2grade 0Pine shelfb▲ to 1", "3? not judged(title not known)p1gone"],
        ["1grade 0Pine shelfb▲ from 2", "2? not judged(title not known)p2new", "3grade 2Oak tablea▼ from 1"],
    ]
    marks = "[...document.querySelectorAll('.sides > :first-child .grade')]"
    images = tab.evaluate(f"{marks}.map((one) => getComputedStyle(one).backgroundImage)")
    assert [image.startswith("repeating") for image in images] == [False, False, True]
    assert "2 hits of this query that nobody has judged can move a metric." in text(tab, "dialog")


def test_keys(tab: Tab) -> None:
    tab.tap("/")
    tab.wait("document.activeElement.type === 'search'")
    tab.evaluate("document.querySelector('.row').focus()")
    tab.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", text="\r", windowsVirtualKeyCode=13)
    tab.wait("document.querySelector('dialog[open] h2')?.textContent === 'text of q000'")
    for key, query in (("ArrowRight", "q001"), ("ArrowLeft", "q000")):
        tab.call("Input.dispatchKeyEvent", type="rawKeyDown", key=key)
        tab.wait(f"document.querySelector('dialog[open] h2')?.textContent === 'text of {query}'")
        assert tab.evaluate("location.hash") == f"#query={query}&strategy=worse"
    tab.call("Input.dispatchKeyEvent", type="rawKeyDown", key="Escape", windowsVirtualKeyCode=27)
    tab.wait("!document.querySelector('dialog[open]') && location.hash === '#queries'")


def test_it_asks_for_nothing(browser: Browser, page: Path) -> None:
    browser.requested.clear()
    tab = browser.open(page.as_uri())
    tab.evaluate("document.querySelector('.row').click()")
    tab.wait("!!document.querySelector('dialog[open]')")
    assert {url.split("#")[0] for url in browser.requested} == {page.as_uri()}


def brightness(tab: Tab) -> int:
    """Red, green and blue of the page's text, added up."""
    colour = tab.evaluate("getComputedStyle(document.body).color")
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


def test_light_and_dark_and_narrow(tab: Tab, tmp_path: Path) -> None:
    for width, dark in product_of((1280, 390), (False, True)):
        tab.screenshot(tmp_path / "page.png", width=width, height=850, dark=dark)
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert brightness(tab) > 500 if dark else brightness(tab) < 150
    tab.evaluate("document.querySelector('#top button').click()")
    assert tab.evaluate("document.documentElement.dataset.theme") == "light"
    assert brightness(tab) < 150
    tab.evaluate("localStorage.clear()")


def test_printed_it_is_light_and_has_no_controls(tab: Tab) -> None:
    tab.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert brightness(tab) < 150
    shown = "[...document.querySelectorAll('.filters, nav')].filter((one) => getComputedStyle(one).display !== 'none')"
    assert tab.evaluate(f"{shown}.length") == 0
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert len(tab.call("Page.printToPDF")["data"]) > 10_000


@pytest.mark.parametrize("name", ["constructor", "__proto__"])
def test_a_new_strategy_may_be_called_as_what_every_object_has(browser: Browser, tmp_path: Path, name: str) -> None:
    one = measured([0.5, 0.25], [("a", "b")] * 2)
    before, now = session(["q1", "q2"], own=one), session(["q1", "q2"], **{"own": one, name: one})
    path = tmp_path / "report.html"
    path.write_text(page_of(before, now, {}), encoding="utf-8")
    tab = browser.open(path.as_uri())
    shown = tab.evaluate("document.querySelector('#strategies').textContent")
    assert (name in shown, "NaN" in shown) == (True, False)


@pytest.mark.parametrize("address", ["", QUERY])
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_violation(browser: Browser, page: Path, *, dark: bool, address: str) -> None:
    tab = browser.open(page.as_uri() + address)
    assert tab.violations(dark=dark) == []


def test_hostile_texts_are_shown_and_never_obeyed(browser: Browser, tmp_path: Path) -> None:
    ids = sorted(HOSTILE)
    size = len(ids)
    old = measured([0.75] * size, [tuple(ids)] * size)
    new = measured([0.25] * size, [tuple(reversed(ids))] * size)
    common: dict[str, Any] = {"texts": tuple(ids), "grades": tuple({one: 2.0} for one in ids)}
    before, now = (replace(session(ids, **dict.fromkeys(HOSTILE[:3], side)), **common) for side in (old, new))
    path = tmp_path / "report.html"
    path.write_text(page_of(before, now, {one: one for one in HOSTILE}), encoding="utf-8")
    browser.requested.clear()
    tab = browser.open(path.as_uri())
    title = tab.evaluate("document.title")
    assert sorted({query for query, _ in rows(tab)}) == ids
    for one in ids:
        address = f"#query={quote(one)}&strategy={quote(HOSTILE[0])}"
        tab.evaluate(f"location.hash = {json.dumps(address)}")
        tab.wait(f"document.querySelector('dialog[open] h2')?.textContent === {json.dumps(one)}")
        assert set(texts(tab, ".hit .title")) == set(ids)
        assert set(texts(tab, ".hit .id")) == set(ids)
    assert tab.evaluate("document.title") == title
    assert tab.evaluate("document.querySelectorAll('script').length") == 4
    assert tab.evaluate("document.querySelectorAll('img, iframe, object, embed').length") == 0
    assert len({url.split("#")[0] for url in browser.requested}) == 1


def test_models_notes_and_reasons_of_a_session_are_shown_as_text(browser: Browser, tmp_path: Path) -> None:
    document = {
        "dataset": {"name": HOSTILE[1], "queries": 2, "products": 2, "judgments": 2, "sha256": {}},
        "engine": {"name": HOSTILE[0], "version": HOSTILE[2], "line": HOSTILE[3]},
        "models": {HOSTILE[7]: {"name": HOSTILE[0], "sha256": HOSTILE[1]}},
        "strategies": {
            one: {"metrics": {"nDCG@10": 0.5}, "latency_ms": {"p50": at}, "verdict": "fail", "reasons": [one]}
            for at, one in enumerate(HOSTILE[:3], 1)
        },
        "not_run": {HOSTILE[4]: HOSTILE[5]},
        "notes": list(HOSTILE),
        "answers": {},
        "comparison": [],
    }
    view = View(session(**dict.fromkeys(HOSTILE[:3], measured([0.5, 0.75]))))
    path = tmp_path / "report.html"
    path.write_text(session_page(document, [view], leading=NDCG10, titles={}), encoding="utf-8")
    tab = browser.open(path.as_uri())
    assert text(tab, "h1") == "Below its floor: 3 strategies"
    assert texts(tab, "#about .lines li") == list(HOSTILE)
    assert tab.evaluate("document.title") != "run"
    assert tab.evaluate("document.querySelectorAll('main img, main script').length") == 0


def test_the_largest_page_opens(browser: Browser, tmp_path: Path) -> None:
    ids = [f"q{at:05}" for at in range(5_859)]
    names = [f"strategy_{at}" for at in range(16)]
    now = session(ids, **{name: random_measurement(at, queries=ids) for at, name in enumerate(names)})
    before = replace(now, strategies=dict(zip(names, reversed(now.strategies.values()), strict=True)))
    document = {
        "dataset": {"name": "large", "queries": len(ids), "products": 20},
        "engine": {"name": "embedded", "version": "1"},
        "strategies": {name: {"metrics": {"nDCG@10": 0.5}} for name in names},
        "not_run": {},
        "notes": [],
        "answers": {},
        "comparison": [],
    }
    path = tmp_path / "report.html"
    path.write_text(session_page(document, [View(now, before)], leading=NDCG10, titles={}), encoding="utf-8")
    assert path.stat().st_size < 5 * 2**20
    tab = browser.open(path.as_uri())
    assert len(rows(tab)) == 50
