"""Fault injection into a driver, for tests and drills."""
