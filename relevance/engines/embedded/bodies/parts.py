"""The parts of a search body around its query: what is cut, rescored, sorted and collapsed."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from relevance.dates import check_format
from relevance.engines.embedded.bodies.arrange import (
    DEFAULT_WINDOW,
    MOST_IN_WINDOW,
    RESCORE_MODES,
    Key,
    Rescoring,
    by_score,
    collapsed,
    order,
    rescored,
)
from relevance.engines.embedded.bodies.clauses import Clause, parse
from relevance.engines.embedded.bodies.fields import NumberIndex, TermIndex
from relevance.engines.embedded.bodies.functions import VALUE_MODES, chosen
from relevance.engines.embedded.bodies.hits import ONE, Floats, Hits, Ints
from relevance.engines.embedded.bodies.knn import knn_sections, note_frequencies
from relevance.engines.embedded.bodies.lanes import in_lanes
from relevance.engines.embedded.bodies.nodes import Bool, MatchAll, Node, rewrite
from relevance.engines.embedded.bodies.options import (
    Options,
    anything,
    choice,
    flag,
    name,
    single,
    single_precision,
    text,
    whole,
)
from relevance.engines.embedded.rows import offsets_of
from relevance.errors import InputError, NotInterpretedError, unknown
from relevance.schema import TYPES
from relevance.values import decimal_of, in_range, is_whole, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relevance.engines.embedded.bodies.functions import Values
    from relevance.engines.embedded.bodies.levels import Level, Levels
    from relevance.engines.embedded.bodies.nodes import Explanation
    from relevance.schema import Field

_PARTS = ("query", "knn", "post_filter", "min_score", "rescore", "sort", "collapse", "from")
_HITS_OF_GROUP = 8  # that are looked at for each group that is wanted, before there are found to be too few
_SWITCHES = ("track_scores", "version", "seq_no_primary_term", "explain", "profile")
_WITHOUT_EFFECT = (
    *_SWITCHES,
    *("size", "_source", "fields", "stored_fields", "docvalue_fields", "script_fields", "track_total_hits"),
    *("timeout", "highlight", "aggs", "aggregations", "suggest", "stats", "ext"),
)
"""Parts of a body that change nothing of which products are found, in what order and with what scores."""

_NOT_INTERPRETED = (
    *("retriever", "rank", "search_after", "pit", "slice", "indices_boost", "runtime_mappings", "terminate_after"),
)
_MOST_FROM = 10_000
_INNER_HITS: Options = {
    "name": (anything, None),
    "size": (whole, 3),
    "from": (whole, 0),
    **dict.fromkeys(("sort", "_source", "fields", "highlight", "collapse", "explain", "version"), (anything, None)),
    **dict.fromkeys(("stored_fields", "docvalue_fields", "script_fields", "track_scores"), (anything, None)),
    **dict.fromkeys(("seq_no_primary_term", "ignore_unmapped"), (anything, None)),
}


@dataclass(frozen=True)
class Rescore:
    """A second query for the best hits."""

    node: Node
    window: int
    query_weight: np.float32
    rescore_weight: np.float32
    mode: str


@dataclass(frozen=True)
class SortBy:
    """A field that hits are sorted by; `_score` and `_doc` are such too.

    Attributes:
        nested: the path of the nested objects that hold the values; "": the products themselves.
        filter: of these objects; None: all.
    """

    path: str
    descending: bool
    mode: str = ""
    missing: Any = "_last"
    nested: str = ""
    filter: Node | None = None


class Answer(NamedTuple):
    """The best hits of a search: codes of products and their scores, the best first; and how many match."""

    codes: Ints
    scores: Floats
    total: int


@dataclass(frozen=True)
class SearchBody:
    """A search body that was read; its nodes are rewritten."""

    node: Node
    post_filter: Node | None = None
    min_score: float | None = None
    rescores: tuple[Rescore, ...] = ()
    sort: tuple[SortBy, ...] = ()
    collapse: str = ""
    skipped: int = field(default=0)

    def best(self, level: Level, hits: int) -> list[Answer]:
        """Find the best hits of each query."""
        most = hits + self.skipped
        size = max([most, *(one.window for one in self.rescores)])
        matches = self._matches(level)
        if self.collapse or self.sort:
            first = self._collapsed if self.collapse else self._first
            found = [first(level.lane, one, size) for one in level.split(matches)]
        else:
            found = level.best(matches, size)
        if self.rescores:
            found = self._scored_again(level, found, most)
        return [
            Answer(docs[self.skipped : most], scores[self.skipped : most], total)
            for (docs, scores), total in zip(found, level.counts(matches), strict=True)
        ]

    def _scored_again(self, level: Level, found: Sequence[Hits], most: int) -> list[Hits]:
        among = level.joined([np.sort(docs) for docs, _ in found])
        seconds = zip(*(level.split(one.node.hits(level, ONE, among)) for one in self.rescores), strict=True)
        settings = [(one.window, one.query_weight, one.rescore_weight, one.mode) for one in self.rescores]
        result = []
        for first, each in zip(found, seconds, strict=True):
            rescorings = [Rescoring(docs, scores, *how) for (docs, scores), how in zip(each, settings, strict=True)]
            result.append(Hits(*rescored(*first, rescorings, most)))
        return result

    @cached_property
    def in_lanes(self) -> SearchBody:
        """The same for many queries at once."""
        return replace(
            self,
            node=in_lanes(self.node),
            post_filter=in_lanes(self.post_filter),
            rescores=tuple(replace(one, node=in_lanes(one.node)) for one in self.rescores),
        )

    def explain(self, level: Level, doc: int) -> Explanation | None:
        """Say what made the score of a document; None where it does not match."""
        first = self.node.explain(level, doc, ONE) if self._matches(level).at(doc) is not None else None
        if first is None or not self.rescores:
            return first
        ((docs, scores, _),) = self.best(level, MOST_IN_WINDOW)
        at = np.flatnonzero(docs == doc)
        if not len(at):
            return first
        tree = first
        for one in self.rescores:
            tree = _rescored(tree, one, one.node.explain(level, doc, ONE))
        return {**tree, "value": float(scores[at[0]])}

    def _matches(self, level: Level) -> Hits:
        found = self.node.hits(level, ONE)
        if self.min_score is not None:
            found = _kept(found, found.scores >= np.float32(self.min_score))
        if self.post_filter is not None:
            found = _kept(found, self.post_filter.matches(level, found.docs))
        return found

    def _first(self, level: Level, found: Hits, most: int) -> Hits:
        """The first hits in their order."""
        if not self.sort:
            return Hits(*by_score(*found, most))
        places = order(found.docs, [_key(by, level, *found) for by in self.sort], most)
        return Hits(found.docs[places], found.scores[places])

    def _collapsed(self, level: Level, found: Hits, most: int) -> Hits:
        """The first hit of each of the first groups: so many hits are put in order as have enough of them."""
        groups = np.full(level.size, -1, dtype=np.int64)
        groups[found.docs] = _groups(self.collapse, level, found.docs)
        looked_at = _HITS_OF_GROUP * most
        while True:
            first = self._first(level, found, looked_at)
            places = collapsed(groups[first.docs])
            if len(places) >= most or len(first.docs) == len(found.docs):
                return _kept(first, places[:most])
            looked_at *= _HITS_OF_GROUP


def _kept(hits: Hits, which: Any) -> Hits:
    return Hits(hits.docs[which], hits.scores[which])


_SUMS = {"total": "sum of:", "multiply": "product of:", "avg": "avg of:", "max": "max of:", "min": "min of:"}
"""How a server explains the modes of a rescoring."""


def _rescored(first: Explanation, by: Rescore, second: Explanation | None) -> Explanation:
    """Both explanations as one, as a server has it."""
    parts = [(first, by.query_weight, "primaryWeight")]
    parts += [] if second is None else [(second, by.rescore_weight, "secondaryWeight")]
    weighted: list[Explanation] = [
        {
            "value": one["value"] * float(weight),
            "description": "product of:",
            "details": [one, {"value": float(weight), "description": name, "details": []}],
        }
        for one, weight, name in parts
    ]
    if second is None:
        return weighted[0]
    a, b = (one["value"] for one in weighted)
    values = {"total": a + b, "multiply": a * b, "avg": (a + b) / 2, "max": max(a, b), "min": min(a, b)}
    return {"value": values[by.mode], "description": _SUMS[by.mode], "details": weighted}


def read_body(body: Mapping[str, Any], levels: Levels, hits: int) -> SearchBody:
    """Read a search body.

    Raises:
        InputError: a part is not known or its value does not fit; the line names its place.
    """
    if levels.hits != hits:
        levels.hits = hits
        levels.parsed.clear()
    for part in body:
        if part in _NOT_INTERPRETED:
            raise NotInterpretedError(f"the part {part!r} of a search body is not interpreted by the embedded engine")
        if part not in (*_PARTS, *_WITHOUT_EFFECT):
            raise InputError(unknown("part of a search body", part, [*_PARTS, *_WITHOUT_EFFECT]))
    products = levels.level("")
    whole_body = Clause("", body, "body", levels)
    options = whole_body.options(
        {
            **dict.fromkeys(_PARTS, (anything, None)),
            "min_score": (single_precision, None),
            "from": (whole, 0),
            **dict.fromkeys(_SWITCHES, (flag, False)),
        },
        {part: value for part, value in body.items() if part in (*_PARTS, *_SWITCHES)},
    )
    for part in _PARTS:
        if part in body and body[part] is None:
            raise InputError(f"{part} = None; a value is expected")
    if options["from"] > _MOST_FROM:
        raise InputError(f"from = {options['from']:,}; allowed: up to {_MOST_FROM:,}")
    nodes = [] if options["query"] is None else [parse(options["query"], "query", levels)]
    nodes += [] if options["knn"] is None else knn_sections(options["knn"], levels, hits)
    node: Node = MatchAll() if not nodes else nodes[0] if len(nodes) == 1 else Bool(should=tuple(nodes))
    post_filter = None if options["post_filter"] is None else parse(options["post_filter"], "post_filter", levels)
    rescores = tuple(_rescores(options["rescore"], levels))
    sort = tuple(_sort(options["sort"], levels))
    collapse = "" if options["collapse"] is None else _collapse(options["collapse"], levels)
    if sort == (SortBy("_score", descending=True),):
        sort = ()
    if rescores and sort:
        raise InputError("sort beside rescore: Elasticsearch refuses both together; allowed: sort by _score alone")
    node = rewrite(node, products)
    note_frequencies([node, *(one.node for one in rescores)] if options["knn"] else [], products)
    return SearchBody(
        node,
        None if post_filter is None else rewrite(post_filter, products),
        options["min_score"],
        rescores,
        sort,
        collapse,
        options["from"],
    )


def _rescores(body: Any, levels: Levels) -> list[Rescore]:
    result = []
    for at, one in enumerate(body if isinstance(body, list) else [] if body is None else [body]):
        place = f"rescore[{at}]" if isinstance(body, list) else "rescore"
        outer = Clause("rescore", one, place, levels).options(
            {"window_size": (whole, DEFAULT_WINDOW), "query": (anything, None)}
        )
        if outer["window_size"] > MOST_IN_WINDOW:
            raise InputError(f"{place}.window_size = {outer['window_size']}; allowed: up to {MOST_IN_WINDOW:,}")
        inner = Clause("query", outer["query"], f"{place}.query", levels)
        options = inner.options(
            {
                "rescore_query": (anything, None),
                "query_weight": (single_precision, 1.0),
                "rescore_query_weight": (single_precision, 1.0),
                "score_mode": (choice(*RESCORE_MODES), "total"),
            }
        )
        node = parse(options["rescore_query"], f"{place}.query.rescore_query", levels)
        result.append(
            Rescore(
                rewrite(node, levels.level("")),
                outer["window_size"],
                np.float32(options["query_weight"]),
                np.float32(options["rescore_query_weight"]),
                options["score_mode"],
            )
        )
    return result


def _sort(body: Any, levels: Levels) -> list[SortBy]:
    keys: list[SortBy] = []
    named = list(_sorted_by(body))
    for place, path, value in named:
        settings = value if isinstance(value, Mapping) else {"order": value}
        clause = Clause("sort", settings, f"{place}.{path}", levels)
        if path in ("_score", "_doc"):
            standard = "desc" if path == "_score" else "asc"
            keys.append(SortBy(path, clause.options({"order": (choice("asc", "desc"), standard)})["order"] == "desc"))
            continue
        if path.startswith("_"):
            raise clause.refuse("not supported; allowed: fields, _score, _doc", NotInterpretedError)
        options = clause.options(
            {
                "order": (choice("asc", "desc"), "asc"),
                "missing": (_missing, "_last"),
                "mode": (choice(*VALUE_MODES), ""),
                "unmapped_type": (text, None),
                "numeric_type": (text, None),
                "format": (name, None),
                "nested": (anything, None),
            }
        )
        try:
            key = _by_field(clause, path, options)
        except InputError as error:
            raise (error if str(error).startswith(place) else clause.refuse(str(error), type(error))) from None
        keys += [] if key is None else [key]
    return keys if keys or not named else [SortBy("_doc", descending=False)]


def _sorted_by(body: Any) -> Iterator[tuple[str, str, Any]]:
    """What a `sort` names, in its order: its place, a field, and how."""
    for at, one in enumerate(body if isinstance(body, list) else [] if body is None else [body]):
        place = f"sort[{at}]" if isinstance(body, list) else "sort"
        if not isinstance(one, str | Mapping):
            raise InputError(f"{place}: a field, or an object of fields, is expected")
        yield from ((place, path, value) for path, value in ({one: {}} if isinstance(one, str) else one).items())


_NUMERIC_TYPES = ("long", "double", "date", "date_nanos")
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_STORED_IN_ORDER = ("date_nanos", "flattened", "ip", "version")
_WITHOUT_ORDER = ("text", "match_only_text", "search_as_you_type", "dense_vector")


def _missing(value: Any) -> Any:
    return None if value is None else single(value)


def _by_field(clause: Clause, path: str, options: dict[str, Any]) -> SortBy | None:
    fields = clause.levels.schema.fields
    held = fields.get(path)
    if held is None and options["unmapped_type"] is None:
        raise clause.refuse(unknown("field", path, fields))
    if held is None:
        allowed = [*(kind for kind in TYPES if kind not in _WITHOUT_ORDER), *_STORED_IN_ORDER]
        if options["unmapped_type"] not in allowed:
            raise clause.refuse(unknown("unmapped_type", options["unmapped_type"], allowed))
        return None
    nested, inner = ("", None) if options["nested"] is None else _nested(clause, options["nested"])
    if nested and options["mode"] == "median":
        raise clause.refuse(f"mode = 'median' of nested objects; allowed: {', '.join(_OF_NESTED)}")
    if held.nested != nested or not held.doc_values or not (held.is_number or held.type == "keyword"):
        kind = InputError if held.type == "text" else NotInterpretedError
        line = f"field {path!r} is a {held.type}; allowed: keywords, numbers, dates, with doc_values"
        raise clause.refuse(line, kind)
    _check_values(clause, held, options)
    missing = "_last" if options["missing"] is None else options["missing"]
    if held.is_number and missing not in ("_first", "_last"):
        missing = _number_missing(clause, held, missing)
    return SortBy(path, options["order"] == "desc", options["mode"], missing, nested, inner)


def _check_values(clause: Clause, held: Field, options: Mapping[str, Any]) -> None:
    """Refuse what is said of a field's values and does not fit them."""
    mode, form, numeric = options["mode"], options["format"], options["numeric_type"]
    if held.type == "keyword" and mode not in ("", "min", "max"):
        raise clause.refuse(f"mode = {mode!r} of keywords; allowed: min, max")
    if form is not None and held.type != "date":
        raise clause.refuse(f"format = {form!r} of a {held.kind}; allowed: of dates alone")
    if form is not None:
        check_format(form)
    if numeric is None:
        return
    if numeric.lower() not in _NUMERIC_TYPES or held.type == "keyword":
        raise clause.refuse(f"numeric_type = {numeric!r} of a {held.kind}; allowed: {', '.join(_NUMERIC_TYPES)}")
    if numeric.lower() == "date_nanos" or (numeric.lower() != "double" and not is_whole(held) and held.type != "date"):
        line = f"numeric_type = {numeric!r} of a {held.kind} is not interpreted; allowed: double"
        raise clause.refuse(line, NotInterpretedError)


