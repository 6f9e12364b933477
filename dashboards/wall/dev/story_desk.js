// The storm of story.js half an hour later: a flood of alerts in five incidents. Loaded after story.js.
(() => {
  const { states } = window.STORY;
  const two = (n) => String(n).padStart(2, '0');
  const took = (who, m) => [who, `16:${two(m)}:20`];
  const WARDS = ['P. Tam Hiệp', 'P. Long Bình', 'P. Tân Phong', 'P. Quang Vinh', 'P. Trung Dũng', 'P. Hóa An', 'P. Bửu Long', 'P. Tân Biên', 'P. Hố Nai', 'P. Trảng Dài', 'P. An Bình', 'P. Tân Mai', 'P. Thống Nhất', 'P. Bình Đa'];
  const SITES = ['R-TAMHIEP', 'R-TRANGDAI', 'R-BUULONG', 'T-AMATA', 'T-HOANAI', 'T-DONGKHOI', 'T-VUNGTAU', 'T-TANPHONG', 'T-BH-C08', 'BIENHOA'];
  /** n alerts of one kind: all but `taken` are unacknowledged. */
  const rows = (n, taken, priority, rule, vi, en, who, more = {}) => Array.from({ length: n }, (_, i) => [
    rule, priority, more.centre ?? 'bien-hoa', more.area ?? '731', more.site ?? SITES[(i * 3 + priority) % SITES.length], vi(i), en(i), more.place ?? WARDS[(i * 5 + priority) % WARDS.length],
    `16:${two(6 + ((i * 7 + priority) % 21))}:${two((i * 13) % 60)}`, i < taken ? took(who, 8 + ((i * 5) % 19)) : null, {}]);
  const cm = (i) => 20 + ((i * 11) % 37);
  const storm = [
    ...rows(3, 1, 1, 'emergency-call', (i) => ['Người mắc kẹt trong nhà ngập', 'Cây đổ, 1 người bị thương', 'Sập mái nhà xưởng'][i], (i) => ['People trapped by water', 'Tree fell, 1 injured', 'Factory roof collapsed'][i], 'Lan', { centre: 'tinh', site: '114' }),
    ...rows(9, 3, 2, 'heavy-rain', (i) => `Ngập ${40 + cm(i) % 20} cm`, (i) => `Flooded, ${40 + cm(i) % 20} cm`, 'Lan'),
    ...rows(17, 4, 3, 'heavy-rain', (i) => `Ngập ${cm(i)} cm`, (i) => `Flooded, ${cm(i)} cm`, 'Hùng'),
    ...rows(2, 0, 3, 'heavy-rain', () => 'Mưa 44 mm trong 1 giờ', () => 'Rain 44 mm in 1 hour', 'Lan', { centre: 'tinh', area: '737', site: '', place: 'Trảng Bom' }),
  ];
  const road = [
    ...rows(2, 1, 1, 'traffic-injury', (i) => ['Tai nạn liên hoàn 4 xe', 'Xe tải lật, 2 người bị thương'][i], (i) => ['Pile-up of 4 vehicles', 'Lorry overturned, 2 injured'][i], 'Minh', { site: 'T-QL51-1', place: 'P. Long Bình Tân' }),
    ...rows(2, 1, 2, 'congestion', (i) => `QL51: ${9 + i} km/h`, (i) => `QL51: ${9 + i} km/h`, 'Minh', { centre: 'tinh', area: '740', site: '', place: 'Long Thành' }),
    ...rows(5, 2, 3, 'congestion', (i) => `QL51: ${11 + i} km/h trong 10 phút`, (i) => `QL51: ${11 + i} km/h for 10 min`, 'Minh', { site: 'T-QL51-2', place: 'P. Tam Phước' }),
  ];
  const power = [...rows(4, 4, 2, 'kpi-below', (i) => `Mất điện lộ ${475 + i}`, (i) => `Power lost on line ${475 + i}`, 'Hùng'), ...rows(8, 5, 3, 'kpi-below', (i) => `Trạm bơm ${i + 1} mất điện`, (i) => `Pump ${i + 1} without power`, 'Hùng')];
  const calls = rows(11, 0, 3, 'feedback-overdue', (i) => `${5 + i} phản ánh ngập/giờ`, (i) => `${5 + i} flood reports/h`, '', { site: '1022-BH' });
  const cameras = rows(3, 3, 4, 'congestion', (i) => `Đèn tín hiệu nháy vàng ${i + 1}`, (i) => `Signal flashing amber ${i + 1}`, 'Lan', { centre: 'long-khanh', area: '732', site: 'T-XL2', place: 'P. Xuân Bình' });
  const single = [
    ['hydro-level', 3, 'bien-hoa', '731', 'BIENHOA', 'Mực nước Biên Hòa 1,92 m, trên BĐ1', 'Bien Hoa at 1.92 m, above level 1', 'Trạm Biên Hòa', '16:11:00', null, { value: 1.92, limit: 1.8, unit: 'm' }],
    ['air-quality', 4, 'bien-hoa', '731', 'A-HOAAN', 'VN_AQI 152', 'VN_AQI 152', 'P. Hóa An', '16:20:10', null, {}],
    ['feedback-overdue', 3, 'long-khanh', '732', '1022-LK', '3 phản ánh quá hạn', '3 reports overdue', 'P. Xuân An', '16:09:00', null, {}],
    ['congestion', 3, 'long-khanh', '732', 'T-XL1', 'Hùng Vương: 12 km/h', 'Hung Vuong: 12 km/h', 'P. Xuân Hòa', '16:17:00', null, {}],
    ['kpi-below', 4, 'tinh', '', 'DVC_FULL', 'Hồ sơ toàn trình dưới mục tiêu', 'Wholly online below target', 'Toàn tỉnh', '07:00:00', ['Ngọc', '07:12:40'], { value: 27.4, limit: 30, unit: '%' }],
  ];
  const groups = [
    { number: 118, group: 'storm', title_vi: 'Mưa dông, ngập', title_en: 'Storm, flooding', since: '15:28:10', owner: 'Lan', of: storm },
    { number: 120, group: 'road', title_vi: 'QL51: tai nạn, ùn tắc', title_en: 'QL51: accident, congestion', since: '15:49:00', owner: 'Minh', of: road },
    { number: 119, group: 'power', title_vi: 'Mất điện lộ 475, 477', title_en: 'Power lost, 475 and 477', since: '16:01:30', owner: null, of: power },
    { number: 121, group: 'feedback', title_vi: 'Phản ánh 1022', title_en: '1022 reports', since: '16:12:00', owner: null, of: calls },
    { number: 117, group: 'signals', title_vi: 'Đèn tín hiệu', title_en: 'Signals', since: '13:10:00', owner: 'Lan', of: cameras },
  ];
  let from = 0;
  for (const group of groups) { group.from = from; from += group.of.length; }
  const limits = { above: 10, below: 5, window_s: 600, positions: 1, always: ['hydro-level'] };
  states.flood = { at: '16:27:40', alerts: [...groups.flatMap((g) => g.of), ...single], level: 1.92, rain: [74, 66, 51, 9], base: states.busy.base, rise: 280,
    groups, flood: { new: 38, since: '16:18:05', unannounced: 27, ...limits } };
  states.busy.groups = [{ number: 118, group: 'storm', title_vi: 'Mưa dông, ngập', title_en: 'Storm, flooding', since: '15:51:40', owner: 'Lan', from: 2, of: { length: 5 } }];
  states.busy.flood = { new: 10, since: null, unannounced: 0, ...limits };
})();
