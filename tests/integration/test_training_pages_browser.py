"""The pages of a fine-tuning and of a tuning in a real browser: lists, pictures, keys; hostile data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import changes as made
from helpers import shop
from helpers.browser import HOSTILE, Browser, Tab, press, texts

from relevance.records import Queries
from relevance.report.finetuned import report_files
from relevance.report.tuning import tuning_files
from relevance.strategies import STRATEGIES
from relevance.tuning import make_grid

pytestmark = [pytest.mark.needs("browser"), pytest.mark.usefixtures("closed")]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Addresses."""
    folder = tmp_path_factory.mktemp("pages")
    changed = made.changes(60, judged=300, seeds=2)
    tuning = shop.tuned(make_grid("text", STRATEGIES["textsearch_boosted"]))
    of_tuning: Any = {"engine": "embedded 1", "taken": STRATEGIES}
    files = {
        "finetune": report_files(made.done(changed, choice=made.choice("loss=mnrl", "loss=hard+epochs=5"))),
        "tune": tuning_files(tuning, shop.shop(), **of_tuning),
        "trials": tuning_files(replace(tuning, trials=30), shop.shop(), **of_tuning),
    }
    return {name: written(folder / f"{name}.html", one) for name, one in files.items()}


def written(path: Path, files: Mapping[str, str | bytes]) -> str:
    path.write_text(str(files["report.html"]), encoding="utf-8", errors="replace")
    return path.as_uri()


def choose(tab: Tab, section: str, value: str) -> None:
    """In the first list of a section."""
    tab.evaluate(f"""{{
        const field = document.querySelector('#{section} select');
        field.value = {json.dumps(value)};
        field.dispatchEvent(new Event("change"));
    }}""")


def search(tab: Tab, section: str, words: str) -> None:
    tab.evaluate(f"""{{
        const field = document.querySelector('#{section} input');
        field.value = {json.dumps(words)};
        field.dispatchEvent(new Event("input"));
    }}""")


def test_gains_come_first_and_queries_are_searched_and_filtered(browser: Browser, pages: Mapping[str, str]) -> None:
    tab = browser.open(pages["finetune"])
    assert tab.evaluate("document.querySelector('main').firstElementChild.id") == "verdict"
    (first, *_), queries = made.changes(60, judged=300, seeds=2).comparisons, "#queries .row"
    press(tab, "Lost", within="#queries")
    assert texts(tab, "#queries [role=status]") == [f"{len(first.lost)} queries."]
    assert texts(tab, f"{queries} .text")[0] == first.lost[0].text
    press(tab, "All", within="#queries")
    search(tab, "queries", "DRESSER")
    wanted = {one.text for one in first.queries if "dresser" in one.text}
    assert set(texts(tab, f"{queries} .text")) == wanted
    choose(tab, "queries", "rrf_finetune")
    assert "rrf_finetune against rrf" in texts(tab, "#queries figcaption")[0]
    press(tab, "RR@10, seed 12", within="#gains")
    gain = first.gains[0]
    cells = texts(tab, "#gains tbody tr:first-child > *")
    assert cells[2:4] == [f"{gain.base:.4f}", f"{gain.tuned:.4f}"]


def test_pictures_of_trainings_and_labels(browser: Browser, pages: Mapping[str, str]) -> None:
    tab = browser.open(pages["finetune"])
    assert tab.evaluate("document.querySelectorAll('#training svg polyline').length") == 2
    assert tab.evaluate("document.querySelectorAll('#training svg .dot.best').length") == 2
    press(tab, "training loss", within="#training")
    assert texts(tab, "#training figcaption")[0].startswith("The training loss over training steps")
    assert tab.evaluate("document.querySelectorAll('#pairs svg rect').length") == 6
    choose(tab, "pairs", "label 2")
    assert tab.evaluate("document.querySelectorAll('#pairs svg polyline').length") == 2
    press(tab, "Worsened", within="#pairs")
    assert not tab.evaluate("document.querySelectorAll('#pairs .row .rose').length")


