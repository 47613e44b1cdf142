"""The operations: how each is accepted, its flow, and the steps of the flows.

runtime.py         accepting a request: one transaction, after which the operation cannot be lost
<noun>/accept*.py  what is checked and claimed when an operation on this noun is requested
<noun>/<verb>.py   the flow of one operation
segments.py        parts that several flows share
tasks/             the steps, by what they touch
catalog.py         every operation by its name
driver_calls.py    calling a driver: retry it while it is busy, and verify the effect
flow_actions.py    an operator's actions on a flow
service.py         the whole service below HTTP, assembled
draw.py            a flow as text and as a graph
"""
