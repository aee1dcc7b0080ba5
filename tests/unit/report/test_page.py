"""The page of a session: its numbers are those of results.json, and nothing in it can get out of its place."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from helpers.snapshots import comparison as comparison_of
from helpers.snapshots import diagnosed, measured, random_measurement, session

from relevance.baseline import Measurement, Snapshot
from relevance.evaluation import JUDGED10, NDCG10
from relevance.history import Commit, Version
from relevance.report.page import html_page, script_json
from relevance.report.page.session import MOST_RANKINGS, View, history_of, session_page, session_payload

HOSTILE = (
    "</script><script>document.title = 1</script>",
    "<img src=x onerror=document.title=1>",
    "<!--<script>",
    "]]>\u2028\u2029</ScRiPt >",
    '"><svg onload=alert(1)>',
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "\x1b[2J\x00\ud800",
    "__proto__",
    "&lt;b&gt; &amp;",
)
DOCUMENT: Mapping[str, Any] = {
    "dataset": {"name": "shop"}, "strategies": {"own": {"metrics": {"nDCG@10": 0.5}}}, "comparison": [],
}  # fmt: skip


class _Page(HTMLParser):
    """The elements of a page, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002 - as the parser calls it
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["script"] and data.strip():
            self.scripts.append(data)


def payload_of(view: View, titles: Mapping[str, str] | None = None) -> dict[str, Any]:
    payload = session_payload(DOCUMENT, [view], leading=NDCG10, titles=titles or {})
    read: dict[str, Any] = json.loads(script_json(payload))
    return read


def sides(before: Measurement, now: Measurement, **answers: Any) -> View:
    old, new = session(own=before), session(own=now)
    compared = comparison_of(**(answers or {"own": "loss"}))
    return View(new, old, compared, diagnosed(old, new, **(answers or {"own": "loss"})))


def test_a_page_is_one_file_whatever_is_in_it() -> None:
    plain = _Page(html_page("session", "shop", {}))
    for one in HOSTILE:
        text = html_page("session", one, {one: [one, {"nested": one}]})
        page = _Page(text)
        assert page.tags == plain.tags, one
        assert json.loads(page.scripts[0]) == {
            one.replace("\ud800", "?"): json.loads(script_json([one, {"nested": one}]))
        }
        assert not re.search(r"[<>&\u2028\u2029]", page.scripts[0])
    assert not re.search(r"""(src|href)=["']?(https?:)?//|@import|url\(""", html_page("session", "shop", {}))


def test_the_policy_names_the_scripts_and_the_style_by_their_hashes() -> None:
    text = html_page("session", "shop", {"a": "b"})
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert len(re.findall(r"'sha256-[\w+/]{43}='", policy.replace("&#39;", "'"))) == 4


def test_scripts_that_share_a_page_declare_no_name_twice() -> None:
    room = files("relevance.report") / "page"
    scripts = {one.name: one.read_text(encoding="utf-8") for one in room.iterdir() if one.name.endswith(".js")}
    declared = {
        name: re.findall(r"^(?:const|let|function) (\w+)", text, re.MULTILINE) for name, text in scripts.items()
    }
    shared = [*declared.pop("frame.js"), *declared.pop("charts.js")]
    assert len(declared) > 4
    for name, own in declared.items():
        assert not set(own) & set(shared), name
    assert len(set(shared)) == len(shared) > 30


def test_numbers_of_queries() -> None:
    before = measured({NDCG10: [0.5, 0.25, 1.0, 0.0], JUDGED10: [1.0] * 4}, [("a", "b")] * 4)
    now = measured({NDCG10: [0.5, 0.75, 0.125, 0.0], JUDGED10: [1.0] * 4}, [("a", "b"), ("b", "a"), ("c",), ("b", "a")])
    view = payload_of(sides(before, now), {"a": "Oak table"})["views"][0]
    own = view["strategies"]["own"]
    assert own["after"] == [0.5, 0.75, 0.125, 0.0]
    assert own["before"] == {"1": 0.25, "2": 1.0}
    assert own["reranked"] == [1, 2, 3]
    assert [one["row"] for one in own["rankings"]] == [2, 1, 3, 0]
    assert own["rankings"][0] == {"row": 2, "before": [1, 2], "after": [0], "metrics": {"nDCG@10": [1.0, 0.125]}}
    assert "before" not in own["rankings"][3]


def test_explanations_of_all_queries_that_were_asked() -> None:
    before, now = measured([0.5, 0.75, 1.0]), measured([0.25, 0.5, 0.5])
    view = sides(before, now)
    assert view.diagnosis is not None
    (why,) = view.diagnosis.strategies
    told = replace(why, explained={"q3": ("title oak: 3 -> 1",), "q1": ()})
    payload = payload_of(replace(view, diagnosis=replace(view.diagnosis, strategies=(told,))))
    assert payload["views"][0]["strategies"]["own"]["reasons"] == {"2": ["title oak: 3 -> 1"], "0": []}


