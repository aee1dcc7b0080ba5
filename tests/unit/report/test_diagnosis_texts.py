"""A comparison and its diagnosis as text: what users wrote is shown and never obeyed, whatever form it takes."""

import csv
import io
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from helpers import golden
from helpers.snapshots import comparison, measured, snapshot

from relevance.datasets.asked import Row
from relevance.diagnosis import Diagnosis, LegChange, QueryChange, diagnose
from relevance.gate import IN_TABLES, Comparison, Finding, Limits, MetricChoice
from relevance.gate.comparing import HolesFound
from relevance.report.pages import heat_map, job_summary, refusal_summary
from relevance.report.results import comparison_properties, diagnosis_files
from relevance.report.terminal import answer_words, comparison_failure, comparison_lines, span_words

EVIL = "=cmd|' /C calc'!A0 <script>x</script> \x1b[31m| [a](http://b)"
ROWS = (Row("q1", "n", "A", 1.0, 0.5, None, 1), Row("q1", "m", "B", 1.0, 0.5, 2, None))
HOLES = {"own": HolesFound(2, 0, 1, settled=False, words="2 hits <b> were not judged", rows=ROWS, to_judge=ROWS)}
FAILED, PASSED = comparison(own="loss"), replace(comparison(own="no loss"), differs=())


def diagnosis_of(text: str = "oak table", title: str = "Oak table", answer: str = "loss") -> Diagnosis:
    before = snapshot({"own": measured([0.9, 0.5], [("a", "b")] * 2)}, texts=(text, "other"))
    now = snapshot({"own": measured([0.1, 0.5], [("n", "a"), ("a", "b")])}, texts=(text, "other"))
    compared = replace(comparison(own=answer), holes=HOLES)
    return diagnose(before, now, compared, Limits(), titles={"a": title, "n": title})


def kinds(strategy: str, *of_kind: tuple[str, Any, float]) -> tuple[Finding, ...]:
    """A finding for each kind of query; those of the kind `nothing` had 0 before."""
    return tuple(
        Finding(
            strategy,
            "nDCG@10",
            answer,
            before,
            after,
            relative=1 - after / before if before else None,
            queries=40,
            changed=7,
            adjusted_p=0.004,
            segment=kind,
            reasons=(f"fell by {abs(1 - after / 0.5):.0%}", "and sure"),
        )
        for kind, answer, after in of_kind
        for before in [0.0 if kind == "nothing" else 0.5]
    )


def everything() -> tuple[Comparison, Diagnosis]:
    """A comparison and a diagnosis with every part that there is."""
    diagnosis = diagnosis_of(title="Oak\n::error::table")
    why = replace(
        diagnosis.strategies[0],
        lost=diagnosis.strategies[0].lost * 5,
        won=(QueryChange("q1", "won <b>", 0.1, 0.2),),
        newly_empty=("x", "y|z", "", "w", "v"),
        legs=(LegChange("text", 0.5, 0.4, "textsearch", lost=True), LegChange("vector whole", None, 0.3, "")),
        legs_note="text fell most",
        segments=kinds("own", ("one word", "loss", 0.3), ("tag a|b", "no loss", 0.51), ("nothing", "no loss", 0.0)),
    )
    reasons = ("fell by 20%", "why|x", "third")
    findings = (
        Finding(
            "own",
            "MRR@10",
            "likely loss",
            0.5,
            0.4,
            relative=0.2,
            p=0.0123,
            adjusted_p=0.04,
            queries=2,
            changed=1,
            reasons=reasons,
        ),
        Finding("rrf", "nDCG@10", "no loss", 0.5, 0.6, relative=-0.2, improved=True),
        # a relative change is positive where it became worse: a run time that fell has become better
        Finding("own", "run time", "no loss", 0.0439, 0.0125, relative=-0.716),
        Finding("own", "run time", "no loss", 1.0, 3.0, relative=2.0),
        Finding("own", "AP@10", "no loss", 0.0, 0.4),
        *why.segments,
        *kinds("rrf", ("one word", "likely loss", 0.45), ("tag a|b", "no loss", 0.6)),
    )
    beside: dict[str, Any] = {
        "problems": ("compared on 1 of <b> 305 queries",),
        "effective_queries": 86.4,
        "holes": HOLES,
    }
    differs = (*FAILED.differs, f"engine.facts.{EVIL}\n::x ##vso[y]", "::set-output name=x::y")
    full = replace(
        FAILED, findings=(*FAILED.findings, *findings), differs=differs, notes=("n1 <i>", "a\x1bb\n"), **beside
    )
    return full, replace(diagnosis, strategies=(why,), notes=("a note | x",))


