# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# A module that does what modules may do to the process they run in. The test puts it into a collection of its own.

from __future__ import annotations

import atexit
import os
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule

CALLS = []


def tell(module: AnsibleModule) -> dict:
    CALLS.append(1)
    os.environ["ODD_LEAK"] = "leaked"
    return {
        "calls": len(CALLS),
        "name": __name__,
        "arguments": len(sys.argv),
        "input": sys.stdin.read(),
        "directory": os.getcwd(),
        "temporary": tempfile.gettempdir(),
        "variables": {name: os.environ.get(name) for name in ("AWS_REGION", "ODD_TASK", "ODD_LEAK", "TMPDIR", "PWD")},
        "run": module.run_command(["sh", "-c", "echo $ODD_TASK; cat; echo err >&2; exit 3"]),
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
        "exists": os.path.isdir(module.tmpdir),
    }


def warn(module: AnsibleModule) -> dict:
    module.warn("a warning")
    module.deprecate("old", version="9.0.0", collection_name="slipway.aws")
    return {"secret_back": f"<{module.params['secret']}>", "diff": {"before": "a\n", "after": "b\n"}, "changed": True}


def use_threads(module: AnsibleModule) -> dict:
    with ThreadPoolExecutor(4) as pool:
        squares = list(pool.map(lambda number: number**2, range(8)))
    path = module.params["path"]

    def append(text: str) -> None:
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)

    def late() -> None:
        time.sleep(0.2)
        append("thread,")

    atexit.register(append, "exit.")
    threading.Thread(target=late).start()
    return {"squares": squares}


def make_noise(module: AnsibleModule) -> dict:
    print("before the result")
    print("an error", file=sys.stderr)
    atexit.register(print, "after the result")
    return {"long": "x" * 200000}


def fail(_module: AnsibleModule) -> dict:
    raise ValueError("not so")


def leave(_module: AnsibleModule) -> dict:
    print("no result")
    sys.exit(3)


def leave_with_words(_module: AnsibleModule) -> dict:
    sys.exit("these words")


def end_at_once(_module: AnsibleModule) -> dict:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def sleep(_module: AnsibleModule) -> dict:
    time.sleep(30)
    return {}


ACTS = (tell, warn, use_threads, make_noise, fail, leave, leave_with_words, end_at_once, sleep)


def main() -> None:
    acts = {act.__name__: act for act in ACTS}
    module = AnsibleModule(
        argument_spec={
            "act": {"choices": list(acts), "required": True},
            "path": {"type": "path"},
            "secret": {"no_log": True, "default": "hush"},
            "extra": {},
        },
        supports_check_mode=True,
    )
    module.exit_json(check=module.check_mode, **acts[module.params["act"]](module))


if __name__ == "__main__":
    main()
