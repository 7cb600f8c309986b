"""Why Kafka does not let a member into its group, and what somebody can do about it."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    InvalidSessionTimeoutError,
    KafkaError,
)


class Refused(Exception):  # noqa: N818 - it lasts until somebody does what the text says
    """Kafka does not let us into the group; the text says why, and the remedy."""


async def explained(error: KafkaError, kafka: str, group: str) -> Refused | None:
    """What a refusal means; None for any other error. Asks the broker `kafka` who is in the group."""
    if isinstance(error, InconsistentGroupProtocolError):
        return Refused(
            f"its members share its partitions in another way than this worker ({error.message}): "
            f"{await _members(kafka, group)}. Stop them: they are of an older version of Isthmus, or other programs "
            f"that use the name of the group; this worker is let in when the last of them has left"
        )
    if isinstance(error, GroupAuthorizationFailedError):
        return Refused(f"the broker does not allow it ({error.message}): allow this service to read in that group")
    if isinstance(error, InvalidSessionTimeoutError):
        return Refused(
            f"the broker does not take the session timeout ({error.message}): "
            f"set its group.min.session.timeout.ms to 6000 or less"
        )
    return None


async def _members(kafka: str, group: str) -> str:
    """Who is in the group, as the broker knows them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    try:
        await admin.start()
        answers = await admin.describe_consumer_groups([group])
        found = [
            f"{client} at {host.removeprefix('/')}"
            for answer in answers
            for described in answer.groups
            for _, client, host, *_ in described[5]
        ]
    except KafkaError as failure:
        return f"who they are the broker does not say ({failure})"
    finally:
        await admin.close()
    return ", ".join(sorted(found)) or "they are just leaving"
