"""Random operations under random kills: ``python -m tests.soak --seed N --kills 500``."""
