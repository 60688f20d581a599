"""Let ansible-test make its virtual environments where its download host cannot be reached.

Usage: pip_bootstrap.py CACHE_DIRECTORY. ansible-test installs pip by a script it downloads from its own host and keeps
in that directory. When the script is neither there nor to be had, this puts one there that installs the pip bundled
with Python instead.
"""

from __future__ import annotations

import re
import sys
import urllib.request
from pathlib import Path

import ansible_test

DOWNLOAD_HOST = "https://ci-files.testing.ansible.com/ansible-test"
STAND_IN = """# Instead of get-pip.py: install the pip bundled with this Python.
import ensurepip

ensurepip.bootstrap()
"""


def pip_version() -> str:
    """Return the version of pip that this ansible-test bootstraps, such as 24.2."""
    for source in sorted((Path(ansible_test.__file__).parent / "_internal").glob("*.py")):
        match = re.search(r"pip='(\d+(?:\.\d+)+)'", source.read_text(encoding="utf-8"))
        if match:
            return match.group(1)
    raise SystemExit("pip_bootstrap: this ansible-test does not say which pip it bootstraps")


def main(cache: Path) -> None:
    """Put the stand-in into the cache when it is needed."""
    version = pip_version()
    script = cache / f"get_pip_{version.replace('.', '_')}.py"
    if script.exists():
        return
    try:
        urllib.request.urlopen(f"{DOWNLOAD_HOST}/get-pip-{version}.py", timeout=5).close()
    except OSError:
        script.write_text(STAND_IN, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
