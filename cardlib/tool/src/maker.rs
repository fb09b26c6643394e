//! `rhc-card delivery-list` and `maker-key`: the card maker's part, for tests and demonstrations (D42, D44).

use std::path::Path;

use cardlib_card::cert::Mark;
use cardlib_card::delivery::{self, DeliveryList, Kind};
use cardlib_card::gm::sm2::SigningKey;
use cardlib_sim::Random;
use zeroize::Zeroizing;

use crate::args;
use crate::failure::Failure;
use crate::files;
use crate::text::say;

/// Writes FILE and FILE.sig.
pub fn delivery_list(order: &args::DeliveryList) -> Result<(), Failure> {
    let maker = hex::encode_upper(order.maker);
    let key = maker_key(order, &maker)?;
    let kind = match order.kind {
        args::Kind::Card => Kind::Card,
        args::Kind::Sam => Kind::Sam,
    };
    let list = DeliveryList::new(
        &maker,
        &order.product,
        order.mark,
        order.sequence,
        kind,
        &order.items,
    )?;
    let text = list.to_json()?;
    let signature = delivery::sign(&text, &key)?;
    let mut beside = order.out.clone().into_os_string();
    beside.push(".sig");
    write(&order.out, &text)?;
    write(Path::new(&beside), format!("{signature}\n").as_bytes())?;
    println!(
        "{}: {} {}, {} {}",
        order.out.display(),
        list.items.len(),
        say("items", "项"),
        say("signed; public key", "已签名；公钥"),
        hex::encode(key.verifying_key().to_bytes())
    );
    Ok(())
}

/// Draws a key into a new file.
pub fn new_key(out: &Path) -> Result<(), Failure> {
    let mut random = Random::System;
    let key = SigningKey::generate(|bytes| random.fill(bytes)).map_err(Failure::environment)?;
    let text = Zeroizing::new(hex::encode(key.to_bytes()) + "\n");
    files::create_secret(out, &text)?;
    println!("{}", hex::encode(key.verifying_key().to_bytes()));
    Ok(())
}

/// The key of the file, or for TEST lists the public one of D42.
fn maker_key(order: &args::DeliveryList, maker: &str) -> Result<SigningKey, Failure> {
    let Some(path) = &order.maker_key else {
        if order.mark == Mark::Test {
            let label = delivery::test_maker_label(maker);
            return SigningKey::from_label(label.as_bytes()).map_err(Failure::wrong);
        }
        return Err(Failure::Usage(
            say(
                "only TEST lists are signed with a public key: give --maker-key FILE (make one with rhc-card maker-key)",
                "只有 TEST 清单用公开密钥签名：请给出 --maker-key FILE（可用 rhc-card maker-key 生成）",
            )
            .to_owned(),
        ));
    };
    let text = files::read_secret(path)?;
    let mut bytes = Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(text.trim(), bytes.as_mut_slice())
        .map_err(|_| Failure::wrong(format!("{}: 64 hex digits", path.display())))?;
    SigningKey::from_bytes(bytes.as_slice())
        .map_err(|cause| Failure::wrong(format!("{}: {cause}", path.display())))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes)
        .map_err(|cause| Failure::environment(format!("{}: {cause}", path.display())))
}
