"""Filters: each returns the reason why a backend cannot accept a request, or None if it can."""
