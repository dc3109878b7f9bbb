# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Releases of the example's back end to deploy: good ones, and such as must never become live.

Each function copies the code to a directory that does not exist yet, changes one thing, and returns the directory.
What breaks says "planted", so that a test can look for it where a person would.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

OTHER_PAGE = "<!-- another page -->"
FRONTEND = Path(__file__).resolve().parents[2] / "examples" / "etf_portfolio" / "frontend" / "dist"
BACKEND = Path(__file__).resolve().parents[2] / "examples" / "etf_portfolio" / "backend"
MIGRATION = '''"""{title}"""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0003", "0002", None, None


def upgrade() -> None:
    op.create_table("notes", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("text", sa.String(200)))
{more}

def downgrade() -> None:
    op.drop_table("notes")
'''


def good_release(destination: Path, version: str = "2.0.0") -> Path:
    """Another version, which the health and the summary show."""
    return _patch(copy_backend(destination), "app/__init__.py", r'__version__ = "[^"]+"', f'__version__ = "{version}"')


def migrating_release(destination: Path, version: str = "3.0.0") -> Path:
    """Another version with a migration that the release before it can live with."""
    return _add_migration(good_release(destination, version), title="Notes", more="")


def crash_at_start(destination: Path) -> Path:
    """Its import fails: a server with one process ends, one with several starts them again for ever."""
    return _patch(copy_backend(destination), "app/main.py", r"\Z", '\nraise RuntimeError("planted crash")\n')


def hang_at_start(destination: Path) -> Path:
    """It runs, listens to nobody, and takes no notice of SIGTERM."""
    patched = _patch(
        copy_backend(destination),
        "app/main.py",
        r'    logger\.info\("%s %s is ready".*\n',
        '    logger.info("planted hang")\n    await asyncio.sleep(3600)\n',
    )
    return _patch(patched, "app/main.py", r"^import logging\n", "import asyncio\nimport logging\n")


def unhealthy_release(destination: Path) -> Path:
    """It answers, and says that it cannot work."""
    return _patch(
        copy_backend(destination),
        "app/database.py",
        r'    """Why the application cannot work with this database, if it cannot\."""\n',
        '    return "planted fault"\n',
    )


def failing_migration(destination: Path) -> Path:
    """Its migration fails when it has already changed something."""
    more = '    raise RuntimeError("planted migration failure")\n'
    return _add_migration(copy_backend(destination), title="Notes, half way", more=more)


def hanging_migration(destination: Path) -> Path:
    """Its migration never ends, when it has already changed something."""
    more = '    print("planted hang of the migration", flush=True)\n    __import__("time").sleep(3600)\n'
    return _add_migration(copy_backend(destination), title="Notes, for ever", more=more)


def failing_sync(destination: Path) -> Path:
    """Its lock names another content of a package than the registry serves, as if somebody had exchanged it."""
    release = copy_backend(destination)
    lock = release / "uv.lock"
    head, name, rest = lock.read_text(encoding="utf-8").partition('name = "fastapi"\n')
    package, separator, others = rest.partition("[[package]]")
    forged, count = re.subn(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", package)
    if not (name and count):
        raise AssertionError("uv.lock has no hashes of fastapi to change")
    lock.write_text(head + name + forged + separator + others, encoding="utf-8")
    return release


def other_page(destination: Path) -> dict[str, str]:
    """The built front end with another front page, as app_frontend."""
    shutil.copytree(FRONTEND, destination)
    page = destination / "index.html"
    page.write_text(page.read_text(encoding="utf-8") + OTHER_PAGE, encoding="utf-8")
    return {"path": str(destination)}


def copy_backend(destination: Path) -> Path:
    """The release as it is in the checkout."""
    shutil.copytree(BACKEND, destination, ignore=shutil.ignore_patterns(".*_cache", ".venv", "__pycache__", "*.db*"))
    return destination


def _patch(release: Path, name: str, pattern: str, replacement: str) -> Path:
    """Change what matches exactly once: a release that was meant to be broken must not turn out a good one."""
    path = release / name
    text, count = re.subn(pattern, lambda _: replacement, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if count != 1:
        raise AssertionError(f"{pattern!r} matches {count} times in {name}, not once")
    path.write_text(text, encoding="utf-8")
    return release


def _add_migration(release: Path, *, title: str, more: str) -> Path:
    text = MIGRATION.format(title=title, more=more)
    (release / "migrations" / "versions" / "0003_notes.py").write_text(text, encoding="utf-8")
    return release
