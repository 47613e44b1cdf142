"""Queries, one file a noun. Functions take the session first and never open one."""
