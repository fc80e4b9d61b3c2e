"""Opens pages in a headless Chromium, and reports what they show."""

import atexit
import functools
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Seen:
    """What came of the steps.

    `answers` has an entry a step that asks something. `requests` are pairs of an address and
    "finished", or why it did not end so. `messages` is what the console shows.
    """

    origin: str
    answers: list
    requests: list
    messages: list

    @property
    def outside(self):
        """The requests that ask for something else than a file of the folder."""
        local = (self.origin, f"blob:{self.origin}", "data:")
        assert any(url.startswith(self.origin) for url, _ in self.requests)
        return [(url, end) for url, end in self.requests if not url.startswith(local)]

    @property
    def blocked(self):
        """The addresses that a page's policy kept it from connecting to."""
        matches = (re.match(r"Connecting to '(.+?)' violates", text) for text in self.messages)
        return [match[1] for match in matches if match]


@functools.cache
def node_modules():
    """The folder with what package.json names, from npm, once a process."""
    folder = Path(tempfile.mkdtemp(prefix="npm-"))
    atexit.register(shutil.rmtree, folder)
    shutil.copy(HERE / "package.json", folder)
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
    subprocess.run(["npm", "install", *flags], cwd=folder, check=True, capture_output=True)
    return folder / "node_modules"


def drive(site, steps):
    """Serves a folder and does steps in Chromium, each a name in `browser_driver.mjs` and its
    argument."""
    job = {"chromium": shutil.which("chromium"), "steps": steps}
    done = subprocess.run(
        ["node", HERE / "browser_driver.mjs", node_modules(), site],
        input=json.dumps(job, default=str),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return Seen(**json.loads(done.stdout))
