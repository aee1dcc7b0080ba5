"""The Docker engine: whether it answers, whether it has an image, pulling one, and the containers of killed runs."""

from __future__ import annotations

import os
import re
import socket
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relevance.engines.elasticsearch.failures import one_line
from relevance.engines.elasticsearch.leftovers import Owner, this_process
from relevance.errors import CouldNotRunError, InputError
from relevance.text import progress_bar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LOOK_S = 3.0
_DEFAULT_SOCKET = "/var/run/docker.sock"

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?/)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(rf"{_HOST}{_PART}(?:/{_PART})*(?::\w[\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?", re.ASCII)

_NOT_PULLED = (
    (r"no space left", "the Docker engine's disk is full; make room, e.g. by docker system prune"),
    (r"dial |lookup |timeout|timed out|handshake|EOF|reset|refused|unreachable", "its registry is not reached: {said}"),
    (r"unauthorized|denied|authentication", "its registry has none for this user; check its name, or docker login"),
    (r"manifest unknown|not found|no such|does not exist", "there is no such image; check its name and tag"),
)


@dataclass(frozen=True)
class ImageStatus:
    """What there is to start a container with.

    Attributes:
        answers: whether a Docker engine does.
        has_image: whether the image lies there, so that nothing has to be pulled.
        problem: why no container can be started at once, a few words; "" where one can.
    """

    answers: bool
    has_image: bool
    problem: str


def check_image(image: str) -> None:
    """Refuse what is no name of an image.

    Raises:
        InputError: as for `Elastic Search` or `elasticsearch:`.
    """
    if _IMAGE.fullmatch(image) is None:
        raise InputError(
            f"--es-image {one_line(image, 80)!r} is no name of an image; allowed: [REGISTRY/]NAME[:TAG], in lower case"
        )


def look(image: str) -> ImageStatus:
    """Ask the Docker engine for an image; it is given 3 seconds, and nothing is pulled.

    Raises:
        InputError: `image` is no name of an image.
    """
    check_image(image)
    try:
        with engine(_LOOK_S) as client:
            has_image = _has(client, image)
    except CouldNotRunError as error:
        return ImageStatus(answers=False, has_image=False, problem=str(error))
    except docker_errors() as error:
        return ImageStatus(answers=False, has_image=False, problem=_not_there(error))
    problem = "" if has_image else f"the Docker engine has no image {image}"
    return ImageStatus(answers=True, has_image=has_image, problem=problem)


def pull(image: str, *, progress: bool) -> None:
    """Have the Docker engine pull an image; an interruption gives it up.

    Raises:
        InputError: `image` is no name of an image.
        CouldNotRunError: it cannot be pulled.
    """
    check_image(image)
    problem = ""
    totals, done = dict[str, int](), dict[str, int]()  # bytes of layers, as far as the engine has told them
    bar = progress_bar(0, f"pulling {image}", "B", shown=progress)
    try:
        with bar, engine(None) as client, closing(client.api.pull(image, stream=True, decode=True)) as events:
            for event in events:  # to their end, also behind an error: the connection is free only then
                problem = problem or str(event.get("error") or "")
                layer, detail = str(event.get("id", "")), event.get("progressDetail") or {}
                if event.get("status") == "Downloading" and detail.get("total"):
                    totals[layer], done[layer] = int(detail["total"]), int(detail.get("current", 0))
                elif event.get("status") in ("Download complete", "Pull complete"):
                    done[layer] = totals.setdefault(layer, 0)
                bar.total = sum(totals.values())
                bar.update(sum(done.values()) - bar.n)
            there = not problem and _has(client, image)
    except docker_errors() as error:
        problem, there = explanation(error), False
    if not there:
        raise CouldNotRunError(f"{image} could not be pulled: {_said(problem or 'the engine has it not')}")


@contextmanager
def engine(timeout: float | None) -> Iterator[Any]:
    """Docker's client of the engine that testcontainers takes, closed at the end.

    Args:
        timeout: seconds for each answer; None: as long as Docker's client waits.

    Raises:
        CouldNotRunError: no engine answers.
    """
    import docker  # noqa: PLC0415 - Docker's client is loaded where it is used

    problem = probe(timeout)
    if problem:
        raise CouldNotRunError(problem)
    host = _host()
    options: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
    if host:
        options |= {"environment": {**os.environ, "DOCKER_HOST": host}, "use_ssh_client": host.startswith("ssh://")}
    try:
        client = docker.from_env(**options)
    except docker_errors() as error:
        raise CouldNotRunError(_not_there(error)) from None
    with closing(client):
        yield client


