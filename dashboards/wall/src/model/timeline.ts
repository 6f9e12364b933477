/** The life of one alert as lines: the server's log, what its own fields say, and commands of this page. Pure. */

import type { Answered, Pending } from './commands';
import { OPS, type Alert, type LogEntry, type Op, type Priority, type Summons } from './wire';

export type LineKind =
  | 'raised' | 'escalated' | 'lowered' | 'level' | 'cleared' | 'reraised' | 'blind' | 'sighted' | 'closed' | 'superseded'
  | 'muted' | 'unmuted' | 'reexplained' | 'realarmed' | 'unhidden' | 'hiddenoccurrence' | 'reviewdue' | 'chattering' | 'called' | 'uncalled' | 'acked' | 'done' | 'refused' | 'pending' | 'other';

export interface Line {
  readonly id: string;
  readonly at_ms: number;
  readonly kind: LineKind;
  readonly priority: Priority;
  readonly who: string | null;
  /** Of a command: what was asked. */
  readonly op: Op | null;
  /** Who had it already, for a refused command. */
  readonly other: string | null;
  readonly note: string;
  /** A step of an escalation. */
  readonly summons?: Summons | null;
  /** Why a shelf ended, when that was not its time or somebody's hand. */
  readonly why?: string;
}

const KINDS: Readonly<Record<string, LineKind>> = {
  raised: 'raised', escalated: 'escalated', eased: 'lowered', level: 'level', cleared: 'cleared', reraised: 'reraised',
  blind: 'blind', seen: 'sighted', closed: 'closed', superseded: 'superseded', ack: 'acked',
  muted: 'muted', unmuted: 'unmuted', reexplained: 'reexplained', realarmed: 'realarmed', unhidden: 'unhidden', hiddenoccurrence: 'hiddenoccurrence',
  reviewdue: 'reviewdue', chattering: 'chattering',
};

function opOf(entry: LogEntry): Op | null {
  return entry.kind === 'command' ? OPS.find((op) => op === entry.what) ?? null : null;
}

function kindOf(entry: LogEntry): LineKind {
  if (entry.kind === 'command' && !entry.accepted) return 'refused';
  if (entry.kind === 'command' && entry.what !== 'ack') return opOf(entry) ? 'done' : 'other';
  if (entry.what === 'summoned') return entry.summons?.whom.length ? 'called' : 'uncalled';
  return KINDS[entry.what.toLowerCase().replace(/[^a-z]/g, '')] ?? 'other';
}

function asPriority(value: number | undefined, fallback: Priority): Priority {
  return value === 1 || value === 2 || value === 3 || value === 4 ? value : fallback;
}

function fromLog(entry: LogEntry, alert: Alert): Line {
  const kind = kindOf(entry);
  return {
    id: entry.id,
    at_ms: entry.at_ms,
    kind,
    priority: asPriority(entry.priority, alert.priority),
    who: entry.actor_display ?? entry.actor ?? null,
    op: opOf(entry),
    other: entry.by_display ?? entry.by ?? null,
    note: [kind === 'other' ? entry.what : '', kind === 'done' ? entry.detail ?? '' : '', entry.note ?? ''].filter(Boolean).join(' · '),
    summons: entry.summons ?? null,
    ...(entry.kind === 'transition' && entry.reason?.startsWith('SHELF_') ? { why: entry.reason } : {}),
  };
}

/** The log tells of the acknowledgement that the alert speaks of. */
function hasAck(alert: Alert, log: readonly LogEntry[]): boolean {
  return log.some((e) => e.kind === 'command' && e.accepted && e.at_ms === alert.acked_ms);
}

/** The log's last word about whether the condition holds is that it is over. */
function hasEnd(log: readonly LogEntry[]): boolean {
  const turns = log.flatMap((e) => (e.kind === 'transition' ? [kindOf(e)] : []))
    .filter((kind) => ['raised', 'reraised', 'cleared', 'closed', 'superseded', 'hiddenoccurrence'].includes(kind));
  return ['cleared', 'closed', 'superseded', 'hiddenoccurrence'].includes(turns.at(-1) ?? '');
}

/** The alert already says something that the log does not tell yet: the recorder has not come that far. */
export function logIsBehind(alert: Alert, log: readonly LogEntry[]): boolean {
  if (alert.acked_ms != null && !hasAck(alert, log)) return true;
  if (hasEnd(log) === alert.active) return true;
  return log.every((e) => !e.accepted || !e.to_state) || log.findLast((e) => e.accepted && e.to_state)?.to_state !== alert.state;
}

/** What the alert says about itself and the log does not tell, or not yet. */
function fromAlert(alert: Alert, log: readonly LogEntry[]): Line[] {
  const line = (kind: LineKind, at_ms: number, who: string | null = null, note = ''): Line =>
    ({ id: `self-${kind}`, at_ms, kind, priority: alert.priority, who, op: null, other: null, note });
  const lines: Line[] = [];
  if (!log.some((e) => kindOf(e) === 'raised')) lines.push(line('raised', alert.raised_ms));
  if (alert.acked_ms != null && !hasAck(alert, log)) {
    lines.push(line('acked', alert.acked_ms, alert.acked_by_display ?? alert.acked_by ?? null, alert.ack_note ?? ''));
  }
  if (!alert.active && !hasEnd(log)) lines.push(line('cleared', alert.cleared_ms ?? alert.updated_ms));
  return lines;
}

export interface Mine {
  readonly pending: Pending | null;
  readonly answered: readonly Answered[];
  readonly me: string;
}

/** Lines in the order of time. A command of this page is left out as soon as the log has it. */
export function linesOf(alert: Alert, log: readonly LogEntry[] | null, mine: Mine): Line[] {
  const logged = new Set((log ?? []).flatMap((entry) => entry.command_id ?? []));
  const told = log ?? [];
  const base = [...told.map((entry) => fromLog(entry, alert)), ...fromAlert(alert, told)];
  const own = mine.answered
    .filter(({ pending, outcome }) => !logged.has(pending.frame.command_id) && outcome.outcome !== 'DONE')
    .map(({ pending, outcome }): Line => ({
      id: pending.frame.command_id,
      at_ms: pending.given_ms,
      kind: outcome.outcome === 'CLEARED_ALREADY' && pending.frame.op === 'ack' ? 'acked' : 'refused',
      priority: alert.priority,
      who: mine.me,
      op: pending.frame.op,
      other: outcome.by_display ?? outcome.by ?? null,
      note: pending.frame.note ?? '',
    }));
  const waiting: Line[] = mine.pending ? [{
    id: mine.pending.frame.command_id, at_ms: mine.pending.given_ms, kind: 'pending', priority: alert.priority,
    who: mine.me, op: mine.pending.frame.op, other: null, note: mine.pending.frame.note ?? '',
  }] : [];
  return [...base, ...own, ...waiting].sort((a, b) => a.at_ms - b.at_ms);
}
