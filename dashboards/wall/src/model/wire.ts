/**
 * What travels over `/live`, read-only: the mirror of `ioc/wire/frames.py` and `ioc/domain/alerts.py`.
 * Names and units are those of the wire; every `_ms` is epoch milliseconds. `pos` is opaque.
 */

import type { DeskDelta, DeskFrame } from './wire_desk';

export const PROTOCOL = 1;

export type Priority = 1 | 2 | 3 | 4;
export const PRIORITIES: readonly Priority[] = [1, 2, 3, 4];

export type Outcome = 'DONE' | 'ALREADY_ACKED' | 'ALREADY' | 'CLEARED_ALREADY' | 'STALE' | 'NOT_FOUND' | 'FORBIDDEN' | 'MISMATCH' | 'REFUSED' | 'UNKNOWN';

export type Op =
  | 'ack' | 'unack' | 'assign' | 'take' | 'dispatch' | 'comment' | 'step'
  | 'shelve' | 'unshelve' | 'out_of_service' | 'return_to_service' | 'reset' | 'close' | 'reopen';
export const OPS: readonly Op[] = [
  'ack', 'unack', 'assign', 'take', 'dispatch', 'comment', 'step',
  'shelve', 'unshelve', 'out_of_service', 'return_to_service', 'reset', 'close', 'reopen',
];
export type ResultCode = 'handled' | 'false_alarm' | 'duplicate' | 'no_action' | 'transferred' | 'test';
export type Suppression = 'none' | 'shelved-until' | 'shelved-oneshot' | 'by-design' | 'out-of-service';

/** One occurrence as it stands. Every accepted change raises `version` by one. */
export interface Alert {
  readonly id: string;
  readonly key: string;
  readonly rule: string;
  readonly version: number;
  readonly state: string;
  readonly active: boolean;
  readonly acked: boolean;
  readonly blind?: boolean;
  /** Id of the alert that explains this one (its centre is silent): shown, but asks nobody. */
  readonly muted_by?: string;
  readonly closed?: boolean;
  readonly priority: Priority;
  readonly level?: string;
  readonly centre: string;
  readonly area: string;
  readonly site: string;
  readonly feed: string;
  readonly type: string;
  readonly title_vi: string;
  readonly title_en: string;
  readonly place_vi?: string;
  readonly place_en?: string;
  readonly lon?: number | null;
  readonly lat?: number | null;
  readonly value?: number | null;
  readonly limit?: number | null;
  readonly unit?: string;
  readonly reason?: string;
  readonly count?: number;
  readonly started_ms: number;
  readonly raised_ms: number;
  readonly updated_ms: number;
  readonly observed_ms: number;
  readonly cleared_ms?: number | null;
  readonly acked_ms?: number | null;
  readonly acked_by?: string | null;
  readonly acked_by_display?: string | null;
  readonly ack_note?: string | null;
  readonly late_s?: number;
  readonly exercise?: string | null;
  /** Of the newest signal; `priority` keeps the worst until somebody acknowledges. */
  readonly present_priority?: Priority;
  /** Of the last change that matters to a person who acknowledges. */
  readonly decisive_version?: number;
  readonly signal_revision?: number;
  readonly cap?: Cap | null;
  readonly prior_count?: number;
  /** Its rule wants a reset by hand after it went away. */
  readonly latched?: boolean;
  readonly suppression?: Suppression;
  /** It went away unseen before it was hidden: comes back as that. */
  readonly owed?: boolean;
  /** Of a shelf and of out of service. */
  readonly hidden?: Hidden | null;
  /** How often the condition came, became worse or went away while hidden. */
  readonly hidden_changes?: number;
  /** Acknowledged and still there then: asks anew. */
  readonly realarm_ms?: number | null;
  readonly realarms?: number;
  readonly assigned?: Assignment | null;
  readonly dispatched?: readonly Done[];
  readonly steps?: readonly Done[];
  readonly comments?: number;
  readonly result?: Result | null;
  /** Decided over all alerts: another alert, a silence or a planned window explains it. */
  readonly explained?: Explanation | null;
  /** The last step of its escalation. */
  readonly summons?: Summons | null;
  /** Since when it waits for somebody without a break. */
  readonly asked_ms?: number | null;
  /** It comes and goes too fast: it stays active until it has stayed away for a while. */
  readonly chatter?: Chatter | null;
}

/** How an alert chatters. */
export interface Chatter {
  /** How often the condition went away, as far as that is remembered. */
  readonly times: number;
  readonly off_delay_s: number;
  readonly since_ms: number;
  /** It is away now, and the alert goes then if it stays away; null: it is there. */
  readonly returns_at_ms: number | null;
}

