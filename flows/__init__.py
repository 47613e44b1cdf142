"""The operations: what is accepted, the story of each, and the steps that the stories are told in.

acceptance.py      accepting a request: one transaction, after which it cannot be lost
<noun>/accept.py   what is checked and held when an operation on this noun is asked for
<noun>/<verb>.py   the story of one operation
segments.py        parts that several stories share
tasks/             the steps, by what they touch
catalog.py         every operation by its name
draw.py            a story as text and as a graph
"""
