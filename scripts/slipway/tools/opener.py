"""An opener of urllib's that has two time limits, stays on https, and gives no token to another host."""

import http.client
import urllib.error
import urllib.request
from typing import IO, Any
from urllib.parse import urlsplit

from slipway.image.reference import Repository


def opener(silence: float) -> urllib.request.OpenerDirector:
    """One whose answers may be silent for so many seconds; how long connecting may take is said with each request."""
    return urllib.request.build_opener(_Proxies, _Redirects, *_handlers(silence))


def _loopback(host: str | None) -> bool:
    return Repository(host or "", "").loopback


def allowed(url: str) -> None:
    """Plain HTTP never leaves this machine.

    Raises:
        URLError: here it would.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(parts.netloc)):
        raise urllib.error.URLError(f"it sends us to {parts.scheme}://{parts.netloc}, which is not https")


class _Proxies(urllib.request.ProxyHandler):
    """The proxies of the environment, which know nothing of this machine's own registries."""

    def proxy_open(self, req: urllib.request.Request, proxy: str, type: str) -> Any:
        return None if _loopback(req.host) else super().proxy_open(req, proxy, type)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Blobs often lie with another host. Authorization is an unredirected header: it is never handed on."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        allowed(newurl)
        fp.close()  # urllib would read its body to the end, and there may be none
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _handlers(silence: float) -> tuple[urllib.request.BaseHandler, urllib.request.BaseHandler]:
    """urllib's own, with one time limit for connecting and another for every byte after that."""

    def connect(connection: http.client.HTTPConnection, plain: Any) -> None:
        try:
            plain(connection)
        except TimeoutError:
            raise ConnectionError(f"no connection within {connection.timeout:g} s") from None
        connection.sock.settimeout(silence)

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            connect(self, http.client.HTTPConnection.connect)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            connect(self, http.client.HTTPSConnection.connect)

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Plain, req)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Secure, req, context=self._context)  # type: ignore[attr-defined]

    return PlainHandler(), SecureHandler()
