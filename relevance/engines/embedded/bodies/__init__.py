"""Search bodies in Elasticsearch's language, answered in this process."""

from relevance.engines.embedded.bodies.index import BodyIndex, Found

__all__ = ["BodyIndex", "Found"]
