"""Weighers: each gives a backend a score; a higher score is better."""
