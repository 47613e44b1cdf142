"""Arguments of the form KEY=VALUE."""

from __future__ import annotations

import click


class Property(click.ParamType[tuple[str, str]]):
    """One KEY=VALUE; the value may be empty and may contain equal signs."""

    name = "KEY=VALUE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the first equal sign."""
        if isinstance(value, tuple):
            return value
        key, sign, rest = str(value).partition("=")
        if not key or not sign:
            self.fail(f"'{value}' is not of the form KEY=VALUE.", param, ctx)
        return key, rest


class Limit(Property):
    """One RESOURCE=LIMIT with an integer limit, as a pair of strings."""

    name = "RESOURCE=LIMIT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split, and check that the limit is an integer."""
        key, limit = super().convert(value, param, ctx)
        if not limit.removeprefix("-").isdecimal():
            self.fail(f"'{value}': a limit is a whole number, -1 for none.", param, ctx)
        return key, limit
