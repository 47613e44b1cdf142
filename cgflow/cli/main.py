"""The command ``cgflow``: root options, command discovery, and error handling.

Commands come from the entry-point group ``cgflow.commands`` and are loaded when they are needed. A command
that cannot be loaded is listed with the reason and does not affect the others.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

import cgflow
from cgflow.cli.context import CliContext
from cgflow.cli.exit_codes import EPILOG, ExitCode, error_as_json, exit_code_of
from cgflow.cli.output import Output, discard_stdout, flush_output, is_output_error
from cgflow.client.credentials import select_credentials
from cgflow.errors import CgflowError, ConfigError, InvalidInput

COMMANDS = "cgflow.commands"


class Commands(click.Group):
    """The commands that the installed packages provide."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of the provided commands."""
        return sorted(entry_points(group=COMMANDS).names)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command, or return a stand-in with the reason why it cannot be loaded."""
        contributed = {point.value: point for point in entry_points(group=COMMANDS, name=cmd_name)}
        if not contributed:
            return None
        if len(contributed) > 1:
            return _make_unavailable_command(
                cmd_name, f"two packages provide it: {' and '.join(contributed)}"
            )
        return _load_command(next(iter(contributed.values())))

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        """Run the command line, and report unreadable arguments and failed output."""
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            try:
                _exit_unless_utf8(arguments)
                return super().main(arguments, *more, **options)
            finally:
                # Buffered output is written now, while a failure can still be reported.
                flush_output()
        except OSError as error:
            if not is_output_error(error):
                raise
            discard_stdout()
            if error.errno != errno.EPIPE:
                # Nothing is reported if the reader has closed the pipe, or if errors cannot be written
                # either.
                with suppress(OSError):
                    click.echo(f"Error: The output cannot be written: {error.strerror}.", err=True)
            sys.exit(ExitCode.FAILED)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; report the error that it raises, and exit with the error's code."""
        try:
            return super().invoke(ctx)
        except CgflowError as error:
            _report_error(_output_of_context(ctx), error)
            ctx.exit(exit_code_of(error))
        except UnicodeEncodeError as error:
            _report_error(
                _output_of_context(ctx),
                InvalidInput(f"{error.object!r} cannot be sent, because it is not valid text."),
            )
            ctx.exit(ExitCode.USAGE)
        except click.UsageError as error:
            if not _output_of_context(ctx).as_json:
                raise
            _report_error(_output_of_context(ctx), InvalidInput(error.format_message()))
            ctx.exit(ExitCode.USAGE)
        except KeyboardInterrupt:
            _output_of_context(ctx).note("Interrupted. Accepted operations continue: see 'cgflow flow list'.")
            ctx.exit(ExitCode.INTERRUPTED)


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--url",
    envvar="CGFLOW_URL",
    default="http://127.0.0.1:8776",
    show_default=True,
    show_envvar=True,
    help="Address of the service.",
)
@click.option(
    "--project",
    envvar="CGFLOW_PROJECT",
    default="admin",
    show_default=True,
    show_envvar=True,
    help="Name or id of the project.",
)
@click.option(
    "--user",
    envvar=["CGFLOW_USER", "OS_USERNAME"],
    default="admin",
    show_default=True,
    show_envvar=True,
    help="Name of the user.",
)
@click.option(
    "--password",
    envvar=["CGFLOW_PASSWORD", "OS_PASSWORD"],
    show_envvar=True,
    help="For http_basic, or with OS_AUTH_URL, OS_PROJECT_NAME etc. for keystone. Not needed with OS_TOKEN.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout, and errors as JSON on stderr.")
@click.version_option(cgflow.__version__, prog_name="cgflow")
@click.pass_context
def main(ctx: click.Context, url: str, project: str, user: str, password: str | None, as_json: bool) -> None:
    """All-or-nothing snapshots of groups of volumes, with the history of every operation.

    Resources are identified by name or id.
    """
    ctx.obj = CliContext(url, project, user, Output(as_json), select_credentials(os.environ, user, password))


def _report_error(output: Output, error: CgflowError) -> None:
    request_id = getattr(error, "request_id", None)
    output.error(error.message + (f" ({request_id})" if request_id else ""), error_as_json(error))


def _exit_unless_utf8(arguments: Sequence[str]) -> None:
    """Exit, if an argument is not UTF-8: Python represents its bytes as unpaired surrogates."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            named = ascii(argument.encode(errors="surrogateescape"))[2:-1]
            error = InvalidInput(f"The argument '{named}' is not text in UTF-8.")
            _report_error(Output("--json" in arguments), error)
            sys.exit(ExitCode.USAGE)


def _load_command(point: EntryPoint) -> click.Command:
    try:
        command = point.load()
    except Exception as error:  # noqa: BLE001  # a module of another package may raise anything
        return _make_unavailable_command(
            point.name, f"{point.value} cannot be loaded: {type(error).__name__}: {error}"
        )
    if not isinstance(command, click.Command):
        return _make_unavailable_command(point.name, f"{point.value} is not a click command")
    return command


def _make_unavailable_command(name: str, reason: str) -> click.Command:
    def raise_unavailable() -> None:
        raise ConfigError(f"The command '{name}' is unavailable: {reason}.")

    return click.Command(
        name,
        callback=raise_unavailable,
        short_help=f"(unavailable: {reason})",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


def _output_of_context(ctx: click.Context) -> Output:
    context = ctx.find_object(CliContext)
    # An unknown command is refused before there is a context.
    return context.out if context is not None else Output(bool(ctx.params.get("as_json")))
