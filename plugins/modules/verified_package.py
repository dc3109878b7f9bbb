#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: verified_package
version_added: 0.2.0
short_description: Install a Debian package from an address, after checking where it is from
description:
  - Downloads a C(.deb) file, and installs it only if a given key has signed it, or if its SHA-256 checksum is the one
    given, and if it says of itself that it is the package and version that is wanted.
  - Nothing is downloaded while that version is installed.
  - For packages that are in no repository of apt; their dependencies come from those.
options:
  name:
    description:
      - Name of the package.
    type: str
    required: true
  state:
    description:
      - V(absent) removes the package and its configuration files.
    type: str
    choices: [present, absent]
    default: present
  version:
    description:
      - The package's version, exactly as dpkg shows it. Another one that is installed is replaced, a newer one too.
      - Required if O(state=present).
    type: str
  url:
    description:
      - Address of the package. C({architecture}) in it, and in the other addresses, stands for the host's, as dpkg
        calls it (V(amd64), V(arm64)).
      - Required if O(state=present).
    type: str
  checksum:
    description:
      - The package's SHA-256 checksum, hexadecimal.
      - At least one of O(checksum) and O(key_fingerprint) is required if O(state=present). With both, both must fit.
    type: str
  key_fingerprint:
    description:
      - Fingerprint of the key that must have signed the package, 40 hexadecimal digits or 64; spaces do not matter.
      - The package is refused if the signature is another key's, even one that O(key_url) holds as well.
    type: str
  key_url:
    description:
      - Address of the public key, armoured or not. It need not be trusted, since O(key_fingerprint) is compared.
      - Required with O(key_fingerprint).
    type: str
  signature_url:
    description:
      - Address of the detached signature. Default is O(url) with C(.sig) appended.
    type: str
  timeout:
    description:
      - How many seconds a server may stay silent during a download.
    type: int
    default: 60
  lock_timeout:
    description:
      - How many seconds to wait for another apt or dpkg, such as a security update's.
    type: int
    default: 600
notes:
  - Needs C(gpgv), which the package of that name brings, to check a signature.
  - What is installed is known from dpkg. Check mode downloads nothing, so it cannot tell that a package will be
    refused.
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
"""

EXAMPLES = r"""
- name: Install a package whose checksum is known
  slipway.aws.verified_package:
    name: shop-tools
    version: 2.1-1
    url: https://example.com/shop-tools_2.1-1_all.deb
    checksum: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

- name: Install Amazon's CloudWatch agent, signed by Amazon
  slipway.aws.verified_package:
    name: amazon-cloudwatch-agent
    version: 1.300071.0b1720-1
    url: "https://amazoncloudwatch-agent.s3.amazonaws.com/debian/{architecture}/1.300071.0b1720/amazon-cloudwatch-agent.deb"
    key_url: https://amazoncloudwatch-agent.s3.amazonaws.com/assets/amazon-cloudwatch-agent.gpg
    key_fingerprint: 9376 16F3 450B 7D80 6CBD 9725 D581 6730 3B78 9C72
"""

RETURN = r"""
package:
  description: The package after the run, or as it would be. Empty if O(state=absent).
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      returned: success
      sample: amazon-cloudwatch-agent
    version:
      description: Its version.
      type: str
      returned: success
      sample: 1.300071.0b1720-1
    previous_version:
      description: The version that was installed before, V(null) if none was.
      type: str
      returned: success
      sample: 1.300070.0b1600-1
