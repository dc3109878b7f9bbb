# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: where the backups of a SQLite database are in S3, and who carries them there. The options
# are those of S3_ARGUMENTS in module_utils/_sqlite.py; what a module does with the bucket, it says itself.

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  prefix:
    description:
      - What the keys in O(bucket) begin with.
    type: str
    default: ""
  region:
    description:
      - Region of O(bucket). If not set, the one that the instance is in.
    type: str
    default: ""
  uploader:
    description:
      - Directory of the uploader that the role C(sqlite_backup) installs.
    type: path
    default: /usr/local/lib/slipway/uploader/current
"""
