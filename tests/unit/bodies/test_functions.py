"""Factors of `function_score`; the figures of modifiers and decays are those of both releases."""

from dataclasses import dataclass

import numpy as np
import pytest

from relevance.engines.embedded.bodies.functions import (
    BOOST_MODES,
    Applied,
    Decay,
    FieldValue,
    Function,
    UnusableFactorError,
    combined,
    factor,
)

MOST = np.finfo(np.float32).max
ALL = np.array([0, 1, 2])


@dataclass
class Column:
    """Values of documents, as an index holds them."""

    documents: list[list[float]]

    @property
    def values(self) -> np.ndarray:
        return np.array([value for values in self.documents for value in values], dtype=np.float64)

    @property
    def starts(self) -> np.ndarray:
        return np.cumsum([0, *map(len, self.documents)])


VALUES = Column([[0.5], [3], [1000]])


def factors_of(function: Function, values: Column | None, docs: np.ndarray = ALL) -> np.ndarray:
    return function.checked(function.table(values, docs))


@pytest.mark.parametrize(
    ("modifier", "expected"),
    [
        ("none", [1.25, 7.5, 2500.0]),
        ("log", [0.0969100147485733, 0.8750612735748291, 3.397939920425415]),
        ("log1p", [0.3521825075149536, 0.9294189214706421, 3.39811372756958]),
        ("log2p", [0.5118833780288696, 0.9777235984802246, 3.398287296295166]),
        ("ln", [0.2231435477733612, 2.0149030685424805, 7.8240461349487305]),
        ("ln1p", [0.8109301924705505, 2.140066146850586, 7.824445724487305]),
        ("ln2p", [1.1786550283432007, 2.2512917518615723, 7.824845790863037]),
        ("square", [1.5625, 56.25, 6250000.0]),
        ("sqrt", [1.1180340051651, 2.7386128902435303, 50.0]),
        ("reciprocal", [0.800000011920929, 0.13333334028720856, 0.00039999998989515007]),
    ],
)
def test_modifiers(modifier: str, expected: list[float]) -> None:
    factors = factors_of(FieldValue("v", np.float32(2.5), modifier, None), VALUES)
    assert combined(np.ones(3, dtype=np.float32), factors, "multiply", MOST).tolist() == expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("gauss", [0.9969946146011353, 0.9992477893829346, 0.0]),
        ("exp", [0.9415774941444397, 0.970349133014679, 8.344927337653563e-27]),
        ("linear", [0.9649999737739563, 0.9825000166893005, 0.0]),
    ],
)
def test_decays(shape: str, expected: list[float]) -> None:
    factors = factors_of(Decay("v", shape, origin=2, scale=20, offset=0.5, decay=0.3), VALUES)
    assert combined(np.ones(3, dtype=np.float32), factors, "multiply", MOST).tolist() == expected


@pytest.mark.parametrize(("mode", "distance"), [("min", 1), ("max", 4), ("sum", 7), ("avg", 7 / 3), ("median", 2)])
def test_several_values(mode: str, distance: float) -> None:
    near = factors_of(Decay("v", "linear", origin=10, scale=5, mode=mode), Column([[6, 9, 12]]), np.array([0]))
    assert near.tolist() == pytest.approx([(10 - distance) / 10])


def test_what_has_no_value() -> None:
    some = Column([[], [4, 9], []])
    assert factors_of(Decay("v", "gauss", origin=0, scale=1), some)[0] == 1
    assert factors_of(FieldValue("v", np.float32(1), "sqrt", 25.0), some).tolist() == [5, 2, 5]
    assert factors_of(FieldValue("v", np.float32(1), "none", 7.0), None).tolist() == [7, 7, 7]
    with pytest.raises(UnusableFactorError, match="no value of 'v'"):
        factors_of(FieldValue("v", np.float32(1), "none", None), some)


def test_a_negative_factor() -> None:
    with pytest.raises(UnusableFactorError, match="negative"):
        factors_of(FieldValue("v", np.float32(1), "log", None), VALUES)


def applied(value: float, weight: float | None, where: str) -> Applied:
    flags = np.array([letter == "x" for letter in where])
    return Applied(lambda docs: np.full(docs.sum(), value), flags, None if weight is None else np.float32(weight))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("multiply", [12, 3, 1]),
        ("sum", [7, 3, 1]),
        ("avg", [7 / 3, 3, 1]),
        ("first", [4, 3, 1]),
        ("max", [4, 3, 1]),
        ("min", [3, 3, 1]),
    ],
)
def test_several_functions(mode: str, expected: list[float]) -> None:
    functions = [applied(2, 2, "x--"), applied(3, None, "xx-")]
    assert factor(functions, mode, 3).tolist() == pytest.approx(expected)


def test_weights_of_zero_alone_leave_the_score() -> None:
    assert factor([applied(2, 0, "x")], "sum", 1).tolist() == [1]
    assert factor([applied(2, 0, "x")], "multiply", 1).tolist() == [0]


def test_the_first_function_that_applies_alone_is_asked() -> None:
    asked = FieldValue("v", np.float32(1), "none", None)
    second = Applied(lambda docs: factors_of(asked, None, np.flatnonzero(docs)), np.array([True]), None)
    assert factor([Applied(lambda docs: np.ones(docs.sum()), np.array([True]), None), second], "first", 1) == [1]


@pytest.mark.parametrize(
    ("mode", "expected"), [("multiply", 6), ("replace", 3), ("sum", 5), ("avg", 2.5), ("min", 2), ("max", 3)]
)
def test_score_and_factor(mode: str, expected: float) -> None:
    assert set(BOOST_MODES) == {"multiply", "replace", "sum", "avg", "min", "max"}
    score = np.array([2], dtype=np.float32)
    assert combined(score, np.array([4.0]), mode, np.float32(3)).tolist() == [expected], "max_boost is 3"
