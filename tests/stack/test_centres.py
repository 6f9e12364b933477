"""The real broker and the centres: each writes its own raw topic under its own name, nothing else gets through."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.conn import create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    for_code,
)
from msgspec import structs

from ioc.adapters import clock
from ioc.adapters.kafka import ensure_topics, log_ranges, new_producer, new_reader, read_to_end
from ioc.adapters.kafka_centres import Changes, ensure_rights, sign_in
from ioc.adapters.profiles import load_profile
from ioc.cli import main
from ioc.errors import BadSettings, Unavailable
from ioc.settings import Settings
from ioc.stack.kafka import Kafka
from ioc.stack.state import centre_passwords
from ioc.stack.testing import LocalStack
from ioc.wire.topics import Topics
from simulators import inject, load_bench
from simulators.courier import Courier, Message
from simulators.link import KafkaBulkLink, KafkaLink
from simulators.live import Ways, run_live
from simulators.runs import Outcome, Wish, plan_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]
CENTRES = tuple(load_profile(Settings().profile).centre_ids)
OWN, OTHER = CENTRES[:2]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A broker of this module's own, because it is configured anew."""
    with LocalStack(tmp_path_factory.mktemp("broker"), postgres=False, centres=CENTRES) as own:
        yield own


@pytest.fixture
def settings(broker: LocalStack, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return Settings(
        kafka=broker.kafka,
        kafka_centres=broker.kafka_centres,
        centres_secrets=broker.paths.centre_passwords,
        topic_prefix=f"c{abs(hash(request.node.name)):x}.",
        data_dir=tmp_path / "data",
    )


def topics_of(settings: Settings) -> Topics:
    return Topics(settings.topic_prefix, CENTRES)


async def made(settings: Settings, *, rights: bool = True) -> Topics:
    """The topics of a test; the rights of centres too, unless a test plants that they were forgotten."""
    topics = topics_of(settings)
    await ensure_topics(settings.kafka, topics.specs.values(), settings.topic_prefix)
    if rights:
        await ensure_rights(settings.kafka, topics)
    return topics


async def stored(settings: Settings, logical: str) -> int:
    """Records of a topic, as the product's own processes see them."""
    topics = topics_of(settings)
    places = [TopicPartition(topics.name(logical), p) for p in range(topics.partitions(logical))]
    reader = new_reader(settings.kafka)
    await reader.start()
    try:
        return len([record async for record in read_to_end(reader, places)])
    finally:
        await reader.stop()


async def write(settings: Settings, centre: str, topic: str) -> None:
    """Write one record to a topic, signed in as a centre."""
    async with new_producer(settings, centre=centre) as producer:
        await producer.send_and_wait(topic, b"value", b"key", partition=0)


@asynccontextmanager
async def consumer(settings: Settings, centre: str, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    """A reader that signed in as a centre."""
    reader = AIOKafkaConsumer(group_id=group, auto_offset_reset="earliest", **sign_in(settings, centre))
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


# -- the broker ----------------------------------------------------------------------------------------------------


async def test_a_centre_writes_its_own_topic_with_an_idempotent_producer(settings: Settings) -> None:
    topics = await made(settings)
    for centre in CENTRES:
        await write(settings, centre, topics.name(f"raw.{centre}"))
        assert await stored(settings, f"raw.{centre}") == 1


async def test_the_topic_of_another_centre_and_every_other_topic_is_denied(settings: Settings) -> None:
    topics = await made(settings)
    for logical in (f"raw.{OTHER}", "events", "dead", "alerts", "alert-inputs", "checkpoints.intake"):
        with pytest.raises(TopicAuthorizationFailedError):
            await write(settings, OWN, topics.name(logical))
        assert await stored(settings, logical) == 0


async def test_a_topic_whose_name_begins_with_that_of_a_centre_is_denied(settings: Settings) -> None:
    topics = await made(settings)
    longer = topics.name(f"raw.{OWN}") + "2"
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(longer, 1, 1)])
    finally:
        await admin.close()
    with pytest.raises(TopicAuthorizationFailedError):
        await write(settings, OWN, longer)


