/** Words about alerts that come and go too fast, in both languages; part of the pages' words. */

export const chatter_vi = {
  chatter_held: 'chập chờn ({n} lần): hiện đã hết, giữ đến {until} (phải hết liền {delay})',
  chatter_there: 'chập chờn ({n} lần): lần hết tới sẽ được giữ {delay}',
  ev_chattering: 'Chập chờn: đã hết, nhưng còn giữ',
  why_CHATTERING: 'tắt mở liên tục, cảnh báo được giữ lại',
  why_CHATTER_OVER: 'đã thôi chập chờn và hết hẳn',
};

export const chatter_en: Record<keyof typeof chatter_vi, string> = {
  chatter_held: 'chattering ({n} times): away now, held until {until} (has to stay away for {delay})',
  chatter_there: 'chattering ({n} times): held for {delay} when it next goes away',
  ev_chattering: 'Chattering: away, but held',
  why_CHATTERING: 'it comes and goes too fast, the alert is held',
  why_CHATTER_OVER: 'it stopped chattering and stayed away',
};
