"""The repository: its workflows by their files, and what GitHub itself is asked about it, where `gh` may ask."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from slipway import config, github
from slipway.doctor.check import Check
from slipway.errors import NotReady, SlipwayError
from slipway.image.reference import repository
from slipway.tools import gh, process
from slipway.workflows import check, default_files, tables
from slipway.workflows.permissions import Default

SHOWN = 5  # findings of `slipway check` that are listed one by one
REQUIRED = "verify / Verify"  # the check that verify.yml makes, called by a job `verify`
SETTINGS = "https://github.com/{}/settings"
_ORIGIN = re.compile(r"github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?$")
_SECRET = re.compile(r"\bsecrets\.([A-Za-z_][\w-]*)")


async def examine(root: Path) -> list[Check]:
    """Look at a project's repository; nothing is changed."""
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    files = [path for path in default_files(top) if "workflows" in path.parts]
    if not files:
        return [Check("workflows", "warning", "there are none: nothing runs on GitHub", "slipway init")]
    secrets, environments = _secrets(files), _environments(files)
    found = [*_workflows(top), *_runners(files), *_deployed(root, files)]
    name = await _origin(top)
    if not name:
        fix = "git remote add origin git@github.com:OWNER/NAME.git"
        return [*found, *_unasked(secrets, environments, "no remote `origin` on GitHub", fix)]
    found.append(_image(root, name))
    try:
        about = await _ask(f"repos/{name}")
    except NotReady as error:
        return [*found, *_unasked(secrets, environments, str(error).splitlines()[0], "gh auth login")]
    if not about:
        fix = "create it, or log in as somebody who may see it: gh auth status"
        return [*found, *_unasked(secrets, environments, f"GitHub shows no repository {name}", fix)]
    branch = str(about.get("default_branch") or "main")
    answers = await asyncio.gather(
        _tried(_token(name)),
        _tried(_known_secrets(name, secrets, environments)),
        _tried(_known_environments(name, environments)),
        _tried(_branch(name, branch, queued=any(_answers_queue(path) for path in files))),
        _tried(_tags(name)),
    )
    return [*found, *(one for answer in answers for one in answer)]


def _workflows(top: Path) -> Iterator[Check]:
    """What `slipway check` says: permissions above all."""
    try:
        report = check.check(top, [], check.installed_kit(), Default())
    except SlipwayError as error:
        yield Check("workflows", "missing", str(error), "slipway check")
        return
    for problem in report.problems[:SHOWN]:
        level = "missing" if problem.severity == "HIGH" else "warning"
        yield Check("workflows", level, f"{problem.file}:{problem.line}: {problem.message}", problem.fix)  # type: ignore[arg-type]
    if (more := len(report.problems) - SHOWN) > 0:
        yield Check("workflows", "warning", f"{more} more findings", "slipway check")
    if not report.problems:
        yield Check("workflows", "ok", f"{len(report.files)} files, nothing that GitHub would refuse")


def _runners(files: list[Path]) -> Iterator[Check]:
    """Yield one line for hosted runners whose Docker the set-up restarts in each job."""
    named: dict[str, str] = {}
    for path, job in _jobs(files):
        if "slipway" in str(job):
            written = re.findall(r"[\w.-]+", f"{job.get('runs-on')} {(job.get('with') or {}).get('runner')}")
            named |= {label: path.name for label in written if label in tables.WITHOUT_STORE}
    if named:
        shown = ", ".join(f"{label} ({file})" for label, file in named.items())
        yield Check("runners", "ok", f"{shown}: the set-up restarts Docker there; ubuntu-26.04 needs no restart")


def _secrets(files: list[Path]) -> dict[str, str]:
    """Secrets of the repository that workflows read: name → file:line. What a caller hands over is no such secret."""
    found: dict[str, str] = {}
    for path in files:
        handed = {name.lower() for name in _handed(path)}
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            for name in _SECRET.findall("" if line.lstrip().startswith("#") else line):
                if name.lower() not in handed:
                    found.setdefault(name.upper(), f"{path.name}:{number}")
    found.pop(github.JOB_TOKEN, None)
    return found


