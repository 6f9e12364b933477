/** Small builders: a thing with sensible values, and only what a test is about spelled out. */

import type { Profile } from '../src/model/profile';
import type { Alert, FeedView, Minute, Reading } from '../src/model/wire';
import type { Flood, Incident, Member } from '../src/model/wire_desk';

export const T0 = Date.UTC(2026, 10, 24, 3, 0, 0); // 10:00:00 in Đồng Nai

export function alert(id: string, more: Partial<Alert> = {}): Alert {
  return {
    id, key: `rule|bien-hoa|${id}`, rule: 'hydro-level', version: 1, state: 'UNACK', active: true, acked: false,
    blind: false, closed: false, priority: 2, level: '', centre: 'bien-hoa', area: '731', site: 'BIENHOA', feed: 'hydro',
    type: 'hydro.level', title_vi: `Mực nước ${id}`, title_en: `Level ${id}`, place_vi: '', place_en: '', lon: null,
    lat: null, value: 2.05, limit: 2, unit: 'm', reason: 'ABOVE_LIMIT', count: 1, started_ms: T0 - 60_000,
    raised_ms: T0 - 58_000, updated_ms: T0 - 58_000, observed_ms: T0 - 58_000, cleared_ms: null, acked_ms: null,
    acked_by: null, acked_by_display: null, ack_note: null, late_s: 0, exercise: null, ...more,
  };
}

export function feed(centre: string, id: string, more: Partial<FeedView> = {}): FeedView {
  return {
    key: `${centre}/${id}`, centre, feed: id, state: 'on_time', since_ms: T0 - 3_600_000, last_event_ms: T0 - 3_000,
    last_received_ms: T0 - 2_000, rate_per_min: 6, expected_period_s: 10, accepted: 990, rejected: 10, duplicates: 0,
    watermark_ms: T0 - 5_000, ...more,
  };
}

export function reading(centre: string, feedId: string, site: string, type: string, data: Reading['data']): Reading {
  return { key: `${centre}/${feedId}/${site}/${type}`, centre, area: '731', feed: feedId, site, type, time_ms: T0, received_ms: T0, data };
}

export function minute(centre: string, start_ms: number, events: number): Minute {
  return { key: `${centre}/${start_ms}`, centre, start_ms, events };
}

const site = (id: string, centre: string, area: string, feedId: string, name_vi: string, more = {}): Profile['sites'][number] =>
  ({ id, centre, area, feed: feedId, name_vi, name_en: name_vi, lon: null, lat: null, limits: {}, ...more });

export const PROFILE: Profile = {
  name_vi: 'Đồng Nai', name_en: 'Dong Nai', simulated: true,
  centres: [
    { id: 'bien-hoa', name_vi: 'Biên Hòa', name_en: 'Bien Hoa', kind: 'city', areas: ['731'] },
    { id: 'long-khanh', name_vi: 'Long Khánh', name_en: 'Long Khanh', kind: 'city', areas: ['732'] },
    { id: 'tinh', name_vi: 'Toàn tỉnh', name_en: 'Province', kind: 'province', areas: ['75'] },
  ],
  areas: [
    { code: '731', name_vi: 'Biên Hòa', name_en: 'Bien Hoa', kind: 'city', parent: '75' },
    { code: '732', name_vi: 'Long Khánh', name_en: 'Long Khanh', kind: 'city', parent: '75' },
    { code: '25993', name_vi: 'Trảng Dài', name_en: 'Trang Dai', kind: 'ward', parent: '731' },
  ],
  sites: [
    site('BIENHOA', 'bien-hoa', '731', 'hydro', 'Biên Hòa (sông Đồng Nai)', { lon: 106.82, lat: 10.95, limits: { bd1: 1.8, bd2: 2.0 } }),
    site('TALAI', 'tinh', '734', 'hydro', 'Tà Lài', { limits: { bd1: 112, bd2: 112.5, bd3: 113 } }),
    ...[1, 2, 3].map((n) => site(`RG-BH-${n}`, 'bien-hoa', '731', 'rain', `Trạm mưa BH-${n}`)),
    ...[1, 2].map((n) => site(`RG-LK-${n}`, 'long-khanh', '732', 'rain', `Trạm mưa LK-${n}`)),
  ],
  feeds: [
    { centre: 'bien-hoa', id: 'hydro', name_vi: 'Mực nước', name_en: 'River', types: ['hydro.level'], expected_period_s: 10 },
    { centre: 'bien-hoa', id: 'rain', name_vi: 'Mưa', name_en: 'Rain', types: ['rain.gauge'], expected_period_s: 30 },
    { centre: 'bien-hoa', id: 'heartbeat', name_vi: 'Đường truyền', name_en: 'Link', types: ['source.heartbeat'], expected_period_s: 10 },
    { centre: 'long-khanh', id: 'rain', name_vi: 'Mưa', name_en: 'Rain', types: ['rain.gauge'], expected_period_s: 30 },
    { centre: 'tinh', id: 'hydro', name_vi: 'Mực nước', name_en: 'River', types: ['hydro.level'], expected_period_s: 30 },
    { centre: 'tinh', id: 'kpi', name_vi: 'Chỉ tiêu', name_en: 'KPI', types: ['service.kpi'], expected_period_s: 60 },
  ],
  targets: [
    { indicator: 'dvc_online_pct', pillar: 'government', name_vi: 'DVC', name_en: 'Services', unit: '%', better: 'higher', target: 40, scale_max: 80 },
    { indicator: 'dti_rank', pillar: 'society', name_vi: 'Hạng DTI', name_en: 'DTI rank', unit: '/63', better: 'lower', target: 10, scale_max: 63 },
  ],
  rules: [
    { id: 'hydro-level', type: 'hydro.level', group: 'river', name_vi: 'Mực nước', name_en: 'River', guidance_vi: 'Gọi trạm.\nBáo phường.', guidance_en: '' },
    { id: 'heavy-rain', type: 'rain.gauge', group: 'rain', name_vi: 'Mưa', name_en: 'Rain', field: 'mm_1h',
      levels: [{ name: 'a', priority: 3, limit: 25 }, { name: 'b', priority: 2, limit: 20, field: 'mm_24h' }] },
    { id: 'source-silent', type: 'source.heartbeat', group: 'source', name_vi: 'Mất nguồn', name_en: 'Silent' },
  ],
};

/** Repeatable numbers in [0, 1): mulberry32. */
export function randomFrom(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function member(alert_id: string, more: Partial<Member> = {}): Member {
  return {
    alert_id, key: `rule|bien-hoa|${alert_id}`, rule: 'hydro-level', centre: 'bien-hoa', area: '731', priority: 2, acked: false,
    hidden: false, title_vi: `Mực nước ${alert_id}`, title_en: `Level ${alert_id}`, place_vi: '', place_en: '', lon: null, lat: null,
    raised_ms: T0 - 58_000, joined_ms: T0 - 50_000, left_ms: null, ...more,
  };
}

export function incident(number: number, more: Partial<Incident> = {}): Incident {
  return {
    id: `I-${number}`, number, group: 'storm', title_vi: 'Mưa dông, ngập', title_en: 'Storm, flooding', state: 'open', priority: 2,
    members: [], owner: null, owner_display: null, opened_ms: T0 - 50_000, changed_ms: T0, closed_ms: null, merged_into: '',
    timeline: [], exercise: null, ...more,
  };
}

export function flood(more: Partial<Flood> = {}): Flood {
  return { new: 38, since_ms: T0 - 300_000, unannounced: 27, above: 10, below: 5, window_s: 600, positions: 1, always: [], changed_ms: T0, ...more };
}
