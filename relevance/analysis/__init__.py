"""Elasticsearch's analysis: texts to tokens by the components of an index's `settings.analysis`."""

from relevance.analysis.chains import Analysis, Analyzer, Normalizer
from relevance.analysis.tokens import Stream, Token

__all__ = ["Analysis", "Analyzer", "Normalizer", "Stream", "Token"]
