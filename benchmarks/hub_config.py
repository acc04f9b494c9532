"""Loaded last by the benchmarks' Hub: more launches at once, to have the crowd up soon."""

from traitlets.config import get_config

c = get_config()
c.Platform.launches_per_user = 32
c.Platform.launches_total = 64
