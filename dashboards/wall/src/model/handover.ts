/** The handover of a shift: which one is due, its sections, who may sign. Pure; mirrors `ioc/domain/handover.py`. */

import type { Lang } from './profile';
import type { Priority } from './wire';

export const SECTIONS = ['unacknowledged', 'acknowledged', 'hidden', 'sources', 'corrected'] as const;
/** `ended`, of an addendum alone: alerts that closed. */
export type Section = (typeof SECTIONS)[number] | 'ended';
export type HandoverOp = 'note' | 'give' | 'take';
export const STATES = ['draft', 'given', 'taken', 'missed'] as const;

/** One alert of the digest. */
export interface Item {
  readonly section: Section;
  readonly alert_id: string;
  readonly rule: string;
  readonly priority: Priority;
  readonly state: string;
  readonly title_vi: string;
  readonly title_en: string;
  readonly place_vi: string;
  readonly place_en: string;
  readonly centre: string;
  readonly since_ms: number;
  readonly owner: string | null;
  readonly owner_display: string | null;
  /** Hidden: when that ends; null: nobody knows. */
  readonly until_ms: number | null;
  readonly why: string;
  /** What explains it, in English; absent: a person gave the reason, or the version that made it did not say. */
  readonly why_en?: string;
  /** Hidden: how often something happened behind it. */
  readonly hid: number;
  /** When it closed; absent: it is open. */
  readonly ended_ms?: number;
}

/** A silence of a person or a planned window that is in force. */
export interface Suppressing {
  readonly kind: 'silence' | 'window';
  readonly id: string;
  /** Its conditions in one line, with ids. */
  readonly about: string;
  /** The same in names. Absent in digests of before. */
  readonly about_vi?: string;
  readonly about_en?: string;
  readonly why_vi: string;
  readonly why_en: string;
  /** Null: of a plan that names nobody. */
  readonly owner: string | null;
  readonly owner_display: string | null;
  readonly since_ms: number;
  /** Null: not within two weeks. */
  readonly until_ms: number | null;
  /** Alerts it hid, each once. */
  readonly hid: number;
}

/** A centre, feed or site of which nothing was heard for so long that it counts as out of service. Nobody took it out. */
export interface OutOfService {
  readonly key: string;
  readonly rule: string;
  readonly centre: string;
  /** Empty: the whole centre. */
  readonly feed: string;
  /** Empty: the whole feed. */
  readonly site: string;
  readonly name_vi: string;
  readonly name_en: string;
  readonly since_ms: number;
  readonly out_ms: number;
  /** When somebody should look at it. */
  readonly review_ms: number;
}

/** What a shift hands over. Counts are of the whole section; `items` hold its first 50. */
export interface Digest {
  readonly at_ms: number;
  readonly raised: number;
  readonly ended: number;
  readonly acknowledge_p50_s: number | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly items: readonly Item[];
  readonly silences: number;
  /** First 50, what ends first above. Absent in digests of before. */
  readonly suppressing?: readonly Suppressing[];
  /** First 50 sources by their date of review. */
  readonly out_of_service?: readonly OutOfService[];
}

/** What happened after the digest was locked and before the next shift began; `counts` and `items` as in the digest. */
export interface Addendum {
  readonly since_ms: number;
  readonly at_ms: number;
  readonly raised: number;
  readonly ended: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly items: readonly Item[];
  /** What began since. */
  readonly suppressing?: readonly Suppressing[];
  readonly out_of_service?: readonly OutOfService[];
}

export interface ShiftNote {
  readonly at_ms: number;
  readonly actor: string;
  readonly actor_display: string;
  readonly text: string;
}

export interface Signature {
  readonly actor: string;
  readonly actor_display: string;
  readonly station: string;
  readonly at_ms: number;
  /** What was signed; the outgoing signature is for digest and notes alone. */
  readonly digest_hash?: string;
  /** Why somebody signed who is not on the roster of that shift; empty: they are, or nobody knows. */
  readonly standing_in?: string;
}

