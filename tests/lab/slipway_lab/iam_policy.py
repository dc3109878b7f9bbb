# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Decides whether AWS would allow a request, from the policies that apply to it. Pure: no state, no AWS.
# The rules are those of the IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements";
# policy variables (${aws:username}) are the one part left out, and problems() says so.

from __future__ import annotations

import functools
import ipaddress
import json
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from typing import Any

Document = Mapping[str, Any] | str | bytes
Values = str | list[str]


@dataclass(frozen=True)
class Principal:
    """Who asks. `type` is one of root, user, assumed-role, service, canonical (an OAI), anonymous."""

    type: str
    arn: str = ""
    account: str = ""
    role_arn: str = ""  # of an assumed role: the role's own ARN, which is what policies name
    service: str = ""
    canonical_id: str = ""

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> Principal:
        """From what principals.of() tells about an access key."""
        kind, account = description["type"], description.get("account") or ""
        role_arn = description.get("role_arn") or ""
        if kind == "assumed-role" and not role_arn:
            role_arn = f"arn:aws:iam::{account}:role/{description.get('role_name')}"
        return cls(type=kind, arn=description.get("arn") or "", account=account, role_arn=role_arn)

    @property
    def names(self) -> frozenset[str]:
        """The ARNs by which an "AWS" principal element means exactly this principal."""
        return frozenset(arn for arn in (self.arn, self.role_arn) if arn)


ANONYMOUS = Principal("anonymous")


@dataclass(frozen=True)
class Request:
    principal: Principal
    action: str  # "s3:GetObject"
    resource: str  # an ARN, or "*"
    context: Mapping[str, Values] = field(default_factory=dict)  # condition keys of the request
    resource_account: str = ""  # who owns the resource; empty: the principal's own account

    def values(self, key: str) -> list[str]:
        """The request's values of a condition key, whose names AWS reads without regard to case."""
        found = _lower_keys(self).get(key.lower())
        if found is None:
            return []
        return [found] if isinstance(found, str) else list(found)


@dataclass(frozen=True)
class Decision:
    allowed: bool
    reason: str
    explicit: bool = False  # denied by a Deny statement, not for want of an Allow

    def __bool__(self) -> bool:
        return self.allowed

    def message(self, request: Request) -> str:
        """The sentence that AWS answers with."""
        who = f"User: {request.principal.arn} is" if request.principal.arn else "The caller is"
        return f"{who} not authorized to perform: {request.action} on resource: {request.resource} {self.reason}"


def is_allowed(
    request: Request, identity_policies: Iterable[Document] = (), resource_policy: Document | None = None
) -> Decision:
    """Evaluate a request against the caller's own policies and the resource's policy (None: it has none)."""
    principal = request.principal
    identity = [statement for policy in identity_policies for statement in statements(policy)]
    resource = list(statements(resource_policy)) if resource_policy else []

    denied = _find(identity, "Deny", request, _any_principal)
    if denied is not None:
        return _denial(request, denied, "an identity-based policy")
    denied = _find(resource, "Deny", request, _principal_applies)
    if denied is not None:
        return _denial(request, denied, "a resource-based policy")

    owner = request.resource_account or principal.account
    if principal.type == "root" and principal.account == owner:
        return Decision(True, "because the account's root user may do what nothing denies")

    identity_allows = _find(identity, "Allow", request, _any_principal) is not None
    if _has_identity_policies(principal) and principal.account == owner:
        # Naming the account in a resource policy only delegates to its administrators, so within the account
        # such a statement gives nothing to a user or role; one that names the caller does.
        resource_allows = _find(resource, "Allow", request, _principal_is_named) is not None
        if identity_allows or resource_allows:
            return Decision(True, "because a policy allows it")
        return Decision(False, f"because no identity-based policy allows the {request.action} action")

    resource_allows = _find(resource, "Allow", request, _principal_applies) is not None
    if not resource_allows:
        return Decision(False, f"because no resource-based policy allows the {request.action} action")
    if principal.type == "root" or not _has_identity_policies(principal) or identity_allows:
        return Decision(True, "because the resource's policy allows it")
    return Decision(False, f"because no identity-based policy allows the {request.action} action")


def statements(policy: Document) -> list[dict[str, Any]]:
    """The statements of a policy document, given as a mapping or as JSON text."""
    document = json.loads(policy) if isinstance(policy, (str, bytes)) else policy
    return _as_list(document.get("Statement"))


def is_public(policy: Document) -> bool:
    """Whether S3's Block Public Access calls a bucket policy public: some Allow reaches beyond fixed principals."""
    return any(
        statement.get("Effect") == "Allow"
        and _names_everyone(statement)
        and not _limited_to_fixed_callers(statement.get("Condition") or {})
        for statement in statements(policy)
    )


