"""Make a volume as fast again as it was with fewer copies.

Begun by the service itself when the backend says that it is due. It holds no
claim: nothing that anybody can see changes, and every other operation on the
volume goes on, the backend giving way to it. So there is nothing to undo
either; what failed is tried again, and after that by a later flow.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import forward_only
from flows.tasks import compaction


def compact_volume() -> Flow:
    """Build the story."""
    return linear_flow.Flow("volume.compact").add(
        forward_only("volume.compacted", compaction.CompactVolume())
    )
