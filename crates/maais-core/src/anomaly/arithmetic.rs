//! Logarithm, power and pseudo-random numbers that give the same bits on every machine.
//!
//! The standard library's `log2` and `exp2` are the platform's; a score that is derived again on another machine must
//! not depend on them. Here are only additions, multiplications and divisions, which IEEE 754 fixes. No randomness: a
//! seed decides everything.

/// The logarithm to base 2; `f64::MIN` of what has none. Right to about ten digits.
pub(super) fn log2(value: f64) -> f64 {
    if value.is_nan() || value < f64::MIN_POSITIVE {
        return f64::MIN;
    }
    if value > f64::MAX {
        return f64::MAX;
    }
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7FF) as i64 - 1023;
    let mantissa = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) | 0x3FF0_0000_0000_0000);
    // Around 1, where the series is short: [sqrt(1/2), sqrt(2)).
    let (mantissa, exponent) = if mantissa > std::f64::consts::SQRT_2 {
        (mantissa / 2.0, exponent + 1)
    } else {
        (mantissa, exponent)
    };
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    let series = 1.0 + s2 * (1.0 / 3.0 + s2 * (1.0 / 5.0 + s2 * (1.0 / 7.0 + s2 * (1.0 / 9.0 + s2 / 11.0))));
    exponent as f64 + 2.0 * std::f64::consts::LOG2_E * s * series
}

/// Two to that power. Right to about nine digits; beyond what a number can hold, zero or the greatest.
pub(super) fn exp2(power: f64) -> f64 {
    if power.is_nan() || power < -1022.0 {
        return 0.0;
    }
    if power >= 1023.0 {
        return f64::MAX;
    }
    let whole = power.floor();
    let x = (power - whole - 0.5) * std::f64::consts::LN_2;
    let series = 1.0
        + x * (1.0
            + x / 2.0
                * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0))))));
    let scale = f64::from_bits(((whole as i64 + 1023) as u64) << 52);
    std::f64::consts::SQRT_2 * series * scale
}

/// SplitMix64 (Steele, Lea, Flood 2014): a stream of numbers that a seed decides. Not for secrets.
#[derive(Debug, Clone)]
pub(super) struct Stream(u64);

impl Stream {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `limit`, or 0 if that is 0.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        ((u64::from(self.next() as u32) * u64::from(limit)) >> 32) as u32
    }

    /// In [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn powers_of_two_are_exact_and_nonsense_is_finite() {
        for power in -300..300 {
            assert_eq!(log2(2.0_f64.powi(power)), f64::from(power));
        }
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(log2(value).is_finite() && exp2(value).is_finite(), "{value}");
        }
    }

    #[test]
    fn the_stream_is_that_of_the_paper() {
        let mut stream = Stream::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| stream.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    proptest! {
        #[test]
        fn logarithm_and_power_agree_with_the_platform(value in 1e-12..1e12_f64, power in -60.0..60.0_f64) {
            prop_assert!((log2(value) - value.log2()).abs() < 1e-8);
            prop_assert!((exp2(power) / power.exp2() - 1.0).abs() < 1e-7);
        }

        #[test]
        fn the_logarithm_grows(low in 1e-9..1e9_f64, times in 1.0..4.0_f64) {
            prop_assert!(log2(low) <= log2(low * times) + 1e-9);
        }

        #[test]
        fn numbers_below_a_limit_are_below_it(seed: u64, limit in 1..u32::MAX) {
            let mut stream = Stream::new(seed);
            prop_assert!(stream.below(limit) < limit);
            let unit = stream.unit();
            prop_assert!((0.0..1.0).contains(&unit));
        }
    }
}
