"""``cgflow serve``: the whole embedded service in one process."""

from __future__ import annotations

import errno
import gc
import ipaddress
import logging
import os
import re
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType

import click
from flask import Flask
from oslo_config import cfg
from sqlalchemy.exc import DatabaseError

from api import http_server, log, proxies
from api.app import create_app
from api.auth.http_basic import HttpBasic
from api.auth.identity import Strategy
from api.auth.noauth import NoAuth
from cgflow import backends, config
from cgflow.db.database import Database
from cgflow.db.disk_reserve import DiskReserve
from cgflow.db.upgrade import upgrade
from cgflow.drivers.fault_injection.faulty_driver import FaultSchedule, wrap_with_faults
from cgflow.errors import ConfigError
from cgflow.policy import Policy
from cgflow.state_dir import DATABASE, StateDir
from flows.runtime import Runtime
from flows.service import Service

LOG = logging.getLogger(__name__)

_OPTION_LOCATION = re.compile(r"LocationInfo\(location=<[^>]*>, detail='(.*?)'\)")


@click.command()
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    required=True,
    help="Directory of the database and of local volumes.",
)
@click.option("--bind", default="127.0.0.1:8776", show_default=True, help="Address and port to serve on.")
@click.option(
    "--backend", multiple=True, help="Backend to serve, by name, instead of enabled_backends. Repeatable."
)
@click.option(
    "--config-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="Options and backends, as in etc/cgflow.conf.sample; repeatable, later files win.",
)
@click.option("--drills", is_flag=True, help="Inject the faults listed in STATE_DIR/faults.json, for drills.")
@click.option(
    "--adopt",
    is_flag=True,
    help="Start even if backends have volumes without records, so that cgflow audit --repair adopt can "
    "create the records.",
)
@click.option("--verbose", is_flag=True, help="Also log what the engine does.")
def serve(
    state_dir: Path,
    bind: str,
    backend: tuple[str, ...],
    config_file: tuple[Path, ...],
    drills: bool,
    adopt: bool,
    verbose: bool,
) -> None:
    """Serve the API on an embedded database and the backends of this host, until SIGTERM."""
    log.set_up_logging(verbose=verbose)
    state = StateDir(state_dir)
    try:
        with StopSignal() as stop:
            conf = config.load_config(config_file)
            auth = create_auth_strategy(conf)
            path = conf.oslo_policy.policy_file
            policy = Policy(Path(path) if path else None)
            listener = _open_listening_socket(bind, auth)
            state.acquire()
            app = partial(
                create_app,
                strategy=auth,
                policy=policy,
                trusted_proxies=proxies.parse_networks(conf.http.trusted_proxies),
            )
            names = list(backend or conf.enabled_backends)
            _start_and_serve(state, listener, conf, app, names, stop, drills=drills, adopt=adopt)
    except StopRequested:
        LOG.info("stopped before it was ready")
    except (cfg.Error, cfg.ParseError) as error:
        # oslo.config shows the source of a value as the repr of one of its own objects.
        message = _OPTION_LOCATION.sub(r"\1", str(error))
        raise ConfigError(f"The configuration cannot be used: {message}") from error
    except UnicodeDecodeError as error:
        named = " or ".join(map(str, config_file))
        raise ConfigError(f"The configuration cannot be used: {named} is not text ({error}).") from error
    finally:
        state.release()


def _start_and_serve(
    state: StateDir,
    listener: socket.socket,
    conf: cfg.ConfigOpts,
    app: Callable[[Runtime], Flask],
    names: list[str],
    stop: StopSignal,
    *,
    drills: bool,
    adopt: bool,
) -> None:
    drivers_by_name = backends.make_drivers(conf, names, state.path)
    if drills:
        faults = FaultSchedule.from_file(state.path / "faults.json")
        drivers_by_name = {name: wrap_with_faults(driver, faults) for name, driver in drivers_by_name.items()}
    stop.raise_if_set()
    is_new = not state.has_database
    _upgrade_schema(state)
    if is_new:
        LOG.info("created a new database: %s", state.path / DATABASE)
    here = socket.gethostname()
    drivers = {f"{here}@{name}": driver for name, driver in drivers_by_name.items()}
    service = Service(conf, Database(state.database_url, DiskReserve(state.reserve_path)), drivers)

    try:
        left = service.start(stop.raise_if_set, refuse_unknown=not adopt)
        server = http_server.create_server(app(service.runtime), listener, threads=conf.engine.http_threads)
        stop.raise_if_set()
        # The objects made so far live as long as the process. Frozen, they are not scanned by the garbage
        # collector with every long answer.
        gc.collect()
        gc.freeze()
        stop.raise_if_set()
        host, port = listener.getsockname()[:2]
        flows = "flow" if len(left) == 1 else "flows"
        resumed = f", {len(left)} unfinished {flows} resumed" if left else ""
        served = f"backend {names[0]}" if len(names) == 1 else f"backends {', '.join(names)}"
        click.echo(f"cgflow serves on http://{host}:{port} (state in {state.path}, {served}{resumed})")
        _serve_until_stopped(server, service, stop)
    except ConfigError:
        if is_new:
            # The new database is empty. It is removed, so that it is not taken for the one that belongs here.
            service.stop()
            state.remove_database()
        raise
    finally:
        service.stop()
    LOG.info("stopped")


