# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ansible_collections.slipway.aws.plugins.module_utils._inventory.problems import Inventory
from ansible_collections.slipway.aws.plugins.plugin_utils import _inventory_facts as reader

COLLECTION = Path(__file__).resolve().parents[4]
EXAMPLE = COLLECTION / "examples" / "etf_portfolio"
LOCK = '[[package]]\nname = "uvicorn"\nversion = "1"\n\n[[package]]\nname = "fastapi"\n'


def test_the_regions_of_the_installed_botocore():
    regions = reader.read_regions()
    assert {"us-east-1", "eu-central-1"} <= regions
    assert not any(name.startswith(("aws-", "cn-", "us-gov-")) for name in regions)


def test_key_files(tmp_path):
    key = tmp_path / "key"
    assert reader.read_key_file(str(key)).exists is False
    assert reader.read_key_file(str(tmp_path)).exists is False
    assert reader.read_key_file("a\0b").exists is False
    key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n", encoding="utf-8")
    key.chmod(0o640)
    found = reader.read_key_file(str(key))
    assert (found.mode, found.is_private_key, found.has_public_key) == (0o640, True, False)
    (tmp_path / "key.pub").write_text("ssh-ed25519 AAAA", encoding="utf-8")
    assert reader.read_key_file(str(key)).has_public_key
    assert not reader.read_key_file(str(tmp_path / "key.pub")).is_private_key


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("app = FastAPI()\nx: int = 1\na, (b, *c) = f()", {"app", "x", "a", "b", "c"}),
        ("from a import b as app\nimport c.d, e as f", {"app", "c", "f"}),
        ("def app(): inner = 1\nclass K: pass\nasync def g(): pass", {"app", "K", "g"}),
        ("if x:\n    app = 1\nelse:\n    def api(): pass", {"app", "api"}),
        ("try:\n    import x\nexcept ImportError:\n    x = None", {"x"}),
        ("from a import *", None),
        ("def __getattr__(name): pass", None),
        ("def def", None),
        ("a\0b", None),
        ("", set()),
    ],
)
def test_what_a_module_defines(code, names):
    assert reader.names_at_top(code) == (None if names is None else frozenset(names))


@pytest.mark.parametrize(
    ("requires", "pythons"),
    [
        (">=3.13", {"3.13", "3.14", "3.15"}),
        ("==3.11.*", {"3.11"}),
        (">3.14.2,<3.15", {"3.14"}),
        ("<3.10", {"3.8", "3.9"}),
        ("nonsense", None),
    ],
)
def test_which_pythons_are_allowed(requires, pythons):
    assert reader.allowed_pythons(requires) == (None if pythons is None else frozenset(pythons))


def test_the_examples_back_end():
    found = reader.read_backend(EXAMPLE / "backend", "app.main:app")
    assert found.exists
    assert found.files == {"pyproject.toml", "uv.lock"}
    assert {"uvicorn", "alembic", "fastapi"} <= found.packages
    assert found.requires_python == ">=3.11"
    assert {"3.11", "3.13"} <= found.pythons
    assert found.module_file.endswith("app/main.py")
    assert "app" in found.module_names


def test_a_back_end_of_which_much_is_missing(tmp_path):
    assert not reader.read_backend(tmp_path / "none", "app:app").exists
    assert not reader.read_backend(Path("a\0b"), "app:app").exists
    empty = reader.read_backend(tmp_path, "app:app")
    assert (empty.exists, empty.files, empty.module_file, empty.pythons) == (True, frozenset(), "", None)
    (tmp_path / "pyproject.toml").write_text("<<<<<<< HEAD", encoding="utf-8")
    (tmp_path / "uv.lock").write_text(LOCK, encoding="utf-8")
    (tmp_path / ".python-version").write_text("3.9\n", encoding="utf-8")
    (tmp_path / "src" / "app").mkdir(parents=True)
    (tmp_path / "src" / "app" / "__init__.py").write_text("api = 1", encoding="utf-8")
    found = reader.read_backend(tmp_path, "app:app")
    assert "pyproject.toml cannot be read" in found.error
    assert found.packages == {"uvicorn", "fastapi"}
    assert found.python_version == "3.9"
    assert found.module_names == {"api"}
    assert reader.read_backend(tmp_path, "no module at all").module_file == ""


