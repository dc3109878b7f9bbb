# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: every check of an inventory, in the order in which a person would read them. Pure.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._inventory import addresses
from ansible_collections.slipway.aws.plugins.module_utils._inventory import application
from ansible_collections.slipway.aws.plugins.module_utils._inventory import names
from ansible_collections.slipway.aws.plugins.module_utils._inventory import secrets
from ansible_collections.slipway.aws.plugins.module_utils._inventory import variables
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import WARNINGS
from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import acknowledge

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Iterator
    from collections.abc import Mapping
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Facts
    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory
    from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Problem

    Check = Callable[[Inventory, Facts], Iterator[Problem]]

# Without these, nothing of a project can be found on AWS.
IDENTITY_CHECKS: tuple[Check, ...] = (
    names.check_project,
    names.check_account_id,
    names.check_region,
)
# These ask whether a project should be made as the inventory says.
BUILD_CHECKS: tuple[Check, ...] = (
    secrets.check_secrets,
    variables.check_ranges,
    variables.check_ports,
    variables.check_key_file,
    addresses.check_admin_cidrs,
    addresses.check_open_ports,
    addresses.check_network,
    names.check_domain,
    names.check_certificates,
    application.check_sources,
    application.check_backend,
    application.check_module_form,
    application.check_frontend,
    application.check_health,
    application.check_environment,
    application.check_lifetimes,
    application.check_http_origin,
    application.check_stage,
)


def find_problems(
    inventory: Inventory,
    facts: Facts,
    type_problems: Iterable[Problem] = (),
    wiring: Mapping[str, Any] | None = None,
    build: bool = True,
) -> list[Problem]:
    """All that is wrong with an inventory.

    type_problems: what read_values() has found already.
    wiring: the variables of playbooks/vars/ for the shape, as they are written.
    build: whether the project is to be made or changed; to remove it, less must be right.
    """
    found = list(type_problems)
    for check in IDENTITY_CHECKS + (BUILD_CHECKS if build else ()):
        found += check(inventory, facts)
    if build:
        found += names.check_names(inventory, wiring or {})
        found += variables.check_acknowledged(inventory, WARNINGS)
    masked = secrets.secret_values(inventory)
    hidden = [problem._replace(reason=secrets.hide(problem.reason, masked)) for problem in found]
    # A wrong value may be wrong in two ways that read the same.
    unique = list(dict.fromkeys(hidden))
    return acknowledge(unique, inventory.get("acknowledged_warnings") or [])
