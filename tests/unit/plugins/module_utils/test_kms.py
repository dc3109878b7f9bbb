# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._kms import same_key


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (None, None, True),
        (None, "arn:aws:kms:us-east-1:123456789012:alias/aws/s3", True),
        ("alias/shop", "arn:aws:kms:us-east-1:123456789012:alias/shop", True),
        ("1234-ab", "arn:aws:kms:us-east-1:123456789012:key/1234-ab", True),
        ("alias/shop", "alias/other", False),
        (None, "alias/shop", False),
    ],
)
def test_a_key_has_several_names(first, second, same):
    assert same_key(first, second, "alias/aws/s3") is same
    assert same_key(second, first, "alias/aws/s3") is same
