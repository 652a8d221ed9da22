"""Who may use the page: names and passwords, which the browser itself asks for (HTTP Basic, RFC 7617).

`python -m demo.accounts add FILE NAME` asks for a password and lets somebody in, `remove FILE NAME` no longer. The file
holds salted scrypt hashes, no password. `python app.py --accounts FILE` then answers nobody else, on any address but
the two that tell nothing: whether the page is ready, and that it has started.
"""

import base64
import binascii
import getpass
import hashlib
import hmac
import os
import secrets
import sys
from pathlib import Path
from typing import Any

from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response

from blip2_core.__main__ import BAD_INPUT, OneLineParser, complain
from blip2_core.errors import Blip2Error

from .errors import VisitorError
from .limits import Guard
from .serving import HEALTH

OPEN = {HEALTH, "/gradio_api/startup-events"}  # Gradio asks its own page for the second before it is served
CHALLENGE = {"WWW-Authenticate": 'Basic realm="BLIP-2", charset="UTF-8"'}
SHORTEST_PASSWORD = 10  # characters
LONGEST_NAME = 64
SCRYPT = {"n": 2**14, "r": 8, "p": 5, "maxmem": 2**26}  # OWASP's password storage cheat sheet; a fifth of a second
ASK = "This page asks for a name and a password."
WRONG = "No account has this name and this password."
TOO_MANY = "Too many wrong passwords came from your address. Try again in a minute."


class AccountsError(Blip2Error, ValueError):
    """The file of accounts, a name or a password is not as it has to be."""


class Accounts:
    """Names with the hashes of their passwords.

    Args:
        hashes: by name, each "salt:hash" in hexadecimal digits.
    """

    def __init__(self, hashes: dict[str, str]) -> None:
        self.hashes = hashes
        self._proved: dict[str, bytes] = {}  # by name: a quick hash, with this process's own key, of what was right
        self._key = secrets.token_bytes(32)
        self._nobody = hash_password(secrets.token_hex(16))  # so that a wrong name takes as long as a wrong password
        self.own = ("page", secrets.token_urlsafe(32))  # with which the page's MCP server asks the page
        self._proved[self.own[0]] = self._quick(self.own[1])

    def proved(self, name: str, password: str) -> bool:
        """Whether this password was found right before; at once."""
        return hmac.compare_digest(self._proved.get(name, b""), self._quick(password))

    def prove(self, name: str, password: str) -> bool:
        """Whether this is the name's password; takes a fifth of a second."""
        salt = self.hashes.get(name, self._nobody).partition(":")[0]
        right = hmac.compare_digest(self.hashes.get(name, ""), hash_password(password, bytes.fromhex(salt)))
        if right:
            self._proved[name] = self._quick(password)
        return right

    def _quick(self, password: str) -> bytes:
        return hashlib.blake2b(password.encode(), key=self._key).digest()


def hash_password(password: str, salt: bytes | None = None) -> str:
    """ "salt:hash" of a password; with a new salt unless one is given."""
    salt = salt or secrets.token_bytes(16)
    return f"{salt.hex()}:{hashlib.scrypt(password.encode(), salt=salt, **SCRYPT).hex()}"


def read_accounts(file: Path) -> Accounts:
    """The accounts of a file, one "name:salt:hash" a line.

    Raises:
        AccountsError: it cannot be read, has no account, or a line that is none.
    """
    hashes = _read(file)
    if not hashes:
        raise AccountsError(f"--accounts: {file} has no account. Make one: python -m demo.accounts add {file} NAME")
    return Accounts(hashes)


