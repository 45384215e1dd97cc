//! Pseudorandom numbers: the same seed gives the same numbers.

/// A `SplitMix64` generator.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or(0)
    }

    /// Writes bytes in pieces of random length, most of them in one piece.
    pub(crate) fn write(
        &mut self,
        target: &mut impl std::io::Write,
        mut bytes: &[u8],
    ) -> std::io::Result<()> {
        let pieces = [1, 1, 2, 3, 6][self.below(5)];
        for _ in 1..pieces {
            let (piece, rest) = bytes.split_at(self.below(bytes.len() + 1));
            target.write_all(piece)?;
            target.flush()?;
            if self.below(20) == 0 {
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
            bytes = rest;
        }
        target.write_all(bytes)?;
        target.flush()
    }
}
