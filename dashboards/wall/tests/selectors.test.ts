import { describe, expect, it } from 'vitest';
import { areaStates, countByPriority, isWaiting, lastHandled, newWithin, openAlerts, waitingCards } from '../src/model/alerts';
import { mildestLimit, pickStations, rain, riverPosition, rivers, shortNames } from '../src/model/environment';
import { countsOf, feedsByCentre, isHourly, newestAge, silentCentres, silentSince, unread } from '../src/model/feeds';
import { columns, dayStrips, dayTicks, grouped, heads, OTHER, rows } from '../src/model/matrix';
import { EMPTY, type Picture } from '../src/model/picture';
import { pillarBoard } from '../src/model/pillars';
import { groupOf, placeFor, placeOf, type Profile, type Target } from '../src/model/profile';
import type { Alert, FeedView, Minute, Reading } from '../src/model/wire';
import { alert, feed, minute, PROFILE, reading, T0 } from './build';

interface Parts { alerts?: Alert[]; feeds?: FeedView[]; readings?: Reading[]; minutes?: Minute[] }
const by = <T>(items: T[] | undefined, key: (item: T) => string): Map<string, T> => new Map((items ?? []).map((item) => [key(item), item]));
function picture({ alerts, feeds, readings, minutes }: Parts, more: Partial<Picture> = {}): Picture {
  const held = by(alerts, (a) => a.id);
  return { ...EMPTY, sync: 'live', alerts: held, day: held, feeds: by(feeds, (f) => f.key), readings: by(readings, (r) => r.key), minutes: by(minutes, (m) => m.key), ...more };
}
const acked = { acked: true, acked_ms: T0, acked_by: 'lan', acked_by_display: 'Lan' };

describe('counters and cards', () => {
  const state = picture({ alerts: [
    alert('a', { priority: 1 }), alert('b', { priority: 1, ...acked }), alert('c', { priority: 3 }), alert('d', { priority: 4 }),
    alert('gone', { priority: 1, active: false }), // went away before anybody took notice: still waits
    alert('over', { priority: 1, active: false, closed: true, ...acked }), alert('done', { priority: 2, active: false, ...acked }),
  ] });

  it('count what waits and what is open', () => {
    expect(countByPriority(state).map((c) => [c.waiting, c.open])).toEqual([[2, 3], [0, 0], [1, 1], [1, 1]]);
  });

  it('show what waits, most urgent and newest first, never a P4', () => {
    const cards = waitingCards(picture({ alerts: [
      alert('old', { priority: 2, raised_ms: T0 - 9_000 }), alert('new', { priority: 2, raised_ms: T0 }), alert('p1', { priority: 1, raised_ms: T0 - 99_000 }),
      alert('p3', { priority: 3 }), alert('p4', { priority: 4 }), alert('mine', { priority: 1, ...acked }),
    ] }), 3);
    expect(cards.map((a) => a.id)).toEqual(['p1', 'new', 'old']);
  });

  it('let no alert of a drill ask for anybody', () => {
    const drilled = picture({ alerts: [alert('d', { priority: 1, exercise: 'drill-7' })] });
    expect(countByPriority(drilled)[0]!.waiting).toBe(0);
    expect(waitingCards(drilled, 3)).toEqual([]);
    expect(isWaiting(alert('live', { priority: 1, exercise: null }))).toBe(true);
  });

  it('name the last one that somebody took, and count the load of ten minutes', () => {
    expect(lastHandled(state)?.id).toBeDefined();
    expect(lastHandled(picture({ alerts: [alert('x')] }))).toBeNull();
    expect(newWithin(picture({ alerts: [alert('x', { raised_ms: T0 - 599_000 }), alert('y', { raised_ms: T0 - 601_000 }), alert('d', { raised_ms: T0, exercise: 'drill' })] }), T0)).toBe(1);
  });

  it('order the whole list without ties', () => {
    expect(openAlerts(picture({ alerts: [alert('b'), alert('a')] })).map((a) => a.id)).toEqual(['a', 'b']);
  });
});

