"""Quota: limits, usage and reservations of projects."""
