"""The flow engine: TaskFlow's, with persistence, history and an owner for every end.

task.py         what a step is
retry.py        retrying with back-off, as an atom of the flow
steps.py        the threads of the steps, and the border that only JSON passes
run.py          one conductor's ownership of one flow: the fence, the barrier, the cancel flag
persistence.py  TaskFlow's persistence interface over the writer
history.py      transitions of atoms, told as events
writer.py       the one queue to the database: ordered group commit
conductor.py    takes flows up, runs them, resumes them
supervisor.py   judges how a flow ended, and whether a stored one fits its definition
watch.py        wakes those who wait for a flow's next event
"""
