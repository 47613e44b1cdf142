"""The audit: compares records, quota, claims and flows with each other and with the backends.

findings.py           every kind of finding: its meaning and its repair; one finding
database_snapshot.py  what the database has at one instant, read in a fixed number of statements
backend_snapshot.py   what the backends of this process report
backend_checks.py     compares records with backends
database_checks.py    compares records with quota, reservations, claims and each other
flow_checks.py        flows that no conductor is running
auditor.py            the order of the reads, and what may be concluded from them
"""
