//! Questions that others ask of the profile.

use super::Profile;
use super::model::{Df, Element, File, Key, Layout, SamFile, SamType, ServiceKey};

/// One version of one key: what personalisation writes and a card stores.
#[derive(Debug, Clone, Copy)]
pub struct KeyInstance<'a> {
    pub key: &'a Key,
    pub version: u8,
}

impl Profile {
    #[must_use]
    pub fn df(&self, name: &str) -> Option<&Df> {
        self.dfs.iter().find(|df| df.name == name)
    }

    #[must_use]
    pub fn df_by_fid(&self, fid: u16) -> Option<&Df> {
        self.dfs.iter().find(|df| df.fid == fid)
    }

    #[must_use]
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The file `fid` of directory `df`.
    #[must_use]
    pub fn file_by_fid(&self, df: &str, fid: u16) -> Option<&File> {
        self.files_of(df).find(|file| file.fid == fid)
    }

    pub fn files_of<'a, 'b>(&'a self, df: &'b str) -> impl Iterator<Item = &'a File> + use<'a, 'b> {
        self.files.iter().filter(move |file| file.df() == df)
    }

    #[must_use]
    pub fn layout(&self, name: &str) -> Option<&Layout> {
        self.layouts.iter().find(|layout| layout.name == name)
    }

    /// The element with this tag: its file, its position (record number, from 1) and itself.
    #[must_use]
    pub fn element(&self, tag: u8) -> Option<(&File, u8, &Element)> {
        self.files
            .iter()
            .find_map(|file| file.position(tag).map(|(at, element)| (file, at, element)))
    }

    #[must_use]
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    pub fn keys_of<'a, 'b>(&'a self, df: &'b str) -> impl Iterator<Item = &'a Key> + use<'a, 'b> {
        self.keys.iter().filter(move |key| key.df == df)
    }

    #[must_use]
    pub fn key_by_sam_index(&self, index: u8) -> Option<&Key> {
        self.keys.iter().find(|key| key.sam_index == index)
    }

    #[must_use]
    pub fn service_key(&self, name: &str) -> Option<&ServiceKey> {
        self.service_keys.iter().find(|key| key.name == name)
    }

    /// Every key version of a card, in the profile's order, versions upwards.
    pub fn key_instances(&self) -> impl Iterator<Item = KeyInstance<'_>> {
        self.keys
            .iter()
            .flat_map(|key| (0..key.groups).map(move |version| KeyInstance { key, version }))
    }

    /// The same profile with another version in flows: a terminal that a rotation has switched (D12).
    #[must_use]
    pub fn with_flow_version(&self, version: u8) -> Self {
        let mut profile = self.clone();
        profile.assumed.flow_version.value = version;
        profile
    }

    /// The version that flows use of this key (R31, R79).
    #[must_use]
    pub fn flow_version(&self, key: &Key) -> u8 {
        let versions = &self.assumed;
        if key.groups == 1 {
            versions.single_version.value
        } else {
            versions.flow_version.value
        }
    }

    #[must_use]
    pub fn sam_type(&self, number: u8) -> Option<&SamType> {
        self.sam.types.iter().find(|kind| kind.number == number)
    }

    #[must_use]
    pub fn sam_file(&self, path: &str) -> Option<&SamFile> {
        self.sam.files.iter().find(|file| file.path == path)
    }

    #[must_use]
    pub fn sam_file_by_fid(&self, df: &str, fid: u16) -> Option<&SamFile> {
        self.sam
            .files
            .iter()
            .find(|file| file.df() == df && file.fid == fid)
    }

    /// Keys of a SAM type in the profile's order.
    pub fn sam_keys<'a, 'b>(
        &'a self,
        kind: &'b SamType,
    ) -> impl Iterator<Item = &'a Key> + use<'a, 'b> {
        self.keys
            .iter()
            .filter(move |key| kind.keys.contains(&key.name))
    }
}

impl File {
    /// Position (record number, from 1) and element of a tag in this file.
    #[must_use]
    pub fn position(&self, tag: u8) -> Option<(u8, &Element)> {
        (1u8..)
            .zip(&self.elements)
            .find(|(_, element)| element.tag == Some(tag))
    }

    /// Bytes of record `number` (from 1), tag and length included in variable files.
    #[must_use]
    pub fn record_len(&self, number: u8) -> Option<usize> {
        use super::model::FileKind;
        let at = usize::from(number).checked_sub(1)?;
        match self.kind {
            FileKind::Variable => self.elements.get(at).map(|element| element.len + 2),
            FileKind::Fixed | FileKind::Cyclic => (at < self.records).then_some(self.size),
            FileKind::Binary => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_tag_with_their_record_number() {
        let profile = Profile::rhc_2012();
        let (file, position, element) = profile.element(57).expect("应用城市代码");
        assert_eq!(
            (file.path.as_str(), position, element.len),
            ("DDF1/EF05", 10, 3)
        );
        let (file, position, _) = profile.element(16).expect("本人电话1");
        assert_eq!((file.path.as_str(), position), ("DDF1/EF08", 2));
        assert!(profile.element(58).is_none());
        assert_eq!(file.record_len(2), Some(22));
        assert_eq!(file.record_len(0), None);
        assert_eq!(file.record_len(7), None);
    }

    #[test]
    fn flows_use_version_one_of_four_and_zero_of_one() {
        let profile = Profile::rhc_2012();
        let version = |name| profile.key(name).map(|key| profile.flow_version(key));
        assert_eq!(
            (version("RK1_DDF1"), version("STK_DDF1")),
            (Some(1), Some(0))
        );
    }

    #[test]
    fn sam_types_hold_the_keys_of_the_definition() {
        let profile = Profile::rhc_2012();
        let count = |n| {
            profile
                .sam_type(n)
                .map(|kind| profile.sam_keys(kind).count())
        };
        assert_eq!([1, 2, 3, 4, 5].map(count), [5, 11, 10, 10, 21].map(Some));
        let type_3 = profile.sam_type(3).expect("type 3");
        assert!(!type_3.keys.iter().any(|key| key == "UK2_DF02"));
    }
}
