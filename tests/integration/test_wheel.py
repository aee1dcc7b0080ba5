"""The distribution as a stranger gets it: built, installed in a new environment, used outside the repository."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("build")
pytest.importorskip("hatchling")

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = {"attributes.csv", "product_descriptions.csv", "solution.csv", "test.csv", "train.csv"}
pytestmark = pytest.mark.needs("model")


def run(*command: str | Path, cwd: Path, code: int = 0) -> str:
    """What a command printed, run without anything of this process's own Python path."""
    ours = {"PYTHONPATH", "PYTHONHOME", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "CI"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(  # noqa: S603 - the commands are ours
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the repository."""
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of scripts of a new environment with the wheel.

    Its dependencies are those of the environment that runs this test, seen through a `.pth` file: what they are is
    pip's business, and PyTorch is large. The file is written after the wheel is installed, so that pip does not
    find another one of us there; `.pth` files behind it, of an editable installation, are not read.
    """
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    installing = ("-m", "pip", "--python", folder, "install", "--quiet", "--no-index", "--no-deps", wheel)
    run(sys.executable, *installing, cwd=folder)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    Path(paths["purelib"], "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Path(paths["scripts"])


@pytest.fixture(scope="module")
def shop(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that `relevance init shop` makes."""
    folder = tmp_path_factory.mktemp("stranger")
    printed = run(environment / "relevance", "init", "shop", cwd=folder)
    assert printed.splitlines()[-2] == "next: cd shop && pytest"
    return folder / "shop"


def test_the_wheel_holds_package_and_sample_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    packaged = {path.relative_to(ROOT).as_posix() for path in (ROOT / "relevance").rglob("*") if path.is_file()}
    samples = {f"relevance/datasets/sample_files/{name}" for name in SAMPLE}
    assert names == {name for name in packaged if "__pycache__" not in name} | samples


def test_package_and_sample_are_the_installed_ones(environment: Path, tmp_path: Path) -> None:
    code = (
        "import relevance; from relevance.datasets import load, parse; "
        "print(relevance.__file__); print(len(load(parse('sample')).queries))"
    )
    file, queries = run(environment / "python", "-c", code, cwd=tmp_path).splitlines()
    assert Path(file).is_relative_to(environment.parent)
    assert int(queries) > 0


def test_check_finds_nothing_wrong_with_the_made_project_but_its_size(environment: Path, shop: Path) -> None:
    printed = run(environment / "relevance", "check", cwd=shop)
    (line,) = [line for line in printed.splitlines() if "look at" in line]
    assert "12 judged queries: the gate's paired test needs 50" in line
    assert "30; " in printed


def test_pytest_runs_the_made_project_gated_as_it_stands(environment: Path, shop: Path, tmp_path: Path) -> None:
    run(environment / "python", "-m", "pytest", "--benchmark-disable", f"--cache-dir={tmp_path}", cwd=shop)
    results = json.loads((shop / ".relevance" / "latest" / "results.json").read_text())
    assert len(results["strategies"]) == 10
    assert "words_and_meaning" in results["strategies"]
    assert {row["verdict"] for row in results["strategies"].values()} == {"pass"}


def test_a_floor_out_of_reach_fails(environment: Path, shop: Path, tmp_path: Path) -> None:
    floors = tmp_path / "floors.toml"
    floors.write_text("[shop.textsearch]\nNDCG = 1.0\n")
    options = ("--benchmark-disable", "--strategy=textsearch", f"--floors={floors}", f"--out={tmp_path / 'out'}")
    printed = run(environment / "python", "-m", "pytest", *options, cwd=shop, code=1)
    assert "is below its floor 1.0000" in printed
