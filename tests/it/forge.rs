//! A forger of tokens: signs with the server's real keys, so that only the named defect can cause a refusal.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use doorward::auth::keys::{Purpose, StoredKey};
use doorward::store::{SledStore, Store as _, StoreOptions};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::server::{Client, Pair, Server};

/// A server whose keys the test holds as well.
pub struct Forge {
    _server: Server,
    pub client: Client,
    pub pair: Pair,
    /// Id and secret of the key for access tokens.
    pub access: (String, Vec<u8>),
    pub refresh: (String, Vec<u8>),
}

impl Forge {
    pub fn new() -> Self {
        let mut server = Server::start();
        assert!(server.stop().success());
        let keys = rocket::tokio::runtime::Runtime::new().unwrap().block_on(async {
            let store = SledStore::open(&StoreOptions::new(server.data_dir())).unwrap();
            let keys = store.keys().await.unwrap();
            store.close().await.unwrap();
            keys
        });
        let of = |purpose| {
            let key: &StoredKey = keys.iter().find(|key| key.purpose == purpose).unwrap();
            (key.kid.clone(), BASE64URL.decode(&key.secret).unwrap())
        };
        let (access, refresh) = (of(Purpose::Access), of(Purpose::Refresh));
        server.start_again();
        let client = server.client();
        let pair = client.newcomer("arun");
        Self { _server: server, client, pair, access, refresh }
    }

    pub fn claims(&self) -> Value {
        let payload = self.pair.access.split('.').nth(1).unwrap();
        serde_json::from_slice(&BASE64URL.decode(payload).unwrap()).unwrap()
    }

    pub fn header(&self) -> Value {
        json!({"alg": "ES256", "typ": "at+jwt", "kid": self.access.0})
    }

    /// These parts, signed with the key for access tokens.
    pub fn es256(&self, header: &str, payload: &[u8]) -> String {
        let message = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_ec_der(&self.access.1), Algorithm::ES256).unwrap();
        format!("{message}.{signature}")
    }

    pub fn with_claims(&self, claims: &Value) -> String {
        self.es256(&self.header().to_string(), claims.to_string().as_bytes())
    }

    pub fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[name] = value;
        self.with_claims(&claims)
    }

    pub fn without_claim(&self, name: &str) -> String {
        let mut claims = self.claims();
        claims.as_object_mut().unwrap().remove(name);
        self.with_claims(&claims)
    }

    pub fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        header[name] = value;
        self.es256(&header.to_string(), self.claims().to_string().as_bytes())
    }

    /// The valid claims under a header, with an HMAC of this secret.
    pub fn hmac(&self, header: &Value, secret: &[u8], algorithm: Algorithm) -> String {
        let message = format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(self.claims().to_string()));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret), algorithm).unwrap();
        format!("{message}.{signature}")
    }

    #[track_caller]
    pub fn refused(&self, row: &str, token: &str) {
        let answer = self.client.test(token);
        crate::corpus::count();
        assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_token"), "{row}: {token} → {}", answer.text);
    }
}

/// A token in other parts: the header, the claims and the signature of the valid one.
pub fn parts(token: &str) -> (&str, &str, &str) {
    let mut parts = token.split('.');
    let mut next = || parts.next().unwrap();
    (next(), next(), next())
}
