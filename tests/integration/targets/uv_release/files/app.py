# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""An application with one dependency: says the release's name and the dependency's version."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

print((Path(__file__).parent / "name").read_text().strip(), version("h11"))
