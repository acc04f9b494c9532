"""The pages in Chromium, on the real Hub and the real cluster."""
