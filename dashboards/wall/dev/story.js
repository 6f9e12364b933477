// A province to look at while working on the pages: profile, alerts, feeds and readings of one busy afternoon.
// Everything is fictional. Used by fake.js, never by a build.
(() => {
  const rule = (id, group, type, vi, en, more = {}) => ({ id, group, type, name_vi: vi, name_en: en, guidance_vi: '', guidance_en: '', ...more });
  const site = (id, centre, area, feed, name_vi, lon, lat, limits = {}) => ({ id, centre, area, feed, name_vi, name_en: name_vi, lon, lat, limits });
  const feed = (centre, id, name_vi, name_en, types, expected_period_s) => ({ centre, id, name_vi, name_en, type: types[0], types, expected_period_s });
  const area = (code, name_vi, kind = 'district') => ({ code, name_vi, name_en: name_vi.normalize('NFD').replace(/\p{M}/gu, '').replace(/đ/g, 'd').replace(/Đ/g, 'D'), kind });
  const target = (indicator, pillar, name_vi, name_en, unit, t, max, note_vi, note_en, more = {}) =>
    ({ indicator, pillar, name_vi, name_en, unit, better: 'higher', target: t, base: null, scale_max: max, note_vi, note_en, ...more });

  const profile = {
    name_vi: 'Đồng Nai', name_en: 'Dong Nai', title_vi: 'Trung tâm Giám sát, điều hành thông minh', title_en: 'Smart Monitoring and Operations Centre',
    simulated: true,
    centres: [
      { id: 'bien-hoa', name_vi: 'Biên Hòa', name_en: 'Bien Hoa', kind: 'city', simulated: true, areas: ['731'] },
      { id: 'long-khanh', name_vi: 'Long Khánh', name_en: 'Long Khanh', kind: 'city', simulated: true, areas: ['732'] },
      { id: 'tinh', name_vi: 'Toàn tỉnh', name_en: 'Province', kind: 'province', simulated: true, areas: [] },
    ],
    areas: [area('731', 'Biên Hòa', 'city'), area('732', 'Long Khánh', 'city'), area('734', 'Tân Phú'), area('735', 'Vĩnh Cửu'), area('736', 'Định Quán'),
      area('737', 'Trảng Bom'), area('738', 'Thống Nhất'), area('739', 'Cẩm Mỹ'), area('740', 'Long Thành'), area('741', 'Xuân Lộc'), area('742', 'Nhơn Trạch')],
    sites: [
      site('BIENHOA', 'bien-hoa', '731', 'hydro', 'Biên Hòa', 106.817, 10.95, { bd1: 1.8, bd2: 2.0 }),
      site('TRIAN', 'tinh', '735', 'hydro', 'Trị An', 107.03, 11.09, { bd1: 61.4 }),
      site('PHUHIEP', 'tinh', '736', 'hydro', 'Phú Hiệp', 107.28, 11.15, { bd1: 104.5, bd2: 105.5 }),
      site('TALAI', 'tinh', '734', 'hydro', 'Tà Lài', 107.38, 11.4, { bd1: 112, bd2: 112.5, bd3: 113 }),
      site('R-TAMHIEP', 'bien-hoa', '731', 'rain', 'Tam Hiệp', 106.86, 10.957), site('R-TRANGDAI', 'bien-hoa', '731', 'rain', 'Trảng Dài', 106.868, 10.99),
      site('R-BUULONG', 'bien-hoa', '731', 'rain', 'Bửu Long', 106.80, 10.962), site('R-LONGKHANH', 'long-khanh', '732', 'rain', 'Long Khánh', 107.245, 10.94),
      site('A-TANMAI', 'bien-hoa', '731', 'air', 'Tân Mai', 106.84, 10.955), site('A-HOAAN', 'bien-hoa', '731', 'air', 'Hóa An', 106.80, 10.94),
      site('A-LONGBINH', 'bien-hoa', '731', 'air', 'Long Bình', 106.90, 10.94), site('A-XUANAN', 'long-khanh', '732', 'air', 'Xuân An', 107.24, 10.936),
      ...['QL51-1', 'QL51-2', 'AMATA', 'VUNGTAU', 'TANPHONG', 'HOANAI', 'DONGKHOI', 'BH-C08'].map((id, i) =>
        site(`T-${id}`, 'bien-hoa', '731', 'traffic', `Nút ${id}`, 106.80 + 0.0137 * i, 10.905 + 0.011 * ((i * 5) % 8))),
      ...['XL1', 'XL2', 'BAODINH'].map((id, i) => site(`T-${id}`, 'long-khanh', '732', 'traffic', `Nút ${id}`, 107.22 + 0.018 * i, 10.925 + 0.008 * i)),
      site('114', 'tinh', '', 'emergency', 'Tổng đài 114', null, null), site('1022-BH', 'bien-hoa', '731', 'feedback', '1022 Biên Hòa', 106.82, 10.945),
      site('1022-LK', 'long-khanh', '732', 'feedback', '1022 Long Khánh', 107.246, 10.932),
    ],
    feeds: [
      feed('bien-hoa', 'traffic', 'Giao thông', 'Traffic', ['traffic.flow', 'traffic.incident'], 1), feed('bien-hoa', 'rain', 'Mưa', 'Rain', ['rain.gauge'], 20),
      feed('bien-hoa', 'hydro', 'Mực nước', 'River', ['hydro.level'], 60), feed('bien-hoa', 'air', 'Không khí', 'Air', ['air.quality'], 300),
      feed('bien-hoa', 'feedback', '1022', '1022', ['feedback.1022'], 30), feed('bien-hoa', 'heartbeat', 'Nhịp tim', 'Heartbeat', ['source.heartbeat'], 10),
      feed('long-khanh', 'traffic', 'Giao thông', 'Traffic', ['traffic.flow'], 2), feed('long-khanh', 'rain', 'Mưa', 'Rain', ['rain.gauge'], 20),
      feed('long-khanh', 'air', 'Không khí', 'Air', ['air.quality'], 300), feed('long-khanh', 'feedback', '1022', '1022', ['feedback.1022'], 60),
      feed('long-khanh', 'heartbeat', 'Nhịp tim', 'Heartbeat', ['source.heartbeat'], 10),
      feed('tinh', 'emergency', '113–115', '113–115', ['emergency.call'], 20), feed('tinh', 'hydro', 'Thủy văn', 'Hydro', ['hydro.level'], 60),
      feed('tinh', 'kpi', 'Chỉ tiêu', 'KPI', ['service.kpi'], 60), feed('tinh', 'heartbeat', 'Nhịp tim', 'Heartbeat', ['source.heartbeat'], 10),
    ],
    targets: [
      target('dvc_online_pct', 'government', 'DVC trực tuyến', 'Online services', '%', 40, 70, 'mục tiêu trên 40 %', 'target above 40 %'),
      target('dvc_full_online_pct', 'government', 'Toàn trình', 'Wholly online', '%', 30, 70, 'mục tiêu trên 30 %', 'target above 30 %'),
      target('pop_db_linked', 'government', 'Nối dân cư', 'Population link', '/14', 14, 14, 'CSDL · 5 chưa nối', 'databases · 5 not linked'),
      target('voso_postmart_active_pct', 'economy', 'Vỏ Sò, Postmart', 'Vo So, Postmart', '%', null, 100, '76.300 / 125.800 TK', '76,300 / 125,800 accounts'),
      target('floor_products', 'economy', 'Sàn Đồng Nai', 'Provincial floor', 'sp', null, 300, '25 hộ · chưa có mục tiêu', '25 households · no target'),
      target('floor_orders_today', 'economy', 'Đơn hôm nay', 'Orders today', '', null, 700, 'chưa có mục tiêu', 'no target set'),
      target('digital_teams_active_pct', 'society', 'Tổ công nghệ số', 'Digital teams', '%', null, 100, '1.000 tổ · 6.400 người', '1,000 teams · 6,400 people'),
      target('dti_rank', 'society', 'Hạng DTI', 'DTI rank', '/63', 10, 63, 'mục tiêu: nhóm 10', 'goal: top 10', { better: 'lower', base: 63 }),
      target('feedback_on_time_pct', 'society', '1022 đúng hạn', '1022 on time', '%', null, 100, 'chưa có mục tiêu', 'no target set'),
    ],
    agencies: [
      { id: '114', name_vi: 'Cảnh sát PCCC và CNCH 114', name_en: 'Fire and rescue 114', phone: '114' },
      { id: '115', name_vi: 'Cấp cứu 115', name_en: 'Ambulance 115', phone: '115' },
    ],
    rules: [
      rule('hydro-level', 'river', 'hydro.level', 'Mực nước sông', 'River level', {
        guidance_vi: 'Gọi trực Đài Khí tượng Thủy văn xác nhận số đo.\nBáo Ban chỉ huy phòng chống thiên tai thành phố.\nKiểm tra các điểm ngập ven sông: Bửu Hòa, Hiệp Hòa, An Bình.\nGhi giờ triều cường kế tiếp vào ghi chú.',
        guidance_en: 'Call the hydrological station to confirm the reading.\nInform the disaster command of the city.\nCheck the low riverside wards.\nNote the time of the next tide crest.' }),
      rule('heavy-rain', 'rain', 'rain.gauge', 'Mưa lớn', 'Heavy rain', { field: 'mm_1h', levels: [{ name: 'P3', priority: 3, limit: 25 }, { name: 'P2', priority: 2, limit: 50 }] }),
      rule('air-quality', 'environment', 'air.quality', 'Chất lượng không khí', 'Air quality'),
      rule('congestion', 'traffic', 'traffic.flow', 'Ùn tắc', 'Congestion'), rule('traffic-injury', 'traffic', 'traffic.incident', 'Tai nạn có người bị thương', 'Accident with injured'),
      rule('emergency-call', 'emergency', 'emergency.call', 'Cuộc gọi khẩn cấp', 'Emergency call'), rule('source-silent', 'source', 'source.heartbeat', 'Nguồn im lặng', 'Source silent'),
      rule('feed-silent', 'source', '*', 'Mất luồng số liệu', 'Feed silent', { guidance_vi: 'Gọi trực kỹ thuật của trung tâm.\nGhi giờ mất và giờ có lại.', guidance_en: 'Call the engineer on duty.\nNote when it was lost and came back.' }),
      rule('feedback-overdue', 'feedback', 'feedback.1022', '1022 quá hạn', '1022 overdue'), rule('kpi-below', 'service', 'service.kpi', 'Dưới mục tiêu', 'Below target'),
    ],
  };

  // rule, priority, centre, area, site, title vi, title en, place vi, raised, [acked by, at], more
  const busy = [
    ['emergency-call', 1, 'tinh', '731', '114', 'Cháy trạm biến áp', 'Transformer on fire', 'P. Tân Hiệp', '16:02:47', null, { lon: 106.862, lat: 10.964 }],
    ['traffic-injury', 1, 'bien-hoa', '731', 'T-QL51-1', 'Tai nạn, 2 người bị thương', 'Accident, 2 injured', 'P. Long Bình Tân', '16:03:41', null, { lon: 106.862, lat: 10.905 }],
    ['hydro-level', 2, 'bien-hoa', '731', 'BIENHOA', 'Mực nước Biên Hòa 2,05 m, trên BĐ2', 'Bien Hoa at 2.05 m, above level 2', 'Trạm Biên Hòa', '16:03:10', null, { value: 2.05, limit: 2.0, unit: 'm', level: 'BĐ2' }],
    ['heavy-rain', 2, 'bien-hoa', '731', 'R-TAMHIEP', 'Mưa 62 mm trong 1 giờ', 'Rain 62 mm in 1 hour', 'P. Tam Hiệp', '15:51:20', ['Lan', '15:52:05'], { value: 62, limit: 50, unit: 'mm' }],
    ['congestion', 2, 'bien-hoa', '731', 'T-AMATA', 'Ùn tắc 2 đoạn kề nhau', 'Congestion on 2 sections', 'P. Long Bình', '15:58:30', ['Lan', '15:59:41'], { count: 12, value: 11, limit: 15, unit: 'km/h' }],
    ['heavy-rain', 3, 'bien-hoa', '731', 'R-TRANGDAI', 'Mưa 47 mm trong 1 giờ', 'Rain 47 mm in 1 hour', 'P. Trảng Dài', '15:57:02', null, { count: 6, value: 47, limit: 25, unit: 'mm' }],
    ['heavy-rain', 3, 'bien-hoa', '731', 'R-BUULONG', 'Mưa 38 mm trong 1 giờ', 'Rain 38 mm in 1 hour', 'P. Bửu Long', '15:53:10', null, { count: 4, value: 38, limit: 25, unit: 'mm' }],
    ['congestion', 3, 'bien-hoa', '731', 'T-QL51-2', 'QL51: 12 km/h trong 10 phút', 'QL51: 12 km/h for 10 min', 'P. Tam Phước', '15:49:00', ['Lan', '15:50:12'], { count: 14 }],
    ['feedback-overdue', 3, 'bien-hoa', '731', '1022-BH', '7 phản ánh ngập trong 1 giờ', '7 flood reports in 1 hour', 'P. Quang Vinh', '15:55:44', ['Hùng', '15:57:08'], { count: 7 }],
    ['feedback-overdue', 3, 'long-khanh', '732', '1022-LK', '3 phản ánh quá hạn', '3 reports overdue', 'P. Xuân An', '14:30:00', ['Lan', '14:33:18'], { count: 3 }],
    ['congestion', 4, 'long-khanh', '732', 'T-XL2', 'Đèn tín hiệu nháy vàng', 'Signal flashing amber', 'P. Xuân Bình', '13:10:00', null, { count: 3 }],
    ['kpi-below', 4, 'tinh', '', 'DVC_FULL', 'Hồ sơ toàn trình dưới mục tiêu', 'Wholly online below target', 'Toàn tỉnh', '07:00:00', ['Ngọc', '07:12:40'], { value: 27.4, limit: 30, unit: '%' }],
    ['congestion', 3, 'tinh', '737', '', 'Mưa 31 mm, QL1 ngập', 'Rain 31 mm, QL1 flooded', 'Trảng Bom', '15:53:10', null, {}],
  ];
  const calm = [
    ['congestion', 3, 'bien-hoa', '731', 'T-DONGKHOI', 'Đồng Khởi: 13 km/h trong 10 phút', 'Dong Khoi: 13 km/h', 'P. Tân Hiệp', '09:31:00', ['Ngọc', '09:32:44'], {}],
    busy[11],
  ];
  const silent = [
    ['source-silent', 2, 'long-khanh', '732', 'LONG-KHANH', 'IOC Long Khánh im lặng', 'Long Khanh centre silent', 'IOC Long Khánh', '13:55:32', ['Hùng', '13:56:10'], { started: '13:55:02' }],
    ['congestion', 3, 'bien-hoa', '731', 'T-QL51-2', 'Cổng 11: 13 km/h trong 10 phút', 'Gate 11: 13 km/h for 10 min', 'P. Long Bình', '13:48:20', null, {}],
    ['congestion', 4, 'long-khanh', '732', 'T-XL2', 'Đèn tín hiệu nháy vàng', 'Signal flashing amber', 'P. Xuân Bình', '13:10:00', null, { blind: true }],
    busy[11],
  ];
  const out = [
    ['feed-silent', 3, 'bien-hoa', '731', '', 'Luồng Không khí của Biên Hòa không gửi gì từ 13:41:00', 'Feed Air of Bien Hoa sent nothing since 13:41:00', 'Biên Hòa', '13:46:05', null,
      { feed: 'air', started: '13:41:00', reason: 'NOTHING_SENT', cap: { category: ['Infra', 'Env'], urgency: 'Expected', severity: 'Minor', certainty: 'Observed' } }],
    ['feed-silent', 3, 'long-khanh', '732', '', 'Luồng Mưa của Long Khánh không gửi gì từ 13:20:00', 'Feed Rain of Long Khanh sent nothing since 13:20:00', 'Long Khánh', '13:25:05', null,
      { feed: 'rain', started: '13:20:00', reason: 'CENTRE_SILENT', muted_by: 'A-00000000041303b6' }],
    silent[0],
  ];
  const many = [...busy, ...Array.from({ length: 34 }, (_, i) => ['feedback-overdue', 3, 'bien-hoa', '731', '1022-BH', `Phản ánh ngập số ${i + 1}`, `Flood report ${i + 1}`, 'P. Hố Nai', '15:40:' + String(i).padStart(2, '0'), i % 3 ? null : ['Hùng', '15:58:00'], { count: i }])];

  window.STORY = {
    profile,
    states: {
      calm: { at: '10:12:40', alerts: calm, level: 0.94, rain: [0, 0, 0, 0], base: { 'bien-hoa': 97, 'long-khanh': 43, tinh: 58 }, rise: 0 },
      busy: { at: '16:04:08', alerts: busy, level: 2.05, rain: [62, 47, 38, 4], base: { 'bien-hoa': 90, 'long-khanh': 43, tinh: 63 }, rise: 122 },
      many: { at: '16:04:08', alerts: many, level: 2.05, rain: [62, 47, 38, 4], base: { 'bien-hoa': 90, 'long-khanh': 43, tinh: 63 }, rise: 122 },
      silent: { at: '14:02:10', alerts: silent, level: 1.41, rain: [0, 0, 0, 0], base: { 'bien-hoa': 99, 'long-khanh': 43, tinh: 61 }, rise: 0, silent: '13:55:02' },
      // one feed out of service with its date of review to come, one whose date has passed; a whole centre silent
      out: { at: '14:02:10', alerts: out, level: 1.41, rain: [0, 0, 0, 0], base: { 'bien-hoa': 99, 'long-khanh': 43, tinh: 61 }, rise: 0, silent: '13:55:02',
        out: { 'bien-hoa/air': 18, 'tinh/kpi': -6 } },
    },
    // earlier episodes of the day, all over: rule, priority, centre, from, to (hours before)
    day: [['emergency-call', 2, 'tinh', 20.2, 19.9], ['congestion', 3, 'bien-hoa', 23.1, 21.6], ['congestion', 3, 'bien-hoa', 9.6, 7.9], ['congestion', 2, 'bien-hoa', 9.1, 8.5],
      ['heavy-rain', 3, 'bien-hoa', 22.4, 21.3], ['hydro-level', 3, 'bien-hoa', 22.9, 19.6], ['air-quality', 4, 'bien-hoa', 10.2, 8.2], ['feedback-overdue', 4, 'long-khanh', 4.8, 3.9],
      ['source-silent', 2, 'long-khanh', 2.2, 1.8]],
  };
})();
