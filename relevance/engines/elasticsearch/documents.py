"""Products as documents: checked, made one by one, and sent in requests of bounded size."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from relevance.engines.elasticsearch.failures import RetriableError, one_line, refusal, refused
from relevance.errors import InputError
from relevance.records import attribute_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from relevance.engines import VectorField
    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.failures import Refusal
    from relevance.engines.elasticsearch.mapping import FieldPaths
    from relevance.records import Catalogue, Vectors

MAX_BYTES = 100 * 2**20
"""Of a request, and so of a document: the server's `http.max_content_length`."""

_MAX_ID_BYTES = 512
_PRODUCTS_AT_ONCE = 1024
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Action:
    """A document of a bulk request.

    Attributes:
        id: of the product.
        lines: what is done, and the document; a line of JSON each.
    """

    id: str
    lines: bytes


def check(catalogue: Catalogue, *, most_attributes: int) -> None:
    """See that every product fits into an index that takes so many nested documents in one product.

    Raises:
        InputError: an id is empty or longer than 512 bytes; a product has too many attributes.
    """
    for uid in catalogue.ids:
        size = len(uid.encode(errors="surrogatepass"))
        if not 0 < size <= _MAX_ID_BYTES:
            problem = f"product {_quoted(uid)}: an id of {size:,} bytes"
            raise InputError(f"{problem}; allowed on elasticsearch: 1 to {_MAX_ID_BYTES} bytes of UTF-8")
    counts = np.diff(catalogue.attribute_offsets)
    if len(counts) and counts.max() > most_attributes:
        at = int(np.argmax(counts))
        problem = f"product {_quoted(catalogue.ids[at])} has {counts[at]:,} attributes"
        raise InputError(
            f"{problem}; allowed: up to {most_attributes:,} (index.mapping.nested_objects.limit, which a file of your "
            "own settings can raise: --es-mapping)"
        )


def actions(catalogue: Catalogue, vectors: Mapping[VectorField, Vectors], paths: FieldPaths) -> Iterator[Action]:
    """The documents, in the order of the products' codes; a blank text and a missing vector are left out.

    An action is `create`, so that one that is sent again changes nothing: a document that is written over would go on
    counting in the statistics of its terms.

    Raises:
        InputError: a product makes a document that is larger than the server takes, or holds half a surrogate pair.
    """
    offsets = catalogue.attribute_offsets.tolist()
    columns = {path: name for name, path in paths.text.items() if name not in paths.nested}
    nested = paths.nested["attributes"]
    inner = paths.text["attributes"].removeprefix(f"{nested}.")
    for start in range(0, len(catalogue), _PRODUCTS_AT_ONCE):
        end = min(start + _PRODUCTS_AT_ONCE, len(catalogue))
        products = catalogue.products.iloc[start:end]
        rows = zip(*(products[name].tolist() for name in columns.values()), strict=True)
        pairs = catalogue.attributes.iloc[offsets[start] : offsets[end]]
        attributes = list(map(attribute_text, pairs["name"].tolist(), pairs["value"].tolist()))
        bounds = pairwise(offset - offsets[start] for offset in offsets[start : end + 1])
        for code, (texts, (first, last)) in enumerate(zip(rows, bounds, strict=True), start):
            uid = catalogue.ids[code]
            document: dict[str, Any] = {paths.id: uid}
            document |= {path: text for path, text in zip(columns, texts, strict=True) if text.strip()}
            if values := [{inner: text} for text in attributes[first:last] if text]:
                document[nested] = values
            for key, each in vectors.items():
                if (row := int(each.rows[code])) >= 0:
                    # the serializer knows arrays, no memory maps, and rows that lie in one piece
                    document[paths.vectors[key]] = np.ascontiguousarray(each.matrix[row], dtype=np.float32)
            yield _action(uid, document)


def _action(uid: str, document: Mapping[str, Any]) -> Action:
    try:
        head = orjson.dumps({"create": {"_id": uid}})
        body = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError as error:
        raise InputError(f"product {_quoted(uid)} cannot be written as JSON ({error}); allowed: Unicode text") from None
    if len(head) + len(body) + 2 > MAX_BYTES:
        problem = f"product {_quoted(uid)} makes a document of {len(body) / 2**20:,.0f} MB"
        raise InputError(f"{problem}; allowed on elasticsearch: up to {MAX_BYTES // 2**20} MB")
    return Action(uid, b"%b\n%b\n" % (head, body))


def _quoted(uid: str) -> str:
    """An id in a message: quoted, on one line, cut to about 60 characters."""
    text = repr(uid)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…'"


# sending: the client's helpers neither wait for a lost server, nor halve what its memory refuses, nor tell of retries

_BYTES, _DOCUMENTS = 5 * 2**20, 500
"""Of a request at most; a document that is larger goes alone."""

