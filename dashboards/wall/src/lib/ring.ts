/**
 * What should ring, and when: pure. P1 rings at once and until somebody acknowledges, every 30 s; P2 rings once, when it has
 * asked for two seconds (what something explains asks for a moment only, before it is hidden); P3 and P4 never.
 * A lost connection rings once per loss. What was already there when the page opened rings only if it is a P1.
 *
 * In a flood of alerts only P1 and the rules that the installation names sound. What made no sound then counts as rung:
 * the end of a flood plays nothing after, unless it ends because the desk fell silent: then one tone of P2 while any waits.
 * A flood silences a P2 only when there was one in all of these two seconds.
 */

import type { Priority } from '../model/wire';

export type Tone = 'p1' | 'p2' | 'lost';

export const P1_REPEAT_MS = 30_000;
export const P2_AFTER_MS = 2_000;
export const MUTE_MS = 10 * 60_000;
/** What the system says of itself sounds always: it is about the picture, not about the province. */
const OWN_RULES: ReadonlySet<string> = new Set(['escalation-audit', 'desk-silent', 'intake-silent', 'handover-unsigned']);

export interface Ringer {
  /** Alert id → priority at which it rang; null before the first complete picture. */
  readonly rung: ReadonlyMap<string, Priority> | null;
  readonly p1_at_ms: number | null;
  readonly lost: boolean;
  readonly muted_until_ms: number | null;
  /** Alert id → since when it is seen to ask, by the clock of the page, and whether it was a P2 that no flood silenced. */
  readonly asking?: ReadonlyMap<string, { readonly since_ms: number; readonly passed: boolean }>;
  /** There was a flood when it was looked last. */
  readonly flooded?: boolean;
}

export const SILENT_RINGER: Ringer = { rung: null, p1_at_ms: null, lost: false, muted_until_ms: null };

export interface Sounding {
  /** Alerts that wait for a human. */
  readonly waiting: readonly { readonly id: string; readonly priority: Priority; readonly rule?: string }[];
  /** There is a complete picture. */
  readonly synced: boolean;
  readonly offline: boolean;
  /** Rules that sound in the flood that is now; absent or null: there is no flood. */
  readonly flood_rules?: readonly string[] | null;
  /** The desk is silent: a flood of which it spoke ends unheard, and what made no sound may have come after its last word. */
  readonly desk_silent?: boolean;
}

/** Whether a flood lets an alert sound. */
function passes(alert: Sounding['waiting'][number], flood_rules: readonly string[] | null): boolean {
  return flood_rules === null || alert.priority === 1 || OWN_RULES.has(alert.rule ?? '') || (alert.rule !== undefined && flood_rules.includes(alert.rule));
}

/** What rings now. Muting hides a tone, it does not postpone it: after ten minutes only a P1 still rings. */
export function ring(ringer: Ringer, at: Sounding, now_ms: number): { ringer: Ringer; tones: readonly Tone[] } {
  const tones: Tone[] = [];
  const was = ringer.rung;
  const rung = new Map(was ?? []);
  const asking = new Map<string, { since_ms: number; passed: boolean }>();
  const flooded = at.synced ? (at.flood_rules ?? null) !== null : ringer.flooded ?? false;
  const unheard = ringer.flooded && !flooded && at.desk_silent && at.waiting.some((alert) => alert.priority === 2);
  if (unheard) tones.push('p2');
  let fresh_p1 = false;
  if (at.synced) {
    for (const alert of at.waiting) {
      const { id, priority } = alert;
      const known = ringer.asking?.get(id);
      // A clock that was set back begins anew.
      const since_ms = Math.min(known?.since_ms ?? now_ms, now_ms);
      const passed = known?.passed || (priority === 2 && passes(alert, at.flood_rules ?? null));
      asking.set(id, { since_ms, passed });
      const before = rung.get(id);
      if (before !== undefined && before <= priority) continue;
      if (priority === 2 && was !== null && !unheard) {
        if (now_ms - since_ms < P2_AFTER_MS) continue;
        if (passed) tones.push('p2');
      }
      rung.set(id, priority);
      if (priority === 1) fresh_p1 = true;
    }
    // What nobody is asked for any more may ask anew: it rings then as if for the first time.
    for (const id of [...rung.keys()]) if (!asking.has(id)) rung.delete(id);
  }
  const p1_waits = at.waiting.some((alert) => alert.priority === 1);
  const again = ringer.p1_at_ms === null || now_ms - ringer.p1_at_ms >= P1_REPEAT_MS;
  const p1 = at.synced && p1_waits && (fresh_p1 || again);
  if (p1) tones.unshift('p1');
  if (at.offline && !ringer.lost) tones.push('lost');
  const muted_until_ms = ringer.muted_until_ms !== null && now_ms < ringer.muted_until_ms ? ringer.muted_until_ms : null;
  return {
    ringer: {
      rung: at.synced ? rung : was,
      asking: at.synced ? asking : ringer.asking ?? asking,
      p1_at_ms: p1 ? now_ms : p1_waits ? ringer.p1_at_ms : null,
      lost: at.offline,
      flooded,
      muted_until_ms,
    },
    tones: muted_until_ms === null ? [...new Set(tones)] : [],
  };
}

/** The mute key: silence for ten minutes, or sound again at once. */
export function toggleMute(ringer: Ringer, now_ms: number): Ringer {
  const muted = ringer.muted_until_ms !== null && now_ms < ringer.muted_until_ms;
  return { ...ringer, muted_until_ms: muted ? null : now_ms + MUTE_MS };
}
