"""`minimum_should_match`, as 8.19.5 and 9.5.2 count it."""

import pytest

from relevance.engines.embedded.bodies.minimum import normal, required


@pytest.mark.parametrize(
    ("spec", "of_clauses"),
    [
        ("2", {1: 2, 3: 2}),
        ("-1", {1: 0, 3: 2}),
        (-9, {3: 0}),
        ("75%", {1: 0, 3: 2, 5: 3, 8: 6}),
        ("-25%", {3: 3, 5: 4, 8: 6}),
        ("150%", {2: 3}),
        ("-150%", {2: 0}),
        ("67%", {3: 2}),
        ("2<75%", {1: 1, 2: 2, 3: 2, 8: 6}),
        (" 2 < 75% ", {2: 2, 3: 2}),
        ("3 < 90% 5 < -2", {3: 3, 5: 4, 8: 6}),
        ("1<-1 3<49%", {1: 1, 2: 1, 3: 2, 5: 2}),
        ("+3", {5: 3}),
    ],
)
def test_clauses_that_have_to_match(spec: object, of_clauses: dict[int, int]) -> None:
    assert {clauses: required(normal(spec) or "", clauses) for clauses in of_clauses} == of_clauses


@pytest.mark.parametrize("spec", ["", "abc", "75 %", "2<", "<2", "1.5%", 2.0, True, None, "2<75%  5<50%"])
def test_what_the_server_refuses(spec: object) -> None:
    assert normal(spec) is None
