//! Rules of the active user card beyond the vector file: selection (R1–R8), the order of checks (R9), T=0 (R10–R16),
//! records (R17–R29), counters (R33, R34, R70) and blocking (R39–R47). What is expected stands here from the rules' text; the
//! formulas are the test host's.
#![allow(clippy::unwrap_used)] // a failed unwrap here is the failed assertion

mod host;

use cardlib_card::content::CardContent;
use cardlib_card::profile::Profile;
use cardlib_sim::{Chip, Random, UserCard, VirtualCard};
use host::*;

const DDF1: &str = "00A4040C0C 57532E5359532E4444463031";

struct Desk {
    card: UserCard,
}

impl Desk {
    fn new() -> Self {
        let profile = Profile::rhc_2012();
        let mut content = CardContent::default();
        content.set_text(profile, 8, "410102199003070417").unwrap();
        content.set_text(profile, 11, "张三").unwrap();
        let mut card = UserCard::minted(
            profile,
            Chip::test(profile, [1; 8]),
            &content,
            |i| card_key(&format!("{}-v{}", i.key.name, i.version)),
            Random::from_seed(Some(9)),
        )
        .unwrap();
        card.reset();
        Self { card }
    }

    /// Each command answers its status.
    fn says(&mut self, pairs: &[(&str, &str)]) -> &mut Self {
        for (apdu, wanted) in pairs {
            assert_eq!(status(&mut self.card, apdu), *wanted, "{apdu}");
        }
        self
    }

    fn raw(&mut self, apdu: &str) -> String {
        let apdu = hex::decode(apdu.replace(' ', "")).unwrap();
        hex::encode_upper(self.card.handle(&apdu))
    }

    fn challenge(&mut self) -> [u8; 8] {
        send(&mut self.card, &[0, 0x84, 0, 0, 8])
            .0
            .try_into()
            .unwrap()
    }

    fn df(&mut self, fid: &str) -> &mut Self {
        if fid.starts_with("DF0") {
            status(&mut self.card, DDF1);
        }
        let select = format!("00A4000C02{fid}");
        self.says(&[(&select, "9000")])
    }

    fn authenticate(&mut self, key: &str, kid: u8, right: bool) -> u16 {
        let session = spread(&card_key(key), self.challenge());
        let e = sm4(&session, *b"infoinfo\0\0\0\0\0\0\0\0");
        let mut proof: Vec<u8> = (0..8).map(|i| e[i] ^ e[i + 8]).collect();
        proof[7] ^= u8::from(!right);
        let version = key.as_bytes()[key.len() - 1] - b'0';
        let apdu = [
            &[0, 0x82, 0, kid, 0x11],
            &proof[..],
            b"infoinfo",
            &[version],
        ]
        .concat();
        send(&mut self.card, &apdu).1
    }

    fn right(&mut self, key: &str, kid: u8) -> &mut Self {
        assert_eq!(self.authenticate(key, kid, true), 0x9000, "{key}");
        self
    }

    /// A command with the MAC of a fresh challenge; `body` is encrypted content, if any.
    fn signed(&mut self, stk: &str, header: [u8; 4], plain: Option<&[u8]>, right: bool) -> u16 {
        let session = spread(&card_key(stk), self.challenge());
        let body: Vec<u8> = plain.map_or_else(Vec::new, |plain| {
            let text = pad(&[&[plain.len() as u8], plain].concat());
            text.chunks(16)
                .flat_map(|block| sm4(&session, block.try_into().unwrap()))
                .collect()
        });
        let message = [&header[..], &[body.len() as u8 + 4], &body].concat();
        let mac = cbc(&session, [0; 16], &pad(&message));
        let mut mac = mac[mac.len() - 16..][..4].to_vec();
        mac[0] ^= u8::from(!right);
        send(&mut self.card, &[message, mac].concat()).1
    }
}

