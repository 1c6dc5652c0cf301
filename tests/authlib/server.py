"""An authorization server built on Authlib and Flask, for the interop tests: a second opinion, by other people.

It listens on a loopback port that the system chooses and prints one line when it is ready:

    READY {"issuer":"http://127.0.0.1:40123"}

Then it reads one JSON object a line, does it, and prints one line `ANSWER {...}`:

    {"do":"counts"}                         how many requests it has seen of each method and path, with and without status
    {"do":"approve","user_code":"ABCD-..."} a person approves a device ("deny": declines)
    {"do":"hurry","user_code":"ABCD-..."}   the device's next poll comes too soon

It ends with its standard input. Environment: ACCESS_TTL (seconds an access token lives, default 3600).
"""

import json
import os
import secrets
import sys
import threading
import time
from collections import Counter

# Plain http, which is good enough for loopback.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector, current_token
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Flask, jsonify, redirect, request
from werkzeug.serving import WSGIRequestHandler, make_server

from store import CLIENTS, SCOPES, Code, Store, Token

ACCESS_TTL = int(os.environ.get("ACCESS_TTL", "3600"))
METHODS = ["client_secret_basic", "client_secret_post", "none"]

app = Flask(__name__)
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {
    name: ACCESS_TTL
    for name in ("authorization_code", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code")
}
app.config["OAUTH2_SCOPES_SUPPORTED"] = sorted(SCOPES)
store = Store()
counts = Counter()
issuer = None
# Authorization requests of people who have not decided yet.
asked = {}


def save_token(values, request):
    store.tokens.append(Token(values, request.client.client_id, request.user))


server = AuthorizationServer(app, query_client=CLIENTS.get, save_token=save_token)


class AuthorizationCodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def save_authorization_code(self, code, request):
        store.codes[code] = Code(code, request)

    def query_authorization_code(self, code, client):
        found = store.codes.get(code)
        return found if found and found.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code):
        del store.codes[authorization_code.code]

    def authenticate_user(self, authorization_code):
        return authorization_code.user


class ClientCredentialsGrant(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS[:2]


class RefreshTokenGrant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        token = store.by_refresh_token(refresh_token)
        return token if token and not token.refresh_is_revoked else None

    def authenticate_user(self, refresh_token):
        return refresh_token.user

    def revoke_old_credential(self, refresh_token):
        refresh_token.refresh_is_revoked = True


class DeviceGrant(DeviceCodeGrant):
    def query_device_credential(self, device_code):
        return store.devices.get(device_code)

    def query_user_grant(self, user_code):
        return store.decisions.get(user_code)

    def should_slow_down(self, credential):
        return store.polled_too_soon(credential)


class DeviceEndpoint(DeviceAuthorizationEndpoint):
    # Polls come twice a second in a test that does not want to wait.
    INTERVAL = 1

    def get_verification_uri(self):
        return f"{issuer}/device"

    def save_device_credential(self, client_id, scope, data):
        store.save_device(client_id, scope, data)


class Introspection(IntrospectionEndpoint):
    def query_token(self, token_string, token_type_hint):
        return store.by_access_token(token_string)

    def check_permission(self, token, client, request):
        return client.client_id == "api" or token.check_client(client)

    def introspect_token(self, token):
        return {
            "client_id": token.client_id,
            "sub": token.user or token.client_id,
            "scope": token.scope,
            "token_type": "Bearer",
            "iss": issuer,
            "iat": token.issued_at,
            "exp": token.issued_at + token.expires_in,
        }


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = METHODS

    def query_token(self, token_string, token_type_hint):
        return store.by_access_token(token_string) or store.by_refresh_token(token_string)

    def revoke_token(self, token, request):
        token.access_is_revoked = True
        if request.form["token"] == token.refresh_token:
            token.refresh_is_revoked = True


class Issuer(IssuerParameter):
    def get_issuer(self):
        return issuer


class Validator(BearerTokenValidator):
    def authenticate_token(self, token_string):
        return store.by_access_token(token_string)


server.register_grant(AuthorizationCodeGrant, [CodeChallenge(required=True)])
server.register_grant(RefreshTokenGrant)
server.register_grant(ClientCredentialsGrant)
server.register_grant(DeviceGrant)
server.register_endpoint(DeviceEndpoint)
server.register_endpoint(Introspection)
server.register_endpoint(Revocation)
server.register_extension(Issuer())
protector = ResourceProtector()
protector.register_token_validator(Validator())


@app.after_request
def count(response):
    named = f"{request.method} {request.path}"
    counts[named] += 1
    counts[f"{named} {response.status_code}"] += 1
    return response


@app.get("/.well-known/oauth-authorization-server")
def metadata():
    return jsonify(
        issuer=issuer,
        authorization_endpoint=f"{issuer}/authorize",
        token_endpoint=f"{issuer}/token",
        device_authorization_endpoint=f"{issuer}/device_authorization",
        introspection_endpoint=f"{issuer}/introspect",
        revocation_endpoint=f"{issuer}/revoke",
        token_endpoint_auth_methods_supported=METHODS,
        code_challenge_methods_supported=["S256"],
        authorization_response_iss_parameter_supported=True,
    )


@app.get("/authorize")
def authorize():
    """A page that asks for a name and for consent."""
    try:
        server.get_consent_grant(end_user=None)
    except OAuth2Error as error:
        return server.handle_error_response(server.create_oauth2_request(None), error)
    number = secrets.token_urlsafe(16)
    asked[number] = request.query_string.decode()
    return (
        f'<form method="post" action="/consent/{number}"><input name="prompt" value="consent">'
        '<input name="login"><input name="password"></form>'
    )


@app.post("/consent/<number>")
def consent(number):
    """The person decides: the request goes on, for them."""
    return redirect(f"/decide?{asked.pop(number)}&as={request.form['login']}", 303)


@app.get("/consent/<number>/abort")
def abort(number):
    return redirect(f"/decide?{asked.pop(number)}", 303)


@app.get("/decide")
def decide():
    person = request.args.get("as")
    grant = server.get_consent_grant(end_user=person)
    return server.create_authorization_response(grant=grant, grant_user=person)


@app.post("/token")
def token():
    return server.create_token_response()


@app.post("/device_authorization")
def device_authorization():
    return server.create_endpoint_response("device_authorization")


@app.post("/introspect")
def introspect():
    return server.create_endpoint_response("introspection")


@app.post("/revoke")
def revoke():
    return server.create_endpoint_response("revocation")


@app.get("/me")
@protector("read")
def me():
    return jsonify(sub=current_token.user or current_token.client_id)


@app.get("/ledger")
@protector("write")
def ledger():
    return jsonify(entries=[])


def control(line):
    """What a test asks for."""
    what = json.loads(line)
    match what["do"]:
        case "counts":
            return dict(counts)
        case "approve":
            store.decisions[what["user_code"]] = ("ada", True)
        case "deny":
            store.decisions[what["user_code"]] = ("ada", False)
        case "hurry":
            for known in store.devices.values():
                if known["user_code"] == what["user_code"]:
                    _, interval = store.polls.get(known["device_code"], (None, known["interval"]))
                    store.polls[known["device_code"]] = (time.monotonic() + interval, interval)
    return {}


class Quiet(WSGIRequestHandler):
    """Answers as any server does, and says nothing of it."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code="-", size="-"):
        pass


def main():
    global issuer
    listening = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    issuer = f"http://127.0.0.1:{listening.server_port}"
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    print("READY", json.dumps({"issuer": issuer}), flush=True)
    for line in sys.stdin:
        print("ANSWER", json.dumps(control(line)), flush=True)


main()
