"""Secrets that must be read again (webhooks, second factors), unreadable in a copy of the database.

The key comes from SECRET_KEY; what was written under an earlier one stays readable while it is among
SECRET_KEY_FALLBACKS.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

ANOTHER_KEY = (
    "The stored secret cannot be read: it was encrypted under another SECRET_KEY, or damaged. Put that key among "
    "SECRET_KEY_FALLBACKS, or make a new secret."
)


class Unreadable(Exception):
    """The text was damaged, or encrypted under a SECRET_KEY this deployment no longer knows."""


def encrypt(text):
    return keys().encrypt(text.encode()).decode()


def decrypt(text):
    try:
        return keys().decrypt(text.encode()).decode()
    except InvalidToken as error:
        raise Unreadable(ANOTHER_KEY) from error


def renewed(text):
    """The same secret under the present SECRET_KEY; `text` itself where it is so already. Raises Unreadable."""
    try:
        fernet(settings.SECRET_KEY).decrypt(text.encode())
    except InvalidToken:
        return encrypt(decrypt(text))
    return text


def keys():
    return MultiFernet([fernet(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def fernet(secret):
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"biolabs secrets at rest")
    return Fernet(base64.urlsafe_b64encode(derived.derive(str(secret).encode())))
