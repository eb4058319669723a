"""Signing in and out over the API: short access tokens, refresh tokens that work once."""

from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import authenticate, logout
from django.core.cache.backends.locmem import LocMemCache
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle, UserRateThrottle
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken, UntypedToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from floor.models import User
from floor.rest import Asked
from floor.roles import PUBLIC, Capability, capabilities
from ms5 import tickets


class WrongCredentials(exceptions.AuthenticationFailed):
    error_code = "AUTH_001"
    default_detail = "User name and password do not match."


class BadToken(exceptions.AuthenticationFailed):
    error_code = "AUTH_002"
    default_detail = "The token is not valid (any more). Sign in again."


class LoginThrottle(SimpleRateThrottle):
    """Attempts per address, counted in Redis for all web processes together."""

    scope = "login"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"login:{self.get_ident(request)}"


class LocalLoginThrottle(LoginThrottle):
    """The same, counted in this process: what remains of the limit while Redis is away."""

    cache = LocMemCache("login", {})


class Person(serializers.Serializer[User]):
    id = serializers.UUIDField()
    username = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    email = serializers.EmailField()
    role = serializers.CharField()
    employee_id = serializers.CharField(allow_null=True)
    department = serializers.CharField()
    permissions = serializers.SerializerMethodField(help_text="What this person may do.")

    def get_permissions(self, user: User) -> list[str]:
        return sorted(capability.name.lower() for capability in capabilities(user))


class Credentials(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=256, trim_whitespace=False)


class OneToken(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=4096)


class Tokens(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds until the access token ends.")


class SignedIn(Tokens):
    user = Person()


def _tokens(refresh: RefreshToken) -> dict[str, Any]:
    lifetime = cast(timedelta, settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"])
    return {
        "access": str(refresh.access_token),
        "refresh": str(refresh),
        "token_type": "bearer",
        "expires_in": int(lifetime.total_seconds()),
    }


class Door(Asked):
    """Open to strangers, but not often."""

    capability = PUBLIC
    authentication_classes = ()
    throttle_classes = (LoginThrottle, LocalLoginThrottle)

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class Login(Door):
    serializer_class = Credentials

    @extend_schema(request=Credentials, responses=SignedIn, operation_id="login")
    def post(self, request: Request) -> Response:
        """Exchange user name and password for tokens."""
        given = Credentials(data=request.data)
        given.is_valid(raise_exception=True)
        user = authenticate(request._request, **given.validated_data)
        if not isinstance(user, User):
            raise WrongCredentials
        return Response(SignedIn({**_tokens(RefreshToken.for_user(user)), "user": user}).data)


class Refresh(Door):
    serializer_class = OneToken

    @extend_schema(request=OneToken, responses=Tokens, operation_id="refresh")
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for a new pair. The old one stops working."""
        refresh = _given_token(request)
        user = User.objects.filter(pk=refresh.payload["user_id"], is_active=True).first()
        if user is None or refresh.payload.get("hash_password") != get_md5_hash_password(user.password):
            raise BadToken
        _, is_first_use = cast("tuple[BlacklistedToken, bool]", refresh.blacklist())
        if not is_first_use:
            raise BadToken
        return Response(Tokens(_tokens(RefreshToken.for_user(user))).data)


class Logout(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = OneToken

    @extend_schema(request=OneToken, responses={204: None}, operation_id="logout")
    def post(self, request: Request) -> Response:
        """End a refresh token, and the session if there is one."""
        refresh = _given_token(request)
        if str(refresh.payload.get("user_id")) != str(cast(User, request.user).pk):
            raise BadToken
        refresh.blacklist()
        logout(request._request)
        return Response(status=204)


def _given_token(request: Request) -> RefreshToken:
    given = OneToken(data=request.data)
    given.is_valid(raise_exception=True)
    try:
        return RefreshToken(given.validated_data["refresh"])
    except TokenError as error:
        _end_all_if_used_before(given.validated_data["refresh"])
        raise BadToken from error


def _end_all_if_used_before(raw: str) -> None:
    """A refresh token that comes a second time has been copied: none of its owner's tokens can be trusted."""
    try:
        used = UntypedToken(raw)  # type: ignore[arg-type]
    except TokenError:
        return
    if BlacklistedToken.objects.filter(token__jti=used.payload["jti"]).exists():
        theirs = OutstandingToken.objects.filter(user_id=used.payload["user_id"], blacklistedtoken=None)
        BlacklistedToken.objects.bulk_create([BlacklistedToken(token=token) for token in theirs], ignore_conflicts=True)


class TicketThrottle(UserRateThrottle):
    scope = "ticket"
    rate = "60/min"


class Ticket(serializers.Serializer[Any]):
    ticket = serializers.CharField(help_text="Open /ws/?ticket=… with it, once.")
    expires_in = serializers.IntegerField(help_text="Seconds until it is worth nothing.")


class SocketTicket(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = Ticket
    throttle_classes = (TicketThrottle,)

    @extend_schema(request=None, responses={201: Ticket}, operation_id="socket_ticket")
    def post(self, request: Request) -> Response:
        """A ticket that opens the live socket once, for programs that have no session."""
        return self.answer({"ticket": tickets.issue(cast(User, request.user)), "expires_in": tickets.TICKET_S}, 201)


class Profile(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = Person

    @extend_schema(operation_id="profile")
    def get(self, request: Request) -> Response:
        """Who I am and what I may do."""
        return self.answer(request.user)
