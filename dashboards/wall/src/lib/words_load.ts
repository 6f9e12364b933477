/** Words of the wall's line about the load of the operators, in both languages; part of the pages' words. */

export const load_vi = {
  load_title: 'Tải cảnh báo',
  load_rate: '10 phút/bàn',
  load_limit: 'ngưỡng {limit}',
  load_standing: 'đang có',
  load_stale: 'quá 24 giờ',
  load_shelved: 'tạm gác',
  load_day: '24 giờ qua:',
  load_from: 'từ {at}:',
  load_chattering: 'chập chờn',
  load_ack: 'tiếp nhận, trung vị',
  load_good: 'cách đây {age}',
  load_old: 'không đọc được; số cũ {age}',
  load_blind: 'không tin được; số cũ {age}',
  load_none: 'chưa có số liệu',
};

export const load_en: Record<keyof typeof load_vi, string> = {
  load_title: 'Alert load',
  load_rate: '10 min/position',
  load_limit: 'limit {limit}',
  load_standing: 'standing',
  load_stale: 'over 24 h',
  load_shelved: 'shelved',
  load_day: 'last 24 h:',
  load_from: 'since {at}:',
  load_chattering: 'chattering',
  load_ack: 'to acknowledge, median',
  load_good: '{age} ago',
  load_old: 'cannot be read; {age} old',
  load_blind: 'not to be trusted; {age} old',
  load_none: 'no figures yet',
};
