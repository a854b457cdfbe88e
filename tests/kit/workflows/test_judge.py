"""The harness itself: every way in which act looks greener, or redder, than it was is judged rightly."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from workflows.harness import judge
from workflows.harness.runner import Run

LIB = "me/lib/.github/workflows/{}.yml@" + "a" * 40
Tiny = Callable[..., Run]


def job(*steps: str, head: str = "", name: str = "job") -> str:
    """A workflow of one job; each step a line of flow YAML."""
    lines = "".join(f"      - {step}\n" for step in steps)
    return f"name: T\non: [push]\njobs:\n  {name}:\n    runs-on: ubuntu-26.04\n{head}    steps:\n{lines}"


def called(text: str) -> str:
    return text.replace("on: [push]", "on: {workflow_call: {outputs: {d: {value: '${{ jobs.job.outputs.d }}'}}}}")


def test_green(tiny: Tiny) -> None:
    run = tiny(job("{id: one, run: 'echo hello; echo d=1 >> $GITHUB_OUTPUT'}", "{run: 'true'}"))
    run.check({"job": "success"})
    assert run.jobs["job"].outputs["one"] == {"d": "1"}
    assert "hello" in run.jobs["job"].text["one"]
    assert run.jobs["job"].steps == {"one": "success", "1": "success"}


def test_a_failing_step_and_what_follows(tiny: Tiny) -> None:
    run = tiny(job("{id: bad, run: 'false'}", "{run: 'true'}", "{id: last, if: always(), run: 'true'}"))
    run.check({"job": {"": "failure", "bad": "failure", "1": "skipped", "last": "success"}})
    with pytest.raises(AssertionError, match=r"bad: failure, expected success"):
        run.check({"job": "success"})


def test_skipped_jobs_and_steps_are_not_green(tiny: Tiny) -> None:
    run = tiny(
        "name: T\non: [push]\njobs:\n"
        "  off:\n    if: false\n    runs-on: ubuntu-26.04\n    steps: [{run: 'true'}]\n"
        "  after:\n    needs: off\n    runs-on: ubuntu-26.04\n    steps: [{run: 'true'}]\n"
        "  on:\n    runs-on: ubuntu-26.04\n    steps: [{run: 'true'}, {if: false, run: 'true'}]\n"
    )
    run.check({"off": "skipped", "after": "skipped", "on": {"": "success", "0": "success", "1": "skipped"}})
    with pytest.raises(AssertionError):
        run.check({"off": "success", "after": "skipped", "on": "success"})


def test_a_job_that_nobody_named_is_a_difference(tiny: Tiny) -> None:
    run = tiny(job("{run: 'true'}"))
    with pytest.raises(AssertionError, match="nobody said"):
        run.check({})
    with pytest.raises(AssertionError, match="not in the run"):
        run.check({"job": "success", "other": "success"})


def test_an_unmapped_label_never_ran_though_act_ends_0(tiny: Tiny) -> None:
    run = tiny(job("{run: 'true'}").replace("ubuntu-26.04", "windows-11"), unmapped=["windows-11"])
    assert run.exit_code == 0
    run.check({"job": "never"})


def test_an_error_behind_a_success(tiny: Tiny) -> None:
    """act logs success for the step whose output file it then refuses."""
    run = tiny(job("{id: one, run: 'echo no-equals-sign >> $GITHUB_OUTPUT'}", "{run: 'true'}"))
    assert '"stepResult":"success"' in run.stdout
    assert run.jobs["job"].steps["one"] == "failure"
    assert run.jobs["job"].result == "failure"


def test_torn_matrix(tiny: Tiny) -> None:
    """After a failed leg act calls each later leg failed."""
    matrix = "    strategy:\n      fail-fast: false\n      matrix: {x: [1, 2, 3]}\n"
    run = tiny(job("{run: '[ ${{ matrix.x }} != 1 ]'}", head=matrix))
    run.check({"job (1)": {"": "failure", "0": "failure"}, "job (2)": "success", "job (3)": "success"})


def test_continue_on_error_of_a_step(tiny: Tiny) -> None:
    run = tiny(
        job(
            "{id: may, continue-on-error: true, run: 'false'}",
            "{id: told, env: {O: '${{ steps.may.outcome }}', C: '${{ steps.may.conclusion }}'}, run: 'echo $O $C'}",
        )
    )
    run.check({"job": {"": "success", "may": "failure", "told": "success"}})
    assert "failure success" in run.jobs["job"].text["told"]


def test_a_failing_call_ends_the_plan(tiny: Tiny) -> None:
    """On GitHub `last` runs; act writes nothing of it, and that must not pass for skipped or for green."""
    run = tiny(
        f"name: T\non: [push]\njobs:\n  call: {{uses: {LIB.format('bad')}}}\n"
        "  next:\n    needs: call\n    runs-on: ubuntu-26.04\n    steps: [{run: 'true'}]\n"
        "  last:\n    needs: call\n    if: always()\n    runs-on: ubuntu-26.04\n    steps: [{run: 'true'}]\n",
        lib={".github/workflows/bad.yml": called(job("{id: bad, run: 'false'}"))},
    )
    run.check({"call/job": {"": "failure", "bad": "failure"}, "next": "never", "last": "never"})


def test_calls_hand_outputs_over(tiny: Tiny) -> None:
    ok = job("{id: x, run: 'echo d=7 >> $GITHUB_OUTPUT'}", head="    outputs: {d: '${{ steps.x.outputs.d }}'}\n")
    run = tiny(
        f"name: T\non: [push]\njobs:\n  call: {{uses: {LIB.format('ok')}}}\n"
        f"  off: {{if: false, uses: {LIB.format('ok')}}}\n"
        f"  many:\n    strategy:\n      matrix: {{x: [1, 2]}}\n    uses: {LIB.format('ok')}\n"
        "  probe:\n    needs: [call, off]\n    if: always()\n    runs-on: ubuntu-26.04\n"
        "    steps: [{id: n, env: {N: '${{ toJSON(needs) }}'}, run: 'echo \"n=$(echo $N)\" >> $GITHUB_OUTPUT'}]\n",
        lib={".github/workflows/ok.yml": called(ok)},
    )
    run.check(
        {
            "call/job": "success",
            "off/job": "skipped",
            "many/job-1": "success",
            "many/job-2": "success",
            "probe": "success",
        }
    )
    assert '"d": "7"' in run.jobs["probe"].outputs["n"]["n"]


COMPOSITE = """\
name: c
description: c
outputs: {told: {description: t, value: '${{ steps.in.outputs.told }}'}}
runs:
  using: composite
  steps:
    - {id: first, shell: bash, run: 'CODE'}
    - {id: in, shell: bash, run: 'echo told=1 >> $GITHUB_OUTPUT; echo sum >> $GITHUB_STEP_SUMMARY'}
    - {id: end, if: always(), shell: bash, run: 'true'}
