/**
 * What somebody typed and did not send yet, and commands to the desk whose answer is not known. Both outlive the panel in
 * which they began: a place is `incident/I-1`, `handover/H-1`, `silence/A-1`, `alert/A-1/shelve`. Pure.
 */

/** Places with a text; beyond it what was written longest ago goes. */
export const DRAFTS_MAX = 200;
/** Commands without an answer; beyond it the oldest is forgotten, and would be asked for under a new id. */
export const OPEN_MAX = 100;

interface Open {
  readonly place: string;
  /** What was asked, in full. */
  readonly what: string;
  readonly command_id: string;
}

export interface Drafts {
  readonly texts: ReadonlyMap<string, string>;
  readonly open: readonly Open[];
}

export const NO_DRAFTS: Drafts = { texts: new Map(), open: [] };

export function draftOf(drafts: Drafts, place: string): string {
  return drafts.texts.get(place) ?? '';
}

export function write(drafts: Drafts, place: string, text: string): Drafts {
  const texts = new Map(drafts.texts);
  texts.delete(place);
  if (text !== '') texts.set(place, text);
  const [oldest] = texts.keys();
  if (texts.size > DRAFTS_MAX && oldest !== undefined) texts.delete(oldest);
  return { ...drafts, texts };
}

/** Notes a command before it is sent, and gives its id: that of the last try while nobody answered the very same. */
export function begin(drafts: Drafts, place: string, what: string, make: () => string): { drafts: Drafts; command_id: string } {
  const held = drafts.open.find((one) => one.place === place && one.what === what);
  if (held) return { drafts, command_id: held.command_id };
  const command_id = make();
  return { drafts: { ...drafts, open: [...drafts.open, { place, what, command_id }].slice(-OPEN_MAX) }, command_id };
}

/** The command was answered. */
export function settleDraft(drafts: Drafts, command_id: string): Drafts {
  if (!drafts.open.some((one) => one.command_id === command_id)) return drafts;
  return { ...drafts, open: drafts.open.filter((one) => one.command_id !== command_id) };
}

/** What was asked of a place and has no answer, the oldest first. */
export function unanswered(drafts: Drafts, place: string): string[] {
  return drafts.open.filter((one) => one.place === place).map((one) => one.what);
}
