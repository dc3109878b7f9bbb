# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A site of 2,000 files: published, published again, rebuilt, mended, superseded, and killed in the middle of it."""

from __future__ import annotations

from publishing import Site
from publishing import be_killed
from publishing import live

FILES = 2000
SEED = 4
KILLS = 20


def test_the_life_of_a_large_site(api_lab, tmp_path):
    live(Site(api_lab, "large", tmp_path), tmp_path, FILES, SEED)


def test_a_publication_that_is_killed_anywhere(api_lab, tmp_path):
    killed = be_killed(Site(api_lab, "killed", tmp_path), tmp_path, FILES, SEED, KILLS)
    print(f"{killed} publications of {FILES} files were killed")
    assert killed >= KILLS // 2
