//! Mutations: inputs that are nearly valid, since noise is refused by the first byte.

use crate::random::Random;

/// No input is longer.
const LONGEST: usize = 4_096;

/// Numbers at which codecs change their minds.
const BORDERS: [u64; 14] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x1_0000,
    0xff_ffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 53,
    u64::MAX,
];

/// An input: a sample as it is, noise, or one to some samples that were changed a few times.
pub(crate) fn input(random: &mut Random, samples: &[&[u8]]) -> Vec<u8> {
    if samples.is_empty() || random.once_in(20) {
        let length = random.below(200);
        return random.bytes(length);
    }
    let mut input = one_of(random, samples).to_vec();
    while random.once_in(3) && input.len() < LONGEST {
        input.extend_from_slice(one_of(random, samples));
    }
    if !random.once_in(10) {
        for _ in 0..=random.below(4) {
            change(random, &mut input, samples);
        }
    }
    input.truncate(LONGEST);
    input
}

fn one_of<'a>(random: &mut Random, samples: &[&'a [u8]]) -> &'a [u8] {
    let chosen: &&[u8] = random.one_of(samples);
    chosen
}

fn change(random: &mut Random, input: &mut Vec<u8>, samples: &[&[u8]]) {
    let at = random.below(input.len());
    let end = at + random.below((input.len() - at).min(40) + 1);
    match random.below(8) {
        _ if input.is_empty() => *input = one_of(random, samples).to_vec(),
        0 => input[at] ^= 1 << random.below(8),
        1 => input[at] = random.number() as u8,
        2 => number(random, input, at),
        3 => input.truncate(at),
        4 => drop(input.drain(at..end)),
        5 => {
            let again = input[at..end].to_vec();
            input.splice(at..at, again);
        }
        6 => {
            let length = random.below(9);
            let bytes = random.bytes(length);
            input.splice(at..at, bytes);
        }
        _ => {
            let other = one_of(random, samples);
            let from = random.below(other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
}

/// Writes a number that lies on a border, in one to eight bytes of either order.
fn number(random: &mut Random, input: &mut [u8], at: usize) {
    let number = random.one_of(&BORDERS).wrapping_add(random.below(3) as u64).wrapping_sub(1);
    let width = *random.one_of(&[1, 2, 3, 4, 8]);
    let bytes = number.to_be_bytes();
    let mut bytes = bytes[8 - width..].to_vec();
    if random.once_in(2) {
        bytes.reverse();
    }
    input[at..].iter_mut().zip(bytes).for_each(|(old, new)| *old = new);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_often_near_a_sample_and_never_too_long() {
        let samples: [&[u8]; 2] = [b"a sample", &[7; 3_000]];
        let inputs: Vec<Vec<u8>> = (0..2_000).map(|seed| input(&mut Random::new(seed), &samples)).collect();
        assert!(inputs.iter().all(|input| input.len() <= LONGEST));
        let whole = inputs.iter().filter(|input| samples.contains(&input.as_slice())).count();
        let begun = inputs.iter().filter(|input| input.starts_with(b"a s")).count();
        assert!(whole > 50 && begun > 500, "{whole} {begun}");
    }
}