#[test]
fn r2_to_r6_selection() {
    let mut desk = Desk::new();
    assert_eq!(desk.raw("00A4000002 3F00"), "6106");
    assert_eq!(desk.raw("00C0000006"), "6F0483023F009000", "R5");
    desk.says(&[
        ("00A4000C02 DF01", "6A82"), // a grandchild of the MF is not in reach
        ("00A4000C02 EF05", "6A82"),
        ("00A4000C02 DDF1", "9000"),
        ("00A4000C02 EF08", "9000"),
        ("00A4000C02 DF01", "9000"), // child
        ("00A4000C02 DF01", "9000"), // itself
        ("00B0000000", "6986"),      // R6: no current EF after it
        ("00A4000C02 DF02", "9000"), // sibling
        ("00A4000C02 DDF1", "9000"), // parent
        ("00A4000C02 DDF2", "6A82"), // R8
        ("00A4040C0E 315041592E5359532E4444463031", "6A82"),
        ("00A4040C06 915600013201", "9000"), // a name from anywhere
        ("00A4000C02 3F00", "9000"),
        ("00A4000C02 3F00", "9000"),
    ]);
    // R3: the first name that begins with the bytes; too short, too long.
    assert_eq!(desk.raw("00A4040005 9156000132"), "610A");
    assert_eq!(desk.raw("00C0000000"), "6F0884069156000132009000");
    desk.says(&[
        ("00A4040C04 91560001", "6A82"),
        ("00A40400", "6A82"),
        ("00A4040C11 0000000000000000000000000000000000", "6700"),
        ("00A4040C07 91560001320000", "6A82"),
        // R4
        ("00A4010002 3F00", "6A86"),
        ("00A4000402 3F00", "6A86"),
        ("00A4000001 3F", "6700"),
        ("00A40000", "6700"),
        ("00A4000003 3F0000", "6700"),
    ]);
    // A failing SELECT changed nothing: DF01 is still current.
    desk.says(&[("00A4000C02 EF08", "9000"), ("00B2010400", "6982")]);
}

#[test]
fn r9_each_check_before_the_next() {
    let mut desk = Desk::new();
    desk.says(&[
        ("01B2010400", "6E00"),
        ("FFFF0000", "6E00"),
        ("00CA0000", "6D00"),
        ("80200000", "6D00"),
        ("80B2010400", "6E00"),
        ("80DC010404 00000000", "6E00"), // R16: only 00 is the plain form
        ("84DC010404 00000000", "6E00"),
        ("04D2010004 00000000", "6E00"),
        ("001E000004 00000000", "6E00"),
        ("00B2010500", "6A86"),
        ("00B2010000 00", "6700"),  // R14, after P1/P2
        ("00B20105020000", "6A86"), // P1/P2 before Lc
        ("04DC010503 000000", "6A86"),
        ("04DC010403 000000", "6700"), // Lc before the current EF
        ("00B2010400", "6986"),
        (
            "04DC010414 0000000000000000000000000000000000000000",
            "6986",
        ),
    ]);
    desk.df("DDF1").says(&[
        ("00A4000C02 EF07", "9000"),
        ("00B2010400", "6981"), // structure before the right
        (
            "04DC010414 0000000000000000000000000000000000000000",
            "6981",
        ),
        ("84D2010004 00000000", "6981"),
        ("00D60C0200 00", "6700"),
        ("00D60C020100", "6982"), // right before the offset
        ("00D6", "6700"),
        ("00A4000C02 EF08", "9000"),
        ("00B0000000", "6981"),
        ("00B2010000", "6A86"), // R17: by tag only in EF05; before the right
        ("00B2990400", "6982"), // right before the record
        (
            "04DC000314 0000000000000000000000000000000000000000",
            "6A86",
        ),
        ("00DC010400", "6982"), // right before 6987
        ("00A4000C02 EF05", "9000"),
        ("00DC010400", "6982"), // R29
        (
            "04DC010414 0000000000000000000000000000000000000000",
            "6982",
        ),
        ("00B2000000", "6A83"),
        ("00B2070000", "6A83"),
        ("00B20B0400", "6A83"),
        ("00B2000400", "6A83"),
    ]);
    desk.right("UK1_DDF1-v1", 0x05).says(&[
        ("00A4000C02 EF08", "9000"),
        ("00DC090400", "6A83"), // record before 6987
        ("00DC010400", "6987"), // R16; its Lc is not looked at
        ("00DC01040A 00", "6987"),
        (
            "04DC010414 0000000000000000000000000000000000000000",
            "6984",
        ),
        ("00A4000C02 EF07", "9000"),
        ("00D60C0201 00", "6B00"),
        ("00D60C0102 0000", "6A84"),
        ("00D60C0001 55", "9000"),
        ("00D6800001 55", "6A86"), // R13
        ("00B0800001", "6A86"),
    ]);
}

