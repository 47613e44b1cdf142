"""A small typed client of the service over HTTP, one module per resource.

It depends on the API only, not on cgflow's database, engine or drivers. It never repeats a request on its
own. Only following a flow survives a restart of the service, for a stated time.
"""

from cgflow.client.client import Client

__all__ = ["Client"]
