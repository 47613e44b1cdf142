"""One home: the folder of a group or of a single volume, its manifest, daemon, NBD addresses and problems."""