#[test]
fn r10_r12_r74_case_4_commands_and_waiting_data() {
    let mut desk = Desk::new();
    assert_eq!(desk.raw("00A4000002 3F00 00"), "6106", "Le is ignored");
    assert_eq!(desk.raw("00C0000008"), "6C06", "and the data stay");
    assert_eq!(desk.raw("00C0000002"), "6F046104");
    assert_eq!(desk.raw("00C0000000"), "83023F009000");
    assert_eq!(desk.raw("00C0000000"), "6985");
    desk.raw("00A4000002 3F00");
    assert_eq!(desk.raw("00B2010400"), "6986", "a refused command");
    assert_eq!(desk.raw("00C0000006"), "6985", "takes the data away");
    desk.raw("00A4000002 3F00");
    assert_eq!(desk.raw("00C0010006"), "6A86");
    assert_eq!(desk.raw("00C0000006"), "6985");
    assert_eq!(desk.raw("80C0000006"), "6E00");
    // R74: a trailing Le on a command without answer.
    assert_eq!(desk.raw("00A4000C02 DDF1 00"), "9000");
    assert_eq!(desk.raw("00"), "6700");
    assert_eq!(desk.raw(""), "6700");
}

#[test]
fn r19_the_fourth_allergy_drops_the_first() {
    let mut desk = Desk::new();
    desk.df("DF02")
        .right("RK1_DF02-v1", 0x84)
        .right("UK3_DF02-v1", 0x87);
    desk.says(&[("00A4000C02 EF07", "9000"), ("00B2010400", "6A83")]);
    for n in 1..=4u8 {
        let record = [n; 120];
        let status = desk.signed("STK_DF02-v0", [4, 0xDC, 0, 3], Some(&record), true);
        assert_eq!(status, 0x9000);
    }
    for (position, n) in [(1, 4), (2, 3), (3, 2)] {
        let (record, _) = send(&mut desk.card, &[0, 0xB2, position, 4, 0]);
        assert_eq!(record, [n; 120]);
    }
    desk.says(&[
        ("00B2040400", "6A83"),
        (
            "04DC010314 0000000000000000000000000000000000000000",
            "6A86",
        ),
        (
            "04DC010414 0000000000000000000000000000000000000000",
            "6A86",
        ),
    ]);
}

#[test]
fn r7_r27_index_flags() {
    let mut desk = Desk::new();
    desk.df("DF03")
        .right("RK1_DF03-v1", 0x84)
        .right("UK1_DF03-v1", 0x85);
    desk.says(&[
        ("00A4000C02 EF06", "9000"),
        (
            "04DC010414 0000000000000000000000000000000000000000",
            "6981",
        ),
        ("840C010004 00000000", "6982"), // erase is a right of its own
        ("84D2060004 00000000", "6A83"),
        ("84D2010404 00000000", "6A86"),
        ("84D2010003 000000", "6700"),
        ("00D20100", "6987"),
        ("84D2010004 00000000", "6984"),
    ]);
    for _ in 0..2 {
        assert_eq!(
            desk.signed("STK_DF03-v0", [0x84, 0xD2, 5, 0], None, true),
            0x9000,
            "R27"
        );
        assert_eq!(desk.raw("00B2050400"), "009000");
    }
    desk.right("UK2_DF03-v1", 0x86);
    // R34: the three kinds live together.
    for _ in 0..2 {
        assert_eq!(
            desk.signed("STK_DF03-v0", [0x84, 0x0C, 5, 0], None, true),
            0x9000
        );
        assert_eq!(desk.raw("00B2050400"), "FF9000");
    }
    assert_eq!(
        desk.signed("STK_DF03-v0", [0x84, 0xD2, 1, 0], None, true),
        0x9000
    );
}

