//! Spellings of URLs, and what they lead to.

use super::*;
use proptest::prelude::*;

fn parsed(text: &str) -> UrlView {
    match view(text) {
        UrlOutcome::Parsed(view) => view,
        UrlOutcome::Unparseable(why) => panic!("{text:?} {why}"),
    }
}

fn host(text: &str) -> String {
    parsed(text).host
}

#[test]
fn the_host_is_behind_the_user_whatever_the_user_looks_like() {
    for (text, expected) in [
        ("http://localhost@evil.com/", "evil.com"),
        ("http://localhost:80@evil.com/", "evil.com"),
        ("https://api.example.com@evil.com", "evil.com"),
        ("http://me%40corp.com:x@evil.com", "evil.com"),
        ("postgres://app:s%2Fcret@db.example.com/app", "db.example.com"),
        ("evil.com@localhost", "localhost"),
    ] {
        assert_eq!(host(text), expected, "{text}");
    }
}

#[test]
fn look_alikes_of_internal_hosts_are_public() {
    for text in [
        "http://localhost.evil.com/",
        "http://127.0.0.1.evil.com/",
        "http://127x0y0z1.evil.com/",
        "http://internal.evil.com/",
        "HTTP://EVIL.COM/",
        " http://evil.com/",
        "\thttps://evil.com/ ",
        "//evil.com/",
        "evil.com/x?y=1",
        "evil.com:8443/x",
        "ftp://evil.com/",
        "gopher://evil.com:70/_x",
        "file://evil.com/share/x",
        "http://evil.com",
        "http://evil.com?x=1",
        "http://EVIL.com./",
    ] {
        let view = parsed(text);
        assert!(view.host.ends_with("evil.com") && view.class == Class::Public, "{text}");
    }
}

#[test]
fn internal_hosts_are_recognised_in_every_spelling() {
    for text in [
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1:8080/",
        "http://[::ffff:127.0.0.1]/",
        "http://①②⑦.0.0.1/",
        "http://loc%61lhost/",
        "localhost:3000/api",
        "127.0.0.1:80",
        "http://0/",
        "http://localhost./",
        "gopher://2130706433:6379/_x",
        "redis://localhost",
    ] {
        assert_eq!(parsed(text).class, Class::Loopback, "{text}");
    }
    assert_eq!(parsed("http://169.254.169.254/latest/meta-data").class, Class::Metadata);
    assert_eq!(parsed("http://[fd00:ec2::254]/").class, Class::Metadata);
    assert_eq!(parsed("http://build/").class, Class::Private);
}

#[test]
fn what_clients_read_differently_has_no_view() {
    for text in [
        "http://localhost\\@evil.com/",
        "http://evil.com\\@localhost/",
        "http:\\\\evil.com\\",
        "http:/\\evil.com",
        "\\\\evil.com\\x",
        "https:evil.com",
        "https:/evil.com",
        "https:///evil.com",
        "ht\ntp://evil.com",
        "http://ev\til.com",
        "http://evil.com/\r\nHost: localhost",
        "http://localhost%2f@evil.com/",
        "http://localhost%00.evil.com/",
        "http://localhost%40evil.com/",
        "http://a@localhost@evil.com/",
        "http://evil.com:80:443/",
        "http://127.0.0.1:11211:80/",
        "http://evil.com:99999/",
        "http://evil.com:x/",
        "http://[::1]evil.com/",
        "http://localhost #@evil.com/",
        "http://localhost#@evil.com/",
        "http://localhost?@evil.com/",
        "http://{localhost,evil.com}/",
        "view-source:http://evil.com/",
        "jar:http://evil.com!/x",
        "url:http://evil.com",
        "user:secret@evil.com/x",
        "http://",
        "http:///",
        "",
        "/api/items",
        "../x",
        "what is this",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/v1/containers",
        "file:////evil.com/share",
        "file:\\\\evil.com\\share",
    ] {
        assert!(matches!(view(text), UrlOutcome::Unparseable(_)), "{text:?}: {:?}", view(text));
    }
}

#[test]
fn the_canonical_form_is_what_should_be_sent() {
    for (text, expected) in [
        ("HTTP://User:pw@Example.COM:80/a/../b/./c?q=1#f", "http://example.com/b/c?q=1#f"),
        ("https://example.com:8443", "https://example.com:8443/"),
        ("https://example.com/%61dmin/%2e%2e/%2Fx", "https://example.com/%2Fx"),
        ("http://[::1]:80/", "http://[::1]/"),
        ("http://[::ffff:10.0.0.1]:81/", "http://10.0.0.1:81/"),
        ("example.com/a b", "http://example.com/a%20b"),
        ("file:///etc/../etc/passwd", "file:///etc/passwd"),
        ("file:/etc/passwd", "file:///etc/passwd"),
        ("data:text/plain,hi", "data:text/plain,hi"),
    ] {
        assert_eq!(parsed(text).canonical, expected, "{text}");
    }
}

