/** Words about the page itself, in both languages; part of the pages' words. */

export const page_vi = {
  new_build: 'Có bản mới: tải lại trang',
  awake: 'màn hình được giữ sáng',
  not_awake: 'màn hình có thể tự tắt',
};

export const page_en: Record<keyof typeof page_vi, string> = {
  new_build: 'New version: reload',
  awake: 'the screen is kept on',
  not_awake: 'the screen may turn off',
};
