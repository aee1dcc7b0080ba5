"""What CI posts: the scripts of the workflow, of the action and of the page, run against the sites' documented APIs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from helpers.sites import GH, GITHUB, GITLAB, Site, serving

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load((ROOT / "relevance" / "templates" / "workflow.yml").read_text(encoding="utf-8"))
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
PLAIN = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[0]
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
GITLAB_CI: dict[str, Any] = next(block for block in BLOCKS if "note" in block)
SHORT: dict[str, Any] = next(block for block in BLOCKS if "OWNER" in str(block))

BOT, ADA = {"login": "github-actions[bot]", "id": 1}, {"login": "ada", "id": 2}
MARK = "<!-- relevance shop -->"
TEXT = f'{MARK}\n### ❌ relevance: shop: loss\n\n- "quotes" `code` $HOME \\n é\n'

needs_tools = pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl", "jq"))), reason="needs bash, curl and jq")


def step(steps: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(one for one in steps if one.get("name") == name)


COMMENT = step(WORKFLOW["jobs"]["comment"]["steps"], "comment")


def github() -> Site:
    return Site(GITHUB, me=BOT, whose="user", change="PATCH", token=("Authorization", "token secret"))


def gitlab() -> Site:
    return Site(GITLAB, me={"id": 1}, whose="author", change="PUT", token=("PRIVATE-TOKEN", "secret"))


def post_to_github(folder: Path, site: Site) -> None:
    """Run the script of the workflow; `gh` is a program that asks the site."""
    (folder / "gh").write_text(GH.format(python=sys.executable))
    (folder / "gh").chmod(0o755)
    variables = {
        **{name: value for name, value in COMMENT["env"].items() if "${{" not in value},
        "PATH": f"{folder}:{os.environ['PATH']}",
        "STUB": site.url,
        "GH_TOKEN": "secret",
        "NUMBER": "7",
        "GITHUB_REPOSITORY": "shop/search",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "9",
    }
    subprocess.run(["bash", "-e", "-c", COMMENT["run"]], cwd=folder, env=variables, check=True)  # noqa: S603, S607


def post_to_gitlab(folder: Path, site: Site) -> None:
    variables = {
        "PATH": os.environ["PATH"],
        "CI_API_V4_URL": f"{site.url}/api/v4",
        "RELEVANCE_TOKEN": "secret",
        "CI_MERGE_REQUEST_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_IID": "7",
    }
    script = GITLAB_CI["note"]["script"][0]
    subprocess.run(["sh", "-e", "-c", script], cwd=folder, env=variables, check=True)  # noqa: S603, S607


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@needs_tools
def test_github_gets_one_comment_that_is_kept_up_to_date(tmp_path: Path) -> None:
    file = tmp_path / COMMENT["env"]["COMMENT"]
    with serving(github()) as site:
        for at in range(40):  # more than a page
            site.add(f"{MARK if at == 3 else ''} of another", ADA)
        write(file, TEXT)
        post_to_github(tmp_path, site)
        own = site.comments[-1]
        link = "Both rankings of each query: `report.html` in [the artifacts](https://github.com/shop/search/actions/runs/9)."
        assert (own["body"], own["user"], len(site.comments)) == (f"{TEXT}\n{link}\n", BOT, 41)
        quiet = f"{MARK}\n✅ **relevance: shop**: no changes\n"
        write(file, quiet)
        post_to_github(tmp_path, site)
        assert (own["body"], len(site.comments)) == (quiet, 41), "one line stays one"
        file.unlink()
        post_to_github(tmp_path, site)
        assert own["body"] == (
            f"{MARK}\n❔ **relevance: shop**: no verdict: main has no baseline, or nothing was measured.\n"
        )
        file.symlink_to(tmp_path / "gh")
        post_to_github(tmp_path, site)
        assert "no verdict" in own["body"], "a link leads anywhere"
        paths = ("issues/7/comments", *["issues/comments/140"] * 3)
        methods = ("POST", *["PATCH"] * 3)
        assert site.calls == [f"{how} /repos/shop/search/{path}" for how, path in zip(methods, paths, strict=True)]


@needs_tools
def test_gitlab_gets_one_note_that_is_kept_up_to_date(tmp_path: Path) -> None:
    file = tmp_path / ".relevance" / "latest" / "comment.md"
    with serving(gitlab()) as site:
        for at in range(130):
            site.add(f"{MARK if at == 3 else ''} of another", {"id": 2}, system=at % 2 == 0)
        write(file, TEXT)
        post_to_gitlab(tmp_path, site)
        own = site.comments[-1]
        assert (own["body"], own["author"], len(site.comments)) == (TEXT, {"id": 1}, 131)
        write(file, f"{MARK}\nno changes\n")
        post_to_gitlab(tmp_path, site)
        assert (own["body"], len(site.comments)) == (f"{MARK}\nno changes\n", 131)
        file.unlink()
        post_to_gitlab(tmp_path, site)
        assert own["body"] == f"{MARK}\n❔ **relevance: shop**: no verdict: nothing was measured.\n"
        notes = "/api/v4/projects/42/merge_requests/7/notes"
        assert site.calls == [f"POST {notes}", *[f"PUT {notes}/230"] * 2]


@needs_tools
@pytest.mark.parametrize(
    ("site", "where", "post"),
    [
        (github, COMMENT["env"]["COMMENT"], post_to_github),
        (gitlab, ".relevance/latest/comment.md", post_to_gitlab),
    ],
)
@pytest.mark.parametrize("first", ["", "<!-- coverage -->"])
def test_a_file_cannot_name_the_comment_that_it_replaces(
    tmp_path: Path, site: Any, where: str, post: Any, first: str
) -> None:
    write(tmp_path / where, f"{first}\ntext\n")
    with serving(site()) as running:
        running.add("<!-- coverage -->\n90%", running.me)
        post(tmp_path, running)
        post(tmp_path, running)
        assert [one["body"] for one in running.comments] == ["<!-- coverage -->\n90%", f"{MARK}\ntext\n"]


@needs_tools
def test_a_site_that_refuses_is_a_failed_step(tmp_path: Path) -> None:
    site = gitlab()
    site.token = ("PRIVATE-TOKEN", "another")
    write(tmp_path / ".relevance" / "latest" / "comment.md", TEXT)
    with serving(site), pytest.raises(subprocess.CalledProcessError):
        post_to_gitlab(tmp_path, site)


def test_only_the_job_that_comments_may_write_and_it_runs_no_code_of_the_pull_request() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert {name: job.get("permissions") for name, job in WORKFLOW["jobs"].items()} == {
        "benchmarks": None,
        "verdict": None,
        "comment": {"pull-requests": "write"},
    }
    job = WORKFLOW["jobs"]["comment"]
    assert [one.get("uses") for one in job["steps"]] == ["actions/download-artifact@v4", None]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"], "forks"
    assert "pull_request_target" not in str(WORKFLOW[True])
    commands = {line.split()[0] for line in COMMENT["run"].splitlines() if line.startswith("gh")}
    assert commands <= {"gh"}
    assert "pip" not in str(job)


def test_what_users_write_is_handed_to_scripts_as_variables() -> None:
    scripts = [one["run"] for job in WORKFLOW["jobs"].values() for one in job["steps"] if "run" in one]
    scripts += [one["run"] for one in ACTION["runs"]["steps"] if "run" in one]
    assert len(scripts) > 6
    assert not [script for script in scripts if "${{" in script]


def test_the_action_measures_gates_keeps_and_comments_as_the_workflow_does() -> None:
    steps = ACTION["runs"]["steps"]
    assert (ACTION["runs"]["using"], len(ACTION["inputs"])) == ("composite", 6)
    assert all(one["shell"] == "bash" for one in steps if "run" in one), "a composite action has to say so"
    assert step(steps, "comment")["run"] == COMMENT["run"]
    assert step(steps, "comment")["continue-on-error"] is True
    measuring = step(steps, "measure, compare, gate")["run"]
    assert "--gate-from-baseline --out .relevance/latest" in measuring
    assert {one["uses"].partition("@")[2] for one in steps if "uses" in one} <= {"v4", "v5"}
    used = {name for one in steps for name in re.findall(r"inputs\.([\w-]+)", str(one))}
    assert used == set(ACTION["inputs"]), "each input is used"
    (checkout, own) = SHORT["jobs"]["relevance"]["steps"]
    assert (checkout["with"], own["with"]) == ({"fetch-depth": 0}, {"dataset": "shop"})
    assert set(own["with"]) == {name for name, one in ACTION["inputs"].items() if one.get("required")}
    assert SHORT["permissions"] == {"contents": "read", "pull-requests": "write"}


def test_gitlab_s_jobs_are_what_its_documentation_says() -> None:
    """Keys of https://docs.gitlab.com/ci/yaml/."""
    jobs = {name: job for name, job in GITLAB_CI.items() if name not in ("default", "variables", "workflow")}
    keys = {"stage", "image", "rules", "needs", "variables", "before_script", "script", "artifacts"}
    assert {key for job in jobs.values() for key in job} == keys
    assert jobs["benchmarks"]["artifacts"]["reports"] == {"junit": "relevance.xml"}
    assert set(jobs["benchmarks"]["artifacts"]) == {"when", "expose_as", "paths", "reports"}
    measuring = jobs["benchmarks"]["script"][-1]
    assert "--gate-from-baseline" in measuring
    assert measuring.endswith("--junitxml relevance.xml")
    assert "$RELEVANCE_TOKEN" in jobs["note"]["rules"][0]["if"], "forks have none"
    assert jobs["note"]["needs"] == [{"job": "benchmarks", "artifacts": True}]
    assert all(isinstance(line, str) for job in jobs.values() for line in job["script"])


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("which", ["gitlab", "plain"])
def test_main_s_baseline_is_taken_elsewhere_too(tmp_path: Path, which: str, packed: str) -> None:
    main, branch = tmp_path / "main", tmp_path / "branch"
    main.mkdir()
    git(main, "init", "-b", "main")
    write(main / f"benchmarks/baselines/shop.json{packed}", "main's")
    git(main, "add", ".")
    git(main, "commit", "-m", "baseline")
    git(tmp_path, "clone", "main", "branch")
    write(branch / f"benchmarks/baselines/shop.json{packed}", "its own")
    write(branch / "bin" / "pytest", '#!/bin/sh\ncp "$RELEVANCE_BASELINE" taken; echo "$CI $*" > options\n')
    (branch / "bin" / "pytest").chmod(0o755)
    scripts = {"gitlab": "\n".join(GITLAB_CI["benchmarks"]["script"][1:]), "plain": PLAIN}
    variables = {"PATH": f"bin:{os.environ['PATH']}", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    subprocess.run(["sh", "-e", "-c", scripts[which]], cwd=branch, env=variables, check=True, capture_output=True)  # noqa: S603, S607
    assert (branch / "taken").read_text() == "main's"
    assert (branch / "options").read_text().endswith("--junitxml relevance.xml\n")
    assert dedent(scripts[which]) == scripts[which]
