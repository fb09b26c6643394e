//! The bench itself: the real daemon, a trivial card behind vpcd, and the public client `opensc-tool`.

use std::time::{Duration, Instant};

use tests_stand::{Daemon, Foreign, Tool};

const ATR: &[u8] = b"\x3B\x6C\x00\x02\x11\x22\x33\x44\x55\x66\x77\x88\x54\x54\x01\x07";

#[test]
fn a_public_client_reaches_a_card_behind_our_daemon() {
    let daemon = Daemon::start(3).expect("daemon");
    let reader = &daemon.readers()[2];
    let _card = Foreign::insert(reader, ATR, &[0x90, 0x00]).expect("card");
    std::thread::sleep(Duration::from_millis(900));
    let listed = Tool::foreign("opensc-tool")
        .words("-l")
        .env(daemon.environment())
        .ok()
        .expect("opensc-tool");
    assert!(
        listed.out.contains(&reader.name),
        "no {} in:\n{}",
        reader.name,
        listed.out
    );

    let mut tool = Tool::foreign("opensc-tool")
        .arg("-r")
        .arg(&reader.name)
        .env(daemon.environment());
    for _ in 0..100 {
        tool = tool.words("-s 00A4000C023F00");
    }
    let started = Instant::now();
    let sent = tool.ok().expect("APDUs");
    assert_eq!(
        sent.out.matches("SW1=0x90, SW2=0x00").count(),
        100,
        "{}",
        sent.out
    );
    // 100 stalled APDUs would take 4.4 s.
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "APDUs stall: {:?}",
        started.elapsed()
    );
}

#[test]
fn two_daemons_live_side_by_side() {
    let first = Daemon::start(1).expect("first");
    let mut second = Daemon::start(1).expect("second");
    assert_ne!(first.readers()[0].port, second.readers()[0].port);
    second.stop();
    let listed = Tool::foreign("opensc-tool")
        .words("-l")
        .env(first.environment())
        .ok()
        .expect("opensc-tool");
    assert!(listed.out.contains("Virtual PCD 0 00 00"), "{}", listed.out);
}
