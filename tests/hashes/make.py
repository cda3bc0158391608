"""Prints hashes as other libraries make them, a line of JSON each: what made it, the password, the hash.

    pip install passlib bcrypt==4.3.0 werkzeug django argon2-cffi && python make.py > foreign.jsonl

Costs are small where the library lets one choose, so that tests are quick, and the usual ones where it does not.
"""

import json

import argon2
import bcrypt
import django.conf
import werkzeug.security
from django.contrib.auth import hashers
from passlib import hash as passlib

# Plain, composed and decomposed (RFC 8265 would make one of the two), a space at the end, signs, longer than a block of SHA-512.
PASSWORDS = ["securepassword", "caf\u00e9 noir", "cafe\u0301 noir", "with a space ", "p\u00e4ssw\u00f6rd\u20ac\U0001f511", "x9-" * 60]

django.conf.settings.configure(PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"])


def show(by, password, made):
    print(json.dumps({"by": by, "password": password, "hash": made}))


for password in PASSWORDS:
    show("passlib pbkdf2_sha256", password, passlib.pbkdf2_sha256.using(rounds=1000).hash(password))
    show("passlib pbkdf2_sha512", password, passlib.pbkdf2_sha512.using(rounds=1000).hash(password))
    show("passlib pbkdf2_sha1", password, passlib.pbkdf2_sha1.using(rounds=1000).hash(password))
    show("werkzeug scrypt", password, werkzeug.security.generate_password_hash(password, "scrypt:1024:8:1"))
    show("werkzeug pbkdf2", password, werkzeug.security.generate_password_hash(password, "pbkdf2:sha256:1000"))
    show("werkzeug pbkdf2", password, werkzeug.security.generate_password_hash(password, "pbkdf2:sha512:1000"))
    show("django pbkdf2_sha256", password, hashers.PBKDF2PasswordHasher().encode(password, hashers.get_random_string(22), 1000))
    show("django pbkdf2_sha1", password, hashers.PBKDF2SHA1PasswordHasher().encode(password, hashers.get_random_string(22), 1000))
    # Beyond 72 bytes it sees nothing, and newer versions refuse.
    for prefix in (b"2a", b"2b"):
        show("bcrypt", password, bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4, prefix)).decode())
    small = {"time_cost": 1, "memory_cost": 64, "parallelism": 2}
    for kind in argon2.low_level.Type:
        show("argon2-cffi", password, argon2.PasswordHasher(**small, type=kind).hash(password))

usual = "securepassword"
show("passlib pbkdf2_sha256", usual, passlib.pbkdf2_sha256.hash(usual))
show("passlib pbkdf2_sha512", usual, passlib.pbkdf2_sha512.hash(usual))
show("werkzeug scrypt", usual, werkzeug.security.generate_password_hash(usual))
show("werkzeug pbkdf2", usual, werkzeug.security.generate_password_hash(usual, "pbkdf2"))
show("django pbkdf2_sha256", usual, hashers.make_password(usual))
show("bcrypt", usual, bcrypt.hashpw(usual.encode(), bcrypt.gensalt()).decode())
show("bcrypt", usual, bcrypt.hashpw(usual.encode(), bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$"))
show("argon2-cffi", usual, argon2.PasswordHasher().hash(usual))
# Of passlib's manual: another length of salt.
show("passlib manual", "password", "$pbkdf2-sha256$8000$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE")
