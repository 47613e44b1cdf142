"""Schemas of request bodies, queries and responses, one module per resource."""
