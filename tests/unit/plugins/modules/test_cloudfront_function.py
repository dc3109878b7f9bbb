# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from io import BytesIO

import pytest
from botocore.response import StreamingBody

from ansible_collections.slipway.aws.plugins.modules import cloudfront_function

ARN = "arn:aws:cloudfront::123456789012:function/routes"
PARAMS = {"name": "routes", "code": "new code", "comment": "Routes"}
OLD, NEW = b"old code", b"new code"


@pytest.fixture
def cloudfront(stubbed):
    return stubbed("cloudfront")


def summary(stage, comment="Routes"):
    return {
        "Name": "routes",
        "Status": "UNPUBLISHED" if stage == "DEVELOPMENT" else "UNASSOCIATED",
        "FunctionConfig": {"Comment": comment, "Runtime": "cloudfront-js-2.0"},
        "FunctionMetadata": {
            "FunctionARN": ARN,
            "Stage": stage,
            "CreatedTime": "2026-01-01T00:00:00Z",
            "LastModifiedTime": "2026-01-01T00:00:00Z",
        },
    }


def add_stages(cloudfront, development, live, comment="Routes"):
    """What both stages have for code, None for a stage that is not there."""
    stages = {"DEVELOPMENT": development, "LIVE": live}
    for stage, code in stages.items():
        query = {"Name": "routes", "Stage": stage}
        if code is None:
            cloudfront.stubber.add_client_error(
                "describe_function", "NoSuchFunctionExists", expected_params=query, http_status_code=404
            )
        else:
            answer = {"FunctionSummary": summary(stage, comment), "ETag": f"{stage}-1"}
            cloudfront.stubber.add_response("describe_function", answer, query)
    for stage, code in stages.items():
        query = {"Name": "routes", "Stage": stage}
        if code is None:
            cloudfront.stubber.add_client_error(
                "get_function", "NoSuchFunctionExists", expected_params=query, http_status_code=404
            )
        else:
            body = StreamingBody(BytesIO(code), len(code))
            cloudfront.stubber.add_response("get_function", {"FunctionCode": body, "ETag": f"{stage}-1"}, query)


CONFIG = {"Comment": "Routes", "Runtime": "cloudfront-js-2.0"}


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.usefixtures("sequential_reads")
def test_a_function_is_made_and_published(call_module, cloudfront, check_mode):
    add_stages(cloudfront, None, None)
    if not check_mode:
        cloudfront.stubber.add_response(
            "create_function",
            {"FunctionSummary": summary("DEVELOPMENT"), "ETag": "D1"},
            {"Name": "routes", "FunctionConfig": CONFIG, "FunctionCode": NEW},
        )
        cloudfront.stubber.add_response("publish_function", {}, {"Name": "routes", "IfMatch": "D1"})
        add_stages(cloudfront, NEW, NEW)
    result = call_module(cloudfront_function, PARAMS, {"cloudfront": cloudfront}, check_mode=check_mode, diff=True)
    assert result["changed"] is True
    assert result["function"]["arn"] == ("(known after apply)" if check_mode else ARN)
    assert result["function"]["stage"] == "LIVE"
    assert "code" not in result["function"]
    assert (result["diff"][1]["before"], result["diff"][1]["after"]) == ("", "new code")


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.usefixtures("sequential_reads")
def test_new_code_is_written_and_published(call_module, cloudfront, check_mode):
    add_stages(cloudfront, OLD, OLD)
    if not check_mode:
        cloudfront.stubber.add_response(
            "update_function",
            {"FunctionSummary": summary("DEVELOPMENT"), "ETag": "D2"},
            {"Name": "routes", "IfMatch": "DEVELOPMENT-1", "FunctionConfig": CONFIG, "FunctionCode": NEW},
        )
        cloudfront.stubber.add_response("publish_function", {}, {"Name": "routes", "IfMatch": "D2"})
        add_stages(cloudfront, NEW, NEW)
    result = call_module(cloudfront_function, PARAMS, {"cloudfront": cloudfront}, check_mode=check_mode, diff=True)
    assert result["changed"] is True
    assert (result["diff"][1]["before"], result["diff"][1]["after"]) == ("old code", "new code")


