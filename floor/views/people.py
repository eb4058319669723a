"""The door: signing in and out."""

from django.contrib.auth.views import LoginView, LogoutView

from floor.roles import public

sign_in = public(LoginView.as_view())
sign_out = public(LogoutView.as_view())