/** Why nobody is asked about an alert that is there. */
export interface Explanation {
  readonly kind: 'alert' | 'silence' | 'window';
  readonly id: string;
  readonly until_ms: number | null;
  readonly why_vi: string;
  readonly why_en: string;
}

/** Who was called about an alert, and how; nobody when `whom` is empty, then `reason` says why. */
export interface Summons {
  readonly number: number;
  readonly step: number;
  readonly round: number;
  readonly whom: readonly string[];
  readonly channels: readonly string[];
  readonly reason: string;
  /** When it fell due. */
  readonly at_ms: number;
  /** When this run of the chain began. */
  readonly began_ms: number;
  /** People are called also when the alert has gone away unseen. */
  readonly gone?: boolean;
}

/** Who put an alert on the shelf or its object out of service, why, and until when. */
export interface Hidden {
  readonly since_ms: number;
  readonly by: string;
  readonly by_display: string;
  readonly reason: string;
  /** Of a shelf. */
  readonly until_ms: number | null;
  /** Of out of service. */
  readonly review_ms: number | null;
  readonly review_told: boolean;
}

/** Whose alert it is now. */
export interface Assignment {
  readonly to: string;
  readonly to_display: string;
  readonly by: string;
  readonly by_display: string;
  readonly at_ms: number;
  readonly version: number;
  /** Id of the former occurrence in which it was given; empty: in this one. */
  readonly earlier?: string;
}

/** An agency sent, or a step of the checklist. */
export interface Done {
  readonly what: string;
  readonly by: string;
  readonly by_display: string;
  readonly at_ms: number;
  /** Id of the former occurrence in which it was done; empty: in this one. */
  readonly earlier?: string;
}

/** How it ended. */
export interface Result {
  readonly code: ResultCode;
  readonly by: string;
  readonly by_display: string;
  readonly at_ms: number;
}

/** Values of the Common Alerting Protocol 1.2, in its own words. */
export interface Cap {
  readonly category: readonly string[];
  readonly urgency: string;
  readonly severity: string;
  readonly certainty: string;
}

export type FeedState = 'unknown' | 'on_time' | 'slow' | 'silent' | 'out_of_service' | 'dead' | 'clock_skewed' | 'duplicating';

/**
 * Health of one feed; `key` is `centre/feed`. With `received` the counters are those of the last hour, without it
 * totals since the intake's checkpoint began.
 */
export interface FeedView {
  readonly key: string;
  readonly centre: string;
  readonly feed: string;
  readonly state: FeedState;
  readonly since_ms: number;
  readonly last_event_ms: number | null;
  readonly last_received_ms: number | null;
  readonly rate_per_min: number;
  readonly expected_period_s: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly watermark_ms: number | null;
  /** Out of service: when somebody should look at it again. */
  readonly review_ms?: number | null;
  /** Events of the last hour for a minute that was final and is corrected, and for one beyond correction. */
  readonly late?: number;
  readonly too_late?: number;
  /** Reports what happens: nothing can be missing, silence proves nothing. */
  readonly sporadic?: boolean;
  readonly received?: number;
  /** What should have come in the same time; null for a sporadic feed and before the first full minute. */
  readonly expected?: number | null;
  /** Same id, other content: refused. */
  readonly conflicts?: number;
  /** Of the duplicates: dropped for number and time alone; a source that began anew may look so. */
  readonly presumed?: number;
  readonly unkeyed?: number;
}

export type ReadingValue = number | string | boolean | null;

/** The latest event of one site and type; `key` is `centre/feed/site/type`. */
export interface Reading {
  readonly key: string;
  readonly centre: string;
  readonly area: string;
  readonly feed: string;
  readonly site: string;
  readonly type: string;
  readonly time_ms: number;
  readonly received_ms: number;
  readonly data: Readonly<Record<string, ReadingValue>>;
}

/** Events of one centre in one minute of event time; `key` is `centre/start_ms`. */
export interface Minute {
  readonly key: string;
  readonly centre: string;
  readonly start_ms: number;
  readonly events: number;
}

export interface User {
  readonly name: string;
  readonly display: string;
  readonly role: string;
}

export interface Changes {
  readonly alerts?: readonly Alert[];
  readonly feeds?: readonly FeedView[];
  readonly readings?: readonly Reading[];
  readonly minutes?: readonly Minute[];
}

export interface Gone {
  readonly alerts?: readonly string[];
  readonly feeds?: readonly string[];
  readonly readings?: readonly string[];
  readonly minutes?: readonly string[];
}

