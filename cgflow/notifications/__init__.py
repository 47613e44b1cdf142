"""Notifications: what happens to groups, volumes and their copies, told to whoever listens."""
