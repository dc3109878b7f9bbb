# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.modules import cloudfront_origin_access_control
from ansible_collections.slipway.aws.plugins.modules import cloudfront_origin_access_identity

CONFIG = {
    "Name": "shop",
    "Description": "Files",
    "OriginAccessControlOriginType": "s3",
    "SigningBehavior": "always",
    "SigningProtocol": "sigv4",
}
ITEM = {"Id": "E1", **CONFIG}
OTHER = {"Id": "E0", **CONFIG, "Name": "shop-staging"}
CONTROL = {"Id": "E1", "OriginAccessControlConfig": CONFIG}
LIST = {"Marker": "", "MaxItems": 100, "IsTruncated": False, "Quantity": 1}
IDENTITY = {"Id": "E9", "S3CanonicalUserId": "abcd", "Comment": "shop"}


@pytest.fixture
def cloudfront(stubbed):
    return stubbed("cloudfront")


def add_controls(cloudfront, *items, **query):
    listing = {**LIST, "Items": list(items)} if items else LIST
    cloudfront.stubber.add_response("list_origin_access_controls", {"OriginAccessControlList": listing}, query)


def add_identities(cloudfront, *items):
    listing = {**LIST, "Items": list(items)} if items else LIST
    cloudfront.stubber.add_response(
        "list_cloud_front_origin_access_identities", {"CloudFrontOriginAccessIdentityList": listing}, {}
    )


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_control_is_made(call_module, cloudfront, check_mode):
    add_controls(cloudfront, OTHER)
    if not check_mode:
        cloudfront.stubber.add_response(
            "create_origin_access_control", {"OriginAccessControl": CONTROL}, {"OriginAccessControlConfig": CONFIG}
        )
    params = {"name": "shop", "description": "Files"}
    result = call_module(
        cloudfront_origin_access_control, params, {"cloudfront": cloudfront}, check_mode=check_mode, diff=True
    )
    assert result["changed"] is True
    assert result["origin_access_control"]["id"] == ("(known after apply)" if check_mode else "E1")
    assert result["diff"]["before"] == {}


def test_a_control_is_found_on_a_later_page_and_left_alone(call_module, cloudfront):
    cloudfront.stubber.add_response(
        "list_origin_access_controls",
        {"OriginAccessControlList": {**LIST, "IsTruncated": True, "NextMarker": "E0", "Items": [OTHER]}},
        {},
    )
    add_controls(cloudfront, ITEM, Marker="E0")
    result = call_module(cloudfront_origin_access_control, {"name": "shop"}, {"cloudfront": cloudfront})
    assert result["changed"] is False
    assert result["origin_access_control"]["description"] == "Files"


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_control_is_changed_with_its_version(call_module, cloudfront, check_mode):
    add_controls(cloudfront, ITEM)
    if not check_mode:
        cloudfront.stubber.add_response(
            "get_origin_access_control", {"OriginAccessControl": CONTROL, "ETag": "V1"}, {"Id": "E1"}
        )
        changed = {**CONFIG, "SigningBehavior": "no-override"}
        cloudfront.stubber.add_response(
            "update_origin_access_control",
            {"OriginAccessControl": {"Id": "E1", "OriginAccessControlConfig": changed}},
            {"Id": "E1", "IfMatch": "V1", "OriginAccessControlConfig": changed},
        )
    params = {"name": "shop", "signing_behavior": "no-override"}
    result = call_module(cloudfront_origin_access_control, params, {"cloudfront": cloudfront}, check_mode=check_mode)
    assert result["changed"] is True
    assert result["origin_access_control"]["signing_behavior"] == "no-override"


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_control_is_deleted(call_module, cloudfront, check_mode):
    add_controls(cloudfront, ITEM)
    if not check_mode:
        cloudfront.stubber.add_response(
            "get_origin_access_control", {"OriginAccessControl": CONTROL, "ETag": "V1"}, {"Id": "E1"}
        )
        cloudfront.stubber.add_response("delete_origin_access_control", {}, {"Id": "E1", "IfMatch": "V1"})
    params = {"name": "shop", "state": "absent"}
    result = call_module(cloudfront_origin_access_control, params, {"cloudfront": cloudfront}, check_mode=check_mode)
    assert result["changed"] is True
    assert result["origin_access_control"] == {}


