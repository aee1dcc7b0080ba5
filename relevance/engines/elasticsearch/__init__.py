"""Elasticsearch: in a container of ours, or a cluster that is given."""
