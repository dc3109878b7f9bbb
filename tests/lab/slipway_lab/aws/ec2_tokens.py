# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Client tokens, which the emulator does not know: a call with the token of an earlier one makes nothing
# more, and is answered as that one was. https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.ec2.responses.route_tables import RouteTables

from slipway_lab.aws import ec2_errors
from slipway_lab.aws.patching import wraps

if TYPE_CHECKING:
    from typing import Any


def install() -> None:
    for responses, operation in ((ElasticBlockStore, "create_volume"), (RouteTables, "create_route_table")):
        _remember(responses, operation)


def _remember(responses: type, operation: str) -> None:
    @wraps(responses, operation)
    def respond(original: Any, self: Any) -> Any:
        token = self._get_param("ClientToken")
        if not token:
            return original()
        request = {name: value for name, value in self._get_params().items() if name != "ClientToken"}
        fingerprint = json.dumps(request, sort_keys=True, default=str)
        answers = self.ec2_backend.__dict__.setdefault("lab_tokens", {})
        if (operation, token) in answers:
            used_for, answer = answers[operation, token]
            if used_for != fingerprint:
                raise ec2_errors.token_reused()
            return answer
        answer = original()
        answers[operation, token] = (fingerprint, answer)
        return answer
