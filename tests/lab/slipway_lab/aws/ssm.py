# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Systems Manager: the public parameters of the images that the lab adds.

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.utils import utcnow
from moto.ssm.models import Parameter
from moto.ssm.models import ParameterDict

from slipway_lab.aws import ec2_images
from slipway_lab.aws.patching import wraps

if TYPE_CHECKING:
    from typing import Any

    from slipway_lab.context import Lab

PREFIXES = ("/aws/service/debian/", "/aws/service/canonical/")


def install(lab: Lab) -> None:
    @wraps(ParameterDict, "_check_loading_status")
    def _check_loading_status(original: Any, self: Any, key: str) -> None:
        """Public parameters come into being when one of their family is first asked for."""
        original(key)
        if not str(key or "").startswith(PREFIXES) or self.__dict__.get("lab_images_loaded"):
            return
        self.lab_images_loaded = True
        for name, image in ec2_images.public_parameters().items():
            self[name] = [
                Parameter(
                    account_id=self.account_id,
                    name=name,
                    value=image,
                    parameter_type="String",
                    description=None,
                    allowed_pattern=None,
                    keyid=None,
                    last_modified_date=utcnow(),
                    version=1,
                    data_type="aws:ec2:image",
                )
            ]
