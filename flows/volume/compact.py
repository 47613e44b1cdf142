"""Compact a volume, so that it is as fast as it was with fewer snapshots.

The service starts this flow itself when the backend reports that compaction is due. The flow claims
nothing: nothing visible changes, and other operations on the volume continue, because the backend
gives them precedence. Nothing has to be undone. A failed step is retried, and then retried by a
later flow.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import forward_only
from flows.tasks import compaction


def compact_volume() -> Flow:
    """Build the flow."""
    return linear_flow.Flow("volume.compact").add(
        forward_only("volume.compacted", compaction.CompactVolume())
    )
