"""Bytes ↔ values of everything that travels on Kafka. Decoders are reused: making one costs more than a decode."""

from __future__ import annotations

import msgspec

from ioc.domain.alerts import Alert, AlertInput, AlertTold, CanaryPassed, LogEntry, SourceTold
from ioc.domain.covers import CoverSaid
from ioc.domain.events import Event
from ioc.domain.flood import Flood
from ioc.domain.handover import Handover, HandoverCommand
from ioc.domain.incidents import Incident, IncidentCommand
from ioc.domain.measures import DeadLetter, FeedHealth, Rollup
from ioc.domain.silences import Silence, SilenceCommand

encode = msgspec.json.encode

DeskCommand = SilenceCommand | IncidentCommand | HandoverCommand

decode_event = msgspec.json.Decoder(Event).decode
decode_alert = msgspec.json.Decoder(Alert).decode
decode_alert_input = msgspec.json.Decoder(AlertInput | CoverSaid).decode
decode_desk_input = msgspec.json.Decoder(AlertTold | SourceTold | DeskCommand).decode
decode_canary = msgspec.json.Decoder(CanaryPassed).decode
decode_silence = msgspec.json.Decoder(Silence).decode
decode_incident = msgspec.json.Decoder(Incident).decode
decode_flood = msgspec.json.Decoder(Flood).decode
decode_handover = msgspec.json.Decoder(Handover).decode
decode_log_entry = msgspec.json.Decoder(LogEntry).decode
decode_rollup = msgspec.json.Decoder(Rollup).decode
decode_feed = msgspec.json.Decoder(FeedHealth).decode
decode_dead = msgspec.json.Decoder(DeadLetter).decode
