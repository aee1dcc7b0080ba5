"""Texts to float32 vectors: a sentence-transformers model, its prompts, and a cache on disk keyed by content."""

from relevance.embeddings.cache import check_cache_dir, default_cache_dir
from relevance.embeddings.encoder import Encoder
from relevance.embeddings.model import Facts, Model, Side, resolve

__all__ = ["Encoder", "Facts", "Model", "Side", "check_cache_dir", "default_cache_dir", "resolve"]
