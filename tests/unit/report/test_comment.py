"""The comment on a pull request: its text for each verdict, its length, and what a site must not make of it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import markdown_it
import numpy as np
import pytest
from helpers import golden
from helpers.snapshots import measured, snapshot

from relevance.baseline import Acceptance, Accepted, Measurement, Snapshot, by_todays_data
from relevance.diagnosis import Diagnosis, diagnose
from relevance.evaluation import NDCG10
from relevance.gate import Comparison, Limits
from relevance.report.comment import MOST_BYTES, comment, harmless
from relevance.suite import Baseline, compare_with

QUERIES = 80
HITS = [("a", "b")] * QUERIES


def one(low: float, **others: Any) -> Measurement:
    """Of every query a value; hits are judged, so that the answer is the values'."""
    return measured(np.linspace(low, low + 0.4, QUERIES), HITS, **others)


def scattered() -> Measurement:
    """Some became better and as many worse."""
    noise = np.random.default_rng(1).normal(-0.01, 0.15, QUERIES)
    return measured(np.clip(np.linspace(0.5, 0.9, QUERIES) + noise, 0, 1).round(6), HITS)


@cache
def sides(name: str) -> tuple[Snapshot, Snapshot]:
    before: dict[str, Measurement] = {"own": one(0.5), "same": one(0.4)}
    after: Mapping[str, Mapping[str, Measurement]] = {
        "no change": before,
        "better": {**before, "own": one(0.55)},
        "worse": {**before, "own": one(0.3, definition={"text": {"title": 1}, "vectors": {}, "combine": "sum"})},
        "undecided": {**before, "own": scattered()},
    }
    if name == "40 strategies":
        names = [f"strategy_{at:02}" for at in range(40)]
        before = {name: one(0.5) for name in names}
        kinds = (one(0.3), scattered(), one(0.55), one(0.5))
        after = {name: {name: kinds[at % 4] for at, name in enumerate(names)}}
    return snapshot(before), snapshot(after[name])


@cache
def compared(name: str, baseline: str = "main.json") -> tuple[Comparison, Diagnosis]:
    before, after = sides(name)
    both = by_todays_data(before, after)
    comparison = compare_with(Baseline(baseline, before), after, Limits(), sides=both)
    return comparison, diagnose(both.before, both.now, comparison, Limits(), titles={"a": "Oak table"})


def text_of(name: str, *, failed: tuple[str, ...] = (), **changed: Any) -> str:
    comparison, diagnosis = compared(name)
    return comment("shop", [replace(comparison, **changed)], [diagnosis], leading=NDCG10, failed=failed)


@pytest.mark.parametrize("name", ["better", "worse", "undecided", "no change", "40 strategies"])
def test_the_text_for_each_verdict(name: str) -> None:
    golden.check(f"comment-{name.replace(' ', '-')}.md", text_of(name))


def test_no_change_is_one_line_behind_the_mark_unless_there_is_news() -> None:
    mark, line = text_of("no change").splitlines()
    assert mark == "<!-- relevance shop -->"
    assert line == "✅ **relevance: shop**: no changes: 2 strategies on 80 queries, beside `main.json`."
    for news in ({"problems": ("own: gone",)}, {"alarms": ("gate: looser",)}, {"proposed": (ENTRY,)}):
        assert text_of("no change", **news).count("\n") > 2, news
    assert text_of("no change", failed=("own: below its floor",)).splitlines()[1:4] == [
        "### ❌ relevance: shop: failed",
        "",
        "- ❌ own: below its floor",
    ]
    accepted = text_of("no change", accepted=(ENTRY,))
    assert accepted.count("\n") == 2, "it is not of this pull request"
    assert "no changes: 2 strategies" in accepted
    assert "In force: accepted on 2026-11-28 by Ada: own (loss, nDCG@10 0.7000 → 0.5000)" in accepted
    assert ": package numpy 2.0 -" in text_of("no change", differs=("package numpy 2.0 -> 2.1",)).splitlines()[1]


ENTRY = Acceptance(
    "2026-11-28T18:30:00Z",
    "Ada",
    "ids @all #1",
    "nDCG@10",
    "",
    {"own": Accepted("loss", True, 0.7, 0.5, "1" * 64)},  # noqa: FBT003
)


