# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""README.md names each module and each operation that there is, in the modules' own words."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Parts of other playbooks.
PARTS = {"find_host", "find_project", "preflight", "spa_vm", "spa_vm_go_live", "spa_vm_release", "spa_vm_rotation"}


def test_the_table_of_modules():
    table = README.partition("| module | for |")[2].partition("\n\n")[0]
    said = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))
    there = {
        path.stem: re.search(r"^short_description: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)[1]
        for path in (ROOT / "plugins" / "modules").glob("*.py")
    }
    assert said == there
    assert list(said) == sorted(said)


def test_the_operations():
    there = {path.stem for path in (ROOT / "playbooks").glob("*.yml")} - PARTS
    assert set(re.findall(r"(?:playbooks/|playbook )(\w+)\.yml", README)) >= there
