"""The studies of the gate in a short form; the long one's results are in `docs/studies`."""

from pathlib import Path

import pytest
from studies.gate import NULLS, Null, agreement, power, size, timed, visible
from studies.store import collect


@pytest.mark.parametrize("null", NULLS[:2])
@pytest.mark.parametrize("queries", [50, 150])
def test_false_alarms_are_as_rare_as_they_should_be(null: Null, queries: int) -> None:
    # symmetric nulls; 300 runs are within 3.5 standard errors of a rate at or under the nominal one
    found = size(null, queries, 2, 300)
    assert found["p<=0.05"] <= 0.05 + 0.044
    assert found["any adjusted<=0.05"] <= 0.05 + 0.044
    assert found["any adjusted<=0.01"] <= 0.01 + 0.02


def test_a_true_drop_fails_and_no_drop_does_not() -> None:
    # 1,000 queries, and one query of twenty moved by luck
    assert power(1_000, 2, 0.08, 30)["loss"] == 1
    assert size("sparse", 1_000, 2, 30)["loss"] == 0


def test_the_smallest_visible_drop_fails_four_times_of_five() -> None:
    found = visible(300, 100)  # 100 runs are within 3.5 standard errors of 80%
    assert found["loss"] == pytest.approx(0.8, abs=0.14)


def test_p_agrees_with_scipy() -> None:
    # to the last digit where all patterns are taken, within the scatter of two samples elsewhere
    found = agreement(0, 20, draws=20_000, their_draws=4_999)
    assert (found["exact"], found["sampled"]) == (10, 10)
    assert float(str(found["largest difference, exact"])) < 1e-12
    assert found["beyond 3 standard errors"] == 0


def test_time_and_memory_of_a_small_verdict_are_measured() -> None:
    assert set(timed(0, 60, 1, 100)) == {"wall_s", "processor_s", "peak_MiB"}


def test_a_study_that_was_stopped_goes_on(tmp_path: Path) -> None:
    measured = []

    def square(number: int) -> dict[str, object]:
        measured.append(number)
        return {"square": number * number}

    file = tmp_path / "study.csv"
    collect(file, [{"number": 1}, {"number": 2}], square)
    rows = collect(file, [{"number": number} for number in (1, 2, 3)], square)
    assert measured == [1, 2, 3]
    assert file.read_text() == "number,square\n1,1\n2,4\n3,9\n"
    assert [row["square"] for row in rows] == ["1", "4", "9"]
