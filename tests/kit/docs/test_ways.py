"""The three ways of the README and the tutorials, as a new user would copy them, with this checkout for the address."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from docs import blocks
from scaffold.shapes import PACKAGE, REQUIREMENTS
from support import REPOSITORY, Project

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
OURS = ("server.py", "mode.txt", "check.py", "checks.txt", "slipway.toml", ".dockerignore", "note.txt", "Dockerfile")
ADDRESS = "https://github.com/OWNER/slipway"


def block(name: str, word: str) -> str:
    """The block of a page that holds a word."""
    (found,) = [b.text for b in blocks.of(REPOSITORY / name) if b.language == "sh" and word in b.text]
    return found


class Newcomer:
    """Somebody with a shell, uv, git and Docker, and nothing of Slipway."""

    def __init__(self, shop: Project, tools: Path):
        self.shop = shop
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
        self.commit = head.stdout.strip()
        self.environment = shop.environment | {
            "UV_TOOL_DIR": str(tools / "tools"), "UV_TOOL_BIN_DIR": str(tools / "bin"),
            "PATH": f"{tools / 'bin'}:{os.environ['PATH']}", "HOME": str(tools), "UV_CACHE_DIR": cache(),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),
            # Git fetches the address from this checkout; everything else about it stays as it is.
            "GIT_CONFIG_COUNT": "3", "GIT_CONFIG_KEY_0": f"url.file://{REPOSITORY}.insteadOf",
            "GIT_CONFIG_VALUE_0": ADDRESS, "GIT_CONFIG_KEY_1": "user.name", "GIT_CONFIG_VALUE_1": "New",
            "GIT_CONFIG_KEY_2": "user.email", "GIT_CONFIG_VALUE_2": "new@example.org",
        }  # fmt: skip
        self.environment.pop("VIRTUAL_ENV", None)

    def does(self, text: str, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Type it. The address is this checkout, whose branch may move meanwhile: the commit is named."""
        text = text.replace(f"{ADDRESS}#", f"{ADDRESS}@{self.commit}#")
        done = subprocess.run(
            ["bash", "-e"], input=text, cwd=folder or self.shop.root, env=self.environment, capture_output=True,
            text=True, timeout=500, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done


def cache() -> str:
    return subprocess.run(["uv", "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def newcomer(project: Callable[..., Project], tmp_path: Path) -> Newcomer:
    files = dict.fromkeys(OURS) | {**PACKAGE, "requirements.txt": REQUIREMENTS}
    return Newcomer(project(**files), tmp_path / "home")


def test_refer_to_it_and_push_to_deploy(newcomer: Newcomer) -> None:
    done = newcomer.does(block("README.md", "uv tool install"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "http://127.0.0.1:" in done.stdout
    assert newcomer.shop.get("/total") == {"total": 3}
    caller = newcomer.shop.root / ".github/workflows/deliver.yml"
    assert f"uses: OWNER/slipway/.github/workflows/verify.yml@{newcomer.commit} # v" in caller.read_text()
    # The third way, in the same repository: once more from the start, with a deployment.
    caller.unlink()
    (newcomer.shop.root / "slipway.toml").unlink()
    newcomer.does("git init --quiet --bare ../origin.git; git init --quiet --initial-branch main")
    newcomer.does("git remote add origin ../origin.git")
    pushed = newcomer.does(block("README.md", "--target compose") + "slipway check\n")
    assert pushed.returncode == 0, pushed.stdout + pushed.stderr
    assert "0 findings in 1 file" in pushed.stdout
    assert "/.github/actions/deploy@" in caller.read_text()
    assert newcomer.does("git status --porcelain").stdout == ""
    shown = newcomer.does("git --git-dir ../origin.git show main:.github/workflows/deliver.yml").stdout
    assert shown == caller.read_text()


def test_copy_it(newcomer: Newcomer) -> None:
    done = newcomer.does(block("README.md", "--mode copy"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert newcomer.shop.get("/total") == {"total": 3}
    assert block("docs/tutorials/copy.md", "--mode copy") == block("README.md", "--mode copy")
    # The tutorial's last step: there is nothing newer than what was copied.
    looked = newcomer.does(block("docs/tutorials/copy.md", "slipway update"))
    assert (looked.returncode, "nothing to do" in looked.stdout) == (0, True), looked.stdout + looked.stderr


def test_the_first_run(newcomer: Newcomer, tmp_path: Path) -> None:
    first = block("docs/tutorials/first-run.md", "uv tool install")
    # The base image may be out of reach here: the file lets a stand-in take its place.
    first = first.replace("slipway init\n", f"cp {REPOSITORY}/images.toml .\nslipway init\n")
    folder = newcomer.shop.root / "tutorial"
    folder.mkdir()
    done = newcomer.does(first, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout and "live" in done.stdout
    seen = []
    for line in block("docs/tutorials/first-run.md", "slipway run scan").splitlines():
        seen.append(newcomer.does(line, folder / "shop"))
    again, _, red, _, stopped = seen
    assert [step.returncode for step in seen] == [0, 0, 1, 0, 0], [step.stdout + step.stderr for step in seen]
    assert again.stdout.count("reused") == 5
    assert "CVE-2023-30861" in red.stdout and re.search(r"Flask 2\.3\.1 +→", red.stdout), red.stdout
    assert "web" in stopped.stdout
