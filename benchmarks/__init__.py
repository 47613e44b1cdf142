"""Benchmarks that measure ratios side by side in one run. ``make bench`` runs all; the tests run none."""
