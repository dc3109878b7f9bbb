# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection.

from __future__ import annotations


class ModuleDocFragment:
    # What every module that changes something on AWS does.
    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description:
      - Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: full
  idempotent:
    description:
      - When run twice in a row outside C(check_mode), with the same arguments, the second invocation indicates
        no change.
    support: full
  action_group:
    description: Use C(group/slipway.aws.aws) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - slipway.aws.aws
options: {}
"""

    # What every module that only reads from AWS does.
    INFO = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - This module does not modify state.
  diff_mode:
    description:
      - Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    description:
      - When run twice in a row outside C(check_mode), with the same arguments, the second invocation indicates
        no change.
    support: full
    details:
      - This module does not modify state.
  action_group:
    description: Use C(group/slipway.aws.aws) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - slipway.aws.aws
options: {}
"""

    # What the modules do that run on a managed host or prepare files on the controller, and never call AWS.
    HOST = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description:
      - Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: full
  idempotent:
    description:
      - When run twice in a row outside C(check_mode), with the same arguments, the second invocation indicates
        no change.
    support: full
options: {}
"""

    # What the actions do that show on the controller what modules have gathered.
    REPORT = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - This action shows what was gathered, and modifies nothing that it speaks of.
  diff_mode:
    description:
      - Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: N/A
    details:
      - This action shows what was gathered, and modifies nothing that it speaks of.
  idempotent:
    description:
      - When run twice in a row outside C(check_mode), with the same arguments, the second invocation indicates
        no change.
    support: full
    details:
      - This action shows what was gathered, and modifies nothing that it speaks of.
options: {}
"""
