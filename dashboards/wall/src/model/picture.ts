/** What a page holds of the province: the picture that the frames of the wall protocol build. Values only. */

import type { Alert, FeedView, Hello, Minute, OutcomeFrame, Reading, Stretch } from './wire';
import type { Flood, Incident } from './wire_desk';

/**
 * `empty`: nothing yet. `snapshot`: a snapshot is arriving, what was held before is suspect. `live`: complete at `pos`.
 * `broken`: a delta did not continue the picture; the owner of the link must reconnect and resume from `pos`.
 */
export type Sync = 'empty' | 'snapshot' | 'live' | 'broken';

/** Keys not yet named by the snapshot that is arriving; what is still in here at its end is dropped. */
export interface Suspect {
  readonly alerts: ReadonlySet<string>;
  readonly feeds: ReadonlySet<string>;
  readonly readings: ReadonlySet<string>;
  readonly minutes: ReadonlySet<string>;
}

export interface LastBeat {
  /** The page's own monotonic clock when the beat came. */
  readonly received_ms: number;
  readonly server_time_ms: number;
  readonly lag_s: number | null;
  readonly degraded: readonly string[];
}

/** What the desk said last; the whole of it comes anew after every connection. */
export interface Desk {
  /** Of the frame that is held; what changed is taken only when it follows it. */
  readonly version?: number;
  readonly incidents: readonly Incident[];
  readonly flood: Flood | null;
  /** Ids of incidents → their numbers, also of those that are gone: lines of others name them. */
  readonly numbers?: ReadonlyMap<string, number>;
}

export interface Picture {
  readonly epoch: string | null;
  readonly pos: string | null;
  readonly sync: Sync;
  /** The server was rebuilt: versions of another epoch say nothing, its snapshot replaces whatever is held. */
  readonly overwrite: boolean;
  readonly suspect: Suspect | null;
  readonly alerts: ReadonlyMap<string, Alert>;
  readonly feeds: ReadonlyMap<string, FeedView>;
  readonly readings: ReadonlyMap<string, Reading>;
  readonly minutes: ReadonlyMap<string, Minute>;
  /** Alerts seen during the last 24 h, also those that are gone: the day's strip is drawn from them. */
  readonly day: ReadonlyMap<string, Alert>;
  /** Since when (server time) this page has held a complete picture; before that it knows nothing of what ended. */
  readonly held_since_ms: number | null;
  /** Times in between of which this page saw nothing. */
  readonly unseen: readonly Stretch[];
  /** Times of which the database knows, by its last answer; empty while it never answered. */
  readonly known: readonly Stretch[];
  /** Server clock minus the page's clock, milliseconds. */
  readonly offset_ms: number;
  readonly beat: LastBeat | null;
  readonly hello: Hello | null;
  /** The newest answers to commands, newest last. */
  readonly outcomes: readonly OutcomeFrame[];
  readonly desk: Desk;
}

export const DAY_MS = 24 * 3_600_000;
/** Seen alerts kept for the day's strip; the oldest go first. A flood of 2,000 in a day is far beyond ISA-18.2. */
export const DAY_ALERTS_MAX = 2_000;
/** Answers kept for the lines of the detail pane; older ones are in the server's log. */
export const OUTCOMES_MAX = 50;
/** Gaps of the page's own sight that are kept; more than these in a day make the strip useless anyway. */
export const UNSEEN_MAX = 100;
/** Numbers of incidents that are remembered; the oldest go first. */
export const NUMBERS_MAX = 1_000;
/** Minutes kept per page: the server holds 60, the rest is dropped here as well. */
export const MINUTES_KEPT_MS = 65 * 60_000;

export const EMPTY: Picture = {
  epoch: null,
  pos: null,
  sync: 'empty',
  overwrite: false,
  suspect: null,
  alerts: new Map(),
  feeds: new Map(),
  readings: new Map(),
  minutes: new Map(),
  day: new Map(),
  held_since_ms: null,
  unseen: [],
  known: [],
  offset_ms: 0,
  beat: null,
  hello: null,
  outcomes: [],
  desk: { incidents: [], flood: null },
};

/** Server time for a moment of the page's clock. */
export function serverTime(picture: Picture, now_ms: number): number {
  return now_ms + picture.offset_ms;
}
