"""Elasticsearch in a container of ours: started in the background, removed whatever happens."""

from __future__ import annotations

import atexit
import secrets
import signal
import threading
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from relevance.engines.elasticsearch import starting
from relevance.engines.elasticsearch.docker import check_image, docker_errors, explanation, look, probe
from relevance.engines.elasticsearch.labels import remove, remove_leftovers
from relevance.errors import CouldNotRunError, RelevanceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testcontainers.community.elasticsearch import ElasticSearchContainer

__all__ = ["Container"]

_POLL_S = 0.1
_WITHIN_S = 180.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Container:
    """A single node, reached from this machine only (see `starting.publish` for where that cannot be).

    Args:
        image: has to lie with the Docker engine; nothing is pulled.
        memory: heap of the server, as Java writes it: `1g`, `512m`.
        within_s: seconds until a start is given up.

    Attributes:
        name: of the container.
        notes: what people should know, a line each.

    Raises:
        InputError: `image` or `memory` is not allowed.
    """

    def __init__(self, image: str, *, memory: str, within_s: float = _WITHIN_S) -> None:
        check_image(image)
        self._image, self._memory, self._within_s = image, starting.check_memory(memory), within_s
        self.name = f"relevance-{secrets.token_hex(4)}"
        self.notes: list[str] = []
        self._container: ElasticSearchContainer | None = None
        self._thread: threading.Thread | None = None
        self._stopping, self._settled = threading.Event(), threading.Event()
        self._failure: Exception | None = None
        self._began_s = 0.0
        self._start_s: float | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Of the server, once `wait` has returned."""
        return self._url

    @property
    def start_s(self) -> float | None:
        """Seconds from `begin` until the server was ready; None: it is not."""
        return self._start_s

    def begin(self) -> None:
        """Start it in the background, and remove what killed runs left; `close` ends that too."""
        self._began_s = monotonic()
        self._thread = threading.Thread(target=self._run, name=self.name)
        atexit.register(self.close)
        try:
            self._thread.start()
        except BaseException:
            self.close()
            raise

    def wait(self) -> None:
        """Wait until the cluster is yellow.

        Raises:
            CouldNotRunError: it does not come up; its details are the end of the container's log.
            ValueError: `begin` was not called.
        """
        if self._thread is None:
            raise ValueError("begin comes first")
        while not self._settled.wait(_POLL_S):  # in small steps: an interruption is heard between them
            pass
        if isinstance(self._failure, RelevanceError):
            raise self._failure
        if self._failure is not None:
            raise _not_started(explanation(self._failure)) from self._failure

    def ended(self) -> CouldNotRunError | None:
        """How it has ended although nobody has closed it, with the end of its log; None where it has not."""
        container = self._container
        if container is None or self._start_s is None:
            return None
        try:
            ending = "" if probe(_POLL_S) else starting.ended(container)
        except docker_errors():
            return None
        return self._not_up(container, ending) if ending else None

    def close(self) -> str | None:
        """Give up the start where it is still going on, and remove the container; twice does no harm.

        Signals that ask to end are held off until that is done.

        Returns:
            None, or a line that says that the container is still there and how to remove it.
        """
        with _undisturbed():
            self._stopping.set()
            if self._thread is not None and self._thread.ident is not None:
                self._thread.join()
            note = self._remove()
            atexit.unregister(self.close)
        return note

    def _remove(self) -> str | None:
        if self._container is None:
            return None
        client = self._container.get_docker_client().client
        problem = probe(_POLL_S)
        try:
            if not problem:
                remove(client, self.name)
        except docker_errors() as error:
            problem = explanation(error)
        finally:
            client.close()
            self._container = None
        if problem:
            return f"the container {self.name} was not removed ({problem}); to remove it: docker rm -f -v {self.name}"
        return None

    def _run(self) -> None:
        try:
            self._start()
            self._start_s = monotonic() - self._began_s
        except Exception as error:  # noqa: BLE001 - whatever it is, `wait` raises it
            self._failure = error
        finally:
            self._settled.set()

    def _start(self) -> None:
        found = look(self._image)
        if not found.has_image:
            raise _not_started(found.problem)
        self._container = starting.made(self._image, memory=self._memory, name=self.name)
        left = remove_leftovers(self._container.get_docker_client().client)
        self.notes += [f"removed {name}, a container that a killed run had left" for name in left]
        self.notes += filter(None, [starting.publish(self._container)])
        if not self._stopping.is_set():
            self._container.start()
        self._until_ready(self._container)

    def _until_ready(self, container: ElasticSearchContainer) -> None:
        url = ""
        while not self._stopping.wait(_POLL_S) and threading.main_thread().is_alive():
            problem = probe(None)
            if problem:
                raise _not_started(problem)
            ending = starting.ended(container)
            if ending:
                raise self._not_up(container, f"{ending} before it was ready")
            url = url or starting.address(container)
            if url and starting.is_ready(url):
                self._url = url
                return
            if monotonic() - self._began_s > self._within_s:
                raise self._not_up(container, f"was not ready within {self._within_s:.0f} s")
        raise CouldNotRunError("the Elasticsearch container was closed before it was ready")

    def _not_up(self, container: ElasticSearchContainer, what: str) -> CouldNotRunError:
        lines = starting.log_lines(container)
        reason = starting.reason_in(lines) or "its log names no error"
        line = f"the Elasticsearch container {what}: {reason} ({self._image}, --es-memory {self._memory})"
        return CouldNotRunError(line, details=starting.end_of(lines))


def _not_started(problem: str) -> CouldNotRunError:
    return CouldNotRunError(f"the Elasticsearch container could not be started: {problem}")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let nothing interrupt what removes the container; only the main thread hears signals."""
    handlers = {one: signal.getsignal(one) for one in _SIGNALS}
    if threading.current_thread() is not threading.main_thread() or None in handlers.values():
        yield
        return
    for one in handlers:
        signal.signal(one, signal.SIG_IGN)
    try:
        yield
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
