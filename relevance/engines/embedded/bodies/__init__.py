"""Search bodies in Elasticsearch's language, answered in this process."""

from relevance.engines.embedded.bodies.index import Answer, BodyIndex

__all__ = ["Answer", "BodyIndex"]
