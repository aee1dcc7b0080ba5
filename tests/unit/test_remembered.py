"""A table that begins anew when it is full."""

from relevance.remembered import Remembered


def test_all_go_before_one_more_comes() -> None:
    table = Remembered[str, int](2)
    table["a"], table["b"] = 1, 2
    table["b"] = 3  # it is there: nothing has to go
    assert table == {"a": 1, "b": 3}
    table["c"] = 4
    assert table == {"c": 4}
    table.update({"d": 5, "e": 6})  # as if they came one by one
    assert table == {"e": 6}
