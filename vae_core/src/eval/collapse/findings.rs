//! What the numbers say of a model, and what it looks like.
//!
//! A finding states the numbers that it rests on. What they cannot show, the cause, is introduced by "looks like".

use serde::Serialize;

use super::{
    Collapse, Dimension,
    report::{between, dimensions, range, short},
};

/// Log-variances beyond these are of no use to any code: σ below 0.00005 or above 148, where the prior has 1.
const EXTREME: (f64, f64) = (-20.0, 10.0);
/// More nats than this in one dimension tell e²⁰ = 485 million places in it apart.
const HUGE: f64 = 20.0;
/// A code with a KL below this is hardly used: e² = 7 items are all that it could tell apart.
const LITTLE: f64 = 2.0;
/// A dimension that tells less than this says nothing.
const NOTHING: f64 = 0.1;
/// A dimension with more nats is narrow: it tells e⁶ = 400 places apart, where those of a VAE have 1 to 3 nats.
const NARROW: f64 = 6.0;
/// A marginal KL of one dimension above this is far: a Gaussian with half or twice the prior's σ has 0.32 or 0.81 nats.
const FAR: f64 = 0.3;
/// How many times the pixel noise σ² may exceed the squared error that it stands for, or fall below it.
const MISFIT: f64 = 2.0;

/// What the numbers of a [`Collapse`] look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Diagnosis {
    /// Some numbers are NaN or infinite.
    NotFinite,
    /// Log-variances of a size that no code has a use for.
    ExtremeVariance,
    /// The encoder gives one answer to everything.
    ConstantEncoder,
    /// No dimension tells anything: the decoder does without the code.
    Collapsed,
    /// The code is used, but hardly.
    HardlyUsed,
    /// Some dimensions tell nothing, which is normal.
    Pruned,
    /// Dimensions that tell nothing have a KL to pay all the same.
    Wasted,
    /// Codes are not where the prior is.
    FarFromPrior,
    /// Posteriors are next to points: codes of an autoencoder.
    Narrow,
    /// A dimension has more KL than any data need.
    HugeKl,
    /// The pixel noise of the decoder is far above the error that it makes.
    WideNoise,
    /// The pixel noise of the decoder is far below the error that it makes.
    NarrowNoise,
    /// None of the others.
    Healthy,
}

/// A diagnosis with the numbers that it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub diagnosis: Diagnosis,
    /// Why, in a sentence or two.
    pub text: String,
}

impl Collapse {
    /// What the numbers look like, the gravest first; never empty.
    pub fn findings(&self) -> Vec<Finding> {
        let found = |diagnosis, text: Option<String>| text.map(|text| Finding { diagnosis, text });
        let asleep: Vec<&Dimension> = self.dimensions.iter().filter(|dimension| !dimension.tells()).collect();
        let wasted = wasted(&asleep);
        // What follows from variances that overflow, or from an encoder with one answer, is no finding of its own.
        let (overflow, constant) = (self.log_var.1 > EXTREME.1, self.dimensions.iter().all(|d| d.constant));
        let findings = [
            found(Diagnosis::NotFinite, self.numbers_lost()),
            found(Diagnosis::ExtremeVariance, self.extreme()),
            found(Diagnosis::ConstantEncoder, self.constant()),
            found(Diagnosis::Collapsed, self.collapsed(&asleep).filter(|_| !constant)),
            found(Diagnosis::HardlyUsed, self.hardly_used(&asleep)),
            found(Diagnosis::HugeKl, self.huge().filter(|_| !overflow)),
            found(Diagnosis::Narrow, self.narrow().filter(|_| !overflow)),
            found(Diagnosis::FarFromPrior, self.far().filter(|_| !overflow)),
            found(Diagnosis::WideNoise, self.noise(true)),
            found(Diagnosis::NarrowNoise, self.noise(false)),
            found(Diagnosis::Wasted, wasted.clone()),
            found(Diagnosis::Pruned, self.pruned(&asleep).filter(|_| wasted.is_none())),
        ];
        let mut findings: Vec<Finding> = findings.into_iter().flatten().collect();
        if findings.iter().all(|finding| finding.diagnosis == Diagnosis::Pruned) {
            let awake = self.dimensions.len() - asleep.len();
            let text =
                format!("{} in use, where the prior is: nothing wrong that these numbers show.", dimensions(awake));
            findings.push(Finding { diagnosis: Diagnosis::Healthy, text });
        }
        findings
    }

