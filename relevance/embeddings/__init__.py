"""Texts to float32 unit vectors: a sentence-transformers model, its prompt, and a cache on disk keyed by content."""

from relevance.embeddings.cache import check_cache_dir, default_cache_dir
from relevance.embeddings.encoder import Encoder
from relevance.embeddings.model import Model, resolve

__all__ = ["Encoder", "Model", "check_cache_dir", "default_cache_dir", "resolve"]
