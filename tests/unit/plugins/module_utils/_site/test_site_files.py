# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._site import files
from ansible_collections.slipway.aws.plugins.module_utils._tree import TreeError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("INDEX.HTML", "text/html; charset=utf-8"),
        ("assets/index-DiwrgTda.js", "text/javascript; charset=utf-8"),
        ("chunk.mjs", "text/javascript; charset=utf-8"),
        ("index.js.map", "application/json"),
        ("app.css", "text/css; charset=utf-8"),
        ("data.json", "application/json"),
        ("site.webmanifest", "application/manifest+json"),
        ("lib.wasm", "application/wasm"),
        ("logo.svg", "image/svg+xml"),
        ("favicon.ico", "image/vnd.microsoft.icon"),
        ("font.woff2", "font/woff2"),
        ("robots.txt", "text/plain; charset=utf-8"),
        ("sitemap.xml", "application/xml"),
        (".well-known/apple-app-site-association", "application/json"),
        ("CNAME", "application/octet-stream"),
        ("archive.weird", "application/octet-stream"),
        ("model.custom", "model/x-custom"),
        ("notes.md", "text/x-markdown"),
    ],
)
def test_content_type_of(key: str, expected: str) -> None:
    assert files.content_type_of(key, {".custom": "model/x-custom", "md": "text/x-markdown"}) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("assets/index-DiwrgTda.js", True),  # Vite, Rollup
        ("assets/index-Di-rgT_a.js", True),  # its alphabet has dashes
        ("assets/index-DiwrgTda.js.map", True),
        ("main.3f2a9c41.css", True),  # webpack, Parcel
        ("main.3f2a9c41e5d6b7a8c9d0.chunk.js", True),
        ("app-4KZW7QXV.js", True),  # esbuild
        ("logo.svg", False),
        ("logo-horizont.svg", False),  # eight letters
        ("report-20260101.pdf", False),  # a date
        ("jquery-3.7.1.min.js", False),
        ("index.html", False),
        ("a-DiwrgTda/logo.svg", False),  # the directory's
        ("3f2a9c41.css", False),  # a name of its own
    ],
)
def test_has_hashed_name(key: str, expected: bool) -> None:
    assert files.has_hashed_name(key) is expected


IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("assets/index-DiwrgTda.js", IMMUTABLE),
        ("assets/img/photo-B7mDlVAf.jpg", IMMUTABLE),
        ("assets/logo.svg", "public, max-age=300"),
        ("index-DiwrgTda.js", "public, max-age=300"),
        ("index.html", "no-cache"),
        ("docs/page.html", "no-cache"),
        ("robots.txt", "public, max-age=300"),
    ],
)
def test_the_default_cache_rules(key: str, expected: str) -> None:
    assert files.cache_control_of(key, files.DEFAULT_CACHE_RULES) == expected


def test_the_first_cache_rule_that_fits_decides() -> None:
    rules = [
        {"pattern": "sw.js", "hashed_names": False, "cache_control": "a"},
        {"pattern": "/js/*", "hashed_names": False, "cache_control": "b"},
        {"pattern": "*.js", "hashed_names": False, "cache_control": "c"},
    ]
    found = {key: files.cache_control_of(key, rules) for key in ("js/sw.js", "js/x.js", "a/js/x.js", "x.css")}
    assert found == {"js/sw.js": "a", "js/x.js": "b", "a/js/x.js": "c", "x.css": None}


def read(source: Path, **options: object) -> tuple[dict, dict]:
    arguments = {"exclude": [], "cache_rules": files.DEFAULT_CACHE_RULES, "content_types": {}, **options}
    return files.read_site(str(source), **arguments)


def test_read_site(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<p>")
    (tmp_path / "assets/index-DiwrgTda.js").write_text("x")
    (tmp_path / "assets/index-DiwrgTda.js.map").write_text("{}")
    (tmp_path / ".env").write_text("SECRET=1")
    (tmp_path / ".well-known").mkdir()
    (tmp_path / ".well-known/security.txt").symlink_to("../index.html")
    site, locations = read(tmp_path, exclude=["*.map"])
    assert sorted(site) == sorted(locations) == [".well-known/security.txt", "assets/index-DiwrgTda.js", "index.html"]
    assert site["assets/index-DiwrgTda.js"] == {
        "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        "size": 1,
        "content_type": "text/javascript; charset=utf-8",
        "cache_control": IMMUTABLE,
    }
    assert site[".well-known/security.txt"]["sha256"] == site["index.html"]["sha256"]


def test_links_to_directories_are_refused(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "more").symlink_to("assets")
    (tmp_path / "gone").symlink_to("nowhere")
    with pytest.raises(TreeError, match="The symbolic link gone does not lead to a file"):
        read(tmp_path)
    with pytest.raises(TreeError, match="The symbolic link more does not lead to a file"):
        read(tmp_path, exclude=["gone"])


def test_names_that_have_no_url_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a\udcff.html").write_text("x")
    with pytest.raises(TreeError, match="is not UTF-8"):
        read(tmp_path)


def test_names_that_are_too_long_are_refused(tmp_path: Path) -> None:
    directory = tmp_path.joinpath(*["d" * 200] * 6)
    directory.mkdir(parents=True)
    (directory / "page.html").write_text("x")
    with pytest.raises(TreeError, match="longer than the 1024 bytes"):
        read(tmp_path)


def test_files_that_are_too_large_are_refused(tmp_path: Path) -> None:
    with open(tmp_path / "film.mp4", "wb") as file:
        file.truncate(files.LARGEST_FILE + 1)  # takes no space
    with pytest.raises(TreeError, match=r"film\.mp4 has 5368709121 bytes"):
        read(tmp_path)
