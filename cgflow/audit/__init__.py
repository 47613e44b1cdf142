"""The audit: compares records, quota, claims and flows with each other and with the backends.

finding_kinds.py      every kind of finding, in words, and what its repair does
finding.py            one finding
database_snapshot.py  what the database holds at one instant, read in a fixed number of statements
backend_snapshot.py   what the backends of this process report
backend_checks.py     records against backends
database_checks.py    records against quota, reservations, claims and each other
flow_checks.py        flows that no conductor is running
auditor.py            the order of the reads, and what may be concluded from them
"""
