/** Words for what the desk refuses: silences, incidents and handovers. A code that has none is shown as it is. */

import type { Lang } from '../model/profile';

type Both = readonly [vi: string, en: string];

const REFUSED: Readonly<Record<string, Both>> = {
  NO_REASON: ['cần nêu lý do', 'a reason is needed'],
  NO_TEXT: ['chưa có nội dung', 'there is no text'],
  BAD_TEXT: ['nội dung có ký tự không dùng được', 'the text holds a character that cannot be used'],
  LONG_REASON: ['lý do dài quá 500 ký tự', 'the reason is longer than 500 characters'],
  LONG_TEXT: ['nội dung dài quá 500 ký tự', 'the text is longer than 500 characters'],
  BAD_DURATION: ['thời gian phải từ 1 giây đến một ca', 'it must last between a second and a shift'],
  BAD_ID: ['mã này không dùng được', 'this id cannot be used'],
  NO_CONDITION: ['cần ít nhất một điều kiện', 'at least one condition is needed'],
  UNKNOWN_NAME: ['có tên không nằm trong hồ sơ', 'a name is not in the profile'],
  TOO_OLD: ['lệnh đến quá muộn, hãy làm lại', 'the command came too late, do it again'],
  TOO_MANY: ['đã quá nhiều, hãy kết thúc bớt', 'there are too many, end some first'],
  CLOSED: ['đã đóng', 'it is closed'],
  ENDED: ['đã kết thúc', 'it has ended'],
  SAME: ['là cùng một sự cố', 'it is the same incident'],
  SAME_TITLE: ['tên vẫn như cũ', 'the name is the same'],
  RENAMED_SINCE: ['tên vừa được người khác đổi', 'somebody has just given it another name'],
  MOVED: ['có cảnh báo vừa được tách đi', 'an alert has just been split off'],
  NOT_MEMBER: ['có cảnh báo không thuộc sự cố này', 'an alert is not part of this incident'],
  NO_ALERTS: ['chưa chọn cảnh báo nào', 'no alert was chosen'],
  NO_OWNER: ['chưa ai phụ trách', 'nobody leads it'],
  OWNER: ['đã có người phụ trách', 'somebody leads it already'],
  OTHER_DRILL: ['không trộn diễn tập với thật, hoặc hai diễn tập', 'a drill is not mixed with the real, nor with another drill'],
  MERGED: ['đã gộp vào sự cố khác', 'it was merged into another incident'],
  UNKNOWN_SILENCE: ['không có lần im lặng này', 'there is no such silence'],
  UNKNOWN_INCIDENT: ['không có sự cố này', 'there is no such incident'],
  UNKNOWN_HANDOVER: ['không có lần bàn giao này', 'there is no such handover'],
  SIGNED_BOTH: ['một người không ký cả hai bên', 'nobody signs both sides'],
  SAME_PERSON: ['một người không ký cả hai bên', 'nobody signs both sides'],
  NOT_ON_ROSTER: ['không có tên trong lịch trực của ca này; ký thay thì phải nói rõ và nêu lý do', 'not on the roster of this shift; who stands in says so and gives the reason'],
  DIGEST_CHANGED: ['bản nháp đã thay đổi, hãy đọc lại', 'the draft has changed, read it again'],
  LOCKED: ['đã khóa khi ký', 'it was locked by a signature'],
  GIVEN: ['bên giao đã ký', 'the outgoing shift has signed'],
  TAKEN: ['bên nhận đã ký', 'the incoming shift has signed'],
  NOT_GIVEN: ['bên giao chưa ký', 'the outgoing shift has not signed'],
  STARTING: ['bàn điều phối vừa khởi động, hãy ký lại', 'the desk has just started, sign again'],
  ALL: ['không tách hết cảnh báo của sự cố', 'not all alerts can be split off'],
  malformed: ['yêu cầu sai định dạng', 'the request is malformed'],
  MISSED: ['ca sau đã hết mà chưa ai ký', 'the next shift ended before anybody signed'],
  HANDOVER_OVER: ['lần bàn giao này đã xong', 'this handover is over'],
  NO_ACTOR: ['thiếu tên người', 'the name of the person is missing'],
  NO_COMMAND_ID: ['thiếu mã lệnh', 'the id of the command is missing'],
  STALE: ['đã thay đổi, hãy xem lại', 'it has changed, look again'],
  FORBIDDEN: ['tài khoản không được phép', 'this account may not'],
  forbidden: ['tài khoản không được phép', 'this account may not'],
  idempotency_mismatch: ['mã lệnh đã dùng cho lệnh khác', 'the id was used for another command'],
  MISMATCH: ['mã lệnh đã dùng cho lệnh khác', 'the id was used for another command'],
  busy: ['máy chủ đang bận, hãy gửi lại', 'the server is busy, send it again'],
  no_answer: ['chưa có trả lời, hãy gửi lại: lệnh chỉ có hiệu lực một lần', 'no answer yet, send it again: it has one effect only'],
  not_signed_in: ['chưa đăng nhập', 'not signed in'],
  UNKNOWN: ['chưa rõ đã làm hay chưa, hãy gửi lại', 'not known whether it was done, send it again'],
};

/** A code of the desk in words, or the code itself. */
export function deskReason(code: string, lang: Lang): string {
  const words = Object.hasOwn(REFUSED, code) ? REFUSED[code] : undefined;
  return words ? words[lang === 'vi' ? 0 : 1] : code;
}

export const DESK_CODES: readonly string[] = Object.keys(REFUSED);
