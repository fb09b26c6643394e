//! What an operations team sees: description, pages, health, numbers, logs. Judged by curl and Python's JSON.

use std::process::Command;

use super::*;

pub fn curl(url: &str) -> (u16, String) {
    let out = Command::new("curl")
        .args(["-sS", "-w", "\n%{http_code}", url])
        .output()
        .expect("curl is installed");
    let text = String::from_utf8(out.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap_or(0), body.to_owned())
}

#[test]
fn numbers_health_and_logs_tell_what_happened_and_no_secret() {
    let mut house = House::handed_down();
    house.deliver("4101", Kind::Card, 1, &[FACTOR]);
    house.ticket("4101", "card", 5, "t-card");
    let served = house.serve_with("4101", &["--metrics", "127.0.0.1:0"], 1);
    let metrics = format!("{}/metrics", served.besides[0]);
    let station = house.client(&served, "station");
    let certificate = house.issuer_certificate("4101");
    let name = "植物标记甲乙丙";
    let content = content(NUMBER, SERIAL, name, &certificate);
    let state = probe(&mut blank_card(FACTOR));
    let request = ask(FACTOR, state, NUMBER, content.clone(), "t-card");
    station.personalise(&request).unwrap();
    let unlisted = ask(UNLISTED, state, NUMBER, content, "t-card");
    refused(station.personalise(&unlisted), "factor-not-on-list");

    let (status, text) = curl(&metrics);
    assert_eq!(status, 200, "{text}");
    for line in [
        r#"rhc_requests_total{route="/v1/cards/personalisations",method="POST",status="200"} 1"#,
        r#"rhc_refusals_total{slug="factor-not-on-list"} 1"#,
        r#"rhc_ticket_left{of="t-card"} 4"#,
        r#"rhc_up{of="hsm"} 1"#,
        r#"rhc_up{of="store"} 1"#,
        "rhc_scripts_total 1",
        "rhc_hsm_errors_total 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let ready = format!("{}/readyz", served.besides[0]);
    assert_eq!(curl(&ready).0, 200);
    assert_eq!(curl(&format!("{}/healthz", served.besides[0])).0, 200);
    assert_eq!(curl(&format!("{}/v1/keys", served.besides[0])).0, 404);
    house.kill_hsm();
    let (status, text) = curl(&ready);
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("hsm-unavailable"), "{text}");

    let log = served.log();
    let refused = log
        .lines()
        .map(house::json)
        .find(|line| line["fields"]["slug"] == "factor-not-on-list");
    let refused = refused.expect("a line of JSON for the refusal");
    assert_eq!(refused["fields"]["route"], "/v1/cards/personalisations");
    for secret in [NUMBER, name, &hex::encode(name), &hex::encode(NUMBER)] {
        assert!(!log.contains(secret) && !text.contains(secret), "{secret}");
    }
}

#[test]
fn a_plain_listener_is_for_this_machine_only() {
    let house = House::handed_down();
    let words = "serve --store kms-4101 --listen 127.0.0.1:0 --metrics 0.0.0.0:0";
    let ran = house.line(words);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("loopback"), "{}", ran.err);
}

#[test]
fn lists_come_in_pages_and_only_to_the_office() {
    let house = House::handed_down();
    for at in 0..3 {
        house.ticket("4101", "card", 1, &format!("t-{at}"));
    }
    let served = house.serve("4101");
    let http = |role: &str| {
        let identity = house.identity("4101", role, "pages");
        kms_platform::client::HttpClient::new(&served.url, &identity, kms_platform::name::Role::Kms)
            .unwrap()
    };
    let office = http("clerk");
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let mut query = vec![("limit", "2")];
        if !cursor.is_empty() {
            query.push(("cursor", &cursor));
        }
        let page: kms_api::Page<kms_api::TicketRow> =
            office.get(kms_api::paths::TICKETS, &query).unwrap();
        seen.extend(page.items.into_iter().map(|row| row.id));
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert_eq!(seen, ["t-0", "t-1", "t-2"]);
    for path in [
        kms_api::paths::TICKETS,
        kms_api::paths::PEERS,
        kms_api::paths::IDENTITIES,
        kms_api::paths::HAND_DOWNS,
        kms_api::paths::KEYS,
    ] {
        let error = http("station")
            .get::<serde_json::Value>(path, &[])
            .unwrap_err();
        assert_eq!(
            error.problem().map(|p| p.slug().to_owned()).as_deref(),
            Some("role-refused"),
            "{path}"
        );
        office.get::<serde_json::Value>(path, &[]).unwrap();
    }
    let head: kms_api::AuditHead = office.get(kms_api::paths::AUDIT_HEAD, &[]).unwrap();
    assert!(head.rows > 3 && head.hash.len() == 64);
    let served: serde_json::Value = office.get(kms_api::paths::OPENAPI, &[]).unwrap();
    let printed = house::json(&house.line("openapi").ok().out);
    assert_eq!(served, printed);
}
