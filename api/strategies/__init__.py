"""The ways to know who is asking: one file each."""
