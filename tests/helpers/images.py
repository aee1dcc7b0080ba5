"""An image of Elasticsearch in the place of the server beside the repository, as RELEVANCE_SERVER_IMAGES says."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from relevance.engines.elasticsearch.container import Container

if TYPE_CHECKING:
    from collections.abc import Iterator


def image_of(release: str) -> str:
    """The image of release "8" or "9" in that list, which is separated by commas; "" where there is none."""
    named = os.environ.get("RELEVANCE_SERVER_IMAGES", "").split(",")
    return next((one.strip() for one in named if one.rpartition(":")[2].startswith(f"{release}.")), "")


@contextmanager
def running_image(release: str, *, heap: str) -> Iterator[str]:
    """The URL of a node in a container, removed whatever happens."""
    container = Container(image_of(release), memory=heap)
    container.begin()
    try:
        container.wait()
        yield container.url
    finally:
        container.close()
