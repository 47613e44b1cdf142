"""One home: the folder of a group or of a single volume, its manifest, its daemon and its NBD addresses."""
