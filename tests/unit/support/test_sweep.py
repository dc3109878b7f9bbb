# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The judgement of messages with which a run stops can fail."""

from __future__ import annotations

import pytest
from sweep import message_problems


@pytest.mark.parametrize(
    ("message", "problems"),
    [
        (
            "Failed to create VPC shop. AWS itself goes on failing at ec2:CreateVpc. Run again; what is done stays",
            0,
        ),
        (
            "Failed to create VPC shop. Wait, then run again: (Throttling) when calling the CreateVpc operation",
            0,
        ),
        ("Failed to create VPC shop: An error occurred", 2),
        ("Failed to create VPC shop. No answer came to ec2:CreateVpc", 1),
        ("KeyError: 'vpc_id'", 3),
        ("Failed to create VPC shop. ec2:CreateVpc. Run again\nTraceback (most recent call last)", 1),
        ("", 3),
    ],
)
def test_message_problems(message, problems):
    assert len(message_problems(message)) == problems
