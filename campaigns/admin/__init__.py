"""The admin: a plain view of every row for the platform's own people. It never writes by itself: services do."""

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group
from knox.models import AuthToken

from campaigns.admin import accounts, buying, history, market, titles

# Log-in to the admin is the console's: two-factor authentication and rate limits hold for both.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

# Rows of libraries that would be edited past our services and their history.
admin.site.unregister([Group, EmailAddress, Authenticator, AuthToken])

__all__ = ["accounts", "buying", "history", "market", "titles"]
