"""A home: the folder of a group or of a single volume, its manifest and its daemon."""
