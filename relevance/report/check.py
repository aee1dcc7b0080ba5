"""What a check found, for a person at a terminal. Data in, lines out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relevance.text import duration, plural, some

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relevance.check import CatalogueFindings, Findings, FloorsFindings, JudgmentsFindings, TextsToEmbed

_SHOWN = 5
_ONE_PERCENT = 0.01
_GIB = 2**30


def findings_lines(findings: Findings) -> list[str]:
    """A line a fact, its subject in front."""
    place = f": {findings.place}" if findings.place else ""
    rows: list[tuple[str, str]] = []
    if findings.catalogue is not None:
        rows += _catalogue(findings.catalogue)
    if findings.judgments is not None:
        rows += _judgments(findings.judgments, findings.catalogue.products if findings.catalogue else 0)
    if findings.floors is not None:
        rows += _floors(findings.floors)
    rows += [("engine", line) for line in (findings.engine, findings.hint) if line]
    rows += _texts(findings.texts)
    if findings.search_seconds:
        measuring = "to measure the strategies on the embedded engine, in four rounds each"
        rows.append(("time", f"about {duration(findings.search_seconds)} {measuring}"))
    if findings.memory is not None:
        rows.append(("memory", f"about {findings.memory / _GIB:.1f} GiB at most"))
    rows += [("note", note) for note in findings.notes]
    width = max((len(subject) for subject, _ in rows), default=0)
    return [f"{findings.name}{place}", *(f"  {subject.ljust(width)}  {text}" for subject, text in rows)]


def _share(part: int, whole: int) -> str:
    if not part:
        return "none"
    share = part / whole
    return f"{part:,} ({'<1%' if share < _ONE_PERCENT else f'{share:.0%}'})"


def _catalogue(findings: CatalogueFindings) -> list[tuple[str, str]]:
    products = findings.products
    lacking = (
        f"{_share(findings.without_description, products)} without a description, "
        f"{_share(findings.without_attributes, products)} without attributes"
    )
    equal = (
        f"{_share(findings.equal_titles, products)} with the title of an earlier one, "
        f"{_share(findings.equal_texts, products)} with all its text"
    )
    return [("products", f"{products:,}; {lacking}"), ("equal", equal), ("attributes", f"{findings.attributes:,}")]


def _judgments(findings: JudgmentsFindings, products: int) -> list[tuple[str, str]]:
    least, median, most = findings.per_query
    grades = ", ".join(f"{grade}: {count:,}" for grade, count in findings.grades.items())
    rows = [
        ("queries", f"{findings.queries:,}"),
        ("judgments", f"{findings.judgments:,}, {least:,} to {most:,} a query (median {median:g})"),
        ("judged", f"{_share(findings.judged_products, products)} of the products"),
        ("grades", f"{grades}; relevant from {findings.relevant_from}"),
    ]
    lowest, *others = findings.grades or {0: 0}
    if others and lowest >= findings.relevant_from:
        which = f"grades {lowest} to {others[-1]}, relevant from {findings.relevant_from}"
        remedy = f"set relevant_from in [datasets.NAME], such as {[lowest, *others][(len(others) + 1) // 2]}"
        rows.append(
            ("look at", f"every judged product counts as relevant ({which}), MRR and MAP hardly move: {remedy}")
        )
    if others and others[-1] < findings.relevant_from:
        which = f"no grade reaches {findings.relevant_from}, MRR and MAP are 0"
        rows.append(("look at", f"{which}: set relevant_from in [datasets.NAME], such as {others[-1]}"))
    if findings.without_judgments:
        rows.append(("look at", f"{_named(findings.without_judgments)} without a judgment, left out of the means"))
    if findings.without_relevant:
        rows.append(("look at", f"{_named(findings.without_relevant)} without a relevant product, 0 in every mean"))
    return rows


def _named(texts: Sequence[str]) -> str:
    return f"{plural(len(texts), 'query')} ({some(list(map(repr, texts)), _SHOWN)})"


def _floors(findings: FloorsFindings) -> list[tuple[str, str]]:
    gated = f"{len(findings.gated) or 'none'} of them gated by {findings.file}"
    which = gated if findings.file else "none of them gated: no file of floors"
    rows = [("strategies", f"{len(findings.gated) + len(findings.ungated):,}, {which}")]
    if findings.ungated:
        rows.append(("look at", f"no floors: {', '.join(findings.ungated)} (pytest --suggest-floors prints some)"))
    if findings.other_corpus:
        rows.append(("look at", f"floors that were set for another corpus: {', '.join(findings.other_corpus)}"))
    return rows


def _texts(texts: Sequence[TextsToEmbed]) -> list[tuple[str, str]]:
    rows = []
    for one in texts:
        cut = f"{'' if one.exact else 'about '}{one.cut:,} cut at {one.max_tokens:,} tokens"
        cached = "all in the cache" if not one.missing else f"{one.missing:,} not in the cache"
        rows.append(("embedded", f"{one.model}, {one.field}: {plural(one.texts, 'text')}, {cut}; {cached}"))
    missing, seconds = sum(one.missing for one in texts), sum(one.seconds for one in texts)
    if missing:
        rate = f"{missing / seconds:,.0f} texts a second, assumed for two CPU cores"
        rows.append(("time", f"about {duration(seconds)} to embed {plural(missing, 'text')} at {rate}"))
    return rows
