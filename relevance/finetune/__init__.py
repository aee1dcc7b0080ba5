"""Fine-tuning of the embedding model on judged pairs, and the analysis of what it changed."""
