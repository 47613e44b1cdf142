"""Options of the service: declared here for oslo.config, passed on as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from oslo_config import cfg

from cgflow import backends, config_spelling

OPERATIONS: list[cfg.Opt] = [
    cfg.ListOpt(
        "enabled_backends",
        default=["qsd"],
        help="Names of the backends of this process. The section with a backend's name configures it. "
        "Without such a section, the name is that of an installed driver.",
    ),
    cfg.StrOpt(
        "storage_availability_zone",
        default="nova",
        help="Availability zone of the backends of this process.",
    ),
    cfg.StrOpt(
        "default_availability_zone",
        help="Availability zone of requests that name none. Default: storage_availability_zone.",
    ),
    cfg.StrOpt("default_volume_type", help="Volume type of requests that name none, by name or id."),
    cfg.StrOpt("default_group_type", help="Default group type, by name or id."),
    cfg.BoolOpt(
        "no_snapshot_gb_quota",
        default=False,
        help="Do not count the size of snapshots against the gigabytes quota.",
    ),
    cfg.IntOpt(
        "reservation_expire",
        default=86400,
        min=60,
        help="Seconds after which a quota reservation of a flow that has ended is cancelled.",
    ),
    cfg.IntOpt("osapi_max_limit", default=1000, min=1, help="Maximum number of items in one page of a list."),
]
SCHEDULER: list[cfg.Opt] = [
    cfg.ListOpt(
        "scheduler_default_filters",
        default=["backend_up", "enabled", "availability_zone", "capabilities", "capacity"],
        help="Names of the filters that a backend must pass.",
    ),
    cfg.ListOpt(
        "scheduler_default_weighers", default=["capacity"], help="Names of the weighers that rank backends."
    ),
    cfg.IntOpt("report_interval", default=10, min=1, help="Seconds between two reports of a backend."),
    cfg.IntOpt(
        "service_down_time",
        default=60,
        min=1,
        help="Seconds without a report after which a backend counts as down.",
    ),
]
ENGINE: list[cfg.Opt] = [
    cfg.IntOpt("max_flows", default=8, min=1, help="Maximum number of flows that run at the same time."),
    cfg.IntOpt(
        "max_steps",
        default=16,
        min=1,
        help="Maximum number of steps that run at the same time, in all flows.",
    ),
    cfg.IntOpt(
        "http_threads", default=16, min=2, help="Maximum number of requests that are served at the same time."
    ),
]
HISTORY: list[cfg.Opt] = [
    cfg.IntOpt(
        "max_age_days",
        default=90,
        min=0,
        help="Number of days for which ended flows and their events are kept; 0 means no limit. For a "
        "resource that exists, the flow that created it and the newest 100 are always kept, as are "
        "failed rollbacks. The record of a deleted resource is removed together with the flow that "
        "deleted it.",
    ),
    cfg.IntOpt(
        "max_flows",
        default=5000,
        min=0,
        help="Maximum number of ended flows that are kept, with the same exceptions; 0 means no limit. A "
        "flow takes about 50 kB.",
    ),
]
AUTHENTICATION: list[cfg.Opt] = [
    cfg.StrOpt(
        "auth_strategy",
        default="noauth",
        choices=[
            ("noauth", "callers are not authenticated; allowed on loopback addresses only"),
            ("http_basic", "users and passwords from a file"),
            ("keystone", "tokens of an identity service, which is configured in [keystone_authtoken]"),
        ],
        help="How callers are authenticated.",
    ),
    cfg.StrOpt(
        "http_basic_auth_user_file",
        default="/etc/cgflow/htpasswd",
        help="File with the users and their bcrypt hashes, as written by 'htpasswd -B'. It is reloaded "
        "when it changes.",
    ),
    cfg.StrOpt(
        "http_basic_auth_project_file",
        default="/etc/cgflow/projects.yaml",
        help="File with the roles of each user in each project. It is reloaded when it changes.",
    ),
]
HTTP: list[cfg.Opt] = [
    cfg.ListOpt(
        "trusted_proxies",
        default=[],
        help="Addresses and networks of the proxies in front of the service, such as 127.0.0.1 or "
        "192.0.2.0/24. Links are built from the X-Forwarded-Proto, -Host, -Port, -Prefix and -For "
        "headers of these proxies, so that they lead through the proxy. Those headers are ignored if "
        "they come from any other address.",
    ),
]
POLICY: list[cfg.Opt] = [
    cfg.StrOpt(
        "policy_file",
        help="Path of a YAML file with rules that replace the defaults. policy.yaml.sample lists all "
        "rules. The file is reloaded when it changes. Default: no file.",
    ),
]
NOTIFICATIONS: list[cfg.Opt] = [
    cfg.ListOpt(
        "notifiers",
        default=["log"],
        help="Names of the notifiers that send notifications about groups, volumes and snapshots; empty "
        "for none. `log` writes one line of JSON for each event. Other notifiers are installed as "
        "entry points of the group cgflow.notifiers.",
    ),
]
GROUPS: list[tuple[str | None, list[cfg.Opt]]] = [
    (None, [*OPERATIONS, *AUTHENTICATION]),
    ("http", HTTP),
    ("scheduler", SCHEDULER),
    ("engine", ENGINE),
    ("history", HISTORY),
    ("notifications", NOTIFICATIONS),
    ("oslo_policy", POLICY),
]


def list_opts() -> list[tuple[str | None, list[cfg.Opt]]]:
    """Return all options with their groups, for the sample file."""
    return [*GROUPS, *backends.sample_options()]


def load_config(files: Sequence[Path]) -> cfg.ConfigOpts:
    """Read the options from configuration files. Raises: ConfigError; oslo_config.cfg.Error."""
    conf = cfg.ConfigOpts()
    for group, options in GROUPS:
        conf.register_opts(options, group=group)
    written = config_spelling.read_values(files)
    known = _known_options(written)
    config_spelling.check_references(written, known)
    config_spelling.check_spelling(written, known)
    conf([], project="cgflow", default_config_files=[str(path) for path in files], default_config_dirs=[])
    for group, options in GROUPS:
        for option in options:
            # oslo.config validates a value when it is read: read all now, so that a bad one is refused early.
            getattr(conf if group is None else conf[group], option.dest)
    return conf


def _known_options(written: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, set[str]]:
    """Return the known options of each section that is read."""
    known = {group or config_spelling.DEFAULT: {option.dest for option in opts} for group, opts in GROUPS}
    known |= backends.known_options(written)
    for name in (written.get(config_spelling.DEFAULT, {}).get("enabled_backends") or [""])[-1].split(","):
        # The options of a backend's section are checked when its driver is made.
        if name.strip() in written:
            known.setdefault(name.strip(), set(written[name.strip()]))
    if config_spelling.KEYSTONE in written:
        values = written[config_spelling.KEYSTONE]
        plugin = values.get("auth_type") or values.get("auth_plugin") or ["password"]
        known[config_spelling.KEYSTONE] = _keystone_options(plugin[-1])
    return known


def _keystone_options(plugin: str) -> set[str]:
    """Return the options of the section for token validation, including those of an auth plugin."""
    # These imports take half a second and are seldom needed.
    from keystoneauth1 import loading
    from keystonemiddleware import opts

    options = [option for _, group in opts.list_auth_token_opts() for option in group]
    options += loading.get_auth_common_conf_options() + loading.get_session_conf_options()
    if plugin in loading.get_available_plugin_names():
        options += loading.get_auth_plugin_conf_options(plugin)
    older = [former for option in options for former in option.deprecated_opts]
    return {option.dest for option in options} | {former.name.replace("-", "_") for former in older}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of operations. Times are in seconds."""

    storage_availability_zone: str = "nova"
    default_availability_zone: str | None = None
    default_volume_type: str | None = None
    default_group_type: str | None = None
    no_snapshot_gb_quota: bool = False
    reservation_expire_s: int = 86400
    osapi_max_limit: int = 1000
    service_down_s: int = 60

    @property
    def availability_zone(self) -> str:
        """The zone of a request that names none."""
        return self.default_availability_zone or self.storage_availability_zone


def settings_from_config(conf: cfg.ConfigOpts) -> Settings:
    """Return the settings of operations."""
    return Settings(
        storage_availability_zone=conf.storage_availability_zone,
        default_availability_zone=conf.default_availability_zone,
        default_volume_type=conf.default_volume_type,
        default_group_type=conf.default_group_type,
        no_snapshot_gb_quota=conf.no_snapshot_gb_quota,
        reservation_expire_s=conf.reservation_expire,
        osapi_max_limit=conf.osapi_max_limit,
        service_down_s=conf.scheduler.service_down_time,
    )
