# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import itertools
import json
import ssl
import threading
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from slipway_lab.aws.s3 import rules

ACCOUNT = "123456789012"
_numbers = itertools.count(1)


@pytest.fixture
def s3(emulator):
    return emulator.client("s3")


@pytest.fixture
def bucket(s3):
    name = f"lab-s3-{next(_numbers)}"
    s3.create_bucket(Bucket=name)
    return name


def refused(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"]


def put_policy(s3, bucket, *statements):
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))


def statement(bucket, effect="Allow", principal="*", action="s3:GetObject", **others):
    return {
        "Effect": effect,
        "Principal": principal,
        "Action": action,
        "Resource": f"arn:aws:s3:::{bucket}/*",
        **others,
    }


def anonymous_status(emulator, path, host=None, method="GET"):
    context = ssl.create_default_context(cafile=str(emulator.lab.ca.certificate_file))
    request = urllib.request.Request(emulator.url + path, headers={"Host": host} if host else {}, method=method)
    try:
        with urllib.request.urlopen(request, context=context) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def role_client(emulator, name, policy=None):
    """An S3 client with credentials of a role that has policy."""
    iam, sts = emulator.client("iam"), emulator.client("sts")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    if policy:
        document = {"Version": "2012-10-17", "Statement": [policy]}
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    credentials = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
    return role["Arn"], emulator.client(
        "s3",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def test_new_buckets_are_as_aws_makes_them(s3, bucket):
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert len(block) == 4
    assert all(block.values())
    controls = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    assert controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    s3.delete_bucket_encryption(Bucket=bucket)
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"] == encryption


def test_a_bucket_of_another_account(s3):
    assert refused(s3.create_bucket, Bucket="amzn-s3-demo-bucket") == "BucketAlreadyExists"
    assert refused(s3.head_bucket, Bucket="amzn-s3-demo-bucket") == "403"
    assert refused(s3.list_objects_v2, Bucket="amzn-s3-demo-bucket") == "AccessDenied"


def test_policy_that_denies_plain_http_lets_tls_pass(s3, bucket):
    tls_only = statement(bucket, "Deny", action="s3:*", Condition={"Bool": {"aws:SecureTransport": "false"}})
    put_policy(s3, bucket, tls_only)
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"


def test_explicit_deny_binds_even_the_administrator(s3, bucket):
    put_policy(s3, bucket, statement(bucket, "Deny", action="s3:PutObject"))
    assert refused(s3.put_object, Bucket=bucket, Key="a", Body=b"x") == "AccessDenied"
    assert refused(s3.upload_part, Bucket=bucket, Key="a", Body=b"", PartNumber=1, UploadId="u") == "AccessDenied"


def test_encryption_can_be_demanded(s3, bucket):
    header = "s3:x-amz-server-side-encryption"
    other = {"StringNotEquals": {header: "aws:kms"}, "Null": {header: "false"}}
    put_policy(s3, bucket, statement(bucket, "Deny", action="s3:PutObject", Condition=other))
    s3.put_object(Bucket=bucket, Key="default")
    refusal = refused(s3.put_object, Bucket=bucket, Key="a", ServerSideEncryption="AES256")
    assert refusal == "AccessDenied"
    s3.put_object(Bucket=bucket, Key="a", ServerSideEncryption="aws:kms")


def test_root_can_always_mend_the_policy(s3, bucket):
    everything = statement(bucket, "Deny", action="s3:*") | {"Resource": f"arn:aws:s3:::{bucket}"}
    put_policy(s3, bucket, everything)
    assert refused(s3.list_objects_v2, Bucket=bucket) == "AccessDenied"
    s3.delete_bucket_policy(Bucket=bucket)
    s3.list_objects_v2(Bucket=bucket)


def test_the_public_gets_in_only_where_policy_and_block_say_so(emulator, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a.txt", Body=b"x")
    assert anonymous_status(emulator, f"/{bucket}/a.txt") == 403
    assert anonymous_status(emulator, f"/{bucket}") == 403
    open_to_all = statement(bucket)
    with pytest.raises(ClientError, match="BlockPublicPolicy"):
        put_policy(s3, bucket, open_to_all)
    s3.delete_public_access_block(Bucket=bucket)
    put_policy(s3, bucket, open_to_all)
    assert anonymous_status(emulator, f"/{bucket}/a.txt") == 200
    assert anonymous_status(emulator, "/a.txt", host=f"{bucket}.s3.us-east-1.amazonaws.com") == 200
    assert anonymous_status(emulator, f"/{bucket}/missing.txt") == 403
    assert anonymous_status(emulator, f"/{bucket}/a.txt", method="DELETE") == 403
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    restrict = {"RestrictPublicBuckets": True}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=restrict)
    assert anonymous_status(emulator, f"/{bucket}/a.txt") == 403


def test_presigned_urls_carry_their_signers_permissions(emulator, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a.txt", Body=b"x")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a.txt"})
    assert anonymous_status(emulator, url.removeprefix(emulator.url)) == 200


