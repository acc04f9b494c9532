"""Loaded last by the Hub of the benchmarks (KARVDASH_EXTRA_CONFIG): room for a hundred services of a user."""

from traitlets.config import get_config

c = get_config()
c.Platform.user_quota = {"hard": {"pods": "1000"}}
