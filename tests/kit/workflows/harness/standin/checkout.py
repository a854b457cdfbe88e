"""actions/checkout: from STATE/repos/OWNER/NAME, by plain git."""

import base64
import json
import os
import re
import shutil
import subprocess

from standin import INPUTS, STATE, WORKSPACE, Refused, flag, inside, need, output, unsupported, value


def _git(*words: str, cwd: str) -> str:
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(["git", *words], cwd=cwd, env=os.environ | quiet, capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def checkout() -> None:
    """Fetches the commit of the event, or `ref`, into the workspace or `path`."""
    unsupported("ssh-key", "ssh-known-hosts", "filter", "sparse-checkout", "github-server-url")
    repository = value("repository")
    need(value("token"), "contents", "read")
    source = STATE / "repos" / repository
    if not source.is_dir():
        raise Refused(f"Not Found: repository {repository}")
    same = repository == os.environ["GITHUB_REPOSITORY"]
    ref = value("ref") or (os.environ["GITHUB_SHA"] if same else "HEAD")
    target = inside(value("path") or ".")
    if not (target / ".git").exists():
        _empty(target)
        target.mkdir(parents=True, exist_ok=True)
        _git("init", "-q", cwd=str(target))
    elif flag("clean"):
        _git("clean", "-ffdx", cwd=str(target))
    depth = int(value("fetch-depth"))
    limit = [f"--depth={depth}"] if depth else ["--tags"]
    if flag("fetch-tags"):
        limit.append("--tags")
    wanted = ["+refs/heads/*:refs/remotes/origin/*"] if not depth else []
    url = f"file://{source}"
    _git("fetch", "-q", "--no-recurse-submodules", *limit, url, ref, *wanted, cwd=str(target))
    _git("-c", "advice.detachedHead=false", "checkout", "-q", "--force", "FETCH_HEAD", cwd=str(target))
    _git("remote", "remove", "origin", cwd=str(target)) if "origin" in _git("remote", cwd=str(target)) else None
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    _git("remote", "add", "origin", f"{server}/{repository}", cwd=str(target))
    if flag("persist-credentials"):
        header = base64.b64encode(f"x-access-token:{INPUTS['token']}".encode()).decode()
        _git("config", f"http.{server}/.extraheader", f"AUTHORIZATION: basic {header}", cwd=str(target))
    if flag("lfs"):
        _fetch_large_files(target)
    if value("submodules").lower() in ("true", "recursive") and (target / ".gitmodules").exists():
        _fetch_submodules(target, ["--recursive"] if value("submodules").lower() == "recursive" else [])
    output("commit", _git("rev-parse", "HEAD", cwd=str(target)))
    output("ref", value("ref") or os.environ.get("GITHUB_REF", ""))


def _fetch_large_files(target) -> None:
    """Put the content of STATE/lfs/OID in the place of each pointer, as `git lfs pull` does."""
    for name in _git("ls-files", cwd=str(target)).splitlines():
        if not _git("check-attr", "filter", "--", name, cwd=str(target)).endswith(": lfs"):
            continue
        pointer = re.search(r"^oid sha256:([0-9a-f]{64})$", (target / name).read_text(errors="replace"), re.M)
        if pointer:
            content = STATE / "lfs" / pointer[1]
            if not content.is_file():
                raise Refused(f"{name}: Object does not exist on the server: [404]")
            shutil.copy(content, target / name)


def _fetch_submodules(target, options: list[str]) -> None:
    """Clone them from STATE/repos; STATE/private.json names repositories that only another token may read."""
    private = json.loads((STATE / "private.json").read_text()) if (STATE / "private.json").exists() else {}
    for url in _git("config", "-f", ".gitmodules", "--get-regexp", r"\.url$", cwd=str(target)).splitlines():
        name = url.partition("https://github.com/")[2].removesuffix(".git")
        if name in private and value("token") != private[name]:
            raise Refused(f"fatal: repository 'https://github.com/{name}/' not found")
    here = ["-c", "protocol.file.allow=always", "-c", f"url.file://{STATE}/repos/.insteadOf=https://github.com/"]
    _git(*here, "submodule", "update", "--init", "--force", *options, cwd=str(target))


def _empty(target) -> None:
    """The real one also clears a folder that is no clone."""
    if target == WORKSPACE.resolve():
        for entry in target.iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    elif target.exists():
        shutil.rmtree(target)
