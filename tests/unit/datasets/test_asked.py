"""The order of judging, kept beside a data set: what is read is what was written, and damage is one line."""

from pathlib import Path

import pytest

from relevance.datasets import asked
from relevance.datasets.asked import ASKED, Orders, Row, comparison_key
from relevance.errors import InputError

KEY = "0123456789abcdef"
ROWS = (
    Row("q1", "p1", "A", 0.1 + 0.2, 1e-12, None, 1),
    Row("=q2", 'p "2",\n', "B", 1 / 3, 0.7, 10, 2),
)
HEAD = "comparison,strategy,query,product,cell,w,u,rank_before,rank_after\n"
LINE = f"{KEY},s,q,p,A,0.5,0.5,,1\n"


def written(path: Path, *keys: str) -> Path:
    orders = Orders(path)
    for key in keys:
        orders.keep(key, "text", ROWS)
    assert not orders.write()
    return path


def test_an_order_is_what_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / ASKED, KEY)
    orders = Orders(path)
    assert orders.of(KEY) == ROWS
    assert orders.of("f" * 16) is None
    # what is there is not replaced, and nothing is written for it
    before = path.stat()
    orders.keep(KEY, "text", ROWS[:1])
    assert (orders.of(KEY), orders.write(), path.stat()) == (ROWS, "", before)


def test_a_comparison_without_rows_makes_no_file(tmp_path: Path) -> None:
    orders = Orders(tmp_path / ASKED)
    orders.keep(KEY, "text", ())
    assert (orders.write(), list(tmp_path.iterdir())) == ("", [])


def test_the_same_hits_are_the_same_comparison() -> None:
    key = comparison_key(["q"], [["a", "b"]], [("b",)])
    assert key == comparison_key(("q",), [("a", "b")], [["b"]])
    others = [(["q"], [["a"]], [["b"]]), (["q"], [["a", "b"]], [["b", "c"]]), (["r"], [["a", "b"]], [["b"]])]
    assert key not in [comparison_key(*other) for other in others]


def test_what_was_asked_for_last_keeps_its_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f"{number:016x}" for number in range(3)]
    path = written(tmp_path / ASKED, *keys)
    monkeypatch.setattr(asked, "MOST", 3 * len(ROWS))
    orders = Orders(path)
    for key in (keys[0], "f" * 16):
        orders.keep(key, "text", ROWS)
    assert not orders.write()
    kept = Orders(path)
    assert [kept.of(key) is not None for key in (*keys, "f" * 16)] == [True, False, True, True]


def test_two_sessions_at_once_keep_the_orders_of_both(tmp_path: Path) -> None:
    first, second = (Orders(tmp_path / ASKED) for _ in range(2))
    for orders, key, rows in ((first, KEY, ROWS), (second, KEY, ROWS[::-1]), (second, "f" * 16, ROWS[:1])):
        orders.keep(key, "text", rows)
    assert (first.write(), second.write()) == ("", "")
    kept = Orders(tmp_path / ASKED)
    assert (kept.of(KEY), kept.of("f" * 16)) == (ROWS, ROWS[:1]), "what was asked for first stays as it was"


def test_a_file_that_was_damaged_meanwhile_is_left(tmp_path: Path) -> None:
    orders = Orders(tmp_path / ASKED)
    orders.keep(KEY, "text", ROWS)
    (tmp_path / ASKED).write_text("<<<<<<< HEAD\n")
    assert orders.write().startswith("the order of judging is not kept: ")
    assert (tmp_path / ASKED).read_text() == "<<<<<<< HEAD\n"


def test_a_long_order_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "MOST_OF_ONE", 1)
    assert Orders(written(tmp_path / ASKED, KEY)).of(KEY) == ROWS[:1]


def test_where_nothing_can_be_written_a_line_says_so(tmp_path: Path) -> None:
    nowhere = Orders()
    nowhere.keep(KEY, "text", ROWS)
    assert nowhere.write() == "the order of judging is not kept: the data set has no folder to keep it in"
    path = tmp_path / "gone" / ASKED
    orders = Orders(path)
    orders.keep(KEY, "text", ROWS)
    assert orders.write() == f"the order of judging is not kept: {path}: not written: No such file or directory"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a,b\n", "line 1: other columns than comparison, strategy"),
        (f"{HEAD}x\n", "line 2: 1 cells where 9 are expected"),
        (HEAD + LINE.replace(KEY, "key"), "line 2: comparison = 'key'"),
        (HEAD + LINE.replace(",A,", ",C,"), "line 2: cell = 'C'"),
        (HEAD + LINE.replace("0.5,0.5", "0.5,nan"), "line 2: u = 'nan'"),
        (HEAD + LINE.replace("0.5,0.5", "-1,0.5"), "line 2: w = '-1'"),
        (HEAD + LINE.replace(",,1", ",,x"), "line 2: rank_after = 'x'"),
        (HEAD + LINE * 2, "line 3: query 'q' and product 'p' stand twice"),
    ],
)
def test_a_damaged_file_is_one_line_with_a_way_out(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / ASKED
    path.write_text(content)
    with pytest.raises(InputError) as error:
        Orders(path)
    way_out = "allowed: the file as relevance wrote it; without it the order of judging begins anew"
    assert str(error.value).startswith(f"{path}, {problem}")
    assert str(error.value).endswith(way_out)
    assert "\n" not in str(error.value)


def test_a_file_with_more_than_is_ever_kept_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ASKED
    path.write_text(HEAD + "".join(LINE.replace(",q,", f",q{number},") for number in range(5)))
    monkeypatch.setattr(asked, "MOST", 2)
    with pytest.raises(InputError, match="line 6: more rows than are ever kept"):
        Orders(path)
