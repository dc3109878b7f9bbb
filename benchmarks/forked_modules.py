# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Modules in forks of Ansible's worker beside modules as programs, in turn within one run.

Plays ten tasks with nothing to do, of as many modules of the collection, on a lab (or an account that is empty enough:
they take away what is not there). Or, with --playbook, a playbook that has been played before. Prints the time and the
processor's time of each way, and the ratio. Times are for reading: what it fails for are tasks that fail or change
something, and ways that do not report the same numbers of tasks.

    . .lab/env && python benchmarks/forked_modules.py
    . .lab/env && python benchmarks/forked_modules.py --rounds 1 --playbook site.yml
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FORKS = "forks"
PROGRAMS = "programs"
WAYS = {FORKS: "yes", PROGRAMS: "no"}
NAME = "slipway-benchmark-of-nothing"
ABSENT = {"name": NAME, "state": "absent"}
TASKS = [
    {"ec2_host_info": {"names": [NAME]}},
    {"ec2_managed_prefix_list_info": {"names": ["com.amazonaws.global.cloudfront.origin-facing"]}},
    {"vpc_network": {"name": NAME, "state": "absent"}},
    {"s3_bucket_baseline": ABSENT},
    {"iam_runtime_role": ABSENT},
    {"secretsmanager_random_secret": ABSENT},
    {"cloudfront_function": ABSENT},
    {"cloudfront_origin_access_control": ABSENT},
    {"cloudwatch_log_groups": {"log_groups": [{"name": NAME}], "state": "absent"}},
    {"route53_hosted_zone": {"name": f"{NAME}.example", "state": "absent"}},
]


def write_play(path: Path) -> None:
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": [{f"slipway.aws.{name}": options} for task in TASKS for name, options in task.items()],
    }
    path.write_text(json.dumps([play]), encoding="utf-8")


def play(playbook: str, way: str) -> tuple[float, float, list[str]]:
    """How long a playbook took, how long all its processes computed, and what it counted."""
    environment = {**os.environ, "SLIPWAY_AWS_FORK_MODULES": WAYS[way], "ANSIBLE_NOCOLOR": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(
        ["ansible-playbook", playbook], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    elapsed = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"ansible-playbook failed:\n{done.stdout[-4000:]}{done.stderr}")
    counts = re.findall(r"^\S+ +: (ok=\d+ +changed=\d+)", done.stdout, re.MULTILINE)
    computed = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return elapsed, computed, [re.sub(" +", " ", count) for count in counts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--playbook", help="what to play instead of the ten tasks")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if not os.environ.get("AWS_ENDPOINT_URL"):
        sys.exit("AWS_ENDPOINT_URL is not set: start a lab and source its env file. AWS itself is not measured.")

    times: dict[str, list[float]] = {way: [] for way in WAYS}
    processor: dict[str, list[float]] = {way: [] for way in WAYS}
    counted: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as directory:
        tasks = Path(directory) / "tasks.yml"
        write_play(tasks)
        for number in range(arguments.rounds):
            for way in WAYS if number % 2 else reversed(WAYS):
                elapsed, computed, counted[way] = play(arguments.playbook or str(tasks), way)
                times[way].append(elapsed)
                processor[way].append(computed)

    today = datetime.datetime.now(datetime.UTC).date()
    load = os.getloadavg()[0]
    print(
        f"{today}: {arguments.playbook or f'{len(TASKS)} tasks'}, {os.cpu_count()} processors, load {load:.1f}, "
        f"median of {arguments.rounds} round(s)"
    )
    print(f"{'':20}{FORKS:>12}{PROGRAMS:>14}{'ratio':>8}")
    for title, values in (("time", times), ("processor time", processor)):
        ours, theirs = (statistics.median(values[way]) for way in (FORKS, PROGRAMS))
        print(f"{title:20}{ours:10.1f} s{theirs:12.1f} s{theirs / ours:8.1f}")
    if counted[FORKS] != counted[PROGRAMS]:
        sys.exit(f"The two ways did not report the same: {counted}")
    if any(not count.endswith("changed=0") for count in counted[FORKS]):
        sys.exit(f"Something was changed: {counted[FORKS]}. Play it once before.")


if __name__ == "__main__":
    main()
