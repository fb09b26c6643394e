//! This tier's certificate authority for TLS identities, kept beside the store.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kms_core::handdown::peer_name;
use kms_core::tier::Tier;
use kms_platform::ca::{Authority, Request};
use kms_platform::identity::{Identity, IdentityError};
use kms_platform::name::{Area, Peer, Role};

use crate::refusal::{self, Refusal, Result};
use crate::refuse;

/// The authority's key and chain.
const AUTHORITY: &str = "ca.json";
/// The authority's key while it waits for the upper tier.
const WAITING: &str = "ca-request.json";
/// The service's own TLS identity.
const SERVICE: &str = "service.json";

/// Certificates that this authority took back; there once there is one.
const REVOKED: &str = "revoked.pem";

/// Where the list of revoked identities lies.
#[must_use]
pub fn revoked(dir: &Path) -> PathBuf {
    dir.join(REVOKED)
}

/// Puts a new list in the old one's place, in one step: services read it whenever it changes.
///
/// # Errors
/// It cannot be written.
pub fn publish(dir: &Path, list: &str) -> Result<PathBuf> {
    let (path, fresh) = (revoked(dir), dir.join("revoked.pem.new"));
    let written = std::fs::write(&fresh, list).and_then(|()| std::fs::rename(&fresh, &path));
    written.map_err(|e| Refusal::about(&refusal::STORE, format!("{}: {e}", path.display())))?;
    Ok(path)
}

/// Area of a tier as identities spell it.
///
/// # Errors
/// Digits that no area has.
pub fn area(tier: &Tier) -> Result<Area> {
    match tier {
        Tier::Ministry => Ok(Area::country()),
        _ => parse_area(tier.area()),
    }
}

/// An area from the command line.
///
/// # Errors
/// Digits that no area has.
pub fn parse_area(text: &str) -> Result<Area> {
    text.parse().map_err(|_| {
        refuse!(
            &refusal::INVALID,
            "`{text}` is no area: 0, two or four digits",
            "`{text}` 不是有效辖区：0、两位或四位数字"
        )
    })
}

/// The ministry's root, made once.
///
/// # Errors
/// It exists, or cannot be written.
pub fn create_root(dir: &Path, now: Timestamp) -> Result<()> {
    let root = Authority::root("root", now)?;
    Ok(root.identity().write(&dir.join(AUTHORITY))?)
}

/// The authority of this store.
///
/// # Errors
/// There is none yet: below the ministry it comes with the hand-down.
pub fn open(dir: &Path) -> Result<Authority> {
    let path = dir.join(AUTHORITY);
    if !path.exists() {
        return Err(refuse!(
            &refusal::KEY_MISSING,
            "no certificate authority yet; it comes with the upper tier's package",
            "尚无证书机构；随上级密钥包下发"
        ));
    }
    Ok(Authority::open(Identity::read(&path)?)?)
}

/// The certificate request of a lower tier's authority: the waiting one, or a fresh one.
///
/// # Errors
/// It cannot be made or kept.
pub fn request(dir: &Path, tier: &Tier) -> Result<String> {
    let path = dir.join(WAITING);
    if path.exists() {
        return Ok(Request::read(&path)?.csr_pem().to_owned());
    }
    let peer = Peer::new(area(tier)?, Role::Ca, &peer_name(tier)).map_err(IdentityError::from)?;
    let request = Request::new(&peer)?;
    request.write(&path)?;
    Ok(request.csr_pem().to_owned())
}

/// Joins the upper tier's answer to the waiting key. An authority that is there already is replaced (renewal); one whose key
/// the answer is for already (two requests were made before the first answer, or the service fell here) has its
/// certificates renewed.
///
/// # Errors
/// The certificate is for another key.
pub fn complete(dir: &Path, chain: String, anchors: String) -> Result<()> {
    let waiting = dir.join(WAITING);
    let own = dir.join(AUTHORITY);
    let joined = Identity::read(&own).and_then(|authority| {
        let key = authority.key_pem().clone();
        Identity::from_parts(key, chain.clone(), anchors.clone())
    });
    if let Ok(joined) = joined {
        return Ok(joined.replace(&own)?);
    }
    let identity = Request::read(&waiting)?.complete(chain, anchors)?;
    identity.replace(&own)?;
    std::fs::remove_file(&waiting)
        .map_err(|e| Refusal::about(&refusal::STORE, format!("{}: {e}", waiting.display())))
}

/// A party to be named.
///
/// # Errors
/// Role, area or name are not possible.
pub fn party(area: Area, role: &str, name: &str) -> Result<Peer> {
    let role: Role = role.parse().map_err(|_| {
        let roles = Role::ALL.map(Role::as_str).join(", ");
        refuse!(
            &refusal::INVALID,
            "`{role}` is no role: {roles}",
            "`{role}` 不是有效角色：{roles}"
        )
    })?;
    Peer::new(area, role, name).map_err(|_| {
        refuse!(
            &refusal::INVALID,
            "`{name}` is no name: letters, digits, . _ -",
            "`{name}` 不是有效名称：仅限字母、数字及 . _ -"
        )
    })
}

/// Where the service's own TLS identity lies.
#[must_use]
pub fn service_file(dir: &Path) -> PathBuf {
    dir.join(SERVICE)
}

/// The service's own TLS identity; made on first use.
///
/// # Errors
/// There is no authority yet, or the file cannot be used.
pub fn service_identity(
    dir: &Path,
    tier: &Tier,
    hosts: &[String],
    now: Timestamp,
) -> Result<Identity> {
    let path: PathBuf = dir.join(SERVICE);
    if path.exists() {
        return Ok(Identity::read(&path)?);
    }
    let peer = Peer::new(area(tier)?, Role::Kms, &format!("kms-{}", peer_name(tier)))
        .map_err(IdentityError::from)?;
    let identity = open(dir)?.issue(&peer, hosts, now)?;
    identity.write(&path)?;
    Ok(identity)
}