@pytest.mark.parametrize("live", [None, OLD])
@pytest.mark.usefixtures("sequential_reads")
def test_what_was_written_and_not_published_is_published(call_module, cloudfront, live):
    add_stages(cloudfront, NEW, live)
    cloudfront.stubber.add_response("publish_function", {}, {"Name": "routes", "IfMatch": "DEVELOPMENT-1"})
    add_stages(cloudfront, NEW, NEW)
    assert call_module(cloudfront_function, PARAMS, {"cloudfront": cloudfront})["changed"] is True


@pytest.mark.parametrize(
    ("params", "development", "live"),
    [
        ({}, NEW, NEW),
        ({"comment": None}, NEW, NEW),
        ({"publish": False}, NEW, OLD),
        ({"publish": False}, NEW, None),
    ],
)
@pytest.mark.usefixtures("sequential_reads")
def test_a_function_that_is_right_is_only_read(call_module, cloudfront, params, development, live):
    add_stages(cloudfront, development, live)
    params = {key: value for key, value in {**PARAMS, **params}.items() if value is not None}
    result = call_module(cloudfront_function, params, {"cloudfront": cloudfront}, diff=True)
    assert result["changed"] is False
    assert result["diff"][0]["before"] == result["diff"][0]["after"]


@pytest.mark.usefixtures("sequential_reads")
def test_a_new_comment_alone_is_published_too(call_module, cloudfront):
    add_stages(cloudfront, NEW, NEW, comment="Old")
    cloudfront.stubber.add_response("update_function", {"ETag": "D2"})
    cloudfront.stubber.add_response("publish_function", {}, {"Name": "routes", "IfMatch": "D2"})
    add_stages(cloudfront, NEW, NEW)
    assert call_module(cloudfront_function, PARAMS, {"cloudfront": cloudfront})["changed"] is True


@pytest.mark.usefixtures("sequential_reads")
def test_code_comes_from_a_file(call_module, cloudfront, tmp_path):
    (tmp_path / "routes.js").write_bytes(NEW)
    add_stages(cloudfront, NEW, NEW)
    params = {"name": "routes", "src": str(tmp_path / "routes.js")}
    assert call_module(cloudfront_function, params, {"cloudfront": cloudfront})["changed"] is False


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.usefixtures("sequential_reads")
def test_a_function_is_deleted_with_its_version(call_module, cloudfront, check_mode):
    add_stages(cloudfront, NEW, NEW)
    if not check_mode:
        cloudfront.stubber.add_response("delete_function", {}, {"Name": "routes", "IfMatch": "DEVELOPMENT-1"})
    params = {"name": "routes", "state": "absent"}
    result = call_module(cloudfront_function, params, {"cloudfront": cloudfront}, check_mode=check_mode, diff=True)
    assert result["changed"] is True
    assert result["function"] == {}
    assert result["diff"][1]["after"] == ""


@pytest.mark.usefixtures("sequential_reads")
def test_what_is_absent_stays_absent(call_module, cloudfront):
    add_stages(cloudfront, None, None)
    result = call_module(cloudfront_function, {"name": "routes", "state": "absent"}, {"cloudfront": cloudfront})
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"name": "routes", "code": "x" * 10241}, "has 10241 bytes; CloudFront takes 10240 at most"),
        ({"name": "routes", "src": "/nowhere/routes.js"}, "src: cannot read the function's code"),
        ({"name": "routes"}, "state is present but any of the following are missing: code, src"),
    ],
)
def test_bad_options_are_refused_before_any_call(call_module, cloudfront, params, expected):
    assert expected in call_module(cloudfront_function, params, {"cloudfront": cloudfront})["msg"]
