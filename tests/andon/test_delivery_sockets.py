"""Messages leave over real sockets, to servers that are dead, slow or sly."""

import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from andon import webhook
from andon.actions import Lane, deliver_pending
from andon.clock import database_now
from andon.domain.webhooks import Forbidden
from andon.models import Notification, WebhookTarget
from floor.models import User
from ms5 import mail
from tests.andon.plant import SIX, after, make_call, make_crew
from tests.andon.servers import WebhookStub, accept, silent_server, webhook_stub
from tests.factories import make_line

SECRET = "x" * 40


@pytest.fixture
def hook(settings: Any) -> Iterator[WebhookStub]:
    settings.WEBHOOK_INTERNAL_HOSTS = ["localhost"]
    with webhook_stub() as stub:
        yield stub


def post(url: str, body: bytes = b"{}") -> bool:
    return webhook.call(url, SECRET, "an-id", body)


# ---------------------------------------------------------------- what a webhook receives


def test_whoever_receives_can_check_who_called_and_when(hook: WebhookStub) -> None:
    post(hook.url, b'{"line": "L-BAG1"}')

    (received,) = hook.received
    stamp, signed = received.headers["MS5-Timestamp"], received.headers["MS5-Signature"]
    expected = hmac.new(SECRET.encode(), stamp.encode() + b"." + received.body, hashlib.sha256).hexdigest()
    assert signed == f"sha256={expected}"
    assert abs(int(stamp) - time.time()) < 60
    assert received.headers["Idempotency-Key"] == "an-id"
    assert received.headers["Content-Type"] == "application/json"
    assert received.path == "/andon"


@pytest.mark.django_db
@pytest.mark.parametrize(("said", "state"), [(b'{"delivered": true}', "delivered"), (b"ok", "handed over")])
def test_delivered_is_said_when_the_other_side_says_so(settings: Any, said: bytes, state: str) -> None:
    settings.WEBHOOK_INTERNAL_HOSTS = ["localhost"]
    crew = make_crew()
    with webhook_stub(lambda request: accept(request, said)) as stub:
        WebhookTarget.objects.create(name="SMS", url=stub.url)
        make_call(by=crew["operator"])
        deliver_pending(after(seconds=7))

    assert Notification.objects.get(channel="webhook").state == state


@pytest.mark.django_db
def test_the_same_message_keeps_its_id_at_every_try(settings: Any) -> None:
    settings.WEBHOOK_INTERNAL_HOSTS = ["localhost"]
    crew = make_crew()
    with webhook_stub(lambda request: accept(request, b"", 503)) as stub:
        WebhookTarget.objects.create(name="SMS", url=stub.url)
        make_call(by=crew["operator"])
        for second in (7, 12, 27):
            deliver_pending(after(seconds=second))

    row = Notification.objects.get(channel="webhook")
    assert [one.headers["Idempotency-Key"] for one in stub.received] == [str(row.pk)] * 3
    assert (row.tries, row.error) == (3, "localhost answered 503")


# ---------------------------------------------------------------- where webhooks may lead


def test_a_redirect_is_not_followed(settings: Any, hook: WebhookStub) -> None:
    def elsewhere(request: BaseHTTPRequestHandler) -> None:
        request.send_response(307)
        request.send_header("Location", hook.url)
        request.send_header("Content-Length", "0")
        request.end_headers()

    with webhook_stub(elsewhere) as sly, pytest.raises(webhook.NotAnswered, match="redirects are not followed"):
        post(sly.url)
    assert hook.received == []


