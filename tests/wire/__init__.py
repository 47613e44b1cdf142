"""Answers held to those that a Cinder 29 gave: a scenario, its recording, and the keys of every resource."""
