/** The words of the pages in both languages. */

import type { Lang } from '../model/profile';
import { chatter_en, chatter_vi } from './words_chatter';
import { en } from './words_en';
import { vi } from './words_vi';

export type Word = keyof typeof vi | keyof typeof chatter_vi;

export const WORDS: Readonly<Record<Lang, Readonly<Record<Word, string>>>> = {
  vi: { ...vi, ...chatter_vi },
  en: { ...en, ...chatter_en },
};

export type Say = (word: Word, parts?: Readonly<Record<string, string | number>>) => string;

/** A speaker for one language: `say('beat', { s: 2 })` → `nhịp 2 s`. A part that is not given stays visible. */
export function speaker(lang: Lang): Say {
  const words = WORDS[lang];
  return (word, parts = {}) =>
    words[word].replace(/\{(\w+)\}/g, (whole, name: string) => (name in parts ? String(parts[name]) : whole));
}

/** A reason code in words; null for a code that has none, which is then shown as it is. */
export function reasonOf(code: string, lang: Lang): string | null {
  const words: Readonly<Record<string, string>> = WORDS[lang];
  return words[`why_${code}`] ?? null;
}

/** What CAP 1.2 says of an alert beside its categories, in the order of the protocol. */
export const CAP_AXES = ['urgency', 'severity', 'certainty'] as const;

/** A value of CAP 1.2 in words; one that is not of the protocol is shown as it is. */
export function capWord(axis: 'category' | (typeof CAP_AXES)[number], value: string, lang: Lang): string {
  const words: Readonly<Record<string, string>> = WORDS[lang];
  return words[`cap_${axis}_${value}`] ?? value;
}

/** An event type in words; one that has none, because it is newer than this page, is shown as it is. */
export function typeOf(type: string, lang: Lang): string {
  const words: Readonly<Record<string, string>> = WORDS[lang];
  return words[`what_${type}`] ?? type;
}

/** A part of the system that is away, in words; a part that has none is shown as it is. */
export function partOf(part: string, lang: Lang): string {
  const words: Readonly<Record<string, string>> = WORDS[lang];
  return words[`degraded_${part}`] ?? part;
}

/** Language of the page: `?lang=en`, else what was chosen before, else Vietnamese. */
export function langOf(search: string, chosen: string | null): Lang {
  const asked = new URLSearchParams(search).get('lang') ?? chosen;
  return asked === 'en' ? 'en' : 'vi';
}