def test_tables_say_which_no_loss_it_is() -> None:
    plain = Finding("own", "AP@10", "no loss", 0.5, 0.48, relative=0.04, changed=3)
    others = {
        "no sure loss": plain,
        "no loss": replace(plain, at_most=0.045),
        "better": replace(plain, improved=True),
        "not judged": replace(plain, before=0.0, relative=None),
        "undecided, fails": replace(plain, answer="undecided", blocks=True),
    }
    assert {words: answer_words(one) for words, one in others.items()} == {words: words for words in others}
    assert {answer_words(replace(plain, **one)) for one in ({"changed": 0}, {"measure": "run time"})} == {"no loss"}
    assert {"better", "no sure loss", "not judged", "not gated"} == {*IN_TABLES}


def suite(**statuses: str) -> Any:
    """As much of a suite as a summary reads."""
    results = {
        name: SimpleNamespace(
            strategy=SimpleNamespace(name=name),
            evaluation=SimpleNamespace(mean=lambda _: 0.51234),
            timing=SimpleNamespace(run_time_s=1.2345) if status != "not_gated" else None,
            verdict=SimpleNamespace(status=status),
        )
        for name, status in statuses.items()
    }
    config = SimpleNamespace(metrics=MetricChoice())
    plan = SimpleNamespace(dataset=SimpleNamespace(name="shop|<x>"), config=config)
    return SimpleNamespace(plan=plan, refused={}, results=results)


def test_lines_of_a_failing_test_and_of_the_summary() -> None:
    compared, diagnosis = everything()
    warned = comparison_lines(comparison(own="likely loss"), diagnosis_of(answer="likely loss"))
    lines = [*comparison_lines(compared, diagnosis), *warned, *comparison_lines(PASSED)]
    marked = "".join(f"{line.mark or '-':<5}{line.text}\n" for line in lines)
    golden.check("comparison.txt", f"{comparison_failure('own', [compared], [diagnosis])}\n\n{marked}")


def test_every_difference_is_shown_whatever_the_answer_and_as_the_terminal_has_room() -> None:
    of_metrics = [("nDCG@10", 0.5, 0.49), ("RR@10", 0.6, 0.6123)]
    findings = tuple(
        Finding(
            name,
            metric,
            "no loss",
            before,
            after,
            relative=1 - after / before,
            interval=(-0.02, 0.0003),
            queries=300,
            changed=changed,
            improved=metric == "RR@10",
        )
        for name, changed in (("a_name_that_is_long", 9), ("same", 0))
        for metric, before, after in of_metrics
    )
    compared = Comparison("main.json", (*findings, Finding("same", "run time", "no loss", 1.0, 1.1, relative=0.1)))
    wide, narrow = (list(comparison_lines(compared, columns=columns)) for columns in (None, 80))
    words = "no sure loss"
    assert [(line.mark, line.text) for line in wide[:5]] == [
        ("good", "compared with main.json: 2 strategies × 2 metrics, no loss"),  # noqa: RUF001
        (
            "head",
            "  strategy             metric   before     now  difference  95% interval        change  changed  answer",
        ),
        (
            "",
            f"  a_name_that_is_long  nDCG@10  0.5000  0.4900     -0.0100  [-0.0200, +0.0003]   -2.0%        9  {words}",
        ),
        (
            "good",
            "  a_name_that_is_long  RR@10    0.6000  0.6123     +0.0123  [-0.0200, +0.0003]   +2.0%        9  better",
        ),
        ("", "  no query changed: same (nDCG@10 0.4900)"),
    ]
    assert [line.text for line in narrow[1:3]] == [
        "  strategy             metric   before     now  difference  answer",
        "  a_name_that_is_long  nDCG@10  0.5000  0.4900     -0.0100  no sure loss",
    ]


