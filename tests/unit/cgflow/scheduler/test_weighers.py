"""The scores of the weighers."""

from cgflow.scheduler.weighers import CapacityWeigher, VolumeNumberWeigher

from .conftest import backend, request


def test_capacity_is_what_is_left_to_give():
    assert CapacityWeigher().score(backend(free=7.0, total=100.0), request()) == 7
    thin = backend(thin=True, free=7.0, total=100.0, ratio=2.0, provisioned=50.0)
    assert CapacityWeigher().score(thin, request()) == 150


def test_fewer_volumes_score_higher():
    counts = request(volume_counts={"h@a": 3, "h@b": 1})
    scores = [VolumeNumberWeigher().score(backend(name), counts) for name in ("h@a", "h@b", "h@c")]
    assert scores == [-3, -1, 0]