#[test]
fn r34_another_key_of_the_kind_takes_the_right_over() {
    let mut desk = Desk::new();
    desk.df("DF02").right("UK1_DF02-v1", 0x85);
    desk.says(&[("00A4000C02 EF05", "9000"), ("00DC010400", "6987")]);
    desk.right("UK2_DF02-v1", 0x86);
    desk.says(&[
        ("00DC010400", "6982"),
        ("00A4000C02 EF06", "9000"),
        ("00DC010400", "6987"),
    ]);
    // D14: a failed authentication takes nothing away.
    assert_eq!(desk.authenticate("UK1_DF02-v1", 0x85, false), 0x63C9);
    desk.says(&[("00DC010400", "6987")]);
    desk.df("DF02")
        .says(&[("00A4000C02 EF06", "9000"), ("00DC010400", "6982")]);
}

#[test]
fn r33_ten_wrong_authentications_block_one_key_version() {
    let mut desk = Desk::new();
    desk.df("DF01");
    for left in (0..10).rev() {
        assert_eq!(desk.authenticate("RK1_DF01-v1", 0x84, false), 0x63C0 + left);
        desk.card.reset();
        desk.df("DF01");
    }
    assert_eq!(desk.authenticate("RK1_DF01-v1", 0x84, true), 0x6983);
    // 6983 comes before 6984; another version of the key is not concerned.
    desk.card.reset();
    desk.df("DF01");
    let apdu = format!("0082008411{}01", "00".repeat(16));
    desk.says(&[(&apdu, "6983")]);
    desk.right("RK1_DF01-v2", 0x84);
}

#[test]
fn r31_r32_keys_belong_to_their_directory() {
    let mut desk = Desk::new();
    let external = |kid: &str, version: &str| format!("008200{kid}11{}{version}", "00".repeat(16));
    let internal = |p2: &str, version: &str| format!("008800{p2}11{}{version}", "00".repeat(16));
    desk.says(&[
        (&external("04", "01"), "6A88"),
        (&external("02", "00"), "6A88"), // an STK
        (&external("03", "01"), "6A88"), // one group: version 00 only
        (&external("03", "00"), "6984"),
        (&internal("00", "01"), "6A88"),
        ("0082010411 0000000000000000000000000000000000", "6A86"),
        ("0088000010 00000000000000000000000000000000", "6700"),
    ]);
    desk.df("DDF1").says(&[
        (&external("04", "04"), "6A88"),
        (&external("84", "01"), "6A88"),
        (&internal("05", "01"), "6A88"),
        (&internal("00", "04"), "6A88"),
        (&internal("00", "03"), "9000"),
        (&internal("04", "00"), "9000"),
    ]);
}

#[test]
fn r39_to_r44_application_block() {
    let mut desk = Desk::new();
    desk.df("DDF1").says(&[("841E000004 00000000", "6985")]);
    desk.df("DF01").says(&[
        ("841E000204 00000000", "6A86"),
        ("841E000003 000000", "6700"),
        ("841E000004 00000000", "6982"),
        ("8418000004 00000000", "6985"), // not blocked
    ]);
    desk.right("RK1_DF01-v1", 0x84).right("LK_DF01-v0", 0x83);
    assert_eq!(
        desk.signed("STK_DF01-v0", [0x84, 0x1E, 0, 0], None, false),
        0x6988
    );
    assert_eq!(
        desk.signed("STK_DF01-v0", [0x84, 0x1E, 0, 0], None, true),
        0x9000
    );
    let read_key = format!("0082008411{}01", "00".repeat(16));
    desk.says(&[
        ("00A4000C02 EF05", "6A81"), // R41
        ("00B2010400", "6A81"),
        ("841E000004 00000000", "6A81"), // R44
        (&read_key, "6A81"),
        ("8418000004 00000000", "6982"), // R43: the lock right went too
        ("0084000008", "9000"),
    ]);
    // R41: SELECT makes it current without FCI, the DFs beside it are not concerned.
    assert_eq!(desk.raw("00A4040006 915600013201"), "610A");
    assert_eq!(desk.raw("00A4040006 915600013200"), "6A81");
    desk.right("LK_DF01-v0", 0x83);
    for _ in 0..5 {
        assert_eq!(
            desk.signed("STK_DF01-v0", [0x84, 0x18, 0, 0], None, false),
            0x6988,
            "R44"
        );
    }
    assert_eq!(
        desk.signed("STK_DF01-v0", [0x84, 0x18, 0, 0], None, true),
        0x9000
    );
    // R43: the lock right stays, so a permanent block may follow.
    assert_eq!(
        desk.signed("STK_DF01-v0", [0x84, 0x1E, 0, 1], None, true),
        0x9000
    );
    desk.says(&[
        ("8418000104 00000000", "6A86"),
        ("8418000003 000000", "6700"),
        ("8418000004 00000000", "9303"), // R42
    ]);
    desk.card.reset();
    desk.says(&[
        ("00A4040006 915600013200", "6A81"),
        ("8418000004 00000000", "9303"),
    ]);
}

