import CVector
import MicroKernels

#if arch(x86_64)
  import MicroKernelsV4
#endif

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
}

/// Inverted dropout: each element is kept with probability 1 - p, and then times 1 / (1 - p). The choices are bits.
public struct Dropout: Sendable {
  public let count: Int
  private let p: Double
  private let bits: Storage

  public init(_ count: Int, _ p: Double) {
    (self.count, self.p) = (count, p)
    bits = Storage(byteCount: (count + 31) / 32 * 4)
  }

  /// Elements of a block, which lie in whole words of the choices.
  private static let block = blockLength / 32

  private var words: UnsafeMutablePointer<UInt32> { bits.pointer.assumingMemoryBound(to: UInt32.self) }

  /// Chooses anew, and y = x where it is kept.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func draw<T: Scalar>(
    _: T.Type, _ generator: Philox, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer
  ) {
    let x = x.assumingMemoryBound(to: T.self)
    let y = y.assumingMemoryBound(to: T.self)
    let (words, factor) = (words, T.Vector(1 / (1 - p)))
    let threshold = UInt32(min(4_294_967_295, (p * 4_294_967_296).rounded()))
    parallelRanges((count + 31) / 32, length: Dropout.block) { low, high in
      // Some words at a time, used while they are in the first-level cache.
      var first = low
      while first < high {
        let last = min(high, first &+ 1024)
        var draw = cv_draw(
          bits: words + first, first: Int64(first), count: Int64(last &- first), stream: generator.stream,
          k0: generator.key.0, k1: generator.key.1, threshold: threshold)
        drawKernel(&draw)
        keepElements(T.self, x, words, factor, y, 32 &* first, min(count, 32 &* last), false)
        first = last
      }
    }
  }

  /// y (+)= x as it was chosen; its own adjoint.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func apply<T: Scalar>(
    _: T.Type, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ accumulate: Bool
  ) {
    let x = x.assumingMemoryBound(to: T.self)
    let y = y.assumingMemoryBound(to: T.self)
    let (words, factor) = (words, T.Vector(1 / (1 - p)))
    parallelRanges((count + 31) / 32, length: Dropout.block) { low, high in
      keepElements(T.self, x, words, factor, y, 32 &* low, min(count, 32 &* high), accumulate)
    }
  }
}

/// What is left out may be infinite or NaN.
@inline(__always)
private func keepElements<T: Scalar>(
  _: T.Type, _ x: UnsafePointer<T>, _ words: UnsafePointer<UInt32>, _ factor: T.Vector,
  _ y: UnsafeMutablePointer<T>, _ low: Int, _ high: Int, _ accumulate: Bool
) {
  let width = T.Vector.width
  var i = low
  while i &+ width <= high {
    let kept = (T.Vector.load(x + i) * factor).keeping(words[i / 32] &>> UInt32(i % 32))
    (accumulate ? T.Vector.load(UnsafePointer(y + i)) + kept : kept).store(y + i)
    i &+= width
  }
  if i < high {
    let rest = high &- i
    let kept = (T.Vector.load(x + i, count: rest) * factor).keeping(words[i / 32] &>> UInt32(i % 32))
    (accumulate ? T.Vector.load(UnsafePointer(y + i), count: rest) + kept : kept).store(y + i, count: rest)
  }
}

/// Those that this processor can run, the fastest last.
let drawKernels: [@Sendable (UnsafePointer<cv_draw>) -> Void] = {
  #if arch(x86_64)
    if cv_supports_v4() != 0 { return [{ MicroKernels.drawBits($0) }, { MicroKernelsV4.drawBits($0) }] }
  #endif
  return [{ MicroKernels.drawBits($0) }]
}()

private let drawKernel = drawKernels.last!
