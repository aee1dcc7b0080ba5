"""Images of Elasticsearch in the place of the server beside the repository."""

import os


def image_of(release: str) -> str:
    """The image of release "8" or "9" in RELEVANCE_SERVER_IMAGES (separated by commas); "" where there is none."""
    images = os.environ.get("RELEVANCE_SERVER_IMAGES", "").split(",")
    return next((one.strip() for one in images if one.rpartition(":")[2].startswith(f"{release}.")), "")