    /// The numbers and the findings, one a line.
    pub fn report(&self) -> String {
        self.to_string()
    }

    fn numbers_lost(&self) -> Option<String> {
        let (lost, of) = (self.not_finite, self.items);
        (lost > 0).then(|| {
            format!(
                "{lost} of {of} items have NaN or infinite numbers. Weights that are NaN make all of them so; \
                 some only looks like an exponential that overflows: of log-variances above 88 in float32."
            )
        })
    }

    fn extreme(&self) -> Option<String> {
        let (low, high) = self.log_var;
        (low < EXTREME.0 || high > EXTREME.1).then(|| {
            format!(
                "log-variances go from {} to {}, that is σ from {} to {}, where the prior has 1. exp of a log-variance \
                 overflows float32 above 88. Looks like an encoder whose inputs, learning rate or first weights are too \
                 large, or a loss in which the KL does not hold the variances.",
                short(low),
                short(high),
                short((0.5 * low).exp()),
                short((0.5 * high).exp())
            )
        })
    }

    fn constant(&self) -> Option<String> {
        let (same, all) =
            (self.dimensions.iter().filter(|dimension| dimension.constant).count(), self.dimensions.len());
        (same > 0).then(|| {
            let whose = if same == all { "all".into() } else { format!("{same} of {all}") };
            format!(
                "the encoder's answer in {whose} dimensions is the same for every item, to the last digits. A code that is given \
                 up still varies a little; this looks like units that are dead (a hidden layer of rectifiers, none of which any \
                 item makes positive) or an encoder that the image does not reach."
            )
        })
    }

    fn collapsed(&self, asleep: &[&Dimension]) -> Option<String> {
        (!asleep.is_empty() && asleep.len() == self.dimensions.len()).then(|| {
            format!(
                "all {} are asleep: {}. The decoder does without the code: that of another item costs it {} nats of {}. Looks like \
                 a KL that weighs more than any code would save (measure the loss's effective β), or like a decoder that can \
                 do without.",
                dimensions(asleep.len()),
                same_for_all(asleep),
                short(self.code_worth()),
                short(-self.reconstruction)
            )
        })
    }

    fn hardly_used(&self, asleep: &[&Dimension]) -> Option<String> {
        (asleep.len() < self.dimensions.len() && self.kl < LITTLE).then(|| {
            format!(
                "the code is hardly used: a KL of {} nats could tell {:.0} items apart, and the code of another item costs the decoder {} \
                 nats of {}. Looks like a KL that weighs too much (measure the loss's effective β), or like a decoder that \
                 knows nearly all without the code.",
                short(self.kl),
                self.kl.exp(),
                short(self.code_worth()),
                short(-self.reconstruction)
            )
        })
    }

    fn pruned(&self, asleep: &[&Dimension]) -> Option<String> {
        (!asleep.is_empty() && asleep.len() < self.dimensions.len()).then(|| {
            format!(
                "{} of {} are asleep: {}, because, as it looks, their KL would cost more than they would save. The other {} tell \
                 what there is to tell, as is normal where there are more dimensions than the data need at this weight of the KL.",
                asleep.len(),
                dimensions(self.dimensions.len()),
                same_for_all(asleep),
                self.dimensions.len() - asleep.len()
            )
        })
    }

    fn narrow(&self) -> Option<String> {
        let awake: Vec<&Dimension> = self.awake().collect();
        let narrow = awake.iter().filter(|d| d.kl.is_some_and(|kl| kl > NARROW)).count();
        (2 * narrow > awake.len()).then(|| {
            let (least, most) = range(awake.iter().filter_map(|d| d.kl));
            let (narrow, wide) = range(awake.iter().map(|d| d.mean_variance.sqrt()));
            format!(
                "posteriors are next to points: σ is {}, where the prior has 1, and a dimension has {} nats. Between codes \
                 there is room that the decoder was never asked about. Looks like an autoencoder: a KL that is left out, has the \
                 wrong sign, or weighs far too little (measure the loss's effective β).",
                between(narrow, wide),
                between(least, most)
            )
        })
    }

