"""slipway.toml and the environment: what is read, and the one line that each mistake gets."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway import config
from slipway.config import DeployTable, Settings, load, seconds
from slipway.errors import ExitCode, UsageError

ROOT = Path(__file__).parents[3]


def read(folder: Path, text: str, **environ: str) -> Settings:
    """The settings of a project with this slipway.toml."""
    (folder / "slipway.toml").write_text(text)
    return load(folder, environ)


def complaint(folder: Path, text: str, **environ: str) -> str:
    """What is said about a wrong slipway.toml."""
    with pytest.raises(UsageError) as caught:
        read(folder, text, **environ)
    assert caught.value.code == ExitCode.USAGE
    message = str(caught.value)
    assert message.count("\n") <= 2 and not message.startswith(str(folder))
    return message


def test_without_a_file_everything_has_a_default(tmp_path: Path) -> None:
    assert load(tmp_path, {}) == Settings()
    assert read(tmp_path, "") == Settings()


def test_the_sample_apps_own_file_is_valid() -> None:
    name, table = load(ROOT, {}).environment()
    assert (name, table.health, table.version) == ("local", "/readyz", "/version")


def test_keys_of_every_table_are_read(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        '[image]\nname = "ghcr.io/acme/shop"\nplatforms = ["linux/amd64"]\n[scan]\nfail-on = "LOW"\n'
        '[deploy.staging]\nurl = "https://shop.example"\nchecks = 5\n',
    )
    assert settings.image.name == "ghcr.io/acme/shop"
    assert settings.image.platforms == ("linux/amd64",)
    assert settings.scan.fail_on == "LOW"
    assert settings.environment() == ("staging", DeployTable(url="https://shop.example", checks=5))


# file, what is said: place, problem, fix
MISTAKES = {
    '[build]\nsecrets = ["npm_token", "a b"]\n': (
        "slipway.toml:2: build.secrets: expected a string such as npm_token, pip_conf=~/.config/pip/pip.conf. "
        "Correct the value."
    ),
    '[lint]\n\ntreshold = "warning"\n': 'slipway.toml:3: unknown key "treshold" in [lint]. Did you mean "threshold"?',
    "lnt = 3\n": 'slipway.toml:1: unknown key "lnt" at the top. Did you mean "lint"?',
    "\n[lnt]\nx = 3\n": 'slipway.toml:2: unknown key "lnt" at the top. Did you mean "lint"?',
    "[lint]\nxyz = 3\n": (
        'slipway.toml:2: unknown key "xyz" in [lint]. Known keys: threshold, dockerfiles, trusted-registries.'
    ),
    '# c\n[lint] # c\n  "treshold"=""\n': 'slipway.toml:3: unknown key "treshold" in [lint]. Did you mean "threshold"?',
    'lint.treshold = ""\n': 'slipway.toml:1: unknown key "treshold" in [lint]. Did you mean "threshold"?',
    'lint = {treshold = ""}\n': 'slipway.toml:1: unknown key "treshold" in [lint]. Did you mean "threshold"?',
    "[publish]\nregistry_port = 1\n": (
        'slipway.toml:2: unknown key "registry_port" in [publish]. Did you mean "registry-port"?'
    ),
    '[deploy.production]\nurll = ""\n': (
        'slipway.toml:2: unknown key "urll" in [deploy.production]. Did you mean "url"?'
    ),
    '[deploy.a]\nurl = "http://a"\n[deploy.b]\nurl = 3\n': (
        "slipway.toml:4: deploy.b.url: expected a string, found an integer. Correct the value."
    ),
    "[deploy]\nlocal = 3\n": "slipway.toml:2: deploy.local: expected a table, found an integer. Correct the value.",
    "[deploy.local]\nchecks = 0\n": "slipway.toml:2: deploy.local.checks: expected an integer >= 1. Correct the value.",
    '[deploy.local]\nurl = "shop"\n': (
        'slipway.toml:2: deploy.local.url: "shop" is not a URL such as http://127.0.0.1:8000. Correct the value.'
    ),
    '[deploy.local]\nurl = "http://shop:99999"\n': (
        'slipway.toml:2: deploy.local.url: "http://shop:99999" is not a URL such as http://127.0.0.1:8000. '
        "Correct the value."
    ),
    '[deploy.local]\nurl = "http://[::1"\n': (
        'slipway.toml:2: deploy.local.url: "http://[::1" is not a URL such as http://127.0.0.1:8000. Correct the value.'
    ),
    '[deploy.local]\nhealth = "readyz"\n': (
        "slipway.toml:2: deploy.local.health: expected a string such as /readyz. Correct the value."
    ),
    '\n[lint]\nthreshold = "warn"\n': (
        'slipway.toml:3: lint.threshold: "warn" is not one of error, warning, info, style. Did you mean "warning"?'
    ),
    '[scan]\nfail-on = "high"\n': (
        'slipway.toml:2: scan.fail-on: "high" is not one of CRITICAL, HIGH, MEDIUM, LOW. Did you mean "HIGH"?'
    ),
    '[scan]\nunfixed = "x"\n': ('slipway.toml:2: scan.unfixed: "x" is not one of report, fail. Choose one of them.'),
    "[lint]\nthreshold = 3\n": (
        "slipway.toml:2: lint.threshold: expected a string, found an integer. Correct the value."
    ),
    'lint = "x"\n': "slipway.toml:1: lint: expected a table, found a string. Correct the value.",
    '[[lint]]\nthreshold = "error"\n': "slipway.toml:1: lint: expected a table, found a list. Correct the value.",
    '[test]\ntimeout = "5 minutes"\n': (
        "slipway.toml:2: test.timeout: expected a string such as 90s, 15m, 48h. Correct the value."
    ),
    '[test]\ntimeout = "0s"\n': (
        "slipway.toml:2: test.timeout: expected a string such as 90s, 15m, 48h. Correct the value."
    ),
    "[publish]\nregistry-port = 70000\n": (
        "slipway.toml:2: publish.registry-port: expected an integer <= 65535. Correct the value."
    ),
    "[publish]\nregistry-port = true\n": (
        "slipway.toml:2: publish.registry-port: expected an integer, found true or false. Correct the value."
    ),
    '[image]\nplatforms = "linux/amd64"\n': (
        "slipway.toml:2: image.platforms: expected a list, found a string. Correct the value."
    ),
    '[image]\nplatforms = [\n  "linux/amd64", 1\n]\n': (
        "slipway.toml:2: image.platforms: expected a string, found an integer. Correct the value."
    ),
    "a = \n": (
        "slipway.toml:1: not valid TOML: Invalid value (at line 1, column 5). See https://toml.io for the syntax."
    ),
    '\n\nx = "a': (
        "slipway.toml:3: not valid TOML: Unterminated string (at end of document). See https://toml.io for the syntax."
    ),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_gets_file_line_and_fix(tmp_path: Path, text: str) -> None:
    assert complaint(tmp_path, text) == MISTAKES[text]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "slipway.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"slipway.toml cannot be read: .*Make it a readable UTF-8 file"):
        load(tmp_path, {})
    (tmp_path / "slipway.toml").unlink()
    (tmp_path / "slipway.toml").mkdir()
    with pytest.raises(UsageError, match=r"slipway.toml cannot be read"):
        load(tmp_path, {})


def tables() -> list[tuple[str, msgspec.structs.FieldInfo]]:
    """Every key that a variable can set, with the table that it stands in."""
    fields = [f for f in msgspec.structs.fields(Settings) if get_origin(f.type) is not dict]
    return [(f.name, key) for f in fields for key in msgspec.structs.fields(f.type)]


def another(key: msgspec.structs.FieldInfo) -> tuple[str, Any]:
    """A valid text for a key, other than its default, and the value that it stands for."""
    kind = key.type
    while get_origin(kind) is Annotated:
        kind, *notes = get_args(kind)
        example = next((n.examples[0] for n in notes if getattr(n, "examples", None)), None)
        if example and get_origin(kind) is not tuple:
            return example, example
    if get_origin(kind) is Literal:
        word = next(v for v in get_args(kind) if v != key.default)
        return word, word
    if get_origin(kind) is tuple:
        return "one, two", ("one", "two")
    return ("1234", 1234) if kind is int else ("something", "something")


@pytest.mark.parametrize(("table", "key"), tables(), ids=lambda v: v if isinstance(v, str) else v.name)
def test_a_variable_wins_over_the_file(tmp_path: Path, table: str, key: msgspec.structs.FieldInfo) -> None:
    text, value = another(key)
    variable = f"SLIPWAY_{table}_{key.name}".upper()
    assert value != key.default
    settings = read(tmp_path, "", **{variable: text})
    assert getattr(getattr(settings, table), key.name) == value
    assert read(tmp_path, "", **{variable: ""}) == Settings(), "an empty variable counts as unset"
    literal = f'"{text}"' if isinstance(value, str) else "[]" if isinstance(value, tuple) else "4321"
    over = read(tmp_path, f"[{table}]\n{key.encode_name} = {literal}\n", **{variable: text})
    assert getattr(getattr(over, table), key.name) == value


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SLIPWAY_SCAN_FAIL_ON", "foo", '"foo" is not one of CRITICAL, HIGH, MEDIUM, LOW'),
        ("SLIPWAY_TEST_TIMEOUT", "soon", "expected a string such as 90s, 15m, 48h"),
        ("SLIPWAY_PUBLISH_REGISTRY_PORT", "abc", "expected an integer, found a string"),
        ("SLIPWAY_PUBLISH_REGISTRY_PORT", "²", "expected an integer, found a string"),
        ("SLIPWAY_PUBLISH_REGISTRY_PORT", "0", "expected an integer >= 1"),
    ],
)
def test_a_wrong_variable_is_named_instead_of_the_file(tmp_path: Path, variable: str, value: str, said: str) -> None:
    message = complaint(tmp_path, "", **{variable: value})
    assert message == f"{variable} is not usable: {said}. Change the variable, or unset it."


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "http://127.0.0.1:8001"),
        ('[deploy.local]\nhealth = "/readyz"\n', "http://127.0.0.1:8001"),
        ('[deploy.local]\nurl = "http://localhost:9000/shop"\n', "http://localhost:8001/shop"),
        ('[deploy.local]\nurl = "http://[::1]:9000"\n', "http://[::1]:8001"),
        ('[deploy.local]\nurl = "http://localhost/"\n', "http://localhost:8001/"),
    ],
)
def test_slipway_port_is_the_port_of_the_local_environment(tmp_path: Path, text: str, url: str) -> None:
    name, table = read(tmp_path, text, SLIPWAY_PORT="8001").environment()
    assert (name, table.url) == ("local", url)


def test_slipway_port_does_not_change_which_environment_is_the_default(tmp_path: Path) -> None:
    text = '[deploy.production]\nurl = "https://shop.example"\n'
    assert read(tmp_path, text, SLIPWAY_PORT="8001").environment()[0] == "production"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "80a", " 80", "²", "123456"])
def test_a_port_that_is_none(tmp_path: Path, port: str) -> None:
    assert complaint(tmp_path, "", SLIPWAY_PORT=port).startswith(f"SLIPWAY_PORT is {port!r}: it must be a port number")


@pytest.mark.parametrize("text", ["deploy = 3\n", "[deploy]\nlocal = 3\n", '[deploy.local]\nurl = "http://[::1"\n'])
def test_a_port_beside_a_broken_table_still_gets_the_tables_message(tmp_path: Path, text: str) -> None:
    assert complaint(tmp_path, text, SLIPWAY_PORT="8001") == complaint(tmp_path, text)


def test_the_environment_to_deploy_to(tmp_path: Path) -> None:
    both = read(tmp_path, '[deploy.staging]\nurl = "http://s"\n[deploy.production]\nurl = "http://p"\n')
    assert both.environment()[0] == "local"  # two to choose from: never a guess
    assert both.environment("staging")[1].url == "http://s"
    with pytest.raises(UsageError, match=r"no environment 'prod' .* There are: local, production, staging"):
        both.environment("prod")


PLATFORMS = """\
[deploy.staging]
target = "render"

