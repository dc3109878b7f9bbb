# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# SNS: subscriptions that a person must confirm stay pending until then, and get no messages; topics are not silently
# something else than asked for; policies are read.

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from moto.core.responses import ActionResult
from moto.sns.exceptions import InvalidParameterValue
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend
from moto.sns.models import Subscription
from moto.sns.models import sns_backends
from moto.sns.responses import SNSResponse

from slipway_lab import iam_policy
from slipway_lab.aws.patching import wraps
from slipway_lab.mail import Message

if TYPE_CHECKING:
    from typing import Any

    from moto.sns.models import Topic

    from slipway_lab.context import Lab

# Whoever owns the address must agree first.
ASKS_FIRST = ("email", "email-json", "http", "https")
PENDING = "PendingConfirmation"


def install(lab: Lab) -> None:
    _install_topics()
    _install_subscriptions(lab)
    _install_delivery(lab)


def publish_as_service(topic_arn: str, service: str, source_arn: str, subject: str, message: str) -> str | None:
    """Publish for a service of AWS, as the topic's policy allows; the reason if it does not, or there is no topic."""
    _, _, _, region, account, _ = topic_arn.split(":", 5)
    topic = sns_backends[account][region].topics.get(topic_arn)
    if topic is None:
        return f"there is no topic {topic_arn}"
    request = iam_policy.Request(
        principal=iam_policy.Principal("service", service=service),
        action="sns:Publish",
        resource=topic_arn,
        context={"aws:SourceArn": source_arn, "aws:SourceAccount": account, "aws:SourceOwner": account},
        resource_account=account,
    )
    decision = iam_policy.is_allowed(request, resource_policy=topic.policy)
    if not decision:
        return decision.message(request)
    topic.publish(message, subject=subject)
    return None


def _install_topics() -> None:
    @wraps(SNSBackend, "create_topic")
    def create_topic(original: Any, self: Any, name: str, attributes: Any = None, tags: Any = None) -> Topic:
        if (attributes or {}).get("Policy"):
            _check_policy(attributes["Policy"])
        there = set(self.topics)
        topic = original(name, attributes, tags)
        if topic.arn not in there:
            return topic
        # AWS returns a topic that is there only to who asks for the same one.
        if tags and tags != topic._tags:
            raise InvalidParameterValue("Invalid parameter: Tags Reason: Topic already exists with different tags")
        known = {"DisplayName": topic.display_name, "KmsMasterKeyId": topic.kms_master_key_id, "Policy": topic.policy}
        for key, value in (attributes or {}).items():
            if key in known and not _same(key, value, known[key]):
                raise InvalidParameterValue(
                    "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
                )
        return topic

    @wraps(SNSBackend, "set_topic_attribute")
    def set_topic_attribute(original: Any, self: Any, topic_arn: str, name: str, value: str) -> None:
        if name == "policy":
            _check_policy(value)
        original(topic_arn, name, value)

    @wraps(SNSResponse, "get_topic_attributes")
    def get_topic_attributes(original: Any, self: Any) -> ActionResult:
        topic = self.backend.get_topic(self._get_param("TopicArn"))
        subscriptions = self.backend._get_topic_subscriptions(topic)
        topic.subscriptions_confimed = sum(subscription.confirmed for subscription in subscriptions)
        topic.subscriptions_pending = len(subscriptions) - topic.subscriptions_confimed
        return original()


def _same(key: str, wanted: str, actual: str) -> bool:
    return json.loads(wanted) == json.loads(actual) if key == "Policy" else wanted == actual


def _check_policy(policy: str) -> None:
    try:
        problems = iam_policy.problems(json.loads(policy), with_principal=True)
    except ValueError as error:
        problems = [str(error)]
    if problems:
        raise SNSInvalidParameter(f"Invalid parameter: Policy Error: {problems[0]}")


def _install_subscriptions(lab: Lab) -> None:
    @wraps(SNSBackend, "subscribe")
    def subscribe(original: Any, self: Any, topic_arn: str, endpoint: str, protocol: str) -> Subscription:
        if protocol.startswith("email") and "@" not in endpoint:
            raise SNSInvalidParameter("Invalid parameter: Email address")
        subscription = original(topic_arn, endpoint, protocol)
        if protocol not in ASKS_FIRST:
            subscription.confirmed = True
        # Who subscribes again before the answer is asked again.
        elif not subscription.confirmed:
            subscription.token = secrets.token_hex(64)
            subscription.attributes |= {PENDING: True, "ConfirmationWasAuthenticated": False}
            _ask(lab, subscription)
        return subscription

    @wraps(SNSResponse, "subscribe")
    def answer_subscribe(original: Any, self: Any) -> ActionResult:
        original()
        subscription = self.backend._find_subscription(
            self._get_param("TopicArn"), self._get_param("Endpoint"), self._get_param("Protocol")
        )
        told = subscription.confirmed or self._get_bool_param("ReturnSubscriptionArn")
        return ActionResult({"SubscriptionArn": subscription.arn if told else "pending confirmation"})

    def listed(original: Any, self: Any) -> ActionResult:
        answer = original()
        found = [_listed(subscription) for subscription in answer.result["Subscriptions"]]
        return ActionResult(answer.result | {"Subscriptions": found})

    wraps(SNSResponse, "list_subscriptions")(listed)
    wraps(SNSResponse, "list_subscriptions_by_topic")(listed)

    @wraps(SNSResponse, "confirm_subscription")
    def confirm_subscription(original: Any, self: Any) -> ActionResult:
        topic = self.backend.get_topic(self._get_param("TopicArn"))
        token = self._get_param("Token")
        for subscription in self.backend._get_topic_subscriptions(topic):
            if token and secrets.compare_digest(getattr(subscription, "token", ""), token):
                subscription.confirmed = True
                subscription.attributes |= {PENDING: False, "ConfirmationWasAuthenticated": True}
                return ActionResult({"SubscriptionArn": subscription.arn})
        raise SNSInvalidParameter("Invalid token")

    @wraps(SNSBackend, "unsubscribe")
    def unsubscribe(original: Any, self: Any, subscription_arn: str) -> None:
        if subscription_arn.count(":") < 6:
            raise SNSInvalidParameter(
                "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"
            )
        subscription = self.subscriptions.get(subscription_arn)
        if subscription and not subscription.confirmed:
            raise SNSInvalidParameter("Invalid parameter: SubscriptionArn Reason: The subscription is not confirmed")
        original(subscription_arn)


def _ask(lab: Lab, subscription: Subscription) -> None:
    if subscription.protocol.startswith("email"):
        lab.mail.deliver(
            Message(
                to=subscription.endpoint,
                subject="AWS Notification - Subscription Confirmation",
                body=f"You have chosen to subscribe to the topic: {subscription.topic.arn}",
                topic_arn=subscription.topic.arn,
                token=subscription.token,
            )
        )


def _listed(subscription: Subscription) -> dict[str, str]:
    return {
        "SubscriptionArn": subscription.arn if subscription.confirmed else PENDING,
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic.arn,
    }


def _install_delivery(lab: Lab) -> None:
    @wraps(Subscription, "publish")
    def publish(original: Any, self: Any, message: str, *arguments: Any, **options: Any) -> None:
        if not self.confirmed:
            return
        if not self.protocol.startswith("email"):
            original(message, *arguments, **options)
            return
        subject = options.get("subject") or "AWS Notification Message"
        lab.mail.deliver(Message(to=self.endpoint, subject=subject, body=message, topic_arn=self.topic.arn))
