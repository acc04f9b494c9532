"""Loaded last by the Hub of the benchmarks (KARVDASH_EXTRA_CONFIG): room for a hundred services of a user."""

# ruff: noqa: F821  (get_config is the loader's)
c = get_config()  # type: ignore[name-defined]
c.Platform.user_quota = {"hard": {"pods": "1000"}}
# B3: a client of JupyterHub's own OAuth, and everybody may sign in there.
c.JupyterHub.services.append(
    {
        "name": "bench",
        "api_token": "0" * 32,
        "oauth_client_id": "service-bench",
        "oauth_redirect_uri": "http://localhost/callback",
        "oauth_no_confirm": True,
    }
)
c.JupyterHub.extra_user_scopes.update({"access:services!service=bench"})