def test_products_stand_once_and_grades_are_theirs() -> None:
    before = measured([0.5, 0.5], [("a", "x"), ("a", "b")])
    now = measured([0.25, 0.5], [("x", "a"), ("a", "b")])
    payload = payload_of(sides(before, now), {"a": "Oak table"})
    assert sorted(payload["products"]) == [["a", "Oak table"], ["b", None], ["x", None]]
    numbers = {product: str(at) for at, (product, _) in enumerate(payload["products"])}
    assert payload["views"][0]["grades"] == {row: {numbers["a"]: 2, numbers["b"]: 0} for row in "01"}
    assert (payload["relevant_from"], payload["highest"]) == (1, 2)


def test_rankings_up_to_the_limit_and_those_that_changed_most_first() -> None:
    size = MOST_RANKINGS
    random = np.random.default_rng(1)
    values = {name: random.random(size) for name in ("calm", "first", "second")}
    changed = values | {"first": values["first"] * 0.5, "second": np.where(np.arange(size) < 9, 0.0, values["second"])}
    old, new = (session(**{name: measured(one) for name, one in side.items()}) for side in (values, changed))
    answers = {"calm": "no loss", "first": "loss", "second": "loss"}
    view = View(new, old, comparison_of(**answers), diagnosed(old, new, **answers))
    drawn = payload_of(view)["views"][0]["strategies"]
    kept = {name: [one["row"] for one in own["rankings"]] for name, own in drawn.items()}
    assert {name: len(rows) for name, rows in kept.items()} == {"calm": 0, "first": size - 9, "second": 9}
    drops = np.argsort(-(values["first"] - changed["first"]), kind="stable")
    assert kept["first"] == drops[: size - 9].tolist()
    assert set(kept["second"]) == set(range(9))
    assert len(drawn["calm"]["after"]) == size


def test_a_session_beside_nothing_has_the_rankings_of_its_worst_queries_first() -> None:
    own = measured([0.5, 0.0, 1.0], [("a",), (), ("b",)])
    view = payload_of(View(session(own=own)))["views"][0]
    assert view["baseline"] is None
    assert view["strategies"]["own"]["compared"] is False
    assert [one["row"] for one in view["strategies"]["own"]["rankings"]] == [1, 0, 2]
    assert set("".join(view["kinds"].values())) <= {"0", "1"}


def test_unjudged_hits_are_counted_by_query() -> None:
    from relevance import gate  # noqa: PLC0415 - the comparison's own hole

    before = measured([0.5] * 60, [("a", "b")] * 60)
    now = measured([0.25] * 60, [("x", "b")] * 30 + [("x", "y")] * 30)
    old, new = session(own=before), session(own=now)
    compared = gate.compare(old, new, gate.Limits(), baseline="main.json", draws=200)
    payload = payload_of(View(new, old, compared, diagnosed(old, new, own="loss")))
    assert payload["views"][0]["strategies"]["own"]["unjudged"] == "1" * 30 + "2" * 30


def test_the_largest_real_page_stays_small() -> None:
    # as many queries and strategies as Home Depot's, everything changed
    ids = [f"q{at:05}" for at in range(5_859)]
    both: list[Snapshot] = [
        session(ids, **{f"strategy_{at}": random_measurement(at + side, queries=ids) for at in range(16)})
        for side in (0, 100)
    ]
    answers: dict[str, Any] = dict.fromkeys(both[0].strategies, "loss")
    view = View(both[1], both[0], comparison_of(**answers), diagnosed(*both, **answers))
    document = {**DOCUMENT, "strategies": {name: {"metrics": {}} for name in answers}}
    page = session_page(document, [view], leading=NDCG10, titles={})
    assert len(page.encode()) < 4 * 2**20


def test_history_by_strategy_on_the_queries_of_the_newest_version() -> None:
    def version(day: int, **values: list[float]) -> Version:
        commit = Commit(f"{day}" * 40, datetime(2026, 1, day, tzinfo=UTC), f"change {day}")
        keys = np.arange(2, dtype=np.uint64)
        return Version(commit, day < 3, keys, {name: np.array(one, np.float32) for name, one in values.items()})

    versions = [
        version(1, own=[0.5, 0.5]),
        version(2, own=[0.5, 0.25], new=[0.0, 0.0]),
        version(3, own=[1.0, 0.25], new=[0.5, 1.0], newest=[1.0, 1.0]),
    ]
    found = history_of(versions)
    assert found is not None
    assert found["values"] == {"own": [0.5, 0.375, 0.625], "new": [None, 0.0, 0.75]}
    assert found["versions"][0] == {"commit": "1" * 7, "date": "2026-01-01", "subject": "change 1", "accepted": True}
    assert history_of(versions[2:]) is None
    assert history_of(()) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_json_is_no_page(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json({"a": value})