def problems(policy: Document, *, with_principal: bool) -> list[str]:
    """What makes a policy document invalid: [] when AWS would store it. A resource policy has principals."""
    try:
        document = json.loads(policy) if isinstance(policy, (str, bytes)) else policy
    except ValueError:
        return ["Policies must be valid JSON and the first byte must be '{'"]
    if not isinstance(document, Mapping):
        return ["Policies must be valid JSON and the first byte must be '{'"]
    if document.get("Version", "2008-10-17") not in ("2012-10-17", "2008-10-17"):
        return [f"The policy must contain a valid version string, not {document['Version']}"]
    if not document.get("Statement"):
        return ["Missing required field Statement"]
    if "${" in json.dumps(document):
        return ["Policy variables are not supported by the lab"]
    found = []
    for statement in _as_list(document["Statement"]):
        found += _statement_problems(statement, with_principal)
    sids = [s["Sid"] for s in _as_list(document["Statement"]) if isinstance(s, Mapping) and s.get("Sid")]
    if len(sids) != len(set(sids)):
        found.append("Duplicate Sid in the policy")
    return found


# --- statements ------------------------------------------------------------------------------------------------


def _statement_problems(statement: Any, with_principal: bool) -> list[str]:
    if not isinstance(statement, Mapping):
        return ["Invalid policy syntax."]
    found = []
    if statement.get("Effect") not in ("Allow", "Deny"):
        found.append(f"Invalid effect: {statement.get('Effect')}")
    for name, required in (("Principal", with_principal), ("Action", True), ("Resource", True)):
        given = [key for key in (name, f"Not{name}") if key in statement]
        if required and not given:
            found.append(f"Missing required field {name}")
        if len(given) > 1:
            found.append(f"Statement has both {given[0]} and {given[1]}")
    if not with_principal and ("Principal" in statement or "NotPrincipal" in statement):
        found.append("Policy document should not specify a principal.")
    unknown = set(statement) - {"Sid", "Effect", "Condition"} - _ELEMENTS
    found += [f"Unknown field {name}" for name in sorted(unknown)]
    for operator in statement.get("Condition") or {}:
        if _operator(operator) is None:
            found.append(f"Invalid Condition type : {operator}")
    return found


_ELEMENTS = {name for base in ("Principal", "Action", "Resource") for name in (base, f"Not{base}")}


def _find(
    candidates: list[dict[str, Any]],
    effect: str,
    request: Request,
    principal_matches: Callable[[Mapping[str, Any], Principal], bool],
) -> Mapping[str, Any] | None:
    for statement in candidates:
        if (
            statement.get("Effect") == effect
            and principal_matches(statement, request.principal)
            and _element_matches(statement, "Action", request.action, ignore_case=True)
            and _element_matches(statement, "Resource", request.resource)
            and _conditions_hold(statement.get("Condition") or {}, request)
        ):
            return statement
    return None


def _denial(request: Request, statement: Mapping[str, Any], where: str) -> Decision:
    name = f" (statement {statement['Sid']})" if statement.get("Sid") else ""
    return Decision(False, f"with an explicit deny in {where}{name}", explicit=True)


def _element_matches(statement: Mapping[str, Any], name: str, value: str, ignore_case: bool = False) -> bool:
    if name in statement:
        return any(_like(pattern, value, ignore_case) for pattern in _as_list(statement[name]))
    if f"Not{name}" in statement:
        return not any(_like(pattern, value, ignore_case) for pattern in _as_list(statement[f"Not{name}"]))
    return False


# --- principals ------------------------------------------------------------------------------------------------


def _has_identity_policies(principal: Principal) -> bool:
    return principal.type in ("root", "user", "assumed-role")


def _any_principal(statement: Mapping[str, Any], principal: Principal) -> bool:
    return True  # an identity policy speaks of whoever carries it


def _principal_applies(statement: Mapping[str, Any], principal: Principal) -> bool:
    if "NotPrincipal" in statement:
        return not _in_element(statement["NotPrincipal"], principal, by_account=True)
    return _in_element(statement.get("Principal"), principal, by_account=True)


def _principal_is_named(statement: Mapping[str, Any], principal: Principal) -> bool:
    return _in_element(statement.get("Principal"), principal, by_account=False)


def _in_element(element: Any, principal: Principal, by_account: bool) -> bool:
    if element == "*":
        return True
    if not isinstance(element, Mapping):
        return False
    for name in _as_list(element.get("AWS")):
        if name == "*" or name in principal.names:
            return True
        if by_account and principal.account and name in _account_names(principal.account):
            return True
    if principal.service and principal.service in _as_list(element.get("Service")):
        return True
    return bool(principal.canonical_id) and principal.canonical_id in _as_list(element.get("CanonicalUser"))


def _account_names(account: str) -> tuple[str, str]:
    return account, f"arn:aws:iam::{account}:root"


