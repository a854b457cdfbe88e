"""A Dockerfile that is missing, wrong or does not build: the stage that says so is red, and nothing is left."""

from collections.abc import Callable

import pytest
from support import Project, asleep, nap, until

pytestmark = pytest.mark.engine


def test_there_is_none(project: Callable[..., Project]) -> None:
    shop = project(Dockerfile=None)
    done = shop.run()
    assert done.code == 1, done.text
    assert done.stage("lint")["reason"] == "there is no Dockerfile"
    assert "[build] dockerfile in slipway.toml" in done.out
    assert done.stage("build")["status"] != "passed"
    shop.nothing_out()


def test_the_context_is_not_there(project: Callable[..., Project]) -> None:
    shop = project(**{"slipway.toml": '[build]\ncontext = "nowhere"\n'})
    done = shop.run("build")
    assert done.code == 2, done.text
    assert "the build context nowhere is not a folder" in done.err


def test_hadolint_rejects_it(project: Callable[..., Project]) -> None:
    shop = project()
    shop.replace("Dockerfile", "WORKDIR /app\n", "WORKDIR app\n")
    done = shop.run()
    assert done.code == 1, done.text
    assert done.stage("lint")["status"] == "failed"
    assert done.rules("lint") == ["DL3000"]
    assert "Dockerfile:3" in done.out
    assert "https://github.com/hadolint/hadolint/wiki/DL3000" in done.out
    shop.nothing_out()


def test_a_pragma_or_a_configuration_does_not_lower_the_bar(project: Callable[..., Project]) -> None:
    shop = project(**{".hadolint.yaml": "ignored: [DL3000]\nfailure-threshold: none\n"})
    shop.replace("Dockerfile", "WORKDIR /app\n", "# hadolint ignore=DL3000\nWORKDIR app\n")
    done = shop.run("lint", HADOLINT_IGNORE="DL3000", HADOLINT_NOFAIL="1")
    assert (done.code, done.rules("lint")) == (1, ["DL3000"]), done.text
    said = [(f["file"], f.get("line", 0)) for f in done.stage("lint")["findings"] if f["rule"] == "bar"]
    assert said == [(".hadolint.yaml", 0), ("Dockerfile", 3)], "and who wrote them is told"


def test_further_dockerfiles_and_registries_that_are_trusted(project: Callable[..., Project]) -> None:
    shop = project(**{"ops/Dockerfile": "FROM ghcr.io/acme/tool:1\nWORKDIR app\nUSER 1\nHEALTHCHECK NONE\n"})
    settings = (shop.root / "slipway.toml").read_text()
    further = '[lint]\ndockerfiles = ["ops/Dockerfile"]\n'
    shop.write("slipway.toml", settings + further)
    done = shop.run("lint")
    assert (done.code, done.rules("lint")) == (1, ["DL3000"]), done.text
    found = {f["rule"]: f for f in done.stage("lint")["findings"]}
    assert (found["DL3000"]["file"], found["DL3000"]["line"]) == ("ops/Dockerfile", 2)
    assert (found["base-digest"]["file"], found["base-digest"].get("blocking", True)) == ("ops/Dockerfile", False)
    shop.write("slipway.toml", settings + further + 'trusted-registries = ["docker.io", "stand-in.invalid"]\n')
    assert "DL3026" in shop.run("lint").rules("lint")


def test_it_does_not_parse(project: Callable[..., Project]) -> None:
    shop = project()
    shop.replace("Dockerfile", "WORKDIR /app\n", "WROKDIR /app\n")
    done = shop.run("--keep-going")
    assert done.code == 1, done.text
    assert done.rules("lint") == ["DL1000"]
    assert "unknown instruction: WROKDIR (did you mean WORKDIR?)" in done.stage("build")["reason"]
    assert done.stage("build")["fix"] == "see Dockerfile:3"
    assert {done.statuses()[name] for name in ("test", "scan", "publish", "deploy")} == {"skipped"}
    shop.nothing_out()


@pytest.mark.parametrize(
    ("line", "words", "place"),
    [
        ("RUN exit 7", ["did not complete successfully: exit code: 7"], "Dockerfile:4"),
        ("COPY nope.txt ./", ['"/nope.txt": not found'], "Dockerfile:4"),
        ("COPY --from=nostage /a /b", ["nostage"], ""),
    ],
)
def test_it_does_not_build(project: Callable[..., Project], line: str, words: list[str], place: str) -> None:
    shop = project()
    shop.replace("Dockerfile", "RUN install", f"{line}\nRUN install")
    done = shop.run("build")
    assert done.code == 1, done.text
    build = done.stage("build")
    assert build["status"] == "failed"
    assert all(word in build["reason"] for word in words), build
    assert place in build["fix"]
    assert done.record["image"]["digest"] == ""


def test_the_build_hangs(project: Callable[..., Project]) -> None:
    shop = project(**{"slipway.toml": '[build]\ntimeout = "2s"\n'})
    hang = nap()
    shop.replace("Dockerfile", "RUN install", f"RUN {hang}\nRUN install")
    done = shop.run("build")
    assert done.code == 7, done.text
    assert "took longer than 2s and was ended" in done.stage("build")["reason"]
    assert done.seconds < 12
    until(lambda: not asleep(hang), "what hung is ended in the engine too")


def test_bake_file_is_wrong(project: Callable[..., Project]) -> None:
    shop = project(**{"docker-bake.hcl": 'target "app" {\n  args = { A = NOVAR }\n}\n'})
    done = shop.run("build")
    assert done.code == 1, done.text
    assert "docker-bake.hcl:2" in done.out
    assert "NOVAR" in done.out


def test_the_bake_file_has_no_such_target(project: Callable[..., Project]) -> None:
    shop = project(**{"docker-bake.hcl": 'target "other" {\n  target = "runtime"\n}\n'})
    done = shop.run("build")
    assert done.code == 1, done.text
    assert "could not find any target matching 'app'" in done.out
