"""What the bindings read in RBD's own objects equals what librbd returns about them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import cgflow.drivers.rbd
from cgflow.drivers.conformance.scenario import Scenario
from cgflow.drivers.rbd import names
from tests.support.ceph_cluster import POOL, PYTHON, USER
from tests.support.ceph_harness import Ceph, CephHarness

pytestmark = pytest.mark.real

ASK = """
import json, sys
sys.path.append(sys.argv[1])
import rbd
from bindings.cluster import Cluster
from bindings.images import read_image_features, read_group_images
cluster = Cluster(sys.argv[2], sys.argv[3], None, sys.argv[4], 30)
told = {}
for group in sys.argv[5:]:
    images = [image["name"] for image in rbd.Group(cluster.io, group).list_images()]
    features = {name: rbd.Image(cluster.io, name, read_only=True).features() for name in images}
    read = [sorted(read_group_images(cluster, group)), read_image_features(cluster, images)]
    told[group] = [[sorted(images), features], read]
told["none"] = [read_group_images(cluster, "none"), read_image_features(cluster, ["none"])]
print(json.dumps(told))
"""


@pytest.fixture
def bench(ceph: Ceph) -> Iterator[CephHarness]:
    bench = CephHarness(ceph)
    yield bench
    bench.close()


def test_objects_tell_what_librbd_tells(bench: CephHarness) -> None:
    scene = Scenario(bench)
    members = scene.new_members(3)
    bench.driver.create_group("empty")
    image = names.image(members[1].id)
    bench.client.features(image=image, enable=False, names="fast-diff,object-map")
    bench.client.features(image=image, enable=False, names="exclusive-lock")
    group, empty = names.group(str(members[0].group_id)), names.group("empty")
    folder = Path(cgflow.drivers.rbd.__file__).parent
    asked = [PYTHON, "-I", "-c", ASK, str(folder), str(bench.cluster.conf), USER, POOL, group, empty]
    told = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout)
    assert told[group][0] == told[group][1]
    assert told[group][0][0] == sorted(names.image(volume.id) for volume in members)
    assert len(set(told[group][1][1].values())) == 2, "the image without the feature must be told from others"
    assert told[empty] == [[[], {}], [[], {}]]
    assert told["none"] == [None, {}]