export interface Hello {
  readonly t: 'hello';
  readonly epoch: string;
  readonly pos: string;
  readonly server_time_ms: number;
  readonly build: string;
  readonly user: User;
  readonly simulated: boolean;
}
export interface SnapshotBegin {
  readonly t: 'snapshot_begin';
  readonly pos: string;
  readonly reason: 'fresh' | 'epoch' | 'too_old' | 'bad_position' | 'gap';
}
export interface Snapshot extends Changes {
  readonly t: 'snapshot';
}
export interface SnapshotEnd {
  readonly t: 'snapshot_end';
  readonly pos: string;
}
export interface Delta extends Changes {
  readonly t: 'delta';
  readonly prev: string;
  readonly pos: string;
  readonly server_time_ms: number;
  readonly gone?: Gone | null;
}
export interface Gap {
  readonly t: 'gap';
  readonly reason: string;
}
export interface Beat {
  readonly t: 'beat';
  readonly server_time_ms: number;
  readonly pos: string;
  readonly lag_s: number | null;
  readonly watermarks: Readonly<Record<string, number>>;
  readonly degraded: readonly string[];
}
export interface OutcomeFrame {
  readonly t: 'outcome';
  readonly command_id: string;
  readonly outcome: Outcome;
  readonly by?: string | null;
  readonly by_display?: string | null;
  readonly at_ms?: number | null;
  readonly alert?: Alert | null;
  readonly reason?: string;
}
export interface ErrorFrame {
  readonly t: 'error';
  readonly code: string;
  readonly detail?: string;
}

export type ServerFrame =
  Hello | SnapshotBegin | Snapshot | SnapshotEnd | Delta | Gap | Beat | OutcomeFrame | ErrorFrame | DeskFrame | DeskDelta;

export interface Since {
  readonly epoch: string;
  readonly pos: string;
}
export interface AuthFrame {
  readonly t: 'auth';
  readonly ticket: string;
  readonly proto: number;
}
export interface SubscribeFrame {
  readonly t: 'subscribe';
  readonly channels: readonly string[];
  readonly filter: Readonly<Record<string, never>>;
  readonly since: Since | null;
  /** After the first frame of the desk only what changed of it. */
  readonly desk_changes: boolean;
}
export interface CommandFrame {
  readonly t: 'command';
  readonly command_id: string;
  readonly op: Op;
  readonly alert_id: string;
  readonly expected_version: number;
  readonly note: string | null;
  readonly reason?: string;
  readonly assignee?: string;
  readonly agency?: string;
  readonly item?: string;
  readonly for_s?: number | null;
  readonly once?: boolean;
  readonly review_ms?: number | null;
  readonly result?: ResultCode | null;
}
export type ClientFrame = AuthFrame | SubscribeFrame | CommandFrame;

/** When anything at all was recorded, and what was raised: `GET /api/alerts`. */
export interface PastAlerts {
  readonly alerts: readonly Alert[];
  readonly known: readonly Stretch[];
}
/** From inclusive, to exclusive; server milliseconds. */
export interface Stretch {
  readonly from_ms: number;
  readonly to_ms: number;
}

/** One line of the audit trail, from `GET /api/alerts/{id}/log`. */
export interface LogEntry {
  readonly id: string;
  readonly alert_id: string;
  readonly kind: 'transition' | 'command';
  readonly what: string;
  readonly accepted: boolean;
  readonly at_ms: number;
  readonly event_ms?: number | null;
  readonly version?: number;
  readonly from_state?: string;
  readonly to_state?: string;
  readonly priority?: number;
  readonly reason?: string;
  readonly actor?: string | null;
  readonly actor_display?: string | null;
  readonly station?: string;
  readonly note?: string | null;
  readonly role?: string;
  readonly detail?: string;
  readonly command_id?: string | null;
  readonly outcome?: Outcome | null;
  readonly by?: string | null;
  readonly by_display?: string | null;
  readonly by_at_ms?: number | null;
  /** Of the word `summoned`. */
  readonly summons?: Summons | null;
}

const FRAMES: ReadonlySet<string> = new Set([
  'hello', 'snapshot_begin', 'snapshot', 'snapshot_end', 'delta', 'gap', 'beat', 'outcome', 'error', 'desk', 'desk_delta',
]);

/** A frame of the server, or null for text that is none (an unknown frame of a newer server is none, too). */
export function parseFrame(text: string): ServerFrame | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('t' in value)) return null;
  return typeof value.t === 'string' && FRAMES.has(value.t) ? (value as ServerFrame) : null;
}
