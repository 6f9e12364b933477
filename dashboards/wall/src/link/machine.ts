/**
 * The connection as a state machine that never touches a socket: `step(link, event, now_ms, random)` gives the next
 * state and what to do. The driver in `live.ts` does it.
 *
 *     idle ─start─► ticket ─ticket─► connecting ─open─► auth ─hello─► snapshot ─synced─► live
 *                     │ refused                                                             │
 *                     ▼                            closed, desync, or 30 s of silence       ▼
 *                  sign_in               waiting ◄──────────────────────────────────────────┘   1003 ─► stopped
 *
 * Times are milliseconds of the page's monotonic clock; `random` is a number in [0, 1).
 */

import { closeCode } from './close_codes';
import { PROTOCOL, type ClientFrame, type ServerFrame, type Since } from '../model/wire';

export type Phase =
  'idle' | 'ticket' | 'connecting' | 'auth' | 'snapshot' | 'live' | 'waiting' | 'sign_in' | 'stopped';

export interface Link {
  readonly phase: Phase;
  readonly ticket: string | null;
  /** Failed attempts since the last connection that lasted. */
  readonly attempts: number;
  /** When the next attempt is due, in phase `waiting`. */
  readonly retry_at_ms: number | null;
  /** When the phase began. */
  readonly since_ms: number;
  /** Last sign that the picture is the present: a beat while the picture is complete, or its completion. */
  readonly fresh_ms: number | null;
  readonly last_frame_ms: number | null;
  readonly fresh_start: boolean;
  /** Why the last connection ended, for people. */
  readonly why: string | null;
}

export type LinkEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'ticket'; readonly ticket: string; readonly url: string }
  | { readonly kind: 'ticket_refused' }
  | { readonly kind: 'ticket_failed'; readonly why: string }
  | { readonly kind: 'open' }
  /** A frame came; `synced` tells whether the picture is complete with it, `since` what it stands at. */
  | { readonly kind: 'frame'; readonly frame: ServerFrame; readonly synced: boolean; readonly since: Since | null }
  /** A delta did not fit: the picture must be resumed from its position. */
  | { readonly kind: 'desync' }
  | { readonly kind: 'closed'; readonly code: number }
  | { readonly kind: 'tick' };

export type LinkAction =
  | { readonly do: 'fetch_ticket' }
  | { readonly do: 'open'; readonly url: string }
  | { readonly do: 'send'; readonly frame: ClientFrame }
  | { readonly do: 'close'; readonly code: number };

export const STALE_AFTER_MS = 15_000;
export const OFFLINE_AFTER_MS = 30_000;
export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_MAX_MS = 20_000;
/** A connection that was live this long was a good one: the next loss starts counting from one. */
export const GOOD_AFTER_MS = 10_000;
/** Ticket, socket and snapshot together must not take longer than this; then the attempt is given up. */
export const ATTEMPT_MAX_MS = 30_000;
/** Client-side code for "nothing heard": the same word as the server's. */
const NO_HEARTBEAT = 4000;

export const IDLE: Link = {
  phase: 'idle', ticket: null, attempts: 0, retry_at_ms: null, since_ms: 0, fresh_ms: null, last_frame_ms: null,
  fresh_start: false, why: null,
};

/** Full jitter: anything between nothing and the doubled wait, so that a hundred walls do not come back as one. */
export function backoffMs(attempts: number, random: number, least_ms = 0): number {
  const cap = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempts, 16));
  return Math.round(least_ms + random * cap);
}

interface Step {
  readonly link: Link;
  readonly actions: readonly LinkAction[];
}

function enter(link: Link, phase: Phase, now_ms: number, more: Partial<Link> = {}): Link {
  return { ...link, phase, since_ms: now_ms, retry_at_ms: null, ...more };
}

function fetchTicket(link: Link, now_ms: number): Step {
  return { link: enter(link, 'ticket', now_ms), actions: [{ do: 'fetch_ticket' }] };
}

function wait(link: Link, now_ms: number, random: number, why: string, least_ms = 0): Step {
  const good = link.phase === 'live' && now_ms - link.since_ms >= GOOD_AFTER_MS;
  const attempts = good ? 0 : link.attempts;
  const retry_at_ms = now_ms + backoffMs(attempts, random, least_ms);
  return { link: enter(link, 'waiting', now_ms, { attempts: attempts + 1, retry_at_ms, why, ticket: null }), actions: [] };
}

const NOTHING: readonly LinkAction[] = [];

