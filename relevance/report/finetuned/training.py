"""Pictures of the training: one curve, and the band of several seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from relevance.finetune.band import band
from relevance.report.finetuned.style import BASE, QUIET, TUNED, head, picture, whole_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from relevance.finetune.record import Curve

__all__ = ["band_picture", "curve_picture"]


def curve_picture(curve: Curve) -> bytes:
    """Loss, Spearman and nDCG@10 over the steps, from before the training on, the chosen step marked."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(3, 1, sharex=True)
        steps = [step.step for step in curve.steps]
        losses = [(step.step, step.loss) for step in curve.steps if step.loss is not None]
        _line(panels[0], [step for step, _ in losses], [loss for _, loss in losses], curve)
        _line(panels[1], steps, [step.spearman for step in curve.steps], curve)
        _line(panels[2], steps, [step.ndcg for step in curve.steps], curve)
        for axes, name in zip(panels, ("mean training loss", "rank correlation\n(Spearman)", "nDCG@10"), strict=True):
            axes.set_ylabel(name)
            axes.margins(y=0.15)
        _loss_axis(panels[0], [loss for _, loss in losses])
        _steps_axis(panels[2])
        if len(steps) == 1:
            panels[2].set_xlim(steps[0] - 1, steps[0] + 1)
        _epochs(panels[0], curve)
        figure.align_ylabels(panels)
        head(figure, "Training: loss, and quality on the validation queries", panels[2], columns=3)

    return picture(draw, height=7.2)


def _line(axes: Axes, steps: list[int], values: list[float], curve: Curve) -> None:
    axes.axvline(curve.steps[curve.best].step, color=QUIET, linestyle=":", linewidth=1.5)
    axes.plot(steps, values, color=TUNED.colour, marker="o", markersize=5, label="in training", zorder=3)
    for step, value in zip(steps, values, strict=True):
        if step == curve.steps[0].step:
            axes.plot(
                step, value, "D", color=BASE.colour, markersize=8, label=f"{BASE.name}, before training", zorder=4
            )
        if step == curve.steps[curve.best].step:
            colour = TUNED.colour if curve.best else BASE.colour  # no step was better than the base model
            axes.plot(step, value, "*", color=colour, markersize=17, label="chosen step", zorder=5)


def _loss_axis(axes: Axes, losses: list[float]) -> None:
    if losses:
        axes.set_ylim(0, 1.15 * max(*losses, 1e-6))
    else:
        axes.set_yticks([])
        axes.text(0.02, 0.5, "no step was trained", transform=axes.transAxes, color=QUIET)


def _steps_axis(axes: Axes) -> None:
    axes.set_xlabel("training step (batches)")
    whole_numbers(axes)


def _epochs(axes: Axes, curve: Curve) -> None:
    """The same axis in epochs, above."""
    last = curve.steps[-1]
    if last.step and last.epoch:
        per_epoch = last.step / last.epoch
        above = axes.secondary_xaxis(
            "top", functions=(lambda step: np.asarray(step) / per_epoch, lambda epoch: np.asarray(epoch) * per_epoch)
        )
        above.set_xlabel("epoch")


def band_picture(curves: Sequence[Curve]) -> bytes:
    """Validation nDCG@10 of several seeds over the steps: each line, their mean, and the band between the extremes."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, curve in enumerate(curves):
            steps, values = [step.step for step in curve.steps], [step.ndcg for step in curve.steps]
            best = curve.steps[curve.best]
            axes.plot(
                steps, values, color=TUNED.colour, linewidth=0.9, alpha=0.7, label=None if number else "each seed"
            )
            axes.plot(
                best.step, best.ndcg, "*", color=TUNED.colour, markersize=13, label=None if number else "chosen steps"
            )
        found = band(curves)
        axes.fill_between(
            found.steps, found.low, found.high, color=TUNED.colour, alpha=0.2, linewidth=0, label="lowest to highest"
        )
        axes.plot(found.steps, found.mean, color=TUNED.colour, linewidth=2.5, label="mean of the seeds")
        before = sum(curve.steps[0].ndcg for curve in curves) / len(curves)
        axes.axhline(before, color=BASE.colour, linestyle="--", linewidth=2, label=f"{BASE.name}, before training")
        _steps_axis(axes)
        axes.set_ylabel("nDCG@10 of the validation queries")
        axes.margins(y=0.12)
        head(figure, f"Validation nDCG@10 of {len(curves)} seeds", axes, columns=3)

    return picture(draw, height=4.6)