def _names_everyone(statement: Mapping[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    element = statement.get("Principal")
    return element == "*" or (isinstance(element, Mapping) and "*" in _as_list(element.get("AWS")))


# The condition keys that, held to fixed values, make a policy for everyone one that is not public
# (S3 user guide, "The meaning of public").
_FIXED_CALLER_KEYS = {
    "aws:principalorgid",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointarn",
    "s3:dataaccesspointaccount",
}


def _limited_to_fixed_callers(condition: Mapping[str, Any]) -> bool:
    for operator, keys in condition.items():
        positive = "Not" not in operator and not operator.endswith("IfExists") and operator != "Null"
        for key, values in keys.items():
            if not positive:
                continue
            if key.lower() in _FIXED_CALLER_KEYS and not any("*" in v or "?" in v for v in _as_list(values)):
                return True
            if key.lower() == "aws:sourceip" and all(_narrow_network(value) for value in _as_list(values)):
                return True
    return False


def _narrow_network(cidr: str) -> bool:
    network = ipaddress.ip_network(cidr, strict=False)
    return network.prefixlen >= (8 if network.version == 4 else 32)


# --- conditions ------------------------------------------------------------------------------------------------


def _conditions_hold(condition: Mapping[str, Any], request: Request) -> bool:
    return all(
        _condition_holds(name, [_text(value) for value in _as_list(wanted)], request.values(key))
        for name, keys in condition.items()
        for key, wanted in keys.items()
    )


def _condition_holds(name: str, wanted: list[str], actual: list[str]) -> bool:
    parsed = _operator(name)
    if parsed is None:
        raise ValueError(f"Unknown condition operator {name}")
    quantifier, operator, if_exists = parsed
    if operator == "Null":
        return any((not actual) == (value.lower() == "true") for value in wanted)
    if if_exists and not actual:
        return True
    positive, negated = _OPERATORS[operator]

    def holds(value: str) -> bool:
        return any(positive(pattern, value) for pattern in wanted) != negated

    if quantifier == "ForAllValues":
        return all(holds(value) for value in actual)  # true, too, when the key is not in the request
    if quantifier == "ForAnyValue":
        return any(holds(value) for value in actual)
    if not actual:
        return negated
    return all(holds(value) for value in actual) if negated else any(holds(value) for value in actual)


def _operator(name: str) -> tuple[str, str, bool] | None:
    """'ForAnyValue:StringLikeIfExists' -> ('ForAnyValue', 'StringLike', True); None when there is no such one."""
    quantifier, _, operator = name.rpartition(":")
    if_exists = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    if quantifier not in ("", "ForAllValues", "ForAnyValue"):
        return None
    if operator == "Null":
        return None if if_exists or quantifier else (quantifier, operator, if_exists)
    return (quantifier, operator, if_exists) if operator in _OPERATORS else None


def _arn_like(pattern: str, arn: str) -> bool:
    # Wildcards do not reach over the colons that separate an ARN's six parts.
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) == 6 and all(_like(p, a) for p, a in zip(patterns, parts, strict=True))


def _in_network(cidr: str, address: str) -> bool:
    network, ip = ipaddress.ip_network(cidr, strict=False), ipaddress.ip_address(address)
    return ip.version == network.version and ip in network


def _instant(text: str) -> float:
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return float(text)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _ordered(read: Callable[[str], float], test: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def compare(wanted: str, actual: str) -> bool:
        try:
            return test(read(actual), read(wanted))
        except ValueError:
            return False  # what is no number or date matches nothing

    return compare


def _operators() -> Iterator[tuple[str, Callable[[str, str], bool], bool]]:
    """Each operator's name, its test of one wanted against one actual value, and whether it negates it."""
    for name, test in (
        ("StringEquals", lambda wanted, actual: wanted == actual),
        ("StringEqualsIgnoreCase", lambda wanted, actual: wanted.casefold() == actual.casefold()),
        ("StringLike", lambda wanted, actual: _like(wanted, actual)),
        ("ArnEquals", _arn_like),  # the same as ArnLike, says AWS
        ("ArnLike", _arn_like),
    ):
        yield name, test, False
        yield re.sub(r"(Equals|Like)", r"Not\1", name, count=1), test, True
    yield "IpAddress", _in_network, False
    yield "NotIpAddress", _in_network, True
    yield "Bool", lambda wanted, actual: wanted.lower() == actual.lower(), False
    yield "BinaryEquals", lambda wanted, actual: wanted == actual, False
    for kind, read in (("Numeric", float), ("Date", _instant)):
        yield f"{kind}Equals", _ordered(read, lambda a, b: a == b), False
        yield f"{kind}NotEquals", _ordered(read, lambda a, b: a == b), True
        yield f"{kind}LessThan", _ordered(read, lambda a, b: a < b), False
        yield f"{kind}LessThanEquals", _ordered(read, lambda a, b: a <= b), False
        yield f"{kind}GreaterThan", _ordered(read, lambda a, b: a > b), False
        yield f"{kind}GreaterThanEquals", _ordered(read, lambda a, b: a >= b), False


_OPERATORS = {name: (test, negated) for name, test, negated in _operators()}


# --- values ----------------------------------------------------------------------------------------------------


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _like(pattern: str, value: str, ignore_case: bool = False) -> bool:
    return bool(_wildcard(pattern, ignore_case).fullmatch(value))


@functools.lru_cache(maxsize=4096)
def _wildcard(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    text = "".join(parts.get(character, re.escape(character)) for character in pattern)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _lower_keys(request: Request) -> dict[str, Values]:
    return {key.lower(): value for key, value in request.context.items()}
