"""`slipway attested`: what is signed as it should be is told, all else is refused, whatever gh's exit code says."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fake_gh
import pytest
from click.testing import CliRunner, Result
from fake_gh import DIGEST, GOOD, IMAGE, OTHER, PROVENANCE, SBOM, SIGNER, UNSIGNED, answer, result

from slipway.cli import main
from slipway.errors import UsageError
from slipway.tools import signer

Ask = Callable[..., Result]
HUB = "https://github.com/"
PUBLISH = ".github/workflows/publish.yml"


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Calls the command in an empty project, with a gh that answers so."""
    (tmp_path / "project").mkdir()
    monkeypatch.setenv("GH_HOST", "evil.example")

    def call(answers: dict[str, dict[str, Any]], *words: str, image: str = IMAGE) -> Result:
        folder = fake_gh.place(tmp_path / "gh", answers)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        found = CliRunner().invoke(main, ["attested", image, "-C", str(tmp_path / "project"), *words])
        assert "Traceback" not in found.output and "AssertionError" not in found.output, found.output
        return found

    return call


def test_who_built_it_from_what(ask: Ask, tmp_path: Path) -> None:
    found = ask(GOOD)
    assert found.exit_code == 0, found.output
    said = " ".join(found.output.split())
    assert f"{IMAGE} built from Acme/shop@{'c' * 40} (refs/heads/main), by push" in said
    assert f"signed by {SIGNER}@refs/tags/v1.2.0 at {'b' * 40}" in said
    assert "runner github-hosted" in said
    assert "when 2026-11-20T10:00:00Z https://github.com/Acme/shop/actions/runs/1/attempts/1" in said
    assert "SBOM CycloneDX 1.6, 2 components" in said
    for call in fake_gh.calls(tmp_path / "gh"):
        assert call["args"][2:5] == [f"oci://{IMAGE}", "--repo", "acme/shop"]
        assert "--deny-self-hosted-runners" in call["args"]


def test_as_json(ask: Ask) -> None:
    told = json.loads(ask(GOOD, "--json").output)
    assert (told["schema"], told["image"], told["sbom"]) == (1, IMAGE, fake_gh.BOM)
    assert told["provenance"]["commit"] == "c" * 40


def test_without_an_sbom_it_says_so(ask: Ask) -> None:
    found = ask(
        {PROVENANCE: answer(result()), SBOM: answer()}
    )  # gh 2.62 ends well and silent where the type is not there
    assert found.exit_code == 0, found.output
    assert "none attested" in found.output


