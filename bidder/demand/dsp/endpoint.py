"""What of a DSP call does not depend on the request, made once per snapshot: where it goes and its header bytes."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from rtbplatform.kernel.snapshot import DspView


class EndpointError(ValueError):
    """A DSP whose URL or header cannot be used."""


class Endpoint:
    """Host, port, TLS and the request's header up to the value of Content-Length."""

    __slots__ = ("head", "host", "port", "tls")

    def __init__(self, dsp: DspView) -> None:
        """Raises EndpointError."""
        parts = urlsplit(dsp.endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise EndpointError(f"DSP {dsp.slug}: {dsp.endpoint!r} is not an http(s) URL")
        self.tls = parts.scheme == "https"
        self.host = parts.hostname
        try:
            self.port = parts.port or (443 if self.tls else 80)
        except ValueError as error:
            raise EndpointError(f"DSP {dsp.slug}: {error}") from error
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [
            f"POST {target} HTTP/1.1",
            f"Host: {parts.netloc.rpartition('@')[2]}",
            "Content-Type: application/json",
            "Accept: application/json",
            f"x-openrtb-version: {dsp.openrtb_version}",
        ]
        if dsp.auth_header and dsp.auth_value:
            lines.append(f"{dsp.auth_header}: {dsp.auth_value}")
        if dsp.gzip:
            lines.append("Accept-Encoding: gzip")
        if any("\r" in line or "\n" in line for line in lines):
            raise EndpointError(f"DSP {dsp.slug}: a header contains a line break")
        try:
            self.head = ("\r\n".join(lines) + "\r\nContent-Length: ").encode("latin-1")
        except UnicodeEncodeError as error:
            raise EndpointError(f"DSP {dsp.slug}: a header is not Latin-1") from error

    def same_server(self, other: Endpoint) -> bool:
        """Whether connections of the one serve the other."""
        return (self.host, self.port, self.tls) == (other.host, other.port, other.tls)


def tls_context() -> ssl.SSLContext:
    """One context for all DSPs: it holds the system's certificate authorities."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
