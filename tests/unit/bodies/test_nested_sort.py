"""Sorting by numbers of nested objects, as 8.19.5 and 9.5.2 do it."""

from typing import Any

import pytest

from relevance.analysis import Analysis
from relevance.engines.embedded.bodies import BodyIndex
from relevance.errors import InputError
from relevance.schema import Schema

INDEX: dict[str, Any] = {
    "mappings": {"properties": {"offers": {"type": "nested", "properties": {"price": {"type": "double"}}}}}
}
PRICES = ([0.1, 0.2, 0.3], [0.2, 0.3, 0.1], [0.3, 0.3])


def ranked(mode: str) -> list[int]:
    documents = [{"offers": [{"price": price} for price in prices]} for prices in PRICES]
    index = BodyIndex(Schema.of(INDEX), Analysis({}), documents)
    key = {"offers.price": {"order": "asc", "mode": mode, "nested": {"path": "offers"}}}
    (answer,) = index.search([{"query": {"match_all": {}}, "sort": [key]}], hits=3)
    return answer.codes.tolist()


# 0.2 + 0.3 + 0.1 is 0.6, and 0.1 + 0.2 + 0.3 is more by its last bit
@pytest.mark.parametrize(("mode", "order"), [("sum", [1, 2, 0]), ("avg", [1, 0, 2]), ("min", [0, 1, 2])])
def test_sums_run_in_the_order_of_the_objects(mode: str, order: list[int]) -> None:
    assert ranked(mode) == order


def test_the_median_of_nested_objects_is_refused() -> None:
    with pytest.raises(InputError, match="mode = 'median' of nested objects; allowed: min, max, sum, avg"):
        ranked("median")