async def test_reading_is_denied_even_of_its_own_topic(settings: Settings) -> None:
    topics = await made(settings)
    name = topics.name(f"raw.{OWN}")
    await write(settings, OWN, name)
    async with consumer(settings, OWN) as reader:
        reader.assign([TopicPartition(name, 0)])
        with pytest.raises(TopicAuthorizationFailedError):
            await asyncio.wait_for(reader.getone(), 20)
    async with consumer(settings, OWN, f"{settings.topic_prefix}spy") as reader:
        reader.subscribe([name])
        with pytest.raises(GroupAuthorizationFailedError):
            await asyncio.wait_for(reader.getone(), 20)


async def test_a_centre_makes_no_topics_and_sees_only_its_own(settings: Settings) -> None:
    topics = await made(settings)
    admin = AIOKafkaAdminClient(**sign_in(settings, OWN))
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(settings.topic_prefix + "mine", 1, 1)])
        assert [for_code(row[1]) for row in answer.topic_errors] == [TopicAuthorizationFailedError]
        seen = {topic for topic in await admin.list_topics() if topic.startswith(settings.topic_prefix)}
        assert seen == {topics.name(f"raw.{OWN}")}
    finally:
        await admin.close()
    with pytest.raises(BadSettings, match="does not let us give rights"):
        await rights_as(settings, OWN)


async def rights_as(settings: Settings, centre: str) -> None:
    """A centre that tries to give rights itself."""
    from ioc.adapters import kafka_centres

    options = sign_in(settings, centre)

    with pytest.MonkeyPatch.context() as patch:
        real = kafka_centres.AIOKafkaClient
        patch.setattr(kafka_centres, "AIOKafkaClient", lambda **asked: real(**(asked | options)))
        await ensure_rights(settings.kafka, topics_of(settings))


@pytest.mark.parametrize(
    ("user", "word"), [(f"centre-{OWN}", "wrong"), ("centre-nobody", None), ("admin", None), ("ANONYMOUS", None)]
)
async def test_a_wrong_password_and_an_unknown_name_are_refused(
    settings: Settings, user: str, word: str | None
) -> None:
    options = sign_in(settings, OWN)
    host, _, port = str(options.pop("bootstrap_servers")).partition(":")
    (await create_conn(host, int(port), **options)).close()  # as it should be
    options |= {"sasl_plain_username": user, "sasl_plain_password": word or options["sasl_plain_password"]}
    with pytest.raises(SaslAuthenticationFailed):
        await create_conn(host, int(port), **options)


async def test_without_signing_in_the_listener_for_centres_takes_nothing(settings: Settings) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_centres, request_timeout_ms=2_000)
    try:
        with pytest.raises(Exception, match="Unable to bootstrap"):
            await producer.start()
    finally:
        await producer.stop()


async def test_rights_are_made_once_and_follow_the_profile(settings: Settings) -> None:
    topics = await made(settings)
    assert await ensure_rights(settings.kafka, topics) == Changes((), ())
    fewer = Topics(settings.topic_prefix, CENTRES[1:])
    changed = await ensure_rights(settings.kafka, fewer)
    assert changed is not None
    assert {right.principal for right in changed.removed} == {f"User:centre-{OWN}"}
    # Without any right left the broker may refuse the idempotent producer itself, before it comes to the topic.
    with pytest.raises((TopicAuthorizationFailedError, ClusterAuthorizationFailedError)):
        await write(settings, OWN, topics.name(f"raw.{OWN}"))
    await write(settings, OTHER, topics.name(f"raw.{OTHER}"))
    assert len((await ensure_rights(settings.kafka, topics) or Changes((), ())).made) == 2
    await write(settings, OWN, topics.name(f"raw.{OWN}"))


