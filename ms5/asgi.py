"""HTTP and WebSocket entry point."""
# ruff: noqa: E402 - the settings come before everything that reads them

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ms5.settings")

from django.core.asgi import get_asgi_application

http_application = get_asgi_application()

# Only now are the models loaded that the socket side imports.
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path

from floor.consumers import LineConsumer
from ms5 import long_lived
from ms5.hub import hub
from ms5.tickets import ByTicket
from ms5.web_heartbeat import begin_with_the_server

begin_with_the_server()
sockets = URLRouter([path("ws/", LineConsumer.as_asgi(hub=hub))])
application = ProtocolTypeRouter(
    {
        "http": http_application,
        "websocket": ByTicket(sockets, otherwise=AllowedHostsOriginValidator(AuthMiddlewareStack(sockets))),
    }
)
long_lived.set_apart()
