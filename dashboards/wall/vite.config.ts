import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// Two pages, one build. Everything the pages need is a file beside them: the content security policy of the gateway
// allows no inline style or script and no other origin, hence no inlined assets and no preload helper.
export default defineConfig({
  plugins: [svelte()],
  base: '/',
  build: {
    outDir: here('../../ioc/static'),
    emptyOutDir: true,
    assetsDir: 'assets',
    assetsInlineLimit: 0,
    modulePreload: false,
    target: 'es2022',
    rolldownOptions: { input: { wall: here('wall.html'), console: here('console.html') } },
  },
  resolve: process.env['VITEST'] ? { conditions: ['browser'] } : {},
  test: { environment: 'happy-dom', include: ['tests/**/*.test.ts'], restoreMocks: true, testTimeout: 60_000 },
});
