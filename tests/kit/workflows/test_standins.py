"""The stand-ins of GitHub's actions do the real work, and refuse what the real ones would."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from workflows.harness import events, judge, places, standins, yaml_text
from workflows.harness.runner import Run, Shop
from workflows.harness.service import Service

PINS = {name: f"{name}@{commit}" for name, (commit, _, _) in standins.pins().items()}
READ = {"contents": "read"}


def step(action: str, identifier: str = "", **inputs: str) -> str:
    """A step that uses a pinned action (or a folder of one)."""
    owner, name, *inside = action.split("/")
    repository, _, commit = PINS[f"{owner}/{name}"].partition("@")
    uses = "/".join([repository, *inside]) + f"@{commit}"
    sarif = {"sarif_file"}  # the one input that is not kebab-case
    given = json.dumps({key if key in sarif else key.replace("_", "-"): value for key, value in inputs.items()})
    return f"      - {{{f'id: {identifier}, ' if identifier else ''}uses: {uses}, with: {given}}}\n"


def script(text: str, identifier: str = "") -> str:
    return f"      - {{{f'id: {identifier}, ' if identifier else ''}run: {json.dumps(text)}}}\n"


Execute = Callable[..., Run]
# Who does the work: a stand-in, or GitHub's own client with a service of the tests. Both must agree.
BOTH = pytest.mark.parametrize("by", ["stand-in", "client"])


@pytest.fixture
def by() -> str:
    return "stand-in"


@pytest.fixture
def execute(shop: Shop, by: str) -> Iterator[Execute]:
    """Runs steps as one job, in a repository of one commit."""

    def run(*steps: str, permissions: Mapping[str, str] = READ, mode: str = "", jobs: str = "") -> Run:
        sha = shop.repository_from({"a.txt": "one\n", "sub/b.txt": "two\n"})
        text = "on: [push]\njobs:\n  job:\n    runs-on: ubuntu-26.04\n    steps:\n" + "".join(steps) + jobs
        if mode:
            shop.environment["ACTIONS_CACHE_MODE"] = mode
        return shop.run(shop.caller(text), "push", events.push(sha), sha, permissions=permissions, timeout=180)

    shop.service = Service(shop.state) if by == "client" else None
    yield run
    if shop.service:
        shop.service.end()


def refusal(run: Run) -> str:
    """The one annotation of a job that ended red at its last step."""
    outcome = run.jobs["job"]
    assert outcome.result == "failure"
    (only,) = [a.message for a in outcome.annotations if a.level == "error"]
    return only


def test_every_pin_has_one_commit_and_the_shape_of_an_action() -> None:
    for name, (commit, version, folder) in standins.pins().items():
        assert len(commit) == 40 and version.startswith("v")
        for file in folder.rglob("action.yml"):
            document = yaml_text.read(file)
            assert set(document) == {"name", "description", "inputs", "outputs", "runs"}, name


def test_every_pin_of_the_shipped_files_is_known() -> None:
    used = {u for f in places.shipped() for u in yaml_text.uses(yaml_text.read(f)) if not u.startswith(("$/", "./"))}
    assert {u for u in used if standins.metadata(u) is None} == set()


def test_checkout(execute: Execute) -> None:
    run = execute(
        script("touch left-over"),
        step("actions/checkout", "get", persist_credentials="false"),
        script("cat a.txt sub/b.txt; ls -A; cat .git/config; git log --oneline", "look"),
        step("actions/checkout", "again", path="inner", fetch_depth="0"),
        script("cat inner/a.txt; cat inner/.git/config", "inner"),
    )
    run.check({"job": "success"})
    outcome = run.jobs["job"]
    assert "one\ntwo\n" in outcome.text["look"]
    assert "left-over" not in outcome.text["look"]
    assert "extraheader" not in outcome.text["look"]
    assert "extraheader" in outcome.text["inner"], "persist-credentials is true by default, and leaves the token"
    assert outcome.outputs["get/do"]["commit"] == outcome.outputs["again/do"]["commit"]


@pytest.mark.parametrize(
    ("inputs", "permissions", "says"),
    [
        ({"repository": "acme/none"}, READ, "Not Found"),
        ({"ref": "no-such-branch"}, READ, "git fetch"),
        ({"path": "../out"}, READ, "not under"),
        ({"persist_credentials": "nope"}, READ, "no boolean"),
        ({"filter": "blob:none"}, READ, "does not model"),
        ({}, {}, "lacks contents: read"),
        ({}, {"packages": "write"}, "lacks contents: read"),
    ],
)
def test_checkout_refuses(execute: Execute, inputs: dict[str, str], permissions: dict[str, str], says: str) -> None:
    assert says in refusal(execute(step("actions/checkout", **inputs), permissions=permissions))


@BOTH
def test_artifacts_go_from_job_to_job(execute: Execute) -> None:
    other = (
        "  other:\n    needs: job\n    runs-on: ubuntu-26.04\n    steps:\n"
        + step("actions/download-artifact", "by-id", artifact_ids="1001", path="got")
        + step("actions/download-artifact", name="logs", path="byname")
        + step("actions/download-artifact", path="all")
        + script("cat got/x byname/y all/layout/in/z; find . -name .hidden", "look")
    )
    run = execute(
        script("mkdir -p out/in logs; echo X > out/x; echo Z > out/in/z; touch out/.hidden; echo Y > logs/y"),
        step("actions/upload-artifact", "up", name="layout", path="out", retention_days="1", compression_level="0"),
        step("actions/upload-artifact", name="logs", path="logs/*"),
        step("actions/upload-artifact", "none", name="none", path="nothing"),
        jobs=other,
    )
    run.check({"job": "success", "other": "success"})
    assert run.jobs["job"].outputs["up/do"]["artifact-id"] == "1001"
    assert run.jobs["other"].text["look"] == "X\nY\nZ\n"
    digest = hashlib.sha256((run.folder / "state/artifacts/4711/1001/a.zip").read_bytes()).hexdigest()
    assert run.jobs["job"].outputs["up/do"]["artifact-digest"] == digest
    assert [a.level for a in run.jobs["job"].annotations] == ["warning"]
    assert run.records("artifacts.jsonl")[0]["retention-days"] == "1"


@BOTH
@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([step("actions/upload-artifact", name="a/b", path="x")], "name is not valid"),
        ([step("actions/upload-artifact", path="x", if_no_files_found="error")], "No files were found"),
        ([step("actions/upload-artifact", path="x"), step("actions/upload-artifact", path="x")], "409"),
        ([step("actions/download-artifact", name="nope")], "not found for name"),
        ([step("actions/download-artifact", artifact_ids="99")], "None of the provided artifact IDs were found"),
        ([step("actions/download-artifact", artifact_ids="a")], "Invalid artifact ID"),
        ([step("actions/download-artifact", artifact_ids="1", name="x")], "cannot be used together"),
    ],
)
def test_artifacts_refuse(execute: Execute, steps: list[str], says: str) -> None:
    made = script("true" if "found" in says else "touch x")
    assert says in refusal(execute(made, *steps))


@BOTH
def test_an_artifact_that_is_not_what_was_uploaded_is_refused(execute: Execute) -> None:
    swap = script("""sed -i 's/"digest": "..../"digest": "0000/' "$STANDIN_STATE"/artifacts/*/1001/meta.json""")
    up = step("actions/upload-artifact", name="layout", path="x")
    run = execute(script("touch x"), up, swap, step("actions/download-artifact", artifact_ids="1001", path="got"))
    assert "digest" in refusal(run)


@BOTH
@pytest.mark.parametrize(
    ("attempts", "found"), [(("layout", "layout"), False), (("layout-2", "layout-1"), True)], ids=["one", "two"]
)
def test_of_one_name_the_highest_id_hides_the_others(
    execute: Execute, shop: Shop, attempts: tuple[str, str], found: bool
) -> None:
    """Also where it is an earlier attempt's: GitHub's ids do not grow. So the names tell attempts apart."""
    for number, name in zip((1001, 2001), attempts, strict=True):
        standins.put_artifact(shop.state, shop.run_id, number, name, {"x": name})
    take = step("actions/download-artifact", artifact_ids="1001", path="got")
    if found:
        run = execute(take, script("cat got/x", "look"))
        assert run.jobs["job"].text["look"].strip() == "layout-2"
    else:
        assert "None of the provided artifact IDs were found" in refusal(execute(take))


def test_a_retention_of_years_is_refused(execute: Execute) -> None:
    """GitHub's client takes the limit of the repository in its place."""
    assert "retention-days" in refusal(execute(step("actions/upload-artifact", path="x", retention_days="900")))


@BOTH
def test_an_artifact_that_is_expired_is_not_found(execute: Execute) -> None:
    age = script("""sed -i 's/{/{"expires": "2026-01-01T00:00:00Z", /' "$STANDIN_STATE"/artifacts/*/1001/meta.json""")
    up = step("actions/upload-artifact", name="layout", path="x")
    run = execute(script("touch x"), up, age, step("actions/download-artifact", artifact_ids="1001", path="got"))
    assert "None of the provided artifact IDs were found" in refusal(run)


@BOTH
def test_no_artifact_is_stored_where_the_quota_has_been_hit(execute: Execute) -> None:
    full = script('touch x "$STANDIN_STATE/storage-is-full"')
    run = execute(full, step("actions/upload-artifact", name="layout", path="x"))
    assert "Failed to CreateArtifact: Artifact storage quota has been hit" in refusal(run)


@BOTH
def test_cache_by_halves(execute: Execute) -> None:
    run = execute(
        step("actions/cache/restore", "cold", path="c", key="k-1", restore_keys="k-"),
        script("mkdir -p c/d; echo cached > c/d/f"),
        step("actions/cache/save", path="c", key="k-1"),
        step("actions/cache/save", "twice", path="c", key="k-1"),
        script("rm -r c"),
        step("actions/cache/restore", "warm", path="c", key="k-2", restore_keys="k-"),
        script("cat c/d/f; rm -r c", "look"),
        step("actions/cache/restore", "hit", path="c", key="k-1"),
        step("actions/cache/restore", "other", path="elsewhere", key="k-1"),
    )
    run.check({"job": "success"})
    out = {name: run.jobs["job"].outputs[f"{name}/do"] for name in ("cold", "warm", "hit", "other")}
    assert not out["cold"].get("cache-hit") and not out["cold"].get("cache-matched-key")
    assert out["warm"]["cache-hit"] == "false" and out["warm"]["cache-matched-key"] == "k-1"
    assert out["hit"]["cache-hit"] == "true"
    assert not out["other"].get("cache-matched-key"), "an entry is found only for the paths that were saved"
    assert run.jobs["job"].text["look"] == "cached\n"
    assert [(a.step, a.level) for a in run.jobs["job"].annotations] == [("twice/do", "warning")]


@pytest.mark.parametrize(("mode", "saved", "found"), [("none", 0, ""), ("read", 0, ""), ("write-only", 1, "")])
def test_cache_mode_holds(execute: Execute, mode: str, saved: int, found: str) -> None:
    run = execute(
        script("mkdir c; touch c/f"),
        step("actions/cache/save", path="c", key="k"),
        step("actions/cache/restore", path="c", key="k"),
        mode=mode,
    )
    run.check({"job": "success"})
    entries = run.records("cache.jsonl")
    assert sum("save" in e for e in entries) == saved
    assert [e["matched"] for e in entries if "restore" in e] == [found]


DIGEST = "sha256:" + "7" * 64
SIGN = {"id-token": "write", "attestations": "write", "packages": "write"}


def test_attest(execute: Execute) -> None:
    subject = {"subject_name": "ghcr.io/acme/shop", "subject_digest": DIGEST}
    run = execute(
        script('echo \'{"bomFormat": "CycloneDX", "serialNumber": "urn:uuid:7"}\' > sbom.json'),
        step("actions/attest", "where", **subject),
        step("actions/attest", "what", **subject, sbom_path="sbom.json", push_to_registry="true"),
        permissions=SIGN,
    )
    run.check({"job": "success"})
    first, second = run.records(f"attestations/{'7' * 64}.jsonl")
    assert first["predicateType"] == "https://slsa.dev/provenance/v1" and not first["pushed"]
    assert second["predicateType"] == "https://cyclonedx.org/bom" and second["pushed"]
    assert first["signed"] is False
    assert run.jobs["job"].outputs["where/do"]["bundle-path"]


@pytest.mark.parametrize(
    ("inputs", "without", "says"),
    [
        ({}, "", "exactly one of"),
        ({"subject_digest": DIGEST, "subject_path": "x", "subject_name": "a"}, "", "exactly one of"),
        ({"subject_digest": DIGEST}, "", "subject-name must be provided"),
        ({"subject_digest": "7", "subject_name": "a"}, "", "sha256:"),
        ({"subject_digest": DIGEST, "subject_name": "a"}, "id-token", "lacks id-token: write"),
        ({"subject_digest": DIGEST, "subject_name": "a"}, "attestations", "lacks attestations: write"),
        ({"subject_digest": DIGEST, "subject_name": "a", "push_to_registry": "true"}, "packages", "lacks packages"),
    ],
)
def test_attest_refuses(execute: Execute, inputs: dict[str, str], without: str, says: str) -> None:
    granted = {scope: level for scope, level in SIGN.items() if scope != without}
    assert says in refusal(execute(step("actions/attest", **inputs), permissions=granted))


def test_upload_sarif(execute: Execute) -> None:
    action = "github/codeql-action/upload-sarif"
    made = script('mkdir out; echo \'{"version": "2.1.0", "runs": [{"results": [{}, {}]}]}\' > out/a.sarif')
    run = execute(made, step(action, sarif_file="out", category="slipway"), permissions={"security-events": "write"})
    run.check({"job": "success"})
    (entry,) = run.records("sarif.jsonl")
    assert (entry["results"], entry["category"]) == (2, "slipway")


@pytest.mark.parametrize(
    ("made", "permissions", "says"),
    [
        ('{"version": "2.1.0", "runs": [{}]}', {"security-events": "read"}, "lacks security-events: write"),
        ('{"version": "2.0.0", "runs": [{}]}', {"security-events": "write"}, "not a SARIF 2.1.0"),
        ("", {"security-events": "write"}, "Path does not exist"),
    ],
)
def test_upload_sarif_refuses(execute: Execute, made: str, permissions: dict[str, str], says: str) -> None:
    write = script(f"mkdir out; echo '{made}' > out/a.sarif" if made else "mkdir out")
    use = step("github/codeql-action/upload-sarif", sarif_file="out")
    assert says in refusal(execute(write, use, permissions=permissions))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("uses: {upload}, with: {{name: a, path: b, retention-dayz: 1}}", "undeclared input retention-dayz"),
        ("uses: {upload}, with: {{name: a}}", "input path is required"),
        ("uses: {upload}, with: {{Path: a}}", "is written as path"),
        ("uses: actions/upload-artifact@v7", "no metadata"),
        ("uses: $/.github/actions/x, with: {{y: 1}}", "undeclared input y"),
        ("uses: $/.github/actions/none", "no metadata"),
    ],
)
def test_inputs_that_the_pinned_action_does_not_declare(tmp_path: Path, given: str, says: str) -> None:
    action = tmp_path / ".github" / "actions" / "x" / "action.yml"
    action.parent.mkdir(parents=True)
    action.write_text("name: x\ninputs: {a: {description: a}}\nruns: {using: composite, steps: []}\n")
    text = "jobs: {j: {steps: [{" + given.format(upload=PINS["actions/upload-artifact"]) + "}]}}"
    assert [f for f in standins.faults(yaml_text.load(text), tmp_path, "x.yml") if says in f]
    fine = "jobs: {j: {steps: [{uses: $/.github/actions/x, with: {a: 1}}]}}"
    assert standins.faults(yaml_text.load(fine), tmp_path, "x.yml") == []


def test_a_kit_with_undeclared_inputs_is_not_run(tmp_path: Path, shop: Shop) -> None:
    file = tmp_path / "bad" / ".github" / "workflows" / "x.yml"
    file.parent.mkdir(parents=True)
    file.write_text(f"on: push\njobs: {{j: {{steps: [{{uses: {PINS['actions/checkout']}, with: {{nope: 1}}}}]}}}}\n")
    shop.kit = tmp_path / "bad"
    with pytest.raises(judge.HarnessError, match="undeclared input nope"):
        shop.place_kit()
