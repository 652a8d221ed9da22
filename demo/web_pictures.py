"""Fetches a picture from a web address that a visitor typed, and nothing else from nowhere else.

A server that fetches what strangers name can be sent against the machines around it. So: http and https at their own
ports only; every address that the name stands for must be public, and the connection goes to the very one that was
checked; each redirect is checked anew; neither size nor time is for the other side to choose. Whether it is a picture
is for `open_image` to say, not for the other side's headers.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from . import texts
from .errors import VisitorError

MOST_BYTES = 8_000_000
MOST_SECONDS = 10.0
MOST_REDIRECTS = 3
MOST_CHARACTERS = 2_000  # of an address
PORTS = {"http": 80, "https": 443}
_REDIRECTS = {301, 302, 303, 307, 308}
_NOT_PUBLIC = [
    ipaddress.ip_network(block)
    # for one protocol or another; some lead to private IPv4 addresses
    for block in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    special = any(ip.version == block.version and ip in block for block in _NOT_PUBLIC)
    return ip.is_global and not ip.is_multicast and not special


def fetch(address: str, *, allowed: Callable[[str], bool] = is_public, ports: dict[str, int] = PORTS) -> bytes:
    """The bytes behind a web address.

    Args:
        address: as typed.
        allowed: which IP addresses may be asked.
        ports: the one port of each scheme.

    Raises:
        VisitorError: it is no web address, not a public one, does not answer, or has too much to say.
    """
    address = address.strip() if isinstance(address, str) else ""
    for _ in range(MOST_REDIRECTS + 1):
        parts = _checked(address, ports)
        answer = _get(parts, _public_ip(parts, ports, allowed), ports[parts.scheme])
        if isinstance(answer, bytes):
            return answer
        address = urljoin(address, answer)
    raise VisitorError(texts.WEB_NO_ANSWER)


def _checked(address: str, ports: dict[str, int]) -> SplitResult:
    if not address or len(address) > MOST_CHARACTERS:
        raise VisitorError(texts.WEB_ADDRESS)
    try:
        parts = urlsplit(address)
        odd = parts.port not in (None, ports.get(parts.scheme))
    except ValueError:
        raise VisitorError(texts.WEB_ADDRESS) from None
    if parts.scheme not in ports or not parts.hostname or "@" in parts.netloc or odd:
        raise VisitorError(texts.WEB_ADDRESS)
    return parts


def _public_ip(parts: SplitResult, ports: dict[str, int], allowed: Callable[[str], bool]) -> str:
    """The address to connect to; one private address among several spoils all."""
    try:
        found = socket.getaddrinfo(parts.hostname, ports[parts.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise VisitorError(texts.WEB_NO_ANSWER) from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(map(allowed, addresses)):
        raise VisitorError(texts.WEB_ADDRESS)
    return addresses[0]


def _get(parts: SplitResult, ip: str, port: int) -> bytes | str:
    """Ask once: the body, or where a redirect leads."""
    host = str(parts.hostname)
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    target += f"?{quote(parts.query, safe='=&%/?:@+,;~')}" if parts.query else ""
    try:
        connection = http.client.HTTPConnection(host, port)
        connection.sock = plain = socket.create_connection((ip, port), timeout=MOST_SECONDS)
        alarm = threading.Timer(MOST_SECONDS, _hang_up, [plain])  # one byte a second would outlast any other limit
        alarm.daemon = True
        alarm.start()
        try:
            if parts.scheme == "https":
                connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
            headers = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "blip2-chat"}
            connection.request("GET", target, headers=headers)
            return _read(connection.getresponse())
        finally:
            alarm.cancel()
            connection.close()
            plain.close()
    except (OSError, http.client.HTTPException, ValueError):
        raise VisitorError(texts.WEB_NO_ANSWER) from None


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # it is over already
        pass


def _read(response: http.client.HTTPResponse) -> bytes | str:
    if response.status in _REDIRECTS and (place := response.headers.get("Location")):
        return place
    if response.status != 200:
        raise VisitorError(texts.WEB_NO_ANSWER)
    body = response.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise VisitorError(texts.WEB_TOO_LARGE.format(most=MOST_BYTES // 1_000_000))
    if response.length:  # hung up on before the end
        raise VisitorError(texts.WEB_NO_ANSWER)
    return body
