"""Responses compared with those of a Cinder 29: a scenario, its recording, and the keys of every resource."""
