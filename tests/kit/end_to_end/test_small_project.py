"""The whole chain on a project of one file."""

from collections.abc import Callable

import pytest
from support import Project

pytestmark = pytest.mark.engine


def test_from_source_to_a_verified_deployment_and_again(project: Callable[..., Project]) -> None:
    shop = project().with_integration()
    first = shop.run()
    assert first.code == 0, first.text
    assert first.statuses() == dict.fromkeys(
        ("lint", "build", "test", "scan", "integration", "publish", "deploy"), "passed"
    )
    digest = first.record["image"]["digest"]
    assert shop.deployed() == digest
    assert shop.get("/version")["commit"].startswith("unknown+")
    assert f"http://127.0.0.1:{shop.port}" in first.out

    again = shop.run()
    assert again.code == 0, again.text
    assert again.statuses() == dict.fromkeys(("lint", "build", "test", "scan", "integration"), "reused") | {
        "publish": "passed",
        "deploy": "passed",
    }
    assert again.record["image"]["digest"] == digest

    # Each run left a page; that of the second shows what the first one found out.
    for done in (first, again):
        page = (shop.root / ".slipway" / "runs" / done.record["id"] / "report.html").read_text()
        names = ("build.log", "lint.log", "All 1 test", "Python", "local</b>: <code>sha256:")
        assert digest in page and [name for name in names if name not in page] == []
    assert f"Against the last green run, <code>{first.record['id']}</code>: the same." in page
