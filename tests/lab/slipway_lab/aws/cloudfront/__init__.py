# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# CloudFront of the lab: in place of the emulator's own, which loses fields, checks no versions and no state.

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway_lab.aws.cloudfront.service import CloudFront

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from slipway_lab.context import Lab

_service: CloudFront | None = None


def service() -> CloudFront:
    """The CloudFront of the lab that runs in this process."""
    if _service is None:
        raise RuntimeError("CloudFront is not installed in this process.")
    return _service


def install(lab: Lab) -> None:
    """Answer CloudFront's API from the lab's own service; before the first request to it."""
    global _service
    from moto.cloudfront import urls
    from moto.cloudfront.models import CloudFrontBackend

    from slipway_lab.aws.cloudfront.api import Api
    from slipway_lab.edge import functions

    _service = CloudFront(lab.delays, lab.names, lab.edge_address)
    _service.certificate_names = _certificate_names
    Api.service = _service
    Api.run_function = staticmethod(functions.test)
    urls.url_paths.clear()
    urls.url_paths["{0}/2020-05-31/(?P<path>.+)$"] = Api.dispatch
    CloudFrontBackend.iter_tagged_resources = _tagged_resources


def _certificate_names(account: str, arn: str) -> list[str] | None:
    from moto.acm.models import acm_backends

    certificate = acm_backends[account]["us-east-1"]._certificates.get(arn)
    if certificate is None:
        return None
    return [certificate.common_name, *certificate.sans] if certificate.status == "ISSUED" else None


def _tagged_resources(backend: Any) -> Iterator[Any]:
    """What the tagging API finds of CloudFront."""
    from moto.core.resource_tagging import TaggedResource

    for arn, tags in list(service().tags.items()):
        kind = arn.rpartition(":")[2].partition("/")[0]
        if tags and f"::{backend.account_id}:" in arn:
            yield TaggedResource(arn=arn, tags=dict(tags), resource_type=f"cloudfront:{kind}")
