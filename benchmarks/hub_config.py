"""Loaded last by the Hub of the benchmarks (KARVDASH_EXTRA_CONFIG): room for a hundred services of a user."""

# ruff: noqa: F821  (get_config is the loader's)
c = get_config()  # type: ignore[name-defined]
c.Platform.user_quota = {"hard": {"pods": "1000"}}