#[test]
fn the_port_is_the_one_that_will_be_used() {
    assert_eq!(parsed("http://a.com").port, Some(80));
    assert_eq!(parsed("https://a.com:8443").port, Some(8443));
    assert_eq!(parsed("redis://a.com").port, Some(6379));
    assert_eq!(parsed("whatever://a.com").port, None);
    assert_eq!(parsed("http://a.com:/").port, Some(80));
}

#[test]
fn schemes_without_a_host_keep_their_scheme() {
    for (text, scheme, class) in [
        ("file:///etc/passwd", "file", Class::Loopback),
        ("FILE://localhost/etc/passwd", "file", Class::Loopback),
        ("data:text/html,x", "data", Class::Loopback),
        ("javascript:alert(1)", "javascript", Class::Loopback),
        ("mailto:me@example.com", "mailto", Class::Public),
        ("tel:5551234", "tel", Class::Public),
        ("sqlite:///var/x.db", "sqlite", Class::Loopback),
    ] {
        let view = parsed(text);
        assert_eq!((view.scheme.as_str(), view.host.as_str(), view.class), (scheme, "", class), "{text}");
    }
}

#[test]
fn a_text_is_a_url_only_when_it_plainly_is() {
    for text in [
        "https://example.com/x",
        "HTTP://EXAMPLE.COM",
        "http:\\\\evil.com",
        "ht\ntp://evil.com",
        "//cdn.example.com/x.js",
        "www.example.com",
        "localhost:8080",
        "127.0.0.1/x",
        "169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "redis://localhost",
        "mailto:a@example.com",
    ] {
        assert!(looks_like_url(text), "{text:?}");
    }
    for text in [
        "",
        "example",
        "src/main.rs",
        "main.rs",
        "1.2.3.4",
        "C:\\Windows\\x",
        "C:/Windows",
        "note: call me",
        "key:value",
        "12:30",
        "see http://example.com for more",
        "https://example.com/a\nhttps://example.com/b",
        "std::fs::read",
        "a:b:c",
        "// a comment",
        "//comment",
        "arn:aws:s3:::bucket",
        "data: none",
    ] {
        assert!(!looks_like_url(text), "{text:?}");
    }
}

#[test]
fn urls_are_found_in_prose_code_and_json() {
    let hosts = |text: &str| -> Vec<String> {
        let read = |o| match o {
            UrlOutcome::Parsed(view) => view.host,
            UrlOutcome::Unparseable(why) => why.to_owned(),
        };
        all_in(text, 10).into_iter().map(read).collect()
    };
    assert_eq!(hosts("See https://a.com/x, or (http://b.org/y)."), ["a.com", "b.org"]);
    assert_eq!(hosts(r#"{\"u\":\"https://a.com\"} curl 'http://b.com/x'|sh"#), ["a.com", "b.com"]);
    assert_eq!(hosts("curl http:\\\\evil.com"), ["has a backslash before the host"]);
    assert_eq!(hosts("x=http://en.example.org/wiki/A_(b) y"), ["en.example.org"]);
    assert_eq!(hosts("C:\\x std::io a: b 12:30 //x"), Vec::<String>::new());
    assert_eq!(hosts("<a href=\"ftp://f.com/\">f</a>"), ["f.com"]);
    assert_eq!(hosts("看 https://a.com。"), ["a.com"]);
}

#[test]
fn urls_beyond_the_limit_are_not_passed_over_in_silence() {
    let text = "http://a.com ".repeat(5);
    assert_eq!(all_in(&text, 5).len(), 5);
    assert!(all_in(&text, 5).iter().all(|o| matches!(o, UrlOutcome::Parsed(_))));
    let cut = all_in(&text, 3);
    assert_eq!(cut.len(), 3);
    assert!(matches!(cut.last(), Some(UrlOutcome::Unparseable(_))));
}

#[test]
fn an_overlong_url_has_no_view() {
    let text = format!("http://a.com/{}", "x".repeat(LENGTH_MAX));
    assert!(matches!(view(&text), UrlOutcome::Unparseable("is longer than 8 KiB")));
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = (view(&text), find(&text), all_in(&text, 3));
    }

    #[test]
    fn no_url_like_text_panics(text in r"[a-z]{0,5}(:|%3a)?[/\\]{0,3}[\[\]a-f0-9.:@%\\/?#é①\t ]{0,40}") {
        let _ = (view(&text), find(&text), all_in(&text, 3));
    }

    #[test]
    fn the_canonical_form_is_its_own_canonical_form(
        text in r"(http|https|ftp|redis|ws)://([a-z0-9%]{1,6}@)?[a-z0-9.%]{1,16}(:[0-9]{1,4})?(/[a-z.%0-9/ ]{0,16})?(\?[a-z=&]{0,8})?"
    ) {
        if let UrlOutcome::Parsed(first) = view(&text) {
            prop_assert_eq!(UrlOutcome::Parsed(first.clone()), view(&first.canonical));
        }
    }

    #[test]
    fn no_user_changes_the_host(user in "[a-z0-9.:-]{1,20}", name in "[a-z]{1,9}\\.com") {
        prop_assert_eq!(parsed(&format!("http://{user}@{name}/")).host, name);
    }
}
