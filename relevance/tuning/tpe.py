"""Which combinations are tried where there are too many: optuna's tree-structured Parzen estimator.

J. Bergstra, R. Bardenet, Y. Bengio and B. Kégl, "Algorithms for Hyper-Parameter Optimization", NIPS 2011.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from relevance.tuning.space import Combination, Parameter, Space

_AT_ONCE = 8
"""Combinations that are suggested together: an engine may have to index the products for them."""


def suggest(
    space: Space, measure: Callable[[Sequence[Combination]], Sequence[float]], *, trials: int, seed: int
) -> None:
    """Let TPE choose so many combinations, today's first where the space holds it, and measure them.

    Args:
        space: what may be tried.
        measure: gives a number for each combination; more is better.
        trials: how many are chosen; some of them may be equal.
        seed: of the choice.
    """
    import optuna  # noqa: PLC0415 - half a second

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    axes = {one.name: _distribution(one) for one in space.parameters}
    todays = space.todays()
    if space.holds(todays):
        first = zip(space.parameters, todays, strict=True)
        study.enqueue_trial({one.name: value if one.any_between else one.choices.index(value) for one, value in first})
    for at in range(0, trials, _AT_ONCE):
        asked = [study.ask(axes) for _ in range(min(_AT_ONCE, trials - at))]
        numbers = measure([_combination(space, trial.params) for trial in asked])
        for trial, number in zip(asked, numbers, strict=True):
            study.tell(trial, number)


def _distribution(parameter: Parameter) -> Any:
    """Any number of a range; of a list the place: near ones are alike where the values have an order."""
    from optuna import distributions  # noqa: PLC0415 - as above

    if parameter.any_between:
        low, high = map(float, parameter.choices)
        return distributions.FloatDistribution(low, high)
    numbers = list(range(len(parameter.choices)))
    if parameter.is_number and list(parameter.choices) == sorted(parameter.choices):
        return distributions.IntDistribution(0, numbers[-1])
    return distributions.CategoricalDistribution(numbers)


def _combination(space: Space, chosen: dict[str, Any]) -> Combination:
    """What was chosen; of a range with three digits, which decide no ranking but can be read."""
    places = ((one, chosen[one.name]) for one in space.parameters)
    return tuple(float(f"{place:.3g}") if one.any_between else one.choices[place] for one, place in places)