def test_roles_need_a_policy_of_theirs_or_of_the_bucket(emulator, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    _, nobody = role_client(emulator, f"{bucket}-nobody")
    assert refused(nobody.get_object, Bucket=bucket, Key="a") == "AccessDenied"
    get = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    _, reader = role_client(emulator, f"{bucket}-reader", get)
    assert reader.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"
    assert refused(reader.put_object, Bucket=bucket, Key="b", Body=b"") == "AccessDenied"
    assert refused(reader.get_object, Bucket=bucket, Key="missing") == "AccessDenied"
    arn, named = role_client(emulator, f"{bucket}-named")
    listing = statement(bucket, principal={"AWS": arn}, action="s3:ListBucket") | {
        "Resource": f"arn:aws:s3:::{bucket}",
        "Condition": {"StringLike": {"s3:prefix": "home/*"}},
    }
    put_policy(s3, bucket, statement(bucket, principal={"AWS": arn}), listing)
    assert named.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"
    assert named.list_objects_v2(Bucket=bucket, Prefix="home/")["KeyCount"] == 0
    assert refused(named.list_objects_v2, Bucket=bucket) == "AccessDenied"


def test_a_permissions_boundary_limits_a_role(emulator, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    arn, client = role_client(emulator, f"{bucket}-bound", everything)
    limit = {"Version": "2012-10-17", "Statement": [everything | {"Action": "s3:ListBucket"}]}
    iam = emulator.client("iam")
    policy = iam.create_policy(PolicyName=f"{bucket}-limit", PolicyDocument=json.dumps(limit))["Policy"]
    client.get_object(Bucket=bucket, Key="a")
    iam.put_role_permissions_boundary(RoleName=arn.rpartition("/")[2], PermissionsBoundary=policy["Arn"])
    assert refused(client.get_object, Bucket=bucket, Key="a") == "AccessDenied"
    client.list_objects_v2(Bucket=bucket)


def test_objects_of_a_batch_are_decided_one_by_one(s3, bucket):
    for key in ("kept/a", "b"):
        s3.put_object(Bucket=bucket, Key=key)
    deny = statement(bucket, "Deny", action="s3:DeleteObject") | {"Resource": f"arn:aws:s3:::{bucket}/kept/*"}
    put_policy(s3, bucket, deny)
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "kept/a"}, {"Key": "b"}]})
    assert [row["Key"] for row in answer["Deleted"]] == ["b"]
    assert [(row["Key"], row["Code"]) for row in answer["Errors"]] == [("kept/a", "AccessDenied")]


def test_copying_needs_to_read_the_source(s3, bucket):
    s3.put_object(Bucket=bucket, Key="secret", Body=b"x")
    deny = statement(bucket, "Deny") | {"Resource": f"arn:aws:s3:::{bucket}/secret"}
    put_policy(s3, bucket, deny)
    assert refused(s3.copy_object, Bucket=bucket, Key="copy", CopySource=f"{bucket}/secret") == "AccessDenied"


