"""Signing in at the trust's identity provider: against an independent provider in a process of its own, and against one that lies."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.test import Client
from django.urls import reverse
from joserfc import jwt
from joserfc.jwk import RSAKey

from releases.models import Account, AuditEvent, ProviderIdentity, SignIn
from tests.secure import world as build
from tests.secure.test_pages_site import words
from tests.secure.test_sign_in import with_app
from tests.secure.world import People

CLIENT = "synthportal-of-the-tests"


def configured(settings: Any, issuer: str, **more: Any) -> None:
    told = {"issuer": issuer, "client_id": CLIENT, "client_secret": "known to both", "name": "Trust account", "acr": (), "amr": ()}
    settings.SYNTHPORTAL_PROVIDER = told | more


def sent_off(client: Client) -> str:
    """The address at the provider that our site sends the browser to."""
    answer = client.get(reverse("provider"), {"next": "/requests/"})
    assert answer.status_code == 302
    return str(answer["Location"])


def came_back(client: Client, address: str) -> Any:
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}")


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """An identity provider that somebody else wrote, as a server of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
        "--require-nonce",
        "true",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"AUTHLIB_INSECURE_TRANSPORT": "1"})
    address = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            requests.get(f"{address}/.well-known/openid-configuration", timeout=1)
            break
        except requests.RequestException:
            time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(10)


@pytest.mark.promise("account.13")
def test_who_signs_in_at_the_trusts_provider_gets_their_own_account_and_nobody_gets_a_new_one(
    people: People,
    settings: Any,
    provider: str,
) -> None:
    configured(settings, provider)
    assert "Sign in with Trust account" in words(Client().get(reverse("sign-in")))
    accounts = Account.objects.count()

    def visit(subject: str, email: str, verified: bool = True) -> Any:
        requests.put(f"{provider}/users/{subject}", json={"email": email, "email_verified": verified}, timeout=10)
        client = Client()
        there = requests.post(sent_off(client), data={"sub": subject}, allow_redirects=False, timeout=10)
        return came_back(client, there.headers["Location"])

    assert visit("s-1", "Steward@Hospital.test")["Location"] == "/requests/"
    assert SignIn.objects.get().how == "provider"
    assert visit("s-1", "renamed@hospital.test")["Location"] == "/requests/"
    for subject, email, verified, sentence in (
        ("s-2", "steward@hospital.test", True, "somebody else signs in to"),
        ("s-3", "stranger@hospital.test", True, "nobody who has an account here"),
        ("s-4", "ig@hospital.test", False, "does not vouch for your e-mail address"),
    ):
        refused = visit(subject, email, verified)
        assert refused.status_code == 403
        assert sentence in words(refused)
    assert Account.objects.count() == accounts
    assert list(ProviderIdentity.objects.values_list("account__email", "subject")) == [("steward@hospital.test", "s-1")]
    assert AuditEvent.objects.filter(action="sign_in", outcome="refused").count() == 2


class Liar(ThreadingHTTPServer):
    """A provider that does all of the protocol, checks our proof key, and can be told to lie in its answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), LiarsAnswers)
        self.issuer = f"http://127.0.0.1:{self.server_address[1]}"
        self.key = self.signs_with = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
        self.algorithm = "RS256"
        self.claims: dict[str, Any] = {}
        self.asked: dict[str, str] = {}
        self.proved = False

    def visited(self, address: str) -> str:
        """What somebody's visit comes to: the address it sends the browser back to."""
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        return f"{self.asked['redirect_uri']}?code=a-code&state={self.asked['state']}"

    def token(self) -> str:
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT, "sub": "p-1", "iat": now, "exp": now + 300, "nonce": self.asked.get("nonce")}
        said |= {"email": "ig@hospital.test", "email_verified": True, **self.claims}
        header = {"alg": self.algorithm, "kid": "one"}
        if self.algorithm == "none":
            parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, said)]
            return ".".join([*parts, ""])
        return jwt.encode(header, {name: value for name, value in said.items() if value is not None}, self.signs_with)


