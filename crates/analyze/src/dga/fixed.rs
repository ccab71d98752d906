//! Generators that look at no clock.

use super::Day;

/// How many names of Banjori follow its seed before they come round.
const BANJORI_NAMES: usize = 15_372;

pub(super) fn banjori(_: Day) -> Vec<String> {
    let mut front = *b"earn";
    let letter = |sum: u32| {
        // From `a`, counted in the alphabet's circle.
        let at = sum.wrapping_sub(97) % 26;
        u8::try_from(at).unwrap_or(0).wrapping_add(b'a')
    };
    let mut names = Vec::new();
    for _ in 0..BANJORI_NAMES {
        let shown = String::from_utf8_lossy(&front);
        names.push(format!("{shown}estnessbiophysicalohax.com"));
        let [a, b, c, d] = front.map(u32::from);
        let a = letter(a.wrapping_add(d));
        let b = letter(u32::from(a).wrapping_add(b.wrapping_mul(2)));
        let c = letter(u32::from(a).wrapping_add(c).wrapping_sub(1));
        let d = letter(u32::from(b).wrapping_add(u32::from(c)).wrapping_add(d));
        front = [a, b, c, d];
    }
    names
}

pub(super) fn fobber(_: Day) -> Vec<String> {
    // Start, step, length and suffix of either version.
    const VERSIONS: [(u32, u32, usize, &str); 2] =
        [(0xc87c_8a78, 0x9983_f4aa, 17, "net"), (0x851a_3e59, 0x8dc4_7b21, 10, "com")];
    let mut names = Vec::new();
    for (start, step, length, suffix) in VERSIONS {
        let mut state = start;
        for _ in 0..300 {
            let letter = |_| {
                state = state.wrapping_mul(321_167).wrapping_add(step).rotate_right(16);
                let at = u8::try_from((state & 0x17ff) % 26).unwrap_or(0);
                char::from(b'a'.wrapping_add(at))
            };
            let label: String = (0..length).map(letter).collect();
            names.push(format!("{label}.{suffix}"));
        }
    }
    names
}

pub(super) fn fosniw(_: Day) -> Vec<String> {
    let of = |front: &'static str| (0..=100).map(move |number| format!("{front}{number}.com"));
    of("app2.winsoft").chain(of("appx.koreasys")).collect()
}