describe('the map', () => {
  it('puts an alert into its area, its parent, or the only area of a city', () => {
    const states = areaStates(picture({ alerts: [
      alert('own', { area: '731' }), alert('ward', { area: '25993', priority: 3 }), alert('city', { area: '', centre: 'long-khanh' }), alert('province', { area: '75', centre: 'tinh' }),
    ] }), ['731', '732'], PROFILE);
    expect(states.get('731')?.alerts.map((a) => a.id)).toEqual(['own', 'ward']);
    expect(states.get('732')?.alerts.map((a) => a.id)).toEqual(['city']);
  });

  it('takes for the worst one that waits, when there are several of one priority', () => {
    const states = areaStates(picture({ alerts: [alert('a', { priority: 2, ...acked }), alert('b', { priority: 2 }), alert('c', { priority: 3 })] }), ['731'], PROFILE);
    expect(states.get('731')?.worst?.id).toBe('b');
  });
});

describe('feeds', () => {
  const feeds = [feed('bien-hoa', 'hydro', { rate_per_min: 3 }), feed('bien-hoa', 'rain', { rate_per_min: 6, expected_period_s: 30, duplicates: 10 }), feed('bien-hoa', 'heartbeat', { state: 'silent', since_ms: T0 - 60_000 })];
  const [bienHoa, longKhanh] = feedsByCentre(picture({ feeds }), PROFILE, T0, 'vi');

  it('tell age, rate against the expected one of all sites, and state', () => {
    expect(bienHoa?.tiles.map((t) => [t.feed, t.state, t.age_ms, t.ratio])).toEqual([['hydro', 'on_time', 2_000, 0.5], ['rain', 'on_time', 2_000, 1], ['heartbeat', 'silent', 2_000, null]]);
  });
  it('judge right, complete, clean, live', () => {
    const q = bienHoa?.quality;
    expect([q?.live, q?.total]).toEqual([2, 3]);
    expect(q?.right).toBeCloseTo((100 * 2_980) / 3_010);
    expect(q?.clean).toBeCloseTo((100 * 2_970) / 2_980);
    expect(q?.complete).toBeCloseTo(50); // half, all, nothing
  });
  it('say of a feed that nobody ever heard of that it is missing', () => {
    expect(longKhanh?.tiles[0]).toMatchObject({ state: 'missing', silent: true, age_ms: null });
    expect(longKhanh?.quality).toMatchObject({ right: null, clean: null, live: 0, total: 1 });
  });
  it('expect nothing from a sporadic feed: no news is neither silent nor incomplete', () => {
    const calls = { ...PROFILE, feeds: [...PROFILE.feeds, { centre: 'bien-hoa', id: 'feedback', name_vi: 'Phản ánh 1022', name_en: '1022', short_vi: '1022', types: ['feedback.1022'], expected_period_s: 1_800, sporadic: true }] };
    const tile = (views: FeedView[]): unknown => feedsByCentre(picture({ feeds: views }), calls, T0, 'vi')[0]?.tiles.find((t) => t.feed === 'feedback');
    expect(tile(feeds)).toMatchObject({ name: '1022', sporadic: true, silent: false, age_ms: null, ratio: null });
    expect(tile([...feeds, feed('bien-hoa', 'feedback', { state: 'silent', last_received_ms: T0 - 7_200_000 })])).toMatchObject({ silent: false, age_ms: 7_200_000, ratio: null });
    const dead = feeds.map((f) => ({ ...f, state: 'out_of_service' as const }));
    expect(tile(dead)).toMatchObject({ silent: true }); // nothing comes from the centre: nobody knows what happens there
    expect(silentSince(picture({ feeds: [...dead, feed('bien-hoa', 'feedback', { sporadic: true })] }), calls, 'bien-hoa')).toBe(T0 - 3_600_000);
  });
  it('carry the date of review of a feed that is out of service', () => {
    const out = feed('bien-hoa', 'hydro', { state: 'out_of_service', review_ms: T0 + 86_400_000 });
    const tiles = feedsByCentre(picture({ feeds: [out] }), PROFILE, T0, 'vi')[0]?.tiles;
    expect(tiles?.find((t) => t.feed === 'hydro')).toMatchObject({ silent: true, review_ms: T0 + 86_400_000 });
    expect(tiles?.find((t) => t.feed === 'hydro')).toMatchObject({ overdue: false });
    expect(tiles?.find((t) => t.feed === 'rain')).toMatchObject({ review_ms: null, overdue: false });
    const later = feedsByCentre(picture({ feeds: [out] }), PROFILE, T0 + 86_400_000, 'vi')[0]?.tiles;
    expect(later?.find((t) => t.feed === 'hydro')).toMatchObject({ overdue: true });
  });
  it('count what came of what was expected; of a sporadic feed nothing is', () => {
    expect(countsOf(feed('bien-hoa', 'rain', { received: 118, expected: 120, conflicts: 1 }))).toEqual({ received: 118, expected: 120, conflicts: 1, presumed: 0, unkeyed: 0 });
    expect(countsOf(feed('bien-hoa', 'feedback', { sporadic: true, received: 3, expected: null, presumed: 6 }))).toEqual({ received: 3, expected: null, conflicts: 0, presumed: 6, unkeyed: 0 });
    expect(countsOf(feed('bien-hoa', 'rain'))).toBeNull();
  });
  it('take the shares of the last hour when the feeds tell them', () => {
    const hourly = [
      feed('bien-hoa', 'hydro', { accepted: 90, rejected: 10, duplicates: 0, received: 90, expected: 120, conflicts: 10 }),
      feed('bien-hoa', 'rain', { accepted: 110, rejected: 0, duplicates: 0, received: 130, expected: 120 }), // more than expected does not make up for less
      feed('bien-hoa', 'heartbeat', { accepted: 0, rejected: 0, duplicates: 0, received: 0, expected: null, state: 'clock_skewed' }),
    ];
    expect(isHourly(hourly)).toBe(true);
    expect(isHourly(feeds)).toBe(false);
    const q = feedsByCentre(picture({ feeds: hourly }), PROFILE, T0, 'vi')[0]?.quality;
    expect(q).toMatchObject({ live: 3, total: 3, complete: (100 * 210) / 240 });
    expect(q?.right).toBeCloseTo((100 * 200) / 210);
    expect(q?.clean).toBeCloseTo((100 * 200) / 210);
  });
  it('call a centre silent by its alert or when all of its feeds are', () => {
    const silence = alert('s', { type: 'source.heartbeat', rule: 'source-silent', centre: 'long-khanh', started_ms: T0 - 5_000 });
    expect(silentCentres(picture({ alerts: [silence], feeds }), PROFILE).map((s) => [s.centre.id, s.since_ms])).toEqual([['long-khanh', T0 - 5_000]]);
    expect(silentSince(picture({ feeds }), PROFILE, 'bien-hoa')).toBeNull();
    const dead = feeds.map((f) => ({ ...f, state: 'silent' as const }));
    expect(silentSince(picture({ feeds: dead }), PROFILE, 'bien-hoa')).toBe(T0 - 3_600_000);
    expect(silentSince(picture({ alerts: [{ ...silence, active: false }], feeds }), PROFILE, 'long-khanh')).toBeNull();
  });
  it('are unknown while intake is silent: their states are those of its last word', () => {
    const silent = alert('i', { rule: 'intake-silent', priority: 1, centre: 'tinh', started_ms: T0 - 40_000 });
    const beat = (degraded: string[]): Partial<Picture> => ({ beat: { received_ms: 0, server_time_ms: T0, lag_s: null, degraded } });
    const seen = (of: Picture): unknown[] => feedsByCentre(of, PROFILE, T0, 'vi')[0]?.tiles.map((t) => [t.feed, t.state, t.silent, t.ratio]) ?? [];
    const unknown = [['hydro', 'unknown', true, null], ['rain', 'unknown', true, null], ['heartbeat', 'silent', true, null]];
    expect(seen(picture({ feeds, alerts: [silent] }))).toEqual(unknown); // also what came a moment before
    expect(seen(picture({ feeds }, beat(['intake'])))).toEqual(unknown); // the canary says so before the alert does
    for (const other of [{ active: false }, { closed: true }, { exercise: 'd' }, { rule: 'desk-silent' }]) {
      expect(seen(picture({ feeds, alerts: [{ ...silent, ...other }] }, beat(['recorder'])))).toEqual(seen(picture({ feeds })));
    }
    const [centre] = feedsByCentre(picture({ feeds, alerts: [silent] }), PROFILE, T0, 'vi');
    expect(centre).toMatchObject({ unread: true, silent_since_ms: null, quality: { right: null, complete: null, clean: null, live: 0, total: 3 } });
    expect(bienHoa).toMatchObject({ unread: false });
    const out = feed('bien-hoa', 'hydro', { state: 'out_of_service', review_ms: T0 });
    expect(seen(picture({ feeds: [out], alerts: [silent] }))[0]).toEqual(['hydro', 'out_of_service', true, null]);
  });
  it('are known of the centres that intake still reads: something of them came since, and lately', () => {
    const some = alert('i', { rule: 'intake-silent', priority: 2, centre: 'tinh', started_ms: T0 - 600_000 });
    const read = (last_received_ms: number | null, degraded: string[] = [], started_ms = T0 - 600_000): boolean => unread(picture(
      { feeds: [feed('bien-hoa', 'hydro', { last_received_ms }), feed('tinh', 'hydro')], alerts: [{ ...some, started_ms }] },
      { beat: { received_ms: 0, server_time_ms: T0, lag_s: null, degraded } }), 'bien-hoa');
    expect([read(T0 - 2_000), read(T0 - 2_000, ['intake'])]).toEqual([false, false]);
    expect([read(T0 - 601_000), read(null), read(T0 - 100_000), read(T0 - 30_000, [], T0 - 20_000)]).toEqual([true, true, true, true]);
  });
  it('know the newest message', () => {
    expect(newestAge(picture({ feeds }), ['bien-hoa'], T0)).toBe(2_000);
    expect(newestAge(picture({ feeds }), ['tinh'], T0)).toBeNull();
  });
});

