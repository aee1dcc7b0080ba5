"""Search bodies on the embedded engine: raw templates, and strategies over a mapping of one's own."""

from __future__ import annotations

import json
from functools import cached_property, partial
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np

from relevance import bodies
from relevance.analysis import Analysis
from relevance.engines import Engine
from relevance.engines.embedded.bodies import BodyIndex
from relevance.engines.embedded.bodies.documents import read_documents, shape_of
from relevance.engines.explanation import Explanation, parts_of, read_tree
from relevance.engines.left_out import left_out
from relevance.engines.mapping import (
    USUAL_SIZE,
    body_with,
    documents,
    facts_of,
    missing_fields,
    own_paths,
    search_of,
    vector_options,
)
from relevance.errors import InputError, NotInterpretedError, StrategyError, several
from relevance.records import Ranking, no_hits
from relevance.schema import Schema
from relevance.strategies import readings_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

    from relevance.engines import QueryBatch, Request, VectorField
    from relevance.engines.embedded.bodies.documents import Documents
    from relevance.engines.embedded.engine import EmbeddedEngine
    from relevance.engines.mapping import OwnMapping
    from relevance.fields import ProductFields, Reading
    from relevance.records import Catalogue, Vectors
    from relevance.strategies import Leg, Strategy


class BodyEngine(Engine):
    """Answers each leg as a search body, as Elasticsearch of a release does.

    Args:
        catalogue: the products.
        vectors: of the products for each vector field that legs search.
        own: settings and mappings that are laid over those of the products' fields.
        release: of Elasticsearch.
        plain: answers the legs without a template; None: they are bodies too.
        shared: documents of indices that are open, which another index of the same products shares.
    """

    version = "1"

    def __init__(  # noqa: PLR0913 - what decides what is found
        self,
        catalogue: Catalogue,
        vectors: Mapping[VectorField, Vectors],
        own: OwnMapping,
        *,
        release: int,
        plain: EmbeddedEngine | None,
        shared: WeakValueDictionary[Hashable, Documents] | None = None,
    ) -> None:
        self._shared = WeakValueDictionary() if shared is None else shared
        self._catalogue, self._vectors, self._own, self._plain = catalogue, vectors, own, plain
        self._release = release
        self._paths = own_paths(vectors, catalogue.fields)
        self._forms: dict[Leg, bodies.Body] = {}
        self._last_notes: Sequence[str] = ()
        facts = {"vector_index": "flat", "release": release, **facts_of(own, catalogue.fields)}
        self.facts: Mapping[str, object] = MappingProxyType({key: fact for key, fact in facts.items() if fact})

    @cached_property
    def index(self) -> BodyIndex:
        """The index of the products."""
        body = _body_of(self._catalogue.fields, self._vectors, self._own)
        schema = Schema.of(body)
        ids = self._catalogue.ids
        key = id(ids), frozenset(self._vectors.items()), shape_of(schema)
        held = self._shared.get(key)
        if held is None:
            sources = (document for _, document in documents(self._catalogue, self._vectors))
            self._shared[key] = held = read_documents(sources, schema)
        analysis = Analysis(body["settings"], release=self._release)
        return BodyIndex(schema, analysis, held, release=self._release, ids=ids)

    def fill(self, strategies: Iterable[Strategy], *, progress: bool) -> None:
        """Index what strategies search; what these products, as those of a calibration, lack fields for is left out."""
        legs = (leg for strategy in strategies for leg in strategy.legs() if self._has_fields_of(leg))
        forms = (self._form(leg).template for leg in legs if self._plain is None or not _is_plain(leg))
        self.index.fill(forms, progress=progress)

    def _has_fields_of(self, leg: Leg) -> bool:
        vectors = {(leg.model, name) for name, _ in leg.vectors}
        return dict(leg.text).keys() <= self._paths.text.keys() and vectors <= self._paths.vectors.keys()

    def search(self, leg: Leg, batch: QueryBatch, *, hits: int) -> Ranking:
        """Answer one leg: score descending, then product id ascending; shape (queries, hits).

        A body with a sort of its own keeps its order; the scores then count the places from the end.

        Raises:
            StrategyError: a part of a template is not interpreted; the line names it.
        """
        if self._plain is not None and _is_plain(leg):
            return self._plain.search(leg, batch, hits=hits)
        form = self._form(leg)
        size = max(hits, form.template.get("size", USUAL_SIZE))
        codes, scores = no_hits(len(batch), hits)
        try:
            answers = self.index.ask(form, batch.values(leg), hits=size)
        except NotInterpretedError as error:
            raise StrategyError(f"{error}; this strategy needs --engine elasticsearch") from None
        except InputError as error:
            raise StrategyError(str(error)) from None
        for row, answer in enumerate(answers):
            kept = min(hits, len(answer.codes))
            codes[row, :kept] = answer.codes[:kept]
            scores[row, :kept] = np.arange(hits, hits - kept, -1) if form.template.get("sort") else answer.scores[:kept]
        return Ranking(codes, scores)

    def search_all(self, legs: Sequence[Leg], batch: QueryBatch, *, hits: int) -> Sequence[Ranking]:
        """Answer several legs, those that the plain engine answers together."""
        plain = [leg for leg in legs if self._plain is not None and _is_plain(leg)]
        rankings = dict(zip(plain, self._plain.search_all(plain, batch, hits=hits), strict=True)) if self._plain else {}
        return [rankings[leg] if leg in rankings else self.search(leg, batch, hits=hits) for leg in legs]

    def read(self, readings: Sequence[Reading]) -> bool:
        """Read text fields in these ways, too; each is indexed when it is first searched."""
        index = self.index
        self._catalogue = self._catalogue.read(readings)
        self._paths = own_paths(self._vectors, self._catalogue.fields)
        body = _body_of(self._catalogue.fields, self._vectors, self._own)
        index.extend(Schema.of(body), Analysis(body["settings"], release=self._release))
        return True

    def explain(self, leg: Leg, batch: QueryBatch, code: int) -> Explanation:
        """Explain the score of a product for the only query of a batch.

        Raises:
            StrategyError: a part of a template is not interpreted; the line names it.
        """
        if self._plain is not None and _is_plain(leg):
            return self._plain.explain(leg, batch, code)
        ((text, vector, params),) = batch.values(leg)
        search = self._form(leg).render(query=text, vector=vector, params=params)
        size = max(USUAL_SIZE, search.get("size", 0))
        try:
            tree = self.index.explain(search, code, hits=size)
            if tree is None:
                return Explanation(None, (), tuple(left_out(search, partial(self._score_of, code, size))))
        except InputError as error:
            raise StrategyError(str(error)) from None
        return Explanation(tree["value"], parts_of(read_tree(tree)))

    def _score_of(self, code: int, size: int, search: Mapping[str, Any]) -> float | None:
        tree = self.index.explain(search, code, hits=size)
        return None if tree is None else tree["value"]

    def notes(self) -> Sequence[str]:
        """What people should know of the scores, a line each."""
        return self.index.notes if "index" in self.__dict__ else self._last_notes

    def _form(self, leg: Leg) -> bodies.Body:
        if leg not in self._forms:
            self._forms[leg] = bodies.prepare(search_of(leg, self._paths))
        return self._forms[leg]

    def close(self) -> None:
        """Let go of the index; what is to know of its scores stays."""
        self._last_notes = self.notes()
        self.__dict__.pop("index", None)
        if self._plain is not None:
            self._plain.close()


