"""The audit: whether rows, quota, claims, flows and what backends really have tell of the same things.

kinds.py        every kind of drift, in words, and what its repair does
finding.py      one drift that was found
rows.py         what the database says, in a fixed number of statements
stock.py        what the backends say
storage.py      rows against backends
bookkeeping.py  rows against quota, reservations, claims and each other
process.py      flows that nobody is at work on
auditing.py     the looks in their order, and what may be concluded from them
"""