def test_wrong_expected_owner(s3, bucket):
    assert refused(s3.list_objects_v2, Bucket=bucket, ExpectedBucketOwner="999999999999") == "AccessDenied"
    s3.list_objects_v2(Bucket=bucket, ExpectedBucketOwner=ACCOUNT)


def test_access_control_lists_are_off(s3, bucket):
    assert refused(s3.put_bucket_acl, Bucket=bucket, ACL="private") == "AccessControlListNotSupported"
    assert refused(s3.put_object, Bucket=bucket, Key="a", ACL="public-read") == "AccessControlListNotSupported"
    s3.put_object(Bucket=bucket, Key="a", ACL="bucket-owner-full-control")
    refusal = refused(s3.create_bucket, Bucket=f"{bucket}-acl", ACL="private")
    assert refusal == "InvalidBucketAclWithObjectOwnership"


def test_public_lists_where_lists_are_on(emulator, s3, bucket):
    rules = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules)
    assert refused(s3.put_object, Bucket=bucket, Key="a", ACL="public-read") == "AccessDenied"
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", ACL="public-read", Body=b"x")
    s3.put_object(Bucket=bucket, Key="b", Body=b"x")
    assert anonymous_status(emulator, f"/{bucket}/a") == 200
    assert anonymous_status(emulator, f"/{bucket}/b") == 403


def test_put_if_absent_has_one_winner(emulator, bucket):
    results = []

    def put(number):
        try:
            emulator.client("s3").put_object(Bucket=bucket, Key="lock", Body=b"%d" % number, IfNoneMatch="*")
            results.append("won")
        except ClientError as error:
            results.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=put, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["PreconditionFailed"] * 4 + ["won"]


def test_put_if_unchanged(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"1")["ETag"]
    s3.put_object(Bucket=bucket, Key="a", Body=b"2", IfMatch=etag)
    assert refused(s3.put_object, Bucket=bucket, Key="a", Body=b"3", IfMatch=etag) == "PreconditionFailed"