export function step(link: Link, event: LinkEvent, now_ms: number, random: number): Step {
  switch (event.kind) {
    case 'start':
      return link.phase === 'idle' || link.phase === 'sign_in' || link.phase === 'stopped'
        ? fetchTicket({ ...link, attempts: 0 }, now_ms) : { link, actions: NOTHING };
    case 'ticket':
      if (link.phase !== 'ticket') return { link, actions: NOTHING };
      return {
        link: enter(link, 'connecting', now_ms, { ticket: event.ticket }),
        actions: [{ do: 'open', url: event.url }],
      };
    case 'ticket_refused':
      return link.phase === 'ticket' ? { link: enter(link, 'sign_in', now_ms), actions: NOTHING }
        : { link, actions: NOTHING };
    case 'ticket_failed':
      return link.phase === 'ticket' ? wait(link, now_ms, random, event.why) : { link, actions: NOTHING };
    case 'open':
      if (link.phase !== 'connecting' || link.ticket === null) return { link, actions: NOTHING };
      return {
        link: enter(link, 'auth', now_ms, { ticket: null }),
        actions: [{ do: 'send', frame: { t: 'auth', ticket: link.ticket, proto: PROTOCOL } }],
      };
    case 'frame':
      return onFrame(link, event.frame, event.synced, event.since, now_ms);
    case 'desync':
      if (link.phase !== 'live' && link.phase !== 'snapshot') return { link, actions: NOTHING };
      return { ...wait(link, now_ms, random, 'gap'), actions: [{ do: 'close', code: 1000 }] };
    case 'closed':
      return onClosed(link, event.code, now_ms, random);
    case 'tick':
      return onTick(link, now_ms, random);
  }
}

function onFrame(link: Link, frame: ServerFrame, synced: boolean, since: Since | null, now_ms: number): Step {
  const heard = { ...link, last_frame_ms: now_ms };
  if (link.phase === 'auth' && frame.t === 'hello') {
    const from = link.fresh_start ? null : since;
    return {
      link: enter(heard, 'snapshot', now_ms, { fresh_start: false }),
      actions: [{ do: 'send', frame: { t: 'subscribe', channels: ['wall'], filter: {}, since: from, desk_changes: true } }],
    };
  }
  if (link.phase === 'snapshot' && synced && (frame.t === 'snapshot_end' || frame.t === 'delta')) {
    return { link: enter(heard, 'live', now_ms, { fresh_ms: now_ms, why: null }), actions: NOTHING };
  }
  if (link.phase === 'live' && !synced) return { link: enter(heard, 'snapshot', now_ms), actions: NOTHING };
  if (link.phase === 'live' && frame.t === 'beat') return { link: { ...heard, fresh_ms: now_ms }, actions: NOTHING };
  return { link: heard, actions: NOTHING };
}

function onClosed(link: Link, code: number, now_ms: number, random: number): Step {
  if (!['connecting', 'auth', 'snapshot', 'live'].includes(link.phase)) return { link, actions: NOTHING };
  const { name, answer, least_ms } = closeCode(code);
  switch (answer) {
    case 'stop':
      return { link: enter(link, 'stopped', now_ms, { why: name }), actions: NOTHING };
    case 'restart':
      return wait({ ...link, fresh_start: true }, now_ms, random, name, least_ms);
    case 'sign_in': // the next ticket decides: the session may well be good, only the ticket was too old
    case 'resume':
      return wait(link, now_ms, random, name, least_ms);
  }
}

function onTick(link: Link, now_ms: number, random: number): Step {
  switch (link.phase) {
    case 'waiting':
      return now_ms >= (link.retry_at_ms ?? 0) ? fetchTicket(link, now_ms) : { link, actions: NOTHING };
    case 'ticket':
    case 'connecting':
    case 'auth':
    case 'snapshot': {
      if (now_ms - link.since_ms < ATTEMPT_MAX_MS) return { link, actions: NOTHING };
      const next = wait(link, now_ms, random, 'no answer');
      return link.phase === 'ticket' ? next : { ...next, actions: [{ do: 'close', code: NO_HEARTBEAT }] };
    }
    case 'live': {
      const heard_ms = Math.max(link.fresh_ms ?? 0, link.last_frame_ms ?? 0);
      if (now_ms - heard_ms < OFFLINE_AFTER_MS) return { link, actions: NOTHING };
      return { ...wait(link, now_ms, random, 'no heartbeat'), actions: [{ do: 'close', code: NO_HEARTBEAT }] };
    }
    case 'idle':
    case 'sign_in':
    case 'stopped':
      return { link, actions: NOTHING };
  }
}

export type Mode = 'live' | 'stale' | 'offline';

export interface Standing {
  readonly mode: Mode;
  /** Whole seconds since the picture was last known to be the present; null before the first picture. */
  readonly age_s: number | null;
}

/**
 * Is the picture the present? Stale from 15 s without a beat, offline from 30 s. A server that lags behind its own
 * bus makes the picture stale as well, however regularly it beats.
 */
export function standing(link: Link, lag_s: number | null, now_ms: number): Standing {
  if (link.fresh_ms === null) return { mode: 'offline', age_s: null };
  const age_ms = Math.max(0, now_ms - link.fresh_ms);
  const age_s = Math.floor(age_ms / 1000);
  if (age_ms >= OFFLINE_AFTER_MS) return { mode: 'offline', age_s };
  if (age_ms >= STALE_AFTER_MS) return { mode: 'stale', age_s };
  if (lag_s !== null && lag_s * 1000 >= STALE_AFTER_MS) return { mode: 'stale', age_s: Math.floor(lag_s) };
  return { mode: 'live', age_s };
}
