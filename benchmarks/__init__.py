"""Ratios, measured side by side in one run; never part of the tests. ``make bench`` runs all of them."""
