#!/usr/bin/python

# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudwatch_agent_config
version_added: 0.2.0
short_description: Have Amazon's CloudWatch agent on a host run with a configuration
description:
  - Compares the configuration that the agent reads with the one that is wanted. If they differ, hands it to the agent's
    own C(amazon-cloudwatch-agent-ctl), which checks it, keeps a copy and restarts the agent.
  - Ends when the agent has been running with it for a while. One that ends again is an error, with its last log lines.
  - The agent starts at boot.
options:
  configuration:
    description:
      - The whole configuration. What else the agent reads, in its directory C(etc/amazon-cloudwatch-agent.d), is
        removed.
    type: dict
    required: true
  stable_seconds:
    description:
      - For how many seconds the agent must have been running after a restart.
    type: int
    default: 3
  record:
    description:
      - File that holds the digest of the configuration that the agent was last started with.
    type: path
    default: /var/lib/slipway/cloudwatch_agent.json
notes:
  - Needs the package C(amazon-cloudwatch-agent) (M(slipway.aws.verified_package)). In check mode it may be missing.
  - Whether the configuration is one that the agent understands, only the agent knows. Check mode does not ask it.
author:
  - The slipway.aws developers (@slipway-aws)
extends_documentation_fragment:
  - slipway.aws._attributes.host
seealso:
  - plugin: slipway.aws.cloudwatch_agent_configuration
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Ship the journal of the application
  slipway.aws.cloudwatch_agent_config:
    configuration:
      "{{ '/aws/ec2/shop'
          | slipway.aws.cloudwatch_agent_configuration(version='1.300071.0b1720', units=['shop.service']) }}"

- name: Publish how much memory is in use, and nothing else
  slipway.aws.cloudwatch_agent_config:
    configuration:
      metrics:
        append_dimensions:
          InstanceId: ${aws:InstanceId}
        metrics_collected:
          mem:
            measurement: [used_percent]
"""

RETURN = r"""
agent:
  description: The agent after the run, or as it would be.
  returned: success
  type: dict
  contains:
    configuration:
      description: Its configuration.
      type: dict
      returned: success
      sample: {"metrics": {"metrics_collected": {"mem": {"measurement": ["used_percent"]}}}}
    running:
      description: Whether it is running.
      type: bool
      returned: success
      sample: true
    enabled:
      description: Whether it starts at boot.
      type: bool
      returned: success
      sample: true
reasons:
  description: Why it was told its configuration. Empty if nothing changed.
  returned: success
  type: list
  elements: str
  sample: [it has another configuration]
"""

import json
import os
import tempfile
import time
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.host import SOURCE
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.host import Agent
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.host import digest
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.host import find_reasons
from ansible_collections.slipway.aws.plugins.module_utils._cloudwatch.host import read_unit
from ansible_collections.slipway.aws.plugins.module_utils._plan import module_result

if TYPE_CHECKING:
    from typing import Any

HOME = "/opt/aws/amazon-cloudwatch-agent"
UNIT = "amazon-cloudwatch-agent.service"
LOG_LINES = 20


class AgentError(Exception):
    pass


def program() -> str:
    return os.path.join(HOME, "bin", "amazon-cloudwatch-agent-ctl")


def read_json(path: str) -> Any:
    """What is in a file, None if it is not there or no JSON."""
    try:
        with open(path) as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return None


def read_configurations() -> dict[str, Any]:
    directory = os.path.join(HOME, "etc", "amazon-cloudwatch-agent.d")
    names = os.listdir(directory) if os.path.isdir(directory) else []
    # Those are what the agent's own programs have not finished with; they clear them away themselves.
    found = {name: read_json(os.path.join(directory, name)) for name in names if not name.endswith(".tmp")}
    own = os.path.join(HOME, "etc", "amazon-cloudwatch-agent.json")
    return found | ({os.path.basename(own): read_json(own)} if os.path.exists(own) else {})


def read_agent_unit(module: AnsibleModule) -> dict[str, str]:
    command = ["systemctl", "show", UNIT, "--property", "ActiveState,SubState,MainPID,UnitFileState"]
    _rc, output, _error = module.run_command(command, check_rc=True)
    return read_unit(output)


def is_running(unit: dict[str, str]) -> bool:
    return (unit.get("ActiveState"), unit.get("SubState")) == ("active", "running")


def read_agent(module: AnsibleModule) -> Agent:
    unit = read_agent_unit(module)
    record = read_json(module.params["record"])
    return Agent(
        configurations=read_configurations(),
        applied=record.get("configuration") if isinstance(record, dict) else None,
        is_running=is_running(unit),
        is_enabled=unit.get("UnitFileState") == "enabled",
    )


def last_lines(module: AnsibleModule) -> str:
    """What the agent wrote last: to its own log, and before it had opened that."""
    try:
        with open(os.path.join(HOME, "logs", "amazon-cloudwatch-agent.log"), errors="replace") as file:
            lines = file.read().splitlines()[-LOG_LINES:]
    except FileNotFoundError:
        lines = []
    command = ["journalctl", "--unit", UNIT, "--lines", str(LOG_LINES), "--output", "cat", "--no-pager"]
    _rc, output, _error = module.run_command(command)
    return "\n".join([*lines, *output.splitlines()])


def apply(module: AnsibleModule) -> None:
    """Have the agent check the configuration and start with it."""
    with tempfile.TemporaryDirectory(prefix="slipway-") as directory:
        source = os.path.join(directory, SOURCE)
        with open(source, "w") as file:
            json.dump(module.params["configuration"], file, indent=2, sort_keys=True)
        rc, output, error = module.run_command(
            [program(), "-a", "fetch-config", "-m", "ec2", "-s", "-c", f"file:{source}"]
        )
    if rc != 0:
        said = "\n".join(text.strip() for text in (output, error) if text.strip())
        raise AgentError(f"it does not take the configuration: {said[-3000:]}")


def wait_until_stable(module: AnsibleModule) -> None:
    unit = read_agent_unit(module)
    deadline = time.monotonic() + module.params["stable_seconds"]
    process = unit["MainPID"]
    while is_running(unit) and unit["MainPID"] == process:
        if time.monotonic() >= deadline:
            return
        time.sleep(0.5)
        unit = read_agent_unit(module)
    raise AgentError(f"it has started and ended again (systemctl status {UNIT}). It wrote:\n{last_lines(module)}")


def write_record(module: AnsibleModule) -> None:
    os.makedirs(os.path.dirname(module.params["record"]), mode=0o755, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"configuration": digest(module.params["configuration"])}, file)
    module.atomic_move(beside, module.params["record"])


def run(module: AnsibleModule) -> dict[str, Any]:
    wanted = module.params["configuration"]
    agent = read_agent(module)
    reasons = find_reasons(agent, wanted)
    if reasons and not module.check_mode:
        if not os.path.exists(program()):
            raise AgentError(f"it is not installed: there is no {program()}. Install amazon-cloudwatch-agent first")
        apply(module)
        wait_until_stable(module)
        write_record(module)
    before = {"configuration": agent.configuration, "running": agent.is_running, "enabled": agent.is_enabled}
    after = {"configuration": wanted, "running": True, "enabled": True}
    return {**module_result("agent", bool(reasons), before, after, module._diff), "reasons": reasons}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "configuration": {"type": "dict", "required": True},
            "stable_seconds": {"type": "int", "default": 3},
            "record": {"type": "path", "default": "/var/lib/slipway/cloudwatch_agent.json"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (AgentError, OSError) as error:
        module.fail_json(msg=f"Failed to configure the CloudWatch agent: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
