"""Drivers for storage: a small contract, one folder or file for each, and one suite that judges them all."""
