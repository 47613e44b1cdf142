"""The service from outside: a small typed client over HTTP, one file per noun.

It knows the wire and nothing else of cgflow: no database, engine or driver.
No request is ever repeated behind the caller's back; following a flow is the
one thing that outlives a restart of the service, and says for how long.
"""

from cgflow.client.client import Client

__all__ = ["Client"]
