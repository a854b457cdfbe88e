"""Two projects of one repository in one command, on the real engine."""

import json
import re
from collections.abc import Callable

import pytest
from support import Project

pytestmark = pytest.mark.engine


def test_two_services_one_of_them_red(project: Callable[..., Project]) -> None:
    shop, billing = project(), project()
    billing.write("checks.txt", "fail")
    done = billing.run("test", "-C", str(shop.root), "--json")
    assert done.code == 1, done.text
    events = [json.loads(line) for line in done.out.splitlines()]
    finished = {e["project"]: e["run"] for e in events if e["kind"] == "run-finished"}
    assert list(finished) == [str(shop.root), str(billing.root)], "in the order of the options"
    assert [run["status"] for run in finished.values()] == ["passed", "failed"]
    digests = {run["image"]["digest"] for run in finished.values()}
    assert len(digests) == 2 and "" not in digests, "each has an image of its own"

    again = billing.run("test", "-C", str(shop.root))
    assert again.code == 1 and again.err == ""
    own = shop.look(again).statuses()
    assert own == {"build": "reused", "test": "reused"}, "what was green there is reused here"
    assert re.search(rf"(?m)^2 projects: 1 passed, 1 failed\n\n  ✔ \S*{shop.root.name} ", again.out)
