"""Search bodies in Elasticsearch's language, answered in this process."""

from relevance.engines.embedded.bodies.index import BodyIndex
from relevance.engines.embedded.bodies.parts import Answer

__all__ = ["Answer", "BodyIndex"]