class LiarsAnswers(BaseHTTPRequestHandler):
    server: Liar

    def do_GET(self) -> None:
        at = self.server.issuer
        ends = {"authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token", "jwks_uri": f"{at}/keys"}
        self._say({"issuer": at, **ends} if "well-known" in self.path else {"keys": [self.server.key.as_dict(private=False)]})

    def do_POST(self) -> None:
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        digest = hashlib.sha256(body["code_verifier"][0].encode()).digest()
        self.server.proved = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.server.asked["code_challenge"]
        self._say({"access_token": "none of ours", "token_type": "Bearer", "id_token": self.server.token()})

    def _say(self, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Silent."""


@pytest.fixture
def liar() -> Iterator[Liar]:
    server = Liar()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.promise("account.14")
def test_an_answer_that_is_not_for_us_now_from_them_is_not_believed(people: People, settings: Any, liar: Liar) -> None:
    configured(settings, liar.issuer)
    now = int(time.time())
    lies: list[dict[str, Any]] = [
        {"iss": "https://elsewhere.example"},
        {"aud": "another site"},
        {"aud": [CLIENT, "another site"], "azp": "another site"},
        {"nonce": "of another visit"},
        {"nonce": None},
        {"exp": now - 300},
        {"iat": now + 3600},
        {"sub": None},
    ]
    for liar.claims in lies:
        client = Client()
        answer = came_back(client, liar.visited(sent_off(client)))
        assert answer.status_code == 403, liar.claims
        assert "could not be trusted" in words(answer)
    liar.claims = {"exp": now - 60, "iat": now - 90}  # clocks differ a little
    client = Client()
    assert came_back(client, liar.visited(sent_off(client)))["Location"] == "/requests/"
    assert liar.proved
    liar.claims, liar.signs_with = {}, RSAKey.generate_key(2048, {"kid": "one"}, private=True)
    forged = Client()
    assert came_back(forged, liar.visited(sent_off(forged))).status_code == 403
    liar.algorithm = "none"
    assert came_back(forged, liar.visited(sent_off(forged))).status_code == 403


@pytest.mark.promise("account.14")
def test_a_return_is_taken_once_from_the_browser_that_left_and_not_long_after(
    people: People,
    settings: Any,
    liar: Liar,
    monkeypatch: Any,
) -> None:
    configured(settings, liar.issuer)
    left, other = Client(), Client()
    back = liar.visited(sent_off(left))
    assert came_back(other, back).status_code == 403
    sent_off(other)
    assert came_back(other, back).status_code == 403
    assert came_back(left, re.sub("state=[^&]+", "state=x", back)).status_code == 403
    assert came_back(left, back).status_code == 403  # one return for each time somebody leaves
    back = liar.visited(sent_off(left))
    assert came_back(left, back).status_code == 302
    late = Client()
    back, real = liar.visited(sent_off(late)), time.time()
    monkeypatch.setattr(time, "time", lambda: real + 700)
    assert "did not finish" in words(came_back(late, back))


@pytest.mark.promise("account.15")
def test_the_second_factor_is_the_providers_where_that_is_set_and_ours_where_not(
    people: People,
    settings: Any,
    liar: Liar,
) -> None:
    app = with_app(people.ig)
    settings.SYNTHPORTAL_SECOND_FACTOR_ROLES = ["ig"]
    configured(settings, liar.issuer, amr=("mfa",), acr=("gold",))
    for claims, following in (({}, reverse("second-step")), ({"amr": ["pwd"]}, reverse("second-step")), ({"amr": ["mfa"]}, "/requests/")):
        client, liar.claims = Client(), claims
        assert came_back(client, liar.visited(sent_off(client)))["Location"] == following
    assert liar.asked["acr_values"] == "gold"
    assert client.get("/requests/").status_code == 200
    client, liar.claims = Client(), {"acr": "silver"}
    came_back(client, liar.visited(sent_off(client)))
    assert client.post(reverse("second-step"), {"code": app.now()})["Location"] == "/requests/"


@pytest.mark.promise("account.17")
def test_who_came_from_the_provider_shows_there_anew_who_they_are_before_a_second_factor_changes(
    people: People, settings: Any, liar: Liar
) -> None:
    configured(settings, liar.issuer)
    client, now = Client(), int(time.time())
    liar.claims = {"auth_time": now}
    came_back(client, liar.visited(sent_off(client)))
    again = f"{reverse('show-again')}?next={reverse('add-key')}"
    assert client.get(reverse("add-key"))["Location"] == again  # the provider may have let in whoever sat there
    assert "once more with Trust account" in words(client.get(again))

    def once_more() -> Any:
        there = client.get(reverse("provider"), {"again": "yes", "next": reverse("add-key")})["Location"]
        return came_back(client, liar.visited(there))

    for claims, sentence in (
        ({}, "did not ask you anew"),
        ({"auth_time": now - 3600}, "did not ask you anew"),
        ({"auth_time": now, "sub": "p-2", "email": people.steward.email}, "somebody else"),
    ):
        liar.claims = claims
        assert sentence in words(once_more())
        assert client.get(reverse("add-key")).status_code == 302
    assert (liar.asked["prompt"], liar.asked["max_age"]) == ("login", "0")
    liar.claims = {"auth_time": now}
    assert once_more()["Location"] == reverse("add-key")
    assert client.get(reverse("add-key")).status_code == 200
    assert SignIn.objects.get(account=people.ig).ended_at is None


@pytest.mark.promise("account.14")
def test_a_provider_that_does_not_answer_is_said_and_passwords_work_all_the_same(people: People, settings: Any) -> None:
    configured(settings, "http://127.0.0.1:9")
    answer = Client().get(reverse("provider"))
    assert "does not answer" in words(answer)
    given = {"username": people.steward.email, "password": build.PASSWORD}
    assert Client().post(reverse("sign-in"), given)["Location"] == "/"
    settings.SYNTHPORTAL_PROVIDER = None
    assert Client().get(reverse("provider")).status_code == 404
