"""What the server knows: its clients, and the codes and tokens that it gave out, all in memory."""

import time

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin, list_to_scope, scope_to_list
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE, DeviceCredentialDict

REDIRECT_URI = "https://app.example/callback?from=authlib"
SCOPES = {"read", "write", "offline_access"}


class Client(ClientMixin):
    """A registered client; one without a secret is public."""

    def __init__(self, client_id, secret=None, grants=(), redirect_uri=None):
        self.client_id = client_id
        self.secret = secret
        self.grants = grants
        self.redirect_uri = redirect_uri

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return self.redirect_uri

    def get_allowed_scope(self, scope):
        return list_to_scope([name for name in scope_to_list(scope or "") if name in SCOPES])

    def check_redirect_uri(self, redirect_uri):
        return self.redirect_uri is not None and redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret):
        return self.secret is not None and client_secret == self.secret

    def check_endpoint_auth_method(self, method, endpoint):
        if self.secret is None:
            return method == "none"
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type in self.grants


CODE, REFRESH, MACHINE = "authorization_code", "refresh_token", "client_credentials"

CLIENTS = {
    client.client_id: client
    for client in [
        # A web application, and a program of a person's own, which has no secret.
        Client("web", "web-secret", (CODE, REFRESH), REDIRECT_URI),
        Client("desktop", None, (CODE, REFRESH), REDIRECT_URI),
        # A device without a browser.
        Client("tv", None, (DEVICE_CODE_GRANT_TYPE, REFRESH)),
        # A service of its own right.
        Client("basic", "basic-secret", (MACHINE,)),
        # A resource server, which introspects the tokens of others.
        Client("api", "api-secret"),
    ]
}


class Code(AuthorizationCodeMixin):
    """An authorization code that was not redeemed yet."""

    def __init__(self, code, request):
        self.code = code
        self.client_id = request.client.client_id
        self.redirect_uri = request.payload.redirect_uri
        self.scope = request.payload.scope
        self.user = request.user
        self.code_challenge = request.payload.data.get("code_challenge")
        self.code_challenge_method = request.payload.data.get("code_challenge_method")

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope


class Token(TokenMixin):
    """An access token with its refresh token, if it has one."""

    def __init__(self, values, client_id, user):
        self.access_token = values["access_token"]
        self.refresh_token = values.get("refresh_token")
        self.scope = values.get("scope", "")
        self.expires_in = values["expires_in"]
        self.issued_at = int(time.time())
        self.client_id = client_id
        self.user = user
        self.access_is_revoked = False
        self.refresh_is_revoked = False

    def check_client(self, client):
        return self.client_id == client.client_id

    def get_scope(self):
        return self.scope

    def get_expires_in(self):
        return self.expires_in

    def is_expired(self):
        return time.time() >= self.issued_at + self.expires_in

    def is_revoked(self):
        return self.access_is_revoked


class Store:
    """Everything that changes while the server runs."""

    def __init__(self):
        self.codes = {}
        self.tokens = []
        self.devices = {}
        self.decisions = {}
        self.polls = {}

    def by_access_token(self, text):
        return next((token for token in self.tokens if token.access_token == text), None)

    def by_refresh_token(self, text):
        return next((token for token in self.tokens if text and token.refresh_token == text), None)

    def save_device(self, client_id, scope, data):
        known = DeviceCredentialDict(data, client_id=client_id, scope=scope)
        known["expires_at"] = time.time() + data["expires_in"]
        self.devices[data["device_code"]] = known

    def polled_too_soon(self, credential):
        """RFC 8628 section 3.5: from each such poll on the interval is 5 seconds longer."""
        now = time.monotonic()
        last, interval = self.polls.get(credential["device_code"], (None, credential["interval"]))
        is_too_soon = last is not None and now - last < interval
        self.polls[credential["device_code"]] = (now, interval + 5 if is_too_soon else interval)
        return is_too_soon
