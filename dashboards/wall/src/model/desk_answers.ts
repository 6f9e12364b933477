/** Answers to commands that go to the desk over HTTP: what became of them. Pure. */

import type { DeskAnswer, DeskLate } from './wire_desk';

type Answered =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly status: number; readonly error: string; readonly detail?: string; readonly late?: DeskLate };

export interface Reply {
  /** It is so now: done, or it was so already. */
  readonly done: boolean;
  /** There is an answer; without one the command may have happened and goes again with the same id. */
  readonly settled: boolean;
  readonly outcome: string;
  /** Code of the refusal; empty when there is none. */
  readonly code: string;
  /** Who was faster, where the desk says so. */
  readonly by: string;
  /** The account of them; null: nobody, or not said. */
  readonly by_id: string | null;
  /** When they did it; null: not known any more. */
  readonly by_at_ms: number | null;
  /** Id of the incident, or of the single alert, where the alerts are now; empty: not said. */
  readonly into: string;
}

/** HTTP statuses after which nobody knows whether the command was carried out. */
const OPEN: ReadonlySet<number> = new Set([0, 502, 503, 504]);

export function replyOf(answer: Answered): Reply {
  if (!answer.ok) {
    const outcome = answer.error.toUpperCase();
    const code = answer.detail && /^[A-Za-z_]+$/.test(answer.detail) ? answer.detail : answer.error || String(answer.status);
    const { late } = answer;
    const into = /(?:^|\s)into=(\S+)/.exec(late?.about ?? '')?.[1] ?? '';
    return { done: false, settled: !OPEN.has(answer.status), outcome, code, by: late?.by_display ?? late?.by ?? '', by_id: late?.by ?? null,
      by_at_ms: late?.by_at_ms ?? null, into };
  }
  const said = answer.value as Partial<DeskAnswer> | null;
  const outcome = said?.outcome ?? 'DONE';
  const done = outcome === 'DONE' || outcome === 'ALREADY';
  return { done, settled: outcome !== 'UNKNOWN', outcome, code: done ? '' : said?.reason || outcome, by: said?.by_display ?? said?.by ?? '',
    by_id: said?.by ?? null, by_at_ms: said?.by_at_ms ?? null, into: '' };
}
