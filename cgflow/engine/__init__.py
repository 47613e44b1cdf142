"""The flow engine: TaskFlow with durable persistence, a history, and one owner per flow.

task.py                base class of the steps
backoff.py             retry atom with increasing pauses
step_executor.py       thread pool for steps; only JSON enters and leaves a step
parallel_engine.py     TaskFlow's parallel engine, at a cost linear in the number of members
flow_run.py            one conductor's run of one flow: fence, durable barrier, cancel flag
point_of_no_return.py  detection of a committed flow on takeover
persistence.py         TaskFlow's persistence interface, implemented on the writer
event_recorder.py      events for the state transitions of atoms
writer.py              the write queue to the database: ordered group commit
conductor.py           takes over, runs and resumes flows
takeover.py            takes a flow over from the process that ran it before
definition.py          an operation's version and graph; check of a stored flow against it
outcome.py             how a flow ended
flow_actions.py        flow actions of an operator: retry, skip, abandon, cancel
lifecycle_listener.py  notifies of the start and the end of flows
event_signal.py        wakes clients that wait for a flow's next event
coalescing_runner.py   runs at most one piece of work per key at a time
"""