def test_what_a_pull_request_accepts_of_itself_is_said_and_changes_nothing() -> None:
    text = text_of("worse", proposed=(ENTRY,))
    (line,) = [one for one in text.splitlines() if "proposed" in one]
    assert line.startswith("- proposed on 2026-11-28 by Ada: own (loss, nDCG@10 0.7000 → 0.5000): ")
    assert line.endswith("; without effect beside main.json until it is merged")
    assert text.splitlines()[1] == "### ❌ relevance: shop: loss"


def test_without_a_baseline_that_is_said() -> None:
    mark, heading = comment("shop", [], [], leading=NDCG10).splitlines()
    assert (mark, heading) == ("<!-- relevance shop -->", "### ❔ relevance: shop: compared with no baseline")
    failed = comment("shop", [], [], leading=NDCG10, failed=["no baseline at x"])
    assert "❌ relevance: shop: failed, and compared with no baseline\n\n- ❌ no baseline at x\n" in failed


@pytest.mark.parametrize(
    ("dataset", "name"),
    [("my-shop", "my-shop"), ("myshop", "myshop"), ("shop 2.1", "shop-2.1"), ("a--><b", "a-b"), ("магазин", "магазин")],
)
def test_each_data_set_has_a_mark_of_its_own(dataset: str, name: str) -> None:
    assert comment(dataset, [], [], leading=NDCG10).splitlines()[0] == f"<!-- relevance {name} -->"


EVIL = (
    '@all @10 é@5 see #12, o/r#3, GH-4, !5, ~bug ~"a b", %7, &8, $9 '
    "<img src=x onerror=alert(1)> [a](//b) | `x` https://e.e\n/close"
)
ALIVE = r"(?<![A-Za-z0-9_&`])@\w|(?<!&)#\d|GH-\d|[!%~][\"\w]|&amp;\d|&#36;\d|<img|\[a\]\(|(?m:^\s*/)"


def test_a_site_makes_nothing_of_what_data_say() -> None:
    before, after = (replace(side, texts=(EVIL,) * QUERIES) for side in sides("worse"))
    both = by_todays_data(before, after)
    comparison = compare_with(Baseline(EVIL, before), after, Limits(), sides=both)
    proposed = (replace(ENTRY, reason=EVIL, by=EVIL),)
    comparison = replace(comparison, problems=(EVIL,), alarms=(EVIL,), differs=(EVIL,), proposed=proposed)
    diagnosis = diagnose(both.before, both.now, comparison, Limits())
    text = comment(f"{EVIL}-->", [comparison], [diagnosis], leading=NDCG10, failed=[EVIL])
    assert re.fullmatch(r"<!-- relevance (?!.*--.*-->)[\w.-]{10,60} -->", text.splitlines()[0])
    assert len(re.findall(ALIVE, f"{EVIL} &amp;8 &#36;9")) == 15, "what is looked for is there"
    assert re.findall(ALIVE, text.partition("\n")[2]) == []
    html = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert not re.findall("<(img|a|script)\\b", html)
    assert "onerror" in html
    rows = [line.replace(r"\|", "") for line in text.splitlines() if line.startswith("| @")]
    assert {row.count("|") for row in rows} == {4}


def test_where_a_machine_keeps_the_baseline_is_not_said() -> None:
    comparison, diagnosis = compared("worse", "/home/runner/_temp/main-baseline")
    text = comment("shop", [comparison], [diagnosis], leading=NDCG10)
    assert ("beside `main-baseline` on 80" in text, "/home" in text) == (True, False)


def test_what_is_no_reference_stays() -> None:
    for text in ("nDCG@10 fell by 27.0%", "### ✅ 5 of 7", "a &lt; b", "`own` 50 % (x)", "<!-- x -->"):
        assert harmless(text) == text


def test_it_is_shorter_than_a_site_takes_whatever_it_says() -> None:
    comparison, diagnosis = compared("40 strategies")
    long = "é" * 5_000
    lost = tuple(replace(each, text=long, query=long) for each in diagnosis.strategies[0].lost)
    whys = tuple(replace(each, lost=lost, won=lost) for each in diagnosis.strategies)
    findings = tuple(replace(each, reasons=(long, long)) for each in comparison.findings)
    comparison = replace(
        comparison, baseline=long, findings=findings, problems=(long,) * 99, alarms=(long,) * 99, differs=(long,) * 999
    )
    diagnoses = [replace(diagnosis, strategies=whys)] * 9
    text = comment(long, [comparison] * 9, diagnoses, leading=NDCG10, failed=[long] * 99)
    assert len(text.encode()) <= MOST_BYTES
    assert "strategy_00" in text
    assert text.count("<details>") == text.count("</details>")
