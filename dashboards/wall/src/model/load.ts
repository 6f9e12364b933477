/** The line of the wall about the load of the operators, and how far it may be believed. Pure. */

import type { QualityAnswer } from './quality';

export const MINUTES_MS = 10 * 60_000;
export const DAY_MS = 24 * 3_600_000;
/** The figures are read so often; after a failure so soon again. */
export const READ_EVERY_MS = 60_000;
export const RETRY_MS = 10_000;
/** Older figures are not the present any more: two readings were missed. */
export const OLD_AFTER_MS = 150_000;
/** Times and chattering are of the whole day unless more than this of it is not counted. */
const PARTLY_MS = 60_000;

/** Two answers of one moment. `page_ms`: page clock when they were asked for. */
export interface LoadRead {
  readonly ten: QualityAnswer;
  readonly day: QualityAnswer;
  readonly page_ms: number;
}

/**
 * `good`; `old`: not read again in time; `blind`: the picture is not the present, or a part that makes the figures is
 * away, so that they would stay calm whatever happens; `none`: never read.
 */
export type Trust = 'good' | 'old' | 'blind' | 'none';

export interface Load {
  readonly trust: Trust;
  /** Null when nothing was ever read. */
  readonly age_ms: number | null;
  /** Announcements of the last ten minutes per position. */
  readonly rate: number | null;
  readonly over: boolean;
  readonly standing: number | null;
  readonly stale: number | null;
  readonly shelved: number | null;
  /** Objects of the last day. */
  readonly chattering: number | null;
  /** Median of the last day; null also when nobody acknowledged anything. */
  readonly ack_s: number | null;
  /** Of a busy day only what came from then on is counted. */
  readonly from_ms: number | null;
}

const NOTHING: Load = {
  trust: 'none', age_ms: null, rate: null, over: false, standing: null, stale: null, shelved: null, chattering: null, ack_s: null, from_ms: null,
};

/** `above`: announcements of ten minutes per position that nobody can follow; `present`: is the picture it, of all parts? */
export function loadOf(read: LoadRead | null, failed: boolean, present: boolean, above: number, page_ms: number): Load {
  if (read === null) return NOTHING;
  const { ten, day } = read;
  const age_ms = Math.max(0, page_ms - read.page_ms);
  const trust: Trust = !present ? 'blind' : failed || age_ms > OLD_AFTER_MS ? 'old' : 'good';
  const rate = ten.span.announced / Math.max(1, ten.span.positions);
  return {
    trust, age_ms, rate,
    over: trust === 'good' && rate > above,
    standing: Object.values(day.now.standing).reduce((sum, n) => sum + n, 0),
    stale: day.now.stale_count,
    shelved: day.now.hidden['SHLVD'] ?? 0,
    chattering: day.span.chattering.length,
    ack_s: day.span.acknowledge.all.p50_s,
    from_ms: day.complete_from_ms > day.span.to_ms - DAY_MS + PARTLY_MS ? day.complete_from_ms : null,
  };
}
