"""Pushes that fail: what a registry refuses is told from what may be tried again, in the words of each engine."""

import pytest

from slipway.image.reference import Repository
from slipway.tools.process import Finished
from slipway.tools.remote import push_failed

SHOP = Repository("ghcr.io", "acme/shop")
BLOB = "http://ghcr.io/v2/acme/shop/blobs/uploads/"
REFUSALS = [
    f"failed to authorize: failed to fetch oauth token: unexpected status from POST request to {BLOB}: 403 Forbidden",
    f"error from registry: unexpected status from POST request to {BLOB}: 403 Forbidden",
    "denied: permission_denied: write_package",
    "error from registry: permission_denied: write_package: the job's token has packages: read",
    "unauthorized: authentication required",
    "server message: insufficient_scope: authorization failed",
    "denied: requested access to the resource is denied",
]
OTHERS = [
    'failed to do request: Head "http://ghcr.io/v2/": dial tcp 127.0.0.1:9: connect: connection refused',
    f"unexpected status from POST request to {BLOB}: 500 Internal Server Error",
    "An image does not exist locally with the tag: ghcr.io/acme/shop",
    "failed commit on ref sha256:403beef: unexpected EOF",
]


@pytest.mark.parametrize("err", REFUSALS)
def test_a_refusal(err: str) -> None:
    said = str(push_failed(SHOP, Finished(("docker",), 1, "", err)))
    assert said.startswith(f"ghcr.io refuses the push to acme/shop: {err}. No tag was moved.\n")
    assert "`permissions: packages: write`" in said and "run again" not in said
    assert len(said.splitlines()) <= 3


@pytest.mark.parametrize("err", OTHERS)
def test_what_may_be_tried_again(err: str) -> None:
    said = str(push_failed(SHOP, Finished(("docker",), 1, "", err)))
    assert said == f"the push to ghcr.io failed: {err}. No tag was moved; run again."