describe('the matrix', () => {
  const cols = columns(PROFILE, 'Khác', 'vi');

  it('has two cities and the rest, and every row even without an alert', () => {
    expect(cols.map((c) => c.id)).toEqual(['bien-hoa', 'long-khanh', OTHER]);
    expect(rows(picture({}), PROFILE, cols)).toHaveLength(10);
  });
  it('puts an alert of an unknown centre under the rest', () => {
    const body = rows(picture({ alerts: [alert('x', { centre: 'moon' })] }), PROFILE, cols);
    expect(body.find((r) => r.group === 'river')?.cells[2]?.alerts.map((a) => a.id)).toEqual(['x']);
  });
  it('is blind where a centre is silent, but not in its own row and not over an alert', () => {
    const silence = alert('s', { type: 'source.heartbeat', rule: 'source-silent', centre: 'long-khanh' });
    const body = rows(picture({ alerts: [silence, alert('r', { centre: 'long-khanh' })] }), PROFILE, cols);
    const cell = (group: string): unknown => body.find((r) => r.group === group)?.cells[1];
    expect(cell('rain')).toMatchObject({ blind: true });
    expect(cell('river')).toMatchObject({ blind: false });
    expect(cell('source')).toMatchObject({ blind: false, alerts: [silence] });
  });
  it('is blind everywhere while nobody reads what the centres send, also about the sources', () => {
    const of = picture({ alerts: [alert('i', { rule: 'intake-silent', priority: 1, centre: 'tinh', type: '' })] });
    for (const group of ['rain', 'source']) expect(rows(of, PROFILE, cols).find((r) => r.group === group)?.cells.filter((c) => !c.alerts.length).every((c) => c.blind)).toBe(true);
    expect(rows({ ...of, alerts: new Map() }, PROFILE, cols).flatMap((r) => r.cells).some((c) => c.blind)).toBe(false);
  });
  it('says where no feed reports, in the cell and in the strip', () => {
    const body = rows(picture({}), PROFILE, cols);
    const watched = (group: string): unknown => body.find((r) => r.group === group)?.cells.map((c) => c.watched);
    expect(watched('river')).toEqual([true, false, true]);
    expect(watched('utilities')).toEqual([false, false, false]);
    expect(watched('source')).toEqual([true, true, true]);
    const strips = dayStrips(picture({}, { held_since_ms: T0 - 25 * 3_600_000 }), PROFILE, T0);
    expect(strips.find((s) => s.group === 'utilities')?.unknown).toEqual([{ from: 0, to: 1 }]);
    expect(strips.find((s) => s.group === 'river')?.unknown).toEqual([]);
  });
  it('draws the last 60 full minutes and leaves a gap where no number is held', () => {
    const minutes = [minute('bien-hoa', T0 - 60_000, 90), minute('bien-hoa', T0 - 180_000, 70), minute('bien-hoa', T0, 5)];
    const [head] = heads(picture({ minutes }), PROFILE, cols, T0 + 20_000);
    expect(head?.series).toHaveLength(60);
    expect(head?.series.slice(-3)).toEqual([70, null, 90]);
    expect(head?.per_minute).toBe(90); // not the minute that is still running
  });
  it('groups by priority when there are too many marks', () => {
    expect(grouped([alert('a'), alert('b', { ...acked }), alert('c', { priority: 3, ...acked })])).toEqual([{ priority: 2, acked: false, n: 2 }, { priority: 3, acked: true, n: 1 }]);
  });
  it('knows the row of an alert by its rule, else by its type', () => {
    expect(groupOf(alert('a', { rule: 'heavy-rain' }), PROFILE)).toBe('rain');
    expect(groupOf(alert('a', { rule: 'unknown', type: 'emergency.call' }), PROFILE)).toBe('emergency');
    expect(groupOf(alert('a', { rule: 'unknown', type: 'new.type' }), PROFILE)).toBe('source');
  });
});