def test_of_very_many_differences_the_worst_are_shown() -> None:
    findings = tuple(
        Finding(
            f"s{at:02}",
            "nDCG@10",
            "loss" if at == 3 else "no loss",
            0.5,
            0.5 - at / 1000,
            relative=at / 500,
            queries=9,
            changed=1,
        )
        for at in range(90)
    )
    texts = [line.text for line in comparison_lines(Comparison("main.json", findings))]
    shown = [line.split()[0] for line in texts if line.startswith("  s") and "nDCG@10" in line]
    assert shown == ["s03", *(f"s{at:02}" for at in range(55, 90))]
    assert any(line.startswith("  and 54 more differences") for line in texts)


def test_files_of_two_baselines_one_with_nothing_to_say() -> None:
    compared, diagnosis = everything()
    for name, text in diagnosis_files([compared, PASSED], [diagnosis, diagnosis_of(answer="no loss")]).items():
        golden.check(name, text)
    assert diagnosis_files([], []) == {}


def test_the_heat_map_shows_what_became_of_each_kind_in_each_strategy() -> None:
    compared = Comparison(
        "main.json",
        (
            Finding("own", "nDCG@10", "no loss", 0.5, 0.51, relative=-0.02, changed=9, queries=90, improved=True),
            *kinds("own", ("one word", "loss", 0.365), ("digits", "likely loss", 0.4), ("nothing", "no loss", 0.1)),
            Finding("rrf", "nDCG@10", "no loss", 0.5, 0.499, relative=0.002, changed=9, queries=90),
            *kinds("rrf", ("one word", "undecided", 0.485)),
            *(replace(one, blocks=True) for one in kinds("rrf", ("digits", "undecided", 0.4))),
            *(replace(one, changed=0) for one in kinds("same", ("one word", "no loss", 0.5))),
        ),
    )
    found = heat_map(compared)
    assert found is not None
    assert found.kinds == {"one word": 40, "digits": 40, "nothing": 40}
    assert found.rows == {
        "own": ["🟩 +2.0%", "🟥 -27.0%", "🟧 -20.0%", "⬜ from 0"],
        "rrf": ["⬜ -0.2%", "🟨 -3.0%", "🟪 -20.0%", ""],
    }
    assert heat_map(FAILED) is None


def test_the_summary_of_a_job() -> None:
    compared, diagnosis = everything()
    gated = suite(own="fail", rrf="pass", other="not_gated")
    text = job_summary(gated, [compared, PASSED], [diagnosis], ["no <b>aseline"])
    text += job_summary(suite(own="pass"), [comparison(own="likely loss")], [], [])
    refused = refusal_summary("relevance.toml: unknown key <x>", ["allowed: a|b"])
    golden.check("summary.md", text + job_summary(suite(rrf="pass"), [], [], []) + refused)


def test_properties_say_which_baseline_they_are_of_where_there_are_several() -> None:
    compared, _ = everything()
    one = dict(comparison_properties("own", [compared]))
    assert [one[name] for name in ("answer", "MRR@10 before", "MRR@10 p")] == ["loss", "0.5", "0.0123"]
    assert one["answer says"].startswith("so large a loss")
    assert (one["nDCG@10 (one word) answer"], one["nDCG@10 (one word) relative"]) == ("loss", "0.4")
    assert "answer (main.json)" in dict(comparison_properties("own", [compared, compared]))


