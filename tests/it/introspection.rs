//! Introspection (RFC 7662) and revocation (RFC 7009).

use serde_json::json;

use crate::server::Server;
use crate::services::{SECRET, bearer, form, inactive, introspect, minted, now, payload, text, with_service};

#[test]
fn a_good_access_token_is_described_as_rfc_7662_says() {
    let (_server, client, boss, shop) = with_service();
    client.newcomer("arun");
    client.json("PATCH", "/user/2", Some(&boss.access), &json!({"roles": ["editor", "author"], "claims": {"team": "blue"}})).expect(200);
    let arun = client.login("arun");
    let claims = payload(&arun.access);
    let expected = json!({
        "active": true, "sub": "2", "username": "arun", "iss": "doorward", "exp": claims["exp"], "iat": claims["iat"],
        "nbf": claims["nbf"], "jti": claims["jti"], "sid": claims["sid"], "token_type": "Bearer",
        "scope": "author editor", "roles": ["author", "editor"],
    });
    assert_eq!(introspect(&client, &shop, &arun.access), expected);
    let hinted = format!("token_type_hint=refresh_token&token={}&unknown=1", arun.access);
    assert_eq!(form(&client, "/introspect", Some(&bearer(&shop)), &hinted).expect(200).json(), expected);
    client.json("PATCH", "/user/2", Some(&boss.access), &json!({"roles": []})).expect(200);
    let demoted = introspect(&client, &shop, &arun.access);
    assert_eq!((&demoted["scope"], &demoted["roles"]), (&json!(""), &json!([])), "roles are those of now");
}

#[test]
fn anything_but_a_good_access_token_is_inactive_and_nothing_else() {
    let (_server, client, boss, shop) = with_service();
    let arun = client.newcomer("arun");
    let other = Server::start();
    let foreign = other.client().newcomer("arun");
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", arun.access.split('.').nth(1).unwrap());
    let tampered = format!("{}A", arun.access);
    let long = "a".repeat(10_000);
    for token in [&arun.refresh, &foreign.access, &foreign.refresh, &unsigned, &tampered, &long, "x", "..", "%00", "%F0%9F%92%A9", "a+b"] {
        assert_eq!(introspect(&client, &shop, token), inactive(), "{token}");
    }
    assert_eq!(introspect(&client, &shop, text(&shop, "key")), inactive());
    client.logout(&arun.access).expect(200);
    assert_eq!(introspect(&client, &shop, &arun.access), inactive());
    let again = client.login("arun");
    client.json("PATCH", "/user/2", Some(&boss.access), &json!({"disabled": true})).expect(200);
    assert_eq!(introspect(&client, &shop, &again.access), inactive());
    client.with_token("DELETE", "/user/2", &boss.access).expect(200);
    assert_eq!(introspect(&client, &shop, &again.access), inactive());
}

#[test]
fn an_audience_is_told_and_a_flask_apps_token_is_described_by_what_it_says() {
    let (mut server, _, _, shop) = with_service();
    server.stop();
    let mut server = server.again_with(("DOORWARD_AUDIENCE".to_owned(), "shop".to_owned()));
    server.stop();
    let server = server.again_with(("JWT_SECRET_KEY".to_owned(), SECRET.to_owned()));
    let client = server.client();
    assert_eq!(introspect(&client, &shop, &client.login("boss").access)["aud"], "shop");
    let now = now();
    let claims = json!({"sub": "1", "iat": now - 5, "exp": now + 100, "jti": "a-b", "type": "access", "aud": ["shop"]});
    let token = minted(SECRET, &claims);
    let expected = json!({
        "active": true, "sub": "1", "username": "boss", "aud": ["shop"], "exp": now + 100, "iat": now - 5, "nbf": now - 5, "jti": "a-b",
        "token_type": "Bearer", "scope": "admin", "roles": ["admin"],
    });
    assert_eq!(introspect(&client, &shop, &token), expected);
    form(&client, "/revoke", None, &format!("token={token}")).expect(200);
    assert_eq!(introspect(&client, &shop, &token), inactive());
}

#[test]
fn a_form_that_could_mean_two_things_is_400_and_another_type_is_415() {
    let (_server, client, _, shop) = with_service();
    let arun = client.newcomer("arun");
    for path in ["/introspect", "/revoke"] {
        let key = bearer(&shop);
        let key = (path == "/introspect").then_some(key.as_str());
        let token = &arun.access;
        for body in [
            "",
            "token=",
            "tokens=x",
            "token_type_hint=access_token",
            &format!("token={token}&token={token}"),
            &format!("token={token}&x=1&x=2"),
            &format!("token={token}&%74oken=x"),
            "token=%zz",
            "token=%ff",
            &format!("token={token}&x=%"),
        ] {
            form(&client, path, key, body).refused(400, "invalid_request");
        }
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(key.map(|key| ("Authorization", key)));
        client.send("POST", path, &headers, Some(format!("{{\"token\":\"{token}\"}}").as_bytes())).refused(415, "unsupported_media_type");
        headers[0].1 = "multipart/form-data; boundary=x";
        client.send("POST", path, &headers, Some(b"--x--")).refused(415, "unsupported_media_type");
        client.send("POST", path, &headers[1..], None).refused(415, "unsupported_media_type");
        form(&client, path, key, &format!("token={}", "a".repeat(17_000))).refused(413, "too_large");
        let query = format!("{path}?token={token}");
        form(&client, &query, key, "x=1").refused(400, "invalid_request");
        client.test(token).expect(200);
    }
}

#[test]
fn revoking_either_token_ends_the_session_and_any_other_is_as_good_as_revoked() {
    let (_server, client, _, shop) = with_service();
    client.newcomer("arun");
    for by_refresh in [false, true] {
        let (pair, other) = (client.login("arun"), client.login("arun"));
        let token = if by_refresh { &pair.refresh } else { &pair.access };
        let answer = form(&client, "/revoke", None, &format!("token={token}&token_type_hint=whatever")).expect(200);
        assert_eq!(answer.text, "{}");
        client.test(&pair.access).refused(401, "token_revoked");
        client.refresh(&pair.refresh).refused(401, "token_revoked");
        assert_eq!(introspect(&client, &shop, &pair.access), inactive());
        assert_eq!(form(&client, "/revoke", None, &format!("token={token}")).expect(200).text, "{}");
        client.test(&other.access).expect(200);
    }
    let arun = client.login("arun");
    let tampered = format!("{}A", arun.access);
    for token in ["x", "%00", &tampered, text(&shop, "key")] {
        assert_eq!(form(&client, "/revoke", None, &format!("token={token}")).expect(200).text, "{}");
    }
    client.test(&arun.access).expect(200);
    form(&client, "/introspect", Some(&bearer(&shop)), "token=x").expect(200);
}
