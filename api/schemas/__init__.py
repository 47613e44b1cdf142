"""The bodies and queries, one file per noun: what is taken, and what is shown."""
