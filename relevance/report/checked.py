"""What `relevance check` found: lines for a terminal, a page and JSON. Data in, texts out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from relevance.check import LOOK_AT
from relevance.report.page import html_page
from relevance.text import Line, beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from relevance.check import Findings


def check_lines(findings: Findings, *, columns: int | None) -> Iterator[Line]:
    """A line a fact, its text folded beside its subject on a terminal of so many columns (None: any number)."""
    head, *lines = findings.lines
    yield Line(head, "head")
    for line, (subject, text) in zip(lines, findings.rows, strict=True):
        mark = "warn" if subject == LOOK_AT else ""
        yield from (Line(row, mark) for row in beside(line.removesuffix(text), text, columns))


def check_files(findings: Findings) -> Mapping[str, str]:
    """The page and the same as JSON, by name."""
    document: dict[str, Any] = {
        "dataset": findings.dataset,
        "state": "could not run" if findings.could_not_run else "wrong" if findings.problems else "ready",
        "checked": [
            *({"state": "error", "subject": "", "line": line} for line in findings.problems),
            *({"state": _state(subject), "subject": subject, "line": text} for subject, text in findings.rows),
        ],
    }
    return {
        "report.html": html_page("check", "What is there, and what is wrong", {"results": document}),
        "check.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n",
    }


def _state(subject: str) -> str:
    return {LOOK_AT: LOOK_AT, "note": "note"}.get(subject, "fine")
