"""Faults injected into a driver, for tests and drills."""
