"""Accepted until a day, by somebody, for a reason; and nothing else gets a finding off the list."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.policy import exceptions
from slipway.policy.exceptions import Accepted, apply, read
from slipway.policy.finding import Finding

TODAY = date(2026, 11, 21)
GOOD = """\
# why and until when
- id: CVE-2024-1135
  package: gunicorn
  reason: our proxy normalises headers
  owner: "@alice"
  expires: 2026-12-31
"""
GUNICORN = Finding("CVE-2024-1135", "HIGH", "gunicorn 20.1.0 → 22.0.0", package="gunicorn")


def test_an_accepted_finding_is_listed_and_does_not_stop() -> None:
    (found,) = apply([GUNICORN], read(GOOD, TODAY), TODAY)
    assert (found.rule, found.stops) == ("CVE-2024-1135", False)
    assert found.accepted == "until 2026-12-31 by @alice: our proxy normalises headers"


def test_it_holds_on_its_last_day_and_not_on_the_next() -> None:
    entries = read(GOOD, TODAY)
    assert not apply([GUNICORN], entries, date(2026, 12, 31))[0].stops
    found, said = apply([GUNICORN], entries, date(2027, 1, 1))
    assert found == GUNICORN, "as if there were no entry"
    assert (said.rule, said.line, said.file, said.stops) == ("exception-expired", 2, exceptions.FILE, False)
    assert "until 2026-12-31 by @alice" in said.message


def test_an_entry_that_nothing_needs_is_said() -> None:
    (said,) = apply([], read(GOOD, TODAY), TODAY)
    assert (said.rule, said.line, said.stops) == ("exception-unused", 2, False)


def test_a_secret_is_named_by_its_file() -> None:
    secret = Finding("secret", "HIGH", "a key in /app/.env", file="/app/.env")
    text = GOOD.replace("CVE-2024-1135", "secret").replace("gunicorn", "/app/.env")
    assert not apply([secret], read(text, TODAY), TODAY)[0].stops


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace("  expires: 2026-12-31\n", ""), "2: `expires` is missing"),
        (GOOD.replace("  reason: our proxy normalises headers\n", ""), "2: `reason` is missing"),
        (GOOD.replace("our proxy normalises headers", "''"), "2: `reason` is missing"),
        (GOOD.replace('  owner: "@alice"\n', ""), "2: `owner` is missing"),
        (GOOD.replace("  package: gunicorn\n", ""), "2: `package` is missing"),
        (GOOD.replace("gunicorn", "'*'"), "2: package '*' is a pattern"),
        (GOOD.replace("CVE-2024-1135", "CVE-2024-*"), "2: id 'CVE-2024-*' is a pattern"),
        (GOOD.replace("2026-12-31", "2027-02-20"), "2: expires 2027-02-20 is further than 90 days. 2027-02-19"),
        (GOOD.replace("2026-12-31", "never"), "2: expires 'never' is no day. Write it as 2027-02-19"),
        (GOOD.replace("reason:", "because:"), "2: unknown key 'because'"),
        (GOOD + GOOD, "8: CVE-2024-1135 of gunicorn stands here twice"),
        ("CVE-2024-1135", "1: a list of entries is wanted"),
        ("- CVE-2024-1135", "1: an entry has the keys"),
        ("- id: [\n", "no YAML"),
        ("- id: &a [*a]\n", "1: `id` is missing"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError) as error:
        read(text, TODAY)
    assert says in str(error.value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]"])
def test_no_entries(text: str) -> None:
    assert read(text, TODAY) == []


NAMES = st.sampled_from(["a", "b", "c"])
FINDINGS = st.lists(st.builds(Finding, NAMES, st.just("HIGH"), NAMES, stops=st.booleans(), package=NAMES))
DAYS = st.integers(-9, 90).map(lambda days: TODAY + timedelta(days))
ENTRIES = st.lists(
    st.builds(Accepted, NAMES, NAMES, st.just("why"), st.just("@me"), DAYS, st.just(1)),
    unique_by=lambda e: (e.id, e.package),
)


@given(FINDINGS, ENTRIES)
def test_nothing_is_ever_taken_off_the_list(findings: list[Finding], entries: list[Accepted]) -> None:
    result = apply(findings, entries, TODAY)
    assert [(f.rule, f.package) for f in result[: len(findings)]] == [(f.rule, f.package) for f in findings]
    for before, after in zip(findings, result, strict=False):
        covered = any((e.id, e.package) == (before.rule, before.package) and e.expires >= TODAY for e in entries)
        assert after.stops == (before.stops and not covered)
    assert not any(f.stops for f in result[len(findings) :])


@given(FINDINGS, FINDINGS, ENTRIES)
def test_one_more_finding_never_turns_red_to_green(
    findings: list[Finding], more: list[Finding], entries: list[Accepted]
) -> None:
    def red(found: list[Finding]) -> bool:
        return any(f.stops for f in apply(found, entries, TODAY))

    assert red(findings + more) >= red(findings)
    assert red(findings + more) == red(more + findings), "nor does the order matter"