def _read(path: Path) -> dict[Any, Any]:
    """A workflow as a value; empty where it is none, which `slipway check` says."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def _handed(path: Path) -> Iterator[str]:
    """The secrets that a workflow takes from its caller."""
    content = _read(path)
    on = content.get("on", content.get(True))  # YAML 1.1 reads `on` as a truth
    call = on.get("workflow_call") if isinstance(on, dict) else None
    yield from (call.get("secrets") or {}) if isinstance(call, dict) else ()


def _jobs(files: list[Path]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for path in files:
        jobs = _read(path).get("jobs")
        yield from ((path, job) for job in (jobs or {}).values() if isinstance(job, dict))


def _environments(files: list[Path]) -> dict[str, str]:
    """Environments of GitHub that jobs name: name → file."""
    found: dict[str, str] = {}
    for path, job in _jobs(files):
        named = job.get("environment")
        name = named.get("name") if isinstance(named, dict) else named
        if isinstance(name, str) and "${{" not in name:
            found.setdefault(name, path.name)
    return found


def _deployed(root: Path, files: list[Path]) -> Iterator[Check]:
    """Whether the environments that are deployed to are tables of slipway.toml."""
    try:
        known = {*config.load(root, {}).deploy, "local"}
    except SlipwayError:
        return  # said where the settings are looked at
    for path, job in _jobs(files):
        calls = [job, *(step for step in job.get("steps") or [] if isinstance(step, dict))]
        for call in calls:
            given = call.get("with") or {}
            name, folder = str(given.get("environment", "")), given.get("working-directory", ".")
            ours = re.search(r"/(workflows/deploy\.yml|actions/deploy)(@|$)", str(call.get("uses", "")))
            if ours and name and "${{" not in name and folder == "." and name not in known:
                says = f"{path.name} deploys to {name!r}, and {config.FILE} has no [deploy.{name}]"
                yield Check("deploy", "missing", says, f"add [deploy.{name}]")


def _image(root: Path, name: str) -> Check:
    try:
        wanted = config.load(root, {}).image.name or f"ghcr.io/{name}"
        target = repository(wanted)
    except SlipwayError as error:
        return Check("image", "missing", str(error), "correct [image] name")
    owner = name.partition("/")[0].lower()
    if target.host == "ghcr.io" and not target.path.startswith(f"{owner}/"):
        says = f"{target} belongs to another owner than {name}: the job's token cannot push there"
        return Check("image", "missing", says, f'[image] name = "ghcr.io/{name.lower()}"')
    return Check("image", "ok", f"published as {target}")


def _unasked(secrets: Mapping[str, str], environments: Mapping[str, str], why: str, fix: str) -> Iterator[Check]:
    """What can be said without GitHub: the names."""
    yield Check("github", "warning", f"not asked about secrets, environments and rules: {why}", fix)
    for name, place in secrets.items():
        yield Check(
            "secret", "warning", f"{name} is read at {place}; whether it is there is not known", f"gh secret set {name}"
        )
    for name, place in environments.items():
        yield Check("environment", "warning", f"{name} is named in {place}; whether it has rules is not known",
                    "Settings → Environments")  # fmt: skip


async def _origin(top: Path) -> str:
    """owner/name of the repository on GitHub; empty where there is none."""
    try:
        done = await process.run("git", "-C", top, "remote", "get-url", "origin", timeout=20)
    except FileNotFoundError:
        return ""
    found = _ORIGIN.search(done.out.strip()) if done.ok else None
    return found[1] if found else ""


async def _ask(path: str) -> Any:
    return await gh.api("GET", path, needs="read", fine=404)


async def _tried(checks: Any) -> list[Check]:
    """What one question gave; a refusal (such questions take an administrator) is a warning, no more."""
    try:
        return list(await checks)
    except NotReady as error:
        return [Check("github", "warning", str(error).splitlines()[0], "ask somebody who administrates the repository")]


async def _token(name: str) -> list[Check]:
    said = await _ask(f"repos/{name}/actions/permissions/workflow") or {}
    place = f"{SETTINGS.format(name)}/actions → Workflow permissions → Read repository contents"
    if said.get("default_workflow_permissions") == "write":
        return [Check("token", "warning", "workflows that say nothing get a token that may write everything", place)]
    return [Check("token", "ok", "read-only, where a workflow says nothing")]


async def _known_secrets(name: str, secrets: Mapping[str, str], environments: Mapping[str, str]) -> list[Check]:
    there: set[str] = set()
    places = [f"repos/{name}/actions/secrets", f"repos/{name}/actions/organization-secrets"]
    places += [f"repos/{name}/environments/{quote(one, safe='')}/secrets" for one in environments]
    for place in places if secrets else []:
        there |= {str(one["name"]).upper() for one in (await _ask(f"{place}?per_page=100") or {}).get("secrets", [])}
    return [
        Check("secret", "ok", f"{one} is there")
        if one in there
        else Check("secret", "missing", f"{one} is read at {place} and is nowhere", f"gh secret set {one}")
        for one, place in secrets.items()
    ]


async def _known_environments(name: str, environments: Mapping[str, str]) -> list[Check]:
    found = []
    for one, place in environments.items():
        about = await _ask(f"repos/{name}/environments/{quote(one, safe='')}")
        fix = f"{SETTINGS.format(name)}/environments: who approves, and which branches may deploy"
        if about is None:
            says = f"{one} is named in {place} and does not exist: GitHub would make it without a rule"
            found.append(Check("environment", "missing", says, fix))
        elif not about.get("protection_rules") and not about.get("deployment_branch_policy"):
            says = f"{one} has no rule: every branch may deploy to it, with its secrets"
            found.append(Check("environment", "warning", says, fix))
        else:
            found.append(Check("environment", "ok", f"{one} has rules"))
    return found


def _answers_queue(path: Path) -> bool:
    return re.search(r"\bmerge_group\b", path.read_text(encoding="utf-8", errors="replace")) is not None


async def _branch(name: str, branch: str, *, queued: bool) -> list[Check]:
    path = quote(branch, safe="")
    rules = await _ask(f"repos/{name}/rules/branches/{path}") or []
    kinds = {str(rule.get("type")) for rule in rules}
    contexts = {
        str(one.get("context"))
        for rule in rules
        for one in (rule.get("parameters") or {}).get("required_status_checks", [])
    }
    classic = ((await _ask(f"repos/{name}/branches/{path}") or {}).get("protection") or {}) if not rules else {}
    if classic.get("enabled"):
        kinds |= {"pull_request"}
        contexts |= set((classic.get("required_status_checks") or {}).get("contexts", []))
    place = f"{SETTINGS.format(name)}/rules"
    if not kinds:
        return [Check("branch", "missing", f"{branch} is not protected: a push deploys without review", place)]
    if not any(context.endswith(REQUIRED) or context == REQUIRED for context in contexts):
        says = f"{branch} does not require the check `{REQUIRED}`: what is red can be merged"
        return [Check("branch", "warning", says, f"{place}: require status checks → {REQUIRED}")]
    if "merge_queue" in kinds and not queued:
        says = f"{branch} has a merge queue, and no workflow has `merge_group`: its required check never reports"
        return [Check("branch", "missing", says, "add `merge_group: {}` to `on:` of the workflow that verifies")]
    return [Check("branch", "ok", f"{branch} is protected and requires {REQUIRED}")]


async def _tags(name: str) -> list[Check]:
    rules = await _ask(f"repos/{name}/rulesets?per_page=100&targets=tag") or []
    if any(rule.get("target") == "tag" and rule.get("enforcement") == "active" for rule in rules):
        return [Check("tags", "ok", "a ruleset protects tags")]
    fix = f"{SETTINGS.format(name)}/rules: a tag ruleset for v*.*.* (`v1` moves) that forbids updates and deletions"
    return [Check("tags", "warning", "nothing protects tags: whoever may push can put v1.2.3 on another commit", fix)]
