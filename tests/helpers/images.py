"""An image of Elasticsearch in the place of the server beside the repository, as RELEVANCE_SERVER_IMAGES says."""

from __future__ import annotations

import os


def image_of(release: str) -> str:
    """The image of release "8" or "9" in that list, which is separated by commas; "" where there is none."""
    named = os.environ.get("RELEVANCE_SERVER_IMAGES", "").split(",")
    return next((one.strip() for one in named if one.rpartition(":")[2].startswith(f"{release}.")), "")
