"""Parts that several drivers share."""
