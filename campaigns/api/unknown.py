"""Addresses under /api/v1/ that there are not: the API's kind of 404, not a page."""

from __future__ import annotations

from typing import Any, NoReturn

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView


class UnknownAddressView(APIView):
    """Whoever asks and however: no token is needed to learn that an address does not exist."""

    schema = None  # not a part of the API
    authentication_classes = ()
    permission_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG002 - the library's signature
        # No redirect to the address with the slash: clients would follow it with a GET, whatever they had sent.
        if not request.path.endswith("/"):
            raise NotFound(
                "There is nothing at this address: addresses of the API end with a slash."
            )
        raise NotFound("There is nothing at this address. The addresses are in /api/docs/.")
