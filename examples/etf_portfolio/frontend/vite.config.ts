import { defineConfig } from "vite";

export default defineConfig({
  build: {
    // Every file that is imported gets a name with its hash, and so may be cached for ever, small ones included.
    assetsInlineLimit: 0,
    target: "es2022",
  },
  server: {
    // The back end of a checkout: DATABASE_URL=... uv run uvicorn app.main:app
    proxy: { "/api": "http://127.0.0.1:8000" },
  },
});
