"""Whether an image may be deployed: by what is attested of it, or because it was handed over and nobody minds."""

from collections.abc import Mapping

from slipway import github
from slipway.errors import SlipwayError
from slipway.policy.provenance import PROVENANCE, Expected, NotAttested
from slipway.stages.base import Context
from slipway.tools import attestations, signer

NOT_ATTESTED = "NOT ATTESTED"


async def proof(context: Context, token: Mapping[str, str]) -> str:
    """What is proven about the image, in a few words; empty where nobody asked.

    `always` demands an attestation; `auto` looks for one on a runner, and says so where there is none; `never` does
    not look. An attestation that proves something else is refused whatever was asked for but `never`.

    Args:
        token: the job's, for `gh` alone.

    Raises:
        SlipwayError: the image is not to be deployed, or whether it is could not be found out.
    """
    if context.delivery.provenance == "auto" and not github.on_runner():
        return ""
    local = context.repository.loopback
    if local and context.delivery.provenance == "always":
        raise SlipwayError(
            f"{context.reference} is on this machine's registry, of which nothing is attested. Deploy what publish.yml "
            "published, or set provenance to auto."
        )
    if local or context.delivery.provenance == "never":
        return NOT_ATTESTED
    # Not what the image's name says: somebody else's image is signed as well.
    source = github.event().repository or attestations.source(context.repository)
    expected = Expected(context.digest, source, signer.expected(context.root, source, context.settings.publish.signer))
    try:
        found = await attestations.verify(context.repository, PROVENANCE, expected, token)
    except NotAttested as error:
        if context.delivery.provenance == "always":
            raise SlipwayError(f"{NOT_ATTESTED}: {error}") from error
        return NOT_ATTESTED
    if found.ref.startswith("refs/pull/") and not context.delivery.preview:
        raise SlipwayError(
            f"{context.reference} was built for a pull request ({found.ref}): nobody has merged it. Only a preview may "
            "run it; deploy what was published for the main branch."
        )
    return f"signed by {found.signer.partition('@')[0]} for {found.repository}@{found.ref.removeprefix('refs/heads/')}"