"""

import hashlib
import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import VerificationError
from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import check_package
from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import find_signer
from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import read_fingerprint
from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import read_installed
from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import read_key
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._packages.verify import Installed

# Nobody is there to be asked; a configuration file that was changed by hand stays.
UNATTENDED = {"DEBIAN_FRONTEND": "noninteractive"}
KEEP_CONFIGURATION = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]


def find_installed(module: AnsibleModule, name: str) -> Installed | None:
    command = ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Version}", name]
    rc, output, _error = module.run_command(command)
    return read_installed(output) if rc == 0 else None


def download(url: str, path: str, timeout: int) -> None:
    try:
        with open(path, "wb") as file:
            shutil.copyfileobj(open_url(url, timeout=timeout), file)
    except Exception as error:  # urllib's and the socket's errors have no common base but this
        raise VerificationError(f"{url} could not be downloaded: {error}") from error


def check_checksum(path: str, checksum: str) -> None:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    if digest.hexdigest() != checksum.strip().lower():
        raise VerificationError(f"its SHA-256 checksum is {digest.hexdigest()}, not {checksum}")


def check_signature(module: AnsibleModule, package: str, urls: dict[str, str], fingerprint: str) -> None:
    """Raise VerificationError unless the key with this fingerprint has signed the file package."""
    directory = os.path.dirname(package)
    signature, keyring = os.path.join(directory, "signature"), os.path.join(directory, "key")
    download(urls["signature_url"], signature, module.params["timeout"])
    download(urls["key_url"], keyring, module.params["timeout"])
    with open(keyring, "rb") as file:
        key = read_key(file.read())
    with open(keyring, "wb") as file:
        file.write(key)
    rc, status, error = module.run_command(
        [module.get_bin_path("gpgv", required=True), "--status-fd", "1", "--keyring", keyring, signature, package]
    )
    signer = find_signer(status)
    if rc != 0 or signer is None:
        raise VerificationError(f"it has no good signature of {urls['key_url']}: {error.strip()}")
    if signer != fingerprint:
        raise VerificationError(f"it is signed by the key {signer}, not by {fingerprint}")


def apt_get(module: AnsibleModule, *arguments: str) -> None:
    command = ["apt-get", "--yes", "-o", f"DPkg::Lock::Timeout={module.params['lock_timeout']}", *arguments]
    rc, output, error = module.run_command(command, environ_update=UNATTENDED)
    if rc != 0:
        raise VerificationError(f"{' '.join(command)} failed: {(error or output).strip()[-2000:]}")


def install(module: AnsibleModule, urls: dict[str, str], architecture: str, fingerprint: str | None) -> None:
    params = module.params
    # Root's alone from the first byte on, so that what was checked is what is installed.
    with tempfile.TemporaryDirectory(prefix="slipway-") as directory:
        package = os.path.join(directory, f"{params['name']}.deb")
        download(urls["url"], package, params["timeout"])
        try:
            if params["checksum"]:
                check_checksum(package, params["checksum"])
            if fingerprint:
                check_signature(module, package, urls, fingerprint)
            command = ["dpkg-deb", "--field", package, "Package", "Version", "Architecture"]
            _rc, fields, _error = module.run_command(command, check_rc=True)
            check_package(fields, params["name"], params["version"], architecture)
        except VerificationError as error:
            raise VerificationError(f"{urls['url']} is not installed, because {error}") from None
        apt_get(module, "install", "--no-install-recommends", "--allow-downgrades", *KEEP_CONFIGURATION, package)


def describe(name: str, installed: Installed | None) -> dict[str, Any] | None:
    return {"name": name, "version": installed.version, "status": installed.status} if installed else None


def ensure_present(module: AnsibleModule, installed: Installed | None) -> dict[str, Any]:
    params = module.params
    name, version = params["name"], params["version"]
    fingerprint = read_fingerprint(params["key_fingerprint"]) if params["key_fingerprint"] else None
    changed = installed is None or not installed.is_complete or installed.version != version
    if changed and not module.check_mode:
        _rc, architecture, _error = module.run_command(["dpkg", "--print-architecture"], check_rc=True)
        architecture = architecture.strip()
        given = {
            "url": params["url"],
            "signature_url": params["signature_url"] or f"{params['url']}.sig",
            "key_url": params["key_url"] or "",
        }
        urls = {option: url.replace("{architecture}", architecture) for option, url in given.items()}
        if installed and installed.status not in ("installed", "config-files"):
            # Left behind by one that was killed; apt does nothing until it is finished.
            module.run_command(["dpkg", "--configure", "--pending"], environ_update=UNATTENDED)
        install(module, urls, architecture, fingerprint)
    before = describe(name, installed)
    after = {"name": name, "version": version, "status": "installed"}
    result = module_result("package", changed, before, after, module._diff)
    previous = installed.version if installed and installed.is_complete else None
    result["package"] = {"name": name, "version": version, "previous_version": previous}
    return result


def ensure_absent(module: AnsibleModule, installed: Installed | None) -> dict[str, Any]:
    name = module.params["name"]
    if installed and not module.check_mode:
        apt_get(module, "purge", name)
    return module_result("package", installed is not None, describe(name, installed), None, module._diff)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "version": {"type": "str"},
            "url": {"type": "str"},
            "checksum": {"type": "str"},
            "key_fingerprint": {"type": "str", "no_log": False},
            "key_url": {"type": "str", "no_log": False},
            "signature_url": {"type": "str"},
            "timeout": {"type": "int", "default": 60},
            "lock_timeout": {"type": "int", "default": 600},
        },
        required_if=[
            ("state", "present", ("version", "url")),
            ("state", "present", ("checksum", "key_fingerprint"), True),
        ],
        required_by={"key_fingerprint": ("key_url",)},
        supports_check_mode=True,
    )
    name = module.params["name"]
    try:
        installed = find_installed(module, name)
        ensure = ensure_present if module.params["state"] == "present" else ensure_absent
        result = ensure(module, installed)
    except (VerificationError, OSError) as error:
        module.fail_json(msg=f"Failed to make the package {name} {module.params['state']}: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
