"""OpenSearch, Solr and Vespa as their search APIs answer, errors and answers in part among them.

What is asked for is read and checked as there; how they score is not theirs. OpenSearch 2 and 3 answer alike.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from helpers.endpoint import Answered, Asked, as_json
from relevance.records import Catalogue

Answer = Callable[[Asked], Answered]

INDEX = "products"


class Shelf:
    """Products by their words: the best field's rare words that a query has count, times its boost."""

    def __init__(self, fields: Mapping[str, Sequence[str]], ids: Sequence[str]) -> None:
        self._ids, self.fields = ids, frozenset(fields)
        self._places: dict[tuple[str, str], list[tuple[int, float]]] = {}
        for field, texts in fields.items():
            for at, words in enumerate(map(_words, texts)):
                for word in set(words):
                    self._places.setdefault((field, word), []).append((at, 1 + len(words) / 100))

    @classmethod
    def of(cls, catalogue: Catalogue) -> "Shelf":
        return cls({name: catalogue.texts(name) for name in ("title", "description")}, catalogue.ids)

    def find(self, query: str, boosts: Mapping[str, float], hits: int) -> list[tuple[str, float]]:
        """The best products by id and score, higher ones first, equal ones by their id."""
        best: dict[int, float] = {}
        for field, boost in boosts.items():
            scores: dict[int, float] = {}
            for word in set(_words(query)):
                places = self._places.get((field, word), [])
                for at, length in places:
                    scores[at] = scores.get(at, 0) + boost * math.log(1 + len(self._ids) / len(places)) / length
            best |= {at: max(score, best.get(at, 0)) for at, score in scores.items()}
        found = [(self._ids[at], round(score, 4)) for at, score in best.items()]
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:hits]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _boosts(fields: Sequence[str]) -> dict[str, float]:
    parts = (field.partition("^") for field in fields)
    return {name: float(boost or 1) for name, _, boost in parts}


def opensearch(shelf: Shelf, *, timed_out: bool = False, failed: int = 0) -> Answer:
    """`POST /products/_search`, with a `multi_match`."""

    def answer(asked: Asked) -> Answered:
        index, _, action = asked.path.removeprefix("/").partition("/")
        if index != INDEX or action != "_search":
            return _opensearch_error("index_not_found_exception", f"no such index [{index}]", 404)
        body = asked.body or {}
        if unknown := body.keys() - {"size", "_source", "query", "sort"}:
            reason = f"Unknown key for a VALUE_STRING in [{min(unknown)}]."
            return _opensearch_error("parsing_exception", reason, 400)
        ((kind, query),) = body["query"].items()
        if kind != "multi_match":
            return _opensearch_error("parsing_exception", f"unknown query [{kind}]", 400)
        boosts = {name: one for name, one in _boosts(query["fields"]).items() if name in shelf.fields}
        hits = shelf.find(query["query"], boosts, body.get("size", 10))
        sort = {"sort": []} if "sort" in body else {}
        listed = [
            {"_index": index, "_id": uid, "_score": score, **({**sort, "sort": [score, uid]} if sort else {})}
            for uid, score in hits
        ]
        return as_json(
            {
                "took": 3,
                "timed_out": timed_out,
                "_shards": {"total": 5, "successful": 5 - failed, "skipped": 0, "failed": failed},
                "hits": {
                    "total": {"value": len(hits), "relation": "eq"},
                    "max_score": hits[0][1] if hits else None,
                    "hits": listed,
                },
            }
        )

    return answer


def _opensearch_error(kind: str, reason: str, status: int) -> Answered:
    cause = {"type": kind, "reason": reason}
    return as_json({"error": {"root_cause": [cause], **cause}, "status": status}, status)


def solr(shelf: Shelf, *, partial: bool = False) -> Answer:
    """`GET /solr/products/select`, with edismax; parameters are echoed, as the default configuration has it."""

    def answer(asked: Asked) -> Answered:
        parts = urlsplit(asked.path)
        params = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        header = {"zkConnected": True, "status": 0, "QTime": 2, "params": params}
        if parts.path != f"/solr/{INDEX}/select":
            page = "<html><head><title>Error 404 Not Found</title></head><body>HTTP ERROR 404</body></html>"
            return 404, page.encode()
        boosts = _boosts(params["qf"].split())
        for name in boosts.keys() - shelf.fields:
            kind = "org.apache.solr.common.SolrException"
            metadata = ["error-class", kind, "root-error-class", kind]
            error = {"metadata": metadata, "msg": f"undefined field {name}", "code": 400}
            return as_json({"responseHeader": {**header, "status": 400}, "error": error}, 400)
        assert params["defType"] == "edismax"
        assert params["wt"] == "json"
        assert params["sort"] == "score desc,id asc"
        hits = shelf.find(params["q"], boosts, int(params["rows"]))
        fields = params["fl"].split(",")
        docs = [{name: {"id": uid, "score": score}[name] for name in fields} for uid, score in hits]
        best = {"maxScore": hits[0][1] if hits else 0.0}
        found = {"numFound": len(hits), "start": 0, **best, "numFoundExact": True, "docs": docs}
        return as_json({"responseHeader": header | ({"partialResults": True} if partial else {}), "response": found})

    return answer


def vespa(shelf: Shelf, *, degraded: str = "", errors: bool = False) -> Answer:
    """`POST /search/`; without a hit there are no `children`.

    Args:
        shelf: what is searched.
        degraded: why only a part of the documents was: "timeout", "match-phase", …; "" where all were.
        errors: whether there is an error beside the hits, under a status of 200.
    """
    profiles = {"default": {"title": 1.0}, "bm25": {"title": 8.0, "description": 2.0}}

    def answer(asked: Asked) -> Answered:
        body = asked.body
        if asked.path != "/search/" or not (
            yql := re.fullmatch(r"select (\w+) from (\w+) where userQuery\(\)", body["yql"])
        ):
            return as_json(_vespa([], 3, "Illegal query", "Could not create query from YQL"), 400)
        profile = body.get("ranking.profile", "default")
        if profile not in profiles:
            message = f"schema(s) [{yql[2]}] does not contain rank profile '{profile}'"
            return as_json(_vespa([], 4, "Invalid query parameter", message), 400)
        hits = shelf.find(body["query"], profiles[profile], body["hits"])
        children = [
            {"id": f"index:{yql[2]}/0/{number:x}", "relevance": score, "source": yql[2], "fields": {yql[1]: uid}}
            for number, (uid, score) in enumerate(hits)
        ]
        error = (12, "Timed out", "Backend communication timeout on node 1") if errors else (0, "", "")
        return as_json(_vespa(children, *error, degraded=degraded))

    return answer


def _vespa(children: list[Any], code: int, summary: str, message: str, *, degraded: str = "") -> Any:
    kinds = ("match-phase", "timeout", "adaptive-timeout", "non-ideal-state")
    part = {"degraded": {kind: kind == degraded for kind in kinds}} if degraded else {}
    share = {"coverage": 60 if part else 100, "documents": 609, **part, "full": not part}
    error = {"code": code, "summary": summary, "source": "products", "message": message}
    return {
        "root": {
            "id": "toplevel",
            "relevance": 1.0,
            "fields": {"totalCount": len(children)},
            "coverage": {**share, "nodes": 1, "results": 1, "resultsFull": 1 - len(part)},
            **({"errors": [error]} if code else {}),
            **({"children": children} if children else {}),
        }
    }
