/** Words about incidents and the flood of alerts, in both languages; part of the pages' words. */

export const incidents_vi = {
  flood: 'BÃO CẢNH BÁO',
  flood_new: 'mới trong {min} phút (ngưỡng {limit}) · gộp theo sự cố',
  flood_silent: 'không phát tiếng,',
  flood_lost: 'bị bỏ: tất cả có trong hàng đợi',
  flood_live: 'trực tiếp',
  flood_line: 'bão cảnh báo: {n} mới trong {min} phút',
  sound_p1: 'tiếng: chỉ P1',
  incident_nobody: 'chưa ai nhận',
  incident_extent: '{areas} địa bàn · {n} cảnh báo',
  incident_waiting: '{n}, chưa nhận',
  incident_n_alerts: '{n} cảnh báo',
  incident_more: '+{n} sự cố nữa',
  incident_singles: 'cảnh báo lẻ',
};

export const incidents_en: Record<keyof typeof incidents_vi, string> = {
  flood: 'ALARM FLOOD',
  flood_new: 'new in {min} minutes (limit {limit}) · grouped by incident',
  flood_silent: 'made no sound,',
  flood_lost: 'dropped: all are in the list',
  flood_live: 'live',
  flood_line: 'alarm flood: {n} new in {min} minutes',
  sound_p1: 'sound: P1 only',
  incident_nobody: 'nobody yet',
  incident_extent: '{areas} areas · {n} alerts',
  incident_waiting: '{n}, not taken',
  incident_n_alerts: '{n} alerts',
  incident_more: '+{n} incidents',
  incident_singles: 'single alerts',
};