def test_a_host_outside_that_leads_inside_is_not_called(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOK_HOSTS = ["hooks.example.com"]
    connected: list[object] = []
    answers = iter([["93.184.216.34", "127.0.0.1"], ["::ffff:10.0.0.1"], ["169.254.169.254"]])

    def resolve(host: str, port: int, **_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in next(answers)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", lambda *at: connected.append(at))

    for _ in range(3):
        with pytest.raises(Forbidden, match="which is inside"):
            post("https://hooks.example.com/")
    assert connected == []


def test_the_address_that_was_checked_is_the_one_that_is_called(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads outside when it is looked at, and inside when it is called."""
    settings.WEBHOOK_HOSTS = ["hooks.example.com"]
    asked, connected = [], []

    def resolve(host: str, port: int, **_: object) -> list[Any]:
        asked.append(host)
        ip = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)

    with pytest.raises(webhook.NotAnswered):
        post("https://hooks.example.com/")
    assert asked == ["hooks.example.com"]
    assert connected == [("93.184.216.34", 443)]


@pytest.mark.django_db
def test_a_target_whose_host_is_not_listed_any_more_is_given_up_at_once(settings: Any) -> None:
    crew = make_crew()
    WebhookTarget.objects.create(name="Chat", url="https://hooks.example.com/")
    make_call(by=crew["operator"])

    deliver_pending(after(seconds=7))

    row = Notification.objects.get(channel="webhook")
    assert row.state == "given up"
    assert (
        row.error == "hooks.example.com is not among the hosts that may be called. Have it added to MS5_WEBHOOK_HOSTS."
    )


# ---------------------------------------------------------------- servers that keep us waiting


def test_a_side_that_answers_letter_by_letter_is_cut_off(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOK_INTERNAL_HOSTS = ["localhost"]
    monkeypatch.setattr(webhook, "WHOLE_S", 0.5)
    hung_up = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        try:
            for _ in range(3000):
                request.wfile.write(b"H")
                request.wfile.flush()
                time.sleep(0.01)
        except OSError:
            hung_up.set()

    with webhook_stub(drip) as stub, pytest.raises(webhook.NotAnswered):
        post(stub.url)
    assert hung_up.wait(20)


def test_a_side_that_took_all_the_time_to_connect_is_not_waited_for_any_more(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOK_INTERNAL_HOSTS = ["localhost"]
    cut = threading.Event()
    monkeypatch.setattr(webhook, "WHOLE_S", 0)

    class Slow(webhook._Pinned):
        def _first_that_answers(self) -> socket.socket:
            cut.wait()
            return super()._first_that_answers()

    def then_go_on(connection: Any, its_own: Any = webhook._cut) -> None:
        its_own(connection)
        cut.set()

    monkeypatch.setattr(webhook, "_cut", then_go_on)
    monkeypatch.setattr(webhook, "_Pinned", Slow)
    with webhook_stub() as stub:
        with pytest.raises(webhook.NotAnswered, match="too long"):
            post(stub.url)
        assert stub.received == []


def test_a_mail_server_that_never_greets_is_cut_off(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "WHOLE_S", 0.3)
    with silent_server() as port:
        backend = mail.EmailBackend(host="127.0.0.1", port=port, use_tls=False, timeout=30)
        with pytest.raises(OSError, match="onnection"):
            backend.open()


def deliver_until(lane: Lane, done: Any, within_s: float = 30.0) -> float:
    """Turn the lane as its thread does until `done()`; return how long it took."""
    begun = time.monotonic()
    while not done():
        assert time.monotonic() - begun < within_s, "it did not happen in time"
        lane.turn(patience_s=0.05)
    return time.monotonic() - begun


def sent(**which: Any) -> int:
    return Notification.objects.filter(sent_at__isnull=False, **which).count()


@pytest.fixture
def crew(transactional_db: None) -> dict[str, User]:
    return make_crew()


def test_a_mail_server_that_accepts_and_never_answers_delays_no_webhook(
    crew: dict[str, User], hook: WebhookStub, settings: Any
) -> None:
    WebhookTarget.objects.create(name="Stack light", url=hook.url)
    for n in range(12):
        make_call(make_line(f"L-{n}"), by=crew["operator"], at=database_now() - (after(seconds=8) - SIX))
    with silent_server() as port:
        settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = "ms5.mail.EmailBackend", "127.0.0.1", port
        settings.EMAIL_USE_TLS = False
        mails, webhooks = Lane(["email"]), Lane(["webhook"])
        mails.turn(patience_s=0)

        took = deliver_until(webhooks, lambda: sent(channel="webhook") == 12)

        assert sent(channel="email") == 0
        assert took < 5
    deliver_until(mails, lambda: not mails._running)
    webhooks.finish(within_s=1)
    mails.finish(within_s=1)


def test_a_webhook_that_never_answers_delays_no_other_webhook(crew: dict[str, User], hook: WebhookStub) -> None:
    with silent_server() as port:
        for name in ("Dead chat", "Dead gateway"):
            WebhookTarget.objects.create(name=name, url=f"http://localhost:{port}/")
        WebhookTarget.objects.create(name="Stack light", url=hook.url)
        for n in range(12):
            make_call(make_line(f"L-{n}"), by=crew["operator"], at=database_now() - (after(seconds=8) - SIX))
        lane = Lane(["webhook"])

        took = deliver_until(lane, lambda: sent(target__name="Stack light") == 12)

        assert took < webhook.SILENCE_S
    deliver_until(lane, lambda: not lane._running or len(lane._running) < 4, within_s=60)
    lane.finish(within_s=15)
