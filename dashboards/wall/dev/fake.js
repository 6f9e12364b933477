// Stands in for the gateway inside the page: fetch and WebSocket answer from story.js. For looking only.
// ?state=calm|busy|many|flood|silent &link=stale|offline|none &user=guest (no session) &log=503 &without=intake &ack=conflict|stale|slow
(() => {
  const asked = new URLSearchParams(location.search);
  const { profile, states, day } = window.STORY;
  const state = states[asked.get('state') ?? 'busy'] ?? states.busy;
  const DAY0 = Date.UTC(2023, 8, 15) - 7 * 3_600_000;
  const at = (text) => DAY0 + text.split(':').reduce((s, n) => s * 60 + Number(n), 0) * 1000;
  const started = performance.now();
  const now = () => at(state.at) + (performance.now() - started);
  const link = asked.get('link');
  let signedIn = asked.get('user') === 'guest' ? null : { name: 'minh', display: 'Minh', role: 'dispatcher' };

  const alertOf = (row, i) => {
    const [rule, priority, centre, area, site, title_vi, title_en, place_vi, raised, acked, more] = row;
    const type = profile.rules.find((r) => r.id === rule)?.type ?? 'x';
    const { started: begun, ...rest } = more;
    const raised_ms = at(raised);
    return {
      id: 'A-' + (0x0412a9e3 + i * 7919).toString(16).padStart(16, '0'), key: `${rule}|${centre}|${site}${i}`, rule, version: acked ? 4 : 2, state: acked ? 'ACKED' : 'UNACK',
      active: true, acked: Boolean(acked), blind: false, closed: false, priority, level: '', centre, area, site, feed: 'x', type: type === '*' ? '' : type, title_vi, title_en, place_vi,
      place_en: place_vi, lon: null, lat: null, value: null, limit: null, unit: '', reason: 'LIMIT_REACHED', count: 2,
      started_ms: begun ? at(begun) : raised_ms - 2000, raised_ms, updated_ms: acked ? at(acked[1]) : raised_ms, observed_ms: raised_ms, cleared_ms: null,
      acked_ms: acked ? at(acked[1]) : null, acked_by: acked ? acked[0].toLowerCase() : null, acked_by_display: acked ? acked[0] : null, ack_note: null, late_s: 1.4, exercise: null, ...rest,
    };
  };
  const past = ([rule, priority, centre, from_h, to_h], i) => {
    const cleared = now() - to_h * 3_600_000;
    return { ...alertOf([rule, priority, centre, '', '', 'Đã hết', 'Over', 'Biên Hòa', '10:00:00', ['Ngọc', '10:00:41'], {}], 900 + i), state: 'NORM', active: false, closed: true,
      started_ms: now() - from_h * 3_600_000, raised_ms: now() - from_h * 3_600_000, acked_ms: now() - from_h * 3_600_000 + 41_000, updated_ms: cleared, cleared_ms: cleared };
  };
  const alerts = new Map(state.alerts.map(alertOf).map((a) => [a.id, a]));
  // The desk: incidents of the state's groups, with the alerts as they are now.
  const memberOf = (a) => ({ alert_id: a.id, key: a.key, rule: a.rule, centre: a.centre, area: a.area, priority: a.priority, acked: a.acked, hidden: false, title_vi: a.title_vi, title_en: a.title_en,
    place_vi: a.place_vi, place_en: a.place_en, lon: null, lat: null, raised_ms: a.raised_ms, joined_ms: a.raised_ms + 2000, left_ms: null });
  const line = (at_ms, word, actor = null, more = {}) => ({ at_ms, word, about: '', text: '', actor: actor && actor.toLowerCase(), actor_display: actor, ...more });
  const incidents = (state.groups ?? []).map((g) => {
    const members = [...alerts.values()].slice(g.from, g.from + g.of.length).map(memberOf);
    const opened_ms = at(g.since);
    return { id: `I-${g.number}`, number: g.number, group: g.group, title_vi: g.title_vi, title_en: g.title_en, state: 'open', priority: Math.min(...members.map((m) => m.priority)), members,
      owner: g.owner && g.owner.toLowerCase(), owner_display: g.owner, opened_ms, changed_ms: opened_ms, closed_ms: null, merged_into: '', exercise: null,
      timeline: [line(opened_ms, 'opened'), ...members.slice(0, 3).map((m) => line(m.joined_ms, 'joined', null, { about: m.alert_id, text: m.title_vi })),
        ...(g.owner ? [line(opened_ms + 95_000, 'took', g.owner)] : [])].sort((a, b) => a.at_ms - b.at_ms) };
  });
  const flood = () => { if (!state.flood) return null; const { since, ...rest } = state.flood; return { ...rest, since_ms: since && at(since), changed_ms: now() }; };
  const over = day.map(past).filter((a) => a.cleared_ms < now());
  const silentCentre = state.silent ? 'long-khanh' : null;

  const jitter = (i) => 0.9 + 0.2 * (Math.abs(Math.sin(i * 12.9898) * 43758.5453) % 1);
  const minutes = () => profile.centres.flatMap(({ id }, c) => Array.from({ length: 60 }, (_, k) => {
    const start_ms = Math.floor(now() / 60_000) * 60_000 - (60 - k) * 60_000;
    if (id === silentCentre && start_ms > at(state.silent)) return null;
    const rise = id === 'bien-hoa' && k > 27 ? state.rise * Math.min(1, (k - 27) / 27) : 0;
    return { key: `${id}/${start_ms}`, centre: id, start_ms, events: Math.round(state.base[id] * jitter(k + c * 91) + rise) };
  }).filter(Boolean));
  const feeds = () => profile.feeds.map((f, i) => {
    const dead = f.centre === silentCentre;
    const review_h = state.out?.[`${f.centre}/${f.id}`]; // hours from now
    const gone = review_h !== undefined;
    const age_s = dead ? (now() - at(state.silent)) / 1000 : Math.min(f.expected_period_s * (0.2 + 0.7 * jitter(i)), 280);
    const accepted = Math.round(40_000 / f.expected_period_s);
    return { key: `${f.centre}/${f.id}`, centre: f.centre, feed: f.id, state: gone ? 'out_of_service' : dead ? 'silent' : 'on_time', since_ms: dead ? at(state.silent) : now() - 3_600_000,
      last_event_ms: now() - age_s * 1000 - 400, last_received_ms: now() - age_s * 1000, rate_per_min: dead ? 0 : ((60 * profile.sites.filter((s) => s.centre === f.centre && s.feed === f.id).length) / f.expected_period_s) * jitter(i + 3),
      expected_period_s: f.expected_period_s, accepted, rejected: Math.round(accepted * 0.006), duplicates: Math.round(accepted * 0.003), watermark_ms: now() - 5000,
      review_ms: gone ? now() + review_h * 3_600_000 : null, late: 0, too_late: 0, sporadic: f.sporadic ?? false,
      received: Math.round(accepted * 0.994), expected: f.sporadic ? null : accepted, conflicts: i === 1 ? 2 : 0 };
  });
  const reading = (centre, feed, site, type, data) => ({ key: `${centre}/${feed}/${site}/${type}`, centre, area: '731', feed, site, type, time_ms: now() - 9000, received_ms: now() - 8600, data });
  const LEVELS = { TRIAN: [60.82, 0.01], PHUHIEP: [103.94, 0.04], TALAI: [111.62, 0] };
  const KPIS = { dvc_online_pct: 46.8, dvc_full_online_pct: 27.4, pop_db_linked: 9, pop_db_verifications_h: 1284, unlinked_databases: 5, voso_postmart_active_pct: 60.7, floor_products: 203,
    floor_orders_today: 412, digital_teams_active_pct: 83, dti_rank: 19, feedback_on_time_pct: 91 };
  const ofType = (type) => profile.feeds.filter((f) => f.types.includes(type)).flatMap((f) => profile.sites.filter((s) => s.centre === f.centre && s.feed === f.id));
  const readings = () => [
    ...ofType('hydro.level').map((s) => { const [level_m, trend_m_h] = LEVELS[s.id] ?? [state.level, state.level > 1 ? 0.12 : -0.21]; return reading(s.centre, s.feed, s.id, 'hydro.level', { level_m, trend_m_h }); }),
    ...ofType('rain.gauge').map((s, i) => reading(s.centre, s.feed, s.id, 'rain.gauge', { mm_10min: 1, mm_1h: state.rain[i % 4], mm_24h: state.rain[i % 4] + 2 })),
    ...ofType('air.quality').map((s, i) => reading(s.centre, s.feed, s.id, 'air.quality', { pm25_ug_m3: [19, 17.5, state.rise ? 62 : 23, 15][i % 4], no2_ug_m3: 30 })),
    ...Object.entries(KPIS).map(([indicator, value]) => reading('tinh', 'kpi', indicator.toUpperCase(), 'service.kpi', { indicator, value })),
  ];

  /** What a command makes of an incident, roughly. */
  const incidentDone = (one, asked) => {
    (window.ASKED ??= []).push(asked);
    const who = { by: signedIn.name, by_display: signedIn.display, at_ms: now() };
    const late = (reason, word) => ({ outcome: 'STALE', reason, ...one.timeline.findLast((l) => l.word === word) });
    if (['take', 'release'].includes(asked.op) && ![null, signedIn.name, asked.expected_owner].includes(one.owner)) return late('OWNER', 'took');
    if (asked.op === 'rename' && ![undefined, one.title_vi, one.title_en].includes(asked.expected_title)) return late('RENAMED_SINCE', 'renamed');
    if (asked.op === 'rename' && asked.text === one.title_vi) return { outcome: 'REFUSED', reason: 'SAME_TITLE', by: null, by_display: null, at_ms: now() };
    const told = (word, text = '') => { one.timeline = [...one.timeline, line(now(), word, signedIn.display, { text })]; };
    if (asked.op === 'take') { one.owner = signedIn.name; one.owner_display = signedIn.display; told('took'); }
    if (asked.op === 'release') { one.owner = null; one.owner_display = null; told('released'); }
    if (asked.op === 'rename') { one.title_vi = asked.text; one.title_en = asked.text; told('renamed', asked.text); }
    if (asked.op === 'note') told('noted', asked.text);
    if (asked.op === 'split') { one.members = one.members.filter((m) => !asked.alert_ids.includes(m.alert_id)); told('split', String(asked.alert_ids.length)); }
    if (asked.op === 'merge') { const other = incidents.find((i) => i.id === asked.other); one.members = [...one.members, ...other.members]; other.state = 'closed'; told('merged', `S-${other.number}`); }
    setTimeout(() => window.SOCKET.desk(), 50);
    return { outcome: 'DONE', reason: '', ...who };
  };
  // The handover of the afternoon to the night, from the alerts as they are; one of the morning that was signed.
  const notes = [{ at_ms: at('15:20:00'), actor: 'minh', actor_display: 'Minh', text: 'Đỉnh triều Biên Hòa 17:40, dự báo 1,96 m, sát BĐ2. Theo dõi P. Hiệp Hòa, Bửu Long.' }];
  const signed = { given: null, taken: null };
  const itemOf = (section) => (a) => ({ section, alert_id: a.id, rule: a.rule, priority: a.priority, state: a.state, title_vi: a.title_vi, title_en: a.title_en, place_vi: a.place_vi, place_en: a.place_en,
    centre: a.centre, since_ms: a.raised_ms, owner: a.acked_by, owner_display: a.acked_by_display, until_ms: null, why: '', hid: 0 });
  const shelved = [['Áp lực nước P. Bửu Hòa', 'xả cặn, có báo trước', 'Minh', '18:08:55', 2], ['Đèn đường P. Tân Vạn tắt', 'sửa theo kế hoạch', 'Hùng', '18:00:00', 4], ['Rung camera C-17', 'chờ thay giá đỡ', 'Lan', '19:21:00', 31]]
    .map(([title, why, who, until, hid], i) => ({ ...itemOf('hidden')(alertOf(['kpi-below', i < 2 ? 3 : 4, 'bien-hoa', '731', '', title, title, '', '14:40:00', [who, '14:41:00'], {}], 700 + i)), until_ms: at(until), why, hid }));
  const morning = (one) => ({ ...one, id: 'H-shift-1', shift_start_ms: at('06:00:00'), shift_end_ms: at('14:00:00'), due_ms: at('14:10:00'), missed_ms: at('22:10:00'), unsigned_ms: null, state: 'taken', digest_hash: 'e'.repeat(64),
    given: { actor: 'ngoc', actor_display: 'Ngọc', station: '', at_ms: at('14:01:10') }, taken: { actor: 'minh', actor_display: 'Minh', station: '', at_ms: at('14:02:40') } });
  const handovers = () => {
    const all = [...alerts.values()];
    const by = { unacknowledged: all.filter((a) => !a.acked).sort((a, b) => a.priority - b.priority), acknowledged: all.filter((a) => a.acked).sort((a, b) => a.priority - b.priority) };
    const source = itemOf('sources')(alertOf(['source-silent', 2, 'long-khanh', '732', '', 'Long Khánh im lặng 13:55–14:17', 'Long Khanh silent 13:55–14:17', 'bù 1.842 bản tin', '13:55:32', ['Hùng', '13:56:10'], {}], 710));
    const late = { ...itemOf('corrected')(alertOf(['hydro-level', 3, 'bien-hoa', '731', '', 'Mực nước Biên Hòa, báo trễ', 'Level at Biên Hòa, told late', '', '14:20:00', ['Minh', '14:31:00'], {}], 711)), state: 'NORM', ended_ms: at('15:02:00') };
    const beside = {
      suppressing: [{ kind: 'silence', id: 'S-1', about: 'rules=congestion areas=731', about_vi: 'Ùn tắc · Biên Hòa', about_en: 'Congestion · Bien Hoa', why_vi: 'rào chắn thi công', why_en: 'rào chắn thi công', owner: 'minh', owner_display: 'Minh', since_ms: at('14:10:00'), until_ms: at('18:30:00'), hid: 7 },
        { kind: 'window', id: 'camera-maintenance', about: 'rules=feed-silent feeds=camera', about_vi: 'Nguồn dữ liệu im lặng · Camera giao thông', about_en: 'Feed silent · Traffic cameras', why_vi: 'Bảo trì camera', why_en: 'Camera maintenance', owner: null, owner_display: null, since_ms: at('15:00:00'), until_ms: at('22:00:00'), hid: 2 }],
      out_of_service: [{ key: 'feed-silent|long-khanh|rain', rule: 'feed-silent', centre: 'long-khanh', feed: 'rain', site: '', name_vi: 'Đo mưa Long Khánh', name_en: 'Rain gauges of Long Khanh', since_ms: at('06:00:00') - 86_400_000, out_ms: at('06:00:00'), review_ms: at('08:00:00') + 3 * 86_400_000 }],
    };
    const items = [...Object.entries(by).flatMap(([section, of]) => of.slice(0, 50).map(itemOf(section))), ...shelved, source, late];
    const one = { id: 'H-shift-2', roster: 'shift', roster_vi: 'ca chiều sang ca đêm', roster_en: 'afternoon to night', shift_start_ms: at('14:00:00'), shift_end_ms: at('22:00:00'), due_ms: at('22:10:00'), missed_ms: at('22:10:00') + 8 * 3_600_000, unsigned_ms: null,
      outgoing: ['Phạm Nhật Minh'], incoming: [], state: signed.taken ? 'taken' : signed.given ? 'given' : 'draft', notes, ...signed, digest_hash: String(all.filter((a) => a.acked).length).padStart(64, '0'),
      digest: { at_ms: now(), raised: all.length, ended: 9, acknowledge_p50_s: 42, counts: { unacknowledged: by.unacknowledged.length, acknowledged: by.acknowledged.length, hidden: 3, sources: 1, corrected: 1, suppressing: 2, out_of_service: 1 }, items, silences: 1, ...beside } };
    return [morning(one), { ...one, ...window.FAKE?.handover }].filter((h) => !window.FAKE?.gone?.includes(h.id));
  };
  const handoverDone = (asked) => {
    (window.SIGNED ??= []).push(asked);
    const one = handovers().find((h) => h.id === 'H-shift-2');
    const who = { by: signedIn.name, by_display: signedIn.display, at_ms: now() };
    if (asked.op === 'note') notes.push({ at_ms: now(), actor: signedIn.name, actor_display: signedIn.display, text: asked.text });
    if (asked.op !== 'note' && asked.digest_hash !== one.digest_hash) return { outcome: 'STALE', reason: 'DIGEST_CHANGED', by: null, by_display: null, at_ms: now() };
    const accounts = (asked.op === 'give' ? one.outgoing_accounts : one.incoming_accounts) ?? window.FAKE?.roster ?? [];
    const off = asked.op !== 'note' && accounts.length > 0 && !accounts.includes(signedIn.name);
    if (off && !asked.standing_in) return { outcome: 'REFUSED', reason: 'NOT_ON_ROSTER' };
    if (asked.op !== 'note') signed[asked.op === 'give' ? 'given' : 'taken'] = { actor: signedIn.name, actor_display: signedIn.display, station: 'bàn 2', at_ms: now(), standing_in: off ? asked.reason : '' };
    return { outcome: 'DONE', reason: '', ...who };
  };
  const quality = (from_ms, to_ms, positions) => {
    const hours = (to_ms - from_ms) / 3_600_000;
    const last = Math.round(hours * 6) - 1;
    const slots = Array.from({ length: last + 1 }, (_, i) => (i === last ? state.flood?.new ?? 6 : Math.round(4 * jitter(i) + (i > last - 7 ? 9 * jitter(i + 5) : 0) + (i % 131 === 60 ? 14 : 0))));
    const announced = slots.reduce((a, b) => a + b, 0);
    const times = (n, p50_s, p90_s) => ({ n, p50_s, p90_s });
    const actor = (key, times_, all) => ({ key, times: times_, share: times_ / all });
    const durations = (k) => ({ all: times(60, 52 * k, 210 * k), by_priority: { 1: times(4, 41 * k, 88 * k), 2: times(15, 74 * k, 240 * k), 3: times(40, 190 * k, 900 * k), 4: times(0, null, null) }, by_centre: {} });
    return { complete_from_ms: from_ms, now: { at_ms: to_ms, standing: { 1: 5, 2: 15, 3: 46, 4: 5 }, unacknowledged: 46, blind: 0, muted: 2, hidden: { SHLVD: 3, DSUPR: 2, OOSRV: 1 }, stale_count: 1, stale: [...alerts.keys()].slice(-1) },
      span: { from_ms, to_ms, positions, announced, rate_per_10min: announced / slots.length / positions, peak_per_10min: Math.max(...slots) / positions, flood_share: slots.filter((n) => n / positions > 10).length / slots.length, slots,
        by_priority: { 1: Math.round(announced * 0.05), 2: Math.round(announced * 0.17), 3: Math.round(announced * 0.6), 4: Math.round(announced * 0.18) }, by_centre: {}, acknowledge: durations(1), clear: durations(14),
        chattering: [actor('congestion|long-khanh|T-XL2', 9, announced)], bad_actors: [actor('heavy-rain|bien-hoa|R-TAMHIEP', 61, announced), actor('congestion|long-khanh|T-XL2', 44, announced), actor('feedback-overdue|bien-hoa|1022-BH', 29, announced)], bad_actors_share: 134 / announced } };
  };
  /** As the gateway answers: what is not done is a 409; who came too late hears who was faster. */
  const answered = (done) => (done.outcome === 'STALE' || done.outcome === 'REFUSED' ? json(409, { error: done.outcome.toLowerCase(), detail: done.reason,
    ...(done.outcome === 'STALE' ? { by: done.actor ?? null, by_display: done.actor_display ?? null, by_at_ms: done.at_ms, about: '' } : {}) }) : json(200, done));
  const json = (status, body) => new Response(body === null ? null : JSON.stringify(body), { status });
  const logOf = (alert) => [
    { id: '1', kind: 'transition', what: 'raised', accepted: true, at_ms: alert.raised_ms, event_ms: alert.started_ms, version: 1, priority: alert.priority, reason: 'LIMIT_REACHED' },
    ...(alert.acked ? [{ id: '2', kind: 'command', what: 'ack', accepted: true, at_ms: alert.acked_ms, version: alert.version, actor: alert.acked_by, actor_display: alert.acked_by_display, outcome: 'DONE', command_id: 'other', note: null, station: 'bàn 1' }] : []),
  ].map((e) => ({ alert_id: alert.id, ...e }));
  window.fetch = async (path, init = {}) => {
    const method = init.method ?? 'GET';
    await new Promise((r) => setTimeout(r, 10));
    if (path === '/api/profile') return json(200, profile);
    if (path === '/api/session' && method === 'DELETE') { signedIn = null; return json(204, null); }
    if (path === '/api/session' && method === 'POST') {
      const { user, password } = JSON.parse(init.body);
      if (password !== 'demo') return json(401, { error: 'bad_credentials' });
      signedIn = { name: user, display: user, role: 'dispatcher' };
    }
    if (path === '/api/session') return signedIn ? json(200, { user: signedIn }) : json(401, { error: 'no_session' });
    if (path === '/api/ticket') return signedIn ? json(200, { ticket: 'demo', live_url: 'ws://demo/live', expires_s: 30 }) : json(401, { error: 'no_session' });
    const incident = /^\/api\/desk\/incidents\/(.+)$/.exec(path);
    if (incident && method === 'POST') return answered(incidentDone(incidents.find((one) => one.id === incident[1]), JSON.parse(init.body)));
    const figures = /^\/api\/quality\?from_ms=(\d+)&to_ms=(\d+)&positions=(\d+)$/.exec(path);
    if (figures) return json(200, quality(...figures.slice(1).map(Number)));
    if (path === '/api/desk/handovers') return json(200, { handovers: handovers() });
    if (path.startsWith('/api/desk/handovers/') && method === 'POST') return answered(handoverDone(JSON.parse(init.body)));
    if (path === '/api/desk/silences') return json(200, { silences: [] });
    const log = /^\/api\/alerts\/(.+)\/log$/.exec(path);
    if (log) return asked.get('log') === '503' ? json(503, { error: 'database_unavailable' }) : json(200, { entries: logOf(alerts.get(log[1])) });
    const past = /^\/api\/alerts\?from_ms=(\d+)&to_ms=(\d+)$/.exec(path);
    if (past && asked.get('log') === '503') return json(503, { error: 'database_unavailable' });
    if (past) return json(200, { alerts: over, known_from_ms: now() - 20 * 3_600_000, known: [{ from_ms: now() - 20 * 3_600_000, to_ms: now() }] });
    if (path === location.href) return new Response('<!doctype html>', { status: 200 });
    return json(404, { error: 'not_found' });
  };

  class FakeSocket extends EventTarget {
    static OPEN = 1;
    readyState = 0;
    pos = 0;
    constructor() {
      super();
      window.SOCKET = this;
      FakeSocket.made = (FakeSocket.made ?? 0) + 1;
      if (link === 'none' || (link === 'offline' && FakeSocket.made > 1)) { setTimeout(() => this.close(1006), 50); return; }
      setTimeout(() => { this.readyState = 1; this.onopen?.(new Event('open')); }, 20);
    }
    emit(frame) { if (this.readyState === 1) this.onmessage?.(new MessageEvent('message', { data: JSON.stringify(frame) })); }
    close(code = 1000) {
      if (this.readyState === 3) return;
      this.readyState = 3;
      clearInterval(this.timer);
      setTimeout(() => this.onclose?.(new CloseEvent('close', { code })), 0);
    }
    send(text) {
      const frame = JSON.parse(text);
      if (frame.t === 'auth') this.emit({ t: 'hello', epoch: 'e', pos: '0', server_time_ms: now(), build: window.BUILD ?? 'dev', user: signedIn, simulated: true });
      if (frame.t === 'subscribe') this.begin();
      if (frame.t === 'command') setTimeout(() => this.command(frame), asked.get('ack') === 'slow' ? 60_000 : 150);
    }
    begin() {
      this.emit({ t: 'snapshot_begin', pos: '0', reason: 'fresh' });
      this.emit({ t: 'snapshot', alerts: [...over, ...alerts.values()] });
      this.emit({ t: 'snapshot', feeds: feeds(), readings: readings(), minutes: minutes() });
      this.emit({ t: 'snapshot_end', pos: '0' });
      this.desk();
      const beat = () => this.emit({ t: 'beat', server_time_ms: now(), pos: String(this.pos), lag_s: 0.4, watermarks: {}, degraded: [...(asked.get('log') === '503' ? ['database'] : []), ...(asked.get('without') ?? '').split(',').filter(Boolean)] });
      beat();
      if (link === 'stale' || link === 'offline') return;
      let n = 0;
      this.timer = setInterval(() => { n += 1; this.delta({ feeds: feeds() }); if (n % 5 === 0) beat(); }, 1000);
    }
    /** The frame of the desk, the whole of it. */
    desk() { this.emit({ t: 'desk', incidents: incidents.filter((one) => one.state === 'open'), flood: flood(), version: 0 }); }
    delta(changes) {
      const prev = String(this.pos);
      this.pos += 1;
      this.emit({ t: 'delta', prev, pos: String(this.pos), server_time_ms: now(), ...changes });
    }
    change(id, more) {
      const alert = { ...alerts.get(id), ...more, version: alerts.get(id).version + 1, updated_ms: now() };
      alerts.set(id, alert);
      this.delta({ alerts: [alert] });
      return alert;
    }
    /** What an operation makes of an alert, roughly: enough to look at. */
    handled(op, asked) {
      const by = { by: signedIn.name, by_display: signedIn.display, at_ms: now() };
      const shown = { suppression: 'none', hidden: null, state: 'UNACK', acked: false, acked_ms: null };
      const hide = (suppression, more) => ({ suppression, state: op === 'shelve' ? 'SHLVD' : 'OOSRV',
        hidden: { since_ms: now(), ...by, reason: asked.reason, until_ms: null, review_ms: null, review_told: false, ...more } });
      return {
        shelve: () => hide('shelved-until', { until_ms: now() + (asked.for_s ?? 28_800) * 1000 }),
        out_of_service: () => hide('out-of-service', { review_ms: asked.review_ms }),
        unshelve: () => shown, return_to_service: () => shown, unack: () => shown,
        take: () => ({ assigned: { to: by.by, to_display: by.by_display, ...by, version: 1 } }),
        assign: () => ({ assigned: { to: asked.assignee, to_display: asked.assignee, ...by, version: 1 } }),
        dispatch: () => ({ dispatched: [{ what: asked.agency, ...by }] }),
        close: () => ({ acked: true, state: 'ACKED', acked_ms: now(), acked_by: by.by, acked_by_display: by.by_display, result: { code: asked.result, ...by } }),
      }[op]?.() ?? {};
    }
    command(frame) {
      const { command_id, alert_id, op } = frame;
      (window.GIVEN ??= []).push(frame);
      const held = alerts.get(alert_id);
      const out = (outcome, more) => this.emit({ t: 'outcome', command_id, outcome, by: null, by_display: null, at_ms: null, alert: alerts.get(alert_id), reason: '', ...more });
      if (op !== 'ack' && asked.get('ack') === null) {
        this.change(alert_id, this.handled(op, frame));
        return out('DONE', { by: signedIn.name, by_display: signedIn.display, at_ms: now() });
      }
      if (asked.get('ack') === 'stale') { this.change(alert_id, { priority: 1 }); return out('STALE', {}); }
      if (asked.get('ack') === 'conflict' && !held.acked) this.change(alert_id, { acked: true, state: 'ACKED', acked_ms: now() - 2000, acked_by: 'lan', acked_by_display: 'Lan' });
      const seen = alerts.get(alert_id);
      if (seen.acked) return out('ALREADY_ACKED', { by: seen.acked_by, by_display: seen.acked_by_display, at_ms: seen.acked_ms });
      this.change(alert_id, { acked: true, state: 'ACKED', acked_ms: now(), acked_by: signedIn.name, acked_by_display: signedIn.display });
      return out('DONE', { by: signedIn.name, by_display: signedIn.display, at_ms: now() });
    }
  }
  window.WebSocket = FakeSocket;
  window.FAKE = { alerts, incidents, state, flood, alertOf, raise: (row) => { const a = alertOf(row, alerts.size + 50); alerts.set(a.id, a); return a; } };
})();