def _is_plain(leg: Leg) -> bool:
    return not leg.template and leg.reading is None


def _body_of(fields: ProductFields, vectors: Mapping[VectorField, Vectors], own: OwnMapping) -> dict[str, Any]:
    of_vectors = {
        key: vector_options(int(each.matrix.shape[1]), "flat", by_product=each.similarity == "dot")
        for key, each in vectors.items()
    }
    return body_with(fields, of_vectors, own)


def check(request: Request) -> list[str]:
    """Refuse a mapping that is not known here; lines on fields that strategies name and the mapping lacks.

    Raises:
        InputError: a type of field, or a part of an analyzer; the line names its file and its place.
    """
    fields = request.fields.read(readings_of(request.strategies))
    body, where = body_with(fields, {}, request.own), request.own.path or fields.where
    try:
        schema = Schema.of(body)
        schema.check_limits(request.release)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    analysis = Analysis(body["settings"], release=request.release)
    _refuse(analysis.errors(), where)
    for strategy in request.strategies:
        try:
            for name in strategy.reading.analyzers.values() if strategy.reading else ():
                analysis.analyzer(name)
        except InputError as error:
            raise InputError(f"{strategy.where}: {error}") from error
    _refuse([*_unknown_analyzers(schema, analysis)], where)
    return missing_fields(request.strategies, body["mappings"])


