//! The bench itself: the real daemon, a trivial card in a reader of either driver, and the public client `opensc-tool`.

use tests_stand::{Daemon, Foreign, Stack, Tool};

const ATR: &[u8] = b"\x3B\x6C\x00\x02\x11\x22\x33\x44\x55\x66\x77\x88\x54\x54\x01\x07";

#[test]
fn a_public_client_reaches_a_card_behind_either_driver() {
    for stack in [Stack::Vpcd, Stack::Own] {
        let daemon = Daemon::start_on(stack, 3).expect("daemon");
        let reader = &daemon.readers()[2];
        let card = Foreign::insert(reader, ATR, &[0x90, 0x00]).expect("card");
        daemon.wait_card(reader, true).expect("seen");
        let mut tool = Tool::foreign("opensc-tool")
            .arg("-r")
            .arg(&reader.name)
            .env(daemon.environment());
        for _ in 0..100 {
            tool = tool.words("-s 00A4000C023F00");
        }
        let sent = tool.ok().expect("APDUs");
        assert_eq!(
            sent.out.matches("SW1=0x90, SW2=0x00").count(),
            100,
            "{stack:?}: {}",
            sent.out
        );
        drop(card);
        daemon.wait_card(reader, false).expect("pulled");
    }
}

#[test]
fn two_daemons_live_side_by_side() {
    let first = Daemon::start(1).expect("first");
    let mut second = Daemon::start(1).expect("second");
    assert_ne!(first.readers()[0].place, second.readers()[0].place);
    second.stop();
    let listed = Tool::foreign("opensc-tool")
        .words("-l")
        .env(first.environment())
        .ok()
        .expect("opensc-tool");
    assert!(listed.out.contains("Virtual PCD 0 00 00"), "{}", listed.out);
}
