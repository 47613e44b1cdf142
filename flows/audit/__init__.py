"""Audit and repair. Findings are those of ``cgflow.audit``; each repair is a transaction or a flow.

run.py             the audit of what this process serves
repair.py          which findings are repaired, and the result of each
repair_records.py  repairs of records alone, in one transaction
accept_repairs.py  acceptance of the repairs that change a backend
adopt.py           creation of records for objects that only a backend knows
flows.py           the flows that remove what no record knows, or make a backend agree with its records
"""
