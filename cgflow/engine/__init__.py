"""The flow engine: TaskFlow's, with persistence, a history, and one owner for each flow.

task.py                what a step is
backoff.py             retrying with increasing pauses, as an atom of the flow
step_executor.py       the threads that run steps; only JSON enters and leaves a step
linear_scheduling.py   the scheduler, linear in the number of members
flow_run.py            one conductor's run of one flow: the fence, the barrier, the cancel flag
point_of_no_return.py  the commit of a flow, and what follows it
persistence.py         TaskFlow's persistence interface over the writer
event_recorder.py      transitions of atoms, recorded as events
writer.py              the one queue to the database: ordered group commit
conductor.py           claims flows, runs them, resumes them
takeover.py            takes a flow over from the process that ran it before
definition.py          an operation's version and graph, and whether a stored flow fits it
outcome.py             how a flow ended
flow_actions.py        what an operator may do to a flow: retry, skip, abandon, cancel
lifecycle_listener.py  reports the start and the end of flows
event_signal.py        wakes clients that wait for a flow's next event
coalescing_runner.py   runs one piece of work per key at a time
"""