/** One handover, from `GET /api/desk/handovers`. */
export interface Handover {
  readonly id: string;
  readonly roster: string;
  readonly roster_vi: string;
  readonly roster_en: string;
  readonly shift_start_ms: number;
  readonly shift_end_ms: number;
  /** From then on an alert asks for the signature. */
  readonly due_ms: number;
  /** When the next handover falls due. */
  readonly missed_ms: number;
  /** Since when that alert asks; null: it never did. */
  readonly unsigned_ms: number | null;
  /** When the end of the shift was noticed; long after it when the desk did not run then; null: not yet. */
  readonly ended_ms?: number | null;
  readonly outgoing: readonly string[];
  readonly incoming: readonly string[];
  /** Accounts that sign as that shift; another one signs only as standing in. Empty: whoever may sign. */
  readonly outgoing_accounts?: readonly string[];
  readonly incoming_accounts?: readonly string[];
  readonly state: (typeof STATES)[number];
  readonly digest: Digest;
  /** Null: nothing happened since. The incoming signature is for it too. */
  readonly addendum?: Addendum | null;
  readonly notes: readonly ShiftNote[];
  readonly given: Signature | null;
  readonly taken: Signature | null;
  /** What the next signature stands for. */
  readonly digest_hash: string;
}

/** Body of a command to a handover without its id. */
export interface HandoverAsked {
  readonly op: HandoverOp;
  readonly text?: string;
  readonly digest_hash?: string;
  /** Of a signature by somebody who is not on the roster of that shift; needs the reason. */
  readonly standing_in?: boolean;
  readonly reason?: string;
}

/** Longest note, characters; the server refuses more. */
export const NOTE_MAX = 500;

const isOver = (one: Handover): boolean => one.state === 'taken' || one.state === 'missed';

/** Those to choose from: what still needs a signature, the one due first above; then what is over, the newest first. */
export function ordered(handovers: readonly Handover[]): Handover[] {
  return [...handovers].sort((a, b) => Number(isOver(a)) - Number(isOver(b))
    || (isOver(a) ? b.shift_end_ms - a.shift_end_ms : a.shift_end_ms - b.shift_end_ms) || (a.id < b.id ? -1 : 1));
}

type Listed = Pick<Digest, 'counts' | 'items'>;

export function itemsOf(digest: Listed, section: Section): Item[] {
  return digest.items.filter((item) => item.section === section);
}

/** The two lists beside the sections. */
export const BESIDE = ['suppressing', 'out_of_service'] as const;

/** How many a list beside the sections has in all; null: the version that made it did not say. */
export function besideCount(digest: Pick<Digest, 'counts' | 'suppressing' | 'out_of_service'>, list: (typeof BESIDE)[number]): number | null {
  const shown = digest[list];
  return shown === undefined ? null : digest.counts[list] ?? shown.length;
}

/** What a silence or a window is about: in names, or with the ids of a digest of before. */
export function aboutOf(one: Suppressing, lang: Lang): string {
  return (lang === 'en' ? one.about_en || one.about_vi : one.about_vi || one.about_en) || one.about;
}

/** Why an alert is hidden, in the language of the page; what a person wrote is as they wrote it. */
export function whyOf(item: Item, lang: Lang): string {
  return lang === 'en' ? item.why_en || item.why : item.why || item.why_en || '';
}

/** How many a section has in all. */
export function countOf(digest: Listed, section: Section): number {
  return digest.counts[section] ?? itemsOf(digest, section).length;
}

export function rosterOf(one: Handover, lang: Lang): string {
  return (lang === 'en' ? one.roster_en || one.roster_vi : one.roster_vi || one.roster_en) || one.roster;
}

/**
 * Signatures that an account may give now. The incoming shift takes what was given; when its own
 * shift has begun and nobody gave, it may take the draft. Nobody signs both.
 */