async def test_the_command_says_what_it_did(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in settings.to_environ().items():
        monkeypatch.setenv(name, value)
    assert await asyncio.to_thread(main, ["topics"]) == 0
    said = f"{len(CENTRES)} centres write their own raw topic only (rules: {{}} made, 0 removed)"
    assert said.format(2 * len(CENTRES)) in capsys.readouterr().out
    assert await asyncio.to_thread(main, ["topics"]) == 0
    assert said.format(0) in capsys.readouterr().out
    await write(settings, OWN, topics_of(settings).name(f"raw.{OWN}"))


def test_passwords_are_private_and_stay(broker: LocalStack) -> None:
    words = centre_passwords(broker.paths, CENTRES)
    assert json.loads(broker.paths.centre_passwords.read_text()) == words
    assert len(set(words.values())) == len(CENTRES)
    for path in (broker.paths.centre_passwords, broker.paths.kafka / "server.properties"):
        assert path.stat().st_mode & 0o777 == 0o600
    log = (broker.paths.logs / "kafka.log").read_text()
    assert not any(word in log for word in words.values())


def test_a_broker_without_an_authorizer_is_no_failure_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Kafka.server_properties

    def bare(self: Kafka) -> str:
        rules = ("authorizer.", "allow.everyone", "super.users")
        return "".join(line for line in whole(self).splitlines(True) if not line.startswith(rules))

    monkeypatch.setattr(Kafka, "server_properties", bare)
    with LocalStack(tmp_path / "state", postgres=False) as local:
        monkeypatch.setenv("IOC_KAFKA", local.kafka)
        monkeypatch.setenv("IOC_DATA_DIR", str(tmp_path / "data"))
        assert main(["topics"]) == 0
    assert "the broker has no authorizer: any sender may write" in capsys.readouterr().out


# -- the senders ---------------------------------------------------------------------------------------------------


def courier(settings: Settings) -> Courier:
    link = KafkaLink(settings, topics_of(settings))
    return Courier(link, clock=clock.now_ms, sleep=asyncio.sleep, stopping=asyncio.Event())


async def test_both_links_send_all_centres_under_their_names(settings: Settings) -> None:
    await made(settings)
    one = courier(settings)
    for n in range(300):
        assert await one.offer(Message(f"M{n}", CENTRES[n % len(CENTRES)], b"key", b"%d" % n))
    assert await one.drain() == 0
    await one.close()
    link = KafkaBulkLink(settings, topics_of(settings))
    await link.open()
    for centre in CENTRES:
        count, answer = await link.send(link.place_of(centre, b"key"), [Message("B", centre, b"key", b"v")] * 50)
        assert count == 50
        await answer
    await link.close()
    for centre in CENTRES:
        assert await stored(settings, f"raw.{centre}") == 300 // len(CENTRES) + 50


async def test_names_and_rules_outlive_the_broker(
    broker: LocalStack, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    topics = await made(settings)
    one = courier(settings)
    for n in range(100):
        assert await one.offer(Message(f"M{n}", OWN, b"key", b"%d" % n))
    await asyncio.to_thread(broker.kill_kafka)
    await asyncio.to_thread(broker.start_kafka)
    for n in range(100, 200):
        assert await one.offer(Message(f"M{n}", OWN, b"key", b"%d" % n))
    assert await one.drain(30) == 0
    await one.close()
    assert await stored(settings, f"raw.{OWN}") >= 200
    with pytest.raises(TopicAuthorizationFailedError):
        await write(settings, OWN, topics.name(f"raw.{OTHER}"))
    assert await ensure_rights(settings.kafka, topics) == Changes((), ())
    assert "in the clear" not in caplog.text, "nobody but this machine hears the password"


async def opened_and_sent(link: KafkaLink) -> None:
    """A denial comes at the one or at the other."""
    await link.open()
    await link.send(Message("M", OWN, b"key", b"value"))


async def test_planted_without_rules_both_links_are_denied(settings: Settings) -> None:
    """The simulated centres really use their names: with the rules forgotten nothing of theirs gets in.

    A name without any right, also on topics of other prefixes, is denied when its producer starts.
    """
    topics = await made(settings, rights=False)
    link = KafkaLink(settings, topics)
    with pytest.raises(Unavailable, match="AuthorizationFailedError"):
        await opened_and_sent(link)
    await link.close()
    bulk = KafkaBulkLink(settings, topics)
    with pytest.raises(Unavailable, match="AuthorizationFailedError"):
        await bulk.open()
    await bulk.close()
    with pytest.raises(Unavailable, match="AuthorizationFailedError"):
        await inject.send_raw(settings, OWN, b"key", b"value")
    assert sum([await stored(settings, logical) for logical in topics.raw.values()]) == 0
    plain = KafkaLink(structs.replace(settings, kafka_centres="", centres_secrets=None), topics)
    await plain.open()
    await (await plain.send(Message("M", OWN, b"key", b"value")))  # the product's own listener asks for no name
    await plain.close()


def live(settings: Settings) -> Outcome:
    """A short run of the demo's simulator; it owns its event loop."""
    profile = load_profile(settings.profile)
    plan = plan_of(Wish(name="live", rate=60, duration_s=2), profile, now_ms=clock.now_ms(), default_seed=1)
    return run_live(settings, plan, profile, Ways(handle_signals=False))


async def test_the_demos_simulator_signs_in_as_each_centre(
    broker: LocalStack, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    from ioc.adapters import kafka

    def noted(asked: Settings, centre: str) -> dict[str, object]:
        names.append(centre)
        return sign_in(asked, centre)

    monkeypatch.setattr(kafka, "sign_in", noted)
    topics = await made(settings)
    outcome = await asyncio.to_thread(live, settings)
    assert outcome.unacknowledged == 0
    assert sorted(names) == sorted(CENTRES)
    places = [TopicPartition(topics.name(logical), p) for logical in topics.raw.values() for p in range(4)]
    ranges = await log_ranges(settings.kafka, places)
    assert sum(found.end for found in ranges.values()) == outcome.acked > 60


async def test_injected_messages_go_under_the_name_of_their_centre(settings: Settings) -> None:
    await made(settings)
    await inject.send_raw(settings, OTHER, b"key", b"value")
    await inject.inject_bad(settings, OTHER, "wrong-centre")  # its topic lets it say so; intake refuses it
    assert await stored(settings, f"raw.{OTHER}") == 2


@pytest.mark.parametrize("kind", [KafkaLink, KafkaBulkLink])
async def test_a_wrong_password_ends_a_sender_with_a_sentence(
    settings: Settings, kind: type[KafkaLink | KafkaBulkLink], tmp_path: Path
) -> None:
    topics = await made(settings)
    file = tmp_path / "words"
    assert settings.centres_secrets is not None
    file.write_text(json.dumps(json.loads(settings.centres_secrets.read_text()) | {OTHER: "wrong"}))
    link = kind(structs.replace(settings, centres_secrets=file), topics)
    with pytest.raises(BadSettings, match=rf"refuses centre-{OTHER} with its password in {file}"):
        await link.open()
    await link.close()


async def test_the_bench_sends_to_the_broker_that_it_measures(broker: LocalStack, settings: Settings) -> None:
    """Not to the one whose listener for centres the settings of this machine name."""
    elsewhere = structs.replace(settings, kafka_centres="127.0.0.1:1")
    report = await load_bench.run(
        elsewhere,
        load_profile(settings.profile),
        events=2_000,
        rate=20_000,
        repeats=1,
        kafka=broker.kafka,
        tell=lambda *_: None,
    )
    assert all(row.events_per_s > 0 for row in report.rows)
