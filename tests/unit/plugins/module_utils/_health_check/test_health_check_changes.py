# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._health_check import compare
from ansible_collections.slipway.aws.plugins.module_utils._plan import UNKNOWN

PARAMS = {
    "name": "shop",
    "state": "present",
    "domain_name": "d1.cloudfront.net",
    "protocol": "HTTPS",
    "port": None,
    "path": "/api/health",
    "search_string": None,
    "request_interval": 30,
    "failure_threshold": 3,
    "measure_latency": False,
    "disabled": False,
    "tags": {"A": 1},
}
TOLD = {
    "Id": "id-1",
    "CallerReference": "shop:0123456789abcdef",
    "HealthCheckConfig": {
        "Type": "HTTPS",
        "FullyQualifiedDomainName": "d1.cloudfront.net",
        "Port": 443,
        "ResourcePath": "/api/health",
        "RequestInterval": 30,
        "FailureThreshold": 3,
        "MeasureLatency": False,
        "EnableSNI": True,
    },
}
TAGS = {"Name": "shop", "A": "1"}


def params(**changes):
    return {**PARAMS, **changes}


def current():
    return compare.normalise_check(TOLD, TAGS)


def test_what_is_there_is_what_was_wanted():
    desired = compare.build_check(PARAMS)
    assert compare.planned_check(current(), desired, True) == current()
    assert compare.update_request(current(), desired) == {}
    assert compare.create_request(desired) == {**TOLD["HealthCheckConfig"], "Disabled": False}


@pytest.mark.parametrize(
    ("changed", "replaced", "update"),
    [
        (params(path="/"), False, {"ResourcePath": "/"}),
        (params(domain_name=UNKNOWN), False, {"FullyQualifiedDomainName": UNKNOWN}),
        (params(port=8443, failure_threshold=5), False, {"Port": 8443, "FailureThreshold": 5}),
        (params(disabled=True), False, {"Disabled": True}),
        (params(protocol="HTTP"), True, {"Port": 80}),
        (params(search_string="ok"), True, {"SearchString": "ok"}),
        (params(request_interval=10), True, {}),
        (params(measure_latency=True), True, {}),
    ],
)
def test_changes(changed, replaced, update):
    desired = compare.build_check(changed)
    assert compare.must_replace(current(), desired) is replaced
    assert compare.update_request(current(), desired) == update
    planned = compare.planned_check(current(), desired, True)
    assert planned != current()
    assert planned["id"] == (UNKNOWN if replaced else "id-1")


@pytest.mark.parametrize(
    ("tags", "purge", "expected"),
    [
        (None, False, TAGS),
        ({"B": 2}, False, {**TAGS, "B": "2"}),
        ({"B": 2}, True, {"Name": "shop", "B": "2"}),
        ({}, True, {"Name": "shop"}),
        ({"Name": "mine"}, True, {"Name": "mine"}),
    ],
)
def test_tags(tags, purge, expected):
    assert compare.planned_check(current(), compare.build_check(params(tags=tags)), purge)["tags"] == expected


def test_a_check_is_known_by_its_reference():
    assert compare.belongs(TOLD, "shop")
    assert not compare.belongs(TOLD, "sho")
    assert not compare.belongs({"CallerReference": "shop-staging:01"}, "shop")
    first, second = compare.new_reference("x" * 47), compare.new_reference("x" * 47)
    assert first != second
    assert len(first) == compare.REFERENCE_LIMIT


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (params(name="x" * 48), "longer than 47"),
        (params(name="a:b"), "has a colon"),
        (params(path="health"), "begin with a slash"),
        (params(path="/" * 256), "longer than 255"),
        (params(search_string="x" * 256), "search_string"),
        (params(failure_threshold=11), "between 1 and 10"),
    ],
)
def test_problems(changed, words):
    (problem,) = compare.find_problems(changed)
    assert words in problem


def test_nothing_is_wrong():
    assert compare.find_problems(PARAMS) == compare.find_problems(params(state="absent")) == []