#[test]
fn r39_r45_ddf1_is_blocked_by_macs_alone_and_unblocked_by_its_mac_alone() {
    let mut desk = Desk::new();
    desk.df("DDF1").right("UK1_DDF1-v1", 0x05);
    desk.says(&[("00A4000C02 EF08", "9000")]);
    let telephone = [&[16, 20][..], &[b'1'; 20]].concat();
    let header = [4, 0xDC, 2, 4];
    for _ in 0..2 {
        assert_eq!(
            desk.signed("STK_DDF1-v0", header, Some(&telephone), false),
            0x6988
        );
    }
    // R45: the counter survives a reset and another DF.
    desk.card.reset();
    desk.df("DF01").df("DDF1").right("UK1_DDF1-v1", 0x05);
    desk.says(&[("00A4000C02 EF08", "9000")]);
    assert_eq!(
        desk.signed("STK_DDF1-v0", header, Some(&telephone), false),
        0x6988
    );
    desk.says(&[("00B2010400", "6A81"), ("00A4000C02 EF05", "6A81")]);
    // R41: a block covers the DF's own files, not the DFs below.
    desk.says(&[("00A4000C02 DF01", "9000"), ("00A4000C02 DDF1", "6A81")]);
    assert_eq!(
        desk.signed("STK_DDF1-v0", [0x84, 0x18, 0, 0], None, true),
        0x9000
    );
    desk.df("DDF1").right("UK1_DDF1-v1", 0x05);
    desk.says(&[("00A4000C02 EF08", "9000")]);
    assert_eq!(
        desk.signed("STK_DDF1-v0", header, Some(&telephone), true),
        0x9000
    );
}

#[test]
fn r40_r46_card_block_is_for_ever() {
    let mut desk = Desk::new();
    desk.df("DF01").says(&[("8416000004 00000000", "6985")]);
    desk.df("3F00").says(&[
        ("8416000104 00000000", "6A86"),
        ("8416000005 0000000000", "6700"),
        ("8416000004 00000000", "6982"),
    ]);
    desk.right("BK_MF-v0", 0x03)
        .says(&[("8416000004 00000000", "6984")]);
    for _ in 0..5 {
        assert_eq!(
            desk.signed("STK_MF-v0", [0x84, 0x16, 0, 0], None, false),
            0x6988,
            "R40"
        );
    }
    assert_eq!(
        desk.signed("STK_MF-v0", [0x84, 0x16, 0, 0], None, true),
        0x9000
    );
    desk.says(&[
        ("00A4000C02 3F00", "6A81"),
        ("FF00", "6A81"),
        ("FF000000", "6A81"),
        ("00C0000000", "6A81"),
    ]);
    assert_eq!(
        hex::encode_upper(desk.card.reset()),
        "3B6C000201010101010101015454010F"
    );
    desk.says(&[
        ("0084000008", "6A81"),
        ("8050FF0008 0000000000000000", "6A81"),
    ]);
}

/// R70, R71: what stands in the state file at any moment is the old or the new state, and a spent try is spent.
#[test]
fn r70_a_try_is_gone_before_the_comparison() {
    let mut desk = Desk::new();
    desk.df("DF01");
    assert_eq!(desk.authenticate("RK1_DF01-v1", 0x84, false), 0x63C9);
    desk.card.reset();
    desk.df("DF01");
    assert_eq!(desk.authenticate("RK1_DF01-v1", 0x84, false), 0x63C8);
    desk.right("RK1_DF01-v1", 0x84);
    assert_eq!(desk.authenticate("RK1_DF01-v1", 0x84, false), 0x63C9);
}