def test_a_control_in_use_is_a_clear_error(call_module, cloudfront):
    add_controls(cloudfront, ITEM)
    cloudfront.stubber.add_response("get_origin_access_control", {"OriginAccessControl": CONTROL, "ETag": "V1"})
    cloudfront.stubber.add_client_error("delete_origin_access_control", "OriginAccessControlInUse", "In use")
    params = {"name": "shop", "state": "absent"}
    result = call_module(cloudfront_origin_access_control, params, {"cloudfront": cloudfront})
    assert "one that a distribution uses cannot be deleted" in result["msg"]


@pytest.mark.parametrize("module", [cloudfront_origin_access_control, cloudfront_origin_access_identity])
def test_what_is_absent_stays_absent(call_module, cloudfront, module):
    if module is cloudfront_origin_access_control:
        add_controls(cloudfront)
    else:
        add_identities(cloudfront)
    result = call_module(module, {"name": "shop", "state": "absent"}, {"cloudfront": cloudfront})
    assert result["changed"] is False


@pytest.mark.parametrize("check_mode", [True, False])
def test_an_identity_is_made_with_its_name_as_caller_reference(call_module, cloudfront, check_mode):
    add_identities(cloudfront)
    config = {"CallerReference": "shop", "Comment": "shop"}
    if not check_mode:
        cloudfront.stubber.add_response(
            "create_cloud_front_origin_access_identity",
            {
                "CloudFrontOriginAccessIdentity": {
                    "Id": "E9",
                    "S3CanonicalUserId": "abcd",
                    "CloudFrontOriginAccessIdentityConfig": config,
                }
            },
            {"CloudFrontOriginAccessIdentityConfig": config},
        )
    result = call_module(
        cloudfront_origin_access_identity, {"name": "shop"}, {"cloudfront": cloudfront}, check_mode=check_mode
    )
    identifier = "(known after apply)" if check_mode else "E9"
    assert result["changed"] is True
    assert result["origin_access_identity"] == {
        "name": "shop",
        "id": identifier,
        "s3_canonical_user_id": "(known after apply)" if check_mode else "abcd",
        "iam_arn": f"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity {identifier}",
        "origin_access_identity_path": f"origin-access-identity/cloudfront/{identifier}",
    }


def test_an_identity_is_found_again(call_module, cloudfront):
    add_identities(cloudfront, {**IDENTITY, "Id": "E8", "Comment": "shop-2"}, IDENTITY)
    result = call_module(cloudfront_origin_access_identity, {"name": "shop"}, {"cloudfront": cloudfront})
    assert result["changed"] is False
    assert result["origin_access_identity"]["id"] == "E9"


def test_several_identities_of_one_name_are_refused(call_module, cloudfront):
    add_identities(cloudfront, {**IDENTITY, "Id": "E8"}, IDENTITY)
    result = call_module(cloudfront_origin_access_identity, {"name": "shop"}, {"cloudfront": cloudfront})
    assert "Several origin access identities have the comment shop: E8, E9" in result["msg"]


def test_an_identity_is_deleted_with_its_version(call_module, cloudfront):
    add_identities(cloudfront, IDENTITY)
    cloudfront.stubber.add_response(
        "get_cloud_front_origin_access_identity",
        {"CloudFrontOriginAccessIdentity": {"Id": "E9", "S3CanonicalUserId": "abcd"}, "ETag": "V1"},
        {"Id": "E9"},
    )
    cloudfront.stubber.add_response("delete_cloud_front_origin_access_identity", {}, {"Id": "E9", "IfMatch": "V1"})
    params = {"name": "shop", "state": "absent"}
    result = call_module(cloudfront_origin_access_identity, params, {"cloudfront": cloudfront})
    assert result["changed"] is True
