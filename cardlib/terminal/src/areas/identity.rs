//! DDF1 and DF01: the holder, payment, addresses, contact persons, occupation, other documents.

use cardlib_card::visit::Day;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::value::{self, area};
use super::{Area, Writable};
use crate::error::FlowError;

area! {
    /// 持卡人基本信息: fixed when the card was issued (D25).
    Holder in "DDF1/EF06" {
        /// 姓名.
        name: String = 11,
        /// 性别, code.
        sex: u8 = 12,
        /// 民族, two-digit code.
        ethnic_group: String = 13,
        /// 出生日期.
        born: Option<Day> = 14,
        /// 居民身份证号码.
        identity_number: String = 15,
    }
}

area! {
    /// 支付信息, with the card's validity and the holder's telephones.
    Payment in "DDF1/EF08" {
        /// 卡有效期: the last day.
        valid_until: Option<Day> = 7,
        /// 本人电话 1.
        telephone_1: String = 16,
        /// 本人电话 2.
        telephone_2: String = 17,
        /// 医疗费用支付方式 1, code.
        method_1: String = 18,
        /// 医疗费用支付方式 2, code.
        method_2: String = 19,
        /// 医疗费用支付方式 3, code.
        method_3: String = 20,
    }
}

area! {
    /// 职业婚姻.
    Occupation in "DF01/EF07" {
        /// 文化程度, code.
        education: String = 34,
        /// 婚姻状况, code.
        marriage: String = 35,
        /// 职业, code.
        occupation: String = 36,
    }
}

area! {
    /// 证件信息.
    OtherDocuments in "DF01/EF08" {
        /// 证件类别, code.
        kind: String = 37,
        /// 证件号码.
        number: String = 38,
        /// 健康档案编号.
        health_record: String = 39,
        /// 新农合证号.
        rural_insurance: String = 40,
    }
}

/// One 地址.
#[derive(Clone, Default, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Address {
    /// 地址类别: 1 registered, 2 residence.
    pub kind: String,
    pub text: String,
}

/// 地址: the card has two.
#[derive(Clone, Default, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Addresses(pub [Address; 2]);

/// One 联系人.
#[derive(Clone, Default, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ContactPerson {
    pub name: String,
    /// 关系, code.
    pub relation: String,
    pub telephone: String,
}

/// 联系人: the card has three.
#[derive(Clone, Default, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ContactPersons(pub [ContactPerson; 3]);

impl Area for Addresses {
    const FILE: &'static str = "DF01/EF05";

    fn take(text: &mut dyn FnMut(u8) -> Result<String, FlowError>) -> Result<Self, FlowError> {
        let mut all = Self::default();
        for (tag, address) in (21..).step_by(2).zip(&mut all.0) {
            address.kind = value::take(text, tag)?;
            address.text = value::take(text, tag + 1)?;
        }
        Ok(all)
    }

    fn give(&self) -> Vec<(u8, Zeroizing<String>)> {
        let texts = self.0.iter().flat_map(|each| [&each.kind, &each.text]);
        numbered(21, texts)
    }
}

impl Area for ContactPersons {
    const FILE: &'static str = "DF01/EF06";

    fn take(text: &mut dyn FnMut(u8) -> Result<String, FlowError>) -> Result<Self, FlowError> {
        let mut all = Self::default();
        for (tag, person) in (25..).step_by(3).zip(&mut all.0) {
            person.name = value::take(text, tag)?;
            person.relation = value::take(text, tag + 1)?;
            person.telephone = value::take(text, tag + 2)?;
        }
        Ok(all)
    }

    fn give(&self) -> Vec<(u8, Zeroizing<String>)> {
        let texts = self.0.iter();
        numbered(
            25,
            texts.flat_map(|each| [&each.name, &each.relation, &each.telephone]),
        )
    }
}

/// Texts with tags that follow each other.
fn numbered<'t>(
    first: u8,
    texts: impl Iterator<Item = &'t String>,
) -> Vec<(u8, Zeroizing<String>)> {
    let texts = texts.map(|text| Zeroizing::new(text.clone()));
    (first..).zip(texts).collect()
}

impl Writable for Payment {}
impl Writable for Addresses {}
impl Writable for ContactPersons {}
impl Writable for Occupation {}
impl Writable for OtherDocuments {}
