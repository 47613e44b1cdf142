"""Checks of the code's shape: layers, sizes, samples that are current."""
