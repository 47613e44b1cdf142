"""Notifications about groups, volumes and their snapshots, for other systems."""
