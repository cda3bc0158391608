"""Programs that know nothing but the address of the key set accept our tokens, and no others."""

import json
import os
import pathlib
import subprocess
import unittest
import urllib.request

import joserfc.errors
import joserfc.jwk
import joserfc.jwt
import jwt

from doorward import KEYS, Doorward

HERE = pathlib.Path(__file__).parent


def by_pyjwt(server, algorithm, token):
    key = jwt.PyJWKClient(server.jwks_url).get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=[algorithm], issuer="doorward")["sub"]


def by_joserfc(server, algorithm, token):
    with urllib.request.urlopen(server.jwks_url) as answer:
        keys = joserfc.jwk.KeySet.import_key_set(json.load(answer))
    claims = joserfc.jwt.decode(token, keys, algorithms=[algorithm]).claims
    joserfc.jwt.JWTClaimsRegistry(iss={"essential": True, "value": "doorward"}, exp={"essential": True}).validate(claims)
    return claims["sub"]


def by_command(*command):
    def verify(server, algorithm, token):
        done = subprocess.run([*command, server.jwks_url, algorithm, token], capture_output=True, text=True)
        if done.returncode != 0:
            raise ValueError(done.stderr)
        return done.stdout.strip()

    return verify


VERIFIERS = {"PyJWT": by_pyjwt, "joserfc": by_joserfc}
if "node" in os.environ["VERIFIERS"]:
    VERIFIERS["jose for Node"] = by_command("node", os.environ["VERIFY_MJS"])
if "perl" in os.environ["VERIFIERS"]:
    VERIFIERS["Crypt::JWT for Perl"] = by_command("perl", str(HERE / "verify.pl"))


def bent(token, part):
    """The same token with one letter changed in the middle of a part."""
    parts = token.split(".")
    middle = len(parts[part]) // 2
    letter = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + letter + parts[part][middle + 1 :]
    return ".".join(parts)


class Jwks(unittest.TestCase):
    def check(self, server, algorithm, token):
        self.assertEqual(jwt.get_unverified_header(token)["alg"], algorithm)
        other = server.login("boss")["refresh_token"]
        for name, verify in VERIFIERS.items():
            with self.subTest(algorithm, by=name):
                self.assertEqual(verify(server, algorithm, token), "1")
                for wrong in (bent(token, 1), bent(token, 2), other):
                    with self.assertRaises((jwt.PyJWTError, joserfc.errors.JoseError, ValueError)):
                        verify(server, algorithm, wrong)

    def test_each_algorithm_is_verified_by_everybody_and_a_tampered_token_by_nobody(self):
        with Doorward() as server:
            before = server.login()["access_token"]
            self.check(server, "ES256", before)
            self.check(server, "EdDSA", server.use_key(algorithm="EdDSA"))
            self.check(server, "RS256", server.use_key(pem=(KEYS / "rsa-3072.pem").read_text()))
            # A key that does not sign any more is still published.
            self.check(server, "ES256", before)

    def test_a_token_of_another_server_is_refused_by_everybody(self):
        with Doorward() as server, Doorward() as other:
            foreign = other.login()["access_token"]
            for name, verify in VERIFIERS.items():
                with self.subTest(by=name), self.assertRaises((jwt.PyJWTError, joserfc.errors.JoseError, ValueError)):
                    verify(server, "ES256", foreign)


if __name__ == "__main__":
    unittest.main()
