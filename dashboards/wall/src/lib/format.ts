/**
 * Numbers and times as people in Việt Nam write them, without `Intl` short styles: those differ between engines.
 * All instants are server milliseconds; the zone is UTC+7 all year (Asia/Ho_Chi_Minh has no summer time).
 */

import type { Lang } from '../model/profile';

export const ZONE_OFFSET_MS = 7 * 3_600_000;

const WEEKDAYS: Readonly<Record<Lang, readonly string[]>> = {
  vi: ['Chủ Nhật', 'Thứ Hai', 'Thứ Ba', 'Thứ Tư', 'Thứ Năm', 'Thứ Sáu', 'Thứ Bảy'],
  en: ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'],
};

const two = (n: number): string => String(n).padStart(2, '0');

function local(ms: number): Date {
  return new Date(ms + ZONE_OFFSET_MS);
}

/** `16:04:08` */
export function clock(ms: number): string {
  const d = local(ms);
  return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
}

/** `16:04` */
export function hhmm(ms: number): string {
  return clock(ms).slice(0, 5);
}

/** `15/09/2023` */
export function date(ms: number): string {
  const d = local(ms);
  return `${two(d.getUTCDate())}/${two(d.getUTCMonth() + 1)}/${d.getUTCFullYear()}`;
}

/** `Thứ Sáu 15/09/2023` */
export function longDate(ms: number, lang: Lang): string {
  return `${WEEKDAYS[lang][local(ms).getUTCDay()] ?? ''} ${date(ms)}`;
}

/** `16:04:08`, with the date before it when it is not that of `now_ms`. */
export function moment(ms: number, now_ms: number): string {
  return date(ms) === date(now_ms) ? clock(ms) : `${date(ms).slice(0, 5)} ${clock(ms)}`;
}

/** The same to the minute: `13:55`, or `14/09 13:55`. */
export function momentShort(ms: number, now_ms: number): string {
  return date(ms) === date(now_ms) ? hhmm(ms) : `${date(ms).slice(0, 5)} ${hhmm(ms)}`;
}

/** `1.234.567,89` in Vietnamese, `1,234,567.89` in English; a real minus sign. */
export function number(value: number, decimals: number, lang: Lang): string {
  const [point, group] = lang === 'vi' ? [',', '.'] : ['.', ','];
  const [whole = '0', fraction] = Math.abs(value).toFixed(decimals).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, group);
  const text = fraction ? `${grouped}${point}${fraction}` : grouped;
  return value < 0 && Number(Math.abs(value).toFixed(decimals)) !== 0 ? `−${text}` : text;
}

/** As many decimals as the value needs, two at the most. */
export function plain(value: number, lang: Lang): string {
  const rounded = Math.round(value * 100) / 100;
  const decimals = Number.isInteger(rounded) ? 0 : Number.isInteger(Math.round(rounded * 1000) / 100) ? 1 : 2;
  return number(rounded, decimals, lang);
}

/** An age in one unit: `38 s`, `7 ph`, `2 g`, `3 ngày`; in English `min`, `h`, `d`. */
export function age(ms: number, lang: Lang): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const [min, h, d] = lang === 'vi' ? ['ph', 'g', 'ngày'] : ['min', 'h', 'd'];
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} ${min}`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} ${h}`;
  return `${Math.floor(s / 86_400)} ${d}`;
}

/** A waiting time that is read to the second: `34 s`, `1:28`, `2 g 54`. */
export function wait(ms: number, lang: Lang): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)}:${two(s % 60)}`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} ${lang === 'vi' ? 'g' : 'h'} ${two(Math.floor((s % 3600) / 60))}`;
  return age(ms, lang);
}

/** Folds for searching: no marks, đ as d, lower case. `Hòa`, `Hoà` and `hoa` meet. */
export function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').replace(/[đĐ]/g, 'd').toLowerCase();
}

/** At most `max` characters; what is cut off ends with an ellipsis. */
export function cut(text: string, max: number): string {
  const letters = [...text];
  return letters.length <= max ? text : `${letters.slice(0, max - 1).join('').trimEnd()}…`;
}

/** A name for a narrow place: `Long Khánh` → `L. Khánh` when it is longer than `max` characters. */
export function shortName(name: string, max: number): string {
  if ([...name].length <= max) return name;
  const [first = '', ...rest] = name.split(' ');
  return rest.length ? `${[...first][0] ?? ''}. ${rest.join(' ')}` : name;
}
