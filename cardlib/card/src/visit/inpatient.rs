//! The inpatient record, element by element; ids are those of layout EE in the profile.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::VisitError;
use super::record::{Group, Part, Reader, Source, Writer, record};
use super::values::{Day, Fen};

record! {
    /// An inpatient record (EE): all 1,639 bytes of its data.
    Inpatient {
        /// 机构名称: institution.
        institution: String = "institution",
        /// 机构代码: institution code.
        institution_code: String = "institution-code",
        /// 入院日期: admitted on.
        admitted: Option<Day> = "admitted",
        /// 住院次数: number of stays.
        stays: Option<u64> = "stays",
        /// 病案号: case number.
        case_number: String = "case-number",
        /// 入院科室: admission department.
        admission_department: String = "admission-department",
        /// 入院病情: condition on admission.
        condition: String = "condition",
        /// 医院感染名称: hospital infection.
        infection: String = "infection",
        /// 损伤中毒外因: external cause of injury or poisoning.
        injury_cause: String = "injury-cause",
        /// 抢救次数: rescues.
        rescues: Option<u64> = "rescues",
        /// 抢救成功次数: successful rescues.
        rescues_succeeded: Option<u64> = "rescues-succeeded",
        /// 出院日期: discharged on.
        discharged: Option<Day> = "discharged",
        /// 出院科室: discharge department.
        discharge_department: String = "discharge-department",
        /// 住院天数: days in hospital.
        days: Option<u64> = "days",
        /// 尸检: autopsy.
        autopsy: u8 = "autopsy",
        /// 随诊: follow-up.
        follow_up: u8 = "follow-up",
        /// 付款方式: payment method.
        payment: String = "payment",
        /// 总费用: total fee.
        total_fee: Option<Fen> = "total-fee",
        /// 床位费: bed fee.
        bed_fee: Option<Fen> = "bed-fee",
        /// 护理费: nursing fee.
        nursing_fee: Option<Fen> = "nursing-fee",
        /// 西药费: western medicine fee.
        western_medicine_fee: Option<Fen> = "western-medicine-fee",
        /// 中药费: chinese medicine fee.
        chinese_medicine_fee: Option<Fen> = "chinese-medicine-fee",
        /// 化验费: laboratory fee.
        laboratory_fee: Option<Fen> = "laboratory-fee",
        /// 诊疗费: treatment fee.
        treatment_fee: Option<Fen> = "treatment-fee",
        /// 手术费: surgery fee.
        surgery_fee: Option<Fen> = "surgery-fee",
        /// 检查费: examination fee.
        examination_fee: Option<Fen> = "examination-fee",
        /// 其他费: other fee.
        other_fee: Option<Fen> = "other-fee",
    }
    blocks {
        /// 诊断与手术.
        diagnoses: Diagnosis = "diagnoses",
        /// 输血.
        transfusions: Transfusion = "transfusions",
        /// 费用.
        fees: InpatientFee = "fees",
    }
}

record! {
    /// One diagnosis with its operation.
    Diagnosis {
        /// 血清项目: serum test.
        serum_test: String = "serum-test",
        /// 血清结果: serum result.
        serum_result: String = "serum-result",
        /// 诊断名称: diagnosis.
        name: String = "name",
        /// 诊断代码: diagnosis code.
        code: String = "code",
        /// 确诊日期: confirmed on.
        confirmed: Option<Day> = "confirmed",
        /// 诊断符合详述: agreement of diagnoses.
        agreement: String = "agreement",
        /// 诊断符合代码: code of agreement.
        agreement_code: String = "agreement-code",
        /// 诊断类型详述: kind of diagnosis.
        kind: String = "kind",
        /// 诊断类型代码: code of kind.
        kind_code: String = "kind-code",
        /// 治疗结果: outcome.
        outcome: String = "outcome",
        /// 手术名称: surgery.
        surgery: String = "surgery",
        /// 手术代码: surgery code.
        surgery_code: String = "surgery-code",
        /// 手术日期: surgery date.
        surgery_date: Option<Day> = "surgery-date",
        /// 麻醉: anaesthesia.
        anaesthesia: String = "anaesthesia",
        /// 麻醉代码: anaesthesia code.
        anaesthesia_code: String = "anaesthesia-code",
        /// 愈合等级: healing grade.
        healing: String = "healing",
    }
}

record! {
    /// One kind of blood product.
    Transfusion {
        /// 输血品种: product.
        product: String = "product",
        /// 输血量: amount.
        amount: Option<u64> = "amount",
        /// 输血量单位: unit.
        unit: String = "unit",
    }
}

record! {
    /// One kind of fee.
    InpatientFee {
        /// 费用分类: category.
        category: String = "category",
        /// 费用代码: code.
        code: String = "code",
        /// 费用金额: amount.
        amount: Option<Fen> = "amount",
    }
}
