"""What the tests of parity and of speed share: the real Elasticsearch, made inputs, comparison, tables."""