REFUSED = {
    "unsigned": (UNSIGNED, 1, "is not attested for acme/shop"),
    "GitHub knows none": ({"*": answer(err="Error: HTTP 404: Not Found (https://api…)", code=1)}, 1, "not attested"),
    "silent, exit 0": ({"*": answer()}, 1, "is attested of"),
    "an empty list": ({"*": answer(out="[]")}, 1, "is attested of"),
    "gh refuses": ({"*": answer(err="Error: verifying with issuer \"sigstore.dev\"\n", code=1)}, 1, "is not what"),
    "wrong digest": ({"*": answer(result(digest=OTHER))}, 4, f"answers about {OTHER}"),
    "wrong type": ({"*": answer(result(kind="https://example/x"))}, 4, "answers with https://example/x"),
    "garbage": ({"*": answer(out="✓ Verification succeeded!")}, 4, "not what it answers"),
    "another shape": ({"*": answer(out='[{"verificationResult": {}}]')}, 4, "not what it answers"),
    "too old": ({"*": answer(err="unknown flag: --predicate-type\n", code=1)}, 3, "too old"),
    "far too old": ({"*": answer(err='unknown command "attestation" for "gh"\n', code=1)}, 3, "too old"),
    "not logged in": ({"*": answer(err="please run:  gh auth login\n", code=4)}, 3, "gh auth login"),
    "not logged in, on a runner": ({"*": answer(err="gh: … set the GH_TOKEN environment", code=4)}, 3, "GH_TOKEN"),
    "no network": ({"*": answer(err="Error: dial tcp: lookup github.com: no such host", code=1)}, 3, "cannot be found"),
    "the registry refuses": ({"*": answer(err="Error: GET https://g/…: UNAUTHORIZED", code=1)}, 3, "cannot be found"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses(ask: Ask, name: str) -> None:
    answers, code, words = REFUSED[name]
    found = ask(answers)
    assert found.exit_code == code, found.output
    assert words in found.output
    assert found.output.count("\n") <= 3, "what, where, what to do"


WRONG = {
    "another workflow": ({"buildSignerURI": f"{HUB}acme/shop/.github/workflows/ci.yml@refs/heads/x"}, "not by acme/"),
    "one that begins so": ({"buildSignerURI": f"{HUB}acme/shop/{PUBLISH}.evil.yml@refs/heads/x"}, "not by acme/"),
    "another's": ({"buildSignerURI": f"{HUB}evil/shop/{PUBLISH}@refs/heads/main"}, "not by acme/shop"),
    "a certificate for two": ({"subjectAlternativeName": f"{HUB}evil/shop/{PUBLISH}@refs/heads/x"}, "not by acme/shop"),
    "another repository": ({"sourceRepositoryURI": f"{HUB}evil/shop"}, "built from https://github.com/evil/shop"),
    "another issuer": ({"issuer": "https://accounts.example"}, "by somebody whom https://accounts.example knows"),
    "a runner of one's own": ({"runnerEnvironment": "self-hosted"}, "on a self-hosted runner"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_it_refuses_what_somebody_else_signed_though_gh_is_content(ask: Ask, name: str) -> None:
    certificate, words = WRONG[name]
    found = ask({PROVENANCE: answer(result(**certificate)), SBOM: answer()})
    assert found.exit_code == 1, found.output
    assert words in found.output
    beside = {PROVENANCE: answer(result(**certificate), result()), SBOM: answer()}
    assert ask(beside).exit_code == 0, "beside a right one it does no harm"


def test_what_is_expected_can_be_said(ask: Ask) -> None:
    other = "tools/kit/.github/workflows/publish.yml"
    by = result(buildSignerURI=f"{HUB}{other}@refs/heads/main", sourceRepositoryURI=f"{HUB}acme/other")
    image = f"registry.example/x@{DIGEST}"
    good = {PROVENANCE: answer(by), SBOM: answer()}
    assert ask(good, "--repo", "acme/other", "--signer", other, image=image).exit_code == 0
    assert ask(good, "--signer", other, image=image).exit_code == 2, "which repository, is not in its name"
    assert ask(GOOD, "--ref", "refs/heads/main").exit_code == 0
    assert ask(GOOD, "--ref", "refs/heads/release").exit_code == 1
    own = {PROVENANCE: answer(result(runnerEnvironment="self-hosted")), SBOM: answer()}
    assert ask(own, "--allow-self-hosted").exit_code == 0


@pytest.mark.parametrize(
    "words", [["--repo", "acme"], ["--repo", "--owner"], ["--signer", "publish.yml"], ["--signer", "-x/y/z"]]
)
def test_nonsense_is_refused_before_gh_sees_it(ask: Ask, tmp_path: Path, words: list[str]) -> None:
    assert ask(GOOD, *words).exit_code == 2
    assert fake_gh.calls(tmp_path / "gh") == []


def test_only_a_digest_can_be_attested(ask: Ask) -> None:
    assert ask(GOOD, image="ghcr.io/acme/shop:main").exit_code == 2


def test_without_gh(ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = CliRunner().invoke(main, ["attested", IMAGE, "-C", str(tmp_path)])
    assert found.exit_code == 3
    assert "https://cli.github.com" in found.output


def test_the_signer_is_the_publish_yml_that_the_project_calls(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (tmp_path / "services" / "shop").mkdir(parents=True)
    assert signer.expected(tmp_path, "acme/shop") == SIGNER
    (folder / "ci.yml").write_text("jobs:\n  p:\n    uses: $/.github/workflows/publish.yml\n")
    assert signer.expected(tmp_path, "acme/shop") == SIGNER
    (folder / "ci.yml").write_text(f"jobs:\n  p:\n    uses: Tools/slipway/.github/workflows/publish.yml@{'a' * 40}\n")
    assert signer.expected(tmp_path / "services" / "shop", "acme/shop") == "Tools/slipway/.github/workflows/publish.yml"
    (folder / "b.yml").write_text(f"jobs:\n  p:\n    uses: 'evil/x/.github/workflows/publish.yml@{'a' * 40}'\n")
    with pytest.raises(UsageError, match=r"Tools/slipway and evil/x. Say which one signs: \[publish\] signer"):
        signer.expected(tmp_path, "acme/shop")
    assert signer.expected(tmp_path, "acme/shop", SIGNER) == SIGNER
