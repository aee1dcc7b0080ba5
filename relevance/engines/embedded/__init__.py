"""The embedded engine: Elasticsearch's ranking, in this process."""

from relevance.engines.embedded.engine import EmbeddedEngine

__all__ = ["EmbeddedEngine"]
