"""Quota: how much a project may have, how much it has, and what is being made or removed now."""