def _read(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AccountsError(
            f"--accounts: {file} cannot be read ({getattr(error, 'strerror', 'no text')}). "
            f"Make it: python -m demo.accounts add {file} NAME"
        ) from None
    return dict(_account(line, file, number) for number, line in enumerate(lines, 1) if line.strip())


def _account(line: str, file: Path, number: int) -> tuple[str, str]:
    name, _, hashed = line.strip().partition(":")
    try:
        salt, digest = (bytes.fromhex(part) for part in hashed.split(":"))
    except ValueError:
        salt = digest = b""
    if not name or len(salt) < 16 or len(digest) != hashlib.sha512().digest_size:
        raise AccountsError(
            f"--accounts: {file}, line {number}: expected NAME:SALT:HASH as python -m demo.accounts writes it."
        )
    return name, hashed


class TooManyTries(AuthenticationError):
    """Passwords are tried out from this address."""


class AccountCheck(AuthenticationBackend):
    """Lets requests with an account in (Starlette's authentication middleware).

    Args:
        accounts: who.
    """

    def __init__(self, accounts: Accounts) -> None:
        self.accounts, self.guard = accounts, Guard()

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        """See Starlette.

        Raises:
            AuthenticationError: no account, or passwords are tried out.
        """
        if conn.scope["path"] in OPEN:
            return None
        name, password = _given(conn.headers.get("authorization", ""))
        if not self.accounts.proved(name, password):
            self._count(conn)
            if not await run_in_threadpool(self.accounts.prove, name, password):
                raise AuthenticationError(WRONG)
        return AuthCredentials(["ask"]), SimpleUser(name)

    def _count(self, conn: HTTPConnection) -> None:
        try:
            self.guard.password(conn)
        except VisitorError:
            raise TooManyTries(TOO_MANY) from None


def _given(header: str) -> tuple[str, str]:
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        raise AuthenticationError(ASK)
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise AuthenticationError(ASK) from None
    if not colon:
        raise AuthenticationError(ASK)
    return name, password


def refuse(_: HTTPConnection, error: AuthenticationError) -> Response:
    """One sentence; the browser asks again, unless it has asked too often."""
    if isinstance(error, TooManyTries):
        return PlainTextResponse(str(error), 429, {"Retry-After": "60"})
    return PlainTextResponse(str(error), 401, CHALLENGE)


def main(argv: list[str] | None = None) -> int:
    """Add or remove an account."""
    parser = OneLineParser(prog="python -m demo.accounts", description=__doc__)
    parser.add_argument("what", choices=("add", "remove"), help="add also changes the password of who is there")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("name", metavar="NAME")
    args = parser.parse_args(argv)
    try:
        hashes = _read(args.file) if args.what == "remove" or args.file.exists() else {}
        change(hashes, args.name, new_password() if args.what == "add" else None)
        _write(args.file, hashes)
    except AccountsError as error:
        complain(error)
        return BAD_INPUT
    sys.stdout.write(f"{args.file}: {len(hashes)} account{'s' * (len(hashes) != 1)}\n")
    return 0


def change(hashes: dict[str, str], name: str, password: str | None) -> None:
    """Give a name a password, or with None take its account away.

    Raises:
        AccountsError: the name cannot be one or has no account, or the password is too short.
    """
    if password is None:
        if hashes.pop(name, None) is None:
            raise AccountsError(f"{name}: has no account. There are: {', '.join(hashes) or 'none'}.")
        return
    if not name.strip() or ":" in name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise AccountsError(f"NAME: expected at most {LONGEST_NAME} characters without a colon, got {name[:80]!r}.")
    if len(password) < SHORTEST_PASSWORD:
        raise AccountsError(
            f"The password needs at least {SHORTEST_PASSWORD} characters. Three or four words are good."
        )
    hashes[name] = hash_password(password)


def new_password() -> str:
    """Asked for twice on the terminal, or a line of standard input.

    Raises:
        AccountsError: the two differ.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise AccountsError("The two passwords differ. Try again.")
    return password


def _write(file: Path, hashes: dict[str, str]) -> None:
    """Beside it and renamed, for its owner only."""
    beside = file.with_name(file.name + ".new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as output:
            output.writelines(f"{name}:{hashed}\n" for name, hashed in hashes.items())
        os.replace(beside, file)
    except OSError as error:
        raise AccountsError(f"{file} cannot be written ({error.strerror}).") from None


def middleware(accounts: Accounts) -> Any:
    """In front of everything else that the page serves."""
    from starlette.middleware import Middleware
    from starlette.middleware.authentication import AuthenticationMiddleware

    return Middleware(AuthenticationMiddleware, backend=AccountCheck(accounts), on_error=refuse)


if __name__ == "__main__":
    sys.exit(main())