def test_buckets_with_versions_can_be_emptied(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    for _ in range(2):
        s3.delete_object(Bucket=bucket, Key="a")
    assert refused(s3.delete_bucket, Bucket=bucket) == "BucketNotEmpty"
    listed = s3.list_object_versions(Bucket=bucket)
    rows = [*listed["Versions"], *listed["DeleteMarkers"]]
    assert len(rows) == 4
    objects = [{"Key": row["Key"], "VersionId": row["VersionId"]} for row in rows]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert len(answer["Deleted"]) == 4
    assert "Versions" not in s3.list_object_versions(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)


def test_content_type_of_what_has_none(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    s3.put_object(Bucket=bucket, Key="b", Body=b"x", ContentType="text/css", CacheControl="max-age=1")
    assert s3.head_object(Bucket=bucket, Key="a")["ContentType"] == "binary/octet-stream"
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/b")
    copy = s3.head_object(Bucket=bucket, Key="c")
    assert (copy["ContentType"], copy["CacheControl"]) == ("text/css", "max-age=1")


def test_policies_come_back_as_s3_stores_them(s3, bucket):
    put_policy(s3, bucket, statement(bucket, principal={"AWS": [ACCOUNT]}, action=["s3:GetObject"]))
    stored = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]
    assert stored["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert stored["Action"] == "s3:GetObject"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"Resource": "arn:aws:s3:::other/*"}, "Policy has invalid resource"),
        ({"Resource": "arn:aws:s3:::site"}, "Action does not apply to any resource(s) in statement"),
        ({"Resource": ["arn:aws:s3:::site", "arn:aws:s3:::site/*"]}, None),
        ({"Action": "s3:ListBucket"}, "Action does not apply to any resource(s) in statement"),
        ({"Action": "s3:*", "Resource": "arn:aws:s3:::site"}, None),
        ({"Action": "ec2:RunInstances"}, "Policy has invalid action"),
        ({"Principal": {"AWS": "nobody"}}, "Invalid principal in policy"),
        ({"Principal": {"AWS": "*"}}, None),
        ({"Principal": {"Service": "cloudfront.amazonaws.com"}}, None),
        ({"Effect": "Maybe"}, "Invalid effect: Maybe"),
    ],
)
def test_policy_problem(changes, problem):
    document = {"Version": "2012-10-17", "Statement": [statement("site") | changes]}
    assert rules.policy_problem(json.dumps(document), "site", lambda name: name != "nobody") == problem


def test_principals_of_policies_must_exist(s3, bucket):
    for arn in (
        f"arn:aws:iam::{ACCOUNT}:role/missing",
        f"arn:aws:iam::{ACCOUNT}:user/missing",
        "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity EMISSING",
        "arn:aws:s3:::bucket",
    ):
        document = {"Version": "2012-10-17", "Statement": [statement(bucket, principal={"AWS": arn})]}
        assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=json.dumps(document)) == "MalformedPolicy"
    put_policy(s3, bucket, statement(bucket, principal={"AWS": "arn:aws:iam::999999999999:role/unknown-to-us"}))


RULE = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": "1"}}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"Expiration": {"ExpiredObjectDeleteMarker": "true"}}, None),
        ({"Expiration": {"ExpiredObjectDeleteMarker": "true", "Days": "1"}}, "MalformedXML"),
        ({"Expiration": {"Days": "0"}}, "InvalidArgument"),
        ({"Expiration": {"Days": "-1"}}, "InvalidArgument"),
        ({"NoncurrentVersionExpiration": {"NoncurrentDays": "0"}}, "InvalidArgument"),
        ({"Expiration": None}, "InvalidRequest"),
        ({"Status": "On"}, "MalformedXML"),
        ({"Prefix": ""}, "MalformedXML"),
        ({"ID": "x" * 256}, "InvalidArgument"),
        (
            {"Filter": {"Tag": {"Key": "a"}}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": "1"}},
            "InvalidRequest",
        ),
    ],
)
def test_lifecycle_problem(changes, code):
    problem = rules.lifecycle_problem([RULE | changes])
    assert (problem[0] if problem else None) == code


def test_lifecycle_rules_have_different_names(s3, bucket):
    assert rules.lifecycle_problem([RULE, RULE])[0] == "InvalidArgument"
    assert rules.lifecycle_problem([])[0] == "MalformedXML"
    rule = {
        "ID": "a",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True},
    }
    refusal = refused(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert refusal == "MalformedXML"


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_versions_are_deleted_one_by_one(s3, bucket, status):
    def versioning(value):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": value})

    versioning("Enabled")
    first, second = [s3.put_object(Bucket=bucket, Key="a", Body=body)["VersionId"] for body in (b"1", b"2")]
    marker = s3.delete_object(Bucket=bucket, Key="a")["VersionId"]
    versioning(status)
    s3.delete_object(Bucket=bucket, Key="a", VersionId=second)
    listed = s3.list_object_versions(Bucket=bucket)
    assert [version["VersionId"] for version in listed["Versions"]] == [first]
    assert [found["VersionId"] for found in listed["DeleteMarkers"]] == [marker]
    left = [{"Key": "a", "VersionId": version} for version in (marker, first)]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": left})["Deleted"]) == 2
    s3.delete_bucket(Bucket=bucket)


@pytest.mark.parametrize(
    ("operation", "version", "action"),
    [
        ("HeadObject", None, "s3:GetObject"),
        ("GetObject", "1", "s3:GetObjectVersion"),
        ("GetObjectTagging", "1", "s3:GetObjectVersionTagging"),
        ("ListObjectsV2", None, "s3:ListBucket"),
        ("PutBucketPolicy", None, "s3:PutBucketPolicy"),
        ("UploadPart", None, "s3:PutObject"),
    ],
)
def test_action(operation, version, action):
    assert rules.action(operation, version) == action
