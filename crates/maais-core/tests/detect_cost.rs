//! What the detectors cost: in a line of prose, and where somebody means to keep them busy.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "measures: reads the clock, and must stop if there is none"
)]

use std::time::{Duration, Instant};

use maais_core::detect;
use rustix::time::{ClockId, clock_gettime};

/// What makes each part of the detectors work most, over and over.
const BUSY: [&str; 32] = [
    "pass",
    "pass=x ",
    "4111 1111 ",
    "4820017345 ",
    "a://b:c@",
    "a@",
    "eyJ.",
    "eyJ ",
    "kty d:\"",
    "-----BEGIN ",
    "-----BEGIN RSA PRIVATE KEY-----",
    "131052-308T ",
    "(12) 345 ",
    "sk-",
    "ZXlK",
    "=ZXlKaaa",
    "-ops_eyJ",
    "LS0tLS1CRUdJTi",
    "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t ",
    "a8Kd02LmQx7R",
    "authorization: ",
    "key is ",
    "é pass=x1 ",
    "a-us1",
    "pass\"\"\"\"",
    "token='{",
    "call call 1",
    "<key>a",
    "?sig=a",
    "-AAAAAAAAAAAAAAAAAAAAx",
    "private-lines:1",
    "f81d4fae-7dec-11d0-",
];

/// Processor time of this thread: what else the machine does is not counted.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

fn fastest(text: &str, rounds: u32) -> Duration {
    detect::scan(text);
    let measure = |_| {
        let start = spent();
        std::hint::black_box(detect::scan(std::hint::black_box(text)).len());
        std::hint::black_box(detect::mask(std::hint::black_box(text)).len());
        spent() - start
    };
    (0..rounds).map(measure).min().unwrap_or_default()
}

#[test]
fn the_time_grows_with_the_text_and_no_faster() {
    for unit in BUSY {
        let of = |bytes: usize| fastest(&unit.repeat(bytes / unit.len()), 3);
        // Eight times the text takes 64 times as long where something is read again for each part of it.
        let (short, long) = (of(1 << 12), of(1 << 15));
        let limit = short.max(Duration::from_millis(1)) * 24;
        assert!(long < limit, "{unit:?}: {short:?} for 4 KiB, {long:?} for 32 KiB");
    }
}

#[test]
#[ignore = "measures time"]
fn the_cost_of_a_scan() {
    let prose = "The quarterly report is ready for review. Please look at section 3, which compares the \
        results of 2023 and 2024, and send your comments by Friday. The key point is that revenue grew by 14 % \
        while costs stayed flat; see https://example.org/reports/q3?page=2 for the tables. "
        .repeat(2);
    let json =
        r#"{"id": 4820017345, "name": "Order", "created_at": "2031-04-09T12:30:00Z", "items": [1, 2, 3], "#
            .repeat(6);
    let code = "def handler(event, context):\n    token = event['headers'].get('Authorization', '')\n    \
        user = db.users.find_one({'key': token.split(' ')[-1]})\n    return {'statusCode': 200, 'body': user['name']}\n"
        .repeat(3);
    let token = format!("prefix {} then {prose}", "ghp_".to_owned() + "a8Kd02Lm".repeat(5).as_str());
    for (what, text) in [("prose", prose), ("json", json), ("code", code), ("prose with a token", token)] {
        report(what, &text[..500], 50_000);
    }
    for unit in BUSY {
        report(&format!("1 MiB of {}", unit.trim()), &unit.repeat((1 << 20) / unit.len()), 3);
    }
}

fn report(what: &str, text: &str, rounds: u32) {
    detect::scan(text);
    let measure = |_| {
        let start = Instant::now();
        let hits: usize = (0..rounds).map(|_| detect::scan(std::hint::black_box(text)).len()).sum();
        std::hint::black_box(hits);
        start.elapsed() / rounds
    };
    let best = (0..5).map(measure).min().unwrap_or_default();
    let bytes = text.len();
    println!(
        "{what:48} {bytes:8} bytes {:>12} ns {:8.2} ns/byte",
        best.as_nanos(),
        best.as_nanos() as f64 / bytes as f64
    );
}
