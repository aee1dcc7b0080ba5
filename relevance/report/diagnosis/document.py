"""A diagnosis for programs: JSON, and the hits that somebody should judge as CSV."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from relevance.report.spreadsheet import csv_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.diagnosis import Diagnosis, Hit, LegChange, QueryChange, Segment, SideBySide, StrategyDiagnosis

__all__ = ["SCHEMA", "diagnosis_json", "to_judge_csv"]

SCHEMA = 1
"""Version of the layout of `diagnosis.json`."""

_DIGITS = 6


def diagnosis_json(diagnoses: Sequence[Diagnosis]) -> str:
    """All diagnoses, one a baseline; a query or a hit on one line. The hits to judge are in `to_judge.csv` alone."""
    baselines = [_diagnosis(one) for one in diagnoses]
    return _laid_out({"schema": SCHEMA, "baselines": baselines}, "") + "\n"


def _laid_out(value: object, margin: str) -> str:
    """Tables and lists of tables have a line an entry; what holds no table stands on one line."""
    inner = f"{margin}  "
    if isinstance(value, dict) and any(isinstance(one, dict | list) for one in value.values()):
        rows = [f"{inner}{json.dumps(key)}: {_laid_out(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{margin}}}"
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        return "[\n" + ",\n".join(f"{inner}{_laid_out(one, inner)}" for one in value) + f"\n{margin}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _diagnosis(found: Diagnosis) -> Mapping[str, object]:
    return {
        "baseline": found.baseline,
        "changed": list(found.differs),
        "notes": list(found.notes),
        "strategies": [_why(one, found) for one in found.strategies],
    }


def _why(why: StrategyDiagnosis, found: Diagnosis) -> Mapping[str, object]:
    own = [one.could_change_verdict for one in found.newcomers if one.strategy == why.strategy]
    return {
        "strategy": why.strategy,
        "status": why.status,
        "measures": list(why.measures),
        "metric": why.metric,
        "before": _rounded(why.before),
        "after": _rounded(why.after),
        "judged": None if why.judged is None else [_rounded(one) for one in why.judged],
        "queries": {"won": len(why.won), "lost": len(why.lost), "unchanged": why.unchanged},
        "lost": [_change(one) for one in why.lost],
        "won": [_change(one) for one in why.won],
        "newly_empty": list(why.newly_empty),
        "rankings": [_side_by_side(one) for one in why.rankings],
        "legs": [_leg(one) for one in why.legs],
        "legs_note": why.legs_note,
        "segments": [_segment(one) for one in why.segments],
        "to_judge": {"hits": len(own), "could_change_verdict": sum(own)},
    }


def _change(one: QueryChange) -> Mapping[str, object]:
    return {"query": one.query, "text": one.text, "before": _rounded(one.before), "after": _rounded(one.after)}


def _side_by_side(one: SideBySide) -> Mapping[str, object]:
    sides = {"before": [_hit(hit) for hit in one.before], "after": [_hit(hit) for hit in one.after]}
    return {"query": one.change.query, "text": one.change.text, **sides}


def _hit(hit: Hit) -> Mapping[str, object]:
    return {
        "product": hit.product,
        "title": hit.title,
        "grade": hit.grade,
        "mark": hit.mark,
        "other_rank": hit.other_rank,
    }


def _leg(leg: LegChange) -> Mapping[str, object]:
    return {
        "leg": leg.leg,
        "before": _rounded(leg.before),
        "after": _rounded(leg.after),
        "told_by": leg.source or None,
        "lost_most": leg.lost,
    }


def _segment(one: Segment) -> Mapping[str, object]:
    return {
        "segment": one.name,
        "queries": one.queries,
        "before": _rounded(one.before),
        "after": _rounded(one.after),
        "relative": _rounded(one.relative),
        "adjusted_p": _rounded(one.adjusted_p),
        "worse": one.worse,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def to_judge_csv(diagnoses: Sequence[Diagnosis]) -> str:
    """New hits without a judgment, a row each; one that is new beside several baselines stands where it is first."""
    rows: dict[tuple[str, str, str], tuple[str | int, ...]] = {}
    for diagnosis in diagnoses:
        for one in diagnosis.newcomers:
            row = (one.text, one.product, one.title or "", one.rank, one.strategy, one.query)
            rows.setdefault((one.strategy, one.query, one.product), (*row, int(one.could_change_verdict)))
    head = ("query", "product", "title", "rank", "strategy", "query_id", "could_change_verdict")
    deciding_first = sorted(rows.values(), key=lambda row: -int(row[-1]))
    return csv_text(head, deciding_first)
