"""Print an expired token of keystone; run by the Python of keystone's own environment."""

from __future__ import annotations

import datetime
import os
import sys
import uuid

import keystone.conf
from keystone.token import token_formatters

user_id, project_id = sys.argv[1:]
keystone.conf.configure()
keystone.conf.CONF([], project="keystone", default_config_files=[os.environ["OS_KEYSTONE_CONFIG_FILES"]])
over = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1)
print(
    token_formatters.TokenFormatter().create_token(
        user_id,
        over.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
        [uuid.uuid4().hex[:22]],
        token_formatters.ProjectScopedPayload,
        methods=["password"],
        project_id=project_id,
    )
)
