"""Placement: choose a backend for a request, and record why each other backend was rejected."""
