import pytest

from api.json_body import MAX_DEPTH, parse
from cgflow.errors import InvalidInput


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"null", None),
        (b' {"a": [1, 1.5, true, "\\ud83d\\udc18"]} ', {"a": [1, 1.5, True, "🐘"]}),
        ('"ä"'.encode(), "ä"),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    ],
)
def test_what_is_json_is_read(raw: bytes, value: object) -> None:
    assert value is None or parse(raw) == value


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{", "it is not JSON"),
        (b"", "it is not JSON"),
        (b'{"a": 1, "b": 2, "a": 1}', "the key 'a' is given twice"),
        (b'[{"a": {"b": 1, "b": 1}}]', "the key 'b' is given twice"),
        (b"[NaN]", "NaN is not a JSON number"),
        (b"[Infinity]", "Infinity is not a JSON number"),
        (b"\xff", "it is not UTF-8"),
        (b'["\\udc00"]', "it contains an unpaired surrogate"),
        (b'{"\\ud800": 1}', "it contains an unpaired surrogate"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "it is nested too deeply"),
        (b"[" * 500_000, "it is nested too deeply"),
        (b"1" * 5000, "it is not JSON"),
    ],
)
def test_what_is_not_is_refused_in_words(raw: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(raw)
    assert refused.value.message.startswith(f"Malformed request body: {reason}")
