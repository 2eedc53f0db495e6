import CVector
import MicroKernels

#if arch(x86_64)
  import MicroKernelsV4
#endif

/// Inverted dropout: each element is kept with probability 1 - p, and then times 1 / (1 - p). The choices are bits.
public struct Dropout: Sendable {
  public let count: Int
  private let p: Double
  private let bits: Storage

  public init(_ count: Int, _ p: Double) throws {
    (self.count, self.p) = (count, p)
    bits = try Storage(byteCount: (count + 31) / 32 * 4)
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

let drawKernel = drawKernels.last!
