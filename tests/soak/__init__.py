"""Random operations with random kills: ``python -m tests.soak --seed N --kills 500``."""
