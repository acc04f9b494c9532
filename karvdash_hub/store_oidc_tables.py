"""The tables of ``karvdash_hub.store_oidc``."""

from __future__ import annotations

import sqlalchemy as sa

from karvdash_hub.store_tables import METADATA

OIDC_CLIENTS = sa.Table(
    "oidc_clients",
    METADATA,
    sa.Column("client_id", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    # Lists as JSON: they are read and written as a whole.
    sa.Column("redirect_uris", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.String(64), nullable=False),
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("first_party", sa.Boolean, nullable=False),
    sa.Column("post_logout_redirect_uris", sa.Text, nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("secret_place", sa.String(320), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
)
OIDC_CODES = sa.Table(
    "oidc_codes",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("family", sa.String(36), nullable=False),
    sa.Column("client_id", sa.String(255), nullable=False),
    sa.Column("username", sa.String(255), nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("scopes", sa.String(255), nullable=False),
    sa.Column("nonce", sa.Text),
    sa.Column("challenge", sa.String(128)),
    sa.Column("auth_time", sa.BigInteger, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Column("used", sa.Boolean, nullable=False),
    sa.Index("oidc_codes_by_user", "username"),
    sa.Index("oidc_codes_by_end", "expires"),
)
#: A family that has ended has no row, and neither have its tokens.
OIDC_FAMILIES = sa.Table(
    "oidc_families",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("client_id", sa.String(255), nullable=False),
    sa.Column("username", sa.String(255), nullable=False),
    sa.Column("scopes", sa.String(255), nullable=False),
    sa.Column("auth_time", sa.BigInteger, nullable=False),
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("used", sa.Float, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Index("oidc_families_by_user", "username", "client_id"),
    sa.Index("oidc_families_by_end", "expires"),
)
OIDC_REFRESH = sa.Table(
    "oidc_refresh_tokens",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("family", sa.String(36), nullable=False, index=True),
    sa.Column("used", sa.Boolean, nullable=False),
)
OIDC_ACCESS = sa.Table(
    "oidc_access_tokens",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("family", sa.String(36), nullable=False, index=True),
    sa.Column("scopes", sa.String(255), nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Index("oidc_access_tokens_by_end", "expires"),
)
OIDC_CONSENTS = sa.Table(
    "oidc_consents",
    METADATA,
    sa.Column("username", sa.String(255), primary_key=True),
    sa.Column("client_id", sa.String(255), primary_key=True),
    sa.Column("scopes", sa.String(255), nullable=False),
    sa.Column("given", sa.Float, nullable=False),
)
#: ``holder`` is the user name for as long as the user exists, and NULL afterwards.
OIDC_SUBJECTS = sa.Table(
    "oidc_subjects",
    METADATA,
    sa.Column("sub", sa.String(36), primary_key=True),
    sa.Column("username", sa.String(255), nullable=False),
    sa.Column("holder", sa.String(255), unique=True),
)
OIDC_KEYS = sa.Table(
    "oidc_keys",
    METADATA,
    sa.Column("kid", sa.String(64), primary_key=True),
    sa.Column("pem", sa.Text, nullable=False),
    sa.Column("signs_from", sa.Float, nullable=False),
)