def _refuse(errors: Sequence[InputError], where: str) -> None:
    if errors:
        raise several([InputError(f"{where}: {error}" if where else str(error)) for error in errors])


def _unknown_analyzers(schema: Schema, analysis: Analysis) -> Iterator[InputError]:
    """Fields whose analyzers neither the settings nor a server have; what is only not interpreted here is none."""
    for path, field in schema.fields.items():
        options: dict[str, str] = {}
        for option in ("search_quote_analyzer", "search_analyzer", "analyzer", "normalizer"):
            if name := getattr(field, option):
                options[name] = option  # others may be taken from it
        for name, option in options.items():
            find = analysis.normalizer if option == "normalizer" else analysis.analyzer
            try:
                if not analysis.has(option.rpartition("_")[2], name):
                    find(name)
            except NotInterpretedError:
                pass
            except InputError as error:
                yield InputError(f"mappings: field {path!r}, {option}: {str(error).partition(': ')[2]}")


_TRIED, _SHOWN = 1_000, 5
"""Searches of a strategy that are tried, of as many different parameters; lines about one."""


def trial(request: Request, batch: QueryBatch, names: Sequence[str], *, is_interpreted: bool = True) -> list[str]:
    """Ask every search body once for each set of parameters, of an index without products; a line on what is refused.

    Args:
        request: the strategies and their fields.
        batch: the queries; models without vectors there are left out.
        names: how messages call them.
        is_interpreted: whether the bodies have to be interpreted here; else what is not known here is passed over.
    """
    dimensions = {model: matrix.shape[1] for model, matrix in batch.vectors.items()}
    fields = request.fields.read(readings_of(request.strategies))
    vectors = {
        (model, name): vector_options(size, "flat", by_product=False)
        for model, size in dimensions.items()
        for name in fields.embedded
    }
    body = body_with(fields, vectors, request.own)
    analysis = Analysis(body["settings"], release=request.release)
    try:
        empty = BodyIndex(Schema.of(body), analysis, (), release=request.release)
    except InputError:  # `check` says so, or it is a server's
        return []
    if not is_interpreted and analysis.errors():
        return []
    refused: dict[str, list[str]] = {}
    for strategy in request.strategies:
        if strategy.template is not None and (not strategy.embeds or strategy.model in dimensions):
            for line in _tried(empty, strategy, batch, names, is_interpreted=is_interpreted):
                refused.setdefault(line, []).append(strategy.where)
    return [
        f"{first}{line}{'; the same of ' if others else ''}{', '.join(others)}"
        for line, (first, *others) in refused.items()
    ]


def _tried(
    empty: BodyIndex, strategy: Strategy, batch: QueryBatch, names: Sequence[str], *, is_interpreted: bool
) -> Iterator[str]:
    """What is said of a strategy, behind its name."""
    (leg,) = strategy.legs()
    form, values = bodies.prepare(leg.search), batch.values(leg)
    asked = sorted({mark.parameter for mark in form.marks if mark.parameter})
    alike: dict[str, list[int]] = {}
    for code, params in enumerate(batch.params):
        if not form.problem(params):
            alike.setdefault(json.dumps([params.get(name) for name in asked]), []).append(code)
    refused: dict[tuple[str, str], list[int]] = {}
    for codes in list(alike.values())[:_TRIED] if batch.params else [[0]][: len(batch)]:
        text, vector, params = values[codes[0]]
        try:
            empty.search([form.render(query=text, vector=vector, params=params)], hits=1)
        except NotInterpretedError as error:
            if is_interpreted:
                refused.setdefault(("needs --engine elasticsearch", str(error)), []).extend(codes)
        except InputError as error:
            refused.setdefault(("will fail", str(error)), []).extend(codes)
    for (what, line), codes in islice(refused.items(), _SHOWN):
        others = f" and {len(codes) - 1:,} more" if len(codes) > 1 else ""
        which = f" on query {names[codes[0]]}{others}" if asked else ""
        yield f" {what}{which}: {line}"
    if len(refused) > _SHOWN:
        yield f": {len(refused) - _SHOWN:,} more lines as the last"