def test_front_ends(tmp_path):
    example = reader.read_frontend(EXAMPLE / "frontend" / "dist")
    assert example.exists
    assert example.has_index
    assert example.node == ">=22.12.0"
    assert example.node_file.endswith("frontend/package.json")
    assert not reader.read_frontend(tmp_path / "none").exists
    dist = tmp_path / "dist"
    dist.mkdir()
    assert (reader.read_frontend(dist).has_index, reader.read_frontend(dist).node) == (False, "")
    (tmp_path / "package.json").write_text("[not json", encoding="utf-8")
    assert reader.read_frontend(dist).node == ""
    (tmp_path / ".nvmrc").write_text("v18\n", encoding="utf-8")
    assert reader.read_frontend(dist).node == "v18"


def test_vault_variables_that_are_not_encrypted(tmp_path):
    directory = tmp_path / "group_vars" / "all"
    directory.mkdir(parents=True)
    (directory / "encrypted.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\nvault_a: x\n", encoding="utf-8")
    (directory / "plain.yml").write_text(
        "vault_b: x\nvault_c: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\nvault_d: '{{ y }}'\nvault_e:\nother: vault_f: x\n",
        encoding="utf-8",
    )
    assert reader.find_plain_vault(str(tmp_path)) == {"vault_b": "group_vars/all/plain.yml"}
    assert reader.find_plain_vault(str(tmp_path / "none")) == {}


def test_what_the_collections_own_files_say_is_known():
    known = reader.read_known(COLLECTION, "spa_vm")
    assert {"project", "acknowledged_warnings", "ec2_host_instance_type", "python_app_workers"} <= set(known.options)
    # Wired, given to a role, or a switch of preflight's own.
    assert {
        "network_name",
        "python_app_name",
        "ec2_host_state",
        "static_site_release",
        "preflight_for",
    } <= known.derived
    assert not known.derived & {"project", "stage", "ec2_host_instance_type", "app_module"}
    assert known.wiring["static_site_bucket_name"]
    # Without a shape that exists, nothing is missing that would make further variables look wrong.
    assert set(reader.read_known(COLLECTION, "no_such_shape").options) >= set(known.options)


def test_a_role_is_known_as_soon_as_a_playbook_names_it(tmp_path):
    spec = "argument_specs: {main: {options: {NAME_x: {type: int, required: true}, NAME_given: {type: str}}}}"
    shape = "{shape: {type: str, choices: [spa_vm, other]}, project: {type: str}}"
    files = {
        "roles/preflight/meta/argument_specs.yml": f"argument_specs: {{main: {{}}, inventory: {{options: {shape}}}}}",
        "playbooks/spa_vm.yml": "[{hosts: x, roles: [{role: slipway.aws.one, vars: {one_given: 1}}]}]",
        "playbooks/backup.yml": "[{tasks: [{include_role: {name: slipway.aws.two, tasks_from: x}}]}]",
        "playbooks/other.yml": "[{roles: [slipway.aws.three]}]",
        "playbooks/vars/spa_vm.yml": "one_wired: 1",
        "playbooks/vars/other.yml": "three_wired: 1",
    }
    files.update(
        {f"roles/{name}/meta/argument_specs.yml": spec.replace("NAME", name) for name in ("one", "two", "three")}
    )
    files["roles/unused/meta/argument_specs.yml"] = spec.replace("NAME", "unused")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    known = reader.read_known(tmp_path, "spa_vm")
    assert {name for name in known.options if name.endswith("_x")} == {"one_x", "two_x"}
    # backup.yml alone needs it.
    assert (known.options["one_x"].get("required"), known.options["two_x"].get("required")) == (True, None)
    assert known.derived == {"one_given", "one_wired"}


def test_facts_of_an_inventory_that_names_files(tmp_path):
    values = {"app_backend": {"path": str(EXAMPLE), "subdirectory": "backend"}, "app_frontend": {"repo": "git@host:x"}}
    facts = reader.read_facts(Inventory({}, values), str(tmp_path), date(2026, 1, 1))
    assert facts.today == date(2026, 1, 1)
    assert "uv.lock" in facts.backend.files
    assert facts.frontend is None
    assert facts.key_file is None
