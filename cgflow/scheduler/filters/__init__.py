"""Filters: each says why a backend cannot take a request, or None if it can."""
