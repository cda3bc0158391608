//! Layers, sources, and what is refused.

use secrecy::ExposeSecret as _;

use super::*;

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn load_in(toml: &str, pairs: &[(&str, &str)], flags: &Flags) -> Result<Loaded, ConfigError> {
    let file = std::env::temp_dir().join(format!("doorward-{}.toml", uuid::Uuid::new_v4()));
    std::fs::write(&file, toml).unwrap();
    let loaded = Settings::load(Some(&file), &variables(pairs), flags);
    std::fs::remove_file(&file).unwrap();
    loaded
}

fn refused(toml: &str, pairs: &[(&str, &str)]) -> String {
    load_in(toml, pairs, &Flags::default()).unwrap_err().to_string()
}

#[test]
fn each_layer_wins_over_the_one_below() {
    let toml = "[default]\nport = 1\nissuer = \"file\"\n[debug]\nport = 2\naudience = \"profile\"";
    let flags = Flags { port: Some(4), ..Flags::default() };
    let settings = load_in(toml, &[("DOORWARD_PORT", "3"), ("ROCKET_ISSUER", "12345")], &flags).unwrap().settings;
    assert_eq!((settings.port, settings.issuer.as_deref()), (4, Some("12345")));
    assert_eq!(settings.audience.as_deref(), cfg!(debug_assertions).then_some("profile"));
    assert_eq!(load_in(toml, &[("DOORWARD_PORT", "3"), ("ROCKET_PORT", "9")], &Flags::default()).unwrap().settings.port, 3);
}

#[test]
fn each_value_is_shown_with_its_source_and_secrets_are_not() {
    let loaded =
        load_in("[default]\nport = 7", &[("JWT_SECRET_KEY", "hunter2hunter2")], &Flags { address: Some("::1".into()), ..Flags::default() })
            .unwrap();
    let shown = loaded.show();
    let of = |key: &str| shown.iter().find(|shown| shown.key == key).unwrap();
    assert!(of("port").source.contains("doorward-"), "{:?}", of("port"));
    assert_eq!((of("address").source.as_str(), of("registration").source.as_str()), ("--address", "default"));
    assert!(!format!("{shown:?} {loaded:?}").contains("hunter2"));
}

#[test]
fn what_is_not_known_is_refused_with_the_nearest_name() {
    assert!(refused("[default]\nprot = 1", &[]).contains("did you mean port?"));
    let other = if cfg!(debug_assertions) { "release" } else { "debug" };
    let elsewhere = refused(&format!("[{other}]\nprot = 1"), &[]);
    assert!(elsewhere.contains(&format!("[{other}]")) && elsewhere.contains("did you mean port?"), "{elsewhere}");
    let variant = refused("", &[("DOORWARD_USER_ROUTES", "opne")]);
    assert!(variant.ends_with(": unknown variant: found `opne`, expected `guarded` or `open`"), "{variant}");
    for (name, value, wanted) in [
        ("DOORWARD_PORT", "abc", "found \"abc\", expected a whole number up to 65535"),
        ("DOORWARD_PORT", "99999", "found 99999, expected a whole number up to 65535"),
        ("DOORWARD_CHECKPOINT_KEEP", "-1", "found -1, expected a whole number"),
        ("DOORWARD_THROTTLE", "off", "found \"off\", expected true or false"),
        ("DOORWARD_CLAIMS", "acme", "found \"acme\", expected a table such as {tenant = \"acme\"}"),
    ] {
        let refusal = refused("", &[(name, value)]);
        assert!(refusal.starts_with("setting ") && refusal.ends_with(wanted), "{refusal}");
    }
    assert!(refused("[defualt]\nport = 1", &[]).contains("did you mean default?"));
    assert!(refused("[default]\nworkers = 4", &[]).contains("no effect"));
    assert!(refused("", &[("ROCKET_KEEP_ALIVE", "5")]).contains("75 s"));
    let unprofiled = refused("port = 1", &[]);
    assert!(unprofiled.contains("[default]"), "{unprofiled}");
    assert!(refused("[default]\nport = 99999", &[]).contains("port"));
    assert!(refused("[default]\naccess_token_expires = \"soon\"", &[]).contains("15m"));
    let missing = Settings::load(Some(Path::new("/no/such.toml")), &BTreeMap::new(), &Flags::default()).unwrap_err();
    assert!(missing.to_string().contains("does not exist"));
}

