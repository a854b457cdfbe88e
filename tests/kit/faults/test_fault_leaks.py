"""Secrets that a project baked into its image are found, and none of them leaves by what we write about it (P13)."""

import base64
import secrets
import string
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from support import Project

pytestmark = pytest.mark.engine


def _random(length: int, letters: str = string.ascii_letters + string.digits) -> str:
    return "".join(secrets.choice(letters) for _ in range(length))


def canaries() -> dict[str, str]:
    """Ten secrets, made up anew each time, by the line that holds them."""
    key = _random(40, string.ascii_uppercase + string.ascii_lowercase)
    return {
        "GITHUB_TOKEN=ghp_{}": _random(36),
        "AWS_ACCESS_KEY_ID=AKIA{}": _random(16, string.ascii_uppercase + "234567"),
        "AWS_SECRET_ACCESS_KEY={}": _random(40),
        "RENDER_API_KEY=rnd_{}": _random(32),
        "SLACK=xoxb-123456789012-123456789012-{}": _random(24),
        "STRIPE_KEY=sk_live_{}": _random(24, string.ascii_lowercase + string.digits),
        "DATABASE_URL=postgresql://app:{}@db/app": _random(20),
        "SECRET_KEY={}": _random(48),
        "RAILWAY_TOKEN=0f2a{}-1111-4222-8333-444455556666": _random(4, "0123456789abcdef"),
        "KEY=-----BEGIN RSA PRIVATE KEY-----\\n{}\\n-----END RSA PRIVATE KEY-----": key,
    }


def forms(value: str) -> list[bytes]:
    """A value as it may be written: plain, in URLs, and in base64 at each of its three offsets."""
    encoded = [base64.b64encode(b"x" * shift + value.encode())[4 if shift else 0 : -4] for shift in range(3)]
    return [value.encode(), quote(value, safe="").encode(), *(one for one in encoded if len(one) > 8)]


def test_none_of_ten_secrets_is_in_what_we_write(project: Callable[..., Project], tmp_path: Path) -> None:
    made = canaries()
    lines = [line.format(value) for line, value in made.items()]
    shop = project(**{".env": "\n".join(lines) + "\n"})
    shop.replace(".dockerignore", "!server.py", "!server.py\n!.env")
    environment = " ".join(f'{name}="{value}"' for name, _, value in (line.partition("=") for line in lines[:9]))
    labels = f'LABEL token="{lines[0].partition("=")[2]}" url="{lines[6].partition("=")[2]}"\n'
    shop.replace(
        "Dockerfile", "COPY server.py", f"COPY .env ./\nRUN rm .env\nENV {environment}\n{labels}COPY server.py"
    )
    summary, output = tmp_path / "summary.md", tmp_path / "output"
    for file in (summary, output):
        file.touch()
    done = shop.run(
        "scan", "--skip", "test", "--skip", "lint", GITHUB_ACTIONS="true", GITHUB_REPOSITORY="acme/shop",
        GITHUB_STEP_SUMMARY=str(summary), GITHUB_OUTPUT=str(output), GITHUB_WORKSPACE=str(shop.root),
    )  # fmt: skip
    assert done.code == 1, done.text
    assert done.rules("scan").count("secret") >= 9, done.stage("scan")["findings"]
    # The image has them, and so has what the scanner keeps of its layers: neither leaves the machine unpublished.
    written = [
        p for p in (shop.root / ".slipway").rglob("*") if p.is_file() and not {"layout", "analyses"} & {*p.parts}
    ]
    assert {"findings.sarif", "sbom.cdx.json", "sbom.spdx.json", "scan.json", "result.json"} <= {
        p.name for p in written
    }
    places = {p.name: p.read_bytes() for p in [*written, summary, output]} | {"the console": done.text.encode()}
    assert len(summary.read_bytes()) > 500
    leaks = {
        (line.partition("=")[0], place)
        for line, value in made.items()
        for form in forms(value)
        for place, content in places.items()
        if form in content
    }
    assert leaks == set()
