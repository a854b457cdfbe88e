"""Executions with the real `slipway` on the real engine: a small project, the registry that checks tokens, one port.

GitHub's own clients keep and take artifacts and caches, from a service of the tests (service.py). Three more things
stand between: `docker login ghcr.io` goes to that registry (it cannot be reached by its name here), `gh` speaks to a
GitHub in a file that refuses what the token does not name (gh.py), and uv and the tools come from this machine.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflows.harness import events, places
from workflows.harness.registry import Registry
from workflows.harness.runner import Run, Shop
from workflows.harness.service import Service
from workflows.harness.survivors import end, strays

DOCKER = """\
#!/bin/sh
# The real client; only ghcr.io's login goes to the registry of the test.
i=$#
while [ "$i" -gt 0 ]; do
  word=$1; shift
  [ "$word" = ghcr.io ] && word={host}
  set -- "$@" "$word"
  i=$((i - 1))
done
exec {docker} "$@"
"""
WRITE = {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"}
# verify.yml, all green. Skipped: what explains a submodule that was not fetched or an artifact that was not stored, the
# two steps about a baseline (for projects whose gate wants one), and the image of another job.
LEFT_OUT = ("1", "verify/baseline", "verify/taken", "verify/kept", "verify/explain")
VERIFIED = {"": "success", "*": "success"} | dict.fromkeys(LEFT_OUT, "skipped")
RED = VERIFIED | {"": "failure", "verify": "failure", "verify/saved": "skipped"}  # and the step that is red
# publish.yml, all green: nothing is to be explained.
PUBLISHED = {"": "success", "*": "success", "4": "skipped"}
CHAIN = """\
name: Deliver
on: {push: {branches: [main]}, pull_request: {}}
permissions: {}
jobs:
  verify:
    uses: $/.github/workflows/verify.yml
    permissions: {contents: read}
    with: {image: IMAGE, scan-database: DATABASE}
  publish:
    needs: verify
    if: github.event_name == 'push' && github.ref == 'refs/heads/main'
    uses: $/.github/workflows/publish.yml
    permissions: {contents: read, packages: write, id-token: write, attestations: write}
    with:
      digest: ${{ needs.verify.outputs.digest }}
      artifact-id: ${{ needs.verify.outputs.artifact-id }}
  deploy:
    needs: publish
    uses: $/.github/workflows/deploy.yml
    permissions: {contents: read, packages: read, attestations: read}
    with: {environment: local, image: "${{ needs.publish.outputs.image }}"}
"""


@dataclass
class Bench:
    """Makes shops for real executions, and removes what their runs left on the engine."""

    folder: Path
    registry: Registry
    database: Path
    port: int
    name: str = field(default_factory=lambda: f"acme/t{secrets.token_hex(3)}")
    shops: list[Shop] = field(default_factory=list)

    @property
    def image(self) -> str:
        """The repository that is published to."""
        return f"{self.registry.host}/{self.name}"

    def shop(self, files: Path | Mapping[str, str | bytes], kit: Path | None = None) -> tuple[Shop, str]:
        """A shop whose repository holds these files; and the commit. Executed by this kit, or by a copy of it."""
        shop = Shop(self.folder / f"s{len(self.shops)}", repository=self.name, kit=kit)
        self.shops.append(shop)
        shop.service = Service(shop.state)
        (shop.state / "any-version").touch()  # one execution may take the cache of another
        shop.place_kit()
        programs = shop.folder / "programs"
        programs.mkdir()
        (programs / "docker").write_text(DOCKER.format(host=self.registry.host, docker=shutil.which("docker")))
        shutil.copy(Path(__file__).with_name("gh.py"), programs / "gh")
        shutil.copy(Path(__file__).with_name("tokens.py"), programs)
        for name in ("docker", "gh"):
            (programs / name).chmod(0o755)
        shop.path.append(str(programs))
        shop.path += [str(f) for f in (places.REPOSITORY / ".slipway" / "tools").glob("uv-*") if (f / "uv").exists()]
        caches = Path.home() / ".cache"
        shop.environment |= {
            "SLIPWAY_PORT": str(self.port),
            "SLIPWAY_CACHE": os.environ.get("SLIPWAY_CACHE", str(caches / "slipway")),
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(caches / "uv")),
        }
        sha = shop.repository_from(files)
        return shop, sha

    def deliver(self, shop: Shop, sha: str, event: str = "push", **more: Any) -> Run:
        """verify → publish → deploy, as the README's caller does it."""
        text = CHAIN.replace("IMAGE", self.image).replace("DATABASE", str(self.database))
        fork = more.pop("fork", False)
        payload = events.push(sha, name=self.name)
        if event == "pull_request":
            payload = events.pull_request(sha, fork=fork, name=self.name)
        more.setdefault("permissions", {"contents": "read"} if fork else WRITE)
        more.setdefault("timeout", 240)
        return shop.run(shop.caller(text), event, payload, sha, **more)

    def call(self, workflow: str, shop: Shop, sha: str, inputs: Mapping[str, Any], **more: Any) -> Run:
        """One called workflow alone, by a generated caller; its token is that of its own permissions."""
        secret = {name: f"${{{{ secrets.{name.upper().replace('-', '_')} }}}}" for name in more.get("secrets", {})}
        text = f"name: One\non: [push]\njobs:\n  call:\n    uses: $/.github/workflows/{workflow}.yml\n"
        text += "".join(f"    {k}: {json.dumps(v)}\n" for k, v in (("with", dict(inputs)), ("secrets", secret)) if v)
        more["secrets"] = {name.upper().replace("-", "_"): value for name, value in more.get("secrets", {}).items()}
        more.setdefault("timeout", 240)
        return shop.run(shop.caller(text), "push", events.push(sha, name=self.name), sha, **more)

    def end(self) -> None:
        """Ends what still runs of our executions, and removes what they left on the engine, and our images."""
        for shop in self.shops:
            end(strays(shop.folder))
            if shop.service:
                shop.service.end()
        ours = [str(self.folder), self.name]
        for kind in ("container", "network", "volume"):
            listing = ["docker", kind, "ls", "-q", *(["-a"] if kind == "container" else [])]
            for identifier in _out(*listing).split():
                labels = _out("docker", kind, "inspect", "--format", "{{json .}}", identifier)
                if any(mark in labels for mark in ours):
                    # A network knows neither folder nor image, only the compose project of its containers.
                    ours += re.findall(r'"com\.docker\.compose\.project":"(slipway-[^"]+)"', labels)
                    _out("docker", kind, "rm", "-f", identifier)
        # By name: an image may have names of several projects, and an id would not go while one of them is left.
        for line in _out("docker", "image", "ls", "--format", "{{.Repository}} {{.Tag}} {{.ID}}").splitlines():
            repository, tag, identifier = line.split(" ")
            if repository in (self.image, f"slipway.invalid/{self.name}"):
                _out("docker", "rmi", "-f", identifier if tag == "<none>" else f"{repository}:{tag}")


def _out(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
