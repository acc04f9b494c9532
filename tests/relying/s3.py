"""One signed request to S3, and the two calls of a program that gets its keys for an ID token."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree

import requests

_STS = "{https://sts.amazonaws.com/doc/2011-06-15/}"


@dataclass(frozen=True)
class Keys:
    """What AssumeRoleWithWebIdentity returns."""

    access: str
    secret: str
    session: str


def assume_role(server: str, id_token: str) -> Keys | requests.Response:
    """Exchange an ID token for keys; the answer itself if it is refused."""
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "WebIdentityToken": id_token,
        "DurationSeconds": "900",
    }
    answer = requests.post(server, data=form, timeout=60)
    if not answer.ok:
        return answer
    found = ElementTree.fromstring(answer.content).find(f".//{_STS}Credentials")
    assert found is not None, answer.text
    values = {part.tag.removeprefix(_STS): part.text or "" for part in found}
    return Keys(values["AccessKeyId"], values["SecretAccessKey"], values["SessionToken"])


def call(server: str, keys: Keys, method: str, path: str, body: bytes = b"") -> requests.Response:
    """Send a request with signature version 4.

    ref: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    now = datetime.now(UTC)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {
        "host": urlsplit(server).netloc,
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-amz-date": stamp,
        "x-amz-security-token": keys.session,
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"{method}\n{path}\n\n{lines}\n{names}\n{headers['x-amz-content-sha256']}"
    scope = f"{day}/us-east-1/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = b"AWS4" + keys.secret.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"AWS4-HMAC-SHA256 Credential={keys.access}/{scope}"
    headers["authorization"] = f"{credential}, SignedHeaders={names}, Signature={signature}"
    return requests.request(method, f"{server}{path}", data=body, headers=headers, timeout=60)
