"""Modules shared by several drivers."""
