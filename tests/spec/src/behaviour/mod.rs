//! Behaviour tests, one for each item of the profile: a card or SAM in process, asked in bytes, held against the page.
//!
//! They say nothing of the profile that the card was made with; the checker makes cards from perturbed ones.

pub mod applications;
pub mod files;
pub mod keys;
pub mod making;
pub mod readers;
pub mod sams;
pub mod whole;

use crate::stand::Stand;

/// A behaviour test by its name.
pub struct Test {
    pub name: &'static str,
    pub run: fn(&Stand),
}

/// Lists the behaviour tests: once as data for the checker, once as tests ([`crate::each_behaviour`]).
#[macro_export]
macro_rules! each_behaviour {
    ($do:ident) => {
        $do! {
            df_mf: applications::directory("MF"),
            df_ddf1: applications::directory("DDF1"),
            df_df01: applications::directory("DF01"),
            df_df02: applications::directory("DF02"),
            df_df03: applications::directory("DF03"),
            df_pse: applications::directory("PSE"),
            df_ppse: applications::directory("PPSE"),
            df_debit: applications::directory("DEBIT"),
            df_credit: applications::directory("CREDIT"),
            df_quasi_credit: applications::directory("QUASI_CREDIT"),
            df_e_cash: applications::directory("E_CASH"),
            file_ddf1_ef05: files::file("DDF1/EF05"),
            file_ddf1_ef06: files::file("DDF1/EF06"),
            file_ddf1_ef07: files::file("DDF1/EF07"),
            file_ddf1_ef08: files::file("DDF1/EF08"),
            file_df01_ef05: files::file("DF01/EF05"),
            file_df01_ef06: files::file("DF01/EF06"),
            file_df01_ef07: files::file("DF01/EF07"),
            file_df01_ef08: files::file("DF01/EF08"),
            file_df02_ef05: files::file("DF02/EF05"),
            file_df02_ef06: files::file("DF02/EF06"),
            file_df02_ef07: files::file("DF02/EF07"),
            file_df02_ef08: files::file("DF02/EF08"),
            file_df03_ef05: files::file("DF03/EF05"),
            file_df03_ef06: files::file("DF03/EF06"),
            file_df03_ee01: files::file("DF03/EE01"),
            file_df03_ee02: files::file("DF03/EE02"),
            file_df03_ee03: files::file("DF03/EE03"),
            file_df03_ed01: files::file("DF03/ED01"),
            file_df03_ed02: files::file("DF03/ED02"),
            file_df03_ed03: files::file("DF03/ED03"),
            file_df03_ed04: files::file("DF03/ED04"),
            file_df03_ed05: files::file("DF03/ED05"),
            element_01: files::element(1), element_02: files::element(2), element_03: files::element(3),
            element_04: files::element(4), element_05: files::element(5), element_06: files::element(6),
            element_07: files::element(7), element_08: files::element(8), element_09: files::element(9),
            element_10: files::element(10), element_11: files::element(11), element_12: files::element(12),
            element_13: files::element(13), element_14: files::element(14), element_15: files::element(15),
            element_16: files::element(16), element_17: files::element(17), element_18: files::element(18),
            element_19: files::element(19), element_20: files::element(20), element_21: files::element(21),
            element_22: files::element(22), element_23: files::element(23), element_24: files::element(24),
            element_25: files::element(25), element_26: files::element(26), element_27: files::element(27),
            element_28: files::element(28), element_29: files::element(29), element_30: files::element(30),
            element_31: files::element(31), element_32: files::element(32), element_33: files::element(33),
            element_34: files::element(34), element_35: files::element(35), element_36: files::element(36),
            element_37: files::element(37), element_38: files::element(38), element_39: files::element(39),
            element_40: files::element(40), element_41: files::element(41), element_42: files::element(42),
            element_43: files::element(43), element_44: files::element(44), element_45: files::element(45),
            element_46: files::element(46), element_47: files::element(47), element_48: files::element(48),
            element_49: files::element(49), element_50: files::element(50), element_51: files::element(51),
            element_52: files::element(52), element_53: files::element(53), element_54: files::element(54),
            element_55: files::element(55), element_56: files::element(56), element_57: files::element(57),
            key_irk_ddf1: keys::key("IRK_DDF1"),
            key_stk_ddf1: keys::key("STK_DDF1"),
            key_stk_df01: keys::key("STK_DF01"),
            key_stk_df02: keys::key("STK_DF02"),
            key_stk_df03: keys::key("STK_DF03"),
            key_lk_df01: keys::key("LK_DF01"),
            key_lk_df02: keys::key("LK_DF02"),
            key_lk_df03: keys::key("LK_DF03"),
            key_uk1_ddf1: keys::key("UK1_DDF1"),
            key_uk1_df01: keys::key("UK1_DF01"),
            key_uk1_df02: keys::key("UK1_DF02"),
            key_uk2_df02: keys::key("UK2_DF02"),
            key_uk3_df02: keys::key("UK3_DF02"),
            key_uk1_df03: keys::key("UK1_DF03"),
            key_uk2_df03: keys::key("UK2_DF03"),
            key_rk1_ddf1: keys::key("RK1_DDF1"),
            key_rk1_df01: keys::key("RK1_DF01"),
            key_rk1_df02: keys::key("RK1_DF02"),
            key_rk1_df03: keys::key("RK1_DF03"),
            key_bk_mf: keys::key("BK_MF"),
            key_stk_mf: keys::key("STK_MF"),
            sam_type_1: sams::sam_type(1),
            sam_type_2: sams::sam_type(2),
            sam_type_3: sams::sam_type(3),
            sam_type_4: sams::sam_type(4),
            sam_type_5: sams::sam_type(5),
            sam_file_0001: sams::file("MF/0001"),
            sam_file_0015: sams::file("MF/0015"),
            sam_file_0016: sams::file("MF/0016"),
            sam_file_001a: sams::file("DF01/001A"),
            sam_file_001b: sams::file("DF01/001B"),
            sam_file_001c: sams::file("DF01/001C"),
            sam_directory: sams::directory(),
            sam_pin: sams::pin(),
            sam_made: sams::made(),
            algorithms: whole::algorithms(),
            answers_to_reset: whole::answers_to_reset(),
            card_made: whole::card_made(),
            mac_errors: whole::mac_errors(),
            single_versions: whole::single_versions(),
            names: whole::names(),
            factors: readers::factors(),
            visit_ee: readers::visit("EE"),
            visit_ed: readers::visit("ED"),
        }
    };
}

macro_rules! as_data {
    ($($name:ident: $module:ident::$what:ident($($with:literal)?),)*) => {
        /// All of them.
        pub const ALL: &[Test] = &[$(Test {
            name: stringify!($name),
            run: |stand| $module::$what(stand $(, $with)?),
        },)*];
    };
}
each_behaviour!(as_data);
