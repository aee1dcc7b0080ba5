"""Documents sent in requests of bounded size, one after the other; what is refused is collected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relevance.engines.elasticsearch.documents import shown
from relevance.engines.elasticsearch.failures import RetriableError, one_line, refusal, refused
from relevance.errors import CouldNotRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from relevance.engines.elasticsearch.client import Connection
    from relevance.engines.elasticsearch.documents import Action
    from relevance.engines.elasticsearch.failures import Refusal

__all__ = ["send_all"]

_BYTES, _DOCUMENTS = 5 * 2**20, 500
"""Of a request at most; a document that is larger goes alone."""

_KEPT = "items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by,items.*.error.durability"
_CONFLICT = 409
_NODE_LEAVES = frozenset({"node_closed_exception", "node_disconnected_exception", "node_not_connected_exception"})
_NO_MEMORY = "circuit_breaking_exception"
_NAMED = 10
_REASON = 160


def send_all(
    server: Connection, index: str, actions: Iterable[Action], *, total: int, sent: Callable[[int], object]
) -> None:
    """Index documents.

    Args:
        server: what it refuses for the moment is sent again.
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
        refusals += _Part(server, index, part).send()
        done += len(part)
        sent(len(part))
        if len(refusals) >= _NAMED:
            break
    if refusals:
        raise CouldNotRunError(_line(refusals, done, total, server.url))


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

    server: Connection
    index: str
    open: list[Action]
    refusals: list[tuple[str, Refusal]] = field(default_factory=list)
    tried: bool = False
    at_once: int = _DOCUMENTS

    def send(self) -> list[tuple[str, Refusal]]:
        while self.open:
            self.server.ask(self._try, doing="indexing")
        return self.refusals

    def _try(self) -> None:
        from elasticsearch import ApiError  # noqa: PLC0415 - the client is loaded where it is used

        again, self.tried = self.tried, True
        sent = self.open[: self.at_once]
        lines: Any = [action.lines for action in sent]  # the client's types know no bytes, the client does
        try:
            answer = self.server.client.bulk(index=self.index, operations=lines, filter_path=_KEPT)
        except ApiError as error:
            if self._send_fewer(sent, refusal(error.status_code, error.body), held=0):
                return
            raise
        items: list[Mapping[str, Any]] = answer.get("items", [])
        if len(items) != len(sent):
            raise CouldNotRunError(
                f"elasticsearch at {self.server.url}: {len(items):,} answers to {len(sent):,} documents (indexing)"
            )
        passing = self._read(sent, items, again=again)
        if passing is not None and not self._send_fewer(sent, passing, held=sum(map(len, lines))):
            raise RetriableError(passing)

    def _send_fewer(self, sent: list[Action], why: Refusal, *, held: int) -> bool:
        """Whether to go on at once with fewer documents, since the server's memory will never take so many.

        Where it is only full for the moment, fewer go the next time, after a wait.

        Raises:
            CouldNotRunError: it will never take one of them alone.
        """
        if why.pressure is None and why.kind != _NO_MEMORY:
            return False
        self.at_once = max(1, len(sent) // 2)
        if why.pressure is None or (least := why.pressure.least(held)) <= why.pressure.most:
            return False
        if len(sent) == 1:
            raise CouldNotRunError(_too_large(sent[0], least, why.pressure.most, url=self.server.url))
        return True

    def _read(self, sent: list[Action], items: list[Mapping[str, Any]], *, again: bool) -> Refusal | None:
        """Keep open what may go well the next time; the reason of the first of them."""
        still: list[Action] = []
        first: Refusal | None = None
        for action, item in zip(sent, items, strict=True):
            found = item["create"]
            if "error" not in found or (again and found["status"] == _CONFLICT):
                continue  # a conflict: it had arrived, only the answer had not
            why = refusal(found["status"], found["error"])
            if why.passes or why.pressure is not None or why.kind in _NODE_LEAVES:
                still.append(action)
                first = first or why
            elif why.kind == "cluster_block_exception":
                raise refused(why, doing="indexing", url=self.server.url)
            else:
                self.refusals.append((action.id, why))
        self.open = still + self.open[len(sent) :]
        return first


def _too_large(action: Action, needed: int, most: int, *, url: str) -> str:
    size, needs, has = (f"{number / 2**20:,.1f} MB" for number in (len(action.lines), needed, most))
    return (
        f"elasticsearch at {url}: product {shown(action.id)} is too large for the server's memory: its document of "
        f"{size} needs {needs} of it, where {has} are for documents on their way; give the server more heap "
        "(--es-memory for a container of ours, -Xmx on a cluster)"
    )


def _line(refusals: list[tuple[str, Refusal]], done: int, total: int, url: str) -> str:
    of = f"{total:,}" if done == total else f"the first {done:,}"
    named = "; ".join(f"{shown(uid)}: {one_line(why.said, _REASON)}" for uid, why in refusals[:_NAMED])
    more = "; …" if len(refusals) > _NAMED else ""
    verb = "was" if len(refusals) == 1 else "were"
    return f"elasticsearch at {url}: {len(refusals):,} of {of} documents {verb} refused: {named}{more}"