export function signable(one: Handover, user: string, may: boolean, server_now_ms: number): ('give' | 'take')[] {
  if (!may || isOver(one)) return [];
  if (one.state === 'given') return one.given?.actor === user ? [] : ['take'];
  return server_now_ms >= one.shift_end_ms ? ['take', 'give'] : ['give'];
}

const folded = (name: string): string => name.trim().toLocaleLowerCase('vi');

/**
 * The signature that is proposed to a person, by what the roster says of them under any of their names: giving to the
 * outgoing, taking to the incoming. To somebody the roster does not know, only what is the one possible signature; null:
 * they have to choose themselves.
 */
export function usual(one: Handover, ops: readonly ('give' | 'take')[], names: readonly string[]): 'give' | 'take' | null {
  const mine = new Set(names.map(folded).filter(Boolean));
  const on = (roster: readonly string[]): boolean => roster.some((name) => mine.has(folded(name)));
  const [out, into] = [on([...one.outgoing, ...(one.outgoing_accounts ?? [])]), on([...one.incoming, ...(one.incoming_accounts ?? [])])];
  if (out !== into) return ops.find((op) => op === (out ? 'give' : 'take')) ?? null;
  return ops.length === 1 ? ops[0] ?? null : null;
}

/** Does the roster know by account who signs, and not this one? Then they stand in and say why; the desk has the last word. */
export function standsIn(one: Handover, op: 'give' | 'take', user: string): boolean {
  const accounts = (op === 'give' ? one.outgoing_accounts : one.incoming_accounts) ?? [];
  return accounts.length > 0 && !accounts.includes(user);
}

/** The end of a shift is noticed within seconds by a desk that runs. */
const LATE_MS = 60_000;

/** When the digest was made, if that was long after the end of its shift because the desk did not run then; else null. */
export function madeLate(one: Handover): number | null {
  const ended_ms = one.ended_ms ?? null;
  return ended_ms !== null && ended_ms - one.shift_end_ms > LATE_MS ? ended_ms : null;
}

/** Sections of an addendum that are not empty, in their order. */
export function changedSections(addendum: Addendum): Section[] {
  return ([...SECTIONS, 'ended'] as const).filter((section) => countOf(addendum, section) > 0);
}

/** A signature that was asked for and not confirmed yet, of the digest that was shown then. */
export interface Signing {
  readonly id: string;
  readonly op: 'give' | 'take';
  readonly digest_hash: string;
  /** Server time. */
  readonly at_ms: number;
}
/** A signature that is not confirmed by then has to be asked for again. */
const CONFIRM_MS = 30_000;

/** Does a second press sign now what is shown? Not another handover, another digest, nor something asked long ago. */
export function confirms(asking: Signing | null, one: Handover | undefined, server_ms: number): 'give' | 'take' | null {
  if (!asking || asking.id !== one?.id || asking.digest_hash !== one.digest_hash) return null;
  return server_ms - asking.at_ms <= CONFIRM_MS ? asking.op : null;
}

/** When handovers were read last, server time, and whether the last attempt failed. */
export interface Reading {
  readonly at_ms: number;
  readonly failed: boolean;
}
/** Without an answer for so long, even a bad one, nobody knows whether what is shown is still so: three attempts. */
const CURRENT_MS = 30_000;

/** Is what is shown not known to be the present? Then nobody signs it. */
export function unread(reading: Reading | null, server_ms: number): boolean {
  return reading === null || reading.failed || server_ms - reading.at_ms > CURRENT_MS;
}

/** The signature names what was read: another digest is refused as STALE. `standing_in`: why somebody off the roster signs. */
export function signing(op: 'give' | 'take', read: Handover, standing_in: string | null = null): HandoverAsked {
  const why = standing_in === null ? {} : { standing_in: true, reason: standing_in.trim() };
  return { op, digest_hash: read.digest_hash, ...why };
}
