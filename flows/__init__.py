"""Operations: how each is accepted, its flow, and the steps of the flows.

runtime.py         acceptance of a request, in one transaction that also records the flow
<noun>/accept*.py  checks and claims made when an operation on this type of resource is requested
<noun>/flows.py    the flow of each operation, step by step
subflows.py        sub-flows that several flows share
tasks/             the steps, grouped by what they act on
catalog.py         all operations by name
driver_calls.py    calls to a driver: retry while it is busy, then verify the effect
update_record.py   changes of a record alone: name, description, metadata, flags
revert_target.py   the precondition of a snapshot to which a volume or a group is restored
reset_status.py    an administrator's reset of a status
flow_actions.py    an operator's actions on a flow
service.py         the assembled service, without HTTP
draw.py            a flow as text and as a graph
"""
