"""The records of a home and the rules for its layers, without access to files or a daemon."""
