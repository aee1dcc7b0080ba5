"""A server in memory: answers, refusals, a clock for waiting, a cluster behind the methods that indexing uses."""

import fnmatch
import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NoReturn

import orjson
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig, ObjectApiResponse, SerializerCollection
from elasticsearch import ApiError, OrjsonSerializer
from elasticsearch.exceptions import HTTP_EXCEPTIONS

from relevance.engines.elasticsearch.client import Connection, RetryPolicy

URL = "http://127.0.0.1:9200"
_UUIDS = itertools.count()
_NOT_SERVERLESS = ("stats", "forcemerge", "allocation_explain")
_SERVERLESS_SETTINGS = ("default_pipeline", "final_pipeline", "refresh_interval", "sort.", "analysis.", "similarity.")


def _meta(status: int) -> ApiResponseMeta:
    return ApiResponseMeta(status, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "127.0.0.1", 9200))


def answer(body: Any) -> ObjectApiResponse[Any]:
    """As the client returns it."""
    return ObjectApiResponse(body, _meta(200))


def api_error(status: int, body: object, kind: str = "message") -> ApiError:
    """A refusal as the client raises it."""
    return HTTP_EXCEPTIONS.get(status, ApiError)(kind, _meta(status), body)


def fail(status: int, kind: str, reason: str = "no") -> NoReturn:
    raise api_error(status, {"error": {"type": kind, "reason": reason}, "status": status}, kind)


