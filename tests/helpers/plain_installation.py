"""Say how large an installation without extras is, and fail where it has what it must not have, or is too large.

Run by the interpreter of that installation, which has none of the packages for tests.
"""

import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from relevance.packages import EXTRAS

MB = 200
INSTALLERS = ("pip", "setuptools", "pkg_resources", "_distutils_hack")


def size(paths: list[Path]) -> float:
    """MB of all files below some paths."""
    return sum(file.lstat().st_size for path in paths for file in [path, *path.rglob("*")] if file.is_file()) / 1e6


def main() -> str:
    """What is wrong, "" where nothing is."""
    root = Path(sysconfig.get_path("purelib"))
    ours = [path for path in root.iterdir() if not path.name.startswith(INSTALLERS)]
    compiled = [path for path in root.rglob("*.pyc") if not path.relative_to(root).parts[0].startswith(INSTALLERS)]
    files = size(ours) - size(compiled)
    sys.stdout.write(f"{files:.0f} MB of files in site-packages, and {size(compiled):.0f} MB of bytecode beside them\n")
    there = [module for names in EXTRAS.values() for module in names if find_spec(module) is not None]
    if there:
        return f"a plain installation has {', '.join(there)}"
    return f"more than {MB} MB" if files > MB else ""


if __name__ == "__main__":
    sys.exit(main() or 0)
