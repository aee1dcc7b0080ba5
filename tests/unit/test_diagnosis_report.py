"""A diagnosis as text: what users wrote is shown and never obeyed, whatever form it takes."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

from helpers.snapshots import comparison, diagnosed, measured, snapshot

from relevance.report.diagnosis import diagnosis_failure, diagnosis_files, diagnosis_lines
from relevance.report.diagnosis.document import to_judge_csv
from relevance.report.spreadsheet import csv_text

EVIL = "=cmd|' /C calc'!A0 <script>x</script> \x1b[31m| [a](http://b)"


def _diagnosis(text: str = "oak table", title: str = "Oak table", **statuses: str):  # noqa: ANN202 - a test's own
    before = snapshot({"own": measured([0.9, 0.5], [("a", "b")] * 2)}, texts=(text, "other"))
    now = snapshot({"own": measured([0.1, 0.5], [("n", "a"), ("a", "b")])}, texts=(text, "other"))
    return diagnosed(before, now, titles={"a": title, "n": title}, **(statuses or {"own": "fail"}))


def test_text_of_the_test_that_fails() -> None:
    """Queries, the worst of them, both rankings, legs and newcomers; everything on lines of its own."""
    text = diagnosis_failure("own", [_diagnosis()])
    assert text.splitlines() == [
        "  queries by nDCG@10: 1 lost, 0 won, 1 unchanged; hits with a judgment 70% → 30%",
        "    0.9000 → 0.1000  'oak table' (q1)",
        "  first hits of 'oak table', with grades (- is not judged):",
        "        before                                          now",
        "     1  [2] Oak table                          now 2    [-] Oak table                          new",
        "     2  [0] b                                  gone     [2] Oak table                          was 1",
        "  1 new hit has no judgment; judging 1 of them could change the verdict",
    ]


def test_a_strategy_that_passes_has_no_text() -> None:
    """Nor has one that warns, whose lines are in the summary."""
    assert diagnosis_failure("own", [_diagnosis(own="warn")]) == ""
    assert diagnosis_failure("other", [_diagnosis()]) == ""
    lines = [line.text for line in diagnosis_lines(_diagnosis(own="warn"))]
    assert lines[0].endswith("worst: 'oak table'")
    assert "1 new hit has no judgment" in lines[1]


def test_the_terminal_is_not_obeyed() -> None:
    """No escape sequence and no line end of a query or a title reaches the terminal."""
    text = diagnosis_failure("own", [_diagnosis(f"{EVIL}\nsecond", f"{EVIL}\r\n")])
    assert "\x1b" not in text
    assert len(text.splitlines()) == 7
    assert "\x1b" not in "".join(line.text for line in diagnosis_lines(_diagnosis(EVIL)))


def test_the_page_is_not_obeyed() -> None:
    """HTML, links, table bars and escapes of queries and titles lose their meaning on the page."""
    page = diagnosis_files([comparison(own="fail")], [_diagnosis(EVIL, EVIL)])["diagnosis.md"]
    assert "<script>" not in page
    assert "[a](" not in page
    assert "://b" not in page.replace(r"\://", "")
    assert "\x1b" not in page
    widths = {line.replace(r"\|", "").count("|") for line in page.splitlines() if line.startswith("| 1 |")}
    assert widths == {8}


def test_the_spreadsheet_is_not_obeyed() -> None:
    """A cell that begins like a formula gets an apostrophe, in every column of text."""
    (row,) = csv.DictReader(io.StringIO(to_judge_csv([_diagnosis(EVIL, "+1")])))
    assert row["query"].startswith("'=cmd")
    assert (row["title"], row["product"], row["rank"], row["could_change_verdict"]) == ("'+1", "n", "1", "1")
    assert csv_text(("a",), [(text,) for text in ("-1", "@x", "'x", "x=1")]) == "a\n'-1\n'@x\n''x\nx=1\n"
    assert csv_text(("a", "b"), [(-1.5, None)]) == "a,b\n-1.500000,\n"


def test_to_judge_has_its_head_without_rows_and_no_row_twice() -> None:
    """Nothing to judge is a head line; what is new beside two baselines stands once."""
    assert to_judge_csv([]) == "query,product,title,rank,strategy,query_id,could_change_verdict\n"
    assert to_judge_csv([_diagnosis(), _diagnosis()]) == to_judge_csv([_diagnosis()])


def test_the_document() -> None:
    """JSON with everything; equal diagnoses give equal bytes."""
    files = diagnosis_files([comparison(own="fail")], [_diagnosis()])
    assert files == diagnosis_files([comparison(own="fail")], [_diagnosis()])
    (found,) = json.loads(files["diagnosis.json"])["baselines"]
    assert list(found) == ["baseline", "changed", "notes", "strategies"]
    (own,) = found["strategies"]
    assert own["queries"] == {"won": 0, "lost": 1, "unchanged": 1}
    assert own["lost"] == [{"query": "q1", "text": "oak table", "before": 0.9, "after": 0.1}]
    hit = {"product": "n", "title": "Oak table", "grade": None, "mark": "new", "other_rank": None}
    assert own["rankings"][0]["after"][0] == hit
    assert own["to_judge"] == {"hits": 1, "could_change_verdict": 1}


def test_nothing_worse_and_nothing_compared() -> None:
    """A comparison that passes says that there is nothing to explain; without a baseline there are no files."""
    passed = _diagnosis(own="pass")
    page = diagnosis_files([replace(comparison(own="pass"), differs=())], [passed])["diagnosis.md"]
    assert "nothing to explain" in page
    assert "Nothing else changed" in page
    assert diagnosis_files([], []) == {}
