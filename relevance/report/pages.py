"""Pages in Markdown, made of the templates beside this module. Every value is escaped as it enters a page."""

from __future__ import annotations

import html
import math
import re
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from relevance.diagnosis import named
from relevance.evaluation import JUDGED10
from relevance.gate import ANSWERS, IN_TABLES, worst
from relevance.report import terminal
from relevance.text import markdown, markdown_code, plural, printable, shortened, some

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jinja2 import Environment

    from relevance.diagnosis import Diagnosis
    from relevance.finetune.changes import Gain
    from relevance.gate import Answer, Comparison, Finding
    from relevance.suite import Suite

_MOST_CHARACTERS = 80
_FLOORS = {"pass": "✅ pass", "fail": "❌ fail", "not_gated": "none"}
_HEAT: Mapping[Answer, str] = {"loss": "🟥", "likely loss": "🟧"}
_SIGNS = {answer: f"{meaning.sign} {answer}" for answer, meaning in ANSWERS.items()}


def page(template: str, **values: object) -> str:
    """Fill a template of `relevance/report/templates`, named without `.md.j2`; a value that is missing is an error."""
    text = _environment().get_template(f"{template}.md.j2").render(values)
    lines = (line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only where a page is made

    environment = Environment(
        loader=PackageLoader("relevance.report"),
        autoescape=True,
        finalize=lambda value: value if hasattr(value, "__html__") else Markup(markdown(str(value))),  # noqa: S704 - escaped
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"zip_longest": zip_longest, "in_tables": IN_TABLES}
    words = (
        *("acceptance_lines", "difference_cells", "differences_of", "kind_words", "leg_words"),
        *("answer_words", "hole_words", "moved", "queries_words", "reported_cells", "span_words", "what_happened"),
    )
    environment.filters |= {name: getattr(terminal, name) for name in words}
    environment.filters |= {"heat_map": heat_map, "named": named, "signed_answer": _signed_answer}
    environment.filters |= {"short": _short, "first_names": lambda names: some([_short(one, 60) for one in names], 10)}
    environment.filters |= {"number": _number, "plural": plural, "signed": signed, "quantile": np.quantile}
    markdowns: dict[str, Callable[..., str]] = {
        "code": markdown_code,
        "cut": lambda text: markdown(shortened(" ".join(text.split()), _MOST_CHARACTERS)) or "(empty)",
        "fenced": _fenced,
        "fixed": lambda value: "-" if value is None or not math.isfinite(value) else f"{value:.4f}",
        "gain": gain_text,
        "grade": terminal.grade,
        "html": lambda text: html.escape(printable(text)),
    }
    environment.filters |= {name: _as_markdown(function) for name, function in markdowns.items()}
    return environment


def _short(text: str, most: int = 200) -> str:
    return shortened(" ".join(text.split()), most)


def _as_markdown(function: Callable[..., str]) -> Callable[..., Markup]:
    """A filter whose text is Markdown already, and safe."""
    return lambda *arguments: Markup(function(*arguments))  # noqa: S704 - the filters escape


def _fenced(text: str, language: str = "") -> str:
    """Text as a block of code, in a fence that none of its lines can end."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _number(value: float | None, form: str, none: str = "") -> str:
    return none if value is None else format(value, form)


def signed(value: float) -> str:
    """Four decimals with a sign; what rounds to zero has a plus."""
    return f"{value:+z.4f}"


def _signed_answer(finding: Finding) -> str:
    """The answer with its sign, as tables word it."""
    words = terminal.answer_words(finding)
    sign = "❌" if finding.blocks else "❔" if words == "not judged" else ANSWERS[finding.answer].sign
    return f"{sign} {words}"


@dataclass(frozen=True)
class HeatMap:
    """Strategies by kinds of queries; a cell is "" where the gate has not judged that kind.

    Attributes:
        kinds: with the number of queries of each.
        rows: by strategy the cells: of all queries, then of each kind.
    """

    measure: str
    kinds: Mapping[str, int]
    rows: Mapping[str, Sequence[str]]


def heat_map(comparison: Comparison) -> HeatMap | None:
    """How each kind of query changed in each strategy in which one did; None where no kind was judged."""
    own = [one for one in comparison.findings if one.segment]
    if not own:
        return None
    kinds = {one.segment: one.queries for one in own}
    cells = {(one.strategy, one.segment): _heat(one) for one in own}
    cells |= {
        (one.strategy, ""): _heat(one) for one in terminal.differences_of(comparison) if one.measure == own[0].measure
    }
    changed = dict.fromkeys(one.strategy for one in own if one.changed)
    rows = {name: [cells.get((name, kind), "") for kind in ("", *kinds)] for name in changed}
    return HeatMap(own[0].measure, kinds, rows) if rows else None


_VISIBLE = 0.02


def _heat(finding: Finding) -> str:
    """A square and the change as a share of the mean before, as the metric moved."""
    if finding.relative is None:
        return "⬜ from 0" if finding.changed else "⬜"
    if finding.blocks:
        square = "🟪"
    elif finding.answer in _HEAT:
        square = _HEAT[finding.answer]
    else:
        square = "🟨" if finding.relative >= _VISIBLE else "🟩" if finding.relative <= -_VISIBLE else "⬜"
    return f"{square} {(finding.after - finding.before) / finding.before:+z.1%}"


def gain_text(gain: Gain) -> str:
    """The mean difference, never without its interval."""
    if gain.interval is None:
        return "not shown: a single query has no interval"
    low, high = gain.interval
    return f"{signed(gain.difference)} [{signed(low)}, {signed(high)}]"


def job_summary(
    suite: Suite, comparisons: Sequence[Comparison], diagnoses: Sequence[Diagnosis], failed: Sequence[str]
) -> str:
    """The session for the page that a CI job shows: means, verdicts, what is worse and through which queries.

    At least one strategy was measured or refused; the diagnoses are in the comparisons' order, none where none could
    be made. `failed` is what failed that is no strategy's, a line each.
    """
    failed = (*suite.refused.values(), *failed)
    below = any(one.verdict.status == "fail" for one in suite.results.values())
    fails = bool(failed) or below or any(one.fails() for one in comparisons)
    beside = {}
    for name in suite.results:
        compared = (one for one in comparisons if any(finding.strategy == name for finding in one.findings))
        beside[name] = ", ".join(dict.fromkeys(_SIGNS[one.answer(name)] for one in compared)) or "not compared"
    ordered = map(terminal.ordered_findings, comparisons)
    parts = list(zip_longest(comparisons, ordered, diagnoses))
    summary = page(
        "summary",
        suite=suite,
        compared=parts,
        failed=failed,
        fails=fails,
        answer=worst(one.answer() for one in comparisons),
        metrics=[metric for metric in suite.plan.config.metrics.columns.values() if metric != JUDGED10],
        signs=_SIGNS,
        floors=_FLOORS,
        beside=beside,
    )
    return f"{summary}\n"


def refusal_summary(line: str, details: Sequence[str] = ()) -> str:
    """The same page for a session that ended before anything was compared: why, and what may help."""
    return page("refusal", line=line, details=details) + "\n"
