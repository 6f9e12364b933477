/** Words about who is called when nobody acknowledges, in both languages; part of the pages' words. */

export const calls_vi = {
  called: 'Đã gọi',
  call_step: 'bước {n}, lượt {round}',
  ev_called: 'Gọi {whom}',
  ev_uncalled: 'Bước gọi {n}: không gọi được ai',
  why_STEP_DUE: 'đến hạn gọi',
  why_STEP_LATE: 'gọi muộn: hệ thống vừa ngừng một lúc',
  why_EMPTY_ROSTER: 'không có ai trong ca trực',
  why_NOT_IN_PROFILE: 'người hoặc bảng trực không còn trong cấu hình',
  why_NO_CHAIN: 'không có chuỗi gọi nào cho cảnh báo này',
  why_DESK_SILENT: 'không nghe thấy tiến trình desk',
  why_DESK_HEARD: 'đã nghe lại tiến trình desk',
  why_ESCALATION_STUCK: 'có cảnh báo không được gọi trực đúng hạn',
  why_ESCALATION_RUNS: 'mọi cảnh báo lại được gọi trực đúng hạn',
  why_HANDOVER_UNSIGNED: 'đến hạn mà chưa ai ký nhận ca',
  why_HANDOVER_SIGNED: 'ca đã được ký nhận',
  why_HANDOVER_OVER: 'đã tới lần bàn giao sau mà chưa ai ký',
};

export const calls_en: Record<keyof typeof calls_vi, string> = {
  called: 'Called',
  call_step: 'step {n}, round {round}',
  ev_called: 'Called {whom}',
  ev_uncalled: 'Step {n}: nobody was called',
  why_STEP_DUE: 'the step was due',
  why_STEP_LATE: 'called late: the system had stopped for a while',
  why_EMPTY_ROSTER: 'nobody is on shift',
  why_NOT_IN_PROFILE: 'the person or roster has left the profile',
  why_NO_CHAIN: 'no chain fits this alert',
  why_DESK_SILENT: 'the desk is not heard',
  why_DESK_HEARD: 'the desk is heard again',
  why_ESCALATION_STUCK: 'people are not called in time about some alerts',
  why_ESCALATION_RUNS: 'people are called in time again',
  why_HANDOVER_UNSIGNED: 'due, and nobody has signed for the shift',
  why_HANDOVER_SIGNED: 'the shift was signed for',
  why_HANDOVER_OVER: 'the next handover fell due before anybody signed',
};
