//! exp, ln(1 + e) and tanh in single precision, written so that the compiler makes vectors of them.

use pulp::Simd;

/// a · b + c, in one instruction where that is part of the instruction set, as it is wherever vectors are this long on x86.
#[inline(always)]
pub(crate) fn mul_add<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    if S::F32_LANES >= 8 { a.mul_add(b, c) } else { a * b + c }
}

/// exp(x), to 2 units in the last place; below −86, near the end of float32, exp(−86). Infinite where float32 is, and NaN for NaN.
///
/// x = n·ln 2 + r with |r| ≤ ½ ln 2; the Taylor series of eʳ to r⁷ leaves 4·10⁻⁹. Adding 1.5·2²³ rounds to whole numbers and
/// leaves n in the last bits, from where n − 1 moves into the exponent: 2¹²⁸ would be none.
#[inline(always)]
pub(crate) fn exp<S: Simd>(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts: the first has few enough bits for n·LN2_HIGH to be exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Comparisons and not `max` and `min`, which take the number of a number and NaN.
    let x = if x < -86.0 { -86.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let shifted = mul_add::<S>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = mul_add::<S>(-n, LN2_LOW, mul_add::<S>(-n, LN2_HIGH, x));
    let series = mul_add::<S>(r, 1.0 / 5040.0, 1.0 / 720.0);
    let series = mul_add::<S>(r, mul_add::<S>(r, series, 1.0 / 120.0), 1.0 / 24.0);
    let series = mul_add::<S>(r, mul_add::<S>(r, series, 1.0 / 6.0), 0.5);
    let series = mul_add::<S>(r, mul_add::<S>(r, series, 1.0), 1.0);
    2.0 * series * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0.5f32.to_bits()))
}

/// ln(1 + e) for e in 0..=1, to 3 units in the last place.
///
/// ln(1 + e) = 2 artanh(s) with s = e/(2 + e) ≤ ⅓; the series to s¹⁵ leaves 2·10⁻⁹ of the value.
#[inline(always)]
pub(crate) fn log1p<S: Simd>(e: f32) -> f32 {
    let s = e / (2.0 + e);
    // Not below what float32 can square: a processor takes many times as long for numbers that small.
    let q = s.max(1e-18) * s.max(1e-18);
    let series = mul_add::<S>(q, mul_add::<S>(q, 1.0 / 15.0, 1.0 / 13.0), 1.0 / 11.0);
    let series = mul_add::<S>(q, mul_add::<S>(q, series, 1.0 / 9.0), 1.0 / 7.0);
    let series = mul_add::<S>(q, mul_add::<S>(q, series, 1.0 / 5.0), 1.0 / 3.0);
    2.0 * s * mul_add::<S>(q, series, 1.0)
}

/// tanh(x), to 3 units in the last place; ±1 for infinities, NaN for NaN.
///
/// Above ½ (1 − e)/(1 + e) with e = exp(−2|x|), which loses digits below it. There the continued fraction
/// x/(1 + x²/(3 + x²/(5 + x²/(7 + x²/9)))), whose next part changes less than 10⁻⁹ of it.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(x: f32) -> f32 {
    let (size, q) = (x.abs(), x * x);
    let e = exp::<S>(-2.0 * size);
    let series = [size * mul_add::<S>(q, q + 105.0, 945.0), mul_add::<S>(q, mul_add::<S>(q, 15.0, 420.0), 945.0)];
    let [above, below] = if size < 0.5 { series } else { [1.0 - e, 1.0 + e] };
    (above / below).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst_errors<S: Simd>() -> [f64; 3] {
        let mut worst = [0f64; 3];
        for i in 0..=1_000_000 {
            let x = 86.0 * i as f32 / 1_000_000.0;
            let (small, large) = (exp::<S>(-x), exp::<S>(x * (88.72 / 86.0)));
            worst[0] = worst[0].max((small as f64 / (-x as f64).exp() - 1.0).abs());
            worst[0] = worst[0].max((large as f64 / ((x * (88.72 / 86.0)) as f64).exp() - 1.0).abs());
            worst[1] = worst[1].max((log1p::<S>(small) as f64 / (small as f64).ln_1p() - 1.0).abs());
            // Evenly from −10 to 10, and evenly in the exponent from 1 down to where float32 ends.
            for x in [(i as f32 - 500_000.0) / 50_000.0, (-x).exp()].into_iter().filter(|&x| x != 0.0) {
                worst[2] = worst[2].max((tanh::<S>(x) as f64 / (x as f64).tanh() - 1.0).abs());
            }
        }
        assert_eq!((exp::<S>(0.0), log1p::<S>(0.0)), (1.0, 0.0));
        for far in [-1e30, f32::NEG_INFINITY] {
            assert!(exp::<S>(far).is_normal() && exp::<S>(far) < 1e-37);
        }
        assert!([88.73, 1e30, f32::INFINITY].map(exp::<S>) == [f32::INFINITY; 3] && exp::<S>(f32::NAN).is_nan());
        assert!(
            [f32::INFINITY, f32::NEG_INFINITY, 0.0].map(tanh::<S>) == [1.0, -1.0, 0.0] && tanh::<S>(f32::NAN).is_nan()
        );
        assert!(tanh::<S>(-0.0).is_sign_negative());
        worst.map(|worst| worst / f32::EPSILON as f64)
    }

    /// exp, log1p and tanh keep their promised errors over their whole ranges, with and without instructions that multiply and add.
    #[test]
    fn elementary_functions_are_accurate() {
        let plain = worst_errors::<pulp::Scalar>();
        assert!(plain[0] < 2.0 && plain[1] < 3.0 && plain[2] < 3.0, "{plain:?} units");
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            let fused = worst_errors::<pulp::x86::V3>();
            assert!(fused[0] < 2.0 && fused[1] < 3.0 && fused[2] < 3.0, "{fused:?} units");
        }
    }
}
