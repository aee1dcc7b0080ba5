"""The pages of mutate, check and history in a real browser: filters, numbers, light and dark, print; hostile data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import product as product_of
from pathlib import Path

import pytest
from helpers.browser import HOSTILE, Browser, Tab, fill, press, texts
from helpers.command_pages import FOUND, LOG, NAMES, planted, tried, versions

from relevance.check import LOOK_AT
from relevance.gate import Limits
from relevance.report.checked import check_files
from relevance.report.history import history_files
from relevance.report.mutations import mutation_files
from relevance.report.withheld import withheld_files

pytestmark = [pytest.mark.needs("browser"), pytest.mark.usefixtures("closed")]

SHOP = ["shop: 3 products"]
PAGES: Mapping[str, Mapping[str, str]] = {
    "mutations": mutation_files(planted(), of=SHOP, notes=["few queries"]),
    "withheld": withheld_files(tried("rrf"), "ten", of=SHOP),
    "history": history_files(versions(), NAMES, Limits(), log=LOG, dataset="shop", of=SHOP),
    "check": check_files(FOUND),
}


def opened(browser: Browser, folder: Path, files: Mapping[str, str]) -> Tab:
    path = folder / "report.html"
    path.write_text(files["report.html"], encoding="utf-8")
    return browser.open(path.as_uri())


def rows(tab: Tab, part: str) -> list[list[str]]:
    cells = "[...row.children].map((one) => one.textContent)"
    found: list[list[str]] = tab.evaluate(f"[...document.querySelectorAll('{part} tbody tr')].map((row) => {cells})")
    return found


def test_planted_changes(browser: Browser, tmp_path: Path) -> None:
    tab = opened(browser, tmp_path, PAGES["mutations"])
    assert texts(tab, "h1") == ["4 of 6 changes were caught"]
    assert texts(tab, ".tiles b") == ["4", "2", "3"]
    document = json.loads(PAGES["mutations"]["mutations.json"])
    first, second, third, *_ = rows(tab, "#changes")
    assert [row[1] for row in (first, second, third)] == ["survived", "survived", "caught"]
    own = document["mutations"][0]["strategies"][0]
    assert third[3:] == [
        "titles", f"−20.0%{own['before']:.4f} → {own['after']:.4f}", "−0.1100 to −0.0900", "0.004", "3.1%",  # noqa: RUF001 - as the page has it
    ]  # fmt: skip
    fill(tab, "Strategy", NAMES[1])
    assert [(row[2], row[3]) for row in rows(tab, "#changes")] == [
        ("undecided, fails", NAMES[1]), ("no loss", NAMES[1]),
    ]  # fmt: skip
    fill(tab, "Strategy", "")
    press(tab, "Caught")
    assert len(rows(tab, "#changes")) == 4
    fill(tab, "Search", "TITLES ARE")
    assert [row[0] for row in rows(tab, "#changes")] == ["title_losttitles are indexed empty"]
    heads = texts(tab, "#sizes thead th")[1:6]
    counts = [dict(zip(heads, row[1:], strict=True)) for row in rows(tab, "#sizes")[:4]]
    assert counts == [{said: str(number) for said, number in one.items()} for one in document["bands"].values()]


def test_a_map_of_changes_by_strategies(browser: Browser, tmp_path: Path) -> None:
    tab = opened(browser, tmp_path, PAGES["mutations"])
    assert texts(tab, ".heat thead th") == ["Change", *NAMES]
    assert rows(tab, "#map")[:2] == [["title_lost", "−20.0%", "−0.1%"], ["description_not_matched", "", "−3.0%"]]  # noqa: RUF001 - as the page has it
    classes = "[...document.querySelectorAll('.heat tbody .cell')].map((one) => one.className)"
    assert tab.evaluate(classes)[:4] == ["cell loss", "cell same", "cell same", "cell blocks"]


def test_withheld_judgments(browser: Browser, tmp_path: Path) -> None:
    tab = opened(browser, tmp_path, PAGES["withheld"])
    assert texts(tab, "h1") == ["1 wrong answer"]
    assert rows(tab, "#answers")[:3] == [
        ["0", "0", "1", "0", "0", "0"], ["50", "0", "1", "0", "0", "0"], ["100", "0", "0", "0", "0", "1"],
    ]  # fmt: skip
    better, loss = rows(tab, "#changes")
    assert better[:5] == ["title_lost (1), undone", "rrf", "+2.0%truly better", "no loss", "70"]
    assert better[5] == "0: undecided, fails100: no loss"
    press(tab, "truly a loss")
    assert rows(tab, "#changes") == [loss]


def test_a_history(browser: Browser, tmp_path: Path) -> None:
    tab = opened(browser, tmp_path, PAGES["history"])
    assert texts(tab, "h1") == ["Last step: titles fell by 5.0%, 2026-03-07"]
    titles, _ = rows(tab, "#strategies")
    assert titles[2:6] == ["0.5000", "0.4750", "−0.0250 (−5.0%)", "1"]  # noqa: RUF001 - as the page has it
    assert len(texts(tab, "#course circle title")) == 12
    fill(tab, "Strategy", NAMES[1])
    assert len(texts(tab, "#course circle title")) == 7
    shown = rows(tab, "#versions")
    assert len(shown) == 12
    assert shown[0][3] == f"gone: {NAMES[1]}"
    press(tab, "Steps")
    (step,) = rows(tab, "#versions")
    assert step[2:] == ["titles −5.0%, a step", "accepted by Ada: wanted"]  # noqa: RUF001 - as the page has it
    assert rows(tab, "#accepted")[0][:4] == ["2026-03-06", "Ada", "“wanted”", "titles: loss, nDCG@10 0.5000 → 0.4000"]


def test_a_check_has_errors_first(browser: Browser, tmp_path: Path) -> None:
    tab = opened(browser, tmp_path, PAGES["check"])
    assert texts(tab, "h1") == ["2 mistakes: the benchmarks cannot start"]
    assert [row[0] for row in rows(tab, "#checked")] == ["error", "error", LOOK_AT, "note", "fineproducts"]
    press(tab, "error (2)")
    assert [row[1] for row in rows(tab, "#checked")] == list(FOUND.problems)
    ready = opened(browser, tmp_path, check_files(replace(FOUND, problems=())))
    assert texts(ready, "h1") == ["Ready: the benchmarks can start"]


@pytest.mark.parametrize("name", PAGES)
def test_light_and_dark_narrow_and_printed(browser: Browser, tmp_path: Path, name: str) -> None:
    tab = opened(browser, tmp_path, PAGES[name])
    for width, dark in product_of((1280, 390), (False, True)):
        tab.screenshot(tmp_path / "page.png", width=width, height=850, dark=dark)
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        hidden = "[...document.querySelectorAll('main svg')].filter((one) => !one.getBoundingClientRect().width)"
        assert tab.evaluate(f"{hidden}.length") == 0
    tab.call("Emulation.setEmulatedMedia", media="print")
    shown = "[...document.querySelectorAll('.filters, nav')].filter((one) => getComputedStyle(one).display !== 'none')"
    assert tab.evaluate(f"{shown}.length") == 0


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_violation(browser: Browser, tmp_path: Path, name: str, *, dark: bool) -> None:
    assert opened(browser, tmp_path, PAGES[name]).violations(dark=dark) == []


def hostile_pages(one: str, other: str) -> dict[str, Mapping[str, str]]:
    """The pages with these texts wherever data can have a text."""
    outcomes = planted((one, other))
    every = tuple(
        replace(
            each,
            kind=replace(each.kind, name=one, group=other, what=one),
            drawn=other,
            refused=one if each.refused else "",
            inapplicable=other if each.inapplicable else "",
        )
        for each in outcomes.outcomes
    )
    log = tuple(
        replace(entry, by=one, reason=other, data=one, strategies={other: entry.strategies["titles"]}) for entry in LOG
    )
    lines = [one, other]
    judged = [replace(each, kind=other) for each in tried(one)]
    versioned = versions((one, other), subject=other)
    found = replace(FOUND, dataset=one, rows=((one, other), (LOOK_AT, one)), problems=(one, other))
    return {
        "mutations": mutation_files(replace(outcomes, outcomes=every), of=lines, wrong=lines, notes=lines),
        "withheld": withheld_files(judged, "ten", of=lines, notes=lines),
        "history": history_files(versioned, (one, other), Limits(), log=log, dataset=one, of=lines),
        "check": check_files(found),
    }


@pytest.mark.parametrize("name", PAGES)
def test_hostile_texts_are_shown_and_never_obeyed(browser: Browser, tmp_path: Path, name: str) -> None:
    for one, other in zip(HOSTILE, (*HOSTILE[1:], HOSTILE[0]), strict=True):
        browser.requested.clear()
        tab = opened(browser, tmp_path, hostile_pages(one, other)[name])
        title = tab.evaluate("document.title")
        tab.evaluate("document.querySelectorAll('button').forEach((one) => one.click())")
        seen = tab.evaluate("document.querySelector('main').textContent")
        assert one in seen
        assert other in seen
        assert title != "run"
        assert tab.evaluate("document.title") == title
        assert tab.evaluate("document.querySelectorAll('script').length") == 4
        assert tab.evaluate("document.querySelectorAll('main img, main script, iframe, object, embed').length") == 0
        assert len({url.split("#")[0] for url in browser.requested}) == 1
        browser.close_tabs()