def _number_missing(clause: Clause, held: Field, missing: Any) -> float:
    """What stands for numbers that are missing: of whole ones a text has to be such."""
    whole_ones = held.type in ("date", "boolean") or is_whole(held)
    if whole_ones and isinstance(missing, str) and not _WHOLE.fullmatch(missing):
        raise clause.refuse(f"missing = {missing!r} of a {held.type}; allowed: _first, _last, a whole number")
    number = decimal_of(missing, infinite=not whole_ones)
    if isinstance(missing, str) and is_whole(held) and not in_range(int(missing), held):
        raise clause.refuse(f"missing = {missing!r} is out of the range of {held.type}")
    return math.inf if math.isnan(number) else number  # above all numbers, as Java orders it


def _nested(clause: Clause, body: Any) -> tuple[str, Node | None]:
    inner = Clause("nested", body, f"{clause.place}.nested", clause.levels)
    options = inner.options({"path": (text, ""), "filter": (anything, None), "max_children": (whole, None)})
    path = options["path"]
    if path not in clause.levels.schema.nested:
        raise inner.refuse(unknown("path of nested objects", path, clause.levels.schema.nested))
    if options["max_children"] is not None:
        raise inner.refuse("max_children is not interpreted", NotInterpretedError)
    if options["filter"] is None:
        return path, None
    held = parse(options["filter"], f"{inner.place}.filter", clause.levels, path)
    return path, rewrite(held, clause.levels.level(path))


