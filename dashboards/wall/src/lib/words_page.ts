/** Words about the page itself, in both languages; part of the pages' words. */

export const page_vi = {
  new_build: 'Có bản mới: tải lại trang',
  water_dong_nai: 's. Đồng Nai',
  water_la_nga: 'La Ngà',
  water_tri_an: 'Trị An',
  awake: 'màn hình được giữ sáng',
  not_awake: 'màn hình có thể tự tắt',
};

export const page_en: Record<keyof typeof page_vi, string> = {
  new_build: 'New version: reload',
  water_dong_nai: 'Dong Nai r.',
  water_la_nga: 'La Nga',
  water_tri_an: 'Tri An',
  awake: 'the screen is kept on',
  not_awake: 'the screen may turn off',
};
