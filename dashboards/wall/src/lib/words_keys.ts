/** Words about the keys of the console, in both languages; part of the pages' words. */

export const keys_vi = {
  help: 'Phím',
  keys_on: 'Dùng phím một chữ',
  k_move: 'lên, xuống',
  k_open: 'mở chi tiết',
  k_ack: 'tiếp nhận dòng này, hoặc các dòng đã chọn',
  k_ack_note: 'tiếp nhận kèm ghi chú',
  k_actions: 'nhận việc, điều lực lượng, ghi chú, tạm gác, đóng',
  k_search: 'tìm',
  k_unacked: 'chỉ chưa nhận',
  k_priority: 'chỉ một mức; bấm lại để bỏ',
  k_select: 'chọn, bỏ chọn',
  k_new: 'đưa dòng mới vào',
  k_escape: 'lùi một bước: đóng, bỏ chọn, thả danh sách',
  k_help: 'bảng phím này',
};

export const keys_en: Record<keyof typeof keys_vi, string> = {
  help: 'Keys',
  keys_on: 'Use single-letter keys',
  k_move: 'up, down',
  k_open: 'open the details',
  k_ack: 'acknowledge this row, or the selected rows',
  k_ack_note: 'acknowledge with a note',
  k_actions: 'take, send an agency, comment, shelve, close',
  k_search: 'search',
  k_unacked: 'unacknowledged only',
  k_priority: 'one priority only; again to undo',
  k_select: 'select, unselect',
  k_new: 'bring in new rows',
  k_escape: 'one step back: close, unselect, release the list',
  k_help: 'this table',
};