describe('the strip of 24 hours', () => {
  const H = 3_600_000;
  it('draws what was seen, hatches what was not, and marks the silence of one centre', () => {
    const day = by([
      alert('open', { started_ms: T0 - 6 * H }), alert('over', { started_ms: T0 - 12 * H, active: false, closed: true, cleared_ms: T0 - 9 * H, ...acked }),
      alert('silence', { rule: 'source-silent', type: 'source.heartbeat', started_ms: T0 - 3 * H, cleared_ms: T0 - 2 * H, active: false }),
    ], (a) => a.id);
    const strips = dayStrips(picture({}, { day, held_since_ms: T0 - 18 * H, unseen: [{ from_ms: T0 - 2 * H, to_ms: T0 - H }] }), PROFILE, T0);
    const river = strips.find((s) => s.group === 'river');
    expect(river?.blocks.map((b) => [b.from, b.to])).toEqual([[0.75, 1], [0.5, 0.625]]);
    expect(river?.unknown).toEqual([{ from: 0, to: 0.25 }, { from: 1 - 2 / 24, to: 1 - 1 / 24 }]);
    expect(river?.partly).toEqual([{ from: 0.875, to: 1 - 2 / 24 }]);
    expect(strips.find((s) => s.group === 'source')?.partly).toEqual([]);
  });
  it('has hour marks at 0, 6, 12 and 18 o’clock of the zone', () => {
    expect(dayTicks(T0, 7 * H).map((t) => t.hour)).toEqual([12, 18, 0, 6]); // it is 10:00
  });
});

