"""Placement: which backend takes a request, and why each of the others does not."""
