"""A diagnosis as text: short on the terminal, whole as a page, as JSON and as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.report.diagnosis.document import diagnosis_json, to_judge_csv
from relevance.report.diagnosis.lines import diagnosis_failure, diagnosis_lines
from relevance.report.diagnosis.page import diagnosis_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relevance.diagnosis import Diagnosis
    from relevance.gate import Comparison

__all__ = ["DIAGNOSIS_MARK", "diagnosis_failure", "diagnosis_files", "diagnosis_lines"]

DIAGNOSIS_MARK = "diagnosis.json"


def diagnosis_files(comparisons: Sequence[Comparison], diagnoses: Sequence[Diagnosis]) -> Mapping[str, str]:
    """The files of a folder of results, by name; none where nothing was compared."""
    if not diagnoses:
        return {}
    return {
        "diagnosis.md": diagnosis_page(comparisons, diagnoses),
        DIAGNOSIS_MARK: diagnosis_json(diagnoses),
        "to_judge.csv": to_judge_csv(diagnoses),
    }