_KEPT = "items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by,items.*.error.durability"
_CONFLICT = 409
_NODE_LEAVES = frozenset({"node_closed_exception", "node_disconnected_exception", "node_not_connected_exception"})
_NAMED, _REASON = 10, 160


def send_all(
    connection: Connection, index: str, actions: Iterable[Action], *, total: int, sent: Callable[[int], object]
) -> None:
    """Index documents; what is refused for the moment is sent again.

    Args:
        connection: to the server.
        index: its name.
        actions: made when they are needed; each `create` with an id of its own.
        total: how many they are.
        sent: is told how many more were dealt with.

    Raises:
        CouldNotRunError: documents were refused: the first ten by id and reason; or the server failed.
    """
    refusals: list[tuple[str, Refusal]] = []
    done = 0
    for part in _parts(actions):
        refusals += _Part(connection, index, part).send()
        done += len(part)
        sent(len(part))
        if len(refusals) >= _NAMED:
            break
    if refusals:
        of = f"{total:,}" if done == total else f"the first {done:,}"
        named = "; ".join(f"{_quoted(uid)}: {one_line(why.said, _REASON)}" for uid, why in refusals[:_NAMED])
        more = "; …" if len(refusals) > _NAMED else ""
        verb = "was" if len(refusals) == 1 else "were"
        raise connection.problem(f"{len(refusals):,} of {of} documents {verb} refused: {named}{more}")


def _parts(actions: Iterable[Action]) -> Iterator[list[Action]]:
    part: list[Action] = []
    size = 0
    for action in actions:
        if part and (size + len(action.lines) > _BYTES or len(part) >= _DOCUMENTS):
            yield part
            part, size = [], 0
        part.append(action)
        size += len(action.lines)
    if part:
        yield part


@dataclass(eq=False)
class _Part:
    """The documents of a request: those that are still to be sent, and those that were refused."""

    connection: Connection
    index: str
    open: list[Action]
    refusals: list[tuple[str, Refusal]] = field(default_factory=list)
    tried: bool = False
    at_once: int = _DOCUMENTS

    def send(self) -> list[tuple[str, Refusal]]:
        while self.open:
            self.connection.ask(self._try, doing="indexing")
        return self.refusals

    def _try(self) -> None:
        from elasticsearch import ApiError  # noqa: PLC0415 - the client is loaded where it is used

        again, self.tried = self.tried, True
        sent = self.open[: self.at_once]
        lines: Any = [action.lines for action in sent]  # the client's types know no bytes, the client does
        try:
            answer = self.connection.client.bulk(index=self.index, operations=lines, filter_path=_KEPT)
        except ApiError as error:
            if self._send_fewer(sent, refusal(error.status_code, error.body), own=0):
                return
            raise
        items: list[Mapping[str, Any]] = answer.get("items", [])
        if len(items) != len(sent):
            raise self.connection.problem(f"{len(items):,} answers to {len(sent):,} documents (indexing)")
        passing = self._read(sent, items, again=again)
        if passing is not None and not self._send_fewer(sent, passing, own=sum(map(len, lines))):
            raise RetriableError(passing)

    def _read(self, sent: list[Action], items: list[Mapping[str, Any]], *, again: bool) -> Refusal | None:
        """Keep open what may go well the next time; the reason of the first of them."""
        still: list[Action] = []
        first: Refusal | None = None
        for action, item in zip(sent, items, strict=True):
            outcome = item["create"]
            if "error" not in outcome or (again and outcome["status"] == _CONFLICT):
                continue  # a conflict: it had arrived, only the answer had not
            why = refusal(outcome["status"], outcome["error"])
            if why.passes or why.pressure is not None or why.kind in _NODE_LEAVES:
                still.append(action)
                first = first or why
            elif why.kind == "cluster_block_exception":
                raise refused(why, doing="indexing", url=self.connection.url)
            else:
                self.refusals.append((action.id, why))
        self.open = still + self.open[len(sent) :]
        return first

    def _send_fewer(self, sent: list[Action], why: Refusal, *, own: int) -> bool:
        """Whether to go on at once with fewer documents, since the server's memory will never take so many.

        Where it is only full for the moment, fewer go the next time, after a wait. `own` bytes of what the server
        holds may be of this request.
        """
        if why.pressure is None and why.kind != "circuit_breaking_exception":
            return False
        self.at_once = max(1, len(sent) // 2)
        if why.pressure is None or (least := why.pressure.least(own)) <= why.pressure.most:
            return False
        if len(sent) == 1:
            sizes = (len(sent[0].lines), least, why.pressure.most)
            size, needs, has = (f"{number / 2**20:,.1f} MB" for number in sizes)
            raise self.connection.problem(
                f"product {_quoted(sent[0].id)} is too large for the server's memory: its document of {size} needs "
                f"{needs} of it, where {has} are for documents on their way; give the server more heap (--es-memory "
                "for a container of ours, -Xmx on a cluster)"
            )
        return True
