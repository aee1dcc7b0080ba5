"""Fine-tuning of an embedding model on judged pairs of queries that no benchmark evaluates.

It knows of a data set's pairs and catalogue and of models, and nothing of configuration, engines or pytest.
"""
