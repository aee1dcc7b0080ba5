"""In front of a server without the retrievers rrf and linear: fuses what it answers to each of their lists.

By the definition in Elasticsearch's source, a hit after the other in float32; not by the project's own fusion. What the
retrievers themselves answer is not shown by it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import numpy as np
import urllib3

ONE = np.float32


def fused(retriever: dict[str, Any], lists: list[list[tuple[str, float]]]) -> list[tuple[str, float]]:
    """Fuse lists of (id, score); of equal scores the one with the smaller id comes first, as in an index of ours."""
    ((kind, options),) = retriever.items()
    totals: dict[str, np.float32] = {}
    for component, hits in zip(options["retrievers"], lists, strict=True):
        weight = ONE(component.get("weight", 1))
        scores = normalised([ONE(score) for _, score in hits], component.get("normalizer", "none"))
        for rank, ((uid, _), score) in enumerate(zip(hits, scores, strict=True), 1):
            value = score if kind == "linear" else ONE(1) / ONE(options["rank_constant"] + rank)
            totals[uid] = totals.get(uid, ONE(0)) + weight * value
    best = sorted(totals.items(), key=lambda one: (-one[1], one[0]))
    return [(uid, float(score)) for uid, score in best[: options["rank_window_size"]]]


def normalised(scores: list[np.float32], normalizer: str) -> list[np.float32]:
    """Normalise the scores of a list, as a server does."""
    if normalizer == "minmax" and scores:
        low, high = min(scores), max(scores)
        return [ONE(1) if abs(high - low) < ONE(1e-6) else (score - low) / (high - low) for score in scores]
    norm = sum(float(score * score) for score in scores) ** 0.5
    return [ONE(float(score) / norm) for score in scores] if normalizer == "l2_norm" and norm >= 1e-6 else scores


def answered(send: Callable[..., Any], path: str, search: dict[str, Any]) -> dict[str, Any]:
    """Search each list of a retriever by itself, and fuse them."""
    ((_, options),) = search["retriever"].items()
    shape = {key: value for key, value in search.items() if key not in ("retriever", "size")}
    lists, fields = [], {}
    for component in options["retrievers"]:
        inner = component.get("retriever", component)
        body = {**shape, "size": options["rank_window_size"]} | (inner.get("standard") or inner)
        response = send("POST", path, json.dumps(body).encode(), {"content-type": "application/json"})
        hits = json.loads(response.data)["hits"]["hits"]
        fields |= {next(iter(hit["fields"].values()))[0]: hit["fields"] for hit in hits}
        lists.append([(next(iter(hit["fields"].values()))[0], hit["_score"]) for hit in hits])
    found = fused(search["retriever"], lists)[: search["size"]]
    answer = {"hits": [{"_score": score, "fields": fields[uid]} for uid, score in found]}
    return {"status": 200, "timed_out": False, "took": 1, "_shards": {"failed": 0}, "hits": answer}


def handler(url: str) -> type[BaseHTTPRequestHandler]:
    """Make what answers in front of the server at a URL."""
    pool = urllib3.PoolManager()

    def send(method: str, path: str, body: bytes, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        return pool.request(method, f"{url}{path}", body=body, headers=headers, retries=False)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if b'"retriever"' in body:
                path, found = f"/{self.path.split('/')[1]}/_search", [json.loads(line) for line in body.splitlines()]
                answers = [answered(send, path, one) for one in found if "retriever" in one]
                whole = {"took": 1, "responses": answers} if "_msearch" in self.path else answers[0]
                self.reply(200, json.dumps(whole).encode(), "application/json")
                return
            headers = {name: self.headers[name] for name in ("content-type", "accept") if name in self.headers}
            response = send(self.command, self.path, body, headers)
            self.reply(response.status, response.data, response.headers.get("content-type", ""))

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = pass_on  # noqa: N815 - the library's names

        def reply(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("X-elastic-product", "Elasticsearch")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler


@contextmanager
def with_retrievers(url: str) -> Iterator[str]:
    """The URL of a server that passes all on to another, but for searches with a retriever."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(url))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