#[test]
fn combinations_that_are_not_safe_are_refused() {
    assert!(refused("[default]\naddress = \"0.0.0.0\"\nuser_routes = \"open\"", &[]).contains("guarded"));
    assert!(refused("[default]\naddress = \"[::]\"\nuser_routes = \"open\"", &[]).contains("guarded"));
    for proxied in
        ["trusted_proxies = \"127.0.0.1\"", "public_url = \"https://login.example.com\"", "public_url = \"http://localhost.example.com\""]
    {
        let said = refused(&format!("[default]\nuser_routes = \"open\"\n{proxied}"), &[]);
        assert!(said.contains("could delete users") && said.contains("guarded"), "{said}");
    }
    for here in ["http://localhost:5000", "https://localhost", "http://127.0.0.1:8080", "http://[::1]"] {
        let open = format!("[default]\nuser_routes = \"open\"\npublic_url = \"{here}\"");
        assert!(load_in(&open, &[], &Flags::default()).is_ok(), "{here}");
    }
    assert!(refused("", &[("DOORWARD_ADDRESS", "127.0.0.1:80")]).contains("must be localhost or an IP address"));
    for address in ["LOCALHOST", "[::1]", "127.1.2.3"] {
        assert!(load_in("[default]\nuser_routes = \"open\"", &[("DOORWARD_ADDRESS", address)], &Flags::default()).is_ok(), "{address}");
    }
    assert!(refused("[default]\naccess_token_expires = \"2d\"", &[]).contains("24h"));
    assert!(refused("[default]\nargon2_memory_kib = 1024", &[]).contains("19456"));
    assert!(refused("", &[("JWT_SECRET_KEY", "")]).contains("empty"));
    assert!(refused("", &[("JWT_ACCESS_TOKEN_EXPIRES", "False")]).contains("must expire"));
    assert!(refused("[default.claims]\nsub = \"1\"", &[]).contains("reserved"));
}

#[test]
fn flask_names_and_lengths_of_time_are_read() {
    let pairs = [("JWT_ACCESS_TOKEN_EXPIRES", "60"), ("JWT_SECRET_KEY", "0123"), ("JWT_TOKEN_LOCATION", "headers")];
    let settings =
        load_in("[default]\nrefresh_token_expires = \"12h\"\nsession_expires = 100000", &pairs, &Flags::default()).unwrap().settings;
    assert_eq!((settings.access_token_expires.to_string(), settings.session_expires.to_string()), ("1m".into(), "100000s".into()));
    assert_eq!(settings.refresh_token_expires.0, Duration::from_secs(43_200));
    assert_eq!(settings.shared_secrets.current.as_ref().unwrap().expose_secret(), "0123");
    assert_eq!(settings.warnings().len(), 1);
}

#[test]
fn a_variable_of_ours_that_is_no_text_is_refused_by_name_and_another_is_not() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;
    let with = |name: &str| environment([(OsString::from(name), OsString::from_vec(b"hunter2\xff".to_vec()))]);
    for name in ["JWT_SECRET_KEY", "DOORWARD_ISSUER", "ROCKET_LOG"] {
        assert_eq!(with(name).unwrap_err().to_string(), format!("the environment variable {name} is not UTF-8"));
    }
    assert_eq!(with("LS_COLORS").unwrap(), BTreeMap::new());
}

#[test]
fn every_setting_is_documented() {
    let serde_json::Value::Object(fields) = serde_json::to_value(Settings::default()).unwrap() else { panic!() };
    assert_eq!(fields.keys().map(String::as_str).collect::<Vec<_>>(), KEYS.iter().map(|(key, _)| *key).collect::<Vec<_>>());
}

#[test]
fn previous_secrets_come_one_from_the_environment_or_several_from_a_file() {
    let previous = |settings: &Settings| -> Vec<String> {
        settings.shared_secrets.previous.iter().map(|secret| secret.expose_secret().to_owned()).collect()
    };
    let one = load_in("", &[("JWT_PREVIOUS_SECRET_KEY", "a,b c")], &Flags::default()).unwrap();
    assert_eq!(previous(&one.settings), ["a,b c"]);
    let file = std::env::temp_dir().join(format!("doorward-{}", uuid::Uuid::new_v4()));
    let path = file.to_str().unwrap();
    std::fs::write(&file, "first\r\nsecond\n").unwrap();
    let several = load_in("", &[("JWT_PREVIOUS_SECRETS_FILE", path)], &Flags::default()).unwrap();
    assert_eq!(previous(&several.settings), ["first", "second"]);
    assert_eq!(several.settings.warnings().len(), 2, "both are short");
    assert!(refused("", &[("JWT_PREVIOUS_SECRETS_FILE", path), ("JWT_PREVIOUS_SECRET_KEY", "x")]).contains("use one"));
    std::fs::write(&file, "first\n\nsecond\n").unwrap();
    assert!(refused("", &[("JWT_PREVIOUS_SECRETS_FILE", path)]).contains("empty"));
    std::fs::remove_file(&file).unwrap();
    assert!(refused("", &[("JWT_PREVIOUS_SECRETS_FILE", path)]).contains("cannot read jwt_previous_secrets_file"));
}