class Clock:
    """It goes on by what is slept."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)

    def policy(self, seconds: float = 60.0, **limits: float) -> RetryPolicy:
        return RetryPolicy(seconds=seconds, sleep=self.sleep, clock=lambda: self.now, **limits)


@dataclass
class Held:
    """An index: what it was made with, its documents, how many writes it has seen."""

    settings: dict[str, Any]
    mappings: dict[str, Any]
    documents: dict[str, Any] = field(default_factory=dict)
    writes: int = 0
    uuid: str = field(default_factory=lambda: f"uuid-{next(_UUIDS)}")


@dataclass
class Cluster:
    """The cluster, its client, and the client's namespaces.

    Attributes:
        before: is told the name of each request before anything is done; may raise.
        after: the same when it is done: the answer is lost.
        refuses: for a document, the error that it gets instead of its place.
        sizes: is told how many documents a request has, and how many bytes they are; may raise.
        extra: settings that a template adds.
        assigned: whether a node takes new shards.
        version: as `Connection.version`; a serverless one refuses what such projects do not have.
    """

    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None
    refuses: Callable[[str], tuple[int, str, str] | None] = lambda _: None
    sizes: Callable[[int, int], None] = lambda *_: None
    extra: Mapping[str, str] = field(default_factory=dict)
    assigned: bool = True
    version: str = "8.19.5"
    held: dict[str, Held] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bulks: list[list[str]] = field(default_factory=list)
    segments: int = 1

    def __post_init__(self) -> None:
        self.indices = self.cluster = self
        # what the client's helpers look for
        span = lambda *_: nullcontext()  # noqa: E731
        self._otel = SimpleNamespace(helpers_span=span, use_span=span)
        self.transport = SimpleNamespace(serializers=SerializerCollection({"application/json": OrjsonSerializer()}))

    @property
    def connection(self) -> Connection:
        client: Any = self
        return Connection(client, URL, self.version)

    def options(self, **_: Any) -> "Cluster":
        return self

    def close(self) -> None:
        pass

    def _begin(self, name: str) -> None:
        self.asked.append(name)
        self.before(name)
        if name in _NOT_SERVERLESS and self.connection.serverless:
            fail(410, "api_not_available_exception", "not available when running in serverless mode")

    def _done(self, name: str, body: Any) -> Any:
        self.after(name)
        return answer(body)

    def _matching(self, index: str) -> dict[str, Held]:
        return {name: held for name, held in self.held.items() if fnmatch.fnmatchcase(name, index)}

    def create(self, *, index: str, settings: dict[str, Any], mappings: dict[str, Any], timeout: str) -> Any:
        assert timeout == "30s"
        self._begin("create")
        if index in self.held:
            fail(400, "resource_already_exists_exception")
        private = [name for name in settings if not name.startswith(_SERVERLESS_SETTINGS)]
        if self.connection.serverless and private:
            fail(400, "illegal_argument_exception", f"Settings {private} are not available in serverless mode")
        self.held[index] = Held(dict(settings), dict(mappings))
        return self._done("create", {"acknowledged": True, "shards_acknowledged": self.assigned})

    def allocation_explain(self, **_: Any) -> Any:
        self._begin("allocation_explain")
        decider = {"decision": "NO", "explanation": "the node is full"}
        return answer({"node_allocation_decisions": [{"deciders": [decider]}]})

    def get(self, *, index: str, flat_settings: bool) -> Any:
        assert flat_settings
        self._begin("get")
        held = self.held[index]
        settings = {f"index.{name}": str(value) for name, value in {**held.settings, **self.extra}.items()}
        uuid = {} if self.connection.serverless else {"index.uuid": held.uuid}
        return self._done("get", {index: {"settings": {**settings, **uuid}}})

    def get_mapping(self, *, index: str, **_: Any) -> Any:
        self._begin("get_mapping")
        mappings = {name: {"mappings": held.mappings} for name, held in self._matching(index).items()}
        return self._done("get_mapping", mappings)

    def put_mapping(self, *, index: str, meta: dict[str, Any]) -> Any:
        self._begin("put_mapping")
        self.held[index].mappings["_meta"] = meta
        return self._done("put_mapping", {})

    def bulk(self, *, index: str, operations: list[bytes], filter_path: Sequence[str]) -> Any:
        """Create documents; an index that is not there is made, as servers do."""
        assert "items.*._id" in filter_path
        self._begin("bulk")
        self.sizes(len(operations) // 2, sum(map(len, operations)))
        held = self.held.setdefault(index, Held({}, {}))
        items: list[dict[str, Any]] = []
        self.bulks.append([])
        for action, document in zip(operations[::2], operations[1::2], strict=True):
            uid = orjson.loads(action)["create"]["_id"]
            self.bulks[-1].append(uid)
            refused = self.refuses(uid)
            if refused is None and uid in held.documents:
                refused = (409, "version_conflict_engine_exception", "document already exists")
            if refused is None:
                held.documents[uid] = orjson.loads(document)
                held.writes += 1
                items.append({"create": {"_id": uid, "status": 201}})
            else:
                status, kind, reason = refused
                items.append({"create": {"_id": uid, "status": status, "error": {"type": kind, "reason": reason}}})
        return self._done("bulk", {"items": items})

    def forcemerge(self, *, index: str, max_num_segments: int) -> Any:
        assert (index in self.held, max_num_segments) == (True, 1)
        self._begin("forcemerge")
        return self._done("forcemerge", {"_shards": {"failed": 0}})

    def refresh(self, *, index: str) -> Any:
        assert index in self.held
        self._begin("refresh")
        return self._done("refresh", {"_shards": {"failed": 0}})

    def count(self, *, index: str, query: Any = None) -> Any:
        assert query is None
        self._begin("count")
        return self._done("count", {"count": len(self.held[index].documents), "_shards": {"failed": 0}})

    def stats(self, *, index: str, **_: Any) -> Any:
        """One shard an index, one copy of it."""
        self._begin("stats")
        found = {}
        for name, held in self._matching(index).items():
            seq_no, segments = {"max_seq_no": held.writes - 1}, {"count": self.segments}
            copy = {"routing": {"primary": True}, "segments": segments, "seq_no": seq_no}
            size = {"store": {"size_in_bytes": 1000 * held.writes}}
            found[name] = {"shards": {"0": [copy]}, "total": size}
        total = {"primaries": {"docs": {"deleted": 0}}}
        return self._done("stats", {"_all": total, "indices": found})

    def get_settings(self, *, index: str, name: str) -> Any:
        assert name == "index.uuid"
        self._begin("get_settings")
        uuid = {} if self.connection.serverless else {"index": {"uuid": self.held[index].uuid}}
        return self._done("get_settings", {index: {"settings": uuid}})

    def exists(self, *, index: str) -> bool:
        self._begin("exists")
        return index in self.held

    def delete(self, *, index: str, ignore_unavailable: bool) -> Any:
        assert ignore_unavailable
        self._begin("delete")
        self.held.pop(index, None)
        return self._done("delete", {})
