#!/usr/bin/env -S python3 -BES
"""A `gh` in front of a GitHub that lies in a file: it keeps issues, releases and refs, and refuses what the job's token
does not name, in the words of the real one (cli/cli: pkg/cmd/api/api.go, api/client.go, pkg/cmd/release).

What is not modelled is an error, never ignored. Standard library only.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

STATE = Path(os.environ["STANDIN_STATE"])
# For each request the permission that GitHub's reference of the API names, and what a private repository asks.
ROUTES = {
    ("GET", "issues"): ("issues", "read"),
    ("POST", "issues"): ("issues", "write"),
    ("PATCH", r"issues/(\d+)"): ("issues", "write"),
    ("POST", r"issues/(\d+)/comments"): ("issues|pull-requests", "write"),
    ("GET", r"issues/(\d+)/comments"): ("issues|pull-requests", "read"),
    ("PATCH", r"issues/comments/(\d+)"): ("issues|pull-requests", "write"),
    ("POST", "labels"): ("issues", "write"),
    ("GET", r"actions/workflows/([^/]+)/runs"): ("actions", "read"),
    ("GET", r"git/matching-refs/(.+)"): ("contents", "read"),
    ("POST", "git/refs"): ("contents", "write"),
    ("PATCH", r"git/refs/(.+)"): ("contents", "write"),
    ("GET", "releases"): ("contents", "read"),
    ("GET", r"releases/tags/(.+)"): ("contents", "read"),
    ("DELETE", r"releases/(\d+)"): ("contents", "write"),
    ("POST", "releases"): ("contents", "write"),
    ("POST", r"releases/(\d+)/assets"): ("contents", "write"),
    ("PATCH", r"releases/(\d+)"): ("contents", "write"),
}


class Refused(Exception):
    """An answer of GitHub that is no success."""

    def __init__(self, status: int, message: str, url: str = ""):
        self.status, self.message, self.url = status, message, url


class GitHub:
    """One repository, and the token that asks."""

    def __init__(self, repository: str, granted: dict[str, str]):
        self.repository, self.granted = repository, granted
        self.file = STATE / "github.json"
        self.held: dict[str, Any] = {
            "issues": [],
            "labels": [],
            "comments": [],
            "pulls": [],
            "releases": [],
            "refs": {},
            "runs": [],
        }
        if self.file.exists():
            self.held |= json.loads(self.file.read_text())

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One request: permission first, then what it does."""
        status = 200
        try:
            return self._answer(method, path, body or {})
        except Refused as refused:
            status, refused.url = refused.status, f"https://api.github.com/{path}"
            raise
        finally:
            with (STATE / "github.jsonl").open("a") as log:
                entry = {"job": os.environ.get("GITHUB_JOB", ""), "method": method, "path": path, "status": status}
                log.write(json.dumps(entry) + "\n")
            self.file.write_text(json.dumps(self.held))

    def _answer(self, method: str, path: str, body: dict[str, Any]) -> Any:
        import tokens

        place, query = urlsplit(path).path, dict(parse_qsl(urlsplit(path).query))
        inside = place.removeprefix(f"repos/{self.repository}/")
        for (verb, pattern), (scope, level) in ROUTES.items():
            if inside != place and verb == method and (found := re.fullmatch(pattern, inside)):
                has = max(
                    tokens.LEVELS[self.granted.get(one, "none")] for one in scope.split("|")
                )  # any of them will do
                if has < tokens.LEVELS[level]:
                    raise Refused(403, "Resource not accessible by integration")
                name = re.sub(r"\W+", "_", re.sub(r"\([^)]*\)+", "", pattern)).strip("_")
                return getattr(self, f"{method.lower()}_{name}")(*found.groups(), body=body, query=query)
        raise Refused(404, "Not Found")

    def get_issues(self, body: dict[str, Any], query: dict[str, str]) -> Any:
        unknown = set(query) - {"labels", "state", "per_page"}
        assert not unknown, f"not modelled: {unknown}"
        wanted = set(filter(None, query.get("labels", "").split(",")))
        state = query.get("state", "open")
        return [
            one
            for one in self.held["issues"]
            if state in ("all", one["state"]) and wanted <= {label["name"] for label in one["labels"]}
        ]

    def post_issues(self, body: dict[str, Any], query: dict[str, str]) -> Any:
        if not body.get("title"):
            raise Refused(422, "Validation Failed")
        labels = [{"name": name} for name in body.get("labels", [])]
        issue = {"number": len(self.held["issues"]) + 1, "state": "open", "labels": labels}
        issue |= {"title": body["title"], "body": body.get("body", ""), "updates": 0}
        self.held["issues"].append(issue)
        return issue

    def _numbered(self, kind: str, number: str, key: str) -> Any:
        found = next((one for one in self.held[kind] if one[key] == int(number)), None)
        if not found:
            raise Refused(404, "Not Found")
        return found

    def patch_issues(self, number: str, body: dict[str, Any], query: dict[str, str]) -> Any:
        issue = self._numbered("issues", number, "number")
        unknown = set(body) - {"title", "body", "state", "state_reason", "labels"}
        assert not unknown, f"not modelled: {unknown}"
        issue |= body
        issue["updates"] += 1
        return issue

    def post_issues_comments(self, number: str, body: dict[str, Any], query: dict[str, str]) -> Any:
        if int(number) not in self.held["pulls"]:  # a pull request is an issue, too
            self._numbered("issues", number, "number")
        made = {"id": len(self.held["comments"]) + 1, "issue": int(number), "body": body["body"]}
        self.held["comments"].append(made | {"user": {"login": "github-actions[bot]"}})
        return self.held["comments"][-1]

    def get_issues_comments(self, number: str, body: dict[str, Any], query: dict[str, str]) -> Any:
        size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
        return [one for one in self.held["comments"] if one["issue"] == int(number)][(page - 1) * size : page * size]

    def patch_issues_comments(self, number: str, body: dict[str, Any], query: dict[str, str]) -> Any:
        comment = self._numbered("comments", number, "id")
        comment |= body
        return comment

    def post_labels(self, body: dict[str, Any], query: dict[str, str]) -> Any:
        if body["name"] in self.held["labels"]:
            raise Refused(422, "Validation Failed")
        self.held["labels"].append(body["name"])
        return {"name": body["name"]}

    def get_actions_workflows_runs(self, file: str, body: dict[str, Any], query: dict[str, str]) -> Any:
        unknown = set(query) - {"head_sha", "status", "per_page"}
        assert not unknown, f"not modelled: {unknown}"
        runs = [one for one in self.held["runs"] if one["path"].endswith(f"/{file}")]
        runs = [one for one in runs if query.get("head_sha", one["head_sha"]) == one["head_sha"]]
        runs = [one for one in runs if query.get("status") in (None, one["status"], one["conclusion"])]
        return {"total_count": len(runs), "workflow_runs": runs}

    def _ref(self, name: str) -> dict[str, Any]:
        return {"ref": name, "object": {"sha": self.held["refs"][name], "type": "commit"}}

    def get_git_matching_refs(self, prefix: str, body: dict[str, Any], query: dict[str, str]) -> Any:
        return [self._ref(name) for name in sorted(self.held["refs"]) if name.startswith(f"refs/{prefix}")]

    def post_git_refs(self, body: dict[str, Any], query: dict[str, str]) -> Any:
        if body["ref"] in self.held["refs"]:
            raise Refused(422, "Reference already exists")
        self.held["refs"][body["ref"]] = body["sha"]
        return self._ref(body["ref"])

    def patch_git_refs(self, name: str, body: dict[str, Any], query: dict[str, str]) -> Any:
        if f"refs/{name}" not in self.held["refs"]:
            raise Refused(422, "Reference does not exist")
        if body.get("force") is not True:  # of a tag no update is a fast forward here
            raise Refused(422, "Update is not a fast forward")
        self.held["refs"][f"refs/{name}"] = body["sha"]
        return self._ref(f"refs/{name}")

    def get_releases_tags(self, tag: str, body: dict[str, Any], query: dict[str, str]) -> Any:
        found = [one for one in self.held["releases"] if one["tag_name"] == tag and not one["draft"]]
        if not found:
            raise Refused(404, "Not Found")
        return found[0]

    def get_releases(self, body: dict[str, Any], query: dict[str, str]) -> Any:
        unknown = set(query) - {"per_page"}
        assert not unknown, f"not modelled: {unknown}"
        drafts = self.granted.get("contents") == "write"  # only who may push sees them
        return [{"html_url": "https://x", **one} for one in self.held["releases"] if drafts or not one["draft"]]

    def delete_releases(self, number: str, body: dict[str, Any], query: dict[str, str]) -> Any:
        self.held["releases"].remove(self._numbered("releases", number, "id"))

    def post_releases(self, body: dict[str, Any], query: dict[str, str]) -> Any:
        release = {"id": len(self.held["releases"]) + 1, "assets": [], **body}
        self.held["releases"].append(release)
        return release

    def post_releases_assets(self, number: str, body: dict[str, Any], query: dict[str, str]) -> Any:
        release = self._numbered("releases", number, "id")
        if not release["draft"]:
            raise Refused(422, "Cannot upload assets to an immutable release.")
        release["assets"].append(body["name"])
        return release

    def patch_releases(self, number: str, body: dict[str, Any], query: dict[str, str]) -> Any:
        release = self._numbered("releases", number, "id")
        release |= body
        return release