describe('environment', () => {
  it('reads rivers against the limits that are known', () => {
    const [bh, tl] = rivers(picture({ readings: [reading('bien-hoa', 'hydro', 'BIENHOA', 'hydro.level', { level_m: 2.05, trend_m_h: 0.12 })], alerts: [alert('a')], feeds: [feed('bien-hoa', 'hydro')] }), PROFILE, 'vi');
    expect(bh).toMatchObject({ name: 'Biên Hòa', level_m: 2.05, trend_cm_h: 12, limits: [1.8, 2, null], blind: false, alert: { id: 'a' } });
    expect(tl).toMatchObject({ level_m: null, blind: true, alert: null });
  });
  it('puts every limit at the same place, whatever the station', () => {
    for (const limits of [[1.8, 2, null], [112, 112.5, 113], [61.4, null, null]] as const) {
      expect(riverPosition(limits[0], limits)).toBeCloseTo(0.44);
      if (limits[1] !== null) expect(riverPosition(limits[1], limits)).toBeCloseTo(0.68);
    }
    expect(riverPosition(113, [112, 112.5, 113])).toBeCloseTo(0.92);
    expect(riverPosition(-40, [1.8, 2, null])).toBe(0);
    expect(riverPosition(999, [1.8, 2, null])).toBe(1);
    expect(riverPosition(1, [null, null, null])).toBeNull();
  });
  it('gives places to stations in turn, and to one with an alert before one without', () => {
    const all = rain(picture({}), PROFILE, 'vi', 9).rows;
    expect(all.map((r) => r.name)).toEqual(['BH-1', 'BH-2', 'BH-3', 'LK-1', 'LK-2']);
    expect(pickStations(all, 3).map((r) => r.name)).toEqual(['BH-1', 'BH-2', 'LK-1']);
    const urgent = all.map((r) => (r.name === 'LK-2' ? { ...r, alert: alert('x') } : r));
    expect(pickStations(urgent, 3).map((r) => r.name)).toEqual(['BH-1', 'LK-1', 'LK-2']);
  });
  it('shortens names without losing what tells them apart', () => {
    expect(shortNames(['Trạm mưa A', 'Trạm mưa B'])).toEqual(['A', 'B']);
    expect(shortNames(['Biên Hòa (sông)', 'Tà Lài'])).toEqual(['Biên Hòa', 'Tà Lài']);
    expect(shortNames(['Một'])).toEqual(['Một']);
  });
  it('takes the mildest limit of the field that is drawn', () => {
    expect(mildestLimit(PROFILE, 'rain.gauge', 'mm_1h')).toBe(25);
    expect(mildestLimit(PROFILE, 'air.quality', 'x')).toBeNull();
  });
  it('says where an alert is in few words, and nothing twice', () => {
    const profile = { ...PROFILE, sites: PROFILE.sites.map((s) => (s.id === 'RG-LK-1' ? { ...s, short_vi: 'LK-1' } : s)) };
    expect(placeFor(alert('a', { place_vi: 'Biên Hòa · Biên Hòa (sông Đồng Nai)' }), profile, 'vi', 28)).toBe('Biên Hòa (sông Đồng Nai)');
    const rainy = alert('b', { centre: 'long-khanh', site: 'RG-LK-1', place_vi: 'Long Khánh · Trạm mưa LK-1' });
    expect(placeFor(rainy, profile, 'vi', 28)).toBe('Long Khánh · Trạm mưa LK-1');
    expect(placeFor(rainy, profile, 'vi', 20)).toBe('Long Khánh · LK-1');
    const ward = alert('d', { place_vi: 'Long Khánh · P. Trạm mưa LK-1', site: rainy.site, centre: rainy.centre });
    expect(placeFor(ward, profile, 'vi', 12)).toBe('Long Khánh · P. Trạm mưa LK-1');
    expect(placeFor(alert('c', { place_vi: 'P. Tân Mai' }), profile, 'vi', 12)).toBe('Biên Hòa · P. Tân Mai');
  });
  it('says where an alert is', () => {
    expect(placeOf(alert('a', { place_vi: 'P. Tân Mai' }), PROFILE, 'vi')).toBe('P. Tân Mai');
    expect(placeOf(alert('a'), PROFILE, 'vi')).toBe('Biên Hòa (sông Đồng Nai)');
    expect(placeOf(alert('a', { site: '', area: '25993' }), PROFILE, 'en')).toBe('Trang Dai');
  });
});

