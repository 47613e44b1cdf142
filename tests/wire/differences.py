"""Every intended difference from Cinder 29, with its reason.

An entry holds for the steps and the differences that its patterns match completely. ``test_comparison.py``
fails for a difference that is not here, and for an entry that matches none any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Stated:
    """Steps with an intended difference, and its reason."""

    steps: str
    difference: str
    reason: str

    def matches(self, step: str, difference: str) -> bool:
        """Return whether the difference of a step is this one."""
        is_step = re.fullmatch(self.steps, step, re.DOTALL)
        return bool(is_step and re.fullmatch(self.difference, difference, re.DOTALL))


_OWN_500 = "Cinder fails with 500; what was wrong is told instead."
_NO_ROUTE = "Cinder serves the address with a controller that refuses it; here there is no such route."
_NULL_SPEC = "A key without a value is refused: a spec is a text."
_NOT_DROPPED = "Cinder drops this part of the query; no list here drops in silence what it is asked."
_MARKER = "Cinder takes no notice of the marker; lists here go on behind it, so it has to be there."
_OLD_TRANSFERS = "Below 3.59 Cinder takes limit and sort for filters, which no transfer meets."
_NOT_YET = "The address came with a later microversion. Before, it is not there, whatever is sent to it."
_DELETED = "Cinder goes on to show a group for a moment after its deletion."
_LENIENT = "Clients send null for what they do not name, which Cinder refuses."
_FAULT = r"\.(itemNotFound\.)?(code|message|title): .*|headers .*"

STATED: tuple[Stated, ...] = (
    # Errors of Cinder itself.
    Stated("volume_actions: connect text", "status 500, here 200", _OWN_500),
    Stated(
        r"volumes: volume list(/detail)?\?all_tenants=0",
        r"\.volumes: \[\], here elements",
        "Cinder looks for volumes with a column of that name, and finds none.",
    ),
    Stated(
        r"attachments: attachment list(/detail)?\?status=reserved",
        r"\.attachments: \[\], here elements",
        "Cinder documents the filter, and has no column of that name.",
    ),
    Stated(
        "consistencygroups: member list",
        r"\.volumes: \[\], here elements",
        "Cinder shows volumes a consistencygroup_id by which it does not find them.",
    ),
    Stated(
        "consistencygroups: consisgroup update, empty name",
        "status 400, here 202",
        "Cinder introduced emptying a name with 3.6, and refuses it since groups are generic.",
    ),
    Stated("volume_types: type create, no root", "status 500, here 400", _OWN_500),
    Stated("volume_bodies: volume create, no body", "status 500, here 400", _OWN_500),
    Stated("volumes: volume update, no body", "status 500, here 400", _OWN_500),
    Stated("volume_actions: .*", "status 500, here 4..", _OWN_500),
    Stated("protocol: (volumes at volume|no content type|an empty body)", "status 500, here 400", _OWN_500),
    Stated("inputs: volumes at volume 3.1 x", "status 500, here 400", _OWN_500),
    Stated(
        "quotas: default type .*",
        r"status 500, here .*|\.default_types: .*",
        "Cinder asks its identity service for the project and fails without one.",
    ),
    Stated(
        "quotas: type delete, a default",
        "status 202, here 400",
        "It is no default type there, since setting it failed.",
    ),
    Stated(
        "attachments: attachment delete( direct)?",
        "status 500, here 200",
        "The driver of the Cinder that was asked cannot detach.",
    ),
    Stated(
        "attachments: (attachment show deleted|volume show released)",
        r"status 200, here 404|\.volume\.attachments: .*",
        "Their deletion failed there.",
    ),
    Stated(
        "volumes: volume encryption key",
        r"\.encryption_key_id: .*|body: .*|type .*",
        "Cinder sends nothing at all where there is no key.",
    ),
    # Groups and quota.
    Stated(
        "quotas: quota .*",
        r"\.quota(_class)?_set\.consistencygroups.*",
        "Consistency groups have a quota of their own, which clients show and set by this name.",
    ),
    # Values without a kind of their own.
    Stated(
        "(volume_types: type default|quotas: type default of the project)",
        r"\.volume_type\.description: text, here null",
        "Cinder describes the type that it makes itself.",
    ),
    Stated(
        "services: /os-services.*",
        r"\.services\[\]\.disabled_reason: .*",
        "One service of the Cinder that was asked was disabled.",
    ),
    Stated(
        "attachments: attachment .*",
        r"\.attachments?(\[\])?\.attached_at: .*",
        "It is when the attachment was completed, and not when its client asked for the address.",
    ),
    Stated(
        "attachments: volume show attaching",
        r"\.volume\.attachments: .*",
        "An attachment that is complete stays so when its client asks for the address again.",
    ),
    Stated(
        "consistencygroups: consisgroup list.*",
        r"\.consistencygroups(: elements, here \[\]|\[\]\.(name|description): .*null.*, here text)",
        _DELETED,
    ),
    Stated("groups: group list empty", r"\.groups: elements, here \[\]", _DELETED),
    Stated("groups: group delete", "status 202, here 400", _DELETED),
    # Lists.
    Stated(
        r"(volume_types: type|group_types: group type|groups: group snapshot|consistencygroups: cgsnapshot) "
        "list(/detail)? marker of nobody",
        "status 200, here 404",
        _MARKER,
    ),
    Stated("transfers: .* list(/detail)? marker of nobody", "status 200, here 404", _MARKER),
    Stated(
        r"(consistencygroups: cgsnapshot|group_types: group type|groups: group snapshot) "
        r"list(/detail)?\?(name=x|nothing=1)",
        r"\.\w+: elements, here \[\]",
        _NOT_DROPPED,
    ),
    Stated(r"groups: group snapshot list(/detail)?\?sort=nothing:asc", "status 200, here 400", _NOT_DROPPED),
    Stated(r"volumes: volume list(/detail)?\?metadata=x", "status 200, here 400", _NOT_DROPPED),
    Stated(r"volumes: volume list(/detail)?\?bootable=x", "status 200, here 400", _NOT_DROPPED),
    Stated(
        r"volumes: volume list(/detail)?\?(created_at=x|updated_at=gt:x)",
        "status 400, here 200",
        "The filters came with 3.60: until then they have no meaning that could be wrong.",
    ),
    Stated(
        r"transfers: .* list(/detail)?\?(limit=1|sort=name:asc)",
        r"\.transfers: \[\], here elements",
        _OLD_TRANSFERS,
    ),
    Stated(
        r"(transfers: /volume-transfers|snapshots: snapshot) list(/detail)?\?sort=name:asc",
        "status 400, here 200",
        "The list shows a name, so it can be sorted by it.",
    ),
    # Requests that are refused more strictly, or less.
    Stated("consistencygroups: cgsnapshot create, what clients send", "status 400, here 202", _LENIENT),
    Stated(
        "consistencygroups: consisgroup update plainly",
        "status 400, here 202",
        "The address changes a group as that of generic groups does; cgflow's client uses it.",
    ),
    Stated(
        "quotas: quota update, digits",
        "status 400, here 200",
        "Terraform sends the quota of types in digits, and one limit is read as the other.",
    ),
    Stated(
        "services: service get-log",
        "status 200, here 400",
        "An empty list would say of another host that it logs nothing.",
    ),
    Stated(
        "snapshots: snapshot unmanage of nobody",
        "status 404, here 400",
        "Backends know their volumes by their ids, so there is no such action on any.",
    ),
    Stated("volume_types: (type|specs) create, null( spec)?", "status 200, here 400", _NULL_SPEC),
    Stated("qos_specs: qos create, null value", "status 200, here 400", _NULL_SPEC),
    Stated("group_types: group specs create, null", "status 202, here 400", _NULL_SPEC),
    Stated("group_types: group type update, empty name", "status 200, here 400", "A type has a name."),
    Stated(
        "metadata: snapshot metadata (add|replace), unknown beside",
        "status 200, here 400",
        "What stands beside metadata is refused, as Cinder does for volumes.",
    ),
    Stated("metadata: snapshot metadata delete", "status 200, here 404", "It was not set: see above."),
    Stated(
        "metadata: volume metadata list",
        "type .*",
        "From 3.15 on Cinder says of this JSON alone that it were HTML.",
    ),
    # Addresses.
    Stated(
        "services: (/os-availability-zone/detail|/os-(volume|snapshot)-manage.*|/workers"
        "|host update of nobody|old manage .*|service failover nothing)",
        f"{_FAULT}|status 40., here 40.",
        _NO_ROUTE,
    ),
    Stated("services: manage (volume|snapshot) nothing", "status 400, here 404", _NOT_YET),
    Stated("(groups|attachments): .* action (unknown|none)", "status 400, here 404", _NOT_YET),
    Stated(
        "services: service nothing nothing",
        r"\.(itemNotFound\.)?(code|message|title): .*|headers .*",
        "What is not there is an action on services; the fault names those that are.",
    ),
    Stated("protocol: volumes as JSON", "status 200, here 404", "No address has a suffix that names JSON."),
    Stated(
        "protocol: version document without a slash",
        r"type .*|body: .*",
        "The redirection has a body for people.",
    ),
    # Groups are consistency groups, and each is shown under both names.
    Stated(
        "consistencygroups: (consisgroup as a group.*|cgsnapshot as a group snapshot)",
        "status 400, here 200",
        "Groups are consistency groups: one is shown under either word.",
    ),
    Stated(
        "consistencygroups: (consisgroup in the list of groups|cgsnapshot in the list of group snapshots)",
        r"\.group(_snapshot)?s: \[\], here elements",
        "Groups are consistency groups: one is shown under either word.",
    ),
    Stated(
        "(consistencygroups|groups): (group )?members (from .*|unknown key)",
        r"\.volumes\[\]\.service_uuid: null, here uuid",
        "The backend of a copy is known when its group is made.",
    ),
    Stated(
        "snapshots: volume revert to older",
        "status 400, here 202",
        "A volume is put back to any of its snapshots.",
    ),
    Stated(
        "volume_actions: revert to nobody",
        "status 400, here 404",
        "Any snapshot will do, so what is wrong with this one is that it is not there.",
    ),
    Stated(
        "consistencygroups: consisgroup create, (list of types|number as type)",
        "status 500, here ...",
        _OWN_500,
    ),
    Stated(
        "consistencygroups: (cgsnapshot create, long name|consisgroup plain delete)",
        "status 500, here 400",
        _OWN_500,
    ),
)
