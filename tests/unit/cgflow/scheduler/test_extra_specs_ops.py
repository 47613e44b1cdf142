"""The operators of extra specs."""

import operator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cgflow.scheduler.extra_specs_ops import meets_requirement

WORDS = st.text("abcxyz0189", min_size=1, max_size=6)
NUMBERS = st.integers(-1000, 1000) | st.floats(-1000, 1000, allow_nan=False)


@pytest.mark.parametrize(
    ("capability", "requirement", "met"),
    [
        (True, "<is> True", True),
        ("true", "<is> yes", True),
        (1, "<is> True", True),
        (False, "<is> True", False),
        (False, "<is> False", True),
        ("nonsense", "<is> True", False),
        (None, "<is> True", False),
        (None, "<is> False", False),
        (True, "<is>", False),
        (True, "True", True),
        (True, "true", True),
        (False, "no", True),
        (True, "maybe", False),
        ("qsd", "qsd", True),
        ("QSD", "qsd", True),
        ("qsd", "rbd", False),
        (None, "None", False),
        (3, "3", True),
        ("fast storage", "<in> fast", True),
        ("slow", "<in> fast", False),
        ("slow", "<in>", False),
        ("b", "<or> a <or> b", True),
        ("c", "<or> a <or> b", False),
        ("a b", "<or> a b <or> c", True),
        (2, "<or> 1 <or> 2", True),
        (["aes", "mmx", "sse"], "<all-in> aes sse", True),
        (["aes"], "<all-in> aes sse", False),
        ([], "<all-in> aes", False),
        (["aes"], "<all-in>", False),
        (["nbd", "iscsi"], "nbd", True),
        (["nbd", "iscsi"], "rbd", False),
        ([], "nbd", False),
        (100, "= 50", True),
        (100, "= 101", False),
        ("100", ">= 100", True),
        (100, "<= 99.5", False),
        (100, "== 100.0", True),
        (100, "!= 100", False),
        ("many", ">= 1", False),
        (100, ">= many", False),
        (100, ">=", False),
        ("11", "s< 2", True),
        ("a b", "s== a b", True),
        ("a", "s!= a", False),
        ("A", "s== a", True),
    ],
)
def test_meets(capability, requirement, met):
    assert meets_requirement(capability, requirement) is met


@pytest.mark.parametrize(
    ("symbol", "compare"),
    [("=", operator.ge), (">=", operator.ge), ("<=", operator.le), ("==", operator.eq), ("!=", operator.ne)],
)
@given(x=NUMBERS, y=NUMBERS)
def test_numbers_compare_as_numbers(symbol, compare, x, y):
    assert meets_requirement(x, f"{symbol} {y}") is compare(float(x), float(str(y)))
    assert meets_requirement(str(x), f"  {symbol}   {y} ") is compare(float(x), float(str(y)))


@pytest.mark.parametrize(
    ("symbol", "compare"),
    [
        ("s==", operator.eq), ("s!=", operator.ne), ("s<", operator.lt),
        ("s<=", operator.le), ("s>", operator.gt), ("s>=", operator.ge),
    ],
)  # fmt: skip
@given(x=WORDS, y=WORDS)
def test_texts_compare_as_texts(symbol, compare, x, y):
    assert meets_requirement(x, f"{symbol} {y}") is compare(x, y)


@given(WORDS, st.lists(WORDS, min_size=1))
def test_or_is_membership(value, choices):
    assert meets_requirement(value, " ".join(f"<or> {choice}" for choice in choices)) is (value in choices)


@given(st.lists(WORDS), st.lists(WORDS, min_size=1))
def test_all_in_is_inclusion(values, wanted):
    assert meets_requirement(values, f"<all-in> {' '.join(wanted)}") is (set(wanted) <= set(values))


@given(st.lists(WORDS | st.integers() | st.booleans()), WORDS)
def test_a_list_meets_what_one_of_its_items_meets(values, wanted):
    assume(wanted not in ("<all-in>",))
    assert meets_requirement(values, wanted) is any(meets_requirement(value, wanted) for value in values)


@given(st.none() | st.text() | st.integers() | st.floats() | st.lists(st.text()) | st.booleans(), st.text())
def test_nothing_that_an_operator_types_can_fail(capability, requirement):
    for symbol in ("", "<is> ", "<in> ", "<or> ", "<all-in> ", "= ", "!= ", "s< "):
        assert meets_requirement(capability, symbol + requirement) in (True, False)
