/**
 * Commands on their way. A command stays pending, with one and the same `command_id`, until an outcome other than
 * UNKNOWN comes; after a reconnect and after a silence it is sent again. The server makes the repeat harmless.
 *
 * What a person asks for by itself goes before what was given for many alerts at once, and in either the more urgent
 * alert first: an acknowledgement of a P1 does not wait behind a hundred others. An alert has one command on its way.
 */

import type { Alert, CommandFrame, Op, OutcomeFrame, Priority } from './wire';

/** What an operation needs beside its alert; see `CommandFrame`. */
export type Fields = Partial<Omit<CommandFrame, 't' | 'command_id' | 'op' | 'alert_id' | 'expected_version'>>;

export interface Pending {
  readonly frame: CommandFrame;
  /** Server time when the person gave the command. */
  readonly given_ms: number;
  /** Page time of the last sending; null while it has never left. */
  readonly sent_ms: number | null;
  /** Priority of the alert when the command was given. */
  readonly priority: Priority;
  /** Given for several alerts at once. */
  readonly bulk: boolean;
}

/** An answered command, kept for the lines of the detail pane. */
export interface Answered {
  readonly pending: Pending;
  readonly outcome: OutcomeFrame;
}

export interface Commands {
  readonly pending: readonly Pending[];
  readonly answered: readonly Answered[];
}

/** No person has more than this many commands in flight; beyond it a new one is refused on the spot. */
export const PENDING_MAX = 120;
/** Beyond so many in all, none for several alerts at once is taken: what is asked for by itself has room. */
export const BULK_PENDING_MAX = 100;
export const ANSWERED_MAX = 100;
/** Commands sent within a second; the server refuses a dispatcher's beyond ten, and ends a connection that goes on so. */
export const SEND_MAX_PER_S = 8;
/** Of these so many for several alerts at once: there is always a turn for one that is asked for by itself. */
export const BULK_SEND_MAX_PER_S = 6;
/** Silence after which a command is sent again on a live connection. */
export const RESEND_AFTER_MS = 5_000;

export const NO_COMMANDS: Commands = { pending: [], answered: [] };

export function commandFrame(alert: Alert, op: Op, command_id: string, fields: Fields = {}): CommandFrame {
  return { t: 'command', command_id, op, alert_id: alert.id, expected_version: alert.version, note: null, ...fields };
}

export function ackFrame(alert: Alert, command_id: string, note: string | null): CommandFrame {
  return commandFrame(alert, 'ack', command_id, { note });
}

/** Adds a command; null when the list is full or the alert already has one on its way. */
export function give(commands: Commands, frame: CommandFrame, given_ms: number, need: Partial<Pick<Pending, 'priority' | 'bulk'>> = {}): Commands | null {
  const { priority = 4, bulk = false } = need;
  if (commands.pending.length >= (bulk ? BULK_PENDING_MAX : PENDING_MAX) || pendingFor(commands, frame.alert_id)) return null;
  return { ...commands, pending: [...commands.pending, { frame, given_ms, sent_ms: null, priority, bulk }] };
}

/** The command to an alert, given for several at once, is asked for by itself now: it goes before them, with its id. */
export function promote(commands: Commands, alert_id: string): Commands {
  if (!pendingFor(commands, alert_id)?.bulk) return commands;
  return { ...commands, pending: commands.pending.map((p) => (p.frame.alert_id === alert_id ? { ...p, bulk: false } : p)) };
}

export function pendingFor(commands: Commands, alert_id: string): Pending | null {
  return commands.pending.find((p) => p.frame.alert_id === alert_id) ?? null;
}

export function answerFor(commands: Commands, alert_id: string): Answered | null {
  return commands.answered.findLast((a) => a.pending.frame.alert_id === alert_id) ?? null;
}

/** By itself, then for many and not gone yet, then for many and to go again: a long silence holds nothing up. */
const turnOf = (p: Pending): number => (p.bulk ? (p.sent_ms === null ? 1 : 2) : 0);
/** Its turn, then the more urgent alert, then what did not go yet, then what went longest ago; else as they were given. */
const byTurn = (a: Pending, b: Pending): number => turnOf(a) - turnOf(b) || a.priority - b.priority || (a.sent_ms ?? -1) - (b.sent_ms ?? -1);

/** What has to be sent now, the neediest first and no more than the server takes, and the list with it marked as sent. */
export function due(commands: Commands, now_ms: number): { commands: Commands; frames: readonly CommandFrame[] } {
  const isDue = (p: Pending): boolean => p.sent_ms === null || now_ms - p.sent_ms >= RESEND_AFTER_MS;
  const sent = [...commands.pending, ...commands.answered.map((a) => a.pending)]
    .filter((p) => p.sent_ms !== null && now_ms - p.sent_ms < 1_000);
  let room = Math.max(0, SEND_MAX_PER_S - sent.length);
  let bulk_room = Math.max(0, BULK_SEND_MAX_PER_S - sent.filter((p) => p.bulk).length);
  const now = commands.pending.filter(isDue).sort(byTurn).filter((p) => {
    if (room === 0 || (p.bulk && bulk_room === 0)) return false;
    room -= 1;
    if (p.bulk) bulk_room -= 1;
    return true;
  });
  const frames = now.map((p) => p.frame);
  if (frames.length === 0) return { commands, frames };
  const pending = commands.pending.map((p) => (now.includes(p) ? { ...p, sent_ms: now_ms } : p));
  return { commands: { ...commands, pending }, frames };
}

/** The connection is gone: whatever was sent on it without an answer must go again. */
export function unsend(commands: Commands): Commands {
  return { ...commands, pending: commands.pending.map((p) => ({ ...p, sent_ms: null })) };
}

/** Takes an outcome: the command is answered. UNKNOWN leaves it pending, to be sent again after the silence. */
export function settle(commands: Commands, outcome: OutcomeFrame): Commands {
  const pending = commands.pending.find((p) => p.frame.command_id === outcome.command_id);
  if (!pending || outcome.outcome === 'UNKNOWN') return commands;
  return {
    pending: commands.pending.filter((p) => p !== pending),
    answered: [...commands.answered, { pending, outcome }].slice(-ANSWERED_MAX),
  };
}
