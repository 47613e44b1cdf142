"""Weighers: each gives a backend a score, the higher the better."""
