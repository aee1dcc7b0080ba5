"""Changes of strategies: boosts, legs, fusion, candidates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from relevance.mutation.kind import Kind, NotApplicableError
from relevance.suite import searched_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from relevance.strategies import Strategy
    from relevance.suite import Plan

__all__ = ["KINDS", "of_strategies", "scaled"]

_GROUP = "strategies"


def of_strategies(change: Callable[[Strategy], Strategy]) -> Callable[[Plan, int], Plan]:
    """The change of each strategy of a plan; raw templates stay, a strategy may come back as it is."""

    def changed(plan: Plan, seed: int) -> Plan:  # noqa: ARG001 - nothing is drawn
        after = tuple(one if one.template is not None else change(one) for one in plan.strategies)
        if after == plan.strategies:
            raise NotApplicableError("no strategy has what is changed")
        return replace(plan, strategies=after, vector_fields=searched_fields(after))

    return changed


def _with(strategy: Strategy, part: str, boosts: Mapping[str, float]) -> Strategy:
    """The strategy with these boosts of `text` or `vectors`."""
    return replace(strategy, text=boosts) if part == "text" else replace(strategy, vectors=boosts)


def scaled(part: str, factors: Mapping[str, float]) -> Callable[[Strategy], Strategy]:
    """Each boost of `text` or `vectors` times its factor; fused vectors have none."""

    def change(strategy: Strategy) -> Strategy:
        if part == "vectors" and strategy.combine == "rrf":
            return strategy
        boosts = getattr(strategy, part)
        return _with(strategy, part, {name: boost * factors.get(name, 1.0) for name, boost in boosts.items()})

    return change


def _all_one(part: str) -> Callable[[Strategy], Strategy]:
    return lambda strategy: _with(strategy, part, dict.fromkeys(getattr(strategy, part), 1.0))


def _swapped(part: str, left: str, right: str) -> Callable[[Strategy], Strategy]:
    """The boosts of two fields change places."""

    def change(strategy: Strategy) -> Strategy:
        boosts = dict(getattr(strategy, part))
        if left not in boosts or right not in boosts:
            return strategy
        return _with(strategy, part, boosts | {left: boosts[right], right: boosts[left]})

    return change


def _without(part: str, names: tuple[str, ...]) -> Callable[[Strategy], Strategy]:
    """Fields left out where something else is left; what has only one list left fuses nothing."""

    def change(strategy: Strategy) -> Strategy:
        kept = {name: boost for name, boost in getattr(strategy, part).items() if name not in names}
        other = strategy.vectors if part == "text" else strategy.text
        if not kept and not other:
            return strategy
        lists = (1 if (kept if part == "text" else other) else 0) + len(other if part == "text" else kept)
        combine = "sum" if lists < 2 else strategy.combine  # noqa: PLR2004 - a fusion of one list is none
        return _with(replace(strategy, combine=combine), part, kept)

    return change


def _fused(**settings: object) -> Callable[[Strategy], Strategy]:
    return lambda strategy: replace(strategy, **settings) if strategy.combine == "rrf" else strategy  # type: ignore[arg-type]


def _with_candidates(number: int) -> Callable[[Strategy], Strategy]:
    return lambda strategy: replace(strategy, candidates=number) if strategy.vectors else strategy


def _kind(name: str, what: str, change: Callable[[Strategy], Strategy]) -> Kind:
    return Kind(name, _GROUP, what, of_strategies(change))


_FIELDS = ("title", "description", "attributes", "whole")

KINDS = (
    _kind("text_boosts_off", "every text field is matched with the boost 1", _all_one("text")),
    _kind(
        "text_boosts_swapped", "title and attributes have each other's boost", _swapped("text", "title", "attributes")
    ),
    _kind("title_boost_tenth", "the title's text boost is a tenth of what it was", scaled("text", {"title": 0.1})),
    _kind("title_boost_tenfold", "the title's text boost is ten times what it was", scaled("text", {"title": 10.0})),
    _kind("title_not_matched", "titles are not searched", _without("text", ("title",))),
    _kind("description_not_matched", "descriptions are not searched", _without("text", ("description",))),
    _kind("attributes_not_matched", "attributes are not searched", _without("text", ("attributes",))),
    _kind("vector_boosts_off", "every vector field has the boost 1", _all_one("vectors")),
    _kind(
        "vector_boosts_swapped",
        "the vectors of title and attributes have each other's boost",
        _swapped("vectors", "title", "attributes"),
    ),
    _kind(
        "vectors_weigh_a_tenth",
        "vector boosts are a tenth of what they were",
        scaled("vectors", dict.fromkeys(_FIELDS, 0.1)),
    ),
    _kind(
        "vectors_weigh_tenfold",
        "vector boosts are ten times what they were",
        scaled("vectors", dict.fromkeys(_FIELDS, 10.0)),
    ),
    _kind("vector_legs_gone", "strategies of text and vectors search text alone", _without("vectors", _FIELDS)),
    _kind("text_legs_gone", "strategies of text and vectors search vectors alone", _without("text", _FIELDS)),
    _kind("title_vectors_gone", "the vectors of titles are not searched", _without("vectors", ("title",))),
    _kind("fusion_constant_1", "the constant of reciprocal rank fusion is 1", _fused(k=1)),
    _kind("fusion_window_5", "five hits of each list are fused", _fused(window=5)),
    _kind("fusion_of_scores", "scores are added where ranks were fused", _fused(combine="sum")),
    _kind("candidates_10", "ten products get a vector score", _with_candidates(10)),
)