def _key(by: SortBy, level: Level, docs: Ints, scores: Floats) -> Key:
    if by.path in ("_score", "_doc"):
        return Key(
            scores if by.path == "_score" else docs, np.ones(len(docs), dtype=np.bool_), descending=by.descending
        )
    column = (level.below(by.nested) if by.nested else level).field(by.path)
    mode = by.mode or ("max" if by.descending else "min")
    values: np.ndarray[Any, Any]
    if isinstance(column, TermIndex):
        if by.nested:
            numbers, has = _one_value(_of_nested(level, by, column, mode), docs, mode)
        else:
            numbers = column.numbers_of_docs(highest=mode == "max")[docs]
            has = numbers >= 0
        values = numbers.astype(np.float64)
        stand_in = float(bisect_left(column.terms, text_of(by.missing)))
        if column.number(text_of(by.missing)) is None:
            stand_in -= 0.5
    elif isinstance(column, NumberIndex):
        values, has = _one_value(_of_nested(level, by, column, mode) if by.nested else column, docs, mode)
        stand_in = 0.0 if by.missing in ("_first", "_last") else by.missing
    else:
        return Key(docs, np.zeros(len(docs), dtype=np.bool_))
    if by.missing in ("_first", "_last"):
        return Key(values, has, descending=by.descending, missing_first=by.missing == "_first")
    values = np.where(has, values, np.asarray(stand_in))
    return Key(values, np.ones(len(docs), dtype=np.bool_), descending=by.descending)


