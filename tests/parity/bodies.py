"""The same documents behind a real Elasticsearch and behind the embedded engine, and search bodies asked of both."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import numpy as np

from parity.server import ReferenceServer
from relevance import bodies
from relevance.analysis import Analysis
from relevance.engines.embedded.bodies import BodyIndex
from relevance.errors import InputError
from relevance.schema import Schema

DOCUMENTS_A_REQUEST, SEARCHES_A_REQUEST = 500, 50
VECTOR_TOLERANCE = 1e-6
MORE_SETTINGS = {"max_ngram_diff": 20, "max_shingle_diff": 10, "max_result_window": 20_000, "number_of_replicas": 0}


@dataclass
class BodyDifferences:
    """What was compared, and what was not equal; `listed` names bodies with a line each."""

    lists: int = 0
    scores: int = 0
    unequal: int = 0
    different: int = 0
    by_chance: int = 0
    refused_by_both: int = 0
    refused: int = 0
    listed: list[str] = field(default_factory=list)

    @property
    def figures(self) -> dict[str, int]:
        return {
            "lists": self.lists,
            "scores": self.scores,
            "not bit-equal": self.unequal,
            "lists different": self.different,
            "noted: by chance on a server": self.by_chance,
            "refused by both": self.refused_by_both,
            "refused by us alone": self.refused,
        }

    @property
    def nothing(self) -> bool:
        return not (self.unequal or self.different or self.refused)


@dataclass
class BodyPair:
    """Both engines over the same documents, whose ids are in the field `id`."""

    server: ReferenceServer
    name: str
    index: BodyIndex
    ids: Sequence[str]

    def compare(self, searches: Sequence[Mapping[str, Any]], *, hits: int, tolerance: float = 0) -> BodyDifferences:
        """Compare the first hits and the totals, position by position."""
        seen = BodyDifferences()
        for body, theirs in zip(searches, self._asked(searches, hits), strict=True):
            self.index.forget_notes()
            try:
                (ours,) = self.index.search([body], hits=hits)
            except InputError as error:
                seen.refused_by_both += "error" in theirs
                if "error" not in theirs:
                    seen.refused += 1
                    seen.listed.append(f"{error}: {json.dumps(body)}")
                continue
            if "error" in theirs:
                seen.different += 1
                seen.listed.append(f"refused by the server alone ({theirs['error']['root_cause']}): {json.dumps(body)}")
                continue
            found = theirs["hits"]["hits"]
            scores = np.array([hit["_score"] for hit in found], dtype=np.float32)
            same = [hit["_id"] for hit in found] == [self.ids[code] for code in ours.codes]
            same &= theirs["hits"]["total"]["value"] == ours.total
            wrong = _unequal(scores, ours.scores, tolerance)
            if (wrong or not same) and self.index.notes:
                seen.by_chance += 1
                continue
            seen.lists += 1
            seen.scores += len(scores)
            seen.unequal += wrong
            seen.different += not same
            if wrong or not same:
                seen.listed.append(json.dumps(body))
        return seen

    def compare_template(
        self, template: Any, asked: Sequence[tuple[str, Sequence[float]]], *, hits: int, tolerance: float = 0
    ) -> BodyDifferences:
        """Compare the bodies that a template makes of texts and vectors; asked together they have the same answers."""
        rendered = [filled(template, text, vector) for text, vector in asked]
        seen = self.compare(rendered, hits=hits, tolerance=tolerance)
        alone: dict[int, Any] = {}
        for row, body in enumerate(rendered):
            with suppress(InputError):
                (alone[row],) = self.index.search([body], hits=hits)
        texts = ((*asked[row], {}) for row in alone)
        together = self.index.ask(bodies.prepare(without_params(template)), texts, hits=hits)
        for (row, one), other in zip(alone.items(), together, strict=True):
            if not all(np.array_equal(left, right) for left, right in zip(one, other, strict=True)):
                seen.different += 1
                seen.listed.append(f"another answer among {len(alone)} searches: {json.dumps(rendered[row])}")
        return seen

    def refusals(self, searches: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
        """Who refuses which bodies: both, the server alone, or this engine alone; a fault inside the server refuses."""
        names = {(True, True): "both", (True, False): "server", (False, True): "embedded", (False, False): "nobody"}
        seen: dict[str, list[str]] = {f"refused by {who}": [] for who in names.values()}
        failed = seen.setdefault("answered with status 500", [])
        ask = self.server.client.options(
            ignore_status=[HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR]
        ).search
        for body in searches:
            answer = ask(index=self.name, body={**body, "size": 10}, filter_path="error.type,status")
            try:
                self.index.search([body], hits=10)
                ours = ""
            except InputError as error:
                ours = f"{error}: "
            line = f"{ours}{json.dumps(body)}"
            seen[f"refused by {names['error' in answer, bool(ours)]}"].append(line)
            if answer.get("status") == HTTPStatus.INTERNAL_SERVER_ERROR:
                failed.append(line)
        return seen

    def _asked(self, searches: Sequence[Mapping[str, Any]], hits: int) -> Iterator[Any]:
        for start in range(0, len(searches), SEARCHES_A_REQUEST):
            lines: list[Any] = []
            for body in searches[start : start + SEARCHES_A_REQUEST]:
                lines += [{}, {**body, "size": hits, "track_total_hits": True, "_source": False}]
            yield from self.server.client.msearch(index=self.name, searches=lines)["responses"]


def _unequal(theirs: Any, ours: Any, tolerance: float) -> int:
    shorter = min(len(theirs), len(ours))
    far = np.abs(theirs[:shorter] - ours[:shorter]) > tolerance * np.abs(theirs[:shorter])
    return int(far.sum()) + abs(len(theirs) - len(ours))


@contextmanager
def both(server: ReferenceServer, name: str, body: Mapping[str, Any], documents: Sequence[Any]) -> Iterator[BodyPair]:
    """Index documents on both sides: one segment, in the order of their ids."""
    settings = {**body.get("settings", {}), "index": {**MORE_SETTINGS, "sort.field": "id"}}
    client = server.client
    client.indices.create(index=name, settings=settings, mappings=body["mappings"])
    try:
        for start in range(0, len(documents), DOCUMENTS_A_REQUEST):
            lines: list[Any] = []
            for document in documents[start : start + DOCUMENTS_A_REQUEST]:
                lines += [{"index": {"_id": document["id"]}}, document]
            answer = client.bulk(index=name, operations=lines, filter_path="errors,items.*.error")
            assert not answer["errors"], answer["items"][0]
        client.indices.refresh(index=name)
        client.indices.forcemerge(index=name, max_num_segments=1)
        client.indices.refresh(index=name)
        ids, release = [document["id"] for document in documents], int(server.release)
        analysis = Analysis(settings, release=release)
        yield BodyPair(server, name, BodyIndex(Schema.of(body), analysis, documents, release=release, ids=ids), ids)
    finally:
        client.indices.delete(index=name)


def without_params(body: Any) -> Any:
    """A body without the elements of lists that ask for parameters."""
    if isinstance(body, dict):
        return {key: without_params(one) for key, one in body.items()}
    if isinstance(body, list):
        return [without_params(one) for one in body if "{{params" not in json.dumps(one)]
    return body


def filled(body: Any, query: str, vector: Sequence[float] = ()) -> Any:
    """Put a query into the marks of a body; list elements with parameters are left out."""
    if isinstance(body, str):
        return list(vector) if body == "{{vector}}" else body.replace("{{query}}", query)
    if isinstance(body, dict):
        return {key: filled(one, query, vector) for key, one in body.items()}
    if isinstance(body, list):
        return [filled(one, query, vector) for one in body if "{{params" not in json.dumps(one)]
    return body