[deploy.blue-green]
target = "railway"
"""


@pytest.mark.parametrize(
    ("name", "variable", "value", "platform"),
    [
        ("staging", "SLIPWAY_DEPLOY_STAGING_SERVICE", "srv-1", "Render"),
        ("blue-green", "SLIPWAY_DEPLOY_BLUE_GREEN_SERVICE", "6d1c9a1e", "Railway"),
    ],
)
def test_a_service_may_be_named_by_a_variable(
    tmp_path: Path, name: str, variable: str, value: str, platform: str
) -> None:
    """The error names the variable, and with that variable the environment can be used."""
    without = read(tmp_path, PLATFORMS)
    assert without.environment() == ("local", DeployTable()), "nobody deploys there: no reason to refuse"
    with pytest.raises(
        UsageError, match=rf"\[deploy\.{name}\] has no `service`: .* {platform}\. .*, or set (\S+)\.$"
    ) as e:
        without.environment(name)
    assert variable in str(e.value)
    assert read(tmp_path, PLATFORMS, **{variable: value}).environment(name)[1].service == value


def test_a_variable_makes_no_environment(tmp_path: Path) -> None:
    assert read(tmp_path, PLATFORMS, SLIPWAY_DEPLOY_OTHER_SERVICE="srv-1").deploy.keys() == {"staging", "blue-green"}
    said = complaint(tmp_path, PLATFORMS, SLIPWAY_DEPLOY_STAGING_SERVICE="shop")
    assert said == (
        'SLIPWAY_DEPLOY_STAGING_SERVICE is not usable: "shop" is not the id of a service of Render, such as srv-…. '
        "Change the variable, or unset it."
    )


@given(st.integers(1, 10**6), st.sampled_from("smh"))
def test_durations(number: int, unit: str) -> None:
    assert seconds(f"{number}{unit}") == number * {"s": 1, "m": 60, "h": 3600}[unit]


NAMES = st.sampled_from(
    ["lint", "scan", "deploy", "local", "threshold", "fail-on", "url", "x", "timeout", "test", "image"]
)
VALUES = st.recursive(
    st.integers()
    | st.booleans()
    | st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_characters="\x7f"), max_size=8)
    | st.sampled_from(["warning", "HIGH", "1m", "http://a", "/"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


def toml(value: Any) -> str:
    """A value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + "}"
    return (
        str(msgspec.json.encode(value).decode()) if not isinstance(value, list) else f"[{', '.join(map(toml, value))}]"
    )


@settings(max_examples=300)
@given(st.dictionaries(NAMES, VALUES, max_size=3), st.sampled_from(["", "8001"]))
def test_whatever_the_file_says_it_is_settings_or_one_line(tmp_path: Path, content: dict[str, Any], port: str) -> None:
    """No file that TOML accepts may end in anything but settings or a message of ours."""
    text = "".join(f"{key} = {toml(value)}\n" for key, value in content.items())
    tomllib.loads(text)  # what is made here is TOML
    try:
        assert isinstance(read(tmp_path, text, SLIPWAY_PORT=port), Settings)
    except UsageError as error:
        assert str(error).startswith("slipway.toml:")
        assert "\n" not in str(error)


def test_every_key_is_described() -> None:
    """The reference page is made of these descriptions."""
    fields = [*(key for _, key in tables()), *msgspec.structs.fields(DeployTable)]
    silent = []
    for key in fields:
        kind, notes = key.type, []
        while get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            notes += more
        silent += [] if any(n.description for n in notes) else [key.name]
    assert silent == []
    assert config.FILE == "slipway.toml"
