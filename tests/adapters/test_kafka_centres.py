"""Rights of centres as plain values, and how a sender finds its password."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ioc.adapters.kafka import new_producer
from ioc.adapters.kafka_centres import ALLOW, ANY, DESCRIBE, TOPIC, WRITE, Changes, Right, changes, rights_of, sign_in
from ioc.errors import BadSettings
from ioc.settings import Settings
from ioc.wire.topics import Topics

CENTRES = st.lists(st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True), max_size=5, unique=True)
READ, ALL, PREFIXED = 3, 2, 4


def after(found: frozenset[Right], wish: Changes) -> frozenset[Right]:
    return (found | set(wish.made)) - set(wish.removed)


def test_a_centre_may_write_and_describe_its_raw_topic_and_nothing_else() -> None:
    assert rights_of(Topics("ioc.", ["bien-hoa"])) == {
        Right("User:centre-bien-hoa", "ioc.raw.bien-hoa", WRITE),
        Right("User:centre-bien-hoa", "ioc.raw.bien-hoa", DESCRIBE),
    }
    assert (TOPIC, ANY, WRITE, DESCRIBE, ALLOW) == (2, 1, 4, 8, 3)


@given(CENTRES, CENTRES)
def test_a_changed_profile_leaves_exactly_the_rights_of_the_new_one(before: list[str], now: list[str]) -> None:
    old, new = Topics("ioc.", before), Topics("ioc.", now)
    found = after(frozenset(), changes((), old))
    assert after(found, changes(found, new)) == rights_of(new)
    assert changes(rights_of(new), new) == Changes((), ())


@pytest.mark.parametrize(
    "planted",
    [
        Right("User:centre-a", "ioc.raw.b", WRITE),
        Right("User:centre-a", "ioc.raw.a", READ),
        Right("User:centre-a", "ioc.events", ALL),
        Right("User:centre-a", "ioc.raw.", WRITE, PREFIXED),
        Right("User:centre-gone", "ioc.raw.gone", WRITE),
    ],
)
def test_a_planted_right_of_a_centre_is_taken_away(planted: Right) -> None:
    topics = Topics("ioc.", ["a", "b"])
    assert changes({planted, *rights_of(topics)}, topics) == Changes((), (planted,))


@pytest.mark.parametrize(
    "foreign",
    [
        Right("User:auditor", "ioc.raw.a", READ),
        Right("User:centre-a", "other.raw.a", WRITE),
    ],
)
def test_rights_of_others_and_of_other_prefixes_stay(foreign: Right) -> None:
    topics = Topics("ioc.", ["a"])
    assert changes({foreign, *rights_of(topics)}, topics) == Changes((), ())


def test_without_a_listener_for_centres_nobody_signs_in(tmp_path: Path) -> None:
    assert sign_in(Settings(data_dir=tmp_path), "bien-hoa") == {}


def test_a_sender_signs_in_with_the_password_of_its_centre(tmp_path: Path) -> None:
    file = tmp_path / "words"
    file.write_text(json.dumps({"bien-hoa": "one", "tinh": "two"}))
    settings = Settings(kafka_centres="127.0.0.1:9", centres_secrets=file)
    assert sign_in(settings, "tinh") == {
        "bootstrap_servers": "127.0.0.1:9",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "centre-tinh",
        "sasl_plain_password": "two",
    }


@pytest.mark.parametrize("text", [None, "", "[]", '{"tinh": "two"}', '{"bien-hoa": ""}', '{"bien-hoa": 7}', "\xff"])
def test_a_centre_without_a_password_is_one_sentence(text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "words"
    if text is not None:
        file.write_text(text, encoding="latin-1")
    settings = Settings(kafka_centres="127.0.0.1:9", centres_secrets=file)
    with pytest.raises(BadSettings, match="has no password of centre bien-hoa"):
        sign_in(settings, "bien-hoa")
    with pytest.raises(BadSettings, match="has no password"):
        sign_in(structs.replace(settings, centres_secrets=None), "bien-hoa")


def test_how_a_producer_signs_in_is_not_for_the_caller_to_choose() -> None:
    with pytest.raises(ValueError, match="security_protocol"):
        new_producer(Settings(), security_protocol="PLAINTEXT")
