"""`relevance demo` in a process in which no package of an extra can be imported, as in a plain installation."""

import json
import os
import subprocess
import sys
from pathlib import Path

from relevance.packages import EXTRAS

BLOCKED = f"""\
import sys

for name in {[module for names in EXTRAS.values() for module in names]!r}:
    sys.modules[name] = None
"""


def test_it_shows_the_loss_and_the_queries_that_were_lost(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKED)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    shop = tmp_path / "shop"
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-m", "relevance.cli", "demo", "--into", shop],
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "LOSS: product_search: nDCG@10 fell by 5." in done.stdout
    changed = "45 lost, 0 won, 35 unchanged (13 of them with other hits); hits with a judgment 100% → 100%"
    assert f"product_search: queries by nDCG@10: {changed}" in done.stdout
    page = shop / ".relevance" / "latest" / "report.html"
    assert f"the page: {page} (relevance demo --open opens it)" in done.stdout
    assert page.is_file()
    verdicts = json.loads((page.parent / "results.json").read_text())["strategies"]
    assert list(verdicts) == ["textsearch", "textsearch_boosted", "product_search"]