def test_an_undecided_answer_that_fails_says_so_and_what_would_settle_it() -> None:
    (own,) = comparison(own="undecided").findings
    blocking = replace(own, cause="holes", blocks=True, span=(-0.2, 0.1), reasons=("fell", "hits decide"))
    fell, rose = (
        replace(one, cause="holes", blocks=True)
        for one in kinds("own", ("one word", "undecided", 0.4), ("x", "undecided", 0.6))
    )
    compared = replace(FAILED, findings=(blocking, fell, rose), holes=HOLES)
    diagnosis = replace(diagnosis_of(answer="undecided"))
    lines = comparison_failure("own", [compared], [diagnosis]).splitlines()
    assert lines[:3] == [
        "own: undecided, which fails here ([gate] unjudged_hits), beside main.json",
        "  UNDECIDED, FAILS: nDCG@10 fell",
        "    hits decide",
    ]
    assert not [line for line in lines if "(one word)" in line]  # all of its queries fail, so does this kind
    by_kind = replace(compared, findings=(replace(blocking, blocks=False), fell, rose))
    failing = [line for line in comparison_failure("own", [by_kind], [diagnosis]).splitlines() if "FAILS" in line]
    assert failing == ["  UNDECIDED, FAILS: nDCG@10 of 40 queries (one word) fell by 20%"]
    assert lines[-1] == "  2 hits <b> were not judged (to_judge.csv, relevance judge)"
    printed = {line.text: line.mark for line in comparison_lines(compared, diagnosis)}
    assert printed["UNDECIDED, FAILS: own: nDCG@10 fell: hits decide"] == "bad"
    assert "    differences, whatever the unjudged hits are: nDCG@10 -0.2000 to +0.1000" in printed
    sampled = replace(compared, holes={"own": replace(HOLES["own"], judged=50)})
    assert (
        span_words(sampled, "own")
        == "differences, by what the judged rows say of the others: nDCG@10 -0.2000 to +0.1000"
    )
    assert "❌ undecided, fails" in job_summary(suite(own="pass"), [compared], [diagnosis], [])
    assert dict(comparison_properties("own", [compared]))["fails"] == "yes"


def test_what_metrics_share_is_said_once() -> None:
    reasons = {"nDCG@10": "as one", "AP@10": "as one", "RR@10": "by itself"}
    findings = tuple(Finding("own", name, "loss", 0.5, 0.4, reasons=("fell", why)) for name, why in reasons.items())
    lines = comparison_failure("own", [Comparison("main.json", findings)], []).splitlines()
    losses = [f"  LOSS: {name} fell" for name in reasons]
    assert lines[1:] == [*losses[:2], "    as one", losses[2], "    by itself"]


def test_a_strategy_that_does_not_fail_has_no_text() -> None:
    assert comparison_failure("own", [comparison(own="likely loss")], [diagnosis_of(answer="likely loss")]) == ""
    assert comparison_failure("other", [FAILED], [diagnosis_of()]) == ""


def test_what_is_printed_is_bounded() -> None:
    compared = replace(FAILED, differs=tuple(f"engine.facts.key{at} 1 -> 2" for at in range(200_000)))
    texts = [line.text for line in comparison_lines(compared)]
    assert len(texts) < 30
    assert texts[-1] == "  changed: and 199,980 more"
    assert len(comparison_failure("own", [compared], []).splitlines()) < 30
    assert len(job_summary(suite(own="fail"), [compared], [diagnosis_of()], [])) < 10_000


def test_page_and_spreadsheet_do_not_obey_what_they_show() -> None:
    files = diagnosis_files([FAILED] * 2, [diagnosis_of(EVIL, EVIL)] * 2)
    page = files["diagnosis.md"]
    assert not re.search(r"<script>|\[a\]\(|(?<!\\):\/\/b|\x1b", page)
    assert {line.replace(r"\|", "").count("|") for line in page.splitlines() if line.startswith("| 1 |")} == {8, 5}
    rows = list(csv.DictReader(io.StringIO(files["to_judge.csv"])))  # what is asked for beside both stands once
    assert rows[0]["query"].startswith("'=cmd")
    assert rows[0]["title"][:2] == "'="
    told = [[row[name] for name in ("product", "rank", "strategy", "query_id", "n", "needed")] for row in rows]
    assert told == [["n", "1", "own", "q1", "1", "1"], ["m", "2", "own", "q1", "2", "0"]]
