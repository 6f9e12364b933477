import { describe, expect, it } from 'vitest';
import { endOf, isHidden, isMuted, isWaiting } from '../src/model/alerts';
import { actionsFor } from '../src/model/actions';
import { FIRST_VIEW, rowsOf, tabCounts } from '../src/model/queue';
import { aboutOf, matcherOf, running, scopesOf, whyOf, type Silence } from '../src/model/silences';
import { EMPTY, type Picture } from '../src/model/picture';
import type { Alert } from '../src/model/wire';
import { alert, PROFILE, T0 } from './build';

const explained = { kind: 'silence', id: 'S-1', until_ms: T0 + 60_000, why_vi: 'Lan: thi công', why_en: 'Lan: works' } as const;
const hushed = alert('A-1', { suppression: 'by-design', state: 'DSUPR', explained });
const pictureOf = (alerts: Alert[]): Picture => ({ ...EMPTY, sync: 'live', alerts: new Map(alerts.map((a) => [a.id, a])) });
const silence = (id: string, more: Partial<Silence> = {}): Silence => ({
  id, matcher: matcherOf(hushed, 'area'), reason: 'thi công', owner: 'lan', owner_display: 'Lan', start_ms: T0, end_ms: T0 + 60_000,
  state: 'active', ending: false, count: 0, ended_ms: null, ended_by: null, ended_by_display: null, ...more,
});

describe('an alert that something explains', () => {
  it('asks nobody, cannot be acknowledged or shelved, and is not a shelf', () => {
    expect([isMuted(hushed), isWaiting(hushed), isHidden(hushed)]).toEqual([true, false, false]);
    expect(actionsFor(hushed, 'dispatcher', 'lan')).toEqual(['take', 'assign', 'dispatch', 'comment']);
    expect(isWaiting({ ...hushed, explained: null, suppression: 'none' })).toBe(true);
  });

  it('stands in the list of what is hidden, with the end and the reason', () => {
    const picture = pictureOf([hushed, alert('A-2')]);
    expect(rowsOf(picture, PROFILE, { ...FIRST_VIEW, tab: 'hidden' }, 'vi').map((a) => a.id)).toEqual(['A-1']);
    expect(rowsOf(picture, PROFILE, FIRST_VIEW, 'vi').map((a) => a.id)).toEqual(['A-2', 'A-1']);
    expect(tabCounts(picture).hidden).toBe(1);
    expect(endOf(hushed)).toBe(T0 + 60_000);
    expect([whyOf(explained, 'vi'), whyOf(explained, 'en'), whyOf(null, 'vi')]).toEqual(['Lan: thi công', 'Lan: works', '']);
  });

  it('is found by its reason', () => {
    const picture = pictureOf([hushed, alert('A-2')]);
    expect(rowsOf(picture, PROFILE, { ...FIRST_VIEW, search: 'thi cong' }, 'vi').map((a) => a.id)).toEqual(['A-1']);
  });
});

describe('a silence made from an alert', () => {
  it('always names the rule, and the place of its scope', () => {
    expect(matcherOf(hushed, 'site')).toMatchObject({ rules: ['hydro-level'], centres: ['bien-hoa'], sites: ['BIENHOA'], areas: [] });
    expect(matcherOf(hushed, 'area')).toMatchObject({ rules: ['hydro-level'], areas: ['731'], sites: [] });
    expect(matcherOf(hushed, 'centre')).toMatchObject({ rules: ['hydro-level'], centres: ['bien-hoa'], areas: [], sites: [] });
  });

  it('hides nothing more urgent than what was looked at', () => {
    expect(matcherOf(alert('A-4', { priority: 3 }), 'site').priority).toBe(3);
    expect(matcherOf(alert('A-5', { priority: 1 }), 'centre').priority).toBe(1);
  });

  it('offers only scopes that the alert has', () => {
    expect(scopesOf(hushed)).toEqual(['site', 'area', 'centre']);
    expect(scopesOf(alert('A-3', { site: '' }))).toEqual(['area', 'centre']);
  });
});

describe('silences that run', () => {
  it('stand by their end, without those that are over', () => {
    const found = running([silence('S-2'), silence('S-1'), silence('S-0', { end_ms: T0 + 1 }), silence('S-9', { state: 'expired' })]);
    expect(found.map((one) => one.id)).toEqual(['S-0', 'S-1', 'S-2']);
  });

  it('say what they are about with the names of the profile, and the id where there is none', () => {
    expect(aboutOf({ ...matcherOf(hushed, 'area'), rules: ['no-such'], priority: 3 }, PROFILE, 'vi')).toMatch(/^no-such · .+ · ≥ P3$/);
  });
});