def test_a_grid_is_looked_at_from_all_sides(browser: Browser, pages: Mapping[str, str]) -> None:
    tab = browser.open(pages["tune"])
    cells = texts(tab, ".heat tbody td")
    assert len(cells) == 15
    assert sum(cell.startswith("★") for cell in cells) == 1
    tab.evaluate("document.querySelector('#tried .filters select').selectedIndex = 0")
    tab.evaluate("document.querySelector('#tried .filters select').dispatchEvent(new Event('change'))")
    assert texts(tab, ".heat tbody td") != cells
    choose(tab, "tried", "by 0")
    assert tab.evaluate("document.querySelectorAll('#tried svg .dot').length") == 45
    trials = browser.open(pages["trials"])
    assert trials.evaluate("document.querySelectorAll('#tried svg .course').length") == 1


@pytest.mark.parametrize("name", ["finetune", "tune", "trials"])
def test_axe_finds_no_violation_and_nothing_is_asked_for(browser: Browser, pages: Mapping[str, str], name: str) -> None:
    browser.requested.clear()
    tab = browser.open(pages[name])
    assert tab.violations(dark=False) == []
    assert browser.open(pages[name]).violations(dark=True) == []
    assert set(browser.requested) == {pages[name]}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["finetune", "tune"])
def test_no_window_is_too_narrow(
    browser: Browser, pages: Mapping[str, str], tmp_path: Path, name: str, width: int
) -> None:
    tab = browser.open(pages[name])
    tab.screenshot(tmp_path / "page.png", width=width, height=850)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if width < 1000:  # narrower than paper
        return
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def hostile(size: int, part: str) -> Any:
    return [f"{HOSTILE[at % len(HOSTILE)]} {part}{at}" for at in range(size)]


def test_hostile_texts_are_shown_and_never_obeyed(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = Queries(pd.DataFrame({"id": hostile(12, "id"), "text": hostile(12, "")}))
    monkeypatch.setattr(made, "queries", lambda _: queries)
    values = np.linspace(0, 0.5, 12)
    names = (HOSTILE[0], HOSTILE[1])
    compared = made.compare(names, made.evaluation(values), [made.evaluation(values[::-1])], queries)
    pairs = made.judged([0, 1] * 6, values, values[::-1], query=hostile(12, ""), title=hostile(12, "title"))
    tried = made.choice(*HOSTILE[:3], seeds=1)
    done = made.done(
        made.Changes((compared,), pairs, (made.curve(),)),
        dataset=HOSTILE[2],
        base=HOSTILE[0],
        notes=HOSTILE,
        choice=tried,
    )
    held = replace(
        shop.shop(), name=HOSTILE[1], queries=Queries(pd.DataFrame({"id": hostile(60, "id"), "text": hostile(60, "")}))
    )
    tuning = shop.tuned(make_grid("text", STRATEGIES["textsearch_boosted"]))
    of_tuning = tuning_files(tuning, held, engine=HOSTILE[2], taken=STRATEGIES)
    for name, files, size in (("finetune", report_files(done), 12), ("tune", of_tuning, len(tuning.split.held_out))):
        browser.requested.clear()
        tab = browser.open(written(tmp_path / f"{name}.html", files))
        press(tab, "All", within="#queries")
        shown = {text.rsplit(" ", 1)[0] for text in texts(tab, "#queries .row .text")}
        assert len(shown) > 5, name
        assert shown <= set(HOSTILE), name
        assert len(texts(tab, "#queries .row")) == min(size, 20)
        assert tab.evaluate("document.title") not in {"run", "1"}
        assert tab.evaluate("document.querySelectorAll('script').length") == 4
        assert tab.evaluate("document.querySelectorAll('img, iframe, object, embed').length") == 0
        assert len({url.split("#")[0] for url in browser.requested}) == 1
