//! The outpatient record, element by element; ids are those of layout ED in the profile.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::VisitError;
use super::record::{Group, Part, Reader, Source, Writer, record};
use super::values::{Day, Fen, Moment};

record! {
    /// An outpatient record (ED): all 3,013 bytes of its data.
    Outpatient {
        /// 机构名称: institution.
        institution: String = "institution",
        /// 机构代码: institution code.
        institution_code: String = "institution-code",
        /// 就诊时间: seen at.
        seen: Option<Moment> = "seen",
        /// 门诊号: visit number.
        visit_number: String = "visit-number",
        /// 科室: department.
        department: String = "department",
        /// 付款方式: payment method.
        payment: String = "payment",
    }
    blocks {
        /// 症状与诊断.
        complaints: Complaint = "complaints",
        /// 检查.
        exams: Exam = "exams",
        /// 用药.
        drugs: Drug = "drugs",
        /// 手术.
        surgeries: Surgery = "surgeries",
        /// 费用.
        fees: OutpatientFee = "fees",
    }
}

record! {
    /// One symptom with its diagnosis.
    Complaint {
        /// 症状名称: symptom.
        symptom: String = "symptom",
        /// 症状代码: symptom code.
        symptom_code: String = "symptom-code",
        /// 诊断日期: diagnosed on.
        diagnosed: Option<Day> = "diagnosed",
        /// 诊断名称: diagnosis.
        diagnosis: String = "diagnosis",
        /// 诊断代码: diagnosis code.
        diagnosis_code: String = "diagnosis-code",
        /// 发病时间: onset.
        onset: Option<Moment> = "onset",
        /// 持续时间: duration.
        duration: Option<u64> = "duration",
    }
}

record! {
    /// One examination.
    Exam {
        /// 检查项目名称: examination.
        name: String = "name",
        /// 检查结果代码: result code.
        result_code: String = "result-code",
        /// 定量结果: quantitative result.
        value: Option<u64> = "value",
        /// 计量单位: unit.
        unit: String = "unit",
        /// 检查项目代码: examination code.
        code: String = "code",
    }
}

record! {
    /// One prescribed drug.
    Drug {
        /// 药物名称: drug.
        name: String = "name",
        /// 剂型: dosage form.
        form: String = "form",
        /// 用药天数: days.
        days: Option<u64> = "days",
        /// 用药频率: frequency.
        frequency: String = "frequency",
        /// 剂量单位: dose unit.
        unit: String = "unit",
        /// 次剂量: single dose.
        dose: Option<u64> = "dose",
        /// 总剂量: total dose.
        total: Option<u64> = "total",
        /// 用药途径: route.
        route: String = "route",
    }
}

record! {
    /// One operation.
    Surgery {
        /// 手术名称: surgery.
        name: String = "name",
        /// 手术代码: surgery code.
        code: String = "code",
        /// 手术日期: surgery date.
        date: Option<Day> = "date",
    }
}

record! {
    /// One kind of fee.
    OutpatientFee {
        /// 费用分类: category.
        category: String = "category",
        /// 费用代码: code.
        code: String = "code",
        /// 费用金额: amount.
        amount: Option<Fen> = "amount",
    }
}
