import CVector

/// Philox4x32-10 (Salmon et al. 2011): a counter-based generator, so any element of any stream is computed on its own
/// and a replay or another number of threads draws the same numbers.
public struct Philox: Sendable {
  let key: (UInt32, UInt32)
  let stream: UInt64

  public init(seed: UInt64, stream: UInt64) {
    key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    self.stream = stream
  }

  /// Four independent words for a counter.
  @inline(__always)
  public func words(_ counter: UInt64) -> SIMD4<UInt32> {
    var c = SIMD4<UInt32>(
      UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32),
      UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32))
    var (k0, k1) = key
    for _ in 0..<10 {
      let p0 = UInt64(0xD251_1F53) &* UInt64(c[0])
      let p1 = UInt64(0xCD9E_8D57) &* UInt64(c[2])
      c = SIMD4(
        UInt32(truncatingIfNeeded: p1 >> 32) ^ c[1] ^ k0, UInt32(truncatingIfNeeded: p1),
        UInt32(truncatingIfNeeded: p0 >> 32) ^ c[3] ^ k1, UInt32(truncatingIfNeeded: p0))
      k0 = k0 &+ 0x9E37_79B9
      k1 = k1 &+ 0xBB67_AE85
    }
    return c
  }

  /// The mask of 32 elements from eight counters at once: the numbers that `words` draws.
  @inline(__always)
  fileprivate func eightGroups<T: Scalar>(
    _: T.Type, _ first: Int, _ threshold: UInt32, _ keep: T, _ mask: UnsafeMutablePointer<T>
  ) {
    let raw = UnsafeMutableRawPointer(mask)
    if T.self == Float.self {
      cv_dropout_f32(
        UInt64(first), stream, key.0, key.1, threshold, Float(keep), raw.assumingMemoryBound(to: Float.self))
    } else {
      cv_dropout_f64(
        UInt64(first), stream, key.0, key.1, threshold, Double(keep), raw.assumingMemoryBound(to: Double.self)
      )
    }
  }
}

/// Inverted dropout: mask[i] = 0 with probability p, else 1 / (1 - p).
@specialized(where T == Float)
@specialized(where T == Double)
public func dropoutMask<T: Scalar>(
  _: T.Type, _ generator: Philox, _ p: Double, _ mask: UnsafeMutableRawPointer, _ n: Int
) {
  let mask = mask.assumingMemoryBound(to: T.self)
  let threshold = UInt32(min(4_294_967_295, (p * 4_294_967_296).rounded()))
  let keep = T(1 / (1 - p))
  parallelRanges((n + 3) / 4) { low, high in
    var first = low
    while first &+ 8 <= min(high, n / 4) {
      generator.eightGroups(T.self, first, threshold, keep, mask + (4 &* first))
      first &+= 8
    }
    for group in first..<high {
      let words = generator.words(UInt64(group))
      for lane in 0..<min(4, n - 4 * group) { mask[4 * group + lane] = words[lane] < threshold ? 0 : keep }
    }
  }
}
