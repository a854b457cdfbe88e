"""Our own contracts, and what the fakes say under them, against what the platforms publish, where that is at hand."""

import asyncio
import json
from typing import Any

import jsonschema
import pytest
from fake_railway import SCHEMA
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, build_schema, parse, validate
from platforms import CONTRACT, NEW, OLD, Place, fits, hold, preview, serving
from support import REPOSITORY

from slipway.deploy import railway_queries
from slipway.deploy.fakes.server import Reply, Request

SPECS = REPOSITORY.parent / "shared" / "specs"
published = pytest.mark.skipif(not SPECS.is_dir(), reason="the platforms' published contracts are not at hand")
QUERIES = {name: text for name, text in vars(railway_queries).items() if name.isupper()}


@pytest.mark.parametrize("name", QUERIES)
def test_what_is_asked_of_railway_is_in_our_contract(name: str) -> None:
    assert validate(SCHEMA, parse(QUERIES[name])) == []


@published
@pytest.mark.parametrize("name", QUERIES)
def test_what_is_asked_of_railway_is_in_its_schema(name: str) -> None:
    schema = build_schema((SPECS / "railway" / "schema.graphql").read_text(), assume_valid=True)
    assert validate(schema, parse(QUERIES[name])) == []


@published
def test_our_contract_of_railway_is_part_of_its_schema() -> None:
    schema = build_schema((SPECS / "railway" / "schema.graphql").read_text(), assume_valid=True)
    compared = 0
    for name, own in SCHEMA.type_map.items():
        theirs: Any = schema.type_map.get(name)
        if name.startswith("__"):
            continue
        assert theirs is not None, name
        if isinstance(own, GraphQLEnumType):
            assert own.values.keys() == theirs.values.keys(), name
        if isinstance(own, GraphQLObjectType | GraphQLInputObjectType):
            for field, kind in own.fields.items():
                assert str(kind.type) == str(theirs.fields[field].type), f"{name}.{field}"
                compared += 1
            for field, kind in own.fields.items() if isinstance(own, GraphQLObjectType) else ():
                given, wanted = kind.args, theirs.fields[field].args
                assert {n: str(a.type) for n, a in given.items()}.items() <= {
                    n: str(a.type) for n, a in wanted.items()
                }.items()
                assert not [n for n, a in wanted.items() if str(a.type).endswith("!") and n not in given]
    assert compared > 40


def openapi() -> dict[str, Any]:
    """Render's description; what the recorded answers contradict is fixed here."""
    text = (SPECS / "render" / "render-deploy-subset.openapi.json").read_text()
    found: dict[str, Any] = json.loads(text.replace('"oneOf"', '"anyOf"'))
    deploy = found["components"]["schemas"]["deploy"]["properties"]
    deploy["commit"]["type"] = ["object", "null"]
    deploy["finishedAt"]["type"] = ["string", "null"]
    return found


def exchanged(found: dict[str, Any], request: Request, reply: Reply) -> None:
    """One exchange against Render's own description. Raises AssertionError or ValidationError."""
    path = request.path.removeprefix("/v1")
    templates = [t for t in found["paths"] if fits(t, path)]
    entry = found["paths"][min(templates, key=lambda t: t.count("{"))][request.method.lower()]
    known = {p["name"] for p in map(lambda p: _resolved(found, p), entry.get("parameters", [])) if p["in"] == "query"}
    assert set(request.query) <= known, (request.line, set(request.query) - known)
    if request.body is not None:
        schema = _resolved(found, entry["requestBody"])["content"]["application/json"]["schema"]
        jsonschema.validate(request.body, {**schema, "components": found["components"]})
    answer = _resolved(found, entry["responses"][str(reply.status)])
    if reply.body is not None:
        schema = answer["content"]["application/json"]["schema"]
        jsonschema.validate(reply.body, {**schema, "components": found["components"]})


