"""What the end of a red run says, on the real engine: the lines that a person needs, and no others."""

from collections.abc import Callable

import pytest
from support import Project

pytestmark = pytest.mark.engine


def shown(done: object) -> list[str]:
    """The lines of the log that the end of the output holds."""
    text = done.out  # type: ignore[attr-defined]
    return [line.strip() for line in text[text.index("\n\n") :].splitlines() if line.strip()]


def test_a_build(project: Callable[..., Project]) -> None:
    step = "RUN echo told before it failed && cat /nowhere"
    shop = project()
    shop.replace("Dockerfile", "EXPOSE 8000", step)
    done = shop.run("build")
    assert done.code == 1
    said = shown(done)
    assert "told before it failed" in said and any(step in line and ">>>" in line for line in said)
    assert any("/nowhere" in line and "No such file" in line for line in said)
    assert len(said) <= 24 and not [line for line in said if line.endswith("CACHED")]


def test_a_unit_test(project: Callable[..., Project]) -> None:
    shop = project(**{"checks.txt": "fail"})
    done = shop.run("--until", "test")
    assert done.code == 1
    said = shown(done)
    assert "HIGH     tests.test_sum::test_adds" in said and "check begins" in said
    assert said[-1].startswith("again from here: slipway run --from test -C ") and said[-1].endswith(shop.root.name)
    assert "report.html" in done.out


def test_a_stack_that_does_not_come_up(project: Callable[..., Project]) -> None:
    shop = project(**{"mode.txt": "crash"}).with_integration()
    done = shop.run("integration", "--skip", "lint", "--skip", "test", "--skip", "scan")
    assert done.code == 1
    said = shown(done)
    assert any("crashed on purpose" in line for line in said), said
    assert not [line for line in said if line.endswith(("Creating", "Created", "Starting", "Started"))]


def test_a_deploy(project: Callable[..., Project]) -> None:
    shop = project(**{"mode.txt": "ill"})
    shop.replace("Dockerfile", "/health'", "/livez'")
    done = shop.run("--skip", "lint", "--skip", "test", "--skip", "scan")
    assert done.code == 5
    said = shown(done)
    assert any("serving as ill" in line for line in said), said
    page = (shop.root / ".slipway" / "latest" / "report.html").read_text()
    assert "kept-old" in page and "local</b>: nothing" in page
