/** The keyboard of the console: which key asks for what. Pure; nothing fires while somebody types or composes. */

import type { Op, Priority } from '../model/wire';

export type KeyCommand =
  | { readonly do: 'move'; readonly by: 1 | -1 }
  | { readonly do: 'priority'; readonly priority: Priority }
  | { readonly do: 'act'; readonly op: Op }
  | { readonly do: 'side'; readonly side: 'incidents' | 'handover' | 'quality' }
  | { readonly do: 'open' | 'ack' | 'ack_note' | 'search' | 'unacked' | 'select' | 'help' | 'escape' | 'bring_in' };

export interface KeyPress {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
  readonly isComposing: boolean;
  /** Old browsers say 229 while an input method composes. */
  readonly keyCode?: number;
}

export interface Focus {
  /** A text field has the focus. */
  readonly typing: boolean;
  /** A button, link or box has the focus: Enter and Space belong to it. */
  readonly control: boolean;
  /** Single-letter keys are switched on (WCAG 2.1.4). */
  readonly letters: boolean;
}

const KEYS: Readonly<Record<string, KeyCommand>> = {
  j: { do: 'move', by: 1 },
  k: { do: 'move', by: -1 },
  ArrowDown: { do: 'move', by: 1 },
  ArrowUp: { do: 'move', by: -1 },
  Enter: { do: 'open' },
  a: { do: 'ack' },
  A: { do: 'ack_note' },
  '/': { do: 'search' },
  u: { do: 'unacked' },
  t: { do: 'act', op: 'take' },
  d: { do: 'act', op: 'dispatch' },
  c: { do: 'act', op: 'comment' },
  s: { do: 'act', op: 'shelve' },
  x: { do: 'act', op: 'close' },
  i: { do: 'side', side: 'incidents' },
  h: { do: 'side', side: 'handover' },
  l: { do: 'side', side: 'quality' },
  ' ': { do: 'select' },
  '?': { do: 'help' },
  Escape: { do: 'escape' },
  n: { do: 'bring_in' },
  N: { do: 'bring_in' },
  1: { do: 'priority', priority: 1 },
  2: { do: 'priority', priority: 2 },
  3: { do: 'priority', priority: 3 },
  4: { do: 'priority', priority: 4 },
};

/** The key of an operation, as a button shows it; empty when it has none. */
export function keyOf(op: Op): string {
  const found = Object.entries(KEYS).find(([, command]) => command.do === 'act' && command.op === op);
  return found ? found[0].toUpperCase() : '';
}

/** The key that opens a side of the console; empty when it has none. */
export function keyOfSide(side: string): string {
  const found = Object.entries(KEYS).find(([, command]) => command.do === 'side' && command.side === side);
  return found ? found[0].toUpperCase() : '';
}

/** What a key asks for; null when it is nobody's or somebody else's. */
export function keyCommand(press: KeyPress, focus: Focus): KeyCommand | null {
  if (press.isComposing || press.keyCode === 229 || press.key === 'Process') return null;
  if (press.ctrlKey || press.altKey || press.metaKey) return null;
  if (focus.typing && press.key !== 'Escape') return null;
  if (focus.control && (press.key === 'Enter' || press.key === ' ')) return null;
  if (!focus.letters && press.key.length === 1 && press.key !== ' ') return null;
  return KEYS[press.key] ?? null;
}
