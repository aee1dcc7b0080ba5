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


def _catalogue(found: CatalogueFindings) -> list[tuple[str, str]]:
    products = found.products
    lacking = (
        f"{_share(found.without_description, products)} without a description, "
        f"{_share(found.without_attributes, products)} without attributes"
    )
    equal = (
        f"{_share(found.equal_titles, products)} with the title of an earlier one, "
        f"{_share(found.equal_texts, products)} with all its text"
    )
    return [("products", f"{products:,}; {lacking}"), ("equal", equal), ("attributes", f"{found.attributes:,}")]


def _judgments(found: JudgmentsFindings, products: int) -> list[tuple[str, str]]:
    least, median, most = found.per_query
    grades = ", ".join(f"{grade}: {count:,}" for grade, count in found.grades.items())
    rows = [
        ("queries", f"{found.queries:,}"),
        ("judgments", f"{found.judgments:,}, {least:,} to {most:,} a query (median {median:g})"),
        ("judged", f"{_share(found.judged_products, products)} of the products"),
        ("grades", f"{grades}; relevant from {found.relevant_from}"),
    ]
    lowest, *others = found.grades or {0: 0}
    if others and lowest >= found.relevant_from:
        which = f"grades {lowest} to {others[-1]}, relevant from {found.relevant_from}"
        remedy = f"set relevant_from in [datasets.NAME], such as {[lowest, *others][(len(others) + 1) // 2]}"
        rows.append(
            ("look at", f"every judged product counts as relevant ({which}), MRR and MAP hardly move: {remedy}")
        )
    if others and others[-1] < found.relevant_from:
        which = f"no grade reaches {found.relevant_from}, MRR and MAP are 0"
        rows.append(("look at", f"{which}: set relevant_from in [datasets.NAME], such as {others[-1]}"))
    if found.without_judgments:
        rows.append(("look at", f"{_named(found.without_judgments)} without a judgment, left out of the means"))
    if found.without_relevant:
        rows.append(("look at", f"{_named(found.without_relevant)} without a relevant product, 0 in every mean"))
    return rows


def _named(texts: Sequence[str]) -> str:
    return f"{plural(len(texts), 'query')} ({some(list(map(repr, texts)), _SHOWN)})"


def _floors(found: FloorsFindings) -> list[tuple[str, str]]:
    gated = f"{len(found.gated) or 'none'} of them gated by {found.file}"
    which = gated if found.file else "none of them gated: no file of floors"
    rows = [("strategies", f"{len(found.gated) + len(found.ungated):,}, {which}")]
    if found.ungated:
        rows.append(("look at", f"no floors: {', '.join(found.ungated)} (pytest --suggest-floors prints some)"))
    if found.other_corpus:
        rows.append(("look at", f"floors that were set for another corpus: {', '.join(found.other_corpus)}"))
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