def _serve_until_stopped(server: http_server.Server, service: Service, stop: StopSignal) -> None:
    """Serve until a stop is requested. Requests that are being served then are still answered.

    The main thread only waits, so that it can handle signals.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="http") as pool:
        serving = pool.submit(server.run)
        serving.add_done_callback(lambda _: stop.set())
        stop.wait()
        LOG.info("stopping: unfinished flows resume at the next start, volumes keep serving")
        # Long polls would occupy the server's threads until they time out.
        service.conductor.watch.close()
        server.stop()
        serving.result()


def _upgrade_schema(state: StateDir) -> None:
    """Upgrade the schema. Raises: ConfigError, if the database is invalid, newer than the code, or full."""
    try:
        upgrade(state.database_url)
    except DatabaseError as error:
        raise ConfigError(
            f"The database {state.path / 'cgflow.db'} cannot be used: {error.orig}. It was not changed. "
            "Restore it from a backup, or name another state directory."
        ) from error


def _open_listening_socket(bind: str, auth: Strategy) -> socket.socket:
    """Open the listening socket.

    Raises: ConfigError for an address that is malformed or in use, that this host does not have, or that is
    not a loopback address while there is no authentication.
    """
    host, _, port = bind.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        number = int(port)
    except ValueError:
        raise ConfigError(f"--bind must be ADDRESS:PORT with a numeric address, not {bind!r}.") from None
    if not 0 <= number <= 65535:
        raise ConfigError(f"--bind must be ADDRESS:PORT with a port from 0 to 65535, not {bind!r}.")
    if auth.is_unverified and not address.is_loopback:
        raise ConfigError(
            f"Refused to serve on {address} without authentication: anyone who reaches the port could do "
            "anything. Bind a loopback address such as 127.0.0.1, or set another auth_strategy."
        )
    listener = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((str(address), number))
    except OSError as error:
        listener.close()
        is_in_use = error.errno == errno.EADDRINUSE
        why = "the port is in use by another process" if is_in_use else error.strerror
        raise ConfigError(f"Cannot serve on {bind}: {why}. Name another with --bind.") from error
    return listener


_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopRequested(Exception):
    """A stop was requested while the service was starting."""


class StopSignal:
    """Records the first stop signal. A second one ends the process at once, as if there were no handler.

    A context manager for the main thread. On exit the previous handlers are restored.

    A signal handler runs between any two instructions of the main thread, also within callbacks that swallow
    exceptions. The handler therefore raises nothing and takes no lock: it sets a flag, and the wakeup file
    descriptor wakes the thread that waits.
    """

    def __init__(self) -> None:
        self.is_set = False

    def __enter__(self) -> StopSignal:
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._writer, False)
        # The wakeup descriptor wakes the waiting thread, whichever thread the signal interrupts.
        self._former_wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        # nohup ignores SIGHUP, so that a service survives its terminal.
        survives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._numbers = [number for number in _SIGNALS if number != signal.SIGHUP or not survives]
        self._former = {number: signal.signal(number, self._handle) for number in self._numbers}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._former_wakeup)
        os.close(self._reader)
        os.close(self._writer)

    def set(self) -> None:
        """Request the stop from within the process."""
        self.is_set = True
        os.write(self._writer, b"\0")

    def wait(self) -> None:
        """Return when a stop is requested."""
        while not self.is_set:
            os.read(self._reader, 1)

    def raise_if_set(self) -> None:
        """Raise StopRequested if a stop is requested."""
        if self.is_set:
            raise StopRequested

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.is_set = True
        for number in self._numbers:
            signal.signal(number, signal.SIG_DFL)


def create_auth_strategy(conf: cfg.ConfigOpts) -> Strategy:
    """Return the strategy that ``auth_strategy`` names, ready for use. Raises: ConfigError."""
    if conf.auth_strategy == "http_basic":
        return HttpBasic(
            Path(conf.http_basic_auth_user_file),
            Path(conf.http_basic_auth_project_file),
            most_checks=max(1, conf.engine.http_threads // 2),
        )
    if conf.auth_strategy == "keystone":
        # These imports take half a second, so they happen only if they are needed.
        from api.auth.keystone import Keystone

        return Keystone(conf)
    return NoAuth()
