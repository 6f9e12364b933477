"""One Apache Kafka node in KRaft mode on loopback, from the jars that the set-up fetched.

It has two listeners for clients. The product's own processes use the inner one without a name; senders use the one for
centres, where each signs in as ``centre-<id>``. The broker denies what no rule of its authorizer allows, and
`ioc topics` allows a centre to write its own raw topic and nothing else (:mod:`ioc.adapters.kafka_centres`). On one
machine that is enough; across a network the listener for centres must be SASL_SSL with SCRAM-SHA-512, and the inner
one must be out of reach of everybody else, because whoever reaches it may do everything.
"""

from __future__ import annotations

import base64
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from ioc.stack import probes
from ioc.stack.state import Paths, StackError, centre_passwords, tool_file, write_private
from ioc.wire.topics import sender_of

HEAP_MB = (512, 1024)
PLAIN_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
LOG4J = """rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSS} %-5p %m (%c{1})%n
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = INFO
"""

BEFORE_NOTES = "4.3.1"  # made the data in which no version is noted


def release(version: str) -> tuple[int, ...]:
    """Major and minor number: what decides about the format of the data."""
    return tuple(int(part) for part in version.split(".")[:2])


@dataclass(frozen=True)
class Kafka:
    """Configuration of the node; the supervisor (or a test) starts ``argv`` after ``prepare``.

    Attributes:
        centres_port: port of the listener where centres sign in; 0 for none.
        centres: ids of those who may sign in there, each with its password of :func:`centre_passwords`.
        heap_mb: smallest and largest heap of the JVM.
    """

    paths: Paths
    port: int
    controller_port: int
    centres_port: int = 0
    centres: tuple[str, ...] = ()
    heap_mb: tuple[int, int] = HEAP_MB

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        """Configuration and log segments."""
        return self.paths.kafka

    @property
    def libs(self) -> Path:
        """The jars."""
        return tool_file(self.paths, "kafka/libs")

    @property
    def version(self) -> str:
        """Of the jars, as ``4.2.2``."""
        return max(path.stem.rpartition("-")[2] for path in self.libs.glob("kafka_*.jar"))

    @property
    def argv(self) -> tuple[str, ...]:
        """The broker's command line."""
        return (
            "java",
            f"-Xms{self.heap_mb[0]}m",
            f"-Xmx{self.heap_mb[1]}m",
            # Kafka's own choice of collector: pauses short enough for a live wall.
            "-XX:+UseG1GC",
            "-XX:MaxGCPauseMillis=20",
            "-XX:InitiatingHeapOccupancyPercent=35",
            "-XX:+ExitOnOutOfMemoryError",  # a dead broker is restarted, a half-dead one is not
            "-Djava.awt.headless=true",
            "-Djava.net.preferIPv4Stack=true",
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
            "-cp",
            f"{self.libs}/*",
            "kafka.Kafka",
            str(self.folder / "server.properties"),
        )

    def prepare(self) -> None:
        """Write the configuration; format the storage when it is new.

        Raises:
            StackError: the jars are missing, the data are of a newer Kafka, or the format failed.
        """
        if not any(self.libs.glob("kafka_*.jar")):
            raise StackError(f"Kafka's jars are not in {self.libs}; run `make setup`")
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "log4j2.properties").write_text(LOG4J)
        properties = self.folder / "server.properties"
        write_private(properties, self.server_properties())  # the centres' passwords are in it
        note = self.folder / "version"
        if (self.folder / "data" / "meta.properties").exists():
            newest = note.read_text().strip() if note.exists() else BEFORE_NOTES
            if release(newest) > release(self.version):
                raise StackError(
                    f"the data in {self.folder} are of Kafka {newest}, and Kafka {self.version} cannot read them; "
                    "start with an empty IOC_DATA_DIR, or remove all local data with `make clean`"
                )
            note.write_text(f"{self.version}\n")
            return
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = ("java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{self.libs}/*")
        tool = ("kafka.tools.StorageTool", "format", "--standalone", "--ignore-formatted")
        done = subprocess.run(
            [
                *command,
                f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
                *tool,
                f"--cluster-id={cluster_id}",  # one word: the id may begin with a dash
                "-c",
                str(properties),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(f"Kafka's storage could not be formatted: {(done.stderr or done.stdout).strip()[-400:]}")
        note.write_text(f"{self.version}\n")

    async def answers(self) -> bool:
        """Whether the broker serves metadata."""
        return await probes.kafka_answers(self.bootstrap)

    def server_properties(self) -> str:
        """The broker's configuration. Durable against the end of any process, not against loss of the disk."""
        clients = f"PLAINTEXT://127.0.0.1:{self.port}"
        if self.centres_port:
            clients += f",CENTRES://127.0.0.1:{self.centres_port}"
        values = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{self.controller_port}",
            "listeners": f"{clients},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": clients,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CENTRES:SASL_PLAINTEXT",
            # Whoever signs in may do what a rule allows; without a rule that is nothing.
            "authorizer.class.name": AUTHORIZER,
            "allow.everyone.if.no.acl.found": "false",
            "super.users": "User:ANONYMOUS",  # the inner listener, on loopback: the product's own processes
            "log.dirs": self.folder / "data",
            # Topics are made by `ioc topics` with the partition counts of ioc/wire/topics.py, never by accident.
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            # After kill -9 the new broker waits until the old session is over: 4 s instead of 9.
            "broker.session.timeout.ms": 4000,
            "broker.heartbeat.interval.ms": 500,
            "log.cleaner.threads": 1,
            "log.segment.bytes": 256 * 1024 * 1024,
            "num.network.threads": 2,
            "num.io.threads": 4,
        }
        if self.centres_port:
            passwords = centre_passwords(self.paths, self.centres)  # of letters, digits, - and _ only
            users = "".join(f' user_{sender_of(centre)}="{word}"' for centre, word in passwords.items())
            values["listener.name.centres.sasl.enabled.mechanisms"] = "PLAIN"
            values["listener.name.centres.plain.sasl.jaas.config"] = f"{PLAIN_LOGIN} required{users};"
        return "".join(f"{name}={value}\n" for name, value in values.items())
