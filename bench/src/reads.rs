//! The peer of a lookup: reading one random line of the same memory.
#![expect(unsafe_code, reason = "prefetch instructions have no safe form")]

/// Asks the processor to load the line of a byte, without waiting for it.
#[inline(always)]
fn prefetch(byte: &u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of a valid reference has no effect but on the cache, and SSE is part of
    // every x86-64 processor.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::hint::black_box(*byte);
}

/// Reads one byte at each place, `GROUP` of them prefetched together; returns their sum.
pub fn prefetched<const GROUP: usize>(bytes: &[u8], places: &[u32]) -> u64 {
    let mut sum = 0u64;
    for group in places.chunks(GROUP) {
        let lines = group.iter().filter_map(|place| bytes.get(*place as usize));
        lines.clone().for_each(prefetch);
        sum = lines.fold(sum, |sum, byte| sum.wrapping_add(u64::from(*byte)));
    }
    sum
}

/// Reads one byte at each place, each read waiting for the one before; returns their sum.
pub fn dependent(bytes: &[u8], places: &[u32]) -> u64 {
    let mut sum = 0u64;
    for place in places {
        // The place depends on the byte before in a way that the processor cannot foresee.
        let shift = std::hint::black_box(sum & 1) as usize;
        sum = sum.wrapping_add(u64::from(bytes.get(*place as usize ^ shift).copied().unwrap_or(0)));
    }
    sum
}
