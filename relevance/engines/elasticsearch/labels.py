"""The labels by which a container is known as ours, and what killed runs left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relevance.engines.elasticsearch.docker import docker_errors, engine
from relevance.engines.elasticsearch.leftovers import Owner, this_process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["KIND", "labels", "remove", "remove_leftovers"]

KIND = "relevance.kind"
_ELASTICSEARCH = "elasticsearch"
_OVER = frozenset({"exited", "dead"})
_CONFLICT = 409


def labels() -> dict[str, str]:
    """The labels of a container that this process makes."""
    owner = this_process()
    return {
        KIND: _ELASTICSEARCH,
        "relevance.owner": owner.host,
        "relevance.place": owner.place,
        "relevance.pid": str(owner.pid),
        "relevance.started": owner.started,
    }


def remove_leftovers(client: Any = None) -> list[str]:
    """Remove the containers of processes that are gone; one that another session uses stays.

    A process of another machine, or of this one before it was restarted, cannot be looked at: its container goes only
    where it has ended.

    Args:
        client: of Docker; None: one is made.

    Returns:
        The names of the containers that were removed, in order.

    Raises:
        CouldNotRunError: no Docker engine answers.
    """
    if client is None:
        with engine(None) as own:
            return remove_leftovers(own)
    found = client.api.containers(all=True, filters={"label": f"{KIND}={_ELASTICSEARCH}"})
    return sorted(filter(None, (_removed(client, one) for one in found if _left(one))))


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
    state = _owner(summary.get("Labels") or {}).state
    return state == "gone" or (state == "elsewhere" and summary.get("State") in _OVER)


def _owner(found: Mapping[str, str]) -> Owner:
    pid = found.get("relevance.pid", "")
    number = int(pid) if pid.isdecimal() else 0
    values = {"host": "relevance.owner", "place": "relevance.place", "started": "relevance.started"}
    return Owner.read({"pid": number, **{name: found.get(label, "") for name, label in values.items()}})


def _removed(client: Any, summary: Mapping[str, Any]) -> str:
    """The name of a container that was removed; "" where that did not work: the next start tries again."""
    names: Sequence[str] = summary.get("Names") or [str(summary["Id"])[:12]]
    try:
        return names[0].lstrip("/") if remove(client, str(summary["Id"])) else ""
    except docker_errors():
        return ""
