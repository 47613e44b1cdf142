"""TaskFlow's own tables, in the service's metadata, with the indexes that they lack.

Without an index on ``parent_uuid`` loading one flow scans the atoms of all of them.
"""

from sqlalchemy import Index
from taskflow.persistence.backends.sqlalchemy import tables

from cgflow.db.models.base import Base

LOGBOOKS, FLOWDETAILS, ATOMDETAILS = tables.fetch(Base.metadata)

Index("ix_flowdetails_parent_uuid", FLOWDETAILS.c.parent_uuid)
Index("ix_atomdetails_parent_uuid", ATOMDETAILS.c.parent_uuid)
