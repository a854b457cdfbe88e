"""What was there already does not stop, what is new does; only a sound baseline of this image is believed."""

from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.policy import baseline
from slipway.policy.baseline import Baseline, apply, named, read, seen
from slipway.policy.exceptions import Accepted
from slipway.policy.finding import Finding, severe

IMAGE, PLATFORM, BRANCH = "ghcr.io/acme/shop", "linux/amd64", "main"
OLD = Finding(
    "CVE-2024-1135", "CRITICAL", "gunicorn 20.1.0 → 22.0.0", package="gunicorn", purl="pkg:pypi/gunicorn@20.1.0"
)
NEW = Finding("CVE-2018-1000656", "HIGH", "flask 0.12.2 → 0.12.3", package="flask", purl="pkg:pypi/flask@0.12.2")
SECRET = Finding("secret", "HIGH", "a key in /app/.env", file="/app/.env")


def base(*findings: Finding, packages: tuple[str, ...] = (), accepted: tuple[Finding, ...] = ()) -> Baseline:
    """A baseline of main with these findings."""
    return Baseline(
        schema=1, image=IMAGE, platform=PLATFORM, branch=BRANCH, commit="a" * 40, scanned="2026-11-20T00:00:00Z",
        findings=named(findings), accepted=named(accepted), packages=packages,
    )  # fmt: skip


def stops(findings: list[Finding], known: Baseline, accepted: tuple[Accepted, ...] = ()) -> list[str]:
    return [f.rule for f in apply(findings, known, accepted) if f.stops]


def test_what_the_base_has_is_listed_first_and_does_not_stop() -> None:
    new, old, low = severe(apply([OLD, msgspec.structs.replace(OLD, rule="x", stops=False), NEW], base(OLD), ()))
    assert (new.rule, new.stops, new.known) == (NEW.rule, True, "")
    assert (old.rule, old.severity, old.stops, old.known) == (OLD.rule, "CRITICAL", False, "main")
    assert (low.rule, low.known) == ("x", "")


def test_another_version_or_line_does_not_make_it_new() -> None:
    moved = msgspec.structs.replace(OLD, message="gunicorn 20.0.4 → 22.0.0", purl="pkg:pypi/gunicorn@20.0.4", line=9)
    assert stops([moved], base(OLD)) == []


def test_the_same_finding_of_another_package_is_new() -> None:
    assert stops([msgspec.structs.replace(OLD, package="waitress", purl="")], base(OLD)) == [OLD.rule]


def test_an_advisory_of_today_about_a_package_that_the_base_has() -> None:
    """The change did not bring it; in another version it may have."""
    there = base(packages=("pkg:pypi/gunicorn@20.1.0",))
    assert stops([OLD], there) == []
    assert stops([msgspec.structs.replace(OLD, purl="pkg:pypi/gunicorn@20.0.4")], there) == [OLD.rule]
    assert stops([msgspec.structs.replace(OLD, purl="")], base(packages=("",))) == [OLD.rule]


@pytest.mark.parametrize("secret", [SECRET, Finding("DS-0031", "CRITICAL", "a password in ENV", package="image")])
def test_a_secret_is_never_known(secret: Finding) -> None:
    assert named([secret]) == ()
    forged = msgspec.structs.replace(base(), findings=((secret.rule, secret.package),))
    assert stops([secret], forged) == [secret.rule]


def test_what_was_accepted_until_a_day_stops_after_it_whether_the_entry_is_still_there_or_not() -> None:
    there = base(accepted=(OLD,), packages=(OLD.purl,))
    assert stops([OLD], there) == [OLD.rule]
    ended = Accepted(OLD.rule, OLD.package, "why", "@me", date(2026, 1, 1), 1)
    assert stops([OLD], base(OLD, packages=(OLD.purl,)), (ended,)) == [OLD.rule]


def test_what_is_kept_is_read_again() -> None:
    kept = base(OLD, packages=("pkg:pypi/gunicorn@20.1.0",))
    assert read(msgspec.json.encode(kept), IMAGE, PLATFORM, BRANCH) == kept
    assert kept.same(msgspec.structs.replace(kept, commit="b", scanned="later"))
    assert not kept.same(msgspec.structs.replace(kept, packages=()))


GOOD = msgspec.json.encode(base(OLD))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "damaged"),
        (GOOD[:-9], "damaged"),
        (b"null", "damaged"),
        (b"[" * 100_000, "damaged"),
        (GOOD.replace(b'"schema":1', b'"schema":2'), "damaged"),
        (GOOD.replace(b'"platform"', b'"platforms"'), "damaged"),
        (GOOD.replace(b'["CVE-2024-1135","gunicorn"]', b'"CVE-2024-1135"'), "damaged"),
        (GOOD.replace(b"acme/shop", b"evil/shop"), "it is of the image 'ghcr.io/evil/shop', not 'ghcr.io/acme/shop'"),
        (GOOD.replace(b"linux/amd64", b"linux/arm64"), "it is of the platform 'linux/arm64'"),
        (GOOD.replace(b'"main"', b'"feature"'), "it is of the branch 'feature', not 'main'"),
        (b" " * (baseline.LIMIT + 1), "bytes"),
    ],
)
def test_what_is_not_believed(content: bytes, says: str) -> None:
    with pytest.raises(ValueError) as error:
        read(content, IMAGE, PLATFORM, BRANCH)
    assert says in str(error.value)


def test_the_packages_of_a_report() -> None:
    named = ["pkg:deb/debian/tar@1.35?arch=amd64&distro=debian-13.7", "pkg:pypi/flask@3.1.0", None]
    packages = [{"Name": "p", "Identifier": {"PURL": name} if name else None} for name in named]
    report = {"Results": [{"Packages": packages[:1]}, {"Packages": packages[1:]}, {}]}
    assert seen(report) == ("pkg:deb/debian/tar@1.35", "pkg:pypi/flask@3.1.0")


NAMES = st.sampled_from(["a", "b", "c", "secret"])
FINDINGS = st.lists(st.builds(Finding, NAMES, st.just("HIGH"), NAMES, stops=st.booleans(), package=NAMES, purl=NAMES))
BASES = st.builds(
    lambda findings, packages: base(*findings, packages=tuple(packages)), FINDINGS, st.lists(NAMES, unique=True)
)


@given(FINDINGS, BASES)
def test_nothing_is_taken_off_the_list_and_nothing_begins_to_stop(findings: list[Finding], known: Baseline) -> None:
    result = apply(findings, known, ())
    assert [(f.rule, f.package) for f in result] == [(f.rule, f.package) for f in findings]
    for before, after in zip(findings, result, strict=True):
        assert before.stops or not after.stops
        assert after.stops or not before.stops or after.known
        assert after.rule != "secret" or after.stops == before.stops


@given(FINDINGS, FINDINGS, BASES)
def test_one_more_finding_never_turns_red_to_green(
    findings: list[Finding], more: list[Finding], known: Baseline
) -> None:
    assert bool(stops(findings + more, known)) >= bool(stops(findings, known))
    assert sorted(stops(findings + more, known)) == sorted(stops(more + findings, known))
