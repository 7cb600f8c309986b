"""The account map against real Kafka and PostgreSQL: names, batches, the watch stream, the audit trail."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from uuid import NAMESPACE_DNS, uuid5

import asyncpg
import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from isthmus.accounts.v1.accounts_pb2 import (
    SIDE_SOURCE,
    SIDE_TARGET,
    Account,
    Identity,
    Pair,
    ResolveBatchRequest,
    SetActiveSideRequest,
    WatchRequest,
)
from isthmus.accounts.v1.accounts_pb2_grpc import AccountMapServiceStub
from isthmus.events.v1.directory_pb2 import PairObserved
from isthmus_accounts import AccountMap, AccountMapUnavailable, AmbiguousIdentity, UnknownIdentity
from isthmus_cli.certificates import issue, tls_settings
from isthmus_cli.runner.ports import free_ports
from isthmus_events import ensure_topics, read_all, send
from isthmus_events.topics import ACCOUNT_PAIRS, DIRECTORY_PAIRS
from isthmus_service import Security

from tests.conftest import Broker
from tests.processes import Process

BIN = Path(sys.executable).parent


def pair(name: str, **changes: object) -> Pair:
    def account(side: int, forest: str) -> Account:
        return Account(
            side=side,  # type: ignore[arg-type]
            object_guid=uuid5(NAMESPACE_DNS, f"{forest}/{name}").bytes_le,
            object_sid=f"S-1-5-21-{forest}-{name}",
            distinguished_name=f"CN={name},DC={forest}",
            primary_smtp_address=f"{name}@x.test",
            smtp_addresses=[f"{name}@x.test", f"{name}@{forest}.redirect.test"],
            legacy_exchange_dn=f"/o={forest}/cn={name}",
            x500_addresses=[f"/o=Old/cn={name}"],
            user_principal_name=f"{name}@{forest}.test",
            sam_account_name=name,
        )

    source, target = account(SIDE_SOURCE, "alpha"), account(SIDE_TARGET, "beta")
    made = Pair(id=uuid5(NAMESPACE_DNS, name).bytes, kind=1, source=source, target=target, collection="all")  # type: ignore[arg-type]
    for field, value in changes.items():
        setattr(made, field, value)
    return made


@dataclass
class Running:
    """The account map as a process."""

    kafka: str
    database_url: str
    address: str
    process: Process
    security: Security
    """Of a client."""

    async def observe(self, *pairs: Pair) -> None:
        await asyncio.gather(
            *(send(self.kafka, "test", DIRECTORY_PAIRS, each.id, PairObserved(pair=each)) for each in pairs)
        )


async def until(accounts: AccountMap, name: str) -> Pair:
    """The pair with this address, once it is known."""
    for _ in range(1200):
        try:
            return await accounts.resolve(Identity(smtp_address=f"{name}@x.test"))
        except UnknownIdentity:
            await asyncio.sleep(0.05)
    raise AssertionError(f"{name} never came")


@pytest.fixture
def accountmap(broker: Broker, database_url: str, start: Callable[..., Process], tmp_path: Path) -> Iterator[Running]:
    [port] = free_ports(1)
    environment = {
        "ISTHMUS_KAFKA": broker.bootstrap,
        "ISTHMUS_DATABASE_URL": database_url,
        "ISTHMUS_GRPC_PORT": str(port),
        "ISTHMUS_HTTP_PORT": "0",
        **tls_settings(issue(tmp_path / "authority", tmp_path / "accountmap", ["accountmap"], ["127.0.0.1"])),
    }
    client = issue(tmp_path / "authority", tmp_path / "client", ["client"], [])
    asyncio.run(ensure_topics(broker.bootstrap))
    process = start("accountmap", str(BIN / "isthmus-accountmap"), **environment)
    yield Running(broker.bootstrap, database_url, f"127.0.0.1:{port}", process, client)
    print(process.tail(40))


async def test_certificates_of_another_authority_are_taken_up(accountmap: Running, tmp_path: Path) -> None:
    async with AccountMap(accountmap.address, security=accountmap.security, deadline=60) as accounts:
        await accounts.filled()
        for name in ("accountmap", "client"):
            made = issue(tmp_path / "another authority", tmp_path / name, [name], ["127.0.0.1"])
        assert accountmap.security.ca and made.ca
        shutil.copyfile(made.ca, accountmap.security.ca)
        accountmap.process.kill()
        await accountmap.observe(pair("anna"))
        accountmap.process.start()
        await until(accounts, "anna")


async def test_everybody_is_found_by_every_name_and_ambiguity_is_said(accountmap: Running) -> None:
    anna, bert = pair("anna"), pair("bert")
    bert.target.sam_account_name = "anna"  # another anna: sAMAccountName is unique only within a forest
    await accountmap.observe(anna, bert)
    async with AccountMap(accountmap.address, security=accountmap.security, deadline=60) as accounts:
        assert (await until(accounts, "bert")).id == bert.id
        found = await until(accounts, "anna")
        assert (found.active_side, found.collection) == (SIDE_SOURCE, "all")
        identities = [
            Identity(pair_id=anna.id),
            Identity(object_guid=anna.target.object_guid),
            Identity(object_sid="s-1-5-21-ALPHA-anna"),
            Identity(smtp_address="Anna@beta.redirect.TEST"),
            Identity(legacy_exchange_dn="/O=Old/cn=ANNA"),
            Identity(legacy_exchange_dn="/o=beta/cn=anna"),
            Identity(user_principal_name="anna@alpha.test"),
            Identity(distinguished_name="cn=anna,dc=beta"),
            Identity(sam_account_name="anna", side=SIDE_SOURCE),
        ]
        nobody, twice = Identity(smtp_address="nobody@x.test"), Identity(sam_account_name="anna", side=SIDE_TARGET)
        channel = accountmap.security.channel(accountmap.address)
        stub = AccountMapServiceStub(channel)
        answer = await stub.ResolveBatch(ResolveBatchRequest(identities=[*identities, nobody, twice]))
        assert [each.id for each in answer.pairs] == [anna.id] * len(identities) + [b"", b""]
        assert (list(answer.unknown), list(answer.ambiguous)) == ([9], [10])
        # From the cache the answers are the same.
        await accounts.filled()
        batch = await accounts.resolve_batch([*identities, nobody, twice])
        assert [each.id if each else b"" for each in batch.pairs] == [each.id for each in answer.pairs]
        assert (batch.unknown, batch.ambiguous) == ([9], [10])
        with pytest.raises(AmbiguousIdentity, match="more than one pair has the sam account name anna"):
            await accounts.resolve(twice)
        health_stub: Any = health_pb2_grpc.HealthStub(channel)  # the stubs of grpcio know no asyncio
        health = await health_stub.Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        await channel.close()


async def test_a_stranger_to_the_proto_files_learns_all_of_the_service(accountmap: Running) -> None:
    name = "isthmus.accounts.v1.AccountMapService"
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=name),
    ]
    async with accountmap.security.channel(accountmap.address) as channel:
        reflection_stub: Any = cast("Any", reflection_pb2_grpc.ServerReflectionStub)(channel)
        reflected = reflection_stub.ServerReflectionInfo(iter(asked), wait_for_ready=True)
        services = [service.name for service in (await reflected.read()).list_services_response.service]
        assert name in services
        files = (await reflected.read()).file_descriptor_response.file_descriptor_proto
    # With nothing but what it told, a question can be put and its answer read.
    pool = DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file)
    methods = {method.name: method for method in pool.FindServiceByName(name).methods}
    assert set(methods) == {"Resolve", "ResolveBatch", "Watch", "Revision", "SetActiveSide"}
    question: Any = GetMessageClass(methods["ResolveBatch"].input_type)()
    question.identities.add(smtp_address="nobody@x.test")
    async with accountmap.security.channel(accountmap.address) as channel:
        call: Any = channel.unary_unary(
            f"/{name}/ResolveBatch",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(methods["ResolveBatch"].output_type).FromString,
        )
        assert list((await call(question)).unknown) == [0]


async def test_who_has_no_certificate_of_the_authority_hears_nothing(accountmap: Running, tmp_path: Path) -> None:
    stranger = issue(tmp_path / "another authority", tmp_path / "stranger", ["client"], [])
    not_known = replace(stranger, ca=accountmap.security.ca)  # it trusts the server, and the server knows it not
    trusting_others = replace(accountmap.security, ca=stranger.ca)
    for security in (Security(), not_known, trusting_others):
        async with AccountMap(accountmap.address, security=security, deadline=3) as accounts:
            with pytest.raises(AccountMapUnavailable):
                await accounts.resolve(Identity(smtp_address="anna@x.test"))
            assert not accounts.in_touch
            assert accounts.problem()
    async with AccountMap(accountmap.address, security=accountmap.security, deadline=60) as accounts:
        with pytest.raises(UnknownIdentity):
            await accounts.resolve(Identity(smtp_address="anna@x.test"))


async def test_the_active_side_is_the_account_maps_own_and_audited(accountmap: Running) -> None:
    anna = pair("anna")
    await accountmap.observe(anna)
    async with AccountMap(accountmap.address, security=accountmap.security, deadline=60) as accounts:
        first = await until(accounts, "anna")
        switched = await accounts.set_active_side(anna.id, SIDE_TARGET, "switch 3f1c")
        assert switched.active_side == SIDE_TARGET
        assert switched.revision > first.revision
        assert (await accounts.set_active_side(anna.id, SIDE_TARGET, "twice")).revision == switched.revision
        # What dirsync observes afterwards changes everything but that.
        anna.source.display_name = "Anna Berg"
        await accountmap.observe(anna, anna)
        for _ in range(1200):
            now = await accounts.resolve(Identity(pair_id=anna.id))
            if now.source.display_name:
                break
            await asyncio.sleep(0.05)
        assert (now.source.display_name, now.active_side) == ("Anna Berg", SIDE_TARGET)
        assert now.revision == switched.revision + 1
        with pytest.raises(UnknownIdentity):
            await accounts.set_active_side(b"?" * 16, SIDE_TARGET, "nobody")
        with pytest.raises(grpc.aio.AioRpcError, match="say in 'reason'"):
            async with accountmap.security.channel(accountmap.address) as channel:
                request = SetActiveSideRequest(pair_id=anna.id, side=SIDE_SOURCE)
                await AccountMapServiceStub(channel).SetActiveSide(request)
    connection = await asyncpg.connect(accountmap.database_url)
    rows = await connection.fetch("SELECT before, after, reason FROM accountmap.active_side_change")
    await connection.close()
    assert [tuple(row) for row in rows] == [(SIDE_SOURCE, SIDE_TARGET, "switch 3f1c")]
    for _ in range(600):
        event = (await read_all(accountmap.kafka, ACCOUNT_PAIRS)).get(anna.id)
        if event is not None and event.data.revision == now.revision:
            break
        await asyncio.sleep(0.1)
    assert event is not None
    assert event.data == now


async def test_a_watcher_hears_everything_in_order_and_survives_a_restart(accountmap: Running) -> None:
    await accountmap.observe(*(pair(f"p{number}") for number in range(20)))
    async with AccountMap(accountmap.address, security=accountmap.security, deadline=60) as accounts:
        for number in range(20):
            await until(accounts, f"p{number}")
        await accounts.filled()
        assert accounts.in_touch
        async with accountmap.security.channel(accountmap.address) as channel:
            stream: Any = AccountMapServiceStub(channel).Watch(WatchRequest(after_revision=15))
            beginning = (await stream.read()).beginning
            assert beginning.history
            assert not beginning.starts_anew
            revisions = [(await stream.read()).pair.revision for _ in range(5)]
            assert revisions == [16, 17, 18, 19, 20]
            assert (await stream.read()).complete_revision == 20
            await accountmap.observe(pair("p3", removed=True))
            while not (heard := await stream.read()).HasField("pair"):
                assert heard.complete_revision == 20
            assert (heard.pair.revision, heard.pair.removed) == (21, True)
            stream.cancel()
        accountmap.process.kill()
        for _ in range(1200):
            if not accounts.in_touch:
                break
            await asyncio.sleep(0.05)
        assert not accounts.in_touch
        accountmap.process.start()
        assert (await accounts.resolve(Identity(smtp_address="p4@x.test"))).id == pair("p4").id
        with pytest.raises(UnknownIdentity):
            await accounts.resolve(Identity(smtp_address="p3@x.test"))
        for _ in range(1200):
            if accounts.in_touch:
                break
            await asyncio.sleep(0.05)
        assert accounts.in_touch
        with pytest.raises(UnknownIdentity):
            await accounts.resolve(Identity(smtp_address="p3@x.test"))