def probe(timeout: float | None) -> str:
    """Connect to the engine's socket, where it has one on this machine; Docker's client leaves it open when that fails.

    Returns:
        "", or why nobody is reached there, a few words.
    """
    host = _host() or f"unix://{_DEFAULT_SOCKET}"
    if not host.startswith("unix://") or not hasattr(socket, "AF_UNIX"):
        return ""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(host.removeprefix("unix://"))
        except OSError as error:
            return _not_there(error)
    return ""


def docker_errors() -> tuple[type[Exception], ...]:
    """What Docker's client and testcontainers raise where the engine, the way to it or their settings are at fault."""
    from docker.errors import DockerException  # noqa: PLC0415 - Docker's client is loaded where it is used
    from requests import RequestException  # noqa: PLC0415 - comes with Docker's client

    return DockerException, RequestException, OSError, ValueError


def _host() -> str:
    """Where the engine is, by testcontainers' rules; "" for Docker's own default."""
    from testcontainers.core.docker_client import get_docker_host  # noqa: PLC0415 - loaded where it is used

    return get_docker_host() or ""


def _has(client: Any, image: str) -> bool:
    from docker.errors import ImageNotFound  # noqa: PLC0415 - Docker's client is loaded where it is used

    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True


def _not_there(error: Exception) -> str:
    text = str(error).lower()
    if "permission denied" in text:
        return "the Docker engine's socket is closed to this user (permission denied)"
    if "timed out" in text:
        return "the Docker engine does not answer in time"
    return "no Docker engine answers"


def explanation(error: Exception) -> str:
    """What the Docker engine, or the way to it, says: one line."""
    return one_line(str(getattr(error, "explanation", None) or error or type(error).__name__), 200)


def _said(problem: str) -> str:
    """Why an image was not pulled, in words that say what to do where that is known."""
    said = one_line(problem)
    for pattern, words in _NOT_PULLED:
        if re.search(pattern, problem, re.IGNORECASE):
            return words.format(said=said)
    return said


# containers of ours

KIND = "relevance.kind"
_ELASTICSEARCH = "elasticsearch"
_LABELS = {"host": "owner", "place": "place", "pid": "pid", "started": "started"}
"""Of an `Owner`, the labels behind `relevance.`."""
_OVER = frozenset({"exited", "dead"})
_CONFLICT = 409


def labels() -> dict[str, str]:
    """The labels of a container that this process makes."""
    owner = this_process()
    return {KIND: _ELASTICSEARCH} | {f"relevance.{label}": str(vars(owner)[name]) for name, label in _LABELS.items()}


def remove_leftovers(client: Any = None) -> list[str]:
    """Remove the containers of processes that are gone; one that another session uses stays.

    A process of another machine, or of this one before it was restarted, cannot be looked at: its container goes only
    where it has ended.

    Returns:
        The names of the containers that were removed, in order.

    Raises:
        CouldNotRunError: no Docker engine answers.
    """
    if client is None:
        with engine(None) as own:
            return remove_leftovers(own)
    summaries = client.api.containers(all=True, filters={"label": f"{KIND}={_ELASTICSEARCH}"})
    return sorted(filter(None, (_removed(client, one) for one in summaries if _left(one))))


def remove(client: Any, container: str) -> bool:
    """Remove a container with its volumes, running or not; False where it is gone already, or just going."""
    from docker.errors import APIError, NotFound  # noqa: PLC0415 - Docker's client is loaded where it is used

    try:
        client.api.remove_container(container, v=True, force=True)
    except NotFound:
        return False
    except APIError as error:
        if error.status_code == _CONFLICT:  # somebody else is removing it
            return False
        raise
    return True


def _left(summary: Mapping[str, Any]) -> bool:
    """Whether nobody uses a container of ours any more."""
    written = summary.get("Labels") or {}
    pid = written.get("relevance.pid", "")
    values = {name: written.get(f"relevance.{label}", "") for name, label in _LABELS.items()}
    owner = Owner.read(values | {"pid": int(pid) if pid.isdecimal() else 0})
    return owner.state == "gone" or (owner.state == "elsewhere" and summary.get("State") in _OVER)


def _removed(client: Any, summary: Mapping[str, Any]) -> str:
    """The name of a container that was removed; "" where that did not work: the next start tries again."""
    names: Sequence[str] = summary.get("Names") or [str(summary["Id"])[:12]]
    try:
        return names[0].lstrip("/") if remove(client, str(summary["Id"])) else ""
    except docker_errors():
        return ""
