"""Accounts over real HTTP and in Chromium, on a Hub whose Kubernetes does not answer."""
