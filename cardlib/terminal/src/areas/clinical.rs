//! DF02: clinical data, the psychiatric flag, allergies, vaccinations.

use cardlib_card::visit::Day;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::value::{self, area, entry};
use super::{Area, Entry, Writable};
use crate::error::FlowError;

area! {
    /// 临床基本数据.
    Clinical in "DF02/EF05" {
        /// ABO 血型, code; 0 where nothing was written.
        abo: u8 = 41,
        /// RH 阴性, code.
        rh_negative: String = 42,
        /// 哮喘.
        asthma: bool = 43,
        /// 心脏病.
        heart_disease: bool = 44,
        /// 心脑血管病.
        cardiovascular: bool = 45,
        /// 癫痫.
        epilepsy: bool = 46,
        /// 凝血紊乱.
        coagulation: bool = 47,
        /// 糖尿病.
        diabetes: bool = 48,
        /// 青光眼.
        glaucoma: bool = 49,
        /// 透析.
        dialysis: bool = 50,
        /// 器官移植.
        transplant: bool = 51,
        /// 器官缺失.
        missing_organ: bool = 52,
        /// 可装卸义肢.
        prosthesis: bool = 53,
        /// 心脏起搏器.
        pacemaker: bool = 54,
        /// 其他医学警示.
        other_alert: String = 55,
    }
}

area! {
    /// 特殊信息; only SAMs of types 2 and 5 may write it.
    Psychiatric in "DF02/EF06" {
        /// 精神病标志.
        flag: bool = 56,
    }
}

entry! {
    /// 过敏: the card keeps the last three.
    Allergy in "DF02/EF07" {
        /// 过敏物质名称.
        substance: String,
        /// 过敏反应.
        reaction: String,
    }
}

entry! {
    /// 免疫接种: the card keeps the last ten.
    Vaccination in "DF02/EF08" {
        /// 免疫接种名称.
        name: String,
        /// 时间.
        given: Option<Day>,
    }
}

impl Writable for Clinical {}
impl Writable for Psychiatric {}
