# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._project.resources import EC2_KINDS
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import belongs_by_name
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import belongs_by_tags
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import ec2_resource
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import flatten_instances
from ansible_collections.slipway.aws.plugins.module_utils._project.resources import is_others


@pytest.mark.parametrize(
    ("name", "belongs"),
    [
        ("app", True),
        ("app-backend", True),
        ("app/key", True),
        ("app2", False),
        ("app2-backend", False),
        ("my-app", False),
        ("", False),
    ],
)
def test_a_name_belongs_to_a_project_up_to_a_dash_or_slash(name, belongs):
    assert belongs_by_name(name, "app") is belongs


def test_all_wanted_tags_must_be_there():
    assert belongs_by_tags({"Project": "a", "Stage": "s", "X": "y"}, {"Project": "a", "Stage": "s"})
    assert not belongs_by_tags({"Project": "a"}, {"Project": "a", "Stage": "s"})


@pytest.mark.parametrize(
    ("tags", "others"),
    [
        ({}, False),
        ({"Owner": "me"}, False),
        ({"Project": "a", "Stage": "s"}, False),
        ({"Project": "a", "Stage": "t"}, True),
        ({"Project": "b", "Stage": "s"}, True),
    ],
)
def test_what_is_named_alike_is_anothers_only_if_its_tags_say_so(tags, others):
    assert is_others(tags, {"Project": "a", "Stage": "s"}) is others


def test_instances_are_taken_out_of_their_reservations():
    items = [{"Instances": [{"InstanceId": "i-1"}, {"InstanceId": "i-2"}]}, {"VpcId": "vpc-1"}]
    assert flatten_instances(items) == [{"InstanceId": "i-1"}, {"InstanceId": "i-2"}, {"VpcId": "vpc-1"}]


def test_a_state_is_told_whether_it_is_a_word_or_a_structure():
    kinds = {kind.type: kind for kind in EC2_KINDS}
    instance = {"InstanceId": "i-1", "State": {"Code": 16, "Name": "running"}}
    assert ec2_resource(kinds["instance"], instance, {"Name": "n"})["state"] == "running"
    assert ec2_resource(kinds["volume"], {"VolumeId": "vol-1", "State": "in-use"}, {})["state"] == "in-use"
    assert ec2_resource(kinds["elastic_ip"], {"AllocationId": "e-1"}, {})["state"] == ""
