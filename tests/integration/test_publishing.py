# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A sample of what tests/sweeps/test_publishing.py does with a site ten times as large."""

from __future__ import annotations

from publishing import Site
from publishing import be_killed
from publishing import live

FILES = 200
SEED = 7


def test_the_life_of_a_site(lab, tmp_path):
    live(Site(lab, "sample-life", tmp_path), tmp_path, FILES, SEED)


def test_a_publication_that_is_killed(lab, tmp_path):
    assert be_killed(Site(lab, "sample-killed", tmp_path), tmp_path, FILES, SEED, kills=2) >= 1
