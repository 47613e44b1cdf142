"""Queries, one file per resource. Functions take the session first and never open one."""
