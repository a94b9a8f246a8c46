"""People of the demo, through the doors that people use: API tokens, and the log-in page's session."""

from __future__ import annotations

import http.cookiejar
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from tests.acceptance.platform import NotAcceptedError, Platform

TIMEOUT_S = 20.0


class Person:
    """One login: of ready.json by its role, or any."""

    def __init__(self, platform: Platform, login: str | dict[str, str]) -> None:
        self._web = platform.facts["web"]
        self._login = platform.facts["logins"][login] if isinstance(login, str) else login
        cookies = http.cookiejar.CookieJar()
        self._cookies = cookies
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
        self._token = ""

    def api(self, method: str, path: str, data: object = None) -> tuple[int, Any]:
        """Status and decoded body of a call of the REST API."""
        if not self._token:
            status, body = self._call("POST", "tokens/", dict(self._login))
            if status != 201:
                raise NotAcceptedError(f"no token for {self._login['email']}: {status} {body}")
            self._token = body["token"]
        return self._call(method, path, data)

    def _call(self, method: str, path: str, data: object) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"{self._web}/api/v1/{path}",
            method=method,
            data=None if data is None else json.dumps(data).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        if self._token:
            request.add_header("Authorization", f"Token {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                body = answer.read()
                return answer.status, json.loads(body) if body else None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")[:500]

    def log_in(self) -> None:
        """As on the page."""
        address = f"{self._web}/accounts/login/"
        self._browser.open(address, timeout=TIMEOUT_S).read()
        fields = {
            "login": self._login["email"],
            "password": self._login["password"],
            "csrfmiddlewaretoken": self._csrf(),
        }
        status = self._post(address, fields)
        if status != 200 or not any(cookie.name == "sessionid" for cookie in self._cookies):
            raise NotAcceptedError(f"{self._login['email']} cannot log in: {status}")

    def _csrf(self) -> str:
        values = (cookie.value for cookie in self._cookies if cookie.name == "csrftoken")
        return next(values, None) or ""

    def _post(self, address: str, fields: dict[str, str]) -> int:
        data = urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(address, data, {"Referer": address})
        try:
            with self._browser.open(request, timeout=TIMEOUT_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def get(self, path: str) -> int:
        """Status of a page."""
        try:
            with self._browser.open(f"{self._web}/{path}", timeout=TIMEOUT_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def post(self, path: str) -> int:
        """Status of a form sent empty, with a valid CSRF token."""
        return self._post(f"{self._web}/{path}", {"csrfmiddlewaretoken": self._csrf()})
