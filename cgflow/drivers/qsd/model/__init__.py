"""The records of a home and the rules of its layers, without files and without a daemon."""