_OF_NESTED = ("min", "max", "sum", "avg")


@dataclass
class _Grouped:
    """Values of nested objects by the product that holds these."""

    values: np.ndarray[Any, Any]
    starts: Ints


def _of_nested(level: Level, by: SortBy, column: TermIndex | NumberIndex, mode: str) -> _Grouped:
    inner = level.below(by.nested)
    fits = np.ones(inner.size, dtype=np.bool_)
    if by.filter is not None:
        fits = np.isin(inner.every, by.filter.docs(inner), assume_unique=True)
    values: np.ndarray[Any, Any]
    if isinstance(column, TermIndex):
        values, owners = column.numbers_of_docs(highest=mode == "max"), inner.every
        fits = fits & (values >= 0)
    else:
        values, owners = column.values, np.repeat(inner.every, np.diff(column.starts))
        fits = fits[owners]
    values, parents = values[fits], inner.parents(level.path)[owners[fits]]
    # sums run in the order of the objects, which is the order of the values only inside each of them
    order = np.lexsort((values, parents)) if mode in ("min", "max") else np.argsort(parents, kind="stable")
    return _Grouped(values[order], offsets_of(np.bincount(parents, minlength=level.size)))


def _one_value(column: Values, docs: Ints, mode: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    begin, end = column.starts[docs], column.starts[docs + 1]
    has = end > begin
    if mode in ("min", "max"):
        values = np.zeros(len(docs), dtype=column.values.dtype)
        values[has] = column.values[(begin if mode == "min" else end - 1)[has]]
        return values, has
    values, has = chosen(column.values.astype(np.float64), column.starts, docs, mode)
    return (np.floor(values + 0.5) if column.values.dtype == np.int64 else values), has


def _collapse(body: Any, levels: Levels) -> str:
    clause = Clause("collapse", body, "collapse", levels)
    options = clause.options(
        {"field": (text, ""), "inner_hits": (anything, None), "max_concurrent_group_searches": (whole, None)}
    )
    inner = options["inner_hits"]
    for one in () if inner is None else inner if isinstance(inner, list) else [inner]:
        hits = Clause("inner_hits", one, "collapse.inner_hits", levels)
        if not isinstance(hits.options(_INNER_HITS)["name"], str):
            raise hits.refuse("name: a text is expected")
    path = str(options["field"])
    held = levels.schema.fields.get(path)
    if held is None:
        raise clause.refuse(unknown("field", path, levels.schema.fields))
    is_group = held.type not in ("date", "boolean") and (held.is_number or held.type == "keyword")
    if held.nested or not held.doc_values or not is_group:
        raise clause.refuse(f"field {path!r} is a {held.type}; allowed: keywords and numbers, with doc_values")
    return path


def _groups(path: str, level: Level, docs: Ints) -> Ints:
    """Number the groups of some documents; -1 for those without a value."""
    column = level.field(path)
    several = f"collapse: field {path!r} has several values in a hit; allowed: one"
    if isinstance(column, TermIndex):
        numbers = column.numbers_of_docs()[docs]
        if (numbers != column.numbers_of_docs(highest=True)[docs]).any():
            raise InputError(several)
        return numbers
    if isinstance(column, NumberIndex):
        values, has = _one_value(column, docs, "min")
        if (column.starts[docs + 1] - column.starts[docs] > 1).any():
            raise InputError(several)
        _, numbers = np.unique(values, return_inverse=True)
        return np.where(has, numbers, -1)
    return np.full(len(docs), -1, dtype=np.int64)