#[test]
fn a_token_is_backdated_by_a_minute_at_most_and_lives_no_longer_than_a_day() {
    assert!(refused("[default]\niat_backdate = \"61s\"", &[]).contains("at most 60s"));
    assert!(refused("[default]\niat_backdate = \"1s\"\naccess_token_expires = \"24h\"", &[]).contains("at most 24h"));
    assert!(refused("[default]\njwks_max_age = \"25h\"", &[]).contains("at most 24h"));
}

#[test]
fn trusted_proxies_are_a_list_or_a_text_with_commas() {
    let listed = load_in("[default]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]", &[], &Flags::default()).unwrap();
    let written = load_in("", &[("DOORWARD_TRUSTED_PROXIES", "10.0.0.0/8,::1")], &Flags::default()).unwrap();
    assert_eq!(listed.settings.trusted_proxies, written.settings.trusted_proxies);
    assert_eq!(listed.show().iter().find(|shown| shown.key == "trusted_proxies").unwrap().value, "10.0.0.0/8, ::1/128");
    let fault = refused("[default]\ntrusted_proxies = [\"nginx\"]", &[]);
    assert!(fault.contains("trusted_proxies") && fault.contains("\"nginx\" is neither"), "{fault}");
}

#[test]
fn of_several_faults_each_is_named_whether_they_are_of_one_kind_or_of_several() {
    let one_kind = [
        ("refresh_grace = \"1h\"\njwks_max_age = \"25h\"", ["refresh_grace is 1h", "jwks_max_age is 25h"]),
        ("checkpoint_keep = 0\nmax_connections = 0", ["checkpoint_keep must be", "max_connections and"]),
        ("public_url = \"login\"\nclaims = {sub = \"1\"}", ["public_url is \"login\"", "reserved"]),
        ("address = \"here\"\ntls_cert = \"a.pem\"", ["address is \"here\"", "tls_cert and tls_key belong together"]),
        (
            "user_routes = \"open\"\naddress = \"0.0.0.0\"\ntrusted_proxies = \"10.0.0.1\"",
            ["anyone at address 0.0.0.0", "(trusted_proxies)"],
        ),
    ];
    for (settings, faults) in one_kind {
        let said = refused(&format!("[default]\n{settings}"), &[]);
        assert!(faults.iter().all(|fault| said.contains(fault)) && said.matches(". Also: ").count() == 1, "{said}");
    }
    let said = refused("[default]\nrefresh_grace = \"1h\"\ncheckpoint_keep = 0\naddress = \"here\"", &[("JWT_SECRET_KEY", "")]);
    assert!(["empty", "refresh_grace", "checkpoint_keep", "address"].iter().all(|fault| said.contains(fault)), "{said}");
    assert_eq!(said.matches(". Also: ").count(), 3, "{said}");
    let alone = refused("[default]\naccess_token_expires = \"25h\"", &[]);
    assert!(!alone.contains("Also"), "{alone}");
}

#[test]
fn a_variable_is_named_as_it_was_given_whatever_the_process_itself_has() {
    for (name, value) in [("DOORWARD_PORT", "http"), ("ROCKET_PORT", "http"), ("DOORWARD_CLAIMS", "{sub=\"1\", a=2"), ("ROCKET_PROT", "1")]
    {
        let said = refused("", &[(name, value)]);
        assert!(said.contains(&format!("({name})")), "{said}");
    }
    let said = refused("", &[("ROCKET_PORT", "1"), ("DOORWARD_PORT", "http")]);
    assert!(said.contains("(DOORWARD_PORT)"), "{said}");
    let jwt = [("JWT_SECRET_KEY_FILE", "a"), ("JWT_ACCESS_TOKEN_EXPIRES", "60")];
    let figment = super::layers::stack(None, &variables(&jwt), &Flags::default()).unwrap();
    let named = |key| super::layers::source(&figment, key);
    assert_eq!(
        [named("jwt_secret_key_file"), named("access_token_expires"), named("port")],
        ["JWT_SECRET_KEY_FILE", "JWT_ACCESS_TOKEN_EXPIRES", "default"]
    );
}
