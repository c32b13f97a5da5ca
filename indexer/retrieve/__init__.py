"""A query becomes ranked regions: candidates, signals, ranking, evidence, filters.

Opens no index itself. Imports `vectors`, `embeddings`, `storage` and values.
"""
