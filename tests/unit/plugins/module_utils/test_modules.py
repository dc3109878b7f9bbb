# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import ssl

import boto3
import pytest

from ansible_collections.slipway.aws.plugins.module_utils._modules import separate_tls_contexts

ADDRESS = "https://127.0.0.1:9"


@pytest.fixture
def client():
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client("sts", region_name="us-east-1", endpoint_url=ADDRESS, **keys)


def connect(client):
    manager = client._endpoint.http_session._manager
    return manager.connection_from_url(ADDRESS)._new_conn()


def test_botocore_shares_a_context_among_connections(client):
    """If this fails, botocore has mended it, and separate_tls_contexts can go."""
    contexts = [connect(client).ssl_context for _number in range(2)]
    assert isinstance(contexts[0], ssl.SSLContext)
    assert contexts[0] is contexts[1]


def test_connections_do_not_share_a_context(client):
    separate_tls_contexts(client)
    # urllib3 makes one when it connects.
    assert [connect(client).ssl_context for _number in range(2)] == [None, None]


def test_a_client_of_another_kind_is_left_alone():
    separate_tls_contexts(object())
