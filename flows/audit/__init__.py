"""Audit and repair: what is found is what ``cgflow.audit`` finds, and each repair is a transaction or a flow.

look.py      the audit of what this process serves
repair.py    which findings are repaired, and how each ends
records.py   repairs of the records alone, in one transaction
accept.py    acceptance of the repairs that a backend has a part in
remove.py    the story: take from the backend what no record knows
conform.py   the story: make the backend as the record says
"""