    fn far(&self) -> Option<String> {
        let (far, awake) = (|d: &&Dimension| d.marginal_kl.is_some_and(|kl| kl > FAR), self.awake().count());
        let count = self.awake().filter(far).count();
        (2 * count > awake).then(|| {
            let (least, most) = range(self.awake().filter(far).map(|d| d.variance().sqrt()));
            let (_, mean) = range(self.awake().filter(far).map(|d| d.mean.abs()));
            let (_, kl) = range(self.awake().filter(far).filter_map(|d| d.marginal_kl));
            format!(
                "codes are not where the prior is: in {count} of the {awake} dimensions in use q(zⱼ) is off, by up to {} nats; \
                 it has a σ of {} and a mean of up to {}. What is drawn from the prior lands where the decoder has seen few codes \
                 or only some, so expect no good samples. Looks like a KL that weighs too little, or a model that is not trained yet.",
                short(kl),
                between(least, most),
                short(mean)
            )
        })
    }

    fn awake(&self) -> impl Iterator<Item = &Dimension> {
        self.dimensions.iter().filter(|dimension| dimension.tells())
    }

    fn huge(&self) -> Option<String> {
        let huge: Vec<f64> = self.dimensions.iter().filter_map(|d| d.kl).filter(|kl| *kl > HUGE).collect();
        (!huge.is_empty()).then(|| {
            let (_, most) = range(huge.iter().copied());
            format!(
                "{} with a KL of up to {} nats: to tell {} items apart takes {}. Looks like a KL that is not paid for.",
                dimensions(huge.len()),
                short(most),
                self.items,
                short((self.items as f64).ln())
            )
        })
    }

    fn noise(&self, wide: bool) -> Option<String> {
        let noise = self.noise?;
        let times = noise.variance / noise.squared_error.max(f64::MIN_POSITIVE);
        let (variance, error) = (short(noise.variance), short(noise.squared_error));
        if wide && times > MISFIT {
            let times = short(times);
            return Some(format!(
                "the decoder's noise, σ² = {variance}, is {times} times the squared error of its pixels, {error}: it is sure of \
                 less than it could be, and an error counts for too little beside the KL, as with β = {times} at a σ² that \
                 fits. Learn σ², or set it to the error."
            ));
        }
        (!wide && times < 1.0 / MISFIT).then(|| {
            let times = short(1.0 / times);
            format!(
                "the squared error of the pixels, {error}, is {times} times the decoder's noise, σ² = {variance}: an error counts \
                 for too much beside the KL. Learn σ², or set it to the error."
            )
        })
    }
}

impl Dimension {
    /// Whether it says anything: an active one does; and one whose means lie close together may, if its posteriors are narrow.
    fn tells(&self) -> bool {
        self.active() || self.information.is_some_and(|nats| nats > NOTHING)
    }
}

fn wasted(asleep: &[&Dimension]) -> Option<String> {
    let costs = asleep.iter().filter_map(|dimension| dimension.kl).filter(|kl| *kl > NOTHING);
    let (count, sum) = costs.fold((0, 0.0), |(count, sum), kl| (count + 1, sum + kl));
    (count > 0).then(|| {
        format!(
            "{} with the same posterior for every item, which is not the prior: {} nats of KL that tell nothing. Looks like \
             a model that is not trained yet, or in which the KL hardly counts.",
            dimensions(count),
            short(sum)
        )
    })
}

/// What dimensions that are asleep have in common.
fn same_for_all(asleep: &[&Dimension]) -> String {
    let (_, variance) = range(asleep.iter().map(|dimension| dimension.variance_of_mean));
    let (_, kl) = range(asleep.iter().filter_map(|dimension| dimension.kl));
    let (what, kl) = match kl {
        _ if !kl.is_finite() => ("their posterior is the same whatever the item", String::new()),
        _ if kl > NOTHING => {
            ("their posterior is the same whatever the item", format!("KL up to {} nats, ", short(kl)))
        }
        _ => ("their posterior is the prior whatever the item", format!("KL up to {} nats, ", short(kl))),
    };
    format!("{what} ({kl}variance of the mean up to {})", short(variance))
}
