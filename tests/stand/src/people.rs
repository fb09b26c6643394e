//! Synthetic residents, all of the same size, so that runs can be compared.

/// Residents of one day of birth: odd sequence numbers from 101.
const A_DAY: u32 = 400;

/// An applicants file of that many persons with the same data but number, day of birth and name.
pub fn csv(count: u32) -> String {
    let mut text = String::from(
        "name,sex,ethnic,birth_date,id_number,valid_until,phone1,payment1,address_type1,address1,contact1_name,\
         contact1_relation,contact1_phone,education,marriage,occupation,abo,rh,allergies,vaccinations\n",
    );
    for number in 0..count {
        let day = 1 + number / A_DAY;
        let id = number_of(number);
        text.push_str(&format!(
            "测试{},1,01,1979-03-{day:02},{id},2046-12-31,13800000000,1,1,河南省郑州市金水区示范路1号院2号楼3单元401,李明,1,\
             13800000001,2,20,1,O,1,青霉素:皮疹,乙型肝炎疫苗:1999-01-05\n",
            NUMERALS[usize::try_from(number).unwrap_or(0) % NUMERALS.len()]
        ));
    }
    text
}

/// The identity number of the person in that row, counted from 0.
pub fn number_of(row: u32) -> String {
    // Odd sequence numbers are men.
    let (day, place) = (1 + row / A_DAY, 101 + 2 * (row % A_DAY));
    with_check_digit(&format!("410101197903{day:02}{place:03}"))
}

const NUMERALS: [&str; 10] = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十"];

/// The 18th character of an identity number (GB 11643): weights are the powers of two modulo 11.
fn with_check_digit(digits: &str) -> String {
    let sum: u32 = digits
        .chars()
        .rev()
        .zip(1_u32..)
        .map(|(digit, place)| digit.to_digit(10).unwrap_or(0) * (1 << (place % 10)))
        .sum();
    let last = (12 - sum % 11) % 11;
    format!(
        "{digits}{}",
        if last == 10 {
            "X".to_owned()
        } else {
            last.to_string()
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_valid_and_differ() {
        // The residents of the examples, whose numbers another program checked.
        for known in [
            "410101198512030022",
            "410101198808080037",
            "410101195507060047",
        ] {
            assert_eq!(with_check_digit(&known[..17]), known);
        }
        let file = csv(801);
        let ids: std::collections::BTreeSet<&str> = file
            .lines()
            .skip(1)
            .filter_map(|line| line.split(',').nth(4))
            .collect();
        assert_eq!(ids.len(), 801);
    }
}