def _resolved(found: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    while reference := entry.get("$ref"):
        entry = found
        for part in reference.removeprefix("#/").split("/"):
            entry = entry[part]
    return entry


@published
@pytest.mark.parametrize("kind", ["render"])
@pytest.mark.parametrize("end", ["live", "rolled-back", "kept-old", "queued", "pull", "migration", "stuck"])
def test_every_exchange_with_render_is_as_render_describes_it(place: Place, end: str) -> None:
    place.fake.queued = end == "queued"
    place.options = {"pre_deploy": "flask db upgrade"} if end == "migration" else {}
    place.apps.exits = 3 if end == "migration" else 0
    place.platform.stuck = "starting" if end == "stuck" else ""
    if end in ("rolled-back", "kept-old"):
        place.apps.apps[NEW] = serving("another", 200 if end == "rolled-back" else 500)
    if end == "pull":
        place.apps.gone.add(NEW)
    place.roll(target=place.client(deadline=0.5))
    found = openapi()
    assert len(place.seen) > 5
    for request, reply in place.seen:
        assert reply
        exchanged(found, request, reply)


@published
@pytest.mark.parametrize("kind", ["render"])
def test_every_exchange_about_a_preview_is_as_render_describes_it(place: Place) -> None:
    place.roll(target=preview(place))
    place.roll(OLD, target=preview(place, OLD))
    asyncio.run(preview(place).remove())
    seen = [(request, reply) for request, reply in place.seen if request.method != "DELETE"]  # in no part at hand
    assert len(place.seen) > len(seen) > 10 and "POST /v1/services" in {r.line.rpartition("/srv-")[0] for r, _ in seen}
    for request, reply in seen:
        assert reply
        exchanged(openapi(), request, reply)


@published
def test_our_contract_of_render_agrees_with_recorded_answers() -> None:
    held = 0
    for one in json.loads((SPECS / "render" / "observed-exchanges.json").read_text()):
        line = f"{one['method']} {one['path']}"
        if line not in ("GET /services/{serviceId}", "POST /services/{serviceId}/deploys"):
            continue
        body = one["responseBody"] or None
        request = Request(one["method"], f"/v1{one['path']}", {}, {}, json.loads(one["requestBody"] or "null"))
        hold(CONTRACT, request, Reply(one["status"], body))
        held += 1
    assert held > 10


def test_a_request_outside_the_contract_is_found(place: Place) -> None:
    """The negative case of all the above."""
    if place.kind == "railway":
        assert validate(SCHEMA, parse('mutation { deploymentRollback(id: "x") { id } }'))
        return
    with pytest.raises(AssertionError, match="in no contract"):
        hold(CONTRACT, Request("PUT", "/v1/services/srv-1", {}, {}, None), None)
    with pytest.raises(jsonschema.ValidationError):
        hold(CONTRACT, Request("POST", "/v1/services/srv-1/deploys", {}, {}, {"image": "x"}), None)
    with pytest.raises(AssertionError, match="has no body"):
        hold(CONTRACT, Request("POST", "/v1/services/srv-1/deploys", {}, {}, {}), Reply(202, {"id": "dep-1"}))


@pytest.mark.parametrize("kind", ["render"])
def test_a_queued_deploy_is_found(place: Place) -> None:
    place.fake.queued = True
    assert place.roll().result.word == "live"
    assert place.sent == [NEW]


@pytest.mark.parametrize("kind", ["railway"])
@pytest.mark.parametrize("quirk", ["starts at update", "true", "account"])
def test_railways_oddities(place: Place, quirk: str) -> None:
    place.fake.starts_at_update = quirk == "starts at update"
    place.fake.answers = "true" if quirk == "true" else "id"
    place.fake.account = quirk == "account"
    account = {"account": True, "environment": "env-1"} if quirk == "account" else {}
    assert place.roll(target=place.client(**account)).result.word == "live"
    assert place.sent == [NEW]
    assert asyncio.run(place.client(**account).current()) == NEW
