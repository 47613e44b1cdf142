"""Call openstacksdk as each input line says; run by the Python of the clients' environment.

A line is a method of the block storage proxy with its arguments, as JSON. The reply is one line:
the result, or the error. The connection is configured by the environment.
"""

from __future__ import annotations

import json
import sys
import types

import openstack
from openstack.exceptions import SDKException
from openstack.resource import Resource

storage = openstack.connect().block_storage


def plain(given: object) -> object:
    if isinstance(given, Resource):
        return given.to_dict(computed=False, original_names=False)
    if isinstance(given, list | tuple | types.GeneratorType):
        return [plain(one) for one in given]
    return given


for line in sys.stdin:
    method, args, options = json.loads(line)
    try:
        answer = {"gave": plain(getattr(storage, method)(*args, **options))}
    except (SDKException, ValueError, TypeError, AttributeError) as refusal:
        known = (type(refusal).__name__, getattr(refusal, "status_code", None), str(refusal))
        answer = {"refused": known}
    print(json.dumps(answer, default=str), flush=True)
