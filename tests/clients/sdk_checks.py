"""Checks of what the SDK returns: refusals and ids."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.sdk_process import SdkError


@contextmanager
def refused(status: int, *words: str) -> Iterator[None]:
    with pytest.raises(SdkError) as refusal:
        yield
    assert refusal.value.status == status, refusal.value
    for word in words:
        assert word in refusal.value.message


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [resource["id"] for resource in found]
