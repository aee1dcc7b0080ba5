"""What the page of a fine-tuning holds: gains, trainings, recipes, queries and judged pairs, as in the CSV files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from relevance.finetune.changes import LEVEL, label_correlations, label_groups
from relevance.report.page import html_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    import pandas as pd

    from relevance.finetune.changes import Comparison, Gain
    from relevance.finetune.choosing import Choice, Difference, Tried
    from relevance.finetune.recipe import Curve

    _Floats = npt.NDArray[np.float64]

WHISKERS = (0.05, 0.95)
"""The shares of similarities below the two whiskers of a box."""

MOST_PAIRS = 200
"""So many judged pairs a page shows that improved, and as many that worsened."""

_BOX = (WHISKERS[0], 0.25, 0.5, 0.75, WHISKERS[1])
_BINS = 40
_DIGITS = 12  # so that four and six decimals are those of the other files


def finetuned_page(title: str, payload: Mapping[str, Any]) -> str:
    """Give the page; `finetuned.js` says what the payload holds."""
    return html_page("finetuned", title, payload)


def comparisons_of(comparisons: Sequence[Comparison], seeds: Sequence[int]) -> dict[str, Any]:
    """The gains of strategies, and their queries: id and text once, nDCG by comparison."""
    rows = {one.query: at for at, one in enumerate(comparisons[0].queries)} if comparisons else {}
    return {
        "level": LEVEL,
        "seeds": seeds,
        "queries": [(one.query, one.text) for one in comparisons[0].queries] if comparisons else [],
        "comparisons": [_comparison(one, rows) for one in comparisons],
    }


def _comparison(one: Comparison, rows: Mapping[str, int]) -> dict[str, Any]:
    return {
        "base": one.base,
        "tuned": one.tuned,
        "gains": [_gain(gain) for gain in one.gains],
        "seeds": [_gain(gain) for gain in one.seeds],
        "over_seeds": _gain(one.over_seeds),
        "condensed": _gain(one.condensed),
        "judged": _gain(one.judged),
        # from the largest gain to the largest loss
        "queries": [(rows[row.query], *map(_rounded, (row.before, row.after, row.change))) for row in one.queries],
    }


def _gain(gain: Gain) -> dict[str, Any]:
    return {
        "metric": str(gain.metric),
        "base": _rounded(gain.base),
        "tuned": _rounded(gain.tuned),
        "difference": _rounded(gain.difference),
        "interval": _ends(gain.interval),
        "verdict": gain.verdict,
    }


def curves_of(curves: Sequence[Curve], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """The trainings; `best` is the evaluation that was kept."""
    return [
        {
            "seed": seed,
            "best": curve.best,
            "seconds": curve.seconds,
            "stopped_early": curve.stopped_early,
            "steps": [
                {
                    "step": one.step,
                    "epoch": float(one.epoch),
                    **{name: _rounded(getattr(one, name)) for name in ("loss", "pearson", "spearman", "ndcg")},
                }
                for one in curve.steps
            ],
        }
        for seed, curve in zip(seeds, curves, strict=True)
    ]


def recipes_of(choice: Choice, lines: Sequence[str]) -> dict[str, Any]:
    """Recipes that were compared, in the order in which they were typed; `lines` say which of them wins."""
    ties = {one.name for one in choice.ties}
    return {
        "base": _rounded(float(choice.base.mean())),
        "queries": len(choice.base),
        "lines": lines,
        "tried": [
            _tried(one, choice.to_first(one), {"wins": one is choice.winner, "ties": one.name in ties})
            for one in choice.tried
        ],
    }


def _tried(one: Tried, to_first: Difference, place: Mapping[str, bool]) -> dict[str, Any]:
    return {
        "name": one.name,
        "mean": _rounded(one.quality.mean),
        "interval": _ends(one.quality.interval),
        "band": _ends(one.band),
        "to_first": {"mean": _rounded(to_first.mean), "interval": _ends(to_first.interval)},
        "seconds": one.seconds,
        "parts": one.parts,
        "memory_bytes": one.memory_bytes,
        "steps": one.steps,
        **place,
    }


def pairs_of(pairs: pd.DataFrame) -> dict[str, Any] | None:
    """Similarity by label, and the pairs that changed most; None where there are none."""
    if not len(pairs):
        return None
    both = pairs[["cosine_before", "cosine_after"]].to_numpy()
    edges = np.linspace(both.min(), both.max() if np.ptp(both) else both.min() + 1, _BINS + 1)
    improved, worsened = pairs[pairs["gain"] > 0], pairs[pairs["gain"] < 0][::-1]
    return {
        "number": len(pairs),
        "whiskers": WHISKERS,
        "improved": len(improved),
        "worsened": len(worsened),
        "correlations": [_rounded(one) for one in label_correlations(pairs)],
        "edges": _list(edges),
        "groups": [
            {
                "name": group.name,
                "kind": group.kind,
                "number": len(group.base),
                "before": _list(np.quantile(group.base, _BOX)),
                "after": _list(np.quantile(group.tuned, _BOX)),
                "shares_before": _shares(group.base, edges),
                "shares_after": _shares(group.tuned, edges),
            }
            for group in label_groups(pairs)
        ],
        "shown": [_pair(row) for part in (improved, worsened) for row in part[:MOST_PAIRS].itertuples()],
    }


def _shares(values: _Floats, edges: _Floats) -> list[float]:
    """Which share of values lies between each two edges."""
    return _list(np.histogram(values, edges)[0] / len(values))


def _pair(row: Any) -> tuple[Any, ...]:
    numbers = (row.cosine_before, row.cosine_after, row.standing_before, row.standing_after, row.gain)
    return (row.query, row.product, row.title, float(row.label), bool(row.relevant), *map(_rounded, numbers))


def _list(values: _Floats) -> list[float]:
    found: list[float] = values.round(_DIGITS).tolist()
    return found


def _ends(interval: tuple[float, float] | None) -> tuple[float, ...] | None:
    return None if interval is None else tuple(round(end, _DIGITS) for end in interval)


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), _DIGITS)
