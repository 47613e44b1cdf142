"""The choice of a backend, and the message when there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import EntryPoint

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cgflow.drivers.contract.cut_evidence import CutLevel
from cgflow.errors import ConfigError, InvalidInput, NoValidBackend
from cgflow.scheduler import placement as placements
from cgflow.scheduler.placement import Placement

from .conftest import NOW, backend, request

FILTERS = ["availability_zone", "backend_up", "capabilities", "capacity"]
ABLE = {"consistencygroup_support": True}


@pytest.fixture(scope="module")
def placement():
    return Placement(FILTERS, ["capacity"])


def kind(name, **specs):
    return request(id="G", volume_type=name, extra_specs=specs)


def refused(call, *args):
    with pytest.raises(NoValidBackend) as error:
        call(*args)
    return error.value.message


def test_volume_goes_where_most_room_is(placement):
    choice = placement.choose_for_volume(
        [backend("h@a", free=10), backend("h@b", free=20)], request(size_gib=1)
    )
    assert (choice.host, choice.reasons) == ("h@b", {})


def test_the_rejected_are_told_beside_the_choice(placement):
    backends = [backend("h@a", free=1.0), backend("h@b"), backend("h@c", zone="z", is_up=False)]
    choice = placement.choose_for_volume(backends, request(size_gib=2, availability_zone="nova"))
    assert choice.host == "h@b"
    assert choice.reasons == {
        "h@a": ("has 1 GiB free, needs 2 GiB",),
        "h@c": ("is down since 2026-11-22T09:59:59.000000",),
    }, "what a backend that is down said of itself explains nothing"


def test_no_valid_backend_names_each_with_all_its_reasons(placement):
    """S75."""
    backends = [backend("host@qsd"), backend("host@other", is_up=False, **ABLE)]
    assert refused(placement.choose_for_group, backends, [kind("gold")], None) == (
        "No valid backend was found for consistency group G: "
        "host@other: is down since 2026-11-22T09:59:59.000000; "
        "host@qsd: lacks consistencygroup_support (needs '<is> True', has None)."
    )


def test_no_backend_at_all_is_said(placement):
    """S75."""
    message = refused(placement.choose_for_volume, [], request())
    assert message == "No valid backend was found for volume V: no backend has reported yet."


def test_equal_backends_are_taken_by_name(placement):
    assert placement.choose_for_volume([backend("h@b"), backend("h@a")], request()).host == "h@a"


def test_group_has_to_be_accepted_for_every_type(placement):
    """S70, S73."""
    backends = [
        backend("h@fast", speed=9, **ABLE),
        backend("h@safe", safe=True, **ABLE),
        backend("h@both", speed=9, safe=True, free=1.0, **ABLE),
    ]
    types = [kind("gold", speed=">= 5"), kind("safe", safe="<is> True")]
    choice = placement.choose_for_group(backends, types, None)
    assert choice.host == "h@both"
    assert choice.reasons == {
        "h@fast": ("lacks safe (needs '<is> True', has None) for volume type safe",),
        "h@safe": ("lacks speed (needs '>= 5', has None) for volume type gold",),
    }


def test_empty_intersection_is_no_valid_backend(placement):
    """S73, S75."""
    backends = [backend("h@fast", speed=9, **ABLE), backend("h@safe", safe=True, **ABLE)]
    message = refused(
        placement.choose_for_group, backends, [kind("a", speed="9"), kind("b", safe="True")], None
    )
    assert "h@fast: lacks safe" in message
    assert "h@safe: lacks speed" in message


def test_group_needs_support_and_the_type_is_not_touched(placement):
    """S71, S72."""
    specs = {"capabilities:consistencygroup_support": "<is> False"}
    one = request(id="G", extra_specs=specs)
    # A scoped key does not replace the unscoped one: both are required, and no backend can meet both.
    assert "lacks consistencygroup_support" in refused(
        placement.choose_for_group, [backend(**ABLE)], [one], None
    )
    assert specs == {"capabilities:consistencygroup_support": "<is> False"}


def test_a_type_that_speaks_of_support_itself_is_taken_at_its_word(placement):
    """S71."""
    one = kind("own", consistencygroup_support="<is> False")
    assert (
        placement.choose_for_group([backend(consistencygroup_support=False)], [one], None).host == "host@qsd"
    )


PER_VOLUME = {"cut_level": "per-volume", "consistencygroup_support": False}


def test_a_lower_level_of_cut_is_for_types_that_allow_it(placement):
    backends = [backend("h@instant", **ABLE), backend("h@apart", **PER_VOLUME)]
    assert placement.choose_for_group(backends, [kind("plain")], None).host == "h@instant"
    assert (
        placement.choose_for_group(backends, [kind("apart", cut_level="per-volume")], None).host == "h@apart"
    )
    either = kind("either", cut_level="<or> crash <or> per-volume")
    assert set(placement.choose_for_group(backends, [either], None).reasons) == set()
    refusal = refused(
        placement.choose_for_group, backends, [kind("plain"), kind("a", cut_level="per-volume")], None
    )
    assert "h@apart: lacks consistencygroup_support" in refusal
    assert "for volume type plain" in refusal


def test_snapshots_are_cut_at_the_level_that_is_demanded(placement):
    apart = backend(**PER_VOLUME)
    placement.check_for_snapshots(apart, "cgsnapshot", "S", [1, 1], NOW, CutLevel.PER_VOLUME)
    placement.check_for_snapshots(apart, "snapshot", "S", [1], NOW)
    assert "lacks consistencygroup_support" in refused(
        placement.check_for_snapshots, apart, "cgsnapshot", "S", [1, 1], NOW, CutLevel.CRASH
    )
    placement.check_for_snapshots(backend(**ABLE), "cgsnapshot", "S", [1, 1], NOW, CutLevel.PER_VOLUME)


def test_one_volume_alone_is_cut_at_one_instant_by_whoever_cuts(placement):
    for able in (ABLE, PER_VOLUME):
        placement.check_for_snapshots(backend(**able), "cgsnapshot", "S", [1], NOW, CutLevel.CRASH)
    assert "lacks cut_level" in refused(placement.check_for_snapshots, backend(), "snapshot", "S", [1], NOW)


def test_group_takes_no_capacity(placement):
    """S70, S76."""
    full = backend(free=0.0, **ABLE)
    assert placement.choose_for_group([full], [request(id="G", size_gib=10)], None).host == "host@qsd"


def test_group_is_placed_in_its_zone(placement):
    backends = [backend("h@a", zone="az1", **ABLE), backend("h@b", zone="az2", free=1.0, **ABLE)]
    assert placement.choose_for_group(backends, [kind("gold")], "az2").host == "h@b"


def test_group_without_types_is_refused(placement):
    with pytest.raises(InvalidInput, match="without a volume type: name at least one"):
        placement.choose_for_group([backend(**ABLE)], [], None)


def test_snapshots_need_room_on_thick_storage_only(placement):
    placement.check_for_snapshots(backend(free=5.0, **ABLE), "cgsnapshot", "S", [2, 3], NOW)
    placement.check_for_snapshots(backend(free=1.0, thin=True, **ABLE), "cgsnapshot", "S", [2, 3], NOW)
    message = refused(
        placement.check_for_snapshots, backend(free=4.0, **ABLE), "cgsnapshot", "S", [2, 3], NOW
    )
    assert message == ("No valid backend was found for cgsnapshot S: host@qsd: has 4 GiB free, needs 5 GiB.")


def test_snapshots_need_a_backend_that_is_up_and_able(placement):
    silent = refused(placement.check_for_snapshots, backend(age_s=61), "cgsnapshot", "S", [1], NOW)
    assert "has not reported since" in silent
    assert "lacks consistencygroup_support" not in silent
    assert "lacks consistencygroup_support" in refused(
        placement.check_for_snapshots, backend(), "cgsnapshot", "S", [1, 1], NOW
    )
    assert "is not known any more" in refused(
        placement.check_for_snapshots, None, "cgsnapshot", "S", [1], NOW
    )


def test_service_down_time_is_handed_to_the_filter():
    patient = Placement(FILTERS, [], service_down_s=100)
    assert patient.choose_for_volume([backend(age_s=99)], request()).host == "host@qsd"


def test_unknown_names_are_refused_with_those_that_are_known():
    with pytest.raises(ConfigError) as error:
        Placement(["zone"], [])
    assert error.value.message == (
        "There is no 'zone' in cgflow.scheduler.filters. "
        "Valid values: availability_zone, backend_up, capabilities, capacity, enabled."
    )
    with pytest.raises(
        ConfigError, match="no 'luck' in cgflow.scheduler.weighers. Valid values: capacity, volu"
    ):
        Placement([], ["luck"])


def test_a_plugin_that_cannot_be_loaded_is_named(monkeypatch):
    broken = EntryPoint(name="broken", value="cgflow.nowhere:Filter", group=placements.FILTERS)
    monkeypatch.setattr(placements, "entry_points", lambda group: [broken])
    with pytest.raises(ConfigError, match="'broken' in .* cannot be loaded from cgflow.nowhere:Filter"):
        Placement(["broken"], [])


@dataclass
class ByType:
    """A weigher with a different score for each volume type."""

    scores: dict[str, dict[str, float]] = field(default_factory=dict)

    def score(self, backend, request):
        return self.scores[request.volume_type][backend.name]


@pytest.fixture
def weighing(monkeypatch):
    def build(multipliers=None, **scores):
        point = type(
            "Point", (), {"name": "by_type", "value": "here", "load": lambda self: lambda: ByType(scores)}
        )
        monkeypatch.setattr(placements, "entry_points", lambda group: [point()])
        return Placement([], ["by_type"], multipliers=multipliers or {})

    return build


SCORES = {
    "gold": {"h@a": 10.0, "h@b": 9.0, "h@c": 0.0},
    "silver": {"h@a": 0.0, "h@b": 400.0, "h@c": 500.0},
}


@pytest.mark.parametrize("order", [["gold", "silver"], ["silver", "gold"]])
def test_weights_of_all_types_are_summed_in_whatever_order(weighing, order):
    """S74."""
    # The first type alone would choose a, the second alone c; b is second best for both.
    backends = [backend(name) for name in ("h@a", "h@b", "h@c")]
    types = [kind(name) for name in order]
    assert weighing(**SCORES).choose_for_group(backends, types, None).host == "h@b"
    assert weighing(**SCORES).choose_for_group(backends, [kind("gold")], None).host == "h@a"
    assert weighing(**SCORES).choose_for_group(backends, [kind("silver")], None).host == "h@c"


def test_a_multiplier_below_zero_turns_a_weigher_around(weighing):
    backends = [backend(name) for name in ("h@a", "h@b", "h@c")]
    placement = weighing({"by_type": -1.0}, **SCORES)
    assert placement.choose_for_volume(backends, request(volume_type="gold")).host == "h@c"


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["h@a", "h@b", "h@c", "h@d"]), st.integers(0, 50), min_size=1),
    st.integers(0, 50),
)
def test_chosen_fits_and_nothing_that_fits_is_told_as_rejected(free, size):
    placement = Placement(FILTERS, ["capacity", "volume_number"])
    backends = [backend(name, free=float(gib)) for name, gib in free.items()]
    fits = {name for name, gib in free.items() if gib >= size}
    if not fits:
        message = refused(placement.choose_for_volume, backends, request(size_gib=size))
        assert all(f"{name}: has" in message for name in free)
        return
    choice = placement.choose_for_volume(backends, request(size_gib=size))
    assert free[choice.host] == max(free[name] for name in fits)
    assert set(choice.reasons) == set(free) - fits