describe('pillars', () => {
  it('draw a value against its target, a rank reversed', () => {
    const board = pillarBoard(picture({ readings: [
      reading('tinh', 'kpi', 'DVC_ONLINE_PCT', 'service.kpi', { indicator: 'dvc_online_pct', value: 20 }), reading('tinh', 'kpi', 'DTI_RANK', 'service.kpi', { indicator: 'dti_rank', value: 19 }),
    ] }), PROFILE, 'vi');
    expect(board[0]?.kpis[0]).toMatchObject({ value: 20, missed: true, value_at: 0.25, target_at: 0.5 });
    expect(board[2]?.kpis[0]).toMatchObject({ value: 19, missed: true });
    expect(board[2]?.kpis[0]?.value_at).toBeCloseTo(44 / 62);
    expect(board[2]?.kpis[0]?.target_at).toBeGreaterThan(board[2]?.kpis[0]?.value_at ?? 1);
  });
  it('show three of a pillar; the figures of the others stand under the last one', () => {
    const target = (indicator: string, more: Partial<Target> = {}): Target =>
      ({ indicator, pillar: 'government', name_vi: `Tên dài của ${indicator}`, name_en: indicator, unit: '', better: 'higher', scale_max: 14, ...more });
    const five: Profile = { ...PROFILE, targets: [
      target('dvc_online_pct', { unit: '%', target: 40 }), target('teams', { note_vi: 'Khoảng 1.000 tổ, 6.400 thành viên. Giá trị mô phỏng.', short_vi: 'Tổ' }), target('pop_db_linked'),
      target('pop_db_verifications_h', { unit: '/h' }), target('unlinked_databases'), target('other', { short_vi: 'Khác', unit: '%' }),
      target('voso', { pillar: 'economy', note_vi: 'Đầu 2023: hơn 76.300 / khoảng 125.800 hộ, gần 1.100 sản phẩm. Biến động mô phỏng.' }), target('orders', { pillar: 'economy', note_vi: 'Giá trị mô phỏng.' }),
      target('dti_rank', { pillar: 'society', unit: '/63', target: 10, better: 'lower', note_vi: 'Hạng 19.' }),
    ] };
    const kpi = (indicator: string, value: number): Reading => reading('tinh', 'kpi', indicator.toUpperCase(), 'service.kpi', { indicator, value });
    const board = pillarBoard(picture({ readings: [kpi('pop_db_verifications_h', 496), kpi('unlinked_databases', 2)] }), five, 'vi');
    expect(board.map((p) => p.kpis.map((k) => k.note))).toEqual([
      ['mục tiêu: 40 %', '~1.000 tổ, 6.400 thành viên', '496 lượt/g · 2 chưa nối · Khác ?%'], ['>76.300 / ~125.800 hộ', 'chưa có mục tiêu'], ['mục tiêu: 10/63'],
    ]);
    expect(board[0]?.kpis[1]?.name).toBe('Tổ');
  });
  it('say nothing about a value that never came', () => {
    expect(pillarBoard(picture({}), PROFILE, 'vi')[0]?.kpis[0]).toMatchObject({ value: null, missed: null, value_at: null });
  });
});
