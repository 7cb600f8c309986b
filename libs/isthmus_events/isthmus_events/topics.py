"""Every topic of Isthmus: its name, what is said on it, and who says it to whom."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code
from google.protobuf.message import Message
from isthmus.accounts.v1.accounts_pb2 import Pair
from isthmus.events.v1.directory_pb2 import DirectoryChanged, DirectoryStatus, PairObserved, RedirectionSet
from isthmus.events.v1.mailbox_pb2 import (
    AddressSeen,
    CertificateIssued,
    ItemSetAside,
    KeptAside,
    MailboxOrdered,
    MailboxProgress,
    NotBrought,
    PassCompleted,
    WorkerPressure,
)
from isthmus.events.v1.project_pb2 import ProjectApplied
from isthmus.events.v1.switch_pb2 import SwitchProgress, SwitchRequested
from isthmus_service import ConfigurationError

M = TypeVar("M", bound=Message)

_KEPT_MS = 7 * 24 * 3600 * 1000


@dataclass(frozen=True)
class Topic(Generic[M]):
    """A Kafka topic and the one message type on it.

    `compacted`: the newest message of a key says all; older ones may vanish. Otherwise messages are kept for 7 days.
    `partitions`: topics that are owned together have the same number, so that a key is in the same partition of each.
    `key`: what a message's key is, in words. `about`: who says it, to whom, and when.
    """

    name: str
    message: type[M]
    compacted: bool
    about: str
    key: str = "pair id"
    partitions: int = 12


PROJECTS: Final = Topic(
    "isthmus.project.definition.v1",
    ProjectApplied,
    compacted=True,
    key="project name",
    about="The project file as an operator applied it, from the command line to every service.",
)
DIRECTORY_PAIRS: Final = Topic(
    "isthmus.directory.pairs.v1",
    PairObserved,
    compacted=True,
    about="Two directory objects that belong together, as dirsync sees them, to accountmap.",
)
DIRECTORY_CHANGES: Final = Topic(
    "isthmus.directory.changes.v1",
    DirectoryChanged,
    compacted=False,
    about="dirsync wrote to a directory object.",
)
REDIRECTIONS: Final = Topic(
    "isthmus.directory.redirections.v1",
    RedirectionSet,
    compacted=True,
    about="Both forests now redirect a person's mail to this side, from dirsync to switch.",
)
DIRECTORY_STATUS: Final = Topic(
    "isthmus.directory.status.v1",
    DirectoryStatus,
    compacted=True,
    key="project name",
    about="How directory synchronisation stands, from dirsync.",
)
ACCOUNT_PAIRS: Final = Topic(
    "isthmus.accounts.pairs.v1",
    Pair,
    compacted=True,
    about="Every pair with its active side, from accountmap to everybody.",
)
MAILBOX_ORDERS: Final = Topic(
    "isthmus.mailbox.orders.v1",
    MailboxOrdered,
    compacted=False,
    about="What somebody wants of a mailbox, from switch and the command line to mailbox.",
)
MAILBOX_PROGRESS: Final = Topic(
    "isthmus.mailbox.progress.v1",
    MailboxProgress,
    compacted=True,
    about="How a mailbox stands, from mailbox.",
)
MAILBOX_PASSES: Final = Topic(
    "isthmus.mailbox.passes.v1",
    PassCompleted,
    compacted=False,
    about="What a pass over a mailbox did and what it proved, from mailbox to switch and stats.",
)
MAILBOX_SET_ASIDE: Final = Topic(
    "isthmus.mailbox.setaside.v1",
    ItemSetAside,
    compacted=False,
    about="An item that could not be copied, from mailbox.",
)
MAILBOX_KEPT_ASIDE: Final = Topic(
    "isthmus.mailbox.keptaside.v1",
    KeptAside,
    compacted=False,
    about="A right, a rule or a setting that could not be brought over, or could be now, from mailbox.",
)
MAILBOX_CERTIFICATES: Final = Topic(
    "isthmus.mailbox.certificates.v1",
    CertificateIssued,
    compacted=True,
    about="What the last comparison of both sides of a mailbox found, signed, from mailbox to operators and auditors.",
)
MAILBOX_NOT_BROUGHT: Final = Topic(
    "isthmus.mailbox.notbrought.v1",
    NotBrought,
    compacted=True,
    about="What a switch of a mailbox would not bring along, from mailbox to whoever decides about the switch.",
)
MAILBOX_PRESSURE: Final = Topic(
    "isthmus.mailbox.pressure.v1",
    WorkerPressure,
    compacted=True,
    key="instance of a worker",
    about="What holds a mailbox worker up now, from mailbox.",
)
MAILBOX_ADDRESSES: Final = Topic(
    "isthmus.mailbox.addresses.v1",
    AddressSeen,
    compacted=True,
    key="project, type and address",
    about="An address that stands in migrated items, from mailbox to dirsync, which sees that mail to it arrives.",
)
SWITCH_REQUESTS: Final = Topic(
    "isthmus.switch.requests.v1",
    SwitchRequested,
    compacted=False,
    about="Somebody wants a person switched or switched back, from the command line to switch.",
)
SWITCH_PROGRESS: Final = Topic(
    "isthmus.switch.progress.v1",
    SwitchProgress,
    compacted=True,
    about="How the switch of a person stands, from switch.",
)

ALL_TOPICS: Final[tuple[Topic[Any], ...]] = (
    PROJECTS,
    DIRECTORY_PAIRS,
    DIRECTORY_CHANGES,
    REDIRECTIONS,
    DIRECTORY_STATUS,
    ACCOUNT_PAIRS,
    MAILBOX_ORDERS,
    MAILBOX_PROGRESS,
    MAILBOX_PASSES,
    MAILBOX_SET_ASIDE,
    MAILBOX_KEPT_ASIDE,
    MAILBOX_CERTIFICATES,
    MAILBOX_NOT_BROUGHT,
    MAILBOX_PRESSURE,
    MAILBOX_ADDRESSES,
    SWITCH_REQUESTS,
    SWITCH_PROGRESS,
)


async def ensure_topics(bootstrap: str, topics: Iterable[Topic[Any]] = ALL_TOPICS) -> None:
    """Create the topics that are missing, and return when the broker serves all of them.

    Raises aiokafka.errors.KafkaError when no broker answers; `Service.wait_for` waits for one. ConfigurationError: a
    topic exists with another number of partitions.
    """
    wanted = {topic.name: topic for topic in topics}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        missing = [wanted[name] for name in wanted.keys() - set(await admin.list_topics())]
        if missing:
            brokers = len((await admin.describe_cluster())["brokers"])
            await _create(admin, missing, min(3, brokers))
        while await _unready(admin, wanted):  # noqa: ASYNC110 - the broker sends no word when it is
            await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, topics: list[Topic[Any]], replicas: int) -> None:
    new = [
        NewTopic(
            topic.name,
            topic.partitions,
            replicas,
            topic_configs={"cleanup.policy": "compact"} if topic.compacted else {"retention.ms": str(_KEPT_MS)},
        )
        for topic in topics
    ]
    answer = await admin.create_topics(new)
    for name, code, *details in answer.topic_errors:
        error = for_code(code)
        # Services start together and do this at the same time.
        if error not in (NoError, TopicAlreadyExistsError):
            raise error(f"topic {name} could not be created: {details[0] if details else error.__name__}")


async def _unready(admin: AIOKafkaAdminClient, wanted: dict[str, Topic[Any]]) -> list[str]:
    """The topics of which a partition has no leader yet."""
    unready = []
    for found in await admin.describe_topics(list(wanted)):
        name, partitions = found["topic"], found["partitions"]
        if found["error_code"] or any(partition["error_code"] or partition["leader"] < 0 for partition in partitions):
            unready.append(name)
        elif len(partitions) != wanted[name].partitions:
            raise ConfigurationError(
                f"the topic {name} has {len(partitions)} partitions and needs {wanted[name].partitions}: another "
                f"number sends keys to other workers. Delete the topic if nothing is on it, or use another cluster."
            )
    return unready
