//! What no single crate can show: tests over several programs on the real PC/SC daemon. The tests are in `tests/`;
//! this library holds what they share.

pub mod golden;
pub mod memory;
pub mod oracle;
pub mod persons;
pub mod search;
pub mod tiers;

/// Each of these functions as a test over vpcd and as one over our own driver (`tests_stand::Stack`).
#[macro_export]
macro_rules! over_both_drivers {
    ($($name:ident),* $(,)?) => {
        mod over_vpcd {
            $(#[test]
            fn $name() {
                super::$name(::tests_stand::Stack::Vpcd);
            })*
        }

        mod over_our_driver {
            $(#[test]
            fn $name() {
                super::$name(::tests_stand::Stack::Own);
            })*
        }
    };
}
