/**
 * What the desk says over `/live` and over HTTP: the mirror of `DeskFrame` in `ioc/wire/frames.py` and of
 * `ioc/domain/incidents.py`, `flood.py` and `handover.py`. Every `_ms` is epoch milliseconds.
 */

import type { Outcome, Priority } from './wire';

export type IncidentOp = 'take' | 'release' | 'rename' | 'note' | 'merge' | 'split';
export type LineWord =
  | 'opened' | 'joined' | 'left' | 'worsened' | 'took' | 'released' | 'renamed' | 'noted' | 'merged' | 'split' | 'closed';

/** An alert of an incident, as it was told last. `left_ms`: when it closed. */
export interface Member {
  readonly alert_id: string;
  readonly key: string;
  readonly rule: string;
  readonly centre: string;
  readonly area: string;
  readonly priority: Priority;
  readonly acked: boolean;
  /** Shelved, suppressed or out of service: asks nobody. */
  readonly hidden: boolean;
  readonly title_vi: string;
  readonly title_en: string;
  readonly place_vi: string;
  readonly place_en: string;
  readonly lon: number | null;
  readonly lat: number | null;
  readonly raised_ms: number;
  readonly joined_ms: number;
  readonly left_ms: number | null;
}

/** One line of the timeline. `about`: id of an alert or an incident, where the word needs one. */
export interface Line {
  readonly at_ms: number;
  readonly word: LineWord;
  readonly about: string;
  readonly text: string;
  readonly actor: string | null;
  readonly actor_display: string | null;
}

/** Alerts that belong together by what they are, where and when. */
export interface Incident {
  readonly id: string;
  /** Short name for people: 118 is `S-118`. */
  readonly number: number;
  readonly group: string;
  readonly title_vi: string;
  readonly title_en: string;
  readonly state: 'open' | 'closed';
  /** The worst of the members that are still open and not hidden; of all members when none is. */
  readonly priority: Priority;
  readonly members: readonly Member[];
  readonly owner: string | null;
  readonly owner_display: string | null;
  /** When the owner took it; null or missing also in what an older desk wrote. */
  readonly owner_since_ms?: number | null;
  readonly opened_ms: number;
  readonly changed_ms: number;
  readonly closed_ms: number | null;
  readonly merged_into: string;
  /** The newest 100 lines, oldest first. */
  readonly timeline: readonly Line[];
  readonly exercise: string | null;
}

/** How many alerts are new, and whether that is a flood. Limits are per position; drills do not count. */
export interface Flood {
  readonly new: number;
  /** When the flood began; null: there is none. */
  readonly since_ms: number | null;
  /** Alerts that made no sound since then. */
  readonly unannounced: number;
  readonly above: number;
  readonly below: number;
  readonly window_s: number;
  readonly positions: number;
  /** Ids of rules that sound in a flood as well. */
  readonly always: readonly string[];
  readonly changed_ms: number;
}

/** All open incidents and the flood: the whole of it, beside the positions. `flood` null: nothing said yet. */
export interface DeskFrame {
  readonly t: 'desk';
  readonly incidents: readonly Incident[];
  readonly flood: Flood | null;
  /** Of this connection's gateway; grows with every change. */
  readonly version: number;
  /** Ids of incidents that lines name and that are not among them → their numbers; missing from an older gateway. */
  readonly numbers?: Readonly<Record<string, number>>;
}

/** What changed of the desk from version `prev` to `version`: whole incidents, ids of those that are gone, the flood. */
export interface DeskDelta {
  readonly t: 'desk_delta';
  readonly prev: number;
  readonly version: number;
  readonly incidents: readonly Incident[];
  readonly gone: readonly string[];
  readonly flood: Flood | null;
  /** As in the whole, of the incidents that changed. */
  readonly numbers?: Readonly<Record<string, number>>;
}

/** What a command to a silence, an incident or a handover came to: the mirror of `ioc/adapters/http/desk_parts.py`. */
export interface DeskAnswer {
  readonly outcome: Outcome;
  readonly reason: string;
  readonly at_ms: number;
  /** What the log says of it; of `split` and `merge`: `into=`, where the alerts are now. */
  readonly detail: string;
  /** Who had done it already. */
  readonly by: string | null;
  readonly by_display: string | null;
  /** When who is named in `by` did it. */
  readonly by_at_ms: number | null;
}

/** Beside `error` and `detail`, what a command hears that came too late (`stale`): who was faster, when, what is now. */
export interface DeskLate {
  readonly by: string | null;
  readonly by_display: string | null;
  readonly by_at_ms: number | null;
  /** `into=`: id of the incident (or of the single alert) where the alerts are now. */
  readonly about: string;
}