def options(words: list[str], flags: dict[str, bool]) -> tuple[list[str], dict[str, str]]:
    """What stands there, and the options; `flags`: name → whether a value follows. `--name=value` goes for all."""
    rest, given, words = [], {}, list(words)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("--"):
            rest.append(word)
        elif name not in flags:
            raise SystemExit(f"unknown flag: {name}")
        else:
            given[name] = value if equals else words.pop(0) if flags[name] else "true"
    return rest, given


def api(github: GitHub, words: list[str]) -> int:
    """`gh api`: prints the answer, also one that is an error."""
    (path,), given = options(words, {"--method": True, "--input": True})
    body = json.load(sys.stdin) if given.get("--input") == "-" else None
    method = given.get("--method", "POST" if body is not None else "GET")
    try:
        print(json.dumps(github.ask(method, path.removeprefix("/"), body)))
    except Refused as refused:
        print(json.dumps({"message": refused.message, "status": str(refused.status)}), end="")
        print(f"gh: {refused.message} (HTTP {refused.status})", file=sys.stderr)
        return 1
    return 0


def release(github: GitHub, words: list[str]) -> int:
    """`gh release create` and `edit`; without a checkout they know the repository by GH_REPO alone."""
    if not os.environ.get("GH_REPO"):
        print(
            "failed to run git: fatal: not a git repository (or any of the parent directories): .git", file=sys.stderr
        )
        return 1
    here = f"repos/{github.repository}"
    try:
        if words[0] == "create":
            flags = dict.fromkeys(("--draft", "--verify-tag", "--generate-notes"), False)
            (tag, *files), given = options(words[1:], flags)
            if given.get("--verify-tag") and not github.ask("GET", f"{here}/git/matching-refs/tags/{tag}"):
                raise SystemExit(
                    f"tag {tag} doesn't exist in the repo {github.repository}, aborting due to --verify-tag flag"
                )
            made = github.ask("POST", f"{here}/releases", {"tag_name": tag, "draft": True})
            for file in files:
                assert Path(file).is_file(), file
                github.ask("POST", f"{here}/releases/{made['id']}/assets", {"name": Path(file).name})
            if not given.get("--draft"):
                github.ask("PATCH", f"{here}/releases/{made['id']}", {"draft": False})
        elif words[0] == "edit":
            (tag,), given = options(words[1:], {"--draft": False})
            found = next((one for one in github.held["releases"] if one["tag_name"] == tag), None)
            if not found:
                raise SystemExit("release not found")
            github.ask("PATCH", f"{here}/releases/{found['id']}", {"draft": given["--draft"] == "true"})
        else:
            raise SystemExit(f"not modelled: gh release {words[0]}")
    except Refused as refused:
        print(f"HTTP {refused.status}: {refused.message} ({refused.url})", file=sys.stderr)
        return 1
    print(f"https://github.com/{github.repository}/releases/tag/{tag}")
    return 0


def main() -> int:
    """One command of gh."""
    import tokens

    token = os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN", "")
    if not token:
        print(
            "gh: To use GitHub CLI in a GitHub Actions workflow, set the GH_TOKEN environment variable.",
            file=sys.stderr,
        )
        return 4
    granted = tokens.permissions(token)
    if granted is None:
        print("gh: Bad credentials (HTTP 401)", file=sys.stderr)
        return 1
    # act has one token for all jobs of a run; GitHub's has what its own job names.
    if (jobs := STATE / "permissions.json").exists():
        granted = json.loads(jobs.read_text())[os.environ["GITHUB_JOB"]]
    commands = {"api": api, "release": release}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        raise SystemExit(f"not modelled: gh {' '.join(sys.argv[1:])}")
    return commands[sys.argv[1]](GitHub(os.environ["GITHUB_REPOSITORY"], granted), sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