"""


@pytest.mark.parametrize("code", ["true", "false"])
def test_composites(tiny: Tiny, code: str) -> None:
    run = tiny(
        job(f"{{id: out, uses: me/lib/act@{'a' * 40}}}", "{run: 'true'}"),
        lib={"act/action.yml": COMPOSITE.replace("CODE", code)},
    )
    steps = run.jobs["job"].steps
    if code == "true":
        run.check({"job": "success"})
        assert run.jobs["job"].summaries == {"out/in": "sum\n"}
    else:
        run.check({"job": {"": "failure", "out": "failure", "1": "skipped"}})
        assert (steps["out/first"], steps["out/in"], steps["out/end"]) == ("failure", "skipped", "success")


def test_what_act_refuses_is_no_red_job(tiny: Tiny) -> None:
    with pytest.raises(judge.HarnessError, match=r"(?i)unknown property no-such-key"):
        tiny(job("{run: 'true'}", head="    no-such-key: 1\n"))
    with pytest.raises(judge.HarnessError, match="no metadata is kept"):
        tiny(job(f"{{uses: me/lib/no-such@{'a' * 40}}}"), lib={"act/action.yml": COMPOSITE})
    with pytest.raises(judge.HarnessError, match="no metadata is kept"):
        tiny(job("{uses: me/unknown@" + "c" * 40 + "}"))


def test_a_line_that_is_not_json(tiny: Tiny) -> None:
    run = tiny(job("{run: 'true'}"))
    for out, err, code in (
        (run.stdout + "torn {", "", 0),
        (run.stdout, "fatal error: concurrent map writes\n", 2),
        (run.stdout, '{"level":"fatal","msg":"no"}\n', 0),
        (run.stdout, "", 1),
        (run.stdout.replace('"job":"T/job"', '"job":"T/other"'), "", 0),
    ):
        with pytest.raises(judge.HarnessError):
            judge.judge(run.plan, out, err, code)


def test_interrupted(tiny: Tiny) -> None:
    def interrupt(process: subprocess.Popen[str], log: Path) -> None:
        deadline = time.monotonic() + 20
        while "now waiting" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)

    run = tiny(
        job(
            "{id: wait, run: 'echo now waiting; sleep 30'}",
            "{id: next, run: 'true'}",
            "{id: end, if: always(), run: 'true'}",
        ),
        during=interrupt,
    )
    assert run.jobs["job"].result == "failure"
    assert run.jobs["job"].steps["wait"] in ("failure", "interrupted")
    assert run.jobs["job"].steps["next"] in ("skipped", "never")
    assert run.jobs["job"].steps["end"] == "success"
    assert run.seconds < 25


def test_a_run_that_hangs_is_ended_and_leaves_nothing(tmp_path: Path, tiny: Tiny) -> None:
    from workflows.harness.runner import Shop
    from workflows.harness.survivors import strays

    shop = Shop(tmp_path / "hang")
    with pytest.raises(judge.HarnessError, match="did not end within"):
        shop.run(
            shop.caller(job("{run: 'setsid sleep 99 & sleep 99'}")),
            "push",
            {"ref": "refs/heads/main"},
            "b" * 40,
            timeout=3,
        )
    assert strays(shop.folder) == []


def test_strays_of_a_green_run_are_seen(tiny: Tiny) -> None:
    run = tiny(job("{run: 'setsid sleep 5 >/dev/null 2>&1 & sleep 0.1'}"))
    with pytest.raises(AssertionError, match="still running"):
        run.check({"job": "success"})
    for stray in run.strays:
        os.kill(int(stray.split()[0]), signal.SIGKILL)


def test_nothing_of_this_machine_reaches_a_step(tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEVELOPERS_SECRET", "leaked")
    (tmp_path / ".env").write_text("FROM_FILE=leaked\n")
    (tmp_path / ".actrc").write_text("--env FROM_RC=leaked\n")
    monkeypatch.chdir(tmp_path)
    run = tiny(job("{id: env, run: env}"))
    assert "leaked" not in run.stdout + run.stderr
    assert "GITHUB_ACTIONS=true" in run.jobs["job"].text["env"]


def test_annotations_are_split_where_github_splits_them(tiny: Tiny) -> None:
    said = "::error file=a.py,line=3::bad::thing%0Asecond", "::warning title=x=y%2Cz::w"
    run = tiny(job("{id: a, run: '" + "; ".join(f'echo "{line}"' for line in said) + "'}"))
    first, second = run.jobs["job"].annotations
    assert (first.level, first.message, first.properties) == (
        "error",
        "bad::thing\nsecond",
        {"file": "a.py", "line": "3"},
    )
    assert (second.level, second.message, second.properties) == ("warning", "w", {"title": "x=y,z"})


def test_stop_commands_make_commands_text(tiny: Tiny) -> None:
    said = "::stop-commands::tok", "::error::inner", "::set-output name=x::1", "::tok::", "::notice::outer"
    run = tiny(job("{id: a, run: '" + "; ".join(f"echo {line}" for line in said) + "'}"))
    assert [(a.level, a.message) for a in run.jobs["job"].annotations] == [("notice", "outer")]
    assert run.jobs["job"].outputs == {}
